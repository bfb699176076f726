/**
 * A subscriber that never gives up: connects, receives the list, subscribes to whatever it learns of, and when
 * the line breaks comes back with the revisions it has. One model over all its connections.
 */
import { WebSocket } from 'ws';
import type { Received } from './clients.ts';
import { createModel, type SubscriberModel } from './model.ts';

export interface Watcher {
  readonly model: SubscriberModel;
  /** Connections it has had so far. */
  readonly connections: number;
  /** Its line stands. */
  readonly isUp: boolean;
  /** Cuts its line; it comes back by itself. */
  cut(): void;
  /** Settles when everything published before is folded and every session it knows is subscribed. */
  rest(): Promise<void>;
  close(): void;
}

export interface WatcherOptions {
  url: string;
  name: string;
  /** Settles when the server can be reached. */
  whenUp: () => Promise<void>;
  /**
   * Which sessions it subscribes to; all unless given. Those and their marks count against the server's limit of messages
   * at once, so that it cannot have more than some hundred.
   */
  isWanted?: (id: string) => boolean;
}

/** Starts one. */
export function startWatcher(options: WatcherOptions): Watcher {
  return new Persistent(options);
}

class Persistent implements Watcher {
  readonly model: SubscriberModel;
  connections = 0;
  readonly #options: WatcherOptions;
  readonly #subscribed = new Set<string>();
  readonly #waiting = new Map<string, () => void>();
  #socket: WebSocket | null = null;
  #isClosed = false;
  #marks = 0;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.model = createModel(options.name);
    void this.#connect();
  }

  get isUp(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  cut(): void {
    this.#socket?.terminate();
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.terminate();
  }

  async rest(): Promise<void> {
    for (;;) {
      const before = this.#subscribed.size;
      await this.#mark();
      if (this.#subscribed.size === before && this.#hasAll()) return;
    }
  }

  #hasAll(): boolean {
    return this.#wanted().every((id) => this.model.sessions.get(id)?.isCatchingUp === false);
  }

  #wanted(): string[] {
    const { isWanted = () => true } = this.#options;
    return [...this.model.list.keys()].filter(isWanted);
  }

  async #connect(): Promise<void> {
    if (this.#isClosed) return;
    await this.#options.whenUp();
    const socket = new WebSocket(`${this.#options.url.replace(/^http/, 'ws')}/ws`);
    this.#socket = socket;
    this.connections++;
    socket.on('message', (frame) => this.#take(JSON.parse(String(frame)) as Received));
    // What went wrong is reported by `close`, which always follows.
    socket.on('error', () => {});
    socket.once('open', () => this.#say({ type: 'subscribe_list' }));
    socket.once('close', () => {
      this.#subscribed.clear();
      void this.#connect();
    });
  }

  #take(frame: Received): void {
    if (frame.type === 'error' && 'request_id' in frame) {
      const mark = frame.request_id ?? '';
      this.#waiting.get(mark)?.();
      this.#waiting.delete(mark);
      return;
    }
    this.model.take(frame);
    if (frame.type !== 'sessions_list' && frame.type !== 'session_created') return;
    for (const id of this.#wanted()) if (!this.#subscribed.has(id)) this.#subscribe(id);
  }

  #subscribe(session_id: string): void {
    this.#subscribed.add(session_id);
    const { model } = this;
    const { revision = null } = model.sessions.get(session_id) ?? {};
    const since = revision === null ? {} : { since_revision: revision, epoch: model.epoch };
    model.subscribing(session_id);
    this.#say({ type: 'subscribe_session', session_id, ...since });
    const socket = this.#socket;
    void this.#mark().then(() => {
      // After a reconnect somebody else waits for the answer.
      if (socket === this.#socket) model.caughtUp(session_id);
    });
  }

  /** Asks for something unknown: its refusal comes behind everything that was published before. */
  #mark(): Promise<void> {
    this.#marks++;
    const request_id = `mark-${this.#marks}`;
    return new Promise((resolve) => {
      this.#waiting.set(request_id, resolve);
      this.#say({ type: 'no_such_message', request_id });
    });
  }

  #say(message: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}
