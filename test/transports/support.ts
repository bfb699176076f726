/**
 * The transports on a real port with a runtime that only takes notes, a clock that is turned by hand, and clients
 * that can send what no proper client would.
 */
import { spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { onTestFinished, vi } from 'vitest';
import WebSocket from 'ws';
import type { Logger } from '../../src/log.ts';
import { type Connection, createRooms, type Frame } from '../../src/runtime/rooms/rooms.ts';
import type { Figures, Health, HookMeta } from '../../src/runtime/runtime-api.ts';
import type { AnswerLine } from '../../src/runtime/waiting-hooks.ts';
import { type Clock, systemClock } from '../../src/transports/dependencies.ts';
import { DEFAULT_LIMITS, type TransportLimits } from '../../src/transports/limits.ts';
import {
  createTransports,
  type Transports,
  type TransportsDeps,
} from '../../src/transports/listen.ts';

export const TOKEN = 'od_0123456789abcdefghijklmnopqrstuvwxyzABCDEF%+';
export const ENCODED_TOKEN = encodeURIComponent(TOKEN);

/**
 * Runs after the test that calls it, last registered first. Not by a hook of this module: test files share
 * modules, and a hook would hold for the first file only.
 */
export function afterThis(cleanup: () => unknown): void {
  onTestFinished(async () => {
    await cleanup();
  });
}

/** Waits for a condition; fails with its error when it does not come. */
export function until<T>(condition: () => T): Promise<T> {
  return vi.waitFor(condition, { interval: 5, timeout: 8000 });
}

/** A promise and what fulfils it. */
export function createLatch(): { reached: Promise<void>; open: () => void } {
  let open = (): void => {};
  const reached = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { reached, open: () => open() };
}

/** Greets with `hello`, remembers everything, and does to a message what the test says. */
export class FakeHall {
  readonly connections: Connection[] = [];
  readonly closedConnections: Connection[] = [];
  readonly received: unknown[] = [];
  readonly hooks: { body: unknown; meta: HookMeta }[] = [];
  readonly resyncs: { connection: Connection; rooms: string[] }[] = [];
  onReceive: (connection: Connection, message: unknown) => unknown = () => {};
  onHook: (body: unknown) => unknown = () => {};
  onResync: (connection: Connection, rooms: string[]) => unknown = (connection, rooms) => {
    for (const room of rooms) connection.join(room);
  };
  state: Health = { status: 'ok' };

  opened(connection: Connection): void {
    this.connections.push(connection);
    connection.send(frame({ type: 'hello', version: 'v', protocol_version: 1, epoch: 'e' }));
  }

  async receive(connection: Connection, input: { text: string } | { value: unknown }) {
    const message: unknown = 'text' in input ? JSON.parse(input.text) : input.value;
    this.received.push(message);
    await this.onReceive(connection, message);
  }

  async resync(connection: Connection, rooms: ReadonlySet<string>) {
    const names = [...rooms];
    this.resyncs.push({ connection, rooms: names });
    await this.onResync(connection, names);
  }

  closed(connection: Connection): void {
    this.closedConnections.push(connection);
  }

  awaitAnswer(_key: string): AnswerLine {
    return { answer: Promise.resolve(null), lost: () => {} };
  }

  async takeHook(body: unknown, meta: HookMeta) {
    await this.onHook(body);
    this.hooks.push({ body, meta });
  }

  takeTelemetry(): void {}

  image(): Promise<null> {
    return Promise.resolve(null);
  }

  health(): Health {
    return this.state;
  }

  async figures(): Promise<Figures> {
    const backlog = { items: 0, bytes: 0, oldestAgeMs: 0 };
    return { backlog, totals: { sessions: [], tokens: [], bytes: 0 } };
  }
}

/** A frame of any message, also of ones that do not exist. */
export function frame(message: object): Frame {
  return { text: JSON.stringify(message), message: message as Frame['message'] };
}

/** Time that passes when the test says so. Timers run in the order of their moments. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Set<{ at: number; period: number | null; callback: () => void }>();

  now(): number {
    return this.#now;
  }

  every(periodMs: number, callback: () => void): () => void {
    return this.#add({ at: this.#now + periodMs, period: periodMs, callback });
  }

  after(delayMs: number, callback: () => void): () => void {
    return this.#add({ at: this.#now + delayMs, period: null, callback });
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#now = next.at;
      if (next.period === null) this.#timers.delete(next);
      else next.at += next.period;
      next.callback();
    }
    this.#now = end;
  }

  #add(timer: { at: number; period: number | null; callback: () => void }): () => void {
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }
}

export interface LogLine {
  level: string;
  event: string;
  fields: Record<string, unknown>;
}

export function createFakeLog(): Logger & { lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at =
    (level: string) =>
    (event: string, fields: Record<string, unknown> = {}) =>
      void lines.push({ level, event, fields });
  const log = {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    child: () => log,
  };
  return log;
}

export interface TestTransports {
  port: number;
  runtime: FakeHall;
  rooms: ReturnType<typeof createRooms>;
  log: ReturnType<typeof createFakeLog>;
  transports: Transports;
}

/** Transports on port 0 that close after the test. `deps.config` is merged over a local, tokenless one. */
export async function openTransports(
  deps: {
    config?: Partial<TransportsDeps['config']>;
    socketPath?: string;
    limits?: Partial<TransportLimits>;
    clock?: Clock;
  } = {},
): Promise<TestTransports> {
  const runtime = new FakeHall();
  const rooms = createRooms();
  const log = createFakeLog();
  const transports = createTransports({
    config: {
      bind: { host: '127.0.0.1', port: 0, isLoopback: true },
      token: null,
      localTrust: true,
      allowInsecureNoAuth: false,
      allowHosts: [],
      allowOrigins: [],
      ...deps.config,
    },
    runtime,
    rooms,
    log,
    version: '9.9.9',
    ...(deps.socketPath !== undefined && { socketPath: deps.socketPath }),
    limits: { ...DEFAULT_LIMITS, ...deps.limits },
    clock: deps.clock ?? systemClock,
  });
  afterThis(() => transports.close());
  const { port } = await transports.listen();
  return { port, runtime, rooms, log, transports };
}

export interface RawResponse {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/**
 * Writes bytes to the port and reads the head of the answer and its body.
 *
 * @param options.localAddress where to come from; all of 127.0.0.0/8 is ours on Linux
 */
export function raw(
  port: number,
  request: string | Buffer,
  options: { host?: string; localAddress?: string } = {},
): Promise<RawResponse> {
  const socket = rawSocket(port, options);
  return new Promise((resolve, reject) => {
    let text = '';
    const finish = (): void => {
      const response = parseResponse(text);
      socket.destroy();
      if (response) resolve(response);
      else reject(new Error(`no answer, but ${JSON.stringify(text)}`));
    };
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const response = parseResponse(text);
      const wanted = Number(response?.headers['content-length'] ?? 0);
      if (response && response.body.length >= wanted) finish();
    });
    socket.once('close', finish);
    socket.write(request);
  });
}

/** A bare TCP connection that is cut after the test. */
export function rawSocket(
  port: number,
  { host = '127.0.0.1', localAddress }: { host?: string; localAddress?: string } = {},
): Socket {
  const socket = connect({ host, port, ...(localAddress !== undefined && { localAddress }) });
  socket.on('error', () => {});
  afterThis(() => socket.destroy());
  return socket;
}

function parseResponse(text: string): RawResponse | null {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const [line = '', ...fields] = text.slice(0, end).split('\r\n');
  const headers: Record<string, string> = {};
  for (const field of fields) {
    const [name = '', ...value] = field.split(':');
    headers[name.toLowerCase()] = value.join(':').trim();
  }
  return { status: Number(line.split(' ')[1]), headers, body: text.slice(end + 4) };
}

/** The text of an HTTP/1.1 request; headers as pairs, because some of them come twice. */
export function requestText(
  method: string,
  target: string,
  headers: readonly (readonly [string, string])[],
  body = '',
): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const length = body === '' ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  return `${method} ${target} HTTP/1.1\r\n${lines}${length}\r\n${body}`;
}

export const UPGRADE_HEADERS: [string, string][] = [
  ['Connection', 'Upgrade'],
  ['Upgrade', 'websocket'],
  ['Sec-WebSocket-Version', '13'],
  ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
];

/** Every way into the server: how it is asked, and the status of being let in. */
export const ENDPOINTS = [
  { endpoint: 'GET /health', method: 'GET', path: '/health', extra: [], body: '', success: 200 },
  {
    endpoint: 'POST /api/hook',
    method: 'POST',
    path: '/api/hook',
    extra: [['Content-Type', 'application/json']],
    body: '{"session_id":"s"}',
    success: 204,
  },
  { endpoint: '/ws', method: 'GET', path: '/ws', extra: UPGRADE_HEADERS, body: '', success: 101 },
  {
    endpoint: 'socket.io polling',
    method: 'GET',
    path: '/socket.io/?EIO=4&transport=polling',
    extra: [],
    body: '',
    success: 200,
  },
  {
    endpoint: 'socket.io websocket',
    method: 'GET',
    path: '/socket.io/?EIO=4&transport=websocket',
    extra: UPGRADE_HEADERS,
    body: '',
    success: 101,
  },
] as const;

export type Header = readonly [string, string];
type EndpointCase = (typeof ENDPOINTS)[number];

/** Asks one endpoint; without a Host among the headers it gets the right one. */
export function probe(
  port: number,
  endpoint: EndpointCase,
  headers: readonly Header[],
  options: { target?: string; localAddress?: string } = {},
): Promise<RawResponse> {
  const hasHost = headers.some(([name]) => name.toLowerCase() === 'host');
  const host: Header[] = hasHost ? [] : [['Host', `127.0.0.1:${port}`]];
  const target = options.target ?? endpoint.path;
  return raw(
    port,
    requestText(endpoint.method, target, [...host, ...endpoint.extra, ...headers], endpoint.body),
    options,
  );
}

/** The status at every transport, with success written as 'in'. */
export async function knockEverywhere(
  port: number,
  headers: readonly Header[],
): Promise<Record<string, number | 'in'>> {
  const answers: Record<string, number | 'in'> = {};
  for (const endpoint of ENDPOINTS) {
    const { status } = await probe(port, endpoint, headers);
    answers[endpoint.endpoint] = status === endpoint.success ? 'in' : status;
  }
  return answers;
}

/** A `ws` client with its messages parsed; closed after the test. */
export interface WsClient {
  ws: WebSocket;
  messages: { type: string; [key: string]: unknown }[];
  send(message: unknown): void;
  closed: Promise<{ code: number; reason: string }>;
}

export async function openWs(
  port: number,
  options: { path?: string; headers?: Record<string, string> } = {},
): Promise<WsClient> {
  const { headers = {}, path = '/ws' } = options;
  const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers, perMessageDeflate: true });
  const messages: WsClient['messages'] = [];
  ws.on('message', (bytes) => messages.push(JSON.parse(bytes.toString())));
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    ws.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  afterThis(() => ws.terminate());
  await new Promise((resolve, reject) => {
    ws.once('open', resolve);
    ws.once('error', reject);
  });
  ws.on('error', () => {});
  return { ws, messages, send: (message) => ws.send(JSON.stringify(message)), closed };
}

const RELAY = `
  const { connect, createServer } = require('node:net');
  const server = createServer({ allowHalfOpen: true }, (from) => {
    const to = connect({ port: Number(process.argv[1]), host: process.argv[2], allowHalfOpen: true });
    for (const end of [from, to]) end.on('error', () => { from.destroy(); to.destroy(); });
    from.pipe(to).pipe(from);
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

/**
 * A process of another user that passes bytes on to the server as they are: what comes through it comes
 * from that user. Becoming another user takes root.
 */
export async function relayAs(
  uid: number,
  port: number,
  host = '127.0.0.1',
): Promise<{ port: number }> {
  const child = spawn(process.execPath, ['-e', RELAY, String(port), host], {
    ...(uid !== process.getuid?.() && { uid, gid: uid }),
    cwd: '/',
    env: {},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  afterThis(() => {
    child.kill();
    return ended;
  });
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (bytes) => resolve(String(bytes)));
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the relay ended with ${code}`)));
  });
  return { port: Number(line) };
}
