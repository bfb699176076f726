import { expect, test } from 'vitest';
import type { Fact } from '../../machines/session-facts.ts';
import { MAX_FRAME_BYTES } from '../../src/protocol/encode.ts';
import type { SessionState, SessionSummary } from '../../src/protocol/nouns.ts';
import { AT_MS, appended, created, event, openStore, type Store } from './support.ts';

/** Three bytes in UTF-8 as it is, six in JSON when it is a control character: the worst of both. */
const BAD = '\u0001漢'.repeat(40_000);

function snapshotText(store: Store, id: string): string {
  return store.catchUp(id, null)?.frames[0] ?? '';
}

test('a snapshot of large messages holds the newest that fit and stays below the limit', () => {
  const store = openStore();
  store.one(created('s'));
  for (let at = 0; at < 60; at += 1) {
    const long = { content: BAD, tool_input: BAD, tool_output: BAD };
    store.one(event('s', [appended('s', `m${at}`, at % 2 === 0 ? long : {})]));
  }
  const text = snapshotText(store, 's');
  const { session } = JSON.parse(text) as { session: SessionState };
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_FRAME_BYTES);
  expect(session.messages.length).toBeGreaterThan(2);
  expect(session.messages.at(-1)?.id).toBe('m59');
  expect(session.message_count).toBe(60);
  const cut = session.messages.find(({ id }) => id === 'm58');
  expect(cut?.tool_output).toHaveLength(16_000 + '\n\n[truncated]'.length);
});

test('a snapshot of small messages holds as many as fit, or as many as are wanted', () => {
  const store = openStore();
  store.one(created('s'));
  const facts = Array.from({ length: 5_000 }, (_, at) => appended('s', `m${at}`));
  store.one(event('s', facts));
  const text = snapshotText(store, 's');
  const { messages, has_older } = store.snapshot('s');
  expect(messages.length).toBeGreaterThan(2_000);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_FRAME_BYTES);
  expect(Buffer.byteLength(text)).toBeGreaterThan(MAX_FRAME_BYTES - 1_000);
  expect(messages.at(-1)?.id).toBe('m4999');
  expect(has_older).toBe(true);
  const wanted = store.catchUp('s', null, null, 3)?.frames[0] ?? '';
  const { session } = JSON.parse(wanted) as { session: SessionState };
  expect(session.messages.map(({ id }) => id)).toEqual(['m4997', 'm4998', 'm4999']);
  expect(session).toMatchObject({ has_older: true, message_count: 5_000 });
});

test('a snapshot leaves large images out', () => {
  const store = openStore();
  store.one(created('s'));
  const images = [
    { input_type: 'url', value: 'https://x/y.png' },
    { input_type: 'url', value: `data:image/png;base64,${'A'.repeat(600)}` },
  ];
  store.one(event('s', [appended('s', 'm', { images })]));
  expect(store.snapshot('s').messages[0]?.images).toEqual(images.slice(0, 1));
});

test('a session in which everything is too large still fits a frame, with its newest words', () => {
  const store = openStore();
  const words = { summary: BAD, first_prompt: BAD, custom_name: BAD, model: BAD, effort: BAD };
  store.one(created('s', { ...words, git_branch: BAD, git_sha: BAD, current_cwd: BAD }));
  const request = {
    id: 'r',
    session_id: 's',
    type: 'patch' as const,
    command: BAD,
    file_path: BAD,
    diff: BAD,
    question: BAD,
    tool_input: BAD,
  };
  const facts: Fact[] = [
    { type: 'session_delta', session_id: 's', changes: { current_diff: BAD, current_plan: BAD } },
    { type: 'approval_opened', session_id: 's', request, tool_name: 'Edit', at: AT_MS },
    appended('s', 'm', { content: 'the newest words' }),
  ];
  for (let at = 0; at < 30; at += 1) {
    facts.push({ type: 'turn_diff_snapshot', session_id: 's', turn_id: `turn-${at}`, diff: BAD });
    facts.push({
      type: 'session_delta',
      session_id: 's',
      changes: { subagents: [{ id: `a${at}`, agent_type: BAD, started_at: AT_MS }] },
    });
  }
  store.one(event('s', facts));
  const text = snapshotText(store, 's');
  const { session } = JSON.parse(text) as { session: SessionState };
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_FRAME_BYTES);
  expect(session.messages.map(({ id }) => id)).toEqual(['m']);
  expect(session.pending_approval?.id).toBe('r');
  const read = store.catchUp('s', null);
  expect(Buffer.byteLength(read?.openApproval ?? '')).toBeLessThanOrEqual(MAX_FRAME_BYTES);
});

test('a list shows live sessions first, then the newest, as many as fit', () => {
  const store = openStore();
  const items = Array.from({ length: 1_500 }, (_, at) => {
    const isLive = at % 100 === 0;
    const minute = String(at % 60).padStart(2, '0');
    return created(`s${at}`, {
      status: isLive ? 'active' : 'ended',
      work_status: isLive ? 'waiting' : 'ended',
      first_prompt: '漢'.repeat(200),
      last_activity_at: `2026-03-01T12:${minute}:00.000Z`,
    });
  });
  store.commit(...items);
  const { text, total, shown } = store.list();
  const { sessions } = JSON.parse(text) as { sessions: SessionSummary[] };
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_FRAME_BYTES);
  expect(total).toBe(1_500);
  expect(sessions).toHaveLength(shown);
  expect(shown).toBeGreaterThan(500);
  expect(shown).toBeLessThan(1_500);
  const keys = sessions.map(({ status, last_activity_at }) => `${status[0]}${last_activity_at}`);
  const live = keys.filter((key) => key.startsWith('a'));
  expect(keys.slice(0, live.length)).toEqual([...live].sort().reverse());
  expect(live).toHaveLength(15);
  const ended = keys.slice(live.length);
  expect(ended).toEqual([...ended].sort().reverse());
});

test('a list shows what became of a session since it was read last', () => {
  const store = openStore();
  store.commit(created('a'), created('b'));
  const words = () =>
    (JSON.parse(store.list().text) as { sessions: SessionSummary[] }).sessions.map(
      ({ id, last_message, has_pending_approval }) => [id, last_message, has_pending_approval],
    );
  expect(words()).toEqual(expect.arrayContaining([['a', undefined, false]]));
  const changes = { last_message: 'news' };
  store.one(event('a', [{ type: 'session_delta', session_id: 'a', changes }]));
  expect(words()).toEqual(expect.arrayContaining([['a', 'news', false]]));
  const request = { id: 'r', session_id: 'b', type: 'exec' as const, command: 'ls' };
  const asked = { ...request, file_path: null, diff: null, question: null };
  const opened = { session_id: 'b', request: asked, tool_name: 'Bash', at: AT_MS };
  store.one(event('b', [{ type: 'approval_opened', ...opened }]));
  expect(words()).toEqual(
    expect.arrayContaining([
      ['a', 'news', false],
      ['b', undefined, true],
    ]),
  );
});

test('newest messages of a long session cost no more than those of a short one', () => {
  const store = openStore();
  store.commit(created('short'), created('long'));
  store.database.exec(`
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
    INSERT INTO messages (id, session_id, type, content, timestamp, sequence)
      SELECT 'l' || i, 'long', 'user', 'words', '${AT_MS}', i FROM n;
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
    INSERT INTO messages (id, session_id, type, content, timestamp, sequence)
      SELECT 's' || i, 'short', 'user', 'words', '${AT_MS}', i FROM n;`);
  const plan = store.database
    .prepare<[], { detail: string }>(
      `EXPLAIN QUERY PLAN SELECT content FROM messages WHERE session_id = 'long'
       ORDER BY sequence DESC`,
    )
    .all();
  expect(plan.map(({ detail }) => detail).join()).toContain('idx_messages_session_seq');
  expect(plan.map(({ detail }) => detail).join()).not.toContain('TEMP B-TREE');
  const read = store.catchUp('long', null, null, 200)?.frames[0] ?? '';
  const { session } = JSON.parse(read) as { session: SessionState };
  expect(session.messages).toHaveLength(200);
});

test('a snapshot holds a long plan whole: cut, it would be no plan', () => {
  const store = openStore();
  store.one(created('s'));
  const steps = Array.from({ length: 80 }, (_, n) => ({
    step: `${n} `.repeat(100),
    status: 'pending',
  }));
  const current_plan = JSON.stringify(steps);
  expect(current_plan.length).toBeGreaterThan(16_000);
  store.one(event('s', [{ type: 'session_delta', session_id: 's', changes: { current_plan } }]));
  expect(store.snapshot('s').current_plan).toBe(current_plan);
});
