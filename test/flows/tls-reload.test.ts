/** A renewed certificate is taken over at SIGHUP by the real program, and who is connected stays. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { io } from 'socket.io-client';
import { expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { build } from '../support/build.ts';
import { spawnServer } from '../support/spawned.ts';

const SOON = { timeout: 10_000, interval: 50 };

it('takes it over at SIGHUP, closes nobody, and goes on with the old one when the new one is wrong', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'orbit-hup-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
  for (const name of ['first', 'second']) {
    const made = spawnSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'],
      ...['-keyout', join(dir, `${name}.key`), '-out', join(dir, `${name}.crt`)],
    ]);
    expect(made.status).toBe(0);
  }
  const use = (name: string, keyOf = name) => {
    copyFileSync(join(dir, `${name}.crt`), cert);
    copyFileSync(join(dir, `${keyOf}.key`), key);
  };
  use('first');
  using program = await build();
  await using server = await spawnServer(program.main, {
    words: ['--tls-cert', cert, '--tls-key', key],
  });
  const lines = (event: string) =>
    readFileSync(server.paths.log, 'utf8')
      .split('\n')
      .filter((line) => line.includes(event));
  const secure = server.url.replace('http', 'https');
  const ca = readFileSync(join(dir, 'first.crt'));
  const ws = new WebSocket(`${secure.replace('https', 'wss')}/ws`, { ca });
  onTestFinished(() => ws.terminate());
  await once(ws, 'message');
  const socket = io(secure, { transports: ['websocket'], ca: ca as never, reconnection: false });
  onTestFinished(() => void socket.disconnect());
  await new Promise<void>((resolve) => socket.once('connect', resolve));

  // Nothing has changed: only the signal can be the reason.
  server.signal('SIGHUP');
  await vi.waitFor(() => expect(lines('tls.reloaded')).toHaveLength(1), SOON);
  use('second', 'first');
  server.signal('SIGHUP');
  await vi.waitFor(() => expect(lines('tls.not_reloaded').length).toBeGreaterThan(0), SOON);
  expect(await subjectAt(secure)).toBe('first');
  use('second');
  server.signal('SIGHUP');
  await vi.waitFor(async () => expect(await subjectAt(secure)).toBe('second'), SOON);

  ws.send(JSON.stringify({ type: 'ping', request_id: 'still there' }));
  const [answer] = await once(ws, 'message');
  expect(JSON.parse(String(answer))).toMatchObject({ type: 'ack', request_id: 'still there' });
  const acked = new Promise((resolve) => socket.emit('message', { type: 'ping' }, resolve));
  await acked;
  expect(socket.connected).toBe(true);
  expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
}, 90_000);

/** The name in the certificate of a new connection. */
function subjectAt(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    // Which certificate it is, is what is asked.
    const asked = get(`${url}/health`, { rejectUnauthorized: false, agent: false }, (response) => {
      response.resume();
    });
    asked.once('error', reject);
    asked.once('socket', (socket) => {
      socket.once('secureConnect', () => {
        resolve(String((socket as import('node:tls').TLSSocket).getPeerCertificate().subject.CN));
      });
    });
  });
}
