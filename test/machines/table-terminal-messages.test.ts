/**
 * Words of clients for a session that is only watched: they wait for the end of a turn whose hook asks for them, and
 * reach the agent once.
 */
import { describe, expect, it } from 'vitest';
import { refusalOf, type SessionEvent } from '../../machines/index.ts';
import { messageOf, noticed, over, prompted, report, stopped, toolBegan } from './events.ts';
import { changed, delta, said, testRows } from './rows.ts';
import { at, sessionAfter } from './session-after.ts';

const written = (n: number, id = 'w1', content = `words ${id}`) =>
  report(n, 'words.submitted', { message: messageOf(id, 'steer', content) });
/** The end of a turn whose hook asks for words under the key `k<n>`. */
const asking = (n: number, more: object = {}) =>
  ({ ...stopped(n), words: 'asked', hookKey: `k${n}`, ...more }) as SessionEvent;
const wentOn = (n: number, more: object = {}) => asking(n, { isContinued: true, ...more });
const lost = (n: number, hookKey: string) => report(n, 'words.lost', { hookKey });
const seen = (n: number, text: string) => report(n, 'words.seen', { witness: 'transcript', text });
const idle = (n: number) => report(n, 'witness.idle', { witness: 'registry' });
const restarted = (n: number) => report(n, 'server.restarted', {});
const withdrawn = (n: number, messageId = 'w1') => report(n, 'words.withdrawn', { messageId });
const expired = (n: number, before: number) => report(n, 'words.expired', { before: at(before) });

const where = (id: string, tool_output: string) => changed(id, { tool_output });
const ENDED = delta({ work_status: 'waiting' });
/** Its process is known, as hook.sh reports it. */
const IN_TERMINAL = { agent_pid: 4711 };
const WRITTEN = [prompted(1), written(2)];
const GIVEN = [...WRITTEN, asking(3)];

describe('words of a client', () => {
  testRows(
    [
      [
        'wait while a turn runs',
        [prompted(1)],
        written(2),
        'working',
        [said({ id: 'w1', tool_output: 'queued' }), delta()],
      ],
      [
        'wait while nothing runs, and nothing begins',
        [],
        written(2),
        'idle',
        [said({ id: 'w1', tool_output: 'queued' }), delta()],
      ],
      [
        'are given to the hook of the end that asks, and the turn goes on',
        WRITTEN,
        asking(3),
        'working',
        [said({ id: 'reply-3' }), where('w1', 'sent'), delta()],
        [{ type: 'words.give', hookKey: 'k3', text: 'words w1' }],
      ],
      [
        'are given together',
        [...WRITTEN, written(2.5, 'w2')],
        asking(3),
        'working',
        [said({ id: 'reply-3' }), where('w1', 'sent'), where('w2', 'sent'), delta()],
        [{ type: 'words.give', hookKey: 'k3', text: 'words w1\n\nwords w2' }],
      ],
      [
        'as many as fit, the others at the next end',
        [prompted(1), written(2, 'w1', 'x'.repeat(9000)), written(2.5, 'w2', 'y'.repeat(600))],
        asking(3),
        'working',
        [said({ id: 'reply-3' }), where('w1', 'sent'), delta()],
        [{ type: 'words.give', text: 'x'.repeat(9000) }],
      ],
      [
        'are given at the end of work that nobody told of',
        [written(2)],
        asking(3),
        'working',
        [said({ id: 'reply-3' }), where('w1', 'sent'), delta({ work_status: 'working' })],
        [{ type: 'words.give', hookKey: 'k3' }],
      ],
      [
        'wait on where the hook did not know of them',
        WRITTEN,
        { ...stopped(3), words: 'able' } as SessionEvent,
        'idle',
        [said({ id: 'reply-3' }), ENDED],
      ],
      [
        'expire where hooks never ask',
        WRITTEN,
        { ...stopped(3), words: 'none' } as SessionEvent,
        'idle',
        [said({ id: 'reply-3' }), changed('w1', { is_error: true }), ENDED],
      ],
      [
        'arrived when the agent went on',
        GIVEN,
        wentOn(4),
        'idle',
        [said({ id: 'reply-4' }), where('w1', 'delivered'), ENDED],
      ],
      [
        'arrived when the transcript shows them',
        GIVEN,
        seen(4, '\nwords w1'),
        'working',
        [where('w1', 'delivered')],
      ],
      [
        'have not arrived when the transcript shows others',
        GIVEN,
        seen(4, 'words of somebody else'),
        'working',
        [],
      ],
      [
        'that wait have not arrived when the transcript shows the same: no hook was given them',
        WRITTEN,
        seen(3, 'words w1'),
        'working',
        [],
      ],
      [
        'wait again when they did not reach the hook, and the turn has ended that they alone had opened',
        [written(2), asking(3)],
        lost(4, 'k3'),
        'idle',
        [where('w1', 'queued'), ENDED],
      ],
      [
        'wait again when they did not reach the hook, and the turn has ended',
        GIVEN,
        lost(4, 'k3'),
        'idle',
        [where('w1', 'queued'), ENDED],
      ],
      [
        'wait again, and the turn goes on, when it showed itself since',
        [...GIVEN, toolBegan(4, 't1')],
        lost(5, 'k3'),
        'working',
        [where('w1', 'queued')],
      ],
      ['that were given to another hook are not lost', GIVEN, lost(4, 'k9'), 'working', []],
      [
        'are in doubt when the server that gave them is gone, and the turn has ended',
        GIVEN,
        restarted(4),
        'idle',
        [where('w1', 'queued'), ENDED],
      ],
      [
        'are in doubt, and the turn goes on, when it showed itself since',
        [...GIVEN, toolBegan(4, 't1')],
        restarted(5),
        'working',
        [where('w1', 'queued')],
      ],
      [
        'in doubt arrived when the agent is found to have gone on',
        [...GIVEN, restarted(4)],
        wentOn(5),
        'idle',
        [said({ id: 'reply-5' }), where('w1', 'delivered'), delta()],
      ],
      [
        'in doubt are given again at the end of another turn',
        [...GIVEN, restarted(4), prompted(5)],
        asking(6),
        'working',
        [said({ id: 'reply-6' }), where('w1', 'sent'), delta()],
        [{ type: 'words.give', hookKey: 'k6', text: 'words w1' }],
      ],
      [
        'that arrived are not given again after Esc',
        [...GIVEN, seen(4, 'words w1'), idle(5), prompted(6)],
        asking(7),
        'idle',
        [said({ id: 'reply-7' }), ENDED],
      ],
      [
        'that are taken back are not given',
        [...WRITTEN, withdrawn(2.5)],
        asking(3),
        'idle',
        [said({ id: 'reply-3' }), ENDED],
      ],
      [
        'expire when they have waited since before a moment',
        [...WRITTEN, written(4, 'w2')],
        expired(5, 3),
        'working',
        [changed('w1', { tool_output: 'expired: no turn ended in time' })],
      ],
      ['do not expire on their way', GIVEN, expired(5, 4), 'working', []],
    ],
    IN_TERMINAL,
  );

  it('are dropped when the session ends, and nobody claims to know of those on their way', () => {
    const left = (events: SessionEvent[]) =>
      sessionAfter(events, IN_TERMINAL)
        .send(over(9))
        .facts.filter(({ type }) => type === 'message_updated');
    expect(left(WRITTEN)).toMatchObject([where('w1', 'withdrawn: the session ended')]);
    expect(left(GIVEN)).toMatchObject([
      where('w1', 'unknown: the session ended before it showed them'),
    ]);
  });

  it.each<[string, SessionEvent[], SessionEvent, string | null]>([
    ['taken for a session in a terminal', [], written(9), null],
    ['not when it has ended', [over(1)], written(9), 'session_over'],
    [
      'not when its hooks never ask',
      [{ ...stopped(1), words: 'none' } as SessionEvent],
      written(9),
      'watched_only',
    ],
    [
      'not when too many wait',
      Array.from({ length: 16 }, (_, n) => written(n + 1, `w${n}`)),
      written(99),
      'queue_full',
    ],
    ['taken back while they wait', WRITTEN, withdrawn(9), null],
    ['not taken back when they are on their way', GIVEN, withdrawn(9), 'already_resolved'],
    ['not others than those that wait', WRITTEN, withdrawn(9, 'w2'), 'already_resolved'],
  ])('are %s', (_, events, command, reason) => {
    expect(refusalOf(sessionAfter(events, IN_TERMINAL).snapshot(), command)).toBe(reason);
  });

  it('are not taken while no process is known and no hook has asked: nothing promises that they arrive', () => {
    expect(refusalOf(sessionAfter([prompted(1)]).snapshot(), written(9))).toBe('watched_only');
    const asked = sessionAfter([prompted(1), asking(2)]);
    expect(refusalOf(asked.snapshot(), written(9))).toBe(null);
  });
});

describe('a turn that goes on with words that were given at its end', () => {
  const work = () => sessionAfter(GIVEN, IN_TERMINAL);

  it.each<[string, SessionEvent]>([
    [
      'an interruption in the transcript',
      report(2.5, 'interruption.seen', { witness: 'transcript' }),
    ],
    ['the notice that the terminal waits', noticed(2.5, 'idle')],
    ['another end', stopped(2.5)],
    ['an abort', report(2.5, 'turn.aborted', { reason: 'interrupted' })],
  ])('is not ended by %s from before that end', (_name, event) => {
    const scene = work();
    scene.send(event);
    expect(scene.phase()).toBe('working');
  });

  it('is ended by an interruption behind it', () => {
    const scene = work();
    scene.send(report(4, 'interruption.seen', { witness: 'transcript' }));
    expect(scene.phase()).toBe('idle');
  });
});
