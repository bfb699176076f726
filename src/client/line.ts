/**
 * One line to the server that comes back by itself. It stands from `hello` to its end; between two lines
 * lies a pause (backoff.ts). What a token opens or not is asked over HTTP, for a browser does not tell
 * why a WebSocket could not be opened.
 */
import { DEFAULT_PACE, type Pace, pauseBefore } from './backoff.ts';
import type { ServerFrame } from './fold.ts';
import { addressBelow, openSocket, type Socket, type SocketClass } from './socket.ts';

/** How the client stands with its server. */
export type LinkState =
  | { kind: 'connecting' }
  | { kind: 'online'; version: string; epoch: string }
  | { kind: 'offline'; attempt: number; retryInMs: number }
  /** It will not be tried again by itself: the token is wrong, or the protocol is another. */
  | { kind: 'refused'; reason: 'unauthorized' | 'forbidden' | 'protocol' }
  | { kind: 'closed' };

/** What a line needs to open a socket. */
export interface LineOptions {
  url: string;
  /** The token, or what knows it by the time it is needed. */
  token?: string | null | (() => string | null);
  /** For platforms without a global one. */
  WebSocket?: SocketClass;
  pace?: Pace;
  random?: () => number;
}

/** One socket at a time, opened again when it is lost. */
export interface Line {
  /** @returns false when there is no line to send it on */
  send(message: object): boolean;
  /** Gives this line up and tries another. */
  drop(): void;
  /** Tries at once. */
  retry(): void;
  close(): void;
}

/** A server of another protocol cannot be spoken with. */
const PROTOCOL_VERSION = 1;
const HTTP_REFUSALS: Record<number, 'unauthorized' | 'forbidden'> = {
  401: 'unauthorized',
  403: 'forbidden',
};

/** Opens a line. @param tell hears every change, @param hear every frame behind `hello` */
export function openLine(
  options: LineOptions & { SocketClass: SocketClass },
  tell: (state: LinkState) => void,
  hear: (frame: ServerFrame) => void,
): Line {
  const line = new SocketLine(options, tell, hear);
  line.retry();
  return line;
}

class SocketLine implements Line {
  readonly #options: LineOptions & { SocketClass: SocketClass };
  readonly #tell: (state: LinkState) => void;
  readonly #hear: (frame: ServerFrame) => void;
  #socket: Socket | null = null;
  #isUp = false;
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    options: LineOptions & { SocketClass: SocketClass },
    tell: (state: LinkState) => void,
    hear: (frame: ServerFrame) => void,
  ) {
    this.#options = options;
    this.#tell = tell;
    this.#hear = hear;
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
    this.#tell({ kind: 'closed' });
  }

  get #token(): string | null {
    const { token = null } = this.#options;
    return typeof token === 'function' ? token() : token;
  }

  #open(): void {
    clearTimeout(this.#timer);
    this.#tell({ kind: 'connecting' });
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
    if (frame.type !== 'hello') this.#hear(frame);
    else if (frame.protocol_version !== PROTOCOL_VERSION) this.#refuse('protocol');
    else {
      this.#isUp = true;
      this.#attempt = 0;
      this.#tell({ kind: 'online', version: frame.version, epoch: frame.epoch });
    }
  }

  #lost(end: { code: number; reason: string } | null): void {
    const { random = Math.random, pace = DEFAULT_PACE } = this.#options;
    const stood = this.#isUp;
    this.#abandon();
    const retryInMs = pauseBefore(this.#attempt, stood ? end : null, random(), pace);
    this.#attempt++;
    this.#tell({ kind: 'offline', attempt: this.#attempt, retryInMs });
    this.#timer = setTimeout(() => this.#open(), retryInMs);
    if (!stood) void this.#askWhy();
  }

  /** Whether the server is there and does not want us. */
  async #askWhy(): Promise<void> {
    const asked = this.#timer;
    const held = this.#token;
    const headers = held === null ? {} : { Authorization: `Bearer ${held}` };
    const href = addressBelow(this.#options.url.replace(/^ws/, 'http'), 'api/health');
    const status = await fetch(href, { headers }).then(
      (answer) => answer.status,
      // Not there at all: the next attempt will tell.
      () => 0,
    );
    const reason = HTTP_REFUSALS[status];
    if (reason && asked === this.#timer && !this.#isUp) this.#refuse(reason);
  }

  #refuse(reason: Extract<LinkState, { kind: 'refused' }>['reason']): void {
    this.#abandon();
    this.#tell({ kind: 'refused', reason });
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
