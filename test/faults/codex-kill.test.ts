/** The server itself is killed under direct Codex sessions: what it reports afterwards is what was committed. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Build, build } from '../support/build.ts';
import { wsClient } from '../support/clients.ts';
import { createCodexHome } from '../support/codex-home.ts';
import { createSteered, steered } from '../support/codex-setup.ts';
import { startFakeResponsesApi } from '../support/fake-responses-api.ts';
import { engineOf, processesWith } from '../support/processes.ts';
import { spawnServer } from '../support/spawned.ts';

let program: Build;
beforeAll(async () => {
  program = await build();
});
afterAll(() => program[Symbol.dispose]());

it('is killed mid-turn: nothing runs on, every session says so, and each goes on', async () => {
  await using api = await startFakeResponsesApi();
  await using home = await createCodexHome(api);
  await using server = await spawnServer(program.main, { env: home.env });
  const before = await wsClient(server.url);
  const [streaming, running, asking] = await Promise.all(
    [0, 1, 2].map(() => createSteered(before, { cwd: home.project })),
  );
  if (!streaming || !running || !asking) throw new Error('unreachable');
  await streaming.say('!slow 600 20');
  await running.say('!exec sleep 300 # killed-with-the-server');
  await asking.say(`!esc touch ${home.codexHome}/never`);
  const { id: requestId } = await asking.request();
  // A second of it is on disk.
  await before.waitFor(
    (frame) =>
      frame.type === 'message_updated' &&
      frame.session_id === streaming.id &&
      (frame.changes.content?.length ?? 0) > 600,
  );
  await before.waitFor(
    (frame) => frame.type === 'message_appended' && frame.message.message_type === 'tool',
  );
  const revisions = await Promise.all(
    [streaming, running, asking].map(async (session) => (await session.snapshot()).revision),
  );
  await server.kill('SIGKILL');
  await before.close();
  await expect.poll(() => processesWith(home.codexHome), { timeout: 10_000 }).toEqual([]);
  await expect.poll(() => processesWith('killed-with-the-server'), { timeout: 10_000 }).toEqual([]);
  await server.start();

  await using after = await wsClient(server.url);
  // A client that comes back with what it had receives what became of it.
  after.send({
    type: 'subscribe_session',
    session_id: streaming.id,
    since_revision: revisions[0],
  });
  const text = await after.waitFor(
    (frame) => frame.type === 'message_updated' && (frame.changes.content?.length ?? 0) > 100,
  );
  expect(text.revision).toBeGreaterThan(revisions[0] ?? 0);
  for (const { id } of [streaming, running, asking]) {
    const session = steered(after, id);
    const snapshot = await session.snapshot();
    expect(snapshot).toMatchObject({
      status: 'active',
      work_status: 'waiting',
      pending_approval: null,
      link_state: 'detached',
      link_reason: 'the server was restarted',
    });
    expect(snapshot.messages.at(-1)).toMatchObject({
      is_error: true,
      content: expect.stringMatching(/^Interrupted: the server was restarted/),
    });
  }
  const late = steered(after, asking.id);
  expect(await late.settle(requestId, { decision: 'approved' })).toMatchObject({
    code: 'already_resolved',
  });
  for (const { id } of [streaming, running, asking]) {
    const session = steered(after, id);
    await session.say('!say back again');
    await session.idle();
    expect((await session.messages('assistant')).at(-1)?.content).toBe('back again');
  }
});

it('shows words as unknown that were on their way when it was killed, and never sends them twice', async () => {
  await using api = await startFakeResponsesApi();
  await using home = await createCodexHome(api);
  await using server = await spawnServer(program.main, { env: home.env });
  const before = await wsClient(server.url);
  const session = await createSteered(before, { cwd: home.project });
  await session.say('!say first');
  await session.idle();
  // Stored, and the order not carried out: the engine stands still.
  process.kill(engineOf(home), 'SIGSTOP');
  await session.say('the words in question');
  await server.kill('SIGKILL');
  await before.close();
  await server.start();
  await using after = await wsClient(server.url);
  const again = steered(after, session.id);
  const words = (await again.messages('user')).at(-1);
  expect(words).toMatchObject({
    content: 'the words in question',
    is_error: true,
    tool_output: 'unknown: the server was restarted',
  });
  await again.say('!say go on');
  await again.idle();
  expect((await again.messages('user')).map(({ content }) => content)).toEqual([
    '!say first',
    'the words in question',
    '!say go on',
  ]);
});
