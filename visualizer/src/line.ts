/**
 * The page's connection: as much of socket.io's protocol (engine.io 4, packets of protocol 5) as a page
 * needs, over one WebSocket. Texts only, no polling, no rooms. The official client does the same in
 * thirteen kilobytes more; the tests of the page run this one against the official server.
 */

const RETRY_MS = 1_000;
const RETRY_MAX_MS = 4_000;
/** A server that does not greet within this is not there, ms. */
const OPEN_WITHIN_MS = 10_000;
/** A server that says nothing for so long after a missed ping is gone, ms. */
const GRACE_MS = 2_000;

/** Why a namespace did not let this page in. */
export interface Refused {
  message: string;
  data?: { code?: string; retry_after?: number };
}

/** One namespace of the connection. */
export interface Space {
  readonly isConnected: boolean;
  /** Hears an event of the server, or `connect`, `disconnect` and `refused` of the line itself. */
  on(event: string, hear: (...args: never[]) => void): void;
  /** Sends an event; `done` is called with what the server acknowledges it with. */
  send(event: string, argument: unknown, done?: (answer: unknown) => void): void;
}

/** The connection. It comes back by itself, at most every four seconds. */
export interface Line {
  space(name: string): Space;
  /** Connects, or connects anew at once. */
  open(): void;
  /** Ends it, until it is opened again. */
  close(): void;
  /** When the next attempt is due, ms since 1970; 0 while none is needed. */
  readonly retryAt: number;
}

/** Kinds of packets: engine.io's first, then those of socket.io inside of its messages. */
const ENGINE = { open: '0', close: '1', ping: '2', pong: '3', message: '4' } as const;
const PACKET = { connect: '0', disconnect: '1', event: '2', ack: '3', refused: '4' } as const;

/** Type, namespace, number, and what is left is JSON. */
const PACKET_FORM = /^(\d)(?:(\/[^,]*),)?(\d+)?([\s\S]*)$/;

/**
 * @param url          of the server's socket.io, `ws:` or `wss:`
 * @param credentials  asked for at every connection; sent inside of it, never in the address
 */
export function createLine(url: string, credentials: () => object): Line {
  const spaces = new Map<string, ReturnType<typeof createSpace>>();
  let socket: WebSocket | null = null;
  let attempts = 0;
  let retryAt = 0;
  let timer = 0;
  let silence = 0;

  function connect(): void {
    retryAt = 0;
    const fresh = new WebSocket(`${url}?EIO=4&transport=websocket`);
    socket = fresh;
    let patience = OPEN_WITHIN_MS;
    const hearOrLose = (): void => {
      clearTimeout(silence);
      silence = window.setTimeout(() => lose(fresh), patience);
    };
    hearOrLose();
    fresh.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (fresh !== socket || typeof data !== 'string') return;
      const rest = data.slice(1);
      if (data[0] === ENGINE.open) {
        const { pingInterval, pingTimeout } = JSON.parse(rest) as Record<string, number>;
        patience = (pingInterval ?? 25_000) + (pingTimeout ?? 20_000) + GRACE_MS;
        for (const [name] of spaces) write(PACKET.connect, name, JSON.stringify(credentials()));
      } else if (data[0] === ENGINE.ping) fresh.send(ENGINE.pong);
      else if (data[0] === ENGINE.message) take(rest);
      else if (data[0] === ENGINE.close) fresh.close();
      hearOrLose();
    };
    fresh.onclose = () => lose(fresh);
  }

  /** What is lost is tried again, more slowly each time. */
  function lose(lost: WebSocket): void {
    if (lost !== socket) return;
    drop();
    const wait = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** attempts);
    attempts += 1;
    retryAt = Date.now() + wait;
    timer = window.setTimeout(connect, wait);
    for (const space of spaces.values()) space.gone();
  }

  function drop(): void {
    clearTimeout(timer);
    clearTimeout(silence);
    const old = socket;
    socket = null;
    old?.close();
  }

  function take(packet: string): void {
    const [, type, name = '/', number = '', text = ''] = PACKET_FORM.exec(packet) ?? [];
    const space = spaces.get(name);
    const value: unknown = text === '' ? null : JSON.parse(text);
    if (type === PACKET.connect) attempts = 0;
    space?.take(type ?? '', number, value);
  }

  function write(type: string, name: string, rest: string): void {
    socket?.send(ENGINE.message + type + (name === '/' ? '' : `${name},`) + rest);
  }

  return {
    space(name) {
      const space = spaces.get(name) ?? createSpace((type, rest) => write(type, name, rest));
      spaces.set(name, space);
      return space;
    },
    open() {
      drop();
      attempts = 0;
      retryAt = 0;
      for (const space of spaces.values()) space.gone();
      connect();
    },
    close() {
      drop();
      retryAt = 0;
    },
    get retryAt() {
      return retryAt;
    },
  };
}

/** @param write  sends a packet of this namespace: its type, and what follows the name */
function createSpace(write: (type: string, rest: string) => void) {
  const listeners = new Map<string, ((...args: never[]) => void)[]>();
  const waiting = new Map<string, (answer: unknown) => void>();
  let isConnected = false;
  let sent = 0;

  function tell(event: string, args: unknown[]): void {
    for (const hear of listeners.get(event) ?? []) hear(...(args as never[]));
  }

  function gone(): void {
    waiting.clear();
    const wasConnected = isConnected;
    isConnected = false;
    if (wasConnected) tell('disconnect', []);
    else tell('refused', [null]);
  }

  return {
    get isConnected() {
      return isConnected;
    },
    on(event: string, hear: (...args: never[]) => void) {
      listeners.set(event, [...(listeners.get(event) ?? []), hear]);
    },
    send(event: string, argument: unknown, done?: (answer: unknown) => void) {
      if (!isConnected) return;
      const number = done ? String(sent++) : '';
      if (done) waiting.set(number, done);
      write(PACKET.event, number + JSON.stringify([event, argument]));
    },
    gone,
    take(type: string, number: string, value: unknown) {
      if (type === PACKET.connect) {
        isConnected = true;
        tell('connect', []);
      } else if (type === PACKET.event) {
        const [event, ...args] = value as [string, ...unknown[]];
        tell(event, args);
      } else if (type === PACKET.ack) {
        const done = waiting.get(number);
        waiting.delete(number);
        done?.((value as unknown[])[0]);
      } else if (type === PACKET.refused) tell('refused', [value]);
      else if (type === PACKET.disconnect) gone();
    },
  };
}
