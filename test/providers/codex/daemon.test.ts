/** The shared daemon as an engine: how it is found, what is said to it, and what never is. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { SILENT_LOGGER } from '../../../src/log.ts';
import { createDaemon, type SharedDaemon } from '../../../src/providers/codex/engine/daemon.ts';
import { createEngines, type Daemons } from '../../../src/providers/codex/engine-choice.ts';

let home: string;
let daemon: SharedDaemon;
const closers: (() => Promise<void>)[] = [];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'odd-'));
  const timing = { everyMs: 20, settleMs: 0 };
  daemon = createDaemon({ home, log: SILENT_LOGGER, version: '0.0.0-test', ...timing });
});
afterEach(async () => {
  await daemon.close();
  for (const close of closers.splice(0)) await close();
  rmSync(home, { recursive: true });
});

const link = () => join(home, 'app-server-control', 'app-server-control.sock');

/** A daemon that greets as this version and writes down what it receives. */
async function startPeer(version = '0.163.0') {
  const path = join(home, `socket-${closers.length}`);
  const server: Server = createServer();
  const sockets: WebSocket[] = [];
  const received: Record<string, unknown>[] = [];
  new WebSocketServer({ server }).on('connection', (socket) => {
    sockets.push(socket);
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as Record<string, unknown>;
      received.push(message);
      const { id, method } = message;
      if (id === undefined || method === undefined) return;
      const greeting = { userAgent: `codex-tui/${version} (Linux) (orbitdock; 0)` };
      const result = method === 'initialize' ? greeting : { data: [], nextCursor: null };
      socket.send(JSON.stringify({ id, result }));
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  mkdirSync(join(home, 'app-server-control'), { recursive: true });
  symlinkSync(path, link());
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.terminate();
    await new Promise((resolve) => server.close(resolve));
  };
  closers.push(close);
  const send = (message: object) => sockets.at(-1)?.send(JSON.stringify(message));
  /** Ends as a killed process does whose listening socket goes last: one more connection is made, and reset. */
  const die = (): void => {
    server.prependListener('connection', (connection) => {
      connection.destroy();
      server.close();
    });
    for (const socket of sockets) socket.terminate();
  };
  const reset = () => server.prependListener('connection', (connection) => connection.destroy());
  return { received, send, die, reset, close };
}

const isReady = () => expect.poll(() => daemon.state).toBe('ready');

describe('the daemon', () => {
  it('is joined when its socket comes later, also into a folder that was not there', async () => {
    await daemon.open();
    expect(daemon.state).toBe('stopped');
    const peer = await startPeer();
    await isReady();
    expect(daemon.version).toBe('0.163.0');
    await expect
      .poll(() => peer.received.map(({ method }) => method))
      .toEqual(['initialize', 'initialized']);
  });

  it('is joined again when another one has taken its place', async () => {
    const first = await startPeer();
    await daemon.open();
    await isReady();
    const states: string[] = [];
    daemon.onState((state) => states.push(state));
    await first.close();
    await expect.poll(() => daemon.state).toBe('stopped');
    unlinkSync(link());
    await startPeer('0.171.0');
    await isReady();
    expect(daemon.version).toBe('0.171.0');
    expect(states[0]).toBe('starting');
    expect(states.at(-1)).toBe('ready');
  });

  it('is gone at once, not failed, where it takes a last connection while it ends', async () => {
    await daemon.close();
    const timing = { everyMs: 60_000, settleMs: 0 };
    daemon = createDaemon({ home, log: SILENT_LOGGER, version: '0.0.0-test', ...timing });
    const peer = await startPeer();
    await daemon.open();
    await isReady();
    const states: string[] = [];
    daemon.onState((state) => states.push(state));
    peer.die();
    await expect.poll(() => states).toEqual(['starting', 'stopped']);
  });

  it('has failed where each connection to it is reset', async () => {
    const peer = await startPeer();
    peer.reset();
    await daemon.open();
    await expect.poll(() => daemon.state).toBe('failed');
  });

  it('is none where a socket was left behind, which stays', async () => {
    mkdirSync(join(home, 'app-server-control'));
    symlinkSync(join(home, 'nobody'), link());
    await daemon.open();
    expect(daemon.state).toBe('stopped');
    await expect(daemon.request('thread/loaded/list', {})).rejects.toThrow(/start `codex`/);
    expect(() => unlinkSync(link())).not.toThrow();
  });

  it('gets no answer to what nobody here was asked, and none to what is not known', async () => {
    const peer = await startPeer();
    await daemon.open();
    await isReady();
    const params = { threadId: 't', turnId: 'u', itemId: 'i' };
    peer.send({ id: 0, method: 'item/commandExecution/requestApproval', params });
    peer.send({ id: 1, method: 'something/new', params });
    peer.send({ method: 'thread/section/changed', params: { odd: [1] } });
    // What was sent before it is dealt with when this is answered.
    await daemon.request('thread/loaded/list', {});
    const answers = peer.received.filter(({ method }) => method === undefined);
    expect(answers).toEqual([]);
  });

  it('names a request alike after the connection was lost, so that it stays one', async () => {
    const peer = await startPeer();
    await daemon.open();
    await isReady();
    const ids: unknown[] = [];
    const listen = () =>
      daemon.listen('t', {
        notified: () => null,
        asked: ({ id }) => ids.push(id),
        lost: () => {},
      });
    const question = {
      ...{ id: 7, method: 'item/commandExecution/requestApproval' },
      params: { threadId: 't' },
    };
    listen();
    peer.send(question);
    await expect.poll(() => ids).toHaveLength(1);
    await peer.close();
    unlinkSync(link());
    const again = await startPeer();
    await expect.poll(() => again.received).toHaveLength(2);
    listen();
    again.send(question);
    await expect.poll(() => ids).toHaveLength(2);
    expect(ids[0]).toBe(ids[1]);
    daemon.respond(ids[1] as string, { decision: 'accept' });
    await expect
      .poll(() => again.received.at(-1))
      .toEqual({ id: 7, result: { decision: 'accept' } });
  });
});

describe('a new thread', () => {
  const settings = {
    cwd: '/p',
    model: null,
    effort: null,
    approvalPolicy: null,
    sandboxMode: null,
  };
  const opened = { threadId: 't', fields: {} };
  const daemons = () =>
    ({
      main: daemon,
      holderOf: () => null,
      fieldsOf: () => ({ engine: 'shared' }),
      claim: (begin: () => Promise<typeof opened>) => begin(),
    }) as unknown as Daemons;
  const begin = async (
    mode: 'auto' | 'shared' | 'private',
    engine?: 'auto' | 'shared' | 'private',
  ) => {
    const engines = createEngines({ engine: {} as never, daemons: daemons(), mode });
    const wanted = { ...settings, ...(engine && { engine }) };
    return (await engines.begin(wanted, async () => opened)).fields.engine ?? 'private';
  };

  it('runs in the daemon where that is asked for and one is there that fits', async () => {
    await startPeer();
    await daemon.open();
    await isReady();
    expect(await begin('auto')).toBe('shared');
    expect(await begin('private')).toBe('private');
    expect(await begin('private', 'shared')).toBe('shared');
    expect(await begin('shared', 'private')).toBe('private');
  });

  it('does not run in one that is too old, or not there', async () => {
    expect(await begin('auto')).toBe('private');
    await expect(begin('shared')).rejects.toThrow(/no shared Codex daemon runs/);
    await startPeer('0.156.9');
    await daemon.open();
    await isReady();
    expect(await begin('auto')).toBe('private');
    await expect(begin('shared')).rejects.toThrow(/version 0\.156\.9; 0\.157 or later/);
  });
});
