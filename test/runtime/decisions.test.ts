/** What clients decide about requests, and how it goes on. */
import { describe, expect, it } from 'vitest';
import { OrbitError } from '../../src/errors.ts';
import { createApprovalsHandlers } from '../../src/runtime/handlers/approvals.ts';
import type { LiveSession } from '../../src/runtime/sessions/live-session.ts';
import type { EventToSend } from '../../src/runtime/sessions/sessions.ts';
import { asked, prompted, report, toolBegan } from '../machines/events.ts';
import { ID } from '../machines/session-after.ts';
import { liveSession } from './live.ts';

const DIRECT = { integration_mode: 'direct', thread_id: 'thread-1', provider: 'codex' } as const;
const LINK = [
  report(1, 'link.requested', {}),
  report(2, 'link.attached', {
    ...{ capabilities: ['approval.answer', 'turn.steer'], threadId: 'thread-1' },
  }),
];
const OPEN = [prompted(3), toolBegan(4, 't1'), asked(5, 'r1', 't1')];
const AWAITED = [...OPEN.slice(0, 2), { ...asked(5, 'r1', 't1'), isAwaited: true }];

/** The handlers over one session, with what it is sent. */
function deciding(live: LiveSession, refusals: { hook?: string; link?: object } = {}) {
  const sent: EventToSend[] = [];
  const corrected: unknown[] = [];
  const sessions = {
    as: () => sessions,
    visit: async (_: string, visitor: (live: LiveSession) => unknown) => visitor(live),
    command: async (_: LiveSession, wish: EventToSend) => void sent.push(wish),
  };
  const made = createApprovalsHandlers({
    sessions: sessions as never,
    connectors: { refusalOf: () => (refusals.link ?? null) as never },
    waitingHooks: { refusalOf: () => refusals.hook ?? null },
    subscriptions: { correct: (_, id) => void corrected.push(id) },
  });
  const asker = { connection: {}, sender: { origin: 'ws' } } as never;
  const decide = async (decision: string, more: object = {}) =>
    made.approve_tool(
      { type: 'approve_tool', session_id: ID, request_id: 'r1', decision, ...more } as never,
      asker,
    );
  return { decide, sent, corrected };
}

const inTerminal = () => deciding(liveSession({}, AWAITED as never));

describe('a decision about a request of a terminal', () => {
  it('goes with all that its hook can bring', async () => {
    const { decide, sent } = inTerminal();
    const more = { message: ' not there ', updated_input: { a: 1 }, suggestions: [0] };
    await decide('denied', more);
    expect(sent).toEqual([
      {
        ...{ type: 'approval.decided', requestId: 'r1', decision: 'denied' },
        order: {
          ...{ type: 'approval.answer', requestId: 'r1', decision: 'denied' },
          ...{ message: 'not there', updatedInput: { a: 1 }, suggestions: [0] },
        },
      },
    ]);
  });

  it('says nothing that was not given', async () => {
    const { decide, sent } = inTerminal();
    await decide(' Approved ', { message: ' ', updated_input: null, suggestions: null });
    expect(sent).toMatchObject([{ decision: 'approved' }]);
    expect((sent[0] as { order?: object } | undefined)?.order).toEqual({
      ...{ type: 'approval.answer', requestId: 'r1', decision: 'approved' },
    });
  });

  it('that denies and interrupts is an abort', async () => {
    const { decide, sent } = inTerminal();
    await decide('denied', { interrupt: true });
    await decide('approved', { interrupt: true });
    expect(sent).toMatchObject([{ decision: 'abort' }, { decision: 'approved' }]);
  });

  it('is one of five words: any other is refused, and the client gets its request again', async () => {
    const { decide, sent, corrected } = inTerminal();
    await expect(decide('maybe')).rejects.toMatchObject({
      code: 'invalid_decision',
      message: expect.stringMatching(
        /"maybe" is none of approved, approved_for_session, approved_always, denied, abort/,
      ),
    });
    expect([sent, corrected]).toEqual([[], [ID]]);
  });

  it('is refused for what its hook says', async () => {
    const live = liveSession({}, AWAITED as never);
    const { decide, sent } = deciding(live, { hook: 'it waits no more' });
    await expect(decide('approved')).rejects.toMatchObject({
      ...{ code: 'invalid_decision', details: { id: 'r1', reason: 'it waits no more' } },
    });
    expect(sent).toEqual([]);
  });
});

describe('a decision about a request of Codex', () => {
  const steeredBy = (link?: object) =>
    deciding(liveSession(DIRECT, [...LINK, ...OPEN]), link === undefined ? {} : { link });

  it('goes behind the words that say why it was denied', async () => {
    const { decide, sent } = steeredBy();
    await decide('denied', { message: ' use rm -i ' });
    expect(sent).toMatchObject([
      { type: 'steer.submitted', order: { content: 'use rm -i' } },
      { type: 'approval.decided', decision: 'denied' },
    ]);
    expect((sent[1] as { order?: object } | undefined)?.order).not.toHaveProperty('message');
  });

  it('has no words where it is approved', async () => {
    const { decide, sent } = steeredBy();
    await decide('approved', { message: 'fine' });
    expect(sent.map(({ type }) => type)).toEqual(['approval.decided']);
  });

  it('can change nothing of the tool and choose no rules', async () => {
    const { decide } = steeredBy();
    const reasonOf = async (more: object) => {
      const error = await decide('approved', more).catch((thrown: unknown) => thrown);
      return error instanceof OrbitError ? [error.code, error.details.what] : error;
    };
    expect(await reasonOf({ updated_input: {} })).toEqual([
      ...['unsupported', 'Changing what a tool does'],
    ]);
    expect(await reasonOf({ suggestions: [1] })).toEqual(['unsupported', 'Choosing rules']);
  });

  it('is refused for what its connector says, unless what settled it is on its way to the disk', async () => {
    const link = { reason: 'it is settled', isSettled: true };
    await expect(steeredBy(link).decide('approved')).rejects.toMatchObject({
      ...{ code: 'invalid_decision', details: { id: 'r1', reason: 'it is settled' } },
    });
    const live = liveSession(DIRECT, [...LINK, ...OPEN]);
    live.inFlight = 1;
    const overtaken = deciding(live, { link });
    await overtaken.decide('approved');
    expect(overtaken.sent).toHaveLength(1);
    const other = deciding(live, { link: { reason: 'no such decision', isSettled: false } });
    await expect(other.decide('approved')).rejects.toMatchObject({ code: 'invalid_decision' });
  });
});
