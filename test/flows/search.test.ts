/** Search as clients have it: over the wire and over HTTP, at once behind what was reported. */
import { expect, it, onTestFinished } from 'vitest';
import { wsClient } from '../support/clients.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { startTestServer } from '../support/server.ts';

async function serverWithSession() {
  const server = await startTestServer();
  onTestFinished(() => server[Symbol.asyncDispose]());
  const { prompt, toolStarts, toolEnds } = scriptOf('s');
  await deliver(server.url, prompt('Write the migration for users'));
  await deliver(server.url, toolStarts('t1'));
  await deliver(server.url, toolEnds('t1'));
  return server;
}

it('finds a prompt as soon as its hook is acknowledged, and says in which session', async () => {
  const server = await serverWithSession();
  const client = await wsClient(server.url);
  client.send({ type: 'search', query: 'migr when:today', request_id: 'r' });
  const found = await client.waitFor(({ type }) => type === 'search_results');
  expect(found).toMatchObject({ request_id: 'r', next: null });
  const { hits } = found as Extract<typeof found, { type: 'search_results' }>;
  expect(hits.map(({ session_id, field }) => [session_id, field])).toEqual([
    ['s', 'title'],
    ['s', 'content'],
  ]);
});

it('answers the same over HTTP, page by page', async () => {
  const server = await serverWithSession();
  const read = async (query: string) => {
    const response = await fetch(`${server.url}/api/search?${query}`);
    return { status: response.status, body: await response.json() };
  };
  const first = await read('q=write&limit=1');
  expect(first).toMatchObject({
    status: 200,
    body: { hits: [{ session_id: 's', field: 'title' }] },
  });
  expect(await read('q=is:happy')).toMatchObject({
    status: 422,
    body: { error: { code: 'invalid_argument' } },
  });
  expect(await read('')).toMatchObject({ status: 400 });
});

it('still finds everything after a restart', async () => {
  const server = await serverWithSession();
  await server.restart();
  const response = await fetch(`${server.url}/api/search?q=migration`);
  const { hits } = (await response.json()) as { hits: { field: string }[] };
  expect(hits.map(({ field }) => field)).toEqual(['title', 'content']);
});
