/** Hooks that wait, as odd senders have them: each ends or is told of, and nobody is shown what he cannot answer. */
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
    const told = await client.waitFor(
      (message) =>
        client.messages.indexOf(message) >= from &&
        ((message.type === 'session_snapshot' && message.session.id === session_id) ||
          message.type === 'error'),
    );
    client.send({ type: 'unsubscribe_session', session_id });
    const open = told.type === 'session_snapshot' ? told.session.pending_approval : null;
    if (open && (open.answerable === true) === isAnswerable) return open;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function refusalOf(message: { type: string; request_id: string; session_id: string }) {
  const from = client.messages.length;
  client.send(message);
  const told = await client.waitFor(
    (one) => one.type === 'error' && client.messages.indexOf(one) >= from,
  );
  return told.type === 'error' ? told.code : null;
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

it('one that asks again is answered where it asked last, also when the first line breaks then', async () => {
  const key = hookKey();
  const first = line(asking('again'), key);
  const { id } = await openRequest('again', true);
  const second = line(asking('again'), key);
  expect(await first.said).toEqual({ status: 204, text: '' });
  first.hangUp();
  client.send({ type: 'approve_tool', session_id: 'again', request_id: id, decision: 'approved' });
  expect((await second.said).text).toContain('"allow"');
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
