/** The whole history through every transport: /ws, socket.io, HTTP and the typed client. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask } from '../support/asking.ts';
import { ioClient, wsClient } from '../support/clients.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { request } from '../support/http.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { typedClient } from '../support/typed-client.ts';

const TURNS = 300;
const LONG = `${'a line of output\n'.repeat(20_000)}end`;

let server: TestServer;
const id = 'long-talk';
const script = scriptOf(id);

beforeAll(async () => {
  server = await startTestServer();
  for (let turn = 0; turn < TURNS; turn += 1) {
    await deliver(server.url, script.prompt(`question ${turn}`));
  }
  await deliver(server.url, script.toolStarts('make', 'tool-1'));
  await deliver(server.url, script.toolEnds('make', LONG, 'tool-1'));
});
afterAll(() => server[Symbol.asyncDispose]());

const prompts = (messages: Array<{ message_type: string; content: string }>) =>
  messages.filter(({ message_type }) => message_type === 'user').map(({ content }) => content);
const ALL = Array.from({ length: TURNS }, (_, turn) => `question ${turn}`);

it.each([
  ['/ws', wsClient],
  ['socket.io', ioClient],
] as const)(
  'a client of %s reads back from a small snapshot to the first message',
  async (_, connect) => {
    await using client = await connect(server.url);
    client.send({ type: 'subscribe_session', session_id: id, message_limit: 10 });
    const frame = await client.waitFor(({ type }) => type === 'session_snapshot');
    const { session } = frame as Extract<typeof frame, { type: 'session_snapshot' }>;
    expect(session.messages).toHaveLength(10);
    expect(session).toMatchObject({ has_older: true, message_count: TURNS + 1 });
    let messages = session.messages;
    for (let hasOlder = true; hasOlder; ) {
      const before = messages[0]?.id;
      const page = await ask(client, { type: 'get_messages', session_id: id, before, limit: 70 });
      if (page.type !== 'messages_page') throw new Error(JSON.stringify(page));
      messages = [...page.messages, ...messages];
      hasOlder = page.has_older;
    }
    expect(prompts(messages)).toEqual(ALL);
  },
);

it('refuses what names no message, no session or two places, and says which', async () => {
  await using client = await wsClient(server.url);
  const get = (more: object) => ask(client, { type: 'get_messages', session_id: id, ...more });
  expect(await get({ before: 'nothing' })).toMatchObject({ code: 'not_found', session_id: id });
  expect(await get({ session_id: 'nobody' })).toMatchObject({ code: 'not_found' });
  expect(await get({ before: 'a', after: 'b' })).toMatchObject({ code: 'invalid_argument' });
  const text = (more: object) => ask(client, { type: 'get_text', session_id: id, ...more });
  expect(await text({})).toMatchObject({ code: 'invalid_argument' });
  expect(await text({ turn_id: 'turn-999' })).toMatchObject({ code: 'not_found' });
  const sessions = await ask(client, { type: 'get_sessions', after: 'nonsense' });
  expect(sessions).toMatchObject({ code: 'invalid_argument' });
});

it('HTTP has the same pages, and long texts whole', async () => {
  const get = async (path: string) => {
    const { status, body } = await request(server.url, `/api/sessions${path}`);
    expect(status).toBe(200);
    return body as never;
  };
  type Page = {
    messages: Array<{ id: string; message_type: string; content: string }>;
    has_older: boolean;
  };
  let messages: Page['messages'] = [];
  for (let hasOlder = true; hasOlder; ) {
    const before = messages[0] ? `&before=${encodeURIComponent(messages[0].id)}` : '';
    const page: Page = await get(`/${id}/messages?limit=110${before}`);
    messages = [...page.messages, ...messages];
    hasOlder = page.has_older;
  }
  expect(prompts(messages)).toEqual(ALL);
  const tool = messages.at(-1) as { id: string } & Record<string, unknown>;
  expect(tool.truncated).toEqual({ tool_output: LONG.length });
  const named = `message_id=${encodeURIComponent(tool.id)}&field=tool_output`;
  expect(await get(`/${id}/text?${named}`)).toMatchObject({ field: 'tool_output', text: LONG });
  expect(await get(`/${id}/diffs`)).toEqual({ session_id: id, turn_diffs: [], has_older: false });
  expect(await get('?all=1&limit=1')).toMatchObject({ total: 1, next: null, sessions: [{ id }] });
  const refused = await request(server.url, `/api/sessions/${id}/messages?before=nothing`);
  expect(refused).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
});

it('the typed client puts older messages in front of its view and keeps them when news come', async () => {
  using client = typedClient(server.url);
  await client.online();
  client.watch(id);
  await expect.poll(() => client.session(id)?.messages.length).toBe(200);
  while (client.session(id)?.has_older) await client.older(id);
  expect(prompts([...(client.session(id)?.messages ?? [])])).toEqual(ALL);
  await deliver(server.url, script.prompt('one more'));
  await expect.poll(() => client.session(id)?.messages.at(-1)?.content).toBe('one more');
  expect(client.session(id)?.messages).toHaveLength(TURNS + 2);
  const tool = client.session(id)?.messages.find(({ tool_output }) => tool_output !== null);
  const message_id = tool?.id ?? '';
  const text = await client.text({ session_id: id, message_id, field: 'tool_output' });
  expect(text).toBe(LONG);
});
