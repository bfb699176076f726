/** The HTTP bridge: what the debug client asks, answered by the same hall, behind the same gate. */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { resolveConfig } from '../../src/config.ts';
import { openDataDirectory } from '../../src/files.ts';
import { startServer } from '../../src/server.ts';
import { deliver, hookKey, scriptOf } from '../support/hooks.ts';
import { type HttpAnswer, request } from '../support/http.ts';
import { startTestServer, type TestServer, temporaryDataPaths } from '../support/server.ts';

let server: TestServer;
let id = '';
let script = scriptOf(id);
let sessions = 0;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => {
  sessions++;
  id = `bridged-${sessions}`;
  script = scriptOf(id);
});

type Answer = HttpAnswer;

const call = (path: string, init: RequestInit = {}, url = server.url): Promise<Answer> =>
  request(url, `/api${path}`, init);

const post = (path: string, body: unknown, headers = { 'Content-Type': 'application/json' }) =>
  call(path, { method: 'POST', headers, body: JSON.stringify(body) });

async function get(path: string): Promise<Answer['body']> {
  const { status, body } = await call(path);
  expect(status, JSON.stringify(body)).toBe(200);
  return body;
}

/** Operations of the debug client of earlier times have `error` as a text. */
function expectRefusal({ status, body }: Answer, code: string, httpStatus: number): void {
  const words = expect.stringMatching(/\w/);
  const shape =
    typeof body.error === 'string' ? { error: words, code } : { error: { code, message: words } };
  expect(body).toEqual(shape);
  expect(status).toBe(httpStatus);
}

describe('looking', () => {
  it('answers with the port it serves on', async () => {
    expect(await get('/health')).toEqual({ status: 'ok', port: server.port });
  });

  it('lists active sessions, and ended ones where they are asked for', async () => {
    await deliver(server.url, script.prompt('Go'));
    await deliver(server.url, scriptOf(`${id}-over`).prompt('Go'));
    await deliver(server.url, scriptOf(`${id}-over`).end());
    const idsOf = ({ sessions: all }: Answer['body']) => (all as { id: string }[]).map((s) => s.id);
    const active = idsOf(await get('/sessions'));
    expect(active).toContain(id);
    expect(active).not.toContain(`${id}-over`);
    expect(idsOf(await get('/sessions?all=1'))).toContain(`${id}-over`);
    expect(await get(`/sessions/${id}-over`)).toMatchObject({
      status: 'ended',
      ended_at: expect.stringMatching(/^\d{4}-.*Z$/),
    });
  });

  it('says what a session waits for, and by which id it is decided', async () => {
    await deliver(server.url, script.prompt('Go'));
    await deliver(server.url, script.toolStarts('t1'));
    await deliver(server.url, script.asks('rm -rf /'));
    const session = await get(`/sessions/${id}`);
    expect(session).toMatchObject({
      id,
      project_path: '/home/dev/shop',
      provider: 'claude',
      work_status: 'permission',
      attention_reason: 'awaitingPermission',
      is_direct: false,
      pending_approval_id: expect.stringMatching(/\w/),
      ended_at: null,
    });
    const { sessions: all } = await get('/sessions');
    const { ended_at: _, ...listed } = session;
    expect(all).toContainEqual(listed);
  });

  it('shows a conversation as its subscribers see it', async () => {
    await deliver(server.url, script.prompt('Go'));
    const { session } = await get(`/sessions/${id}/snapshot`);
    expect(session).toMatchObject({ id, messages: [{ content: 'Go' }], pending_approval: null });
  });

  it('says of what is not there that it is not', async () => {
    expectRefusal(await call('/sessions/nobody'), 'not_found', 404);
    expectRefusal(await call('/nowhere'), 'not_found', 404);
    expectRefusal(await call('/sessions?all=perhaps'), 'bad_request', 400);
    expectRefusal(await call('/sessions/%zz'), 'bad_request', 400);
    const { headers, ...answer } = await call('/sessions', { method: 'DELETE' });
    expectRefusal({ headers, ...answer }, 'method_not_allowed', 405);
    expect(headers.get('allow')).toBe('GET');
  });
});

describe('acting', () => {
  it('refuses a body of the wrong shape and names the field, never what was in it', async () => {
    const wrong: [path: string, body: unknown, field: string][] = [
      ['message', {}, 'message'],
      ['message', { message: '' }, 'message'],
      ['message', { message: 'x', images: [{ secret: 'sk-live-1' }] }, 'images'],
      ['steer', { content: 7 }, 'content'],
      ['fork', { nth_user_message: -1 }, 'nth_user_message'],
      ['permission-mode', { mode: 'sk-live-1' }, 'mode'],
      ['approve', { request_id: 'r', type: 'other', decision: 'denied' }, 'type'],
      ['approve', { request_id: 'r' }, 'decision'],
      ['approve', { request_id: 'r', type: 'question' }, 'answer'],
    ];
    for (const [path, body, field] of wrong) {
      const answer = await post(`/sessions/${id}/${path}`, body);
      expectRefusal(answer, 'bad_request', 400);
      expect(answer.body.error).toContain(field);
      expect(answer.body.error).not.toContain('sk-live-1');
    }
  });

  it('does nothing to a session that only is watched, and says so', async () => {
    await deliver(server.url, script.prompt('Go'));
    await deliver(server.url, script.toolStarts('t1'));
    await deliver(server.url, script.asks());
    const { revision: before } = await revisionOf();
    const requests: [path: string, body: unknown][] = [
      ['message', { content: 'Hi', model: 'other' }],
      ['interrupt', {}],
      ['approve', { request_id: 'pending', approved: true }],
      ['approve', { type: 'question', answer: 'yes' }],
      ['fork', {}],
      ['permission-mode', { permission_mode: 'plan' }],
      ['permission-mode', { mode: 'plan' }],
    ];
    for (const [path, body] of requests) {
      const answer = await post(`/sessions/${id}/${path}`, body);
      expect(answer.status, path).toBeGreaterThanOrEqual(400);
      expect(answer.body, path).toEqual({
        error: expect.stringMatching(/\w/),
        code: expect.stringMatching(/\w/),
      });
      expect(answer.body.code, path).not.toBe('internal_error');
    }
    expect((await revisionOf()).revision).toBe(before);
  });

  it('lets words wait for a session that only is watched, and says so', async () => {
    await deliver(server.url, script.prompt('Go'), { key: hookKey(process.pid) });
    const queued = { status: 'queued', session_id: id, message_id: expect.any(String) };
    for (const [path, body] of [
      ['message', { content: 'Hi' }],
      ['message', { message: 'Hi' }],
      ['steer', { content: 'Hi' }],
    ] as const) {
      expect(await post(`/sessions/${id}/${path}`, body)).toMatchObject({ body: queued });
    }
  });

  async function revisionOf(): Promise<{ revision: number }> {
    const { session } = await get(`/sessions/${id}/snapshot`);
    return session as { revision: number };
  }

  it('takes any message that needs no line, and answers with its reply', async () => {
    const hook = { ...script.prompt('By HTTP'), type: 'claude_status_event' };
    expect((await post('/messages', hook)).body).toMatchObject({ type: 'ack' });
    const { session } = await get(`/sessions/${id}/snapshot`);
    expect(session).toMatchObject({ messages: [{ content: 'By HTTP' }] });
    expectRefusal(await post('/messages', { type: 'make_coffee' }), 'parse_error', 422);
    expectRefusal(await post('/messages', { type: 'subscribe_list' }), 'bad_request', 400);
    const nobody = { type: 'compact_context', session_id: 'nobody' };
    expect((await post('/messages', nobody)).status).toBeGreaterThanOrEqual(400);
  });

  it('refuses what is not JSON, is too deep, or is sent by a page of somebody else', async () => {
    const path = `/sessions/${id}/interrupt`;
    const plain = { 'Content-Type': 'text/plain' };
    expectRefusal(await post(path, {}, plain), 'unsupported_media_type', 415);
    const headers = { 'Content-Type': 'application/json' };
    const broken = await call(path, { method: 'POST', headers, body: '{' });
    expectRefusal(broken, 'bad_request', 400);
    const deep = '['.repeat(70) + ']'.repeat(70);
    expectRefusal(await call(path, { method: 'POST', headers, body: deep }), 'parse_error', 422);
    const foreign = { ...headers, Origin: 'https://evil.example' };
    expectRefusal(await post(path, {}, foreign), 'forbidden', 403);
  });

  it('lets nobody in without the token where there is one', async () => {
    const paths = temporaryDataPaths();
    onTestFinished(() => rmSync(paths.dir, { recursive: true, force: true }));
    openDataDirectory(paths);
    const authToken = 'od_Kq7Zt1mXw4LkB9sRc2HyN8dPf5GjE0uTaQ3o';
    const flags = { dataDir: paths.dir, bind: '127.0.0.1:0', authToken };
    await using locked = await startServer(resolveConfig({ flags, env: {}, home: paths.dir }));
    const url = `http://127.0.0.1:${locked.port}`;
    expectRefusal(await call('/sessions', {}, url), 'unauthorized', 401);
    expectRefusal(await call(`/sessions?token=${authToken}`, {}, url), 'unauthorized', 401);
    const headers = { Authorization: `Bearer ${authToken}` };
    expect((await call('/sessions', { headers }, url)).body).toEqual({
      sessions: [],
      total: 0,
      next: null,
    });
  });
});
