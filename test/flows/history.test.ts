/** The history of requests, and names: read right behind the change, over both transports. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask } from '../support/asking.ts';
import { ioClient, type TestClient, wsClient } from '../support/clients.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { barrier } from '../support/observer.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let id = '';
let script = scriptOf(id);
let sessions = 0;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(async () => {
  sessions++;
  id = `asking-${sessions}`;
  script = scriptOf(id);
  await deliver(server.url, script.prompt('Go'));
});

/** Asks for a permission and, unless it shall stay open, gets it. */
async function request(command: string, isSettled = true): Promise<void> {
  await deliver(server.url, script.toolStarts(command, command));
  await deliver(server.url, script.asks(command));
  if (isSettled) await deliver(server.url, script.toolEnds(command, 'ok', command));
}

async function history(client: TestClient, more: object = { session_id: id }) {
  const answer = await ask(client, { type: 'list_approvals', ...more });
  if (answer.type !== 'approvals_list') throw new Error(JSON.stringify(answer));
  return answer;
}

describe.each([
  ['/ws', wsClient],
  ['socket.io', ioClient],
] as const)('%s', (_, connect) => {
  it('lists requests, the newest first, of a session or of all', async () => {
    await using client = await connect(server.url);
    await request('make');
    await request('make test', false);
    const { approvals, session_id } = await history(client);
    expect(session_id).toBe(id);
    expect(approvals).toMatchObject([
      { session_id: id, approval_type: 'exec', command: 'make test', decision: null },
      { command: 'make', decision: 'approved', tool_name: 'Bash', decided_at: expect.any(String) },
    ]);
    const ids = approvals.map((approval) => approval.id);
    expect(ids).toEqual([...ids].sort((a, b) => b - a));
    expect((await history(client, { session_id: id, limit: 1 })).approvals).toHaveLength(1);
    const all = await history(client, {});
    expect(all.session_id).toBeNull();
    expect(all.approvals.slice(0, 2)).toEqual(approvals);
    expect((await history(client, { session_id: 'nobody' })).approvals).toEqual([]);
  });

  it('forgets a settled request, and only that', async () => {
    await using client = await connect(server.url);
    await request('make');
    await request('make test', false);
    const [open, settled] = (await history(client)).approvals;
    const forget = (approval_id?: number) => ask(client, { type: 'delete_approval', approval_id });
    expect(await forget(open?.id)).toMatchObject({ code: 'invalid_argument', session_id: id });
    expect(await forget(settled?.id)).toMatchObject({
      type: 'approval_deleted',
      approval_id: settled?.id,
    });
    expect(await forget(settled?.id)).toMatchObject({ code: 'not_found' });
    expect((await history(client)).approvals).toEqual([open]);
  });

  it('renames a session of any kind: its room and the list receive it, no name clears it', async () => {
    await using client = await connect(server.url);
    await using other = await connect(server.url);
    client.send({ type: 'subscribe_session', session_id: id });
    other.send({ type: 'subscribe_list' });
    await barrier(client);
    await barrier(other);
    await deliver(server.url, script.end());
    const rename = (name: unknown) => ask(client, { type: 'rename_session', session_id: id, name });
    expect(await rename('  Shop\n backend ')).toMatchObject({ type: 'ack' });
    const delta = await client.waitFor(
      (frame) => frame.type === 'session_delta' && frame.changes.custom_name !== undefined,
    );
    expect(delta).toMatchObject({ changes: { custom_name: 'Shop backend' } });
    await other.waitFor(
      (frame) => frame.type === 'session_created' && frame.session.custom_name === 'Shop backend',
    );
    expect(await rename(' ')).toMatchObject({ type: 'ack' });
    const cleared = await client.waitFor(
      (frame) => frame.type === 'session_delta' && frame.changes.custom_name === null,
    );
    expect(cleared).toMatchObject({ session_id: id });
    expect(await rename('x'.repeat(201))).toMatchObject({ code: 'invalid_argument' });
    const nobody = await ask(client, { type: 'rename_session', session_id: 'nobody', name: 'x' });
    expect(nobody).toMatchObject({ code: 'not_found', session_id: 'nobody' });
  });
});

it('says an open request again behind a new name, for the app forgets it with every summary', async () => {
  await request('make', false);
  await using client = await wsClient(server.url);
  client.send({ type: 'subscribe_list' });
  client.send({ type: 'subscribe_session', session_id: id });
  await barrier(client);
  const from = client.messages.length;
  await ask(client, { type: 'rename_session', session_id: id, name: 'Shop' });
  const types = client.messages.slice(from).map(({ type }) => type);
  expect(types.indexOf('session_created')).toBeGreaterThan(-1);
  expect(types.lastIndexOf('approval_requested')).toBeGreaterThan(types.indexOf('session_created'));
});
