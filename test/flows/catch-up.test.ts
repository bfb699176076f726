/** Walk (c): who comes back with a revision gets what it missed, exactly, from memory, rows or a snapshot. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { ioClient, type Received, wsClient } from '../support/clients.ts';
import { differences } from '../support/compare.ts';
import { startWatchedServer, type WatchedServer } from '../support/desktop/watched-server.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { type Observer, observe } from '../support/observer.ts';

let server: WatchedServer;
let id = '';
let script = scriptOf(id);
let sessions = 0;

beforeAll(async () => {
  server = await startWatchedServer();
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => {
  sessions++;
  id = `catching-up-${sessions}`;
  script = scriptOf(id);
});

/** A session with a turn behind it, and somebody who has seen all of it and left. */
async function someoneLeft(): Promise<{ left: Observer; revision: number }> {
  await deliver(server.url, script.prompt('First'));
  await deliver(server.url, script.toolStarts('t1'));
  const left = await observe(wsClient(server.url));
  await left.settle();
  await left.client.close();
  return { left, revision: left.model.sessions.get(id)?.revision ?? 0 };
}

/** Comes back with what it remembers; returns the frames of the answer. */
async function comeBack(
  { left, revision }: { left: Observer; revision: number },
  epoch?: string,
): Promise<{ back: Observer; answer: Received[] }> {
  const back = await observe(wsClient(server.url), left.model);
  const from = back.client.messages.length;
  const since = { since_revision: revision, ...(epoch !== undefined && { epoch }) };
  await back.subscribe(id, since);
  const answer = back.client.messages.slice(from).filter(({ type }) => type !== 'error');
  return { back, answer };
}

const revisionsOf = (frames: Received[]) => frames.map(({ revision }) => revision);

it('replays from memory what came since, frame by frame, then goes live', async () => {
  const before = await someoneLeft();
  await using witness = await observe(wsClient(server.url));
  await witness.settle();
  await deliver(server.url, script.toolEnds('t1'));
  await deliver(server.url, script.stop());
  await witness.settle();
  const { back, answer } = await comeBack(before);
  expect(answer).toEqual(witness.factsOf(id));
  await deliver(server.url, script.prompt('Second'));
  expect(await differences(server.url, back)).toEqual([]);
  await back.client.close();
});

it('sends from the rows what changed before a restart, last number included', async () => {
  const before = await someoneLeft();
  await deliver(server.url, script.toolEnds('t1', 'changed since'));
  await deliver(server.url, script.stop('Said since'));
  await server.restart();
  const { back, answer } = await comeBack(before);
  const types = answer.map(({ type }) => type);
  expect(types).not.toContain('session_snapshot');
  expect(types).toEqual(expect.arrayContaining(['message_updated', 'message_appended']));
  const revisions = revisionsOf(answer) as number[];
  expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
  expect(answer.at(-1)?.type).toBe('session_delta');
  expect(await differences(server.url, back)).toEqual([]);
  await back.client.close();
});

it('does not bring back a request that was answered meanwhile', async () => {
  await deliver(server.url, script.prompt('First'));
  await deliver(server.url, script.toolStarts('t1'));
  await deliver(server.url, script.asks());
  const left = await observe(wsClient(server.url));
  await left.settle();
  await left.client.close();
  const { revision } = left.model.sessions.get(id) ?? {};
  await deliver(server.url, script.toolEnds('t1'));
  await server.restart();
  const { back, answer } = await comeBack({ left, revision: revision ?? 0 });
  expect(answer.map(({ type }) => type)).not.toContain('approval_requested');
  expect(back.model.sessions.get(id)?.state?.pending_approval).toBeNull();
  expect(await differences(server.url, back)).toEqual([]);
  await back.client.close();
});

it('says nothing to whoever is up to date, except an open request', async () => {
  const before = await someoneLeft();
  expect((await comeBack(before)).answer).toEqual([]);
  await server.restart();
  expect((await comeBack(before)).answer).toEqual([]);
  const { back } = await comeBack(before);
  await deliver(server.url, script.asks());
  await back.settle();
  const { revision } = back.model.sessions.get(id) ?? {};
  const again = await comeBack({ left: back, revision: revision ?? 0 });
  expect(again.answer).toMatchObject([
    { type: 'approval_requested', request: { command: 'ls', type: 'exec' } },
  ]);
  await server.restart();
  const restarted = await comeBack({ left: again.back, revision: revision ?? 0 });
  expect(restarted.answer).toMatchObject([
    { type: 'approval_requested', request: { command: 'ls', type: 'exec' } },
  ]);
  expect(await differences(server.url, restarted.back)).toEqual([]);
});

it('sends a snapshot to whoever has nothing, is ahead, or remembers another epoch', async () => {
  const before = await someoneLeft();
  await deliver(server.url, script.toolEnds('t1'));
  const types = async (revision: number, epoch?: string) =>
    (await comeBack({ left: before.left, revision }, epoch)).answer.map(({ type }) => type);
  for (const isRestarted of [false, true]) {
    if (isRestarted) await server.restart();
    expect(await types(0)).toEqual(['session_snapshot']);
    expect(await types(before.revision, 'another-epoch')).toEqual(['session_snapshot']);
    expect(await types(before.revision + 1_000_000)).toEqual(['session_snapshot']);
  }
});

it('gives the same answer to a client that names the epoch of hello', async () => {
  const before = await someoneLeft();
  await deliver(server.url, script.toolEnds('t1'));
  const plain = await comeBack(before);
  const named = await comeBack(before, plain.back.model.epoch ?? '');
  expect(named.answer).toEqual(plain.answer);
});

it('keeps the epoch over a restart, and every number with it', async () => {
  const { left } = await someoneLeft();
  const { epoch } = left.model;
  await server.restart();
  await using back = await observe(wsClient(server.url), left.model);
  expect(back.model.epoch).toBe(epoch);
  await back.subscribe(id);
  await deliver(server.url, script.toolEnds('t1'));
  expect(await differences(server.url, back)).toEqual([]);
});

it('answers not_found for a session that nobody knows, on either transport', async () => {
  for (const connect of [wsClient, ioClient]) {
    await using client = await connect(server.url);
    client.send({ type: 'subscribe_session', session_id: 'nobody', since_revision: 3 });
    const refusal = await client.waitFor(({ type }) => type === 'error');
    expect(refusal).toMatchObject({ code: 'not_found', session_id: 'nobody' });
  }
});
