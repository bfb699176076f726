/** When a session was last active: lists are ordered by it, and old sessions leave by it. */
import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../machines/index.ts';
import {
  agentBegan,
  agentEnded,
  asked,
  began,
  elicited,
  messageOf,
  noticed,
  over,
  prompted,
  report,
  runOf,
  settled,
  stopped,
  toolBegan,
  toolEnded,
} from './events.ts';
import { at, ID, sessionAfter } from './session-after.ts';

const DIRECT = { integration_mode: 'direct' } as const;
const CAN = ['turn.run', 'turn.stop', 'approval.answer', 'settings.update'];
const LINKED = [
  report(1, 'link.requested', {}),
  report(1, 'link.attached', { capabilities: CAN, threadId: 't' }),
];
const WORKING = [prompted(1), toolBegan(2, 't1')];
const WAITING = [...WORKING, asked(3, 'r1', 't1')];
const update = { messageId: 'm1', changes: { content: 'more' } };
const output = {
  stdout: '',
  stderr: '',
  exit_code: 0,
  duration_ms: 1,
  outcome: 'finished',
} as const;
const decide = report(9, 'approval.decided', {
  requestId: 'r1',
  decision: 'approved',
  order: { type: 'approval.answer', requestId: 'r1', decision: 'approved' },
});
const wait = report(9, 'witness.waiting', {
  witness: 'registry',
  kind: 'permission',
  request: noticed(9, 'permission').request,
});

type Case = [what: string, from: SessionEvent[], event: SessionEvent, session?: object];

const SIGNS: Case[] = [
  ['a start', [prompted(1)], began(9)],
  ['a prompt', [], prompted(9)],
  ['a reply', WORKING, stopped(9)],
  ['a failure', WORKING, report(9, 'turn.failed', { error: 'x' })],
  ['an interruption', WORKING, report(9, 'turn.aborted', { reason: 'x' })],
  ['a tool use', [prompted(1)], toolBegan(9, 't1')],
  ['the end of a tool use', WORKING, toolEnded(9, 't1')],
  ['the end of a batch', WORKING, settled(9, 't1', 'refused')],
  ['an agent that begins', [prompted(1)], agentBegan(9, 'a1')],
  ['an agent that ends', [prompted(1), agentBegan(2, 'a1')], agentEnded(9, 'a1')],
  ['a request', WORKING, asked(9, 'r1', 't1')],
  ['a notification that asks', WORKING, noticed(9, 'permission')],
  ['a notification that nothing goes on', WORKING, noticed(9, 'idle')],
  [
    'an answer to a dialog',
    [...WORKING, elicited(3, 'q1')],
    report(9, 'approval.resolved', { requestId: null, server: 'elic', decision: 'answered' }),
  ],
  [
    'a decision that was seen',
    WAITING,
    report(9, 'decision.seen', {
      witness: 'telemetry',
      toolUseId: 't1',
      decision: 'approved',
      by: 'user',
    }),
  ],
  ['work that was seen', WAITING, report(9, 'witness.busy', { witness: 'registry' })],
  ['a dialog that was seen', WORKING, wait],
  ['silence that was seen', WORKING, report(9, 'witness.idle', { witness: 'registry' })],
  ['a compaction', [], report(9, 'compaction.started', {})],
  ['the end of a compaction', [], report(9, 'compaction.finished', {})],
  ['a message', [], report(9, 'message.added', { message: messageOf('m1', 'assistant') })],
  ['a message that changes', [], report(9, 'message.changed', { update })],
  ['a name', [], report(9, 'name.updated', { name: 'shop' })],
  ['a command', [], report(9, 'shell.started', { message: messageOf('sh', 'shell') })],
  ['the end of a command', [], report(9, 'shell.finished', { update, output })],
  ['an undo', LINKED, report(9, 'undo.started', { text: null }), DIRECT],
  ['its end', LINKED, report(9, 'undo.completed', { succeeded: true, text: null }), DIRECT],
  [
    'a message of a client',
    LINKED,
    report(9, 'message.submitted', { message: messageOf('m1', 'user'), order: runOf('m1') }),
    DIRECT,
  ],
  ['a decision of a client', [...LINKED, ...WAITING], decide, DIRECT],
  ['settings', LINKED, report(9, 'settings.chosen', { fields: { model: 'other' } }), DIRECT],
  ['the end of the session', WORKING, over(9)],
];

const NONE: Case[] = [
  ['a comment', WORKING, report(9, 'comment.deleted', { commentId: 'c1' })],
  [
    'a request that leaves the history',
    WORKING,
    report(9, 'approval.forgotten', { approvalId: 1 }),
  ],
  ['counted tokens', WORKING, report(9, 'usage.updated', { usage: {} as never })],
  ['a diff', WORKING, report(9, 'diff.updated', { diff: '+1' })],
  [
    'a look at processes',
    WORKING,
    report(9, 'process.seen', { witness: 'process', processes: [{ pid: 7, start: '1' }] }),
  ],
  ['a notification that tells nothing new', WAITING, noticed(9, 'permission')],
  ['a request to stop', [...LINKED, prompted(2)], report(9, 'interrupt.requested', {}), DIRECT],
  ['a connector that comes', [], report(9, 'link.requested', {}), DIRECT],
];

function activityAfter([, from, event, session = {}]: Case) {
  const scene = sessionAfter(from, session);
  const before = scene.context().session.last_activity_at;
  scene.send(event);
  return { before, after: scene.context().session.last_activity_at };
}

describe('the last activity of a session', () => {
  it.each(SIGNS)('moves with %s', (...row) => {
    expect(activityAfter(row).after).toBe(`${at(9).slice(0, 23)}Z`);
  });

  it.each(NONE)('does not move with %s', (...row) => {
    const { before, after } = activityAfter(row);
    expect(after).toBe(before);
  });

  it('never goes back, whatever comes late', () => {
    const scene = sessionAfter([prompted(1), stopped(9)]);
    scene.send(
      report(2, 'message.added', { message: { ...messageOf('m1', 'tool'), session_id: ID } }),
    );
    expect(scene.context().session.last_activity_at).toBe(`${at(9).slice(0, 23)}Z`);
  });
});
