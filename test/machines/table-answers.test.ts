/**
 * Answers to a session that is only watched: possible while a hook of its CLI waits, sent once, and believed as
 * far as reports show what became of them.
 */
import { describe, expect, it } from 'vitest';
import { refusalOf, type SessionEvent } from '../../machines/index.ts';
import type { Decision } from '../../machines/session-types.ts';
import {
  agentBegan,
  asked,
  elicited,
  over,
  prompted,
  report,
  requestOf,
  settled,
  stopped,
  toolBegan,
  toolEnded,
} from './events.ts';
import { closed, delta, opened, testRows } from './rows.ts';
import { at, sessionAfter } from './session-after.ts';

const busy = (n: number, more: object = {}) =>
  report(n, 'witness.busy', { witness: 'registry', ...more });
const idle = (n: number) => report(n, 'witness.idle', { witness: 'registry' });
const decided = (n: number, decision: Decision = 'approved', requestId = 'r1') =>
  report(n, 'approval.decided', {
    ...{ requestId, decision },
    order: { type: 'approval.answer', requestId, decision },
  });
const answered = (n: number, requestId = 'r1') =>
  report(n, 'question.answered', {
    requestId,
    order: { type: 'question.answer', requestId, answers: {}, text: 'Postgres' },
  });
const left = (n: number, requestId = 'r1') => report(n, 'waiter.left', { requestId });
const gone = (n: number) =>
  report(n, 'process.gone', { witness: 'process', reason: 'killed', process: 7 });
const restarted = (n: number) => report(n, 'server.restarted', {});
/** The tool use `t1` asks as `r1`, and its hook waits. */
const awaited = (n: number, type: 'exec' | 'question' = 'exec') =>
  ({ ...asked(n, 'r1', 't1', type), isAwaited: true }) as SessionEvent;
const refusedByRule = (n: number): SessionEvent => {
  const event = settled(n, 't1', 'refused') as Extract<SessionEvent, { type: 'tools.settled' }>;
  const tools = event.tools.map((tool) => ({
    ...tool,
    ...(tool.result && { result: { ...tool.result, isByRule: true as const } }),
  }));
  return { ...event, tools };
};

const readAs = (n: number, decision: Decision, by: string) =>
  report(n, 'decision.seen', { witness: 'transcript', toolUseId: 't1', decision, by });

const ASKED = [prompted(1), toolBegan(2, 't1'), awaited(3)];
const UNAWAITED = [prompted(1), toolBegan(2, 't1'), asked(3, 'r1', 't1')];

describe('whether a client may answer', () => {
  it.each<[string, SessionEvent[], SessionEvent, string | null]>([
    ['a request whose hook waits', ASKED, decided(9), null],
    [
      'a question whose hook waits',
      [...ASKED.slice(0, 2), awaited(3, 'question')],
      answered(9),
      null,
    ],
    ['not one whose hook does not wait', UNAWAITED, decided(9), 'watched_only'],
    ['not such a question', UNAWAITED, answered(9), 'watched_only'],
    ['not another one', ASKED, decided(9, 'approved', 'r2'), 'already_resolved'],
    ['not when a client has decided', [...ASKED, decided(4)], decided(9), 'already_resolved'],
    ['not when a client has answered', [...ASKED, answered(4)], answered(9), 'already_resolved'],
    ['not when its hook is gone', [...ASKED, left(4)], decided(9), 'watched_only'],
    ['as before when another hook is gone', [...ASKED, left(4, 'r2')], decided(9), null],
    ['not after a restart of the server', [...ASKED, restarted(4)], decided(9), 'watched_only'],
    ['not when the terminal has', [...ASKED, busy(4)], decided(9), 'already_resolved'],
    ['not when its session is over', [...ASKED, over(4)], decided(9), 'session_over'],
  ])('%s', (_, events, command, reason) => {
    const scene = sessionAfter(events);
    expect(refusalOf(scene.snapshot(), command)).toBe(reason);
    expect(scene.can(command)).toBe(reason === null);
  });

  it('only the request whose hook waits, of several that are open', () => {
    const other = asked(5, 'r2', 't2@a1');
    const scene = sessionAfter([...ASKED, agentBegan(4, 'a1'), toolBegan(4, 't2@a1'), other]);
    expect(refusalOf(scene.snapshot(), decided(9, 'approved', 'r2'))).toBe('watched_only');
    expect(refusalOf(scene.snapshot(), decided(9))).toBeNull();
  });

  it('what an agent asks while the call that began it waits for it, and not in the background', () => {
    const byAgent = { ...asked(6, 'r2', 't2@a1'), isAwaited: true } as SessionEvent;
    const launched = { launched: { id: 'a1', type: 'general-purpose' } };
    const begun = [prompted(1), toolBegan(2, 't1'), agentBegan(3, 'a1')];
    const asking = [toolBegan(5, 't2@a1'), byAgent];
    const isAnswerable = (events: SessionEvent[]) =>
      refusalOf(sessionAfter(events).snapshot(), decided(9, 'approved', 'r2')) === null;
    expect(isAnswerable([...begun, ...asking])).toBe(true);
    // Where it works in the background, the terminal shows no dialog before the hook is over.
    expect(isAnswerable([...begun, toolEnded(4, 't1', launched), ...asking])).toBe(false);
    expect(isAnswerable([...begun, ...asking, toolEnded(7, 't1', launched)])).toBe(false);
    const another = toolBegan(4, 't3');
    expect(isAnswerable([...begun, another, toolEnded(4, 't1', launched), ...asking])).toBe(false);
    expect(isAnswerable([...begun, another, ...asking, toolEnded(7, 't1', launched)])).toBe(false);
    // Nothing on the main thread waits for it, whatever was not reported.
    expect(isAnswerable([prompted(1), agentBegan(3, 'a1'), ...asking])).toBe(false);
    expect(isAnswerable([...begun, ...asking, toolEnded(7, 't1')])).toBe(false);
    // A decision that was sent stays sent.
    const sent = sessionAfter([
      ...[...begun, ...asking, decided(7, 'approved', 'r2')],
      toolEnded(8, 't1', launched),
    ]);
    expect(sent.context().approvals[0]?.request.decision_sent).toBe('approved');
  });

  it('a request that the registry told first, though the tool before has no end yet', () => {
    const waits = report(5, 'witness.waiting', {
      ...{ witness: 'registry', kind: 'permission', request: requestOf('notice') },
    });
    const next = { ...asked(6, 'r2', 't2'), isAwaited: true } as SessionEvent;
    const scene = sessionAfter([...ASKED, busy(4), waits, next]);
    expect(scene.context().approvals.map(({ request }) => request.id)).toEqual(['r2']);
    expect(refusalOf(scene.snapshot(), decided(9, 'approved', 'r2'))).toBeNull();
  });

  it('the end of a wait is news only where a hook waited', () => {
    expect(sessionAfter(ASKED).can(left(9))).toBe(true);
    expect(sessionAfter([...ASKED, decided(4)]).can(left(9))).toBe(true);
    expect(sessionAfter(ASKED).can(left(9, 'r2'))).toBe(false);
    expect(sessionAfter(UNAWAITED).can(left(9))).toBe(false);
    expect(sessionAfter(ASKED).can(restarted(9))).toBe(true);
    expect(sessionAfter(UNAWAITED).can(restarted(9))).toBe(false);
  });

  it('a session that is watched takes no other command for it', () => {
    const stop = report(9, 'interrupt.requested', {});
    expect(refusalOf(sessionAfter(ASKED).snapshot(), stop)).toBe('watched_only');
  });
});

describe('a decision on its way', () => {
  const order = { type: 'approval.answer', requestId: 'r1', decision: 'approved' } as const;

  testRows([
    [
      'is shown as sent, and the request stays open',
      ASKED,
      decided(4),
      'permission',
      [
        opened('r1', { request: { id: 'r1', decision_sent: 'approved' } }),
        { type: 'approval_sent', request_id: 'r1' },
        delta({ pending_approval: { id: 'r1', decision_sent: 'approved' } as never }),
      ],
      [order],
    ],
    [
      'is taken back when it did not reach the hook',
      [...ASKED, decided(4)],
      left(5),
      'permission',
      [opened('r1'), delta({ pending_approval: { id: 'r1' } as never })],
    ],
  ]);

  it('has arrived when the same thread asks for another tool, and not by what was before or is the same', () => {
    const open = (event: SessionEvent) => {
      const { approvals } = sessionAfter([
        ...ASKED,
        decided(4),
        agentBegan(5, 'a1'),
        event,
      ]).context();
      return approvals.map(({ request }) => request.id);
    };
    expect(open(asked(6, 'r2', 't2'))).toEqual(['r2']);
    expect(open(asked(3.5, 'r2', 't2'))).toEqual(['r1', 'r2']);
    expect(open(asked(6, 'r2', 't2@a1'))).toEqual(['r1', 'r2']);
    expect(open(asked(6, 'r1', 't1'))).toEqual(['r1']);
    expect(open(toolBegan(3.5, 't2'))).toEqual(['r1']);
    expect(open(toolBegan(6, 't2', { digest: 'input of t1' }))).toEqual([]);
  });

  it('leaves nothing of the hook in a request that only the terminal can answer', () => {
    for (const end of [left(5), restarted(5)]) {
      for (const from of [ASKED, [...ASKED, decided(4)]]) {
        const [approval] = sessionAfter([...from, end]).context().approvals;
        expect(approval).toEqual(sessionAfter(UNAWAITED).context().approvals[0]);
      }
    }
  });

  it('makes no report old: a word of the registry from before it still counts', () => {
    const scene = sessionAfter([...ASKED, decided(5)]);
    scene.send(busy(4));
    expect(scene.phase()).toBe('working');
    for (const aside of [answered(5), left(5), restarted(5)]) {
      const lost = sessionAfter([...ASKED, aside]);
      lost.send(busy(4));
      expect(lost.phase()).toBe('working');
    }
  });
});

describe('what became of a decision', () => {
  const ran = toolEnded(6, 't1');
  const refused = settled(6, 't1', 'refused');
  const unclear = settled(6, 't1', 'unknown');

  it.each<[string, Decision, SessionEvent[], Array<[string, string]>]>([
    ['the tool ran', 'approved', [ran], [['approved', 'client, tool.finished t1']]],
    [
      'the CLI works on, then the tool ran',
      'approved_always',
      [busy(5), ran],
      [['approved_always', 'client, registry: witness.busy']],
    ],
    [
      'it was denied, and the CLI works on',
      'denied',
      [busy(5)],
      [['denied', 'client, registry: witness.busy']],
    ],
    [
      'it was denied, and the batch says so in our words',
      'denied',
      [unclear],
      [['denied', 'client, tools.settled t1']],
    ],
    [
      'it was denied, and the turn is over',
      'denied',
      [stopped(5)],
      [['denied', 'client, turn.completed']],
    ],
    [
      'it was denied and the turn stopped',
      'abort',
      [idle(5)],
      [['abort', 'client, registry: witness.idle']],
    ],
    [
      'it was denied, and the agent went on to another tool',
      'denied',
      [toolBegan(6, 't2')],
      [['denied', 'client, later t2']],
    ],
    [
      'it was denied and the turn stopped, which the transcript words like an Esc of the person',
      'abort',
      [readAs(5, 'denied', 'user_reject')],
      [['abort', 'client, transcript: decision.seen by user_reject']],
    ],
    [
      'it was denied and the turn stopped, as a transcript says behind the registry',
      'abort',
      [idle(5), readAs(6, 'denied', 'user_reject')],
      [['abort', 'client, registry: witness.idle']],
    ],
    [
      'the person refused a moment before the turn was stopped, as telemetry says',
      'abort',
      [idle(5), { ...readAs(6, 'denied', 'user_reject'), witness: 'telemetry' } as SessionEvent],
      [
        ['abort', 'client, registry: witness.idle'],
        ['denied', 'telemetry: decision.seen by user_reject t1'],
      ],
    ],
    [
      'a rule refused what was allowed',
      'approved',
      [refusedByRule(6)],
      [['refused_by_rule', 'tools.settled t1']],
    ],
    [
      'the CLI works on, because a rule refused what was allowed',
      'approved',
      [busy(5), refusedByRule(6)],
      [
        ['approved', 'client, registry: witness.busy'],
        ['refused_by_rule', 'tools.settled t1'],
      ],
    ],
    [
      'the CLI works on, because a rule refused what was allowed, as its transcript says',
      'approved',
      [busy(5), readAs(6, 'refused_by_rule', 'config')],
      [
        ['approved', 'client, registry: witness.busy'],
        ['refused_by_rule', 'transcript: decision.seen by config t1'],
      ],
    ],
    [
      'the person refused before it was allowed, as the transcript says',
      'approved',
      [busy(5), readAs(6, 'denied', 'user_reject')],
      [
        ['approved', 'client, registry: witness.busy'],
        ['denied', 'transcript: decision.seen by user_reject t1'],
      ],
    ],
    [
      'the person allowed it a moment before, as the transcript says: nothing of it is the client’s',
      'approved',
      [busy(5), readAs(6, 'approved', 'person')],
      [
        ['approved', 'client, registry: witness.busy'],
        ['approved', 'transcript: decision.seen by person t1'],
      ],
    ],
    [
      'the person allowed it a moment before, as telemetry says first',
      'approved',
      [{ ...readAs(5, 'approved', 'person'), witness: 'telemetry' } as SessionEvent],
      [['approved', 'telemetry: decision.seen by person']],
    ],
    [
      'it was allowed, and telemetry tells of an answer that came too late',
      'approved',
      [busy(5), { ...readAs(6, 'denied', 'hook'), witness: 'telemetry' } as SessionEvent],
      [['approved', 'client, registry: witness.busy']],
    ],
    [
      'the person refused with words, a moment before it was allowed',
      'approved',
      [busy(5), refused],
      [
        ['approved', 'client, registry: witness.busy'],
        ['denied', 'tools.settled t1'],
      ],
    ],
    [
      'the person allowed it, a moment before it was denied',
      'denied',
      [busy(5), ran],
      [
        ['denied', 'client, registry: witness.busy'],
        ['approved', 'tool.finished t1'],
      ],
    ],
    [
      'the terminal was faster, as its stamp says',
      'denied',
      [busy(3.5), ran],
      [
        ['unknown', 'registry: witness.busy'],
        ['approved', 'tool.finished t1'],
      ],
    ],
    [
      'the terminal was faster, as a later look still says',
      'denied',
      [busy(5_000, { since: at(3.5) })],
      [['unknown', 'registry: witness.busy']],
    ],
    [
      'the terminal waits for words, so nobody allowed it',
      'approved',
      [idle(5)],
      [['unknown', 'registry: witness.idle']],
    ],
    [
      'the terminal waits for words, so its dialog was left by Esc',
      'denied',
      [idle(5)],
      [['unknown', 'registry: witness.idle']],
    ],
    ['the CLI ended', 'denied', [over(5)], [['cancelled', 'session.ended']]],
    ['the CLI was killed', 'denied', [gone(5)], [['cancelled', 'process: process.gone']]],
    ['nothing, for the tool had run before', 'denied', [ran], [['approved', 'tool.finished t1']]],
  ])('%s', (_, decision, reports, expected) => {
    const scene = sessionAfter([...ASKED, decided(4, decision)]);
    for (const one of reports) scene.send(one);
    const words = scene.facts.flatMap((fact) =>
      fact.type === 'approval_closed' ? [[fact.decision, fact.evidence]] : [],
    );
    expect(words).toEqual(expected);
    expect(scene.context().approvals).toEqual([]);
  });

  it('a question that was answered counts as answered when its tool is over', () => {
    const asks = [...ASKED.slice(0, 2), awaited(3, 'question'), answered(4)];
    const { facts } = sessionAfter(asks).send(ran);
    expect(facts).toContainEqual(
      expect.objectContaining(closed('r1', 'answered', 'client, tool.finished t1')),
    );
  });

  it('a rule that refuses what nobody here allowed is a refusal like others', () => {
    const { facts } = sessionAfter(UNAWAITED).send(refusedByRule(6));
    expect(facts).toContainEqual(expect.objectContaining(closed('r1', 'denied')));
  });

  it('a tool that ran corrects nothing that was allowed', () => {
    const scene = sessionAfter([...ASKED, decided(4), busy(5)]);
    const { facts } = scene.send(ran);
    expect(facts.filter(({ type }) => type === 'approval_closed')).toEqual([]);
  });

  it('what another source settled is not corrected by a batch', () => {
    const mcp = { name: 'mcp__elic__ask' };
    const scene = sessionAfter([
      ...[prompted(1), toolBegan(2, 't1', mcp), asked(3, 'r1', 't1', 'exec', mcp)],
      elicited(4, 'r2'),
    ]);
    const { facts } = scene.send(settled(7, 't1', 'refused'));
    expect(facts).not.toContainEqual(expect.objectContaining({ request_id: 'r1' }));
  });

  it('another tool that is refused says nothing of it', () => {
    const scene = sessionAfter([...ASKED, decided(4), busy(5), toolBegan(6, 't2')]);
    const { facts } = scene.send(settled(7, 't2', 'refused'));
    expect(facts.filter(({ type }) => type === 'approval_closed')).toEqual([]);
  });
});

describe('a request whose answer was sent', () => {
  const isOpen = (events: SessionEvent[]) => sessionAfter(events).context().approvals.length === 1;
  const SENT = [...ASKED, decided(4)];

  it('stays open while its own tool use is told again, and is over with the next one of its thread', () => {
    expect(isOpen([...SENT, toolBegan(5, 't1')])).toBe(true);
    expect(isOpen([...SENT, toolBegan(5, 't2')])).toBe(false);
    expect(isOpen([...SENT, toolBegan(5, 't2', { digest: 'input of t1' })])).toBe(false);
    expect(isOpen([...SENT, toolBegan(5, 't2@a1')])).toBe(true);
  });

  it('stays open when the tool use that it came before is told', () => {
    expect(isOpen([prompted(1), awaited(3), decided(4), toolBegan(5, 't1')])).toBe(true);
  });
});
