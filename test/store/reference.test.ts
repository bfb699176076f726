/**
 * A data directory the reference server wrote, by hand: its schema, its odd times, its triggers, its
 * misuse of is_in_progress. It opens, and everything in it can be seen.
 */
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { SessionSummary } from '../../src/protocol/nouns.ts';
import { loadMigrations } from '../../src/store/migrate.ts';
import { createAnswer } from '../../src/store/queries/run-read.ts';
import { appended, event, fold, openStore, tempPaths } from './support.ts';

const STARTED = 1_771_700_000;
const ISO = '2026-02-21T18:53:20.000Z';

function writeReferenceDatabase(path: string): void {
  const database = new Database(path);
  database.pragma('synchronous = OFF');
  for (const { version, name, sql } of loadMigrations().slice(0, 2)) {
    database.exec(sql);
    database
      .prepare('INSERT INTO schema_versions (version, name) VALUES (?, ?)')
      .run(version, name);
  }
  database.exec(`
    INSERT INTO sessions (id, provider, status, work_status, project_path, project_name, branch,
      started_at, last_activity_at, last_message, input_tokens, codex_integration_mode)
    VALUES
      ('live', 'codex', 'active', 'working', '/p/live', 'live', 'main',
        '${STARTED}Z', '${STARTED}Z', 'hello', 12, 'direct'),
      ('odd', 'gemini', 'paused', 'thinking', '/p/odd', NULL, NULL,
        '2026-02-21 18:53:20', '2026-02-21T18:53:20Z', NULL, NULL, 'sideways');
    INSERT INTO messages (id, session_id, type, content, timestamp, sequence, tool_name, tool_output,
      tool_duration, is_in_progress, images_json)
    VALUES
      ('m0', 'live', 'user', 'do it', '${STARTED}Z', 0, NULL, NULL, NULL, 0,
        '[{"input_type":"url","value":"https://x/y.png"}]'),
      ('m1', 'live', 'tool', '', '2026-02-21T18:53:20.5Z', 1, 'Bash', 'boom', 1.25, 1, '[oops'),
      ('m2', 'live', 'system', NULL, '0', 2, NULL, NULL, NULL, 0, NULL);
    INSERT INTO subagents (id, session_id, agent_type, started_at)
      VALUES ('a1', 'live', 'Explore', '${STARTED}Z');
    INSERT INTO turn_diffs (session_id, turn_id, diff) VALUES
      ('live', 'turn-1', '-a'), ('live', 'turn-7', '+b');
    INSERT INTO approval_history (session_id, request_id, approval_type, created_at)
      VALUES ('live', 'r1', 'exec', '${STARTED}Z');
    INSERT INTO review_comments (id, session_id, file_path, line_start, body, created_at)
      VALUES ('rc-1', 'live', 'a.ts', 3, 'why?', '${STARTED}Z');
  `);
  database.close();
}

test('is welcome, and its times, error flags and words are repaired', () => {
  const paths = tempPaths();
  writeReferenceDatabase(paths.database);
  const store = openStore(paths);
  const { sessions } = JSON.parse(store.list().text) as { sessions: SessionSummary[] };
  expect(sessions.map(({ id }) => id)).toEqual(['live', 'odd']);
  expect(sessions[0]).toMatchObject({
    status: 'active',
    work_status: 'working',
    has_pending_approval: false,
    codex_integration_mode: 'direct',
    git_branch: 'main',
    started_at: ISO,
    last_activity_at: ISO,
    token_usage: { input_tokens: 12, output_tokens: 0, cached_tokens: 0, context_window: 0 },
  });
  expect(sessions[1]).toMatchObject({ provider: 'claude', status: 'ended', work_status: 'ended' });
  expect(sessions[1]).toMatchObject({ started_at: ISO, last_activity_at: ISO });
  expect(sessions[1]).not.toHaveProperty('codex_integration_mode');
});

test('shows its conversations', () => {
  const paths = tempPaths();
  writeReferenceDatabase(paths.database);
  const state = openStore(paths).snapshot('live');
  expect(state).toMatchObject({
    revision: 0,
    message_count: 3,
    turn_count: 7,
    pending_approval: null,
    turn_diffs: [
      { turn_id: 'turn-1', diff: '-a' },
      { turn_id: 'turn-7', diff: '+b' },
    ],
    subagents: [{ id: 'a1', agent_type: 'Explore', started_at: ISO }],
  });
  expect(state.messages).toEqual([
    {
      id: 'm0',
      session_id: 'live',
      message_type: 'user',
      content: 'do it',
      tool_name: null,
      tool_input: null,
      tool_output: null,
      is_error: false,
      timestamp: ISO,
      duration_ms: null,
      images: [{ input_type: 'url', value: 'https://x/y.png' }],
    },
    {
      id: 'm1',
      session_id: 'live',
      message_type: 'tool',
      content: '',
      tool_name: 'Bash',
      tool_input: null,
      tool_output: 'boom',
      is_error: true,
      timestamp: '2026-02-21T18:53:20.500Z',
      duration_ms: 1250,
    },
    expect.objectContaining({
      id: 'm2',
      message_type: 'assistant',
      content: '',
      timestamp: '1970-01-01T00:00:00.000Z',
    }),
  ]);
});

test('goes on where it stopped: an actor from columns, new messages behind the old ones', () => {
  const paths = tempPaths();
  writeReferenceDatabase(paths.database);
  const store = openStore(paths);
  expect(store.actor('live').stored).toMatchObject({
    snapshot: null,
    machineVersion: null,
    turnCount: 7,
    revision: 0,
    summary: { id: 'live', work_status: 'working' },
  });
  const before = store.snapshot('live');
  const result = store.one(event('live', [appended('live', 'm3')]));
  expect(result).toEqual({ outcome: 'committed', seq: 1, revision: 1 });
  const after = store.snapshot('live');
  expect(after.messages.map(({ id }) => id)).toEqual(['m0', 'm1', 'm2', 'm3']);
  expect(after.message_count).toBe(4);
  store.one(event('live', [appended('live', 'm4')]));
  const replayed = store.catchUp('live', 1)?.frames ?? [];
  expect(fold({ ...after, revision: 1 }, replayed)).toEqual(store.snapshot('live'));
  expect(before.messages).toHaveLength(3);
});

test('has none of its triggers any more', () => {
  const paths = tempPaths();
  writeReferenceDatabase(paths.database);
  const { database } = openStore(paths);
  const triggers = database
    .prepare<[], string>(`SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name`)
    .pluck()
    .all();
  expect(triggers.filter((name) => !String(name).startsWith('search_'))).toEqual([
    'note_foreign_message',
    'note_foreign_update',
  ]);
});

test('shows its comments, its requests and its projects, and lets go of requests', () => {
  const paths = tempPaths();
  writeReferenceDatabase(paths.database);
  const store = openStore(paths);
  const read = createAnswer({ database: store.database, epoch: store.epoch.id });
  const comment = {
    id: 'rc-1',
    session_id: 'live',
    file_path: 'a.ts',
    line_start: 3,
    body: 'why?',
    status: 'open',
    created_at: ISO,
  };
  expect(read({ kind: 'comment', id: 'rc-1' })).toEqual(comment);
  expect(store.snapshot('live').review_comments).toEqual([comment]);
  const asked = { kind: 'approvals', sessionId: 'live', limit: 10 } as const;
  expect(read(asked)).toMatchObject([{ id: 1, request_id: 'r1', decision: null, created_at: ISO }]);
  // Nobody can answer it any more, so it does not wait.
  expect(read({ kind: 'approval', id: 1 })).toEqual({ sessionId: 'live', isOpen: false });
  store.one(event('live', [{ type: 'approval_forgotten', session_id: 'live', approval_id: 1 }]));
  expect(read(asked)).toEqual([]);
  expect(read({ kind: 'projects' })).toMatchObject({
    items: [
      { path: '/p/live', session_count: 1, last_active: ISO },
      { path: '/p/odd', session_count: 1, last_active: ISO },
    ],
  });
});
