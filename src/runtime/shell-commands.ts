/**
 * The commands that run. Each is on record before it starts and runs at most once: what the end of the
 * server interrupts says so after the next start and is never run again. While a command runs its room
 * receives what it writes; its end is a fact.
 */
import { randomUUID } from 'node:crypto';
import { OrbitError } from '../errors.ts';
import {
  type Command,
  failedOutput,
  INTERRUPTED_WORDS,
  startCommand,
} from '../host/shell-command.ts';
import type { Logger } from '../log.ts';
import { entry, wireTime } from '../protocol/encode.ts';
import type { Message, MessageChanges } from '../protocol/nouns.ts';
import type { ShellOutput, TransientSessionMessage } from '../protocol/server.ts';
import type { Writer } from '../store/writer.ts';
import type { Opened } from '../store/writer-messages.ts';
import type { StampClock } from './clock.ts';
import type { Sender } from './rooms/rooms.ts';
import type { TransientMessages } from './rooms/streamed-texts.ts';
import type { Sessions } from './sessions/sessions.ts';

/** What to run and in whose name. */
export interface ShellRequest {
  sessionId: string;
  /** Who wants it. */
  sender: Sender;
  command: string;
  /** A directory that exists, unless the command is impossible. */
  cwd: string;
  timeoutMs: number;
  /** Why the command cannot run; it is put on record as failed for this reason. */
  impossible?: string;
}

/** Commands that clients run in a session's directory. */
export interface Shells {
  /**
   * Puts a command on record and starts it; resolves with its id when it is on record.
   *
   * @throws OrbitError `not_found`, `too_many_processes`, `shutting_down`, and what `sendTo` throws
   */
  run(request: ShellRequest): Promise<string>;
  /** @throws OrbitError `not_found` when it does not run */
  cancel(sessionId: string, id: string): void;
  /** Closes the record of commands that ran when the last process ended. */
  recover(commands: Opened['commands']): void;
  /** Ends every command and resolves when that is on record, within 6 s. */
  close(): Promise<void>;
}

interface ShellsDeps {
  sessions: Pick<Sessions, 'sendTo' | 'as'>;
  transient: Pick<TransientMessages, 'sendDeltas' | 'keep'>;
  writer: Pick<Writer, 'submit'>;
  clock: StampClock;
  /** What commands inherit. */
  env: Readonly<Record<string, string | undefined>>;
  log: Logger;
}

const MAX_COMMANDS = 16;
const MAX_SESSION_COMMANDS = 4;
/** How often rooms receive what commands write, ms. */
const SEND_EVERY_MS = 50;
/** A crash loses this much of an output at most, ms. */
const KEEP_EVERY_MS = 2_000;
const CLOSE_WITHIN_MS = 6_000;

interface Running {
  sessionId: string;
  command: Command;
  /** What the row has of its output, and since when (monotonic, ms). */
  kept: { chars: number; atMs: number; isOnItsWay: boolean };
}

/** No command runs yet. */
export function createShells(deps: ShellsDeps): Shells {
  return new SessionShells(deps);
}

class SessionShells implements Shells {
  readonly #deps: ShellsDeps;
  readonly #running = new Map<string, Running>();
  /** Beginnings and ends on their way to the record. */
  readonly #owed = new Set<Promise<unknown>>();
  /** Sessions of commands that run or are about to. */
  readonly #places: string[] = [];
  #timer: NodeJS.Timeout | null = null;
  #isClosing = false;

  constructor(deps: ShellsDeps) {
    this.#deps = deps;
    this.#deps.transient.keep((sessionId, mode) =>
      mode === 'whole'
        ? []
        : [...this.#running].flatMap(([id, each]) => soFar(sessionId, id, each)),
    );
  }

  async run(request: ShellRequest): Promise<string> {
    this.#takePlace(request.sessionId);
    return await this.#owe(this.#recordAndStart(request));
  }

  cancel(sessionId: string, id: string): void {
    const found = this.#running.get(id);
    if (found?.sessionId !== sessionId) {
      throw new OrbitError('not_found', { what: 'Running command', id }, { sessionId });
    }
    found.command.end('cancelled');
  }

  recover(commands: Opened['commands']): void {
    for (const { sessionId, messageId, output } of commands) {
      void this.#owe(
        this.#record({ sessionId, command: null }, messageId, {
          stdout: output ?? '',
          stderr: INTERRUPTED_WORDS,
          exit_code: null,
          duration_ms: 0,
          outcome: 'interrupted',
        }),
      );
    }
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    for (const { command } of this.#running.values()) command.end('interrupted');
    const limit = new Promise((resolve) => setTimeout(resolve, CLOSE_WITHIN_MS).unref());
    const paid = async () => {
      while (this.#owed.size > 0) await Promise.allSettled(this.#owed);
    };
    await Promise.race([paid(), limit]);
    if (this.#timer) clearInterval(this.#timer);
  }

  #takePlace(sessionId: string): void {
    if (this.#isClosing) throw new OrbitError('shutting_down');
    const own = this.#places.filter((other) => other === sessionId).length;
    const limit = this.#places.length >= MAX_COMMANDS ? MAX_COMMANDS : MAX_SESSION_COMMANDS;
    if (this.#places.length >= MAX_COMMANDS || own >= MAX_SESSION_COMMANDS) {
      throw new OrbitError('too_many_processes', { limit }, { sessionId });
    }
    this.#places.push(sessionId);
  }

  #leavePlace(sessionId: string): void {
    this.#places.splice(this.#places.indexOf(sessionId), 1);
  }

  /** Keeps `close` waiting for it. */
  #owe<Result>(work: Promise<Result>): Promise<Result> {
    this.#owed.add(work);
    const paid = () => void this.#owed.delete(work);
    work.then(paid, paid);
    return work;
  }

  #start(id: string, request: ShellRequest): void {
    const { sessionId } = request;
    const command = startCommand({ ...request, env: this.#deps.env });
    const kept = { chars: 0, atMs: performance.now(), isOnItsWay: false };
    this.#running.set(id, { sessionId, command, kept });
    // One timer for all commands; it stops with the last of them.
    this.#timer ??= setInterval(() => this.#sendOutput(), SEND_EVERY_MS);
    this.#deps.log.info('shell.started', { session_id: sessionId, request_id: id });
    void this.#owe(command.done.then((output) => this.#finish(request, id, output)));
    if (this.#isClosing) command.end('interrupted');
  }

  async #finish(request: ShellRequest, id: string, output: ShellOutput): Promise<void> {
    const { sessionId } = request;
    // The rest is sent before the end, and a client that subscribes now gets no command that is over.
    this.#sendOutput();
    this.#running.delete(id);
    this.#leavePlace(sessionId);
    if (this.#running.size === 0 && this.#timer) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
    const { outcome, duration_ms } = output;
    this.#deps.log.info('shell.finished', {
      session_id: sessionId,
      request_id: id,
      outcome,
      duration_ms,
    });
    await this.#record(request, id, output);
  }

  /** Never rejects: what cannot be put on record now is found there, unfinished, after the next start. */
  async #record(
    { sessionId, command }: { sessionId: string; command: string | null },
    messageId: string,
    output: ShellOutput,
  ): Promise<void> {
    try {
      await this.#deps.sessions.sendTo(sessionId, 'server', (at) => ({
        type: 'shell.finished',
        at,
        update: { messageId, changes: changesAtEnd(command, output) },
        output,
      }));
    } catch (error) {
      this.#deps.log.error('shell.not_recorded', { session_id: sessionId, error: error as Error });
    }
  }

  async #recordAndStart(request: ShellRequest): Promise<string> {
    const id = randomUUID();
    try {
      const mine = this.#deps.sessions.as(request.sender);
      await mine.sendTo(request.sessionId, 'client', (at) => ({
        type: 'shell.started',
        at,
        message: commandMessage(id, request, at),
      }));
    } catch (error) {
      this.#leavePlace(request.sessionId);
      throw error;
    }
    // Only now: what is not on record must not run, because its end could not be put on record either.
    if (request.impossible === undefined) this.#start(id, request);
    else void this.#owe(this.#finish(request, id, failedOutput(request.impossible)));
    return id;
  }

  #sendOutput(): void {
    for (const [request_id, each] of this.#running) {
      const { sessionId: session_id, command } = each;
      for (const stream of ['stdout', 'stderr'] as const) {
        const piece = command.output[stream].takeNewOutput();
        if (piece)
          this.#deps.transient.sendDeltas({
            type: 'shell_delta',
            session_id,
            request_id,
            stream,
            ...piece,
          });
      }
      command.resumeReading();
      this.#keep(request_id, each);
    }
  }

  /** Lays what a command wrote so far into its row, now and then, one write at a time. */
  #keep(messageId: string, { sessionId, command, kept }: Running): void {
    const chars = command.output.stdout.length + command.output.stderr.length;
    const isDue = performance.now() - kept.atMs >= KEEP_EVERY_MS;
    if (!isDue || chars === kept.chars || kept.isOnItsWay) return;
    Object.assign(kept, { chars, atMs: performance.now(), isOnItsWay: true });
    const content = combined(command.output.stdout.text(), command.output.stderr.text());
    const item = { kind: 'checkpoint', sessionId, messageId, key: null } as const;
    this.#deps.writer.submit(
      { ...item, at: this.#deps.clock.stamp(), field: 'tool_output', content },
      () => {
        kept.isOnItsWay = false;
      },
    );
  }
}

/** What a subscriber who comes now must receive of a command that runs. */
function soFar(sessionId: string, request_id: string, { sessionId: own, command }: Running) {
  if (own !== sessionId) return [];
  return (['stdout', 'stderr'] as const).flatMap((stream) =>
    command.output[stream]
      .pieces()
      .filter(({ text }) => text !== '')
      .map((piece): TransientSessionMessage => {
        return { type: 'shell_delta', session_id: sessionId, request_id, stream, ...piece };
      }),
  );
}

/* A command as its message shows it: while it runs, and when it is over. */

/** The message that carries a command and, later, its output. */
function commandMessage(
  id: string,
  { sessionId, command }: { sessionId: string; command: string },
  at: string,
): Message {
  return entry({
    id,
    session_id: sessionId,
    message_type: 'shell',
    content: command,
    timestamp: wireTime(at),
    is_in_progress: true,
  });
}

/** Both streams as one text, the errors behind. */
function combined(stdout: string, stderr: string): string {
  return [stdout, stderr].filter(Boolean).join('\n');
}

/** What the end of a command changes on its message. @param command its text, null where it is not known any more */
function changesAtEnd(
  command: string | null,
  { stdout, stderr, exit_code, duration_ms, outcome }: ShellOutput,
): MessageChanges {
  return {
    // Repeated, because the app reads a duration only beside a content.
    ...(command !== null && { content: command }),
    tool_output: combined(stdout, stderr),
    is_error: exit_code !== 0,
    is_in_progress: false,
    // How long a command took whose end was not seen is unknown.
    ...((outcome !== 'interrupted' || duration_ms > 0) && { duration_ms }),
  };
}
