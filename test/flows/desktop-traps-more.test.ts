/** The traps that the desktop app sets a server, from 15 on; the others are in desktop-traps.test.ts. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { AppSession } from '../support/desktop/state.ts';
import { startWatchedServer, type WatchedServer } from '../support/desktop/watched-server.ts';
import { recordedSequence } from '../support/fixtures.ts';
import { deliver, scriptOf } from '../support/hooks.ts';

let server: WatchedServer;
let id = '';
let script = scriptOf(id);
let sessions = 0;

beforeAll(async () => {
  server = await startWatchedServer();
});
afterAll(() => server[Symbol.asyncDispose](), 30_000);
beforeEach(() => {
  sessions++;
  id = `trap-more-${sessions}`;
  const directory = join(server.paths.dir, id);
  mkdirSync(directory);
  script = scriptOf(id, directory);
});

const row = (): AppSession | undefined => server.desktop.app.sessions.get(id);
const shown = () => server.desktop.app.conversation(id);

it('15: a plan is the JSON text of an array of steps, also one that the reference stored', async () => {
  await deliver(server.url, script.prompt('Go'));
  await server.stop();
  const database = new Database(server.paths.database);
  const plan = { explanation: null, plan: [{ step: 'Look', status: 'in_progress' }] };
  database
    .prepare(
      `INSERT INTO papers (session_id, current_plan) VALUES (?, ?)
       ON CONFLICT (session_id) DO UPDATE SET current_plan = excluded.current_plan`,
    )
    .run(id, JSON.stringify(plan));
  database.prepare('UPDATE sessions SET snapshot_base = revision + 1 WHERE id = ?').run(id);
  database.close();
  await server.start();
  await server.desktop.rest();
  server.desktop.send({ type: 'unsubscribe_session', session_id: id });
  server.desktop.send({ type: 'subscribe_session', session_id: id });
  await server.desktop.rest();
  expect(shown().plan).toBe('[{"step":"Look","status":"inProgress"}]');
});

it('a request that ended elsewhere is no longer open in the history, though nobody asked for it', async () => {
  await deliver(server.url, script.prompt('Go'));
  await deliver(server.url, script.toolStarts('t1'));
  await deliver(server.url, script.asks());
  await server.desktop.rest();
  expect(server.desktop.app.approvals.get(id)).toMatchObject([{ decision: null }]);
  await deliver(server.url, script.toolEnds('t1'));
  await expect
    .poll(() => server.desktop.app.approvals.get(id))
    .toMatchObject([{ decision: 'approved' }]);
});

it('16: the history that is asked for right behind a decision has it already', async () => {
  await deliver(server.url, script.prompt('Go'));
  await deliver(server.url, script.toolStarts('t1'));
  await deliver(server.url, script.asks());
  await server.desktop.rest();
  expect(server.desktop.app.approvals.get(id)).toMatchObject([{ decision: null }]);
  server.desktop.send({ ...script.toolEnds('t1'), type: 'claude_tool_event' });
  server.desktop.send({ type: 'list_approvals', session_id: id, limit: 200 });
  server.desktop.send({ type: 'list_approvals', limit: 200 });
  await server.desktop.rest();
  const decided = { session_id: id, decision: 'approved', decided_at: expect.any(String) };
  expect(server.desktop.app.approvals.get(id)).toMatchObject([decided]);
  expect(server.desktop.app.approvals.get(null)).toContainEqual(expect.objectContaining(decided));
});

it('18: comments, commands and diffs come by the messages that show them', async () => {
  const { desktop } = server;
  await deliver(server.url, script.prompt('Go'));
  await desktop.rest();
  desktop.send({
    type: 'create_review_comment',
    session_id: id,
    file_path: 'a.ts',
    line_start: 1,
    body: 'Why?',
    tag: 'clarity',
  });
  await desktop.rest();
  const [[commentId = ''] = []] = shown().comments;
  expect(shown().comments.get(commentId)).toMatchObject({ body: 'Why?', status: 'open' });
  desktop.send({ type: 'update_review_comment', comment_id: commentId, status: 'resolved' });
  desktop.send({ type: 'list_review_comments', session_id: id });
  await desktop.rest();
  expect(shown().comments.get(commentId)).toMatchObject({ status: 'resolved' });
  desktop.send({ type: 'delete_review_comment', comment_id: commentId });
  await desktop.rest();
  expect(shown().comments.size).toBe(0);
  desktop.send({ type: 'execute_shell', session_id: id, command: 'echo out; exit 3' });
  const ended = () => desktop.texts.find((text) => text.startsWith('{"type":"shell_output"'));
  await expect.poll(ended, { timeout: 10_000 }).toBeDefined();
  expect(JSON.parse(ended() ?? '')).toMatchObject({
    session_id: id,
    stdout: 'out\n',
    exit_code: 3,
  });
  await desktop.rest();
  const command = [...shown().messages.values()].find((one) => one.message_type === 'shell');
  expect(command).toMatchObject({ content: 'echo out; exit 3', is_error: true });
  expect(command?.tool_output).toContain('out');
});

it('19: a watched session promises no commands that nobody could carry out', async () => {
  await deliver(server.url, script.start());
  await deliver(server.url, script.prompt('Go'));
  await server.desktop.rest();
  expect(server.desktop.texts.filter((text) => text.includes('claude_capabilities'))).toEqual([]);
});

it('20: without an account, or even an engine, its question is answered, once, and it rests', async () => {
  const { desktop } = server;
  const answers = () =>
    desktop.texts.filter((text) => /^{"type":"codex_account_status"/.test(text));
  const before = answers().length;
  desktop.send({ type: 'codex_account_read' });
  desktop.send({ type: 'codex_account_read', refresh_token: true });
  await desktop.rest();
  expect(answers().length).toBe(before + 2);
  expect(JSON.parse(answers().at(-1) ?? '{}')).toMatchObject({
    status: { auth_mode: null, login_in_progress: false },
  });
  const hurt = desktop.app.errors.filter(({ code }) => code.startsWith('codex_auth_'));
  expect(hurt).toEqual([]);
});

it('22: a question is shown as a question, whichever way the app receives it', async () => {
  const hooks = recordedSequence('permission-then-elicitation');
  id = hooks[0]?.session_id ?? '';
  for (const hook of hooks.slice(0, 5)) await deliver(server.url, hook);
  const asQuestion = { work_status: 'question', attention: 'awaitingQuestion' };
  await server.desktop.rest();
  expect(row()).toMatchObject(asQuestion);
  server.desktop.send({ type: 'subscribe_list' });
  await server.desktop.rest();
  expect(row()).toMatchObject(asQuestion);
  await server.restart();
  await server.desktop.rest();
  expect(row()).toMatchObject(asQuestion);
});
