/** Hooks that wait, as odd senders have them: each ends or is reported, and nobody is shown what he cannot answer. */
import { request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestClient, wsClient } from '../support/clients.ts';
import { hookKey } from '../support/hooks.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let client: TestClient;
beforeAll(async () => {
  server = await startTestServer();
  client = await wsClient(server.url);
});
afterAll(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
});

const asking = (session_id: string, more: object = {}): string =>
  JSON.stringify({
    ...{ session_id, hook_event_name: 'PermissionRequest', cwd: '/x' },
    ...{ tool_name: 'Bash', tool_input: { command: 'ls' } },
    ...more,
  });

const headersOf = (key: string | null): Record<string, string> => ({
  'Content-Type': 'application/json',
  'X-OrbitDock-Awaits': '1',
  ...(key !== null && { 'Idempotency-Key': key }),
});

interface Line {
  said: Promise<{ status: number; text: string }>;
  hangUp(): void;
}

function line(body: string, key: string | null = hookKey()): Line {
  const socketPath = `${server.paths.dir}/orbitdock.sock`;
  const options = { socketPath, path: '/api/hook/answer', method: 'POST', agent: false };
  const asked = request({ ...options, headers: headersOf(key) });
  const said = new Promise<{ status: number; text: string }>((resolve) => {
    asked.once('error', () => resolve({ status: 0, text: '' }));
    asked.once('response', (response) => {
      let text = '';
      response.on('data', (part) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
  });
  asked.end(body);
  return { said, hangUp: () => asked.destroy() };
}

/** What clients are shown of the session's request, once that is so. */
async function openRequest(session_id: string, isAnswerable: boolean) {
  for (;;) {
    const from = client.messages.length;
    client.send({ type: 'subscribe_session', session_id });
    const received = await client.waitFor(
      (message) =>
        client.messages.indexOf(message) >= from &&
        ((message.type === 'session_snapshot' && message.session.id === session_id) ||
          message.type === 'error'),
    );
    client.send({ type: 'unsubscribe_session', session_id });
    const open = received.type === 'session_snapshot' ? received.session.pending_approval : null;
    if (open && (open.answerable === true) === isAnswerable) return open;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function refusalOf(message: { type: string; request_id: string; session_id: string }) {
  const from = client.messages.length;
  client.send(message);
  const received = await client.waitFor(
    (one) => one.type === 'error' && client.messages.indexOf(one) >= from,
  );
  return received.type === 'error' ? received.code : null;
}

it('one that goes before its hook is stored cannot be answered', async () => {
  const body = asking('gone');
  const head = Object.entries(headersOf(hookKey())).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = `Host: localhost\r\nContent-Length: ${body.length}\r\n`;
  const socket = connect(`${server.paths.dir}/orbitdock.sock`);
  socket.write(`POST /api/hook/answer HTTP/1.1\r\n${head.join('')}${length}\r\n${body}`, () =>
    socket.destroy(),
  );
  const { id } = await openRequest('gone', false);
  const about = { session_id: 'gone', request_id: id, decision: 'approved' };
  expect(await refusalOf({ type: 'approve_tool', ...about })).not.toBe(null);
});

it('whoever asks under the key of a hook that waits gets nothing, and takes nothing away from it', async () => {
  const key = hookKey();
  const hook = line(asking('again'), key);
  const { id } = await openRequest('again', true);
  const other = line(asking('again'), key);
  expect(await other.said).toEqual({ status: 204, text: '' });
  client.send({ type: 'approve_tool', session_id: 'again', request_id: id, decision: 'approved' });
  expect((await hook.said).text).toContain('"allow"');
});

it('one without a key is refused before anything is stored', async () => {
  expect((await line(asking('no-key'), null).said).status).toBe(400);
  expect(await refusalOf({ type: 'subscribe_session', session_id: 'no-key', request_id: '' })).toBe(
    'not_found',
  );
});

it('a changed input that is none of a tool is refused, and the request stays open', async () => {
  const { said } = line(asking('input'));
  const { id } = await openRequest('input', true);
  const about = { type: 'approve_tool', session_id: 'input', request_id: id, decision: 'approved' };
  for (const updated_input of ['ls', 5, false, [{ command: 'ls' }]]) {
    expect(await refusalOf({ ...about, updated_input } as never)).toBe('invalid_decision');
  }
  client.send({ ...about, updated_input: { command: 'pwd' } });
  expect((await said).text).toContain('"updatedInput":{"command":"pwd"}');
});

it('suggestions are taken once each, and none is no rule', async () => {
  const rule = { type: 'addRules', behavior: 'allow', destination: 'session', rules: [] };
  const { said } = line(asking('rules', { permission_suggestions: [rule] }));
  const { id } = await openRequest('rules', true);
  const about = { type: 'approve_tool', session_id: 'rules', request_id: id };
  const always = { ...about, decision: 'approved_always' };
  expect(await refusalOf({ ...always, suggestions: [] } as never)).toBe('invalid_decision');
  client.send({ ...always, suggestions: Array(10_000).fill(0) });
  const { decision } = JSON.parse((await said).text).hookSpecificOutput;
  expect(decision.updatedPermissions).toEqual([rule]);
});

it('a question may be called as what every object has', async () => {
  const questions = ['constructor', '__proto__'].map((question) => ({ question, options: [] }));
  const tool = { tool_name: 'AskUserQuestion', tool_input: { questions } };
  const { said } = line(asking('names', tool));
  const { id } = await openRequest('names', true);
  client.send({ type: 'answer_question', session_id: 'names', request_id: id, answer: 'blue' });
  expect((await said).text).toContain('"answers":{"constructor":"blue","__proto__":"blue"}');
});

const stopped = (session_id: string, more: object = {}): string =>
  JSON.stringify({ session_id, hook_event_name: 'Stop', prompt_id: 'p1', cwd: '/x', ...more });

/** Words for a session that one hook has made known. */
async function write(session_id: string, content: string): Promise<string> {
  const prompt = { session_id, hook_event_name: 'UserPromptSubmit', prompt: 'go on' };
  await line(JSON.stringify(prompt), hookKey(process.pid)).said;
  const request_id = `${session_id}-words`;
  client.send({ type: 'send_message', session_id, content, request_id });
  const ack = await client.waitFor((m) => m.type === 'ack' && m.request_id === request_id);
  return ack.type === 'ack' ? (ack.id ?? '') : '';
}

async function whereIs(session_id: string, id: string): Promise<string | null | undefined> {
  const from = client.messages.length;
  client.send({ type: 'get_messages', session_id });
  const page = await client.waitFor(
    (m) => client.messages.indexOf(m) >= from && m.type === 'messages_page',
  );
  return page.type === 'messages_page'
    ? page.messages.find((one) => one.id === id)?.tool_output
    : undefined;
}

it('words are given to the hook that asks, however often it reports, and to no other', async () => {
  const id = await write('words', 'mind the tests');
  const key = hookKey();
  // Whoever delivers the hook may be faster than the one that waits.
  const body = stopped('words');
  const delivered = fetch(`${server.url}/api/hook`, {
    ...{ method: 'POST', headers: headersOf(key), body },
  });
  expect((await delivered).status).toBe(204);
  expect(JSON.parse((await line(body, key).said).text)).toEqual({
    hookSpecificOutput: { hookEventName: 'Stop', additionalContext: 'mind the tests' },
  });
  expect(await line(body, key).said).toEqual({ status: 204, text: '' });
  expect(await whereIs('words', id)).toBe('sent');
  expect((await line(stopped('words', { stop_hook_active: true })).said).text).toBe('');
  expect(await whereIs('words', id)).toBe('delivered');
});

it('words for a hook that never comes for them wait for the next one', async () => {
  const id = await write('lost-words', 'mind the tests');
  const { said, hangUp } = line(stopped('lost-words'));
  hangUp();
  await said;
  const again = async (): Promise<string> => {
    const { text } = await line(stopped('lost-words', { prompt_id: undefined })).said;
    return text === '' ? again() : text;
  };
  expect(JSON.parse(await again())).toEqual({ decision: 'block', reason: 'mind the tests' });
  await line(stopped('lost-words', { stop_hook_active: true })).said;
  expect(await whereIs('lost-words', id)).toBe('delivered');
});
