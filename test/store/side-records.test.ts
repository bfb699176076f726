/** Lists beside the conversation: what of them fits a frame, and what is never shown. */
import { expect, test } from 'vitest';
import { MAX_FRAME_BYTES } from '../../src/protocol/encode.ts';
import type { ReviewComment } from '../../src/protocol/nouns.ts';
import { createAnswer } from '../../src/store/queries/run-read.ts';
import { AT, created, event, openStore } from './support.ts';

function remark(n: number, body: string): ReviewComment {
  return {
    id: `rc-${n}`,
    session_id: 's',
    file_path: 'a.ts',
    line_start: n,
    body,
    status: 'open',
    created_at: `2026-03-01T12:00:00.${String(n).padStart(3, '0')}Z`,
  };
}

test('a long history of requests shows the newest that fit a frame', () => {
  const store = openStore();
  store.one(created('s'));
  const read = createAnswer({ database: store.database, epoch: store.epoch.id });
  for (let n = 0; n < 400; n++) {
    const command = `${n} ${'\u{1F4A5}'.repeat(4_000)}`;
    const none = { file_path: null, diff: null, question: null };
    const request = { id: `r${n}`, session_id: 's', type: 'exec', command, ...none } as const;
    const open = { type: 'approval_opened', session_id: 's', request, tool_name: 'Bash', at: AT };
    store.one(event('s', [open as never]));
  }
  const shown = read({ kind: 'approvals', sessionId: 's', limit: 1_000 }) as unknown[];
  expect(shown[0]).toMatchObject({ request_id: 'r399' });
  expect(shown.length).toBeGreaterThan(50);
  expect(Buffer.byteLength(JSON.stringify(shown))).toBeLessThan(MAX_FRAME_BYTES);
});

test('more comments than fit a frame are cut at the oldest, and the list says so', () => {
  const store = openStore();
  store.one(created('s'));
  const read = createAnswer({ database: store.database, epoch: store.epoch.id });
  for (let n = 0; n < 40; n++) {
    const comment = remark(n, '\u{1F4A5}'.repeat(16_000));
    store.one(event('s', [{ type: 'review_comment_created', session_id: 's', comment }]));
  }
  const shown = read({ kind: 'comments', sessionId: 's', turnId: null }) as {
    items: ReviewComment[];
    truncated: boolean;
  };
  expect(shown.truncated).toBe(true);
  expect(shown.items.at(-1)?.id).toBe('rc-39');
  expect(Buffer.byteLength(JSON.stringify(shown.items))).toBeLessThan(MAX_FRAME_BYTES);
  const { review_comments, messages } = store.snapshot('s');
  expect(review_comments?.at(-1)).toMatchObject({ id: 'rc-39' });
  expect(messages).toEqual([]);
});

test('a request that still waits cannot leave the history, whoever says so', () => {
  const store = openStore();
  store.one(created('s'));
  const none = { command: 'ls', file_path: null, diff: null, question: null };
  const request = { id: 'r', session_id: 's', type: 'exec', ...none } as const;
  store.one(
    event('s', [{ type: 'approval_opened', session_id: 's', request, tool_name: 'Bash', at: AT }]),
  );
  store.one(event('s', [{ type: 'approval_forgotten', session_id: 's', approval_id: 1 }]));
  expect(store.snapshot('s').pending_approval).toMatchObject({ id: 'r' });
});

test('a foreign row of the history is shown as far as it says something', () => {
  const store = openStore();
  store.one(created('s'));
  const read = createAnswer({ database: store.database, epoch: store.epoch.id });
  const add = store.database.prepare(
    `INSERT INTO approval_history (session_id, request_id, approval_type, created_at, command,
       proposed_amendment, decided_by) VALUES ('s', ?, ?, ?, ?, ?, ?)`,
  );
  add.run('r1', 'patch', AT, null, '["git", 7]', '{"name":"laptop"}');
  add.run('r2', 'question', AT, 'x'.repeat(4001), '{"no":"list"}', null);
  add.run('r3', 'magic', AT, 'y'.repeat(4000), '["torn', null);
  add.run('r4', 'exec', AT, 'ls', null, null);
  const shown = read({ kind: 'approvals', sessionId: 's', limit: 10 }) as Record<string, unknown>[];
  const of = (name: string) => shown.map((item) => item[name]).reverse();
  expect(of('approval_type')).toEqual(['patch', 'question', 'exec', 'exec']);
  expect(of('command')).toEqual([
    ...[null, `${'x'.repeat(4000)}\n\n[truncated]`, 'y'.repeat(4000), 'ls'],
  ]);
  expect(of('proposed_amendment')).toEqual([['git', '7'], null, null, null]);
  expect(of('decided_by')).toEqual([{ name: 'laptop' }, ...Array(3).fill(undefined)]);
  expect(shown[0]).not.toHaveProperty('decided_by');
});

test('comments are of a session or of one of its turns, the oldest first, and none of an unknown one', () => {
  const store = openStore();
  store.commit(created('s'), created('other'));
  const read = createAnswer({ database: store.database, epoch: store.epoch.id });
  const comments = [
    remark(2, 'b'),
    { ...remark(1, 'a'), turn_id: 't1', line_end: 4, tag: 'risk' as const, updated_at: AT },
    { ...remark(3, 'c'), status: 'resolved' as const },
  ];
  for (const comment of comments)
    store.one(event('s', [{ type: 'review_comment_created', session_id: 's', comment }]));
  store.database.prepare("UPDATE review_comments SET tag = 'praise' WHERE id = 'rc-2'").run();
  store.database.prepare("UPDATE review_comments SET status = 'odd' WHERE id = 'rc-2'").run();
  const shown = (sessionId: string, turnId: string | null) =>
    read({ kind: 'comments', sessionId, turnId });
  const [b, a, c] = comments;
  expect(shown('s', null)).toEqual({ items: [a, b, c], truncated: false });
  expect(shown('s', 't1')).toEqual({ items: [a], truncated: false });
  expect(shown('other', null)).toEqual({ items: [], truncated: false });
  expect(shown('unknown', null)).toBeNull();
  expect(read({ kind: 'comment', id: 'rc-1' })).toEqual(a);
  expect(read({ kind: 'comment', id: 'rc-9' })).toBeNull();
});
