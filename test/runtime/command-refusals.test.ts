/** Why a session does not take a command now, in words for the sender. */
import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../machines/session-events.ts';
import { OrbitError } from '../../src/errors.ts';
import { type EventToSend, refuse, refuseWatched } from '../../src/runtime/sessions/sessions.ts';
import { asked, over, prompted, report, toolBegan } from '../machines/events.ts';
import { ID } from '../machines/session-after.ts';
import { liveSession } from './live.ts';

const DIRECT = { integration_mode: 'direct', thread_id: 'thread-1', provider: 'codex' } as const;
const wanted = report(1, 'link.requested', {});
const attached = (capabilities: string[]) =>
  report(2, 'link.attached', { capabilities, threadId: 'thread-1' } as never);

/** The error that a command meets; null when it is taken. */
function met(events: readonly SessionEvent[], wish: object, session: object = {}) {
  try {
    refuse(liveSession(session, events), wish as EventToSend, 'do that');
    return null;
  } catch (error) {
    if (!(error instanceof OrbitError)) throw error;
    return { code: error.code, ...error.details, of: error.sessionId };
  }
}

const order = { type: 'approval.answer', requestId: 'r1', decision: 'approved' };
const decide = { type: 'approval.decided', requestId: 'r1', decision: 'approved', order };
const OPEN = [
  wanted,
  attached(['approval.answer']),
  prompted(3),
  toolBegan(4, 't1'),
  asked(5, 'r1', 't1'),
];

describe('an answer to a request', () => {
  it('is taken while it is open', () => {
    expect(met(OPEN, decide, DIRECT)).toBe(null);
  });

  it('that another client has answered is answered with what that said', () => {
    const denied = { ...decide, decision: 'denied', order: { ...order, decision: 'denied' } };
    const answered = report(6, 'approval.decided', denied as never);
    expect(met([...OPEN, answered], decide, DIRECT)).toEqual({
      ...{ code: 'already_resolved', id: 'r1', decision: 'denied', evidence: 'client', of: ID },
    });
  });

  it('that was settled elsewhere is answered with how', () => {
    const resolved = report(6, 'approval.resolved', { requestId: 'r1', decision: null } as never);
    expect(met([...OPEN, resolved], decide, DIRECT)).toMatchObject({
      ...{ code: 'already_resolved', id: 'r1', of: ID, evidence: expect.any(String) },
    });
  });

  it('that never was is not found', () => {
    expect(met(OPEN, { ...decide, requestId: 'other' }, DIRECT)).toEqual({
      ...{ code: 'not_found', what: 'Request', id: 'other', of: ID },
    });
  });
});

describe('a command', () => {
  const interrupt = { type: 'interrupt.requested' };
  const undo = { type: 'undo.requested' };

  it('to a session that is over says so', () => {
    const over6 = over(6);
    expect(met([wanted, attached([]), over6], undo, DIRECT)).toMatchObject({
      ...{ code: 'session_over', id: ID, what: 'do that', of: ID },
    });
  });

  it('to a session without a connector says in what state that is', () => {
    expect(met([], undo, DIRECT)).toEqual({
      ...{ code: 'no_connector', id: ID, reason: 'detached', of: ID },
    });
  });

  it('to stop says whether nothing runs, or the connector cannot stop it', () => {
    const link = [wanted, attached(['undo'])];
    expect(met(link, interrupt, DIRECT)).toMatchObject({ code: 'no_turn', what: 'do that' });
    expect(met([...link, prompted(3)], interrupt, DIRECT)).toMatchObject({ code: 'unsupported' });
    const able = [wanted, attached(['turn.stop'])];
    expect(met([...able, prompted(3)], interrupt, DIRECT)).toBe(null);
  });

  it('that the connector cannot do says so', () => {
    expect(met([wanted, attached([])], undo, DIRECT)).toEqual({
      ...{ code: 'unsupported', what: 'undo.requested', of: ID },
      reason: 'its connector cannot do that',
    });
  });

  it('to a session that is only watched says so', () => {
    expect(met([], interrupt)).toEqual({ code: 'watched_only', id: ID, what: 'do that', of: ID });
    expect(() => refuseWatched(liveSession(), 'do that')).toThrow(
      expect.objectContaining({ code: 'watched_only', sessionId: ID }),
    );
    expect(() => refuseWatched(liveSession(DIRECT), 'do that')).not.toThrow();
  });
});

it('words that are not waiting cannot be taken back', () => {
  expect(met([], { type: 'words.withdrawn', messageId: 'm' })).toEqual({
    ...{ code: 'not_found', what: 'Message that waits', id: 'm', of: ID },
  });
});
