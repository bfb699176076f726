/**
 * One connection to the server that is opened again after it broke: the WebSocket it needs, the pause between two
 * attempts, the check of a silent connection, and the state that the caller gets.
 */
import type { ServerFrame } from './fold.ts';
import type { ClientError } from './requests.ts';

/** Bounds of a pause between two attempts, ms. */
export interface Pace {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** How long it waits between two tries unless the server names another time. */
const DEFAULT_PACE: Pace = { firstMs: 1000, maxMs: 10_000 };

const SERVICE_RESTART = 1012;
const RESTART_MIN_MS = 250;
/** Where the server says nothing: wide enough for some 200 clients. */
const RESTART_SPREAD_MS = 5000;

/**
 * The pause before an attempt. Doubles up to the bound, half of it by chance, so that those who were
 * thrown out together do not come back together. After a restart the server says within what time all
 * its clients shall come back.
 *
 * @param attempt attempts in vain since the last good connection, from 0
 * @param closed how the line ended, null when it never stood
 * @param random from 0 up to, never, 1
 */
export function pauseBefore(
  attempt: number,
  closed: { code: number; reason: string } | null,
  random: number,
  { firstMs, maxMs }: Pace = DEFAULT_PACE,
): number {
  if (attempt === 0 && closed?.code === SERVICE_RESTART) {
    const named = /\bwithin (\d{1,5}) ms\b/.exec(closed.reason)?.[1];
    const spread = named === undefined ? RESTART_SPREAD_MS : Number(named);
    // The wider the window, the more clients would find no server at its beginning and come again with the next.
    return Math.round(Math.max(RESTART_MIN_MS, spread / 6) + random * spread);
  }
  const whole = Math.min(maxMs, firstMs * 2 ** attempt);
  return Math.round(whole / 2 + (random * whole) / 2);
}

/** An open or opening line. */
interface Socket {
  send(text: string): void;
  close(code?: number, reason?: string): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: (() => void) | null;
}

/** A class of WebSockets, the global one or `ws`'s. */
export type SocketClass = new (
  url: string,
  protocols: string[],
) => { send(text: string): void; close(): void };

/** What of `fetch` is needed. */
export type AskStatus = (
  href: string,
  init: { headers: Record<string, string> },
) => Promise<{ status: number }>;

/**
 * The class that this platform has.
 *
 * @throws Error where it has none (Node before 22)
 */
export function platformSocket(): SocketClass {
  const { WebSocket } = globalThis as { WebSocket?: SocketClass };
  if (WebSocket) return WebSocket;
  throw new Error('There is no global WebSocket here; pass `WebSocket` of the package `ws`');
}

const PROTOCOL = 'orbitdock';

/**
 * Opens a line to `/ws`. The token goes as a subprotocol: browsers can set no header, and addresses are
 * logged.
 *
 * @param url address of the server, http(s) or ws(s)
 */
function openSocket(SocketClass: SocketClass, url: string, token: string | null): Socket {
  const offers = token === null ? [PROTOCOL] : [PROTOCOL, `${PROTOCOL}.token.${base64Url(token)}`];
  const href = addressBelow(url.replace(/^http/, 'ws'), 'ws');
  // DOM and `ws` type their events each in their own way; both have what `Socket` asks for.
  return new SocketClass(href, offers) as unknown as Socket;
}

/**
 * The address of something that the server offers, below the path that it is reached by: a proxy may put
 * it under a prefix.
 */
function addressBelow(server: string, path: string): string {
  return new URL(path, server.endsWith('/') ? server : `${server}/`).href;
}

function base64Url(text: string): string {
  const bytes = String.fromCharCode(...new TextEncoder().encode(text));
  return btoa(bytes).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

/** How the client stands with its server. */
export type LinkState =
  | { kind: 'connecting' }
  | { kind: 'online'; version: string; epoch: string }
  | { kind: 'offline'; attempt: number; retryInMs: number }
  /** It will not be tried again by itself: the token is wrong, or the protocol is another. */
  | { kind: 'refused'; reason: 'unauthorized' | 'forbidden' | 'protocol' }
  | { kind: 'closed' };

/** What a line needs to open a socket. */
export interface ConnectionOptions {
  url: string;
  /** The token, or what knows it by the time it is needed. */
  token?: string | null | (() => string | null);
  /** For platforms without a global one. */
  WebSocket?: SocketClass;
  /** Asks why a line was refused; the global `fetch` unless given. */
  fetch?: AskStatus;
  pace?: Pace;
  random?: () => number;
}

/** One socket at a time, opened again when it is lost. */
export interface ClientConnection {
  /** @returns false when there is no line to send it on */
  send(message: object): boolean;
  /** Gives this line up and tries another. */
  drop(): void;
  /** Tries at once. */
  retry(): void;
  close(): void;
}

/** A server of another protocol cannot be used. */
const PROTOCOL_VERSION = 1;
const HTTP_REFUSALS: Record<number, 'unauthorized' | 'forbidden'> = {
  401: 'unauthorized',
  403: 'forbidden',
};

/** Opens a connection. @param onState gets every change, @param onFrame every frame behind `hello` */
export function openConnection(
  options: ConnectionOptions & { SocketClass: SocketClass },
  onState: (state: LinkState) => void,
  onFrame: (frame: ServerFrame) => void,
): ClientConnection {
  const line = new SocketConnection(options, onState, onFrame);
  line.retry();
  return line;
}

class SocketConnection implements ClientConnection {
  readonly #options: ConnectionOptions & { SocketClass: SocketClass };
  readonly #onState: (state: LinkState) => void;
  readonly #onFrame: (frame: ServerFrame) => void;
  #socket: Socket | null = null;
  #isUp = false;
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    options: ConnectionOptions & { SocketClass: SocketClass },
    onState: (state: LinkState) => void,
    onFrame: (frame: ServerFrame) => void,
  ) {
    this.#options = options;
    this.#onState = onState;
    this.#onFrame = onFrame;
  }

  send(message: object): boolean {
    if (!this.#isUp) return false;
    this.#socket?.send(JSON.stringify(message));
    return true;
  }

  drop(): void {
    this.#lost(null);
  }

  retry(): void {
    this.#abandon();
    this.#attempt = 0;
    this.#open();
  }

  close(): void {
    this.#abandon();
    this.#onState({ kind: 'closed' });
  }

  get #token(): string | null {
    const { token = null } = this.#options;
    return typeof token === 'function' ? token() : token;
  }

  #open(): void {
    clearTimeout(this.#timer);
    this.#onState({ kind: 'connecting' });
    const mine = openSocket(this.#options.SocketClass, this.#options.url, this.#token);
    this.#socket = mine;
    // The word is `close`'s, which always follows.
    mine.onerror = () => {};
    mine.onmessage = ({ data }) => {
      if (mine === this.#socket) this.#take(JSON.parse(String(data)) as ServerFrame);
    };
    mine.onclose = (end) => {
      if (mine === this.#socket) this.#lost(end);
    };
  }

  #take(frame: ServerFrame): void {
    if (frame.type !== 'hello') this.#onFrame(frame);
    else if (frame.protocol_version !== PROTOCOL_VERSION) this.#refuse('protocol');
    else {
      this.#isUp = true;
      this.#attempt = 0;
      this.#onState({ kind: 'online', version: frame.version, epoch: frame.epoch });
    }
  }

  #lost(end: { code: number; reason: string } | null): void {
    const { random = Math.random, pace = DEFAULT_PACE } = this.#options;
    const stood = this.#isUp;
    this.#abandon();
    const retryInMs = pauseBefore(this.#attempt, stood ? end : null, random(), pace);
    this.#attempt++;
    this.#onState({ kind: 'offline', attempt: this.#attempt, retryInMs });
    this.#timer = setTimeout(() => this.#open(), retryInMs);
    if (!stood) void this.#askWhy();
  }

  /** Whether the server is there and does not want us. */
  async #askWhy(): Promise<void> {
    const asked = this.#timer;
    const held = this.#token;
    const headers = held === null ? {} : { Authorization: `Bearer ${held}` };
    const href = addressBelow(this.#options.url.replace(/^ws/, 'http'), 'api/health');
    const ask = this.#options.fetch ?? fetch;
    const status = await ask(href, { headers }).then(
      (answer) => answer.status,
      // Not there at all: the next attempt will show.
      () => 0,
    );
    const reason = HTTP_REFUSALS[status];
    if (reason && asked === this.#timer && !this.#isUp) this.#refuse(reason);
  }

  #refuse(reason: Extract<LinkState, { kind: 'refused' }>['reason']): void {
    this.#abandon();
    this.#onState({ kind: 'refused', reason });
  }

  #abandon(): void {
    clearTimeout(this.#timer);
    const old = this.#socket;
    this.#socket = null;
    this.#isUp = false;
    if (old) old.onclose = null;
    old?.close();
  }
}

/** What is known of the line. */
export interface ConnectionState {
  readonly link: LinkState;
  /** While a connection is being made: settles when it is known what becomes of it. */
  known(): Promise<void>;
  /** Takes a new state, lets `publish` pass it on, then lets those go on who waited for it. */
  become(state: LinkState, publish: () => void): void;
}

/** The standing of a client that has not tried yet. */
export function createConnectionState(): ConnectionState {
  let link: LinkState = { kind: 'connecting' };
  let impatient: (() => void)[] = [];
  return {
    get link() {
      return link;
    },
    known: () => new Promise((resolve) => void impatient.push(resolve)),
    become(state, publish) {
      link = state;
      publish();
      if (state.kind === 'connecting') return;
      const waiting = impatient;
      impatient = [];
      for (const go of waiting) go();
    },
  };
}

/** Looks after one client's line. */
export interface Watchdog {
  /** Something came. */
  sawFrame(): void;
  stop(): void;
}

/** @param deps.silenceMs  a silence this long makes it ask, at most twice as late */
export function startWatchdog(deps: {
  silenceMs: number;
  standing: ConnectionState;
  request: (message: { type: 'ping' }) => Promise<unknown>;
  /** Gives the line up. */
  drop: () => void;
}): Watchdog {
  const { silenceMs, standing, request, drop } = deps;
  let receivedAt = 0;
  const timer = setInterval(() => {
    if (standing.link.kind !== 'online' || performance.now() - receivedAt < silenceMs) return;
    request({ type: 'ping' }).catch(({ code }: ClientError) => {
      if (code === 'timeout') drop();
    });
  }, silenceMs);
  return {
    sawFrame() {
      receivedAt = performance.now();
    },
    stop: () => clearInterval(timer),
  };
}
