/**
 * Every message a client may send, once in each way that matters, over both transports: as it should be, of
 * the wrong shape, about a session nobody has. Each is answered, with the asker's `request_id`, in words
 * of the catalogue, readable by the desktop app, and the same on both transports.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REPLIES } from '../../src/client/requests.ts';
import { CODES } from '../../src/errors.ts';
import type { ClientMessage } from '../../src/protocol/client.ts';
import { type Build, build } from '../support/build.ts';
import { CLIENT_MESSAGES } from '../support/client-messages.ts';
import { ioClient, type Received, type TestClient, wsClient } from '../support/clients.ts';
import { ADDITIVE, decodeAsApp } from '../support/desktop/frames.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { type SpawnedServer, spawnServer } from '../support/spawned.ts';

type Tag = ClientMessage['type'];
const TAGS = Object.keys(CLIENT_MESSAGES) as Tag[];

/** Their `request_id` names an approval or a command, which comes back all the same. */
const NAMES_REQUEST = new Set<Tag>(['approve_tool', 'answer_question', 'cancel_shell']);
/** About a session nobody has they are right to say: nothing, or (hooks) here it begins. */
const FINE_WITHOUT = new Set<Tag>([
  ...(['unsubscribe_session', 'list_approvals', 'get_subagent_tools'] as const),
  ...TAGS.filter((tag) => tag.startsWith('claude_')),
]);
/** What may be said of a session nobody has. */
const UNKNOWN_SESSION = ['not_found', 'session_not_found'];

interface Endpoint {
  server: SpawnedServer;
  client: TestClient;
}

/** What an answer comes down to: two endpoints must agree in it. */
interface Answer {
  types: string[];
  code: string | null;
}

const CONNECT = { '/ws': wsClient, 'socket.io': ioClient };
type EndpointName = keyof typeof CONNECT;
const ENDPOINTS = Object.keys(CONNECT) as EndpointName[];

let program: Build;
const endpoints = {} as Record<EndpointName, Endpoint>;
const answers: Record<EndpointName, Record<string, Answer>> = { '/ws': {}, 'socket.io': {} };
let asked = 0;

beforeAll(async () => {
  program = await build();
  for (const endpoint of ENDPOINTS) {
    // Each endpoint has a runtime of its own, so that the same questions find the same state.
    const server = await spawnServer(program.main);
    endpoints[endpoint] = { server, client: await CONNECT[endpoint](server.url) };
  }
}, 60_000);
afterAll(async () => {
  for (const { server, client } of Object.values(endpoints)) {
    await client.close();
    await server[Symbol.asyncDispose]();
  }
  program[Symbol.dispose]();
});

/** A session of its own for each message, so that none meets what another did. */
async function sessionFor(endpoint: EndpointName, tag: Tag): Promise<string> {
  const id = `conformance-${tag}`;
  await deliver(endpoints[endpoint].server.url, scriptOf(id).prompt('Go'));
  return id;
}

function about(tag: Tag, sessionId: string): Record<string, unknown> {
  const body = { ...CLIENT_MESSAGES[tag] };
  for (const key of ['session_id', 'source_session_id']) if (key in body) body[key] = sessionId;
  return body;
}

/** Asks, and returns what came with the question's id up to the answer that ends it. */
async function ask(
  endpoint: EndpointName,
  tag: Tag,
  body: Record<string, unknown>,
): Promise<Received[]> {
  const { client } = endpoints[endpoint];
  asked++;
  const request_id = NAMES_REQUEST.has(tag) ? body.request_id : `asked-${asked}`;
  const from = client.messages.length;
  client.send({ type: tag, ...body, request_id });
  const isMine = (frame: Received) => 'request_id' in frame && frame.request_id === request_id;
  const ends = (frame: Received) =>
    isMine(frame) && client.messages.indexOf(frame) >= from && isLast(tag, frame);
  await client.waitFor(ends);
  return client.messages.slice(from).filter(isMine);
}

function isLast(tag: Tag, { type }: Received): boolean {
  const reply = (REPLIES as Record<string, string>)[tag] ?? 'ack';
  return type === reply || type === 'error' || type === 'ack';
}

function summed(frames: Received[]): Answer {
  const error = frames.find((frame) => frame.type === 'error');
  return {
    types: frames.map(({ type }) => type),
    code: error?.type === 'error' ? error.code : null,
  };
}

/** An answer that no client could make anything of. */
function expectReadable(frames: Received[]): void {
  for (const frame of frames) {
    const decoded = decodeAsApp(JSON.stringify(frame));
    if (!(ADDITIVE as readonly string[]).includes(frame.type))
      expect(decoded, JSON.stringify(frame)).toMatchObject({ kind: 'known' });
    if (frame.type !== 'error') continue;
    expect(CODES).toContain(frame.code);
    expect(frame.code).not.toBe('internal_error');
    expect(frame.message).toMatch(/\w/);
  }
}

/** The same message with one field, or its `request_id`, of another kind. */
function misshapen(tag: Tag): Record<string, unknown> {
  const body = CLIENT_MESSAGES[tag];
  const [field] = Object.keys(body);
  return { ...body, [field ?? 'request_id']: [{ wrong: true }] };
}

describe.each(ENDPOINTS)('over %s', (endpoint) => {
  it.each(TAGS)('%s is answered with its request_id', async (tag) => {
    const sessionId = await sessionFor(endpoint, tag);
    const frames = await ask(endpoint, tag, about(tag, sessionId));
    answers[endpoint][tag] = summed(frames);
    expectReadable(frames);
    const { code } = summed(frames);
    expect(['not_implemented', 'parse_error']).not.toContain(code);
    const reply = (REPLIES as Record<string, string>)[tag] ?? 'ack';
    if (code === null) expect(frames.at(-1)?.type).toBe(reply);
  });

  it.each(TAGS)('%s of the wrong shape is refused, and nothing else happens', async (tag) => {
    const { client } = endpoints[endpoint];
    const body = misshapen(tag);
    const from = client.messages.length;
    client.send({ request_id: 'misshapen', ...body, type: tag });
    const isRefusal = (frame: Received) =>
      frame.type === 'error' && client.messages.indexOf(frame) >= from;
    const answer = await client.waitFor(isRefusal);
    answers[endpoint][`${tag}, misshapen`] = summed([answer]);
    expect(answer).toMatchObject({ type: 'error', code: 'parse_error', session_id: null });
    const sent = 'request_id' in body ? body.request_id : 'misshapen';
    if (typeof sent === 'string') expect(answer).toMatchObject({ request_id: sent });
  });

  const WITH_SESSION = TAGS.filter(
    (tag) => 'session_id' in CLIENT_MESSAGES[tag] || 'source_session_id' in CLIENT_MESSAGES[tag],
  );
  it.each(WITH_SESSION)('%s about a session nobody has says so', async (tag) => {
    // What is not supported at all is refused before anybody looks for the session.
    const { updated_input: _, ...body } = about(tag, `nobody-has-${tag}`);
    const frames = await ask(endpoint, tag, body);
    answers[endpoint][`${tag}, nobody`] = summed(frames);
    expectReadable(frames);
    const error = frames.find((frame) => frame.type === 'error');
    if (FINE_WITHOUT.has(tag) && !error) return;
    expect(UNKNOWN_SESSION).toContain(error?.type === 'error' && error.code);
    expect(error).toMatchObject({ session_id: `nobody-has-${tag}` });
  });
});

it('answers the same on both transports', () => {
  expect(answers['socket.io']).toEqual(answers['/ws']);
  expect(Object.keys(answers['/ws']).length).toBeGreaterThan(TAGS.length * 2);
});

it('leaves nothing unanswered but direct control of Claude, in words that say so', async () => {
  for (const endpoint of ENDPOINTS) {
    const frames = await ask(endpoint, 'create_session', { provider: 'claude', cwd: '/tmp' });
    expectReadable(frames);
    expect(summed(frames).code).toBe('claude_error');
  }
});
