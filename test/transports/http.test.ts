import { Agent, request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { OrbitError } from '../../src/errors.ts';
import {
  afterThis,
  createLatch,
  openTransports,
  raw,
  rawSocket,
  requestText,
  TOKEN,
  until,
} from './support.ts';

const BODY = '{"hook_event_name":"Stop","session_id":"s1"}';
const JSON_TYPE = ['Content-Type', 'application/json'] as const;

interface Post {
  method?: string;
  headers?: readonly (readonly [string, string])[];
  body?: string | Buffer;
}

async function post(port: number, { method = 'POST', headers = [JSON_TYPE], body = BODY }: Post) {
  const host = ['Host', `127.0.0.1:${port}`] as const;
  const bytes = Buffer.from(body);
  const length = ['Content-Length', String(bytes.length)] as const;
  const head = requestText(method, '/api/hook', [host, ...headers, length]);
  const answer = await raw(port, Buffer.concat([Buffer.from(head), bytes]));
  const { code } = answer.body ? JSON.parse(answer.body).error : { code: '' };
  return { ...answer, code };
}

describe('POST /api/hook', () => {
  it('answers 204 only after the runtime has taken it', async () => {
    const { port, runtime } = await openTransports();
    const [arrival, commit] = [createLatch(), createLatch()];
    runtime.onHook = () => {
      arrival.open();
      return commit.reached;
    };
    let answered = false;
    const answer = post(port, {
      headers: [
        JSON_TYPE,
        ['Idempotency-Key', '17-a.b:c_D'],
        ['X-OrbitDock-Hook', 'claude_status_event'],
      ],
    }).finally(() => {
      answered = true;
    });
    await arrival.reached;
    await raw(port, requestText('GET', '/health', [['Host', `127.0.0.1:${port}`]]));
    expect(answered).toBe(false);
    commit.open();
    expect(await answer).toMatchObject({ status: 204, body: '' });
    expect(runtime.hooks).toEqual([
      {
        body: JSON.parse(BODY),
        meta: { key: '17-a.b:c_D', type: 'claude_status_event', origin: 'hook' },
      },
    ]);
  });

  it('refuses what it cannot read, each in its own way', async () => {
    const { port, runtime } = await openTransports();
    const cases: [Post, number][] = [
      [{ headers: [] }, 415],
      [{ headers: [['Content-Type', 'text/plain']] }, 415],
      [{ headers: [['Content-Type', 'application/x-www-form-urlencoded']] }, 415],
      [{ headers: [['Content-Type', 'application/jsonp']] }, 415],
      [{ headers: [JSON_TYPE, ['Content-Encoding', 'gzip']], body: gzipSync(BODY) }, 415],
      [{ headers: [['Content-Type', 'Application/JSON; charset=utf-8']] }, 204],
      [{ headers: [JSON_TYPE, ['Content-Encoding', 'identity']] }, 204],
      [{ body: '' }, 400],
      [{ body: '{"a":' }, 400],
      [{ body: Buffer.from([0x22, 0xc3, 0x28, 0x22]) }, 204],
      [{ body: `${BODY}${BODY}` }, 400],
      [{ body: '['.repeat(65) + ']'.repeat(65) }, 422],
      [{ body: '['.repeat(1_000_000) }, 422],
      [{ body: `[${'1,'.repeat(201_000)}1]` }, 422],
      [{ body: '{"__proto__":{"polluted":true}}' }, 204],
      [{ headers: [JSON_TYPE, ['Idempotency-Key', 'a b']] }, 400],
      [{ headers: [JSON_TYPE, ['Idempotency-Key', 'x'.repeat(129)]] }, 400],
      [{ headers: [JSON_TYPE, ['Idempotency-Key', 'x'.repeat(128)]] }, 204],
      [{ headers: [JSON_TYPE, ['X-OrbitDock-Hook', '../etc']] }, 400],
    ];
    for (const [given, status] of cases) {
      const answer = await post(port, given);
      expect({ given: JSON.stringify(given).slice(0, 100), status: answer.status }).toEqual({
        given: JSON.stringify(given).slice(0, 100),
        status,
      });
      if (status !== 204) expect(answer.code).toMatch(/^[a-z_]+$/);
    }
    expect(runtime.hooks).toHaveLength(5);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('answers 405 with Allow to other methods', async () => {
    const { port } = await openTransports();
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const answer = await post(port, { method, body: '' }).catch(() => null);
      expect(answer).toMatchObject({ status: 405, headers: { allow: 'POST' } });
    }
  });

  it('passes the refusals of the runtime on, 503 with Retry-After', async () => {
    const { port, runtime } = await openTransports();
    const refuse = async (error: Error) => {
      runtime.onHook = () => Promise.reject(error);
      const { status, code, headers } = await post(port, {});
      return [status, code, headers['retry-after'] ?? null];
    };
    expect(await refuse(new OrbitError('parse_error', { reason: 'x' }))).toEqual([
      422,
      'parse_error',
      null,
    ]);
    expect(await refuse(new OrbitError('server_busy'))).toEqual([503, 'server_busy', '1']);
    const full = new OrbitError('storage_unavailable', { reason: 'disk_full' });
    expect(await refuse(full)).toEqual([503, 'storage_unavailable', '5']);
    expect(await refuse(new OrbitError('shutting_down'))).toEqual([503, 'shutting_down', '5']);
  });

  it('turns a bug into a 500 that says nothing and a log line that says it', async () => {
    const { port, runtime, log } = await openTransports();
    runtime.onHook = () => Promise.reject(new TypeError('a secret of the server'));
    const answer = await post(port, {});
    expect(answer.status).toBe(500);
    expect(answer.body).not.toContain('secret');
    expect(log.lines.find(({ level }) => level === 'error')?.event).toBe('http.failed');
  });

  it('refuses what stays above 8 MiB without its long texts before it is sent where its length is given, and keeps nothing of it', async () => {
    const { port, runtime } = await openTransports();
    const declared = requestText('POST', '/api/hook', [
      ['Host', `127.0.0.1:${port}`],
      JSON_TYPE,
      ['Content-Length', String(65 * 1024 * 1024)],
    ]);
    const early = await raw(port, declared);
    expect(early.status).toBe(413);

    const head = requestText('POST', '/api/hook', [
      ['Host', `127.0.0.1:${port}`],
      JSON_TYPE,
      ['Transfer-Encoding', 'chunked'],
    ]);
    const chunk = Buffer.concat([
      Buffer.from('100000\r\n'),
      Buffer.alloc(0x100000, 0x20),
      Buffer.from('\r\n'),
    ]);
    const parts = [Buffer.from(head), ...Array<Buffer>(9).fill(chunk)];
    expect((await raw(port, Buffer.concat(parts))).status).toBe(413);
    expect(runtime.hooks).toEqual([]);

    const fits = JSON.stringify({ text: 'x'.repeat(8 * 1024 * 1024 - 11) });
    expect((await post(port, { body: fits })).status).toBe(204);
    expect((await post(port, { body: fits.replace('{', `{${' '.repeat(100)}`) })).status).toBe(204);
    const [whole, cut] = runtime.hooks.map(({ body }) => (body as { text: string }).text);
    expect(whole).toHaveLength(8 * 1024 * 1024 - 11);
    expect(cut).toMatch(/^x{1048576}… \(cut: the hook was too large\)$/);
  });

  it('forgets a request whose sender goes away in the middle', async () => {
    const { port, runtime } = await openTransports();
    const socket = rawSocket(port);
    socket.write(
      `${requestText('POST', '/api/hook', [['Host', `127.0.0.1:${port}`], JSON_TYPE, ['Content-Length', '50']])}{"a"`,
      () => socket.destroy(),
    );
    expect((await post(port, {})).status).toBe(204);
    expect(runtime.hooks).toHaveLength(1);
  });
});

describe('GET /health', () => {
  it('says what ails the server, always with 200', async () => {
    const { port, runtime } = await openTransports();
    const health = async (method: string) => {
      const text = requestText(method, '/health?x=1', [['Host', `127.0.0.1:${port}`]]);
      return raw(port, text);
    };
    expect(JSON.parse((await health('GET')).body)).toEqual({ status: 'ok', version: '9.9.9' });
    runtime.state = { status: 'ok', degraded: 'disk_full' };
    const answer = await health('GET');
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toMatchObject({ status: 'ok', degraded: 'disk_full' });
    expect(await health('POST')).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
  });
});

describe('every answer', () => {
  it('carries the security headers, and the log neither queries nor headers', async () => {
    const { port, log } = await openTransports();
    const ask = (target: string) =>
      raw(
        port,
        requestText('GET', target, [
          ['Host', `127.0.0.1:${port}`],
          ['Cookie', 'canary=1'],
        ]),
      );
    for (const target of ['/health?canary', '/nowhere?canary', '/api/hook?canary', '/ws?canary']) {
      const { headers } = await ask(target);
      expect(headers['cross-origin-resource-policy']).toBe('same-origin');
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['referrer-policy']).toBe('no-referrer');
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
    expect(await ask('/nowhere')).toMatchObject({ status: 404 });
    expect(await ask('/ws')).toMatchObject({ status: 426, headers: { upgrade: 'websocket' } });
    await until(() => {
      expect(log.lines.filter(({ event }) => event === 'http.request').length).toBe(6);
    });
    expect(JSON.stringify(log.lines)).not.toContain('canary');
  });
});

describe('slow and greedy senders', () => {
  it('cuts off requests that do not finish, while others are answered', async () => {
    const { port, runtime } = await openTransports({
      limits: { headersTimeoutMs: 200, requestTimeoutMs: 300, timeoutCheckMs: 50 },
    });
    const host = `Host: 127.0.0.1:${port}\r\n`;
    const beginnings = ['', 'GET /he', `GET /health HTTP/1.1\r\n${host}X-Slow: `];
    beginnings.push(
      `POST /api/hook HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{`,
    );
    let open = 0;
    for (let n = 0; n < 40; n++) {
      const socket = rawSocket(port);
      open++;
      socket.resume().once('close', () => open--);
      socket.write(beginnings[n % beginnings.length] ?? '');
    }
    expect((await post(port, {})).status).toBe(204);
    await until(() => expect(open).toBe(0));
    expect(runtime.hooks).toHaveLength(1);
  });

  it('answers over one kept connection, one request after the other', async () => {
    const { port, runtime } = await openTransports();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    afterThis(() => agent.destroy());
    const headers = { 'Content-Type': 'application/json' };
    const once = (body: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const options = {
          port,
          host: '127.0.0.1',
          path: '/api/hook',
          method: 'POST',
          agent,
          headers,
        };
        request(options, (response) => {
          response.resume().once('end', () => resolve(response.statusCode));
        })
          .once('error', reject)
          .end(body);
      });
    expect(await Promise.all([once(BODY), once('{'), once(BODY)])).toEqual([204, 400, 204]);
    expect(runtime.hooks).toHaveLength(2);
  });
});

it('is not ready while nothing can be stored, and anybody may ask', async () => {
  const { port, runtime } = await openTransports({ config: { token: TOKEN, localTrust: false } });
  runtime.state = { status: 'ok', degraded: 'disk_full' };
  const answer = await fetch(`http://127.0.0.1:${port}/ready`);
  expect(answer.status).toBe(503);
  expect(await answer.json()).toEqual({ ready: false, degraded: 'disk_full' });
  expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(401);
});
