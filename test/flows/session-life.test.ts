/** Beginnings and ends: sessions that only started, `/clear`, resume, and restarts of the server. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { wsClient } from '../support/clients.ts';
import { differences, snapshotOf } from '../support/compare.ts';
import { foldJournal, rowsOf } from '../support/database.ts';
import { startWatchedServer, type WatchedServer } from '../support/desktop/watched-server.ts';
import { recordedHook } from '../support/fixtures.ts';
import { deliver, hookKey, scriptOf } from '../support/hooks.ts';
import { observe } from '../support/observer.ts';

let server: WatchedServer;
beforeAll(async () => {
  server = await startWatchedServer();
});
afterAll(() => server[Symbol.asyncDispose]());

it('keeps a session that only started over a restart, and shows it with its first event', async () => {
  const { start, prompt } = scriptOf('starter', '/home/dev/starter');
  await deliver(server.url, start('startup', { model: 'claude-opus-9' }));
  await server.restart();
  await using observer = await observe(wsClient(server.url));
  expect(observer.model.list.has('starter')).toBe(false);
  await deliver(server.url, { ...prompt('Hi'), cwd: '/home/dev/starter/deep/inside' });
  await observer.settle();
  expect(observer.model.list.get('starter')).toMatchObject({
    model: 'claude-opus-9',
    project_path: '/home/dev/starter',
    project_name: 'starter',
    work_status: 'working',
  });
  expect(rowsOf(server.paths, 'SELECT * FROM pending_sessions')).toEqual([]);
});

it('shows no session that never did anything, and remembers its end for what may be late', async () => {
  const { start, end } = scriptOf('silent');
  await deliver(server.url, start());
  await server.restart();
  await deliver(server.url, end());
  expect(rowsOf(server.paths, 'SELECT session_id FROM pending_sessions')).toEqual([
    { session_id: 'silent' },
  ]);
  expect(rowsOf(server.paths, 'SELECT id FROM sessions WHERE id = ?', 'silent')).toEqual([]);
});

it('knows that /clear continued a session under a new id', async () => {
  await using observer = await observe(wsClient(server.url));
  const [old, young] = [scriptOf('before-clear'), scriptOf('after-clear')];
  const say = (hook: Parameters<typeof deliver>[1]) =>
    deliver(server.url, hook, { key: hookKey(777) });
  for (const hook of [old.start(), old.prompt('Hi'), old.end('clear')]) await say(hook);
  for (const hook of [young.start('clear'), young.prompt('Anew')]) await say(hook);
  expect(await differences(server.url, observer)).toEqual([]);
  expect(observer.model.list.get('before-clear')).toMatchObject({ status: 'ended' });
  expect(observer.model.list.get('after-clear')).toMatchObject({
    status: 'active',
    forked_from_session_id: 'before-clear',
  });
});

it('brings an ended session back when it is resumed, also after a restart', async () => {
  const { prompt, stop, end, start } = scriptOf('resumed');
  for (const hook of [prompt('One'), stop(), end()]) await deliver(server.url, hook);
  await server.restart();
  await using observer = await observe(wsClient(server.url));
  await observer.settle();
  expect(observer.model.list.get('resumed')).toMatchObject({ status: 'ended' });
  await deliver(server.url, start('resume'));
  await observer.settle();
  expect(observer.model.list.get('resumed')).toMatchObject({
    status: 'active',
    work_status: 'waiting',
  });
  await deliver(server.url, prompt('Two'));
  expect(await differences(server.url, observer)).toEqual([]);
  const { messages } = observer.model.sessions.get('resumed') ?? {};
  expect([...(messages?.values() ?? [])].map(({ content }) => content)).toEqual([
    'One',
    'Done.',
    'Two',
  ]);
  expect(foldJournal(server.paths, 'resumed')).toEqual([]);
});

it('keeps an open request over a restart in state, snapshot and list, and closes it after', async () => {
  const { prompt, toolStarts, asks, toolEnds } = scriptOf('asking');
  const hooks = [prompt('Go'), toolStarts('t1', 'make'), asks('make')];
  for (const hook of hooks) await deliver(server.url, hook);
  await server.restart();
  await using observer = await observe(wsClient(server.url));
  await observer.settle();
  expect(observer.model.list.get('asking')).toMatchObject({
    work_status: 'permission',
    has_pending_approval: true,
  });
  await using other = await wsClient(server.url);
  expect((await snapshotOf(other, 'asking')).pending_approval).toMatchObject({ command: 'make' });
  await deliver(server.url, toolEnds('t1', 'built', 'make'));
  expect(await differences(server.url, observer)).toEqual([]);
  expect(observer.model.list.get('asking')).toMatchObject({
    work_status: 'working',
    has_pending_approval: false,
  });
  const sql = 'SELECT decision, evidence FROM approval_history WHERE session_id = ?';
  expect(rowsOf(server.paths, sql, 'asking')).toEqual([
    { decision: 'approved', evidence: 'tool.finished t1' },
  ]);
});

it('waits for its user when they stopped the tool that ran, and works again with their words', async () => {
  const { prompt, toolStarts } = scriptOf('stopped');
  const stopped = {
    ...toolStarts('t1', 'make'),
    hook_event_name: 'PostToolUseFailure',
    error: 'The user interrupted this',
    is_interrupt: true,
  };
  await using observer = await observe(wsClient(server.url));
  for (const hook of [prompt('Go'), toolStarts('t1', 'make'), stopped]) {
    await deliver(server.url, hook);
  }
  await observer.settle();
  expect(observer.model.list.get('stopped')).toMatchObject({ work_status: 'waiting' });
  await deliver(server.url, prompt('Not like that'));
  expect(await differences(server.url, observer)).toEqual([]);
  expect(observer.model.list.get('stopped')).toMatchObject({ work_status: 'working' });
});

it('shows a patch with its diff and a question with its options', async () => {
  await using observer = await observe(wsClient(server.url));
  const edit = {
    hook_event_name: 'PermissionRequest',
    tool_name: 'Edit',
    tool_input: { file_path: '/p/a.txt', old_string: 'one\ntwo', new_string: 'one\nthree' },
  };
  await deliver(server.url, { session_id: 'patch', ...edit });
  await deliver(server.url, {
    ...recordedHook('PermissionRequest.AskUserQuestion'),
    session_id: 'question',
  });
  await deliver(server.url, {
    ...recordedHook('PermissionRequest.ExitPlanMode'),
    session_id: 'plan',
  });
  expect(await differences(server.url, observer)).toEqual([]);
  const pending = (id: string) => observer.model.sessions.get(id)?.state?.pending_approval;
  expect(pending('patch')).toMatchObject({
    type: 'patch',
    file_path: '/p/a.txt',
    diff: '--- /p/a.txt\n+++ /p/a.txt\n@@\n-one\n-two\n+one\n+three',
  });
  expect(pending('question')).toMatchObject({
    type: 'question',
    questions: [{ options: expect.any(Array) }],
  });
  expect(pending('plan')).toMatchObject({ type: 'question', tool_name: 'ExitPlanMode' });
  expect(observer.model.list.get('question')).toMatchObject({ work_status: 'question' });
});
