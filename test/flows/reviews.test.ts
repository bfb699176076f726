/** Review comments, from a client to every other one: shared, read right behind, shared to who comes back. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, received } from '../support/asking.ts';
import { ioClient, type TestClient, wsClient } from '../support/clients.ts';
import { differences, snapshotOf } from '../support/compare.ts';
import { rowsOf } from '../support/database.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { barrier, observe } from '../support/observer.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let id = '';
let sessions = 0;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(async () => {
  sessions++;
  id = `reviewed-${sessions}`;
  await deliver(server.url, scriptOf(id).prompt('Go'));
});

const remark = (more: object = {}) => ({
  type: 'create_review_comment',
  session_id: id,
  file_path: 'src/a.ts',
  line_start: 3,
  body: 'Why?',
  ...more,
});

async function create(client: TestClient, more: object = {}): Promise<string> {
  const answer = await ask(client, remark(more));
  expect(answer).toMatchObject({ type: 'ack', id: expect.any(String) });
  return (answer as { id: string }).id;
}

async function listed(client: TestClient, more: object = {}) {
  const answer = await ask(client, { type: 'list_review_comments', session_id: id, ...more });
  if (answer.type !== 'review_comments_list') throw new Error(JSON.stringify(answer));
  return answer.comments;
}

describe.each([
  ['/ws', wsClient],
  ['socket.io', ioClient],
] as const)('%s', (_, connect) => {
  it('sends a new comment to the room, and lists it to a client that asks right behind', async () => {
    await using author = await connect(server.url);
    await using reader = await connect(server.url);
    reader.send({ type: 'subscribe_session', session_id: id });
    await barrier(reader);
    author.send(remark({ line_end: 5, tag: 'risk', turn_id: 'turn-1' }));
    const [comment] = await listed(author);
    expect(comment).toMatchObject({
      session_id: id,
      turn_id: 'turn-1',
      file_path: 'src/a.ts',
      line_start: 3,
      line_end: 5,
      body: 'Why?',
      tag: 'risk',
      status: 'open',
      created_at: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
    });
    const shared = await reader.waitFor(({ type }) => type === 'review_comment_created');
    expect(shared).toMatchObject({ comment, revision: expect.any(Number) });
    expect(received(author, 'review_comment_created')).toEqual([]);
  });

  it('changes what is said and keeps the rest; a deleted comment is gone for everybody', async () => {
    await using author = await connect(server.url);
    await using reader = await connect(server.url);
    reader.send({ type: 'subscribe_session', session_id: id });
    await barrier(reader);
    const comment_id = await create(author, { tag: 'nit' });
    const change = { type: 'update_review_comment', comment_id, status: 'resolved', body: null };
    expect(await ask(author, change)).toMatchObject({ type: 'ack' });
    const updated = await reader.waitFor(({ type }) => type === 'review_comment_updated');
    expect(updated).toMatchObject({
      comment: { id: comment_id, body: 'Why?', tag: 'nit', status: 'resolved' },
    });
    expect(await ask(author, { type: 'delete_review_comment', comment_id })).toMatchObject({
      type: 'ack',
    });
    const deleted = await reader.waitFor(({ type }) => type === 'review_comment_deleted');
    expect(deleted).toMatchObject({ session_id: id, comment_id });
    expect(await listed(author)).toEqual([]);
  });

  it('lists the comments of one turn, oldest first', async () => {
    await using client = await connect(server.url);
    for (const [body, turn_id] of [
      ['one', 'turn-1'],
      ['two', 'turn-2'],
      ['three', 'turn-1'],
    ]) {
      client.send(remark({ body, turn_id }));
    }
    const bodies = (comments: Array<{ body: string }>) => comments.map(({ body }) => body);
    expect(bodies(await listed(client))).toEqual(['one', 'two', 'three']);
    expect(bodies(await listed(client, { turn_id: 'turn-1' }))).toEqual(['one', 'three']);
  });

  it('names the comment or the session that does not exist, and the lines that cannot be', async () => {
    await using client = await connect(server.url);
    const nobody = { ...remark(), session_id: 'nobody' };
    expect(await ask(client, nobody)).toMatchObject({ code: 'not_found', session_id: 'nobody' });
    const list = { type: 'list_review_comments', session_id: 'nobody' };
    expect(await ask(client, list)).toMatchObject({ code: 'not_found', session_id: 'nobody' });
    for (const type of ['update_review_comment', 'delete_review_comment']) {
      const answer = await ask(client, { type, comment_id: 'rc-none' });
      expect(answer).toMatchObject({ code: 'not_found' });
      expect(answer).toMatchObject({ message: expect.stringContaining('rc-none') });
    }
    const backwards = await ask(client, remark({ line_start: 9, line_end: 2 }));
    expect(backwards).toMatchObject({ code: 'invalid_argument', session_id: id });
    const long = await ask(client, remark({ body: 'x'.repeat(70_000) }));
    expect(long).toMatchObject({ code: 'invalid_argument' });
    expect(await listed(client)).toEqual([]);
  });
});

it('keeps two hundred comments of one moment apart', async () => {
  await using one = await wsClient(server.url);
  await using other = await ioClient(server.url);
  for (let n = 0; n < 100; n++) for (const client of [one, other]) client.send(remark());
  await barrier(one);
  await barrier(other);
  const comments = await listed(one);
  expect(new Set(comments.map(({ id }) => id)).size).toBe(200);
});

it('lets two clients that change different fields at once both have their way', async () => {
  await using one = await wsClient(server.url);
  await using other = await ioClient(server.url);
  const comment_id = await create(one);
  await Promise.all([
    ask(one, { type: 'update_review_comment', comment_id, body: 'Because' }),
    ask(other, { type: 'update_review_comment', comment_id, status: 'resolved' }),
  ]);
  expect(await listed(one)).toMatchObject([{ body: 'Because', status: 'resolved' }]);
});

it('takes remarks about a session that has ended, also after a restart', async () => {
  await deliver(server.url, scriptOf(id).end());
  await server.restart();
  await using client = await wsClient(server.url);
  await create(client);
  expect(await listed(client)).toHaveLength(1);
  expect(await snapshotOf(client, id)).toMatchObject({
    status: 'ended',
    review_comments: [{ body: 'Why?' }],
  });
});

it('a client that was away receives what came, what changed and what went, and keeps no body of what went', async () => {
  const observer = await observe(wsClient(server.url));
  await observer.settle();
  const kept = await create(observer.client, { body: 'kept' });
  const gone = await create(observer.client, { body: 'a secret remark' });
  await observer.settle();
  await observer.client.close();
  await using author = await wsClient(server.url);
  await ask(author, { type: 'update_review_comment', comment_id: kept, status: 'resolved' });
  await ask(author, { type: 'delete_review_comment', comment_id: gone });
  const brief = await create(author, { body: 'brief' });
  await ask(author, { type: 'delete_review_comment', comment_id: brief });
  await create(author, { body: 'new' });
  await server.restart();
  await using back = await observe(wsClient(server.url), observer.model);
  await back.settle();
  const about = back.factsOf(id).filter(({ type }) => type.startsWith('review_comment'));
  expect(about.map(({ type }) => type)).toEqual([
    'review_comment_updated',
    'review_comment_deleted',
    'review_comment_created',
  ]);
  expect(await differences(server.url, back)).toEqual([]);
  const bodies = 'SELECT body FROM review_comments WHERE session_id = ? ORDER BY rowid';
  expect(rowsOf(server.paths, bodies, id)).toEqual([
    { body: 'kept' },
    { body: '' },
    { body: '' },
    { body: 'new' },
  ]);
  const journal = rowsOf(server.paths, 'SELECT event FROM journal WHERE session_id = ?', id);
  expect(JSON.stringify(journal)).not.toContain('a secret remark');
});
