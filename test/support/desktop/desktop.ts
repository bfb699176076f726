/**
 * The desktop app as a client, without its windows: it connects, asks, subscribes and comes back as the
 * app does, decodes every frame as the app does and notes what the app could not
 * have read. `disagreements` then compares what it shows with what the server says.
 */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { disagreements } from './agreement.ts';
import { ADDITIVE, type AppFrame, decodeAsApp } from './frames.ts';
import { AppState } from './state.ts';

/** Only the pong makes it connected, and only within this. */
const PONG_WITHIN_MS = 5000;
/** More than this of one answer to an error is no mending but a loop. */
const MAX_ACCOUNT_READS = 5;

export interface Desktop extends AsyncDisposable {
  readonly app: AppState;
  /** What it could not read and whatever else would have hurt the app, in words. */
  readonly troubles: readonly string[];
  /** All that came, decoded or not, as text. */
  readonly texts: readonly string[];
  /** Says what the app would say. */
  send(message: { type: string; [field: string]: unknown }): void;
  /** Its buttons: forgets the request at once, says so, and asks for the history twice. */
  decide(sessionId: string, decision: string): void;
  answer(sessionId: string, answer: string): void;
  /** Settles when everything that was published before has been folded. */
  rest(): Promise<void>;
  /**
   * Everything that it shows wrongly, at rest, and everything that it could not read.
   *
   * @returns one line each; empty when all is well
   */
  disagreements(): Promise<string[]>;
  /** Loses its line, and stays away until asked to come back. */
  leave(): Promise<void>;
  comeBack(): Promise<void>;
  /** Connections it has had. */
  readonly connections: number;
  /** Stops reading, as on a slow network, until it is asked to read again. */
  pause(): void;
  resume(): void;
  close(): Promise<void>;
}

/** Connects to a server, `url` being its http address, and stays connected until closed. */
export async function watchAsDesktop(url: string): Promise<Desktop> {
  const desktop = new DesktopClient(url);
  await desktop.connect();
  return desktop;
}

class DesktopClient implements Desktop {
  readonly app = new AppState();
  readonly troubles: string[] = [];
  readonly texts: string[] = [];
  connections = 0;
  readonly #url: string;
  #socket: WebSocket | null = null;
  #isClosed = false;
  /** Subscribed on this connection. */
  readonly #subscribed = new Set<string>();
  #up: Promise<void> = Promise.resolve();
  #marks = 0;
  /** Messages it said, but for marks. */
  #said = 0;
  readonly #waiting = new Map<string, () => void>();
  #accountReads = 0;

  constructor(url: string) {
    this.#url = url;
  }

  async connect(): Promise<void> {
    const socket = new WebSocket(`${this.#url.replace(/^http/, 'ws')}/ws`);
    const early: string[] = [];
    socket.on('message', (frame) => early.push(String(frame)));
    await once(socket, 'open');
    await this.#awaitPong(socket);
    this.#socket = socket;
    this.connections++;
    this.#subscribed.clear();
    socket.removeAllListeners('message');
    socket.on('message', (frame) => this.#read(String(frame)));
    socket.once('close', () => {
      for (const settle of this.#waiting.values()) settle();
      this.#waiting.clear();
      if (!this.#isClosed) this.#up = this.#tryAgain();
    });
    for (const text of early) this.#read(text);
    this.#open();
  }

  /** Its opening messages, in its order. */
  #open(): void {
    this.send({ type: 'subscribe_list' });
    for (const id of this.app.conversations.keys()) {
      this.#subscribe(id);
      this.send({ type: 'list_approvals', session_id: id, limit: 200 });
    }
    this.send({ type: 'list_models' });
    this.send({ type: 'codex_account_read' });
  }

  async #awaitPong(socket: WebSocket): Promise<void> {
    socket.ping();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), PONG_WITHIN_MS);
    });
    const first = await Promise.race([once(socket, 'pong'), late]);
    clearTimeout(timer);
    if (first === 'late') this.troubles.push(`no pong within ${PONG_WITHIN_MS} ms`);
  }

  /** Tries until somebody is there; the app takes longer pauses. */
  async #tryAgain(): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (this.#isClosed) return;
      try {
        return await this.connect();
      } catch {
        // Nobody there yet.
      }
    }
  }

  #read(text: string): void {
    this.texts.push(text);
    const decoded = decodeAsApp(text);
    switch (decoded.kind) {
      case 'known':
        this.app.take(decoded.frame);
        this.#react(decoded.frame);
        return;
      case 'unknown':
        if (!(ADDITIVE as readonly string[]).includes(decoded.type)) {
          this.troubles.push(`a type it does not know: ${decoded.type}`);
        }
        this.#marked(JSON.parse(text) as { type: string; request_id?: string });
        return;
      case 'undecodable':
        this.troubles.push(`undecodable: ${decoded.reason}: ${text.slice(0, 300)}`);
        return;
      case 'too_long':
        this.troubles.push(`a frame of ${decoded.bytes} bytes: ${text.slice(0, 100)}`);
        // A receive error, and the app reconnects at once.
        this.#socket?.terminate();
    }
  }

  /** What it says by itself. */
  #react(frame: AppFrame): void {
    switch (frame.type) {
      case 'session_created':
        this.#subscribe((frame.session as { id: string }).id);
        return;
      case 'sessions_list':
        // A user with every window open.
        for (const { id } of frame.sessions as { id: string }[]) this.#subscribe(id);
        return;
      case 'approval_requested':
        this.#listApprovals(frame.session_id as string);
        return;
      case 'skills_update_available':
        this.send({ type: 'list_skills', session_id: frame.session_id });
        return;
      case 'error':
        this.#hurt(frame as unknown as { code: string; session_id: string | null });
    }
  }

  #hurt({ code, session_id }: { code: string; session_id: string | null }): void {
    if (code === 'lagged' && session_id) {
      this.#subscribed.delete(session_id);
      this.#subscribe(session_id);
    }
    // It would not ask again: what it asked for is lost to it.
    if (code === 'rate_limited' || code === 'too_many_subscriptions') this.troubles.push(code);
    if (!code.startsWith('codex_auth_')) return;
    this.#accountReads++;
    if (this.#accountReads > MAX_ACCOUNT_READS) this.troubles.push(`${code} without end`);
    else this.send({ type: 'codex_account_read' });
  }

  #subscribe(id: string): void {
    if (this.#subscribed.has(id)) return;
    this.#subscribed.add(id);
    const since_revision = this.app.revisions.get(id);
    this.send({
      type: 'subscribe_session',
      session_id: id,
      ...(since_revision !== undefined && { since_revision }),
    });
  }

  #listApprovals(id: string): void {
    this.send({ type: 'list_approvals', session_id: id, limit: 200 });
    this.send({ type: 'list_approvals', limit: 200 });
  }

  decide(sessionId: string, decision: string): void {
    const request_id = this.app.sessions.get(sessionId)?.approvalId;
    if (!request_id) throw new Error(`${sessionId}: the buttons do not show`);
    this.app.decided(sessionId);
    this.send({ type: 'approve_tool', session_id: sessionId, request_id, decision });
    this.#listApprovals(sessionId);
  }

  answer(sessionId: string, answer: string): void {
    const request_id = this.app.sessions.get(sessionId)?.approvalId;
    if (!request_id) throw new Error(`${sessionId}: the field for an answer does not show`);
    this.app.decided(sessionId);
    this.send({ type: 'answer_question', session_id: sessionId, request_id, answer });
    this.#listApprovals(sessionId);
  }

  send(message: { type: string; [field: string]: unknown }): void {
    if (message.type !== 'ping') this.#said++;
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  async rest(): Promise<void> {
    for (;;) {
      await this.#up;
      const said = this.#said;
      const connection = this.connections;
      await this.#mark();
      // What it asked for because of what it received has to be answered too.
      if (this.#said === said && this.connections === connection) return;
    }
  }

  #mark(): Promise<void> {
    this.#marks++;
    const request_id = `desktop-mark-${this.#marks}`;
    if (this.#socket?.readyState !== WebSocket.OPEN) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.set(request_id, resolve);
      this.send({ type: 'ping', request_id });
    });
  }

  #marked({ request_id }: { request_id?: string }): void {
    this.#waiting.get(request_id ?? '')?.();
    this.#waiting.delete(request_id ?? '');
  }

  async disagreements(): Promise<string[]> {
    await this.rest();
    return [...this.troubles, ...(await disagreements(this, this.#url))];
  }

  async leave(): Promise<void> {
    await this.close();
    this.#isClosed = false;
  }

  comeBack(): Promise<void> {
    return this.connect();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#up;
    const socket = this.#socket;
    if (!socket || socket.readyState === WebSocket.CLOSED) return;
    const closed = once(socket, 'close');
    socket.close();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
