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
 * A line that is not open yet.
 *
 * @param url          of the server's socket.io, `ws:` or `wss:`
 * @param credentials  asked for at every connection; sent inside of it, never in the address
 */
export function createLine(url: string, credentials: () => object): Line {
  return new WebSocketLine(url, credentials);
}

class WebSocketLine implements Line {
  retryAt = 0;
  readonly #url: string;
  readonly #credentials: () => object;
  readonly #spaces = new Map<string, ReturnType<typeof createSpace>>();
  #socket: WebSocket | null = null;
  #attempts = 0;
  #timer = 0;
  #silence = 0;
  /** How long the server may be silent, ms; it says so itself when it opens. */
  #patience = OPEN_WITHIN_MS;

  constructor(url: string, credentials: () => object) {
    this.#url = url;
    this.#credentials = credentials;
  }

  space(name: string): Space {
    const space =
      this.#spaces.get(name) ?? createSpace((type, rest) => this.#write(type, name, rest));
    this.#spaces.set(name, space);
    return space;
  }

  open(): void {
    this.#drop();
    this.#attempts = 0;
    this.retryAt = 0;
    for (const space of this.#spaces.values()) space.gone();
    this.#connect();
  }

  close(): void {
    this.#drop();
    this.retryAt = 0;
  }

  #connect(): void {
    this.retryAt = 0;
    const fresh = new WebSocket(`${this.#url}?EIO=4&transport=websocket`);
    this.#socket = fresh;
    this.#patience = OPEN_WITHIN_MS;
    this.#hearOrLose(fresh);
    fresh.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (fresh !== this.#socket || typeof data !== 'string') return;
      this.#hear(fresh, data[0] ?? '', data.slice(1));
      this.#hearOrLose(fresh);
    };
    fresh.onclose = () => this.#lose(fresh);
  }

  /** From now on the server has so long to say something. */
  #hearOrLose(socket: WebSocket): void {
    clearTimeout(this.#silence);
    this.#silence = window.setTimeout(() => this.#lose(socket), this.#patience);
  }

  #hear(socket: WebSocket, type: string, rest: string): void {
    if (type === ENGINE.open) {
      const { pingInterval, pingTimeout } = JSON.parse(rest) as Record<string, number>;
      this.#patience = (pingInterval ?? 25_000) + (pingTimeout ?? 20_000) + GRACE_MS;
      const words = JSON.stringify(this.#credentials());
      for (const name of this.#spaces.keys()) this.#write(PACKET.connect, name, words);
    } else if (type === ENGINE.ping) socket.send(ENGINE.pong);
    else if (type === ENGINE.message) this.#take(rest);
    else if (type === ENGINE.close) socket.close();
  }

  #take(packet: string): void {
    const [, type, name = '/', number = '', text = ''] = PACKET_FORM.exec(packet) ?? [];
    const value: unknown = text === '' ? null : JSON.parse(text);
    if (type === PACKET.connect) this.#attempts = 0;
    this.#spaces.get(name)?.take(type ?? '', number, value);
  }

  #write(type: string, name: string, rest: string): void {
    this.#socket?.send(ENGINE.message + type + (name === '/' ? '' : `${name},`) + rest);
  }

  /** What is lost is tried again, more slowly each time. */
  #lose(lost: WebSocket): void {
    if (lost !== this.#socket) return;
    this.#drop();
    const wait = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** this.#attempts);
    this.#attempts += 1;
    this.retryAt = Date.now() + wait;
    this.#timer = window.setTimeout(() => this.#connect(), wait);
    for (const space of this.#spaces.values()) space.gone();
  }

  #drop(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    const old = this.#socket;
    this.#socket = null;
    old?.close();
  }
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
