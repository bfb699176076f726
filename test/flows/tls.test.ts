/** The port with a certificate: who uses TLS gets in as over HTTP, and a renewed certificate closes nobody. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { io } from 'socket.io-client';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { runCli } from '../../src/cli/index.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const dir = mkdtempSync(join(tmpdir(), 'orbit-tls-'));
const cert = join(dir, 'cert.pem');
const key = join(dir, 'key.pem');
let server: TestServer;
beforeAll(async () => {
  makePair('first');
  usePair('first');
  server = await startTestServer({ flags: { tlsCert: cert, tlsKey: key } });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

function makePair(name: string): void {
  const { status, stderr } = spawnSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
      ...['-keyout', join(dir, `${name}.key`), '-out', join(dir, `${name}.crt`)],
    ],
    { encoding: 'utf8' },
  );
  expect(status, stderr).toBe(0);
}

function usePair(name: string, keyName = name): void {
  copyFileSync(join(dir, `${name}.crt`), cert);
  copyFileSync(join(dir, `${keyName}.key`), key);
}

const ca = (name: string) => readFileSync(join(dir, `${name}.crt`));

function get(
  path: string,
  options: { name?: string; headers?: Record<string, string>; method?: string; body?: string } = {},
): Promise<{ status: number; text: string }> {
  const { name = 'first', headers = {}, method = 'GET', body = '' } = options;
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port: server.port, path, method, headers, ca: ca(name), agent: false },
      (response) => {
        let text = '';
        response.on('data', (part) => (text += part));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    asked.once('error', reject);
    asked.end(body);
  });
}

it('serves HTTP, both sockets and hooks; the page may come from its own origin only', async () => {
  const own = `https://127.0.0.1:${server.port}`;
  expect(
    JSON.parse((await get('/health', { headers: { Origin: own } })).text).version,
  ).toBeTruthy();
  const plainOrigin = { Origin: own.replace('https', 'http') };
  expect((await get('/health', { headers: plainOrigin })).status).toBe(403);
  const body = JSON.stringify({ session_id: 's', hook_event_name: 'Stop', cwd: '/x' });
  const headers = { 'Content-Type': 'application/json' };
  expect((await get('/api/hook', { method: 'POST', headers, body })).status).toBe(204);
  const ws = new WebSocket(`wss://127.0.0.1:${server.port}/ws`, { ca: ca('first') });
  const [hello] = await once(ws, 'message');
  expect(JSON.parse(String(hello)).type).toBe('hello');
  ws.terminate();
  const socket = io(own, {
    transports: ['websocket'],
    ca: ca('first') as never,
    reconnection: false,
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  socket.disconnect();
});

it('accepts no old TLS, and nothing at all without it', async () => {
  const old = connectTls({
    ...{ port: server.port, host: '127.0.0.1', ca: ca('first') },
    ...{ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
  });
  const [error] = (await once(old, 'error')) as [Error & { code?: string }];
  expect(error.message).toMatch(/alert|protocol version|no protocols/i);
  const plain = connect(server.port, '127.0.0.1');
  let said = '';
  plain.on('data', (bytes) => (said += bytes));
  plain.on('error', () => {});
  plain.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(plain, 'close');
  expect(said).not.toContain('HTTP/1.1 200');
});

it('answers on the unix socket as ever, which is how status and hooks find it', async () => {
  const status = await new Promise((resolve, reject) => {
    httpRequest(
      { socketPath: server.paths.socket, path: '/health', host: 'localhost' },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      },
    )
      .once('error', reject)
      .end();
  });
  expect(status).toBe(200);
  let out = '';
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      out += String(chunk);
      done();
    },
  });
  const argv = ['--data-dir', server.paths.dir, 'status', '--json'];
  expect(await runCli(argv, { env: { HOME: server.paths.dir }, stdout, stderr: stdout })).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    healthy: true,
    url: `https://127.0.0.1:${server.port}`,
  });
});

it('is asked by our own commands, whatever certificate it has', async () => {
  const ask = async (env: Record<string, string>, ...words: string[]) => {
    let out = '';
    const sink = new Writable({
      write(chunk, _encoding, done) {
        out += String(chunk);
        done();
      },
    });
    const argv = ['--data-dir', server.paths.dir, ...words];
    const all = { HOME: server.paths.dir, ...env };
    return { code: await runCli(argv, { env: all, stdout: sink, stderr: sink }), out };
  };
  const body = JSON.stringify({
    ...{ session_id: 'asked-by-cli', hook_event_name: 'UserPromptSubmit' },
    ...{ cwd: '/x', prompt: 'Hello' },
  });
  const headers = { 'Content-Type': 'application/json' };
  expect((await get('/api/hook', { method: 'POST', headers, body })).status).toBe(204);
  const listed = await ask({}, 'sessions', '--json');
  expect(listed, listed.out).toMatchObject({ code: 0 });
  expect(listed.out).toContain('asked-by-cli');
  const opened = await ask({}, 'open', 'asked-by-cli', '--print');
  expect(opened.out).toContain(`https://127.0.0.1:${server.port}/visualizer/`);
  const wrong = { ORBITDOCK_AUTH_TOKEN: `${'w'.repeat(20)}rong-token-of-nobody` };
  expect(await ask(wrong, 'sessions')).toMatchObject({ code: 77 });
});

it('takes a renewed certificate over, and closes nobody', { timeout: 40_000 }, async () => {
  const ws = new WebSocket(`wss://127.0.0.1:${server.port}/ws`, { ca: ca('first') });
  await once(ws, 'message');
  makePair('second');
  // Half of it: the old pair stays.
  usePair('second', 'first');
  await vi.waitFor(
    () => expect(readFileSync(server.paths.log, 'utf8')).toContain('tls.not_reloaded'),
    {
      timeout: 15_000,
    },
  );
  expect((await get('/health')).status).toBe(200);
  usePair('second');
  await vi.waitFor(
    async () => expect((await get('/health', { name: 'second' })).status).toBe(200),
    {
      timeout: 15_000,
    },
  );
  ws.send(JSON.stringify({ type: 'ping', request_id: 'still there' }));
  const [answer] = await once(ws, 'message');
  expect(JSON.parse(String(answer))).toMatchObject({ type: 'ack', request_id: 'still there' });
  ws.terminate();
});

it('is refused where it could not work', async () => {
  const start = (flags: object) => startTestServer({ flags });
  await expect(start({ tlsCert: cert })).rejects.toThrow('give both');
  await expect(start({ tlsCert: cert, tlsKey: join(dir, 'none') })).rejects.toThrow(
    'cannot be used',
  );
  await expect(start({ tlsCert: cert, tlsKey: join(dir, 'first.key') })).rejects.toThrow(
    'cannot be used',
  );
  const garbage = join(dir, 'garbage.pem');
  writeFileSync(garbage, 'garbage');
  await expect(start({ tlsCert: garbage, tlsKey: key })).rejects.toMatchObject({ exitCode: 78 });
});
