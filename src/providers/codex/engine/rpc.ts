/**
 * JSON-RPC as `codex app-server` uses it: one object a line, ids of our own, no `jsonrpc` field.
 * Every request has a deadline. Lines are handled in order; after an answer nothing more is read until
 * the code that waited for it has run, so a thread can be listened to before its first report. What is not
 * understood is logged by its name and otherwise harmless.
 */
import type { Readable, Writable } from 'node:stream';
import { OrbitError } from '../../../errors.ts';
import type { Logger } from '../../../log.ts';
import { withoutSecrets } from '../../../secrets.ts';
import { createLineSplitter, type Line } from '../../shared/lines.ts';
import type { InitializeParams } from '../protocol/generated/InitializeParams.ts';
import type { InitializeResponse } from '../protocol/generated/InitializeResponse.ts';

/** Id of a message, as JSON-RPC has it. */
export type MessageId = string | number;

/** A message of the other side that is no answer. */
export interface Incoming {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** What a connection needs. */
export interface RpcDeps {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Takes a report; reading pauses while too many of the promises it returns are open. */
  readonly notified: (report: Incoming) => unknown;
  readonly asked: (question: Incoming & { id: MessageId }) => void;
  /** Others are connected as well: what is too long for us may be theirs to answer. */
  readonly isShared?: boolean;
  /** A request has missed its deadline. */
  readonly late: () => void;
  readonly log: Logger;
}

/** One connection, for as long as its process lives. */
export interface Rpc {
  /** @throws OrbitError `codex_error`: refused, out of time, or closed meanwhile */
  request(method: string, params: unknown, deadlineMs: number): Promise<unknown>;
  notify(method: string): void;
  respond(id: MessageId, result: unknown): void;
  refuse(id: MessageId, message: string): void;
  /** Whether a request waits for an answer. */
  isBusy(): boolean;
  /** Rejects what still waits. */
  close(reason: string): void;
  /** Whether anything arrived after this moment (`performance.now()`), or the connection is closed. */
  receivedSince(moment: number): boolean;
}

/** A line above it is skipped. */
const LINE_BYTES = 8 * 1024 * 1024;
/** Reports under way: reading stops at the first number and goes on at the second. */
const HIGH_WATER = 256;
const LOW_WATER = 64;
/** Lines handled before others get a turn. */
const LINES_AT_ONCE = 64;
const REFUSAL_CHARS = 500;
const GREETING_MS = 30_000;

interface Waiting {
  readonly method: string;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: OrbitError) => void;
}

/** Opens a connection over a process's pipes. */
export function openRpc(deps: RpcDeps): Rpc {
  return new Pipe(deps);
}

class Pipe implements Rpc {
  readonly #deps: RpcDeps;
  readonly #waiting = new Map<MessageId, Waiting>();
  readonly #splitter = createLineSplitter(LINE_BYTES);
  #queue: Line[] = [];
  #isScheduled = false;
  #underWay = 0;
  #receivedAt = performance.now();
  #nextId = 1;
  #closedBecause: string | null = null;

  constructor(deps: RpcDeps) {
    this.#deps = deps;
    this.#deps.stdout.on('data', (chunk: Buffer) => {
      this.#receivedAt = performance.now();
      this.#queue.push(...this.#splitter.push(chunk));
      if (!this.#isScheduled) this.#pump();
    });
  }

  request(method: string, params: unknown, deadlineMs: number): Promise<unknown> {
    if (this.#closedBecause !== null) return Promise.reject(failure(this.#closedBecause));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(failure(`${method} was not answered within ${deadlineMs} ms; try again`));
        this.#deps.late();
      }, deadlineMs);
      this.#waiting.set(id, { method, timer, resolve, reject });
      this.#write({ id, method, ...(params !== undefined && { params }) });
    });
  }

  notify(method: string): void {
    this.#write({ method });
  }

  respond(id: MessageId, result: unknown): void {
    this.#write({ id, result });
  }

  isBusy(): boolean {
    return this.#waiting.size > 0;
  }

  close(reason: string): void {
    this.#closedBecause = reason;
    for (const { timer, reject } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(failure(reason));
    }
    this.#waiting.clear();
  }

  receivedSince(moment: number): boolean {
    return this.#receivedAt >= moment || this.#deps.stdout.isPaused();
  }

  /** Handles what is queued, in slices; nothing is read from the pipe meanwhile. */
  #pump(): void {
    this.#isScheduled = false;
    let taken = 0;
    while (taken < this.#queue.length && this.#underWay < HIGH_WATER) {
      const wasAnswer = this.#handle(this.#queue[taken] as Line);
      taken += 1;
      if (wasAnswer || taken === LINES_AT_ONCE) break;
    }
    this.#queue = taken === this.#queue.length ? [] : this.#queue.slice(taken);
    if (this.#queue.length === 0 && this.#underWay < HIGH_WATER) {
      this.#deps.stdout.resume();
      return;
    }
    this.#deps.stdout.pause();
    if (this.#underWay < HIGH_WATER) this.#goOn();
  }

  #goOn(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#pump());
  }

  /** Returns whether it was an answer. */
  #handle(line: Line): boolean {
    if ('tooLong' in line) return this.#skipped(line);
    const message = parsed(line.text);
    if (message === null) {
      if (line.text.trim() !== '')
        this.#deps.log.warn('codex.line_ignored', { bytes: line.text.length });
      return false;
    }
    const { id, method } = message;
    if (typeof method !== 'string') return isId(id) && this.#settle(id, message);
    const incoming = { method, params: (message.params ?? {}) as Incoming['params'] };
    if (isId(id)) this.#deps.asked({ ...incoming, id });
    else this.#track(this.#deps.notified(incoming));
    return false;
  }

  #track(outcome: unknown): void {
    if (!(outcome instanceof Promise)) return;
    this.#underWay += 1;
    const done = (): void => {
      this.#underWay -= 1;
      if (this.#underWay === LOW_WATER) this.#goOn();
    };
    outcome.then(done, done);
  }

  /** A line over the cap: the request that it answers fails, where it can be found. */
  #skipped({ bytes, head }: { bytes: number; head: string }): boolean {
    const method = /^\{"method":"([^"]+)"/.exec(head)?.[1];
    const id = idIn(head);
    this.#deps.log.warn('codex.line_too_long', { bytes, method });
    const sentence = `a message of ${bytes} bytes is over the limit of ${LINE_BYTES}`;
    if (id === null) return false;
    if (method === undefined) return this.#settle(id, { error: { message: sentence } });
    if (!this.#deps.isShared) this.refuse(id, sentence);
    return false;
  }

  #settle(id: MessageId, answer: { result?: unknown; error?: unknown }): boolean {
    const request = this.#waiting.get(id);
    // Its deadline has passed; the asker knows.
    if (!request) return false;
    this.#waiting.delete(id);
    clearTimeout(request.timer);
    if (answer.error === undefined) request.resolve(answer.result);
    else request.reject(refusal(request.method, answer.error));
    return true;
  }

  #write(message: object): void {
    if (this.#closedBecause === null && this.#deps.stdin.writable)
      this.#deps.stdin.write(`${JSON.stringify(message)}\n`);
  }

  refuse(id: MessageId, message: string): void {
    this.#write({ id, error: { code: -32601, message } });
  }
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    // Not ours to repair; the caller says so in the log.
    return null;
  }
}

function isId(id: unknown): id is MessageId {
  return typeof id === 'number' || typeof id === 'string';
}

/** The id near the beginning of a line: `{"id":7,"result":…` or `{"method":"…","id":7,"params":…`. */
function idIn(head: string): MessageId | null {
  const found = /^\{(?:"method":"[^"]+",)?"id":(\d+|"[^"]*")/.exec(head)?.[1];
  return found === undefined ? null : (JSON.parse(found) as MessageId);
}

function refusal(method: string, error: unknown): OrbitError {
  const message = (error as { message?: unknown } | null)?.message;
  const words = typeof message === 'string' ? message : JSON.stringify(error);
  // A provider that refuses a key likes to quote it.
  return failure(`${method} was refused: ${withoutSecrets(words.slice(0, REFUSAL_CHARS))}`);
}

function failure(reason: string): OrbitError {
  return new OrbitError('codex_error', { reason });
}

/**
 * Introduces us, once per connection.
 *
 * @returns what it says of itself, its version in `userAgent`
 * @throws OrbitError `codex_error`
 */
export async function greet(rpc: Rpc, version: string): Promise<InitializeResponse> {
  const clientInfo = { name: 'orbitdock', title: 'OrbitDock', version };
  const capabilities = { experimentalApi: true, requestAttestation: false };
  const params: InitializeParams = { clientInfo, capabilities };
  try {
    const said = await rpc.request('initialize', params, GREETING_MS);
    rpc.notify('initialized');
    return said as InitializeResponse;
  } catch (error) {
    const reason = `the app-server could not be started: ${wordsOf(error)}`;
    throw new OrbitError('codex_error', { reason }, { cause: error });
  }
}

function wordsOf(error: unknown): string {
  if (error instanceof OrbitError) return String(error.details.reason);
  return error instanceof Error ? error.message : String(error);
}
