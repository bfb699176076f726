/** The unix socket in the data directory: the same endpoints, for the owner only. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import WebSocket from 'ws';
import { afterThis, openTransports, TOKEN, until } from './support.ts';

it('is open to its owner only, serves the transports as to a local caller, and goes at the stop', async () => {
  const socketPath = socketIn(temporaryDirectory());
  const { runtime, transports, log } = await openTransports({ socketPath });
  expect(statSync(socketPath).mode & 0o777).toBe(0o600);
  expect(await health(socketPath)).toEqual({ status: 'ok', version: '9.9.9' });
  const ws = new WebSocket(`ws+unix://${socketPath}:/ws`);
  afterThis(() => ws.terminate());
  const closed = new Promise((resolve) => ws.once('close', resolve));
  await until(() => expect(runtime.connections).toHaveLength(1));
  expect(runtime.connections[0]?.caller).toMatchObject({ kind: 'local', address: 'unix' });
  await transports.close();
  expect(await closed).toBe(1012);
  expect(existsSync(socketPath)).toBe(false);
  expect(log.lines.filter(({ level }) => level === 'warn')).toEqual([]);
});

it('asks for the token as loopback does: with one configured, and of a proxy', async () => {
  const socketPath = socketIn(temporaryDirectory());
  await openTransports({ socketPath, config: { token: TOKEN, localTrust: false } });
  expect(await health(socketPath)).toEqual({ status: 'ok' });
  const bearer = { Authorization: `Bearer ${TOKEN}` };
  expect(await health(socketPath, bearer)).toMatchObject({ status: 'ok', version: '9.9.9' });
  const trusting = socketIn(temporaryDirectory());
  await openTransports({ socketPath: trusting });
  expect(await health(trusting, { 'X-Forwarded-For': '1.2.3.4' })).toEqual({ status: 'ok' });
  const named = await health(trusting, { Host: 'evil.example' });
  expect(named).toMatchObject({ error: { code: 'forbidden' } });
});

it('replaces what an ended process has left', async () => {
  const socketPath = socketIn(temporaryDirectory());
  const left = createServer();
  await new Promise<void>((resolve) => left.listen(socketPath, resolve));
  afterThis(() => left.close());
  await openTransports({ socketPath });
  expect(await health(socketPath)).toHaveProperty('version');
});

it('warns and goes without it where the path is too long or something else lies there', async () => {
  const long = join(temporaryDirectory(), 'x'.repeat(100));
  mkdirSync(long);
  const taken = socketIn(temporaryDirectory());
  writeFileSync(taken, 'mine');
  for (const socketPath of [socketIn(long), taken]) {
    const { log, port } = await openTransports({ socketPath });
    expect(port).toBeGreaterThan(0);
    expect(log.lines).toContainEqual(expect.objectContaining({ event: 'socket.unavailable' }));
  }
  expect(statSync(taken).size).toBe(4);
});

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'orbit-sock-'));
  afterThis(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function socketIn(directory: string): string {
  return join(directory, 'orbitdock.sock');
}

function health(socketPath: string, headers: Record<string, string> = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: '/health', headers, agent: false }, async (response) => {
      let text = '';
      for await (const chunk of response) text += String(chunk);
      resolve(JSON.parse(text));
    })
      .once('error', reject)
      .end();
  });
}
