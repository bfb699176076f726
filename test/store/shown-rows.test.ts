/** Rows as the wire shows them, one by one: words outside its closed sets, figures that nobody reported, foreign texts. */
import { describe, expect, test } from 'vitest';
import {
  durationMs,
  hasUsage,
  imagesFrom,
  type MessageRow,
  messageFromRow,
  partOf,
  subagentFromRow,
  turnDiffFromRow,
} from '../../src/store/queries/conversation.ts';
import type { CommentRow } from '../../src/store/queries/reviews.ts';
import { present, type SummaryRow, summaryFromRow } from '../../src/store/queries/session-rows.ts';
import { commentFrames, messageFrame, turnDiffFrame } from '../../src/store/queries/snapshot.ts';
import { AT_MS, created, openStore } from './support.ts';

/** A row of `sessions` in which nothing optional stands. */
function sessionRow(more: Partial<SummaryRow> = {}): SummaryRow {
  return {
    ...{ id: 's', provider: 'codex', project_path: '/shop', project_name: 'shop', model: null },
    ...{ transcript_path: null, custom_name: null, summary: null, first_prompt: null },
    ...{ last_message: null, status: 'active', work_status: 'working' },
    ...{ input_tokens: null, output_tokens: null, cached_tokens: null, context_window: null },
    ...{ codex_integration_mode: null, claude_integration_mode: null, approval_policy: null },
    ...{ sandbox_mode: null, permission_mode: null, started_at: AT_MS, last_activity_at: AT_MS },
    ...{ git_branch: null, git_sha: null, current_cwd: null, effort: null },
    ...{ forked_from_session_id: null, link_state: null, link_reason: null, engine: null },
    ...{ resume_command: null, has_open: 0 },
    ...more,
  };
}
const shown = (more: Partial<SummaryRow>) => summaryFromRow(sessionRow(more));

describe('a session', () => {
  test('shows what its row knows, and no more', () => {
    const none = { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 };
    expect(shown({})).toEqual({
      ...{ id: 's', provider: 'codex', project_path: '/shop', project_name: 'shop', model: null },
      ...{ status: 'active', work_status: 'working', token_usage: none },
      ...{ has_pending_approval: false, started_at: AT_MS, last_activity_at: AT_MS },
    });
  });

  test.each([
    'transcript_path',
    'custom_name',
    'summary',
    'first_prompt',
    'last_message',
    'approval_policy',
    'sandbox_mode',
    'permission_mode',
    'git_branch',
    'git_sha',
    'current_cwd',
    'effort',
    'forked_from_session_id',
    'resume_command',
  ] as const)('shows its %s where there is one', (key) => {
    expect(shown({ [key]: 'some' })[key]).toBe('some');
  });

  test('is shown with the nearest of the words that clients know', () => {
    expect(shown({ provider: 'odd' }).provider).toBe('claude');
    expect(shown({ status: 'paused' }).status).toBe('ended');
    expect(shown({ work_status: 'odd' }).work_status).toBe('waiting');
    expect(shown({ work_status: 'odd', status: 'ended' }).work_status).toBe('ended');
    for (const word of ['working', 'waiting', 'permission', 'question', 'reply', 'ended'])
      expect(shown({ work_status: word }).work_status).toBe(word);
    for (const mode of ['direct', 'passive'])
      expect(shown({ codex_integration_mode: mode, claude_integration_mode: mode })).toMatchObject({
        codex_integration_mode: mode,
        claude_integration_mode: mode,
      });
    const odd = shown({ codex_integration_mode: 'odd', claude_integration_mode: 'odd' });
    expect(odd).not.toHaveProperty('codex_integration_mode');
    expect(odd).not.toHaveProperty('claude_integration_mode');
    for (const engine of ['private', 'shared']) expect(shown({ engine }).engine).toBe(engine);
    expect(shown({ engine: 'odd' })).not.toHaveProperty('engine');
  });

  test('shows its link, and why, where that is a word that clients know', () => {
    for (const link_state of ['detached', 'attaching', 'attached', 'failed'])
      expect(shown({ link_state, link_reason: 'why' })).toMatchObject({
        ...{ link_state, link_reason: 'why' },
      });
    expect(shown({ link_state: 'failed' })).not.toHaveProperty('link_reason');
    const odd = shown({ link_state: 'odd', link_reason: 'why' });
    expect(odd).not.toHaveProperty('link_state');
    expect(odd).not.toHaveProperty('link_reason');
  });

  test('shows its tokens, of which those that were not reported are none, and what it asks', () => {
    const usage = { input_tokens: 1, output_tokens: 2, cached_tokens: 3, context_window: 4 };
    const more = { total_input_tokens: 5, cost_usd: 0.5 };
    expect(shown({ ...usage, ...more, context_tokens: null }).token_usage).toEqual({
      ...{ ...usage, ...more },
    });
    expect(shown({ has_open: 1 }).has_pending_approval).toBe(true);
  });
});

test('a value is named where there is one', () => {
  const row = { a: 0, b: '', c: null, d: undefined };
  expect([present(row, 'a'), present(row, 'b')]).toEqual([{ a: 0 }, { b: '' }]);
  expect([present(row, 'c'), present(row, 'd')]).toEqual([{}, {}]);
});

const messageRow = (more: Partial<MessageRow> = {}): MessageRow => ({
  ...{ id: 'm', session_id: 's', type: 'tool', content: null, timestamp: AT_MS },
  ...{ tool_name: null, tool_input: null, tool_output: null, tool_duration: null },
  ...{ is_error: 0, is_in_progress: 0, images_json: null, agent_id: null },
  ...{ created_revision: 3, changed_revision: 7 },
  ...more,
});

describe('a message', () => {
  test('shows what its row knows, and no more', () => {
    expect(messageFromRow(messageRow())).toEqual({
      ...{ id: 'm', session_id: 's', message_type: 'tool', content: '', timestamp: AT_MS },
      ...{ tool_name: null, tool_input: null, tool_output: null },
      ...{ is_error: false, duration_ms: null },
    });
    const image = { input_type: 'path', value: '/images/1' };
    const all = { content: 'c', tool_duration: 1.2345, agent_id: 'a', is_error: 1 };
    const row = messageRow({ ...all, is_in_progress: 1, images_json: JSON.stringify([image]) });
    expect(messageFromRow(row)).toMatchObject({
      ...{ content: 'c', duration_ms: 1235, agent_id: 'a', is_error: true },
      ...{ is_in_progress: true, images: [image] },
    });
  });

  test('of a kind that clients do not know is shown as of the model', () => {
    const known = ['user', 'assistant', 'thinking', 'tool', 'tool_result', 'steer', 'shell'];
    for (const type of known) expect(messageFromRow(messageRow({ type })).message_type).toBe(type);
    expect(messageFromRow(messageRow({ type: 'odd' })).message_type).toBe('assistant');
  });

  test('has the images that its row names, as far as that is a list', () => {
    expect(imagesFrom('[{"value":"a"}]')).toEqual([{ value: 'a' }]);
    for (const text of [null, '{"value":"a"}', '[torn']) expect(imagesFrom(text)).toEqual([]);
    expect([durationMs({ tool_duration: 0 }), durationMs({ tool_duration: null })]).toEqual([
      ...[0, null],
    ]);
  });

  test('is sent as new to who has not seen its birth, else as changed', () => {
    const row = messageRow({ content: 'c', tool_output: 'o', is_error: 1, tool_duration: 2 });
    expect(messageFrame(row, 2)).toEqual({
      revision: 3,
      message: { type: 'message_appended', session_id: 's', message: messageFromRow(row) },
    });
    expect(messageFrame(row, 2, null).message).toMatchObject({ after: null });
    expect(messageFrame(row, 3)).toEqual({
      revision: 7,
      message: {
        ...{ type: 'message_updated', session_id: 's', message_id: 'm' },
        changes: { content: 'c', tool_output: 'o', is_error: true, duration_ms: 2000 },
      },
    });
    const changes = (more: Partial<MessageRow>) => messageFrame(messageRow(more), 3).message;
    expect(changes({})).toMatchObject({ changes: { is_error: false } });
    expect(Object.keys((changes({}) as { changes: object }).changes)).toEqual(['is_error']);
    expect(changes({ type: 'shell', images_json: '[{"value":"a"}]' })).toMatchObject({
      changes: { is_in_progress: false, images: [{ value: 'a' }] },
    });
    expect(changes({ type: 'shell', is_in_progress: 1 })).toMatchObject({
      changes: { is_in_progress: true },
    });
  });
});

describe('a comment', () => {
  const row = (more: Partial<CommentRow> = {}): CommentRow => ({
    ...{ id: 'c', session_id: 's', turn_id: null, file_path: 'a.ts', line_start: 1 },
    ...{ line_end: null, body: 'b', tag: null, status: 'open', created_at: AT_MS },
    ...{ updated_at: null, created_revision: 3, changed_revision: 7, is_deleted: 0 },
    ...more,
  });
  const frames = (since: number, more?: Partial<CommentRow>) =>
    commentFrames(row(more), since).map(({ revision, message }) => [revision, message.type]);

  test('is new, changed or gone for who has so much; of one that came and went nothing is said', () => {
    expect(frames(2)).toEqual([[3, 'review_comment_created']]);
    expect(frames(3)).toEqual([[7, 'review_comment_updated']]);
    expect(frames(3, { is_deleted: 1 })).toEqual([[7, 'review_comment_deleted']]);
    expect(frames(2, { is_deleted: 1 })).toEqual([]);
    expect(commentFrames(row({ is_deleted: 1 }), 3)[0]?.message).toMatchObject({ comment_id: 'c' });
  });
});

describe('a turn', () => {
  const NONE = { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 };
  const row = (more: Partial<typeof NONE> = {}) => ({
    ...{ turn_id: 't', diff: 'd', changed_revision: 1, ...NONE, ...more },
  });

  test.each(['input_tokens', 'output_tokens', 'cached_tokens', 'context_window'] as const)(
    'shows its tokens when its %s were counted',
    (name) => {
      const usage = { ...NONE, [name]: 1 };
      expect(hasUsage(usage)).toBe(true);
      expect(turnDiffFromRow(row(usage))).toEqual({ turn_id: 't', diff: 'd', token_usage: usage });
      expect(turnDiffFrame('s', row(usage))).toEqual({
        ...{ type: 'turn_diff_snapshot', session_id: 's', turn_id: 't', diff: 'd', ...usage },
      });
    },
  );

  test('shows none when none were', () => {
    expect(turnDiffFromRow(row())).toEqual({ turn_id: 't', diff: 'd' });
    expect(turnDiffFrame('s', row())).not.toHaveProperty('input_tokens');
  });
});

test('a subagent that goes on shows no end', () => {
  const of = { id: 'a', agent_type: 'explorer', started_at: AT_MS };
  const row = { ...of, ended_at: null, changed_revision: 1 };
  expect(subagentFromRow(row)).toEqual(of);
  expect(subagentFromRow({ ...row, ended_at: AT_MS })).toEqual({ ...of, ended_at: AT_MS });
});

test('a long text comes in parts of 131,072 units', () => {
  const text = 'x'.repeat(131_073);
  expect(partOf(text, 0)).toEqual({ text: text.slice(1), length: 131_073 });
  expect(partOf(text, 131_072)).toEqual({ text: 'x', length: 131_073 });
});

describe('a plan', () => {
  const planOf = (text: string) => {
    const store = openStore();
    store.one(created('s'));
    store.database
      .prepare('INSERT INTO papers (session_id, current_plan) VALUES (?, ?)')
      .run('s', text);
    const plan = store.snapshot('s').current_plan;
    return plan === null ? null : (JSON.parse(plan) as { step: string; status: string }[]);
  };

  test('is shown with the words that clients know, whoever wrote it', () => {
    const steps = ['pending', 'in_progress', 'inProgress', 'completed', 'odd', undefined].map(
      (status) => ({ step: 's', status }),
    );
    const words = ['pending', 'inProgress', 'inProgress', 'completed', 'pending', 'pending'];
    for (const text of [steps, { plan: steps }])
      expect(planOf(JSON.stringify(text))?.map(({ status }) => status)).toEqual(words);
  });

  test('has 200 steps of 500 letters at most, and none that is no step', () => {
    const long = { step: 'x'.repeat(501), status: 'pending' };
    const plan = planOf(JSON.stringify(Array(201).fill(long)));
    expect([plan?.length, plan?.[0]?.step.length]).toEqual([200, 500]);
    expect(planOf(JSON.stringify([null, { step: 7 }, { step: 'a' }]))).toEqual([
      { step: 'a', status: 'pending' },
    ]);
  });

  test.each(['[]', '[{}]', '{}', 'null', '7', '{"plan":7}', 'words'])('is none of %s', (text) => {
    expect(planOf(text)).toBeNull();
  });
});
