/**
 * One line to the server that comes back by itself. It stands from `hello` to its end; between two lines
 * lies a pause (backoff.ts). What a token opens or not is asked over HTTP, for a browser does not tell
 * why a WebSocket could not be opened.
 */
import { DEFAULT_PACE, type Pace, pauseBefore } from './backoff.ts';
import type { ServerFrame } from './fold.ts';
import { openSocket, type Socket, type SocketClass } from './socket.ts';

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
  const { url, token = null, SocketClass, pace = DEFAULT_PACE, random = Math.random } = options;
  const readToken = () => (typeof token === 'function' ? token() : token);
  let socket: Socket | null = null;
  let isUp = false;
  let attempt = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function open(): void {
    clearTimeout(timer);
    tell({ kind: 'connecting' });
    const mine = openSocket(SocketClass, url, readToken());
    socket = mine;
    // The word is `close`'s, which always follows.
    mine.onerror = () => {};
    mine.onmessage = ({ data }) => {
      if (mine === socket) take(JSON.parse(String(data)) as ServerFrame);
    };
    mine.onclose = (end) => {
      if (mine === socket) lost(end);
    };
  }

  function take(frame: ServerFrame): void {
    if (frame.type !== 'hello') hear(frame);
    else if (frame.protocol_version !== PROTOCOL_VERSION) refuse('protocol');
    else {
      isUp = true;
      attempt = 0;
      tell({ kind: 'online', version: frame.version, epoch: frame.epoch });
    }
  }

  function lost(end: { code: number; reason: string } | null): void {
    const stood = isUp;
    abandon();
    const retryInMs = pauseBefore(attempt, stood ? end : null, random(), pace);
    attempt++;
    tell({ kind: 'offline', attempt, retryInMs });
    timer = setTimeout(open, retryInMs);
    if (!stood) void askWhy();
  }

  /** Whether the server is there and does not want us. */
  async function askWhy(): Promise<void> {
    const asked = timer;
    const held = readToken();
    const headers = held === null ? {} : { Authorization: `Bearer ${held}` };
    const { href } = new URL('/api/health', url.replace(/^ws/, 'http'));
    const status = await fetch(href, { headers }).then(
      (answer) => answer.status,
      // Not there at all: the next attempt will tell.
      () => 0,
    );
    const reason = HTTP_REFUSALS[status];
    if (reason && asked === timer && !isUp) refuse(reason);
  }

  function refuse(reason: Extract<LinkState, { kind: 'refused' }>['reason']): void {
    abandon();
    tell({ kind: 'refused', reason });
  }

  function abandon(): void {
    clearTimeout(timer);
    const old = socket;
    socket = null;
    isUp = false;
    if (old) old.onclose = null;
    old?.close();
  }

  open();
  return {
    send(message) {
      if (!isUp) return false;
      socket?.send(JSON.stringify(message));
      return true;
    },
    drop: () => lost(null),
    retry() {
      abandon();
      attempt = 0;
      open();
    },
    close() {
      abandon();
      tell({ kind: 'closed' });
    },
  };
}
