/** What the journal keeps of an event, and after which events the machine's snapshot is stored. */
import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../machines/index.ts';
import { takeStep } from '../../machines/step.ts';
import { itemOf, MAX_TAIL } from '../../src/runtime/ledger/item.ts';
import {
  agentBegan,
  agentEnded,
  asked,
  messageOf,
  noticed,
  prompted,
  report,
  requestOf,
  runOf,
  settled,
  stopped,
  toolBegan,
  toolEnded,
} from '../machines/events.ts';
import { at, ID, sessionAfter } from '../machines/session-after.ts';

const ABOUT = { sessionId: ID, chain: 1, key: null, origin: 'hook', caller: null };

function stored(event: SessionEvent, { tail = 0, isNew = false } = {}) {
  const snapshot = sessionAfter([prompted(1)]).snapshot();
  const step = takeStep(snapshot, event);
  const initialFacts = isNew ? ([{ type: 'session_created' }] as never) : [];
  const head = { snapshot, tail, initialFacts, base: isNew ? '{"base":1}' : null };
  return itemOf(ABOUT, { head, step, event, pieces: [] });
}
const journalled = (event: SessionEvent) => JSON.parse(stored(event).item.event);

const SECRET = 'words that stand in another row';
const message = {
  ...messageOf('m1', 'tool', SECRET),
  tool_input: SECRET,
  tool_output: SECRET,
  images: [{ value: SECRET }] as never,
};
const emptied = { ...messageOf('m1', 'tool', ''), tool_input: null, tool_output: null };
const request = { ...requestOf('r1'), command: SECRET, diff: SECRET, question: SECRET };
const bare = { id: 'r1', session_id: ID, type: 'exec' };
const nothing = { command: null, file_path: null, diff: null, question: null };
const comment = { id: 'c1', file_path: 'a.ts', body: SECRET };
const output = { stdout: SECRET, stderr: SECRET, exit_code: 3 };

describe('the journal keeps what moves the chart, and names the rows that hold the words', () => {
  it.each<[of: string, event: SessionEvent, kept: object]>([
    ['a prompt', prompted(2, SECRET), { promptId: 'p2', prompt: '' }],
    ['a prompt without words', prompted(2, null), { promptId: 'p2', prompt: null }],
    ['a message', report(2, 'message.added', { message }), { message: emptied }],
    ['a tool use', { ...toolBegan(2, 't1'), message }, { message: emptied }],
    [
      'a change',
      report(2, 'message.changed', { update: { messageId: 'm1', changes: { content: SECRET } } }),
      { update: { messageId: 'm1', changes: {} } },
    ],
    ['a request', { ...asked(2, 'r1', 't1'), request }, { request: { ...bare, ...nothing } }],
    [
      'a notification',
      { ...noticed(2, 'permission'), request },
      { request: { ...bare, ...nothing } },
    ],
    ['a diff', report(2, 'diff.updated', { diff: SECRET }), { diff: '' }],
    ['no diff', report(2, 'diff.updated', { diff: null }), { diff: null }],
    ['a plan', report(2, 'plan.updated', { plan: SECRET }), { plan: '' }],
    ['no plan', report(2, 'plan.updated', { plan: null }), { plan: null }],
    [
      'a comment',
      report(2, 'comment.created', { comment: comment as never }),
      { comment: { ...comment, body: '' } },
    ],
    [
      'the end of a command',
      report(2, 'shell.finished', {
        update: { messageId: 'm1', changes: {} },
        output: output as never,
      }),
      { output: { stdout: '', stderr: '', exit_code: 3 } },
    ],
    [
      'words that a client is told of',
      report(2, 'words.seen', { witness: 'transcript', text: SECRET }),
      { text: '' },
    ],
    [
      'a piece of a transcript',
      report(2, 'transcript.read', {
        ...{ witness: 'transcript', behind: null, title: SECRET, messages: [message] },
      }),
      { title: '', messages: [emptied] },
    ],
    [
      'a command of a client',
      report(2, 'message.submitted', { message, order: { ...runOf('m1'), content: SECRET } }),
      { order: { type: 'turn.run' }, message: emptied },
    ],
  ])('of %s', (_, event, kept) => {
    const row = journalled(event);
    expect(row).toMatchObject({ type: event.type, at: event.at });
    for (const [name, value] of Object.entries(kept)) expect(row[name]).toEqual(value);
    expect(JSON.stringify(row)).not.toContain(SECRET);
  });

  it('and leaves out what an event does not say', () => {
    expect(journalled(report(2, 'link.requested', {}))).toEqual({
      type: 'link.requested',
      at: report(2, 'link.requested', {}).at,
    });
    const piece = { witness: 'transcript' as const, behind: null, messages: [] };
    expect(journalled(report(2, 'transcript.read', piece))).not.toHaveProperty('title');
  });
});

describe('the snapshot is stored', () => {
  const tool = toolBegan(2, 't1');
  const words = { update: { messageId: 'm1', changes: { content: 'whole' } } };
  const other = { update: { messageId: 'm1', changes: { is_error: true } } };

  it.each<[after: string, event: SessionEvent, options: object, isStored: boolean]>([
    ['not after a tool use: it folds from the journal', tool, {}, false],
    ['not after its end', toolEnded(2, 't1'), {}, false],
    ['after so many of them', tool, { tail: MAX_TAIL }, true],
    ['not one before', tool, { tail: MAX_TAIL - 1 }, false],
    [
      'with the first event of a session',
      tool,
      { isNew: true, tail: Number.POSITIVE_INFINITY },
      true,
    ],
    ['after a prompt', prompted(2), {}, true],
    ['after a reply', stopped(2), {}, true],
    [
      'after words whose head the machine keeps',
      { ...tool, message: messageOf('u', 'user') },
      {},
      true,
    ],
    ['after a text that is whole now', report(2, 'message.changed', words), {}, true],
    ['not after another change', report(2, 'message.changed', other), {}, false],
    [
      'not after an event that the chart refuses',
      report(2, 'link.attached', { capabilities: [], threadId: 't' }),
      {},
      false,
    ],
  ])('%s', (_, event, options, isStored) => {
    const { item, tail } = stored(event, options);
    expect(item.snapshot !== null).toBe(isStored);
    const before = (options as { tail?: number }).tail ?? 0;
    expect(tail).toBe(isStored ? 0 : before + (item.accepted ? 1 : 0));
  });

  const usage = { input_tokens: 1, output_tokens: 1, cached_tokens: 0, context_window: 9 };
  it.each<SessionEvent>([
    settled(2, 't0', 'refused'),
    agentBegan(2, 'a1'),
    agentEnded(2, 'a1'),
    report(2, 'usage.updated', { usage }),
    report(2, 'hook.observed', { hook: 'Setup' }),
    report(2, 'witness.busy', { witness: 'registry', since: at(2) }),
    report(2, 'witness.idle', { witness: 'registry', since: at(2) }),
    report(2, 'process.seen', { witness: 'process', processes: [{ pid: 7, start: null }] }),
    report(2, 'process.suspended', { witness: 'process', suspended: true }),
  ])('not after $type: it folds from the journal', (event) => {
    const { item } = stored(event);
    expect(item.accepted).toBe(true);
    expect(item.snapshot).toBe(null);
  });

  it('with the base of a session that did not exist, and with no other', () => {
    expect(stored(tool, { isNew: true }).item.base).toBe('{"base":1}');
    expect(stored(tool).item.base).toBe(null);
  });
});
