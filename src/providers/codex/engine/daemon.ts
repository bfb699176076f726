/**
 * The daemon that Codex terminals of one CODEX_HOME share, as an engine: found by its socket, joined as one more
 * client, looked for again when it is gone. It is the user's: it is never started, stopped or updated here, its
 * files are only read, and requests that no client here decides are left to the others.
 */
import { lstat, readlink, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import type { WebSocket } from 'ws';
import { OrbitError } from '../../../errors.ts';
import { systemCodeOf } from '../../../exit.ts';
import type { Logger } from '../../../log.ts';
import type { Engine, EngineState, Methods } from './engine.ts';
import { createReportRouting, type ReportRouting } from './report-routing.ts';
import { greet, openRpc, type Rpc } from './rpc.ts';

/** What is reported about a daemon: `stopped` when there is none, `failed` when it may not or cannot be joined. */
type StateListener = (state: EngineState, reason: string | null) => void;

/** A daemon of one home, there or not. */
export interface SharedDaemon extends Engine {
  /** CODEX_HOME. */
  readonly home: string;
  /** Of the Codex that it was started from, such as `0.163.0`; null while it is not there. */
  readonly version: string | null;
  /** Begins to look for it; settles after the first check, joined or not. */
  open(): Promise<void>;
}

/** What a daemon is joined with. */
export interface DaemonDeps {
  readonly home: string;
  readonly log: Logger;
  /** Version we introduce ourselves with. */
  readonly version: string;
  /** Milliseconds between two checks for its socket. */
  readonly everyMs?: number;
  /** Milliseconds for which a socket must have been there. */
  readonly settleMs?: number;
}

/**
 * The first client of a daemon gives its name to all threads that are begun there. The terminal that has started
 * it comes first.
 */
const SETTLE_MS = 1500;
/**
 * Shorter than the time a socket must have been there: a check in time is all that notifications could give, and Codex
 * writes to its home all the time.
 */
const EVERY_MS = 1000;
/** A process that ends may take one more connection and reset it: then it is looked for again so soon, so often. */
const RESET = ['ECONNRESET', 'EPIPE'];
const AFTER_RESET_MS = 20;
const MAX_RESETS = 10;
const DEADLINE_MS = 30_000;
const CONNECT_MS = 10_000;
/** Beyond it the rpc skips a message; ws would end the connection. */
const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;
const FOLDER = 'app-server-control';
const SOCKET = 'app-server-control.sock';

/** A daemon that was not looked for yet. */
export function createDaemon(deps: DaemonDeps): SharedDaemon {
  return new Daemon(deps);
}

/** One connection. */
interface Joined {
  readonly rpc: Rpc;
  readonly socket: WebSocket;
  readonly version: string | null;
}

class Daemon implements SharedDaemon {
  readonly home: string;
  readonly #deps: DaemonDeps;
  readonly #routes: ReportRouting;
  readonly #listeners = new Set<StateListener>();
  #state: EngineState = 'stopped';
  #reason: string | null = null;
  #joined: Joined | null = null;
  #looking: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #soon: NodeJS.Timeout | null = null;
  /** Connections reset one after the other. */
  #resets = 0;
  #isClosed = false;

  constructor(deps: DaemonDeps) {
    this.#deps = deps;
    this.home = deps.home;
    this.#routes = createReportRouting(deps.log, { isShared: true });
  }

  get state(): EngineState {
    return this.#state;
  }

  get version(): string | null {
    return this.#joined?.version ?? null;
  }

  async open(): Promise<void> {
    this.#timer = setInterval(() => void this.#check(), this.#deps.everyMs ?? EVERY_MS).unref();
    await this.#check();
  }

  async request<Method extends keyof Methods>(
    method: Method,
    params: Methods[Method]['params'],
    { deadlineMs = DEADLINE_MS }: { deadlineMs?: number } = {},
  ) {
    const joined = this.#joined;
    if (joined === null) throw new OrbitError('codex_error', { reason: this.#absence() });
    return (await joined.rpc.request(method, params, deadlineMs)) as Methods[Method]['result'];
  }

  respond: Engine['respond'] = (...answer) => this.#routes.respond(...answer);

  listen: Engine['listen'] = (...listener) => this.#routes.listen(...listener);

  onReport: Engine['onReport'] = (listener) => this.#routes.onReport(listener);

  onState(listener: StateListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** It is not ours to end. */
  async renew(): Promise<boolean> {
    return false;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#timer) clearInterval(this.#timer);
    if (this.#soon) clearTimeout(this.#soon);
    await this.#looking;
    this.#joined?.socket.terminate();
    this.#joined?.rpc.close('the server was stopped');
    this.#joined = null;
  }

  #absence(): string {
    const why = this.#reason === null ? '' : ` (${this.#reason})`;
    return `no shared Codex daemon runs in ${this.home}${why}; start \`codex\` in a terminal, or choose private`;
  }

  /** Looks once, unless it is joined or being looked for. */
  #check(): Promise<void> {
    if (this.#isClosed || this.#joined) return Promise.resolve();
    this.#looking ??= this.#join().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #join(): Promise<void> {
    try {
      const found = await findSocket(this.home);
      if (found === null) return this.#become('stopped', null);
      const wait = found.since + (this.#deps.settleMs ?? SETTLE_MS) - Date.now();
      if (wait > 0) return this.#lookIn(wait);
      const joined = await this.#connect(found.path);
      if (this.#isClosed) return joined.socket.terminate();
      this.#joined = joined;
      this.#resets = 0;
      this.#deps.log.info('codex.daemon_joined', { path: this.home, version: joined.version });
      this.#become('ready', null);
    } catch (error) {
      // A connection that is reset before it is answered has a code of Node's own, no number of the system.
      const code = (error as NodeJS.ErrnoException).code ?? '';
      if (RESET.includes(code) && this.#resets++ < MAX_RESETS) return this.#lookIn(AFTER_RESET_MS);
      this.#resets = 0;
      // A socket without a listener stays behind a daemon that was stopped: there is none.
      const isNone = ['ECONNREFUSED', 'ENOENT'].includes(code);
      this.#become(isNone ? 'stopped' : 'failed', (error as Error).message);
    }
  }

  #lookIn(ms: number): void {
    if (this.#soon) clearTimeout(this.#soon);
    this.#soon = setTimeout(() => void this.#check(), ms).unref();
  }

  async #connect(path: string): Promise<Joined> {
    const { log, version } = this.#deps;
    const socket = await connected(path);
    const arrivals = this.#routes.open({
      respond: (id, result) => rpc.respond(id, result),
      refuse: (id, message) => rpc.refuse(id, message),
    });
    const late = (): void => {};
    const rpc = openRpc({ ...streamsOf(socket), ...arrivals, late, isShared: true, log });
    socket.once('close', () => this.#lost(rpc));
    try {
      const { userAgent } = await greet(rpc, version);
      return { rpc, socket, version: versionIn(userAgent) };
    } catch (error) {
      socket.terminate();
      throw error;
    }
  }

  /** The connection broke; whether the daemon is gone shows at the next check, which is now. */
  #lost(rpc: Rpc): void {
    const reason = 'the connection to the shared Codex daemon was lost';
    rpc.close(reason);
    if (this.#joined?.rpc !== rpc) return;
    this.#joined = null;
    if (this.#isClosed) return;
    this.#routes.lost(reason);
    this.#become('starting', reason);
    void this.#check();
  }

  #become(next: EngineState, reason: string | null): void {
    if (this.#state === next && this.#reason === reason) return;
    this.#state = next;
    this.#reason = reason;
    const line = next === 'failed' ? this.#deps.log.warn : this.#deps.log.info;
    line('codex.daemon', { state: next, path: this.home, reason });
    for (const listener of [...this.#listeners]) listener(next, reason);
  }
}

/**
 * The daemon's socket of a home and since when its link is there (milliseconds since 1970); null when there is none.
 *
 * @throws OrbitError `codex_error` when it belongs to another user
 */
async function findSocket(home: string): Promise<{ path: string; since: number } | null> {
  const link = join(home, FOLDER, SOCKET);
  try {
    const seen = await lstat(link);
    // The home's own path is often too long for the address of a socket: the link leads to a short one.
    const path = seen.isSymbolicLink() ? resolve(dirname(link), await readlink(link)) : link;
    for (const place of [path, dirname(path)]) refuseForeign(place, (await stat(place)).uid);
    return { path, since: seen.mtimeMs };
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  }
}

/** The owner of the socket reads what people write: only a socket of our own user is trusted. */
function refuseForeign(path: string, uid: number): void {
  const own = process.getuid?.();
  if (own === undefined || uid === own) return;
  const reason = `${path} belongs to user ${uid}, not to ${own}; it is left alone`;
  throw new OrbitError('codex_error', { reason });
}

/** @throws Error with the system's code when the socket has no listener */
async function connected(path: string): Promise<WebSocket> {
  const { WebSocket } = await import('ws');
  return await new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws+unix://${path}:/`, {
      perMessageDeflate: false,
      handshakeTimeout: CONNECT_MS,
      maxPayload: MAX_MESSAGE_BYTES,
    });
    socket.once('open', () => resolve(socket));
    // Kept for the whole life: after the opening a failure also closes, and the close is what counts.
    socket.on('error', reject);
  });
}

/** A connection as the pipes of a process: one message is one line. */
function streamsOf(socket: WebSocket): { stdin: Writable; stdout: PassThrough } {
  const stdout = new PassThrough();
  socket.on('message', (data: Buffer) => {
    stdout.write(data);
    if (!stdout.write('\n')) socket.pause();
  });
  stdout.on('drain', () => socket.resume());
  const stdin = new Writable({
    write(line: Buffer, _encoding, done) {
      // A connection that is just closing says so by its close.
      socket.send(line.toString('utf8').trimEnd(), { binary: false }, () => done());
    },
  });
  return { stdin, stdout };
}

/** `codex-tui/0.163.0 (Debian …)` -> `0.163.0`; null for what names none. */
function versionIn(userAgent: string | undefined): string | null {
  return /^[^/\s]+\/(\d+\.\d+\.\d+\S*)/.exec(userAgent ?? '')?.[1] ?? null;
}
