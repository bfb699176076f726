/**
 * The engine: one `codex app-server` for one CODEX_HOME, shared by all sessions. This file says what
 * runs and how it is greeted; supervisor.ts keeps it running, rpc.ts sends requests to it, report-routing.ts knows for whom
 * its words are.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, parse } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { OrbitError } from '../../../errors.ts';
import { systemCodeOf } from '../../../exit.ts';
import type { Logger } from '../../../log.ts';
import { type CodexBinary, codexHomeOf, findCodexBinary } from './binary.ts';
import { type Child, type ChildSpec, environmentOf, startChild } from './child.ts';
import type { Engine, Methods } from './engine.ts';
import { createReportRouting, type ReportRouting } from './report-routing.ts';
import { greet, openRpc, type Rpc } from './rpc.ts';
import {
  createSandboxLeftovers,
  createSupervisor,
  type Kept,
  removeOldSandboxLeftovers,
  type SandboxLeftovers,
  type Supervisor,
} from './supervisor.ts';

/** What an engine needs. */
export interface EngineDeps {
  readonly log: Logger;
  /** Version we introduce ourselves with. */
  readonly version: string;
  /** Environment of the process; ours without what is only for us. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Lists what a process that is killed would leave in its projects; the next one removes that. */
  readonly tracesFile?: string;
  readonly findBinary?: () => CodexBinary;
  /** Pauses before restarts; RESTART_DELAYS_MS unless given. */
  readonly restartDelaysMs?: readonly number[];
  /** How long a process that missed a deadline may take for the simplest of questions. */
  readonly probeMs?: number;
  /** How long a process with no thread loaded may wait for the next request. */
  readonly idleMs?: number;
}

/** A process that has been greeted. */
interface Running extends Kept {
  readonly child: Child;
  readonly rpc: Rpc;
  readonly traces: SandboxLeftovers;
}

const DEADLINE_MS = 30_000;
const PROBE_MS = 10_000;
/** Longer than a login waits for its user, who is in a browser meanwhile. */
const IDLE_MS = 15 * 60_000;
const RESTART_DELAYS_MS = [250, 1000, 4000];
/** A session that ended must be free for a terminal at once, not after a minute. */
const ARGS = ['app-server', '-c', 'thread_unload_delay_secs=1'];

/** An engine that has started nothing yet. */
export function createEngine(deps: EngineDeps): Engine {
  return new AppServer(deps);
}

class AppServer implements Engine {
  readonly #deps: EngineDeps;
  readonly #routes: ReportRouting;
  readonly #supervisor: Supervisor<Running>;
  readonly #probing = new Set<Rpc>();
  /** One that was not greeted yet: its answer may take longer than closing may. */
  #starting: Child | null = null;
  #isClosed = false;
  /** The app asks for models at every connect: a process for that alone need not stay for ever. */
  readonly #idle: NodeJS.Timeout;

  /** What the last process left is removed; threads begin after that. */
  readonly #tidied: Promise<void>;

  constructor(deps: EngineDeps) {
    this.#deps = deps;
    this.#tidied = removeOldSandboxLeftovers(deps.tracesFile ?? null, deps.log);
    this.#routes = createReportRouting(this.#deps.log);
    this.#supervisor = createSupervisor<Running>({
      start: () => this.#start(),
      lost: (reason) => this.#routes.lost(reason),
      restartDelaysMs: this.#deps.restartDelaysMs ?? RESTART_DELAYS_MS,
      log: this.#deps.log,
    });
    this.#idle = setTimeout(() => void this.#stopIdle(), this.#deps.idleMs ?? IDLE_MS).unref();
  }

  get state() {
    return this.#supervisor.state;
  }

  async request<Method extends keyof Methods>(
    method: Method,
    params: Methods[Method]['params'],
    { deadlineMs = DEADLINE_MS }: { deadlineMs?: number } = {},
  ) {
    this.#idle.refresh();
    const running = await this.#supervisor.get();
    const result = await running.rpc.request(method, params, deadlineMs);
    // Nothing to wait for on the way to the asker: what it does at once comes before the next report.
    trace(running.traces, method, { params, result });
    return result as Methods[Method]['result'];
  }

  respond: Engine['respond'] = (...answer) => this.#routes.respond(...answer);

  listen: Engine['listen'] = (...listener) => this.#routes.listen(...listener);

  onReport: Engine['onReport'] = (listener) => this.#routes.onReport(listener);

  onState: Engine['onState'] = (listener) => this.#supervisor.onState(listener);

  close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#idle);
    this.#starting?.kill();
    return this.#supervisor.close();
  }

  async #start(): Promise<Running> {
    await this.#tidied;
    const given = this.#deps.env ?? process.env;
    const binary = this.#deps.findBinary?.() ?? findCodexBinary({ env: given });
    const env = environmentOf(given, binary);
    makeCodexHome(env.CODEX_HOME);
    // Any directory will do that exists and is no project: every thread names its own.
    const home = env.HOME || homedir();
    const cwd = existsSync(home) ? home : parse(process.execPath).root;
    const spec = { command: binary.path, args: ARGS, cwd, env };
    return await startInHome(codexHomeOf(env), () => this.#startChild(spec));
  }

  async #startChild(spec: ChildSpec): Promise<Running> {
    const child = await startChild(spec, this.#deps.log);
    this.#starting = child;
    if (this.#isClosed) child.kill();
    const { rpc, traces } = this.#connect(child);
    const exited = child.exited.then(async (reason) => {
      rpc.close(reason);
      await traces.allEnded();
      return reason;
    });
    try {
      await greet(rpc, this.#deps.version);
    } catch (error) {
      child.kill();
      throw error;
    } finally {
      this.#starting = null;
    }
    this.#deps.log.info('codex.started', { child_pid: child.pid });
    this.#idle.refresh();
    const end = async (): Promise<void> => {
      await child.end();
      await exited;
    };
    return { child, rpc, traces, exited, end };
  }

  #connect(child: Child): Pick<Running, 'rpc' | 'traces'> {
    const arrivals = this.#routes.open({
      respond: (id, result) => rpc.respond(id, result),
      refuse: (id, message) => rpc.refuse(id, message),
    });
    const { stdin, stdout } = child;
    const late = (): void => void this.#probe(child, rpc);
    const rpc = openRpc({ stdin, stdout, ...arrivals, late, log: this.#deps.log });
    return { rpc, traces: createSandboxLeftovers(this.#deps.tracesFile ?? null, this.#deps.log) };
  }

  /** A missed deadline may be the request's fault; a process that hangs answers nothing at all. */
  async #probe(child: Child, rpc: Rpc): Promise<void> {
    if (this.#probing.has(rpc)) return;
    this.#probing.add(rpc);
    const asked = performance.now();
    try {
      await rpc.request('thread/loaded/list', { limit: 1 }, this.#deps.probeMs ?? PROBE_MS);
    } catch (error) {
      if (rpc.receivedSince(asked)) return;
      this.#deps.log.error('codex.unresponsive', { child_pid: child.pid, error: error as Error });
      child.kill('it hung and answered nothing any more');
    } finally {
      this.#probing.delete(rpc);
    }
  }

  async renew(): Promise<boolean> {
    if (this.#supervisor.state !== 'ready') return false;
    const running = await this.#supervisor.get();
    const loaded = await running.rpc.request('thread/loaded/list', { limit: 1 }, DEADLINE_MS);
    const { data } = loaded as Methods['thread/loaded/list']['result'];
    // Requests that came meanwhile get an answer: none can come between this line and the next.
    if (data.length > 0 || running.rpc.isBusy()) return false;
    await this.#supervisor.retire(running);
    return true;
  }

  async #stopIdle(): Promise<void> {
    try {
      const rests = await this.renew();
      this.#deps.log.debug('codex.idle', { rests });
      if (!rests) this.#idle.refresh();
    } catch (error) {
      this.#deps.log.warn('codex.rest_failed', { error: error as Error });
    }
  }
}

/**
 * Codex refuses a CODEX_HOME that does not exist, though it makes its default one itself.
 *
 * @throws OrbitError `codex_error` that names the setting
 */
function makeCodexHome(path: string | undefined): void {
  if (!path) return;
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const reason = `CODEX_HOME ${path} is no directory and cannot be made (${systemCodeOf(cause)})`;
    throw new OrbitError('codex_error', { reason }, { cause });
  }
}

/** Follows where threads work, from what is asked and answered. */
function trace(
  traces: SandboxLeftovers,
  method: keyof Methods,
  said: { params: unknown; result: unknown },
) {
  const params = (said.params ?? {}) as { threadId?: string; cwd?: string | null };
  const { threadId = '', cwd } = params;
  switch (method) {
    case 'thread/start':
    case 'thread/resume':
    case 'thread/fork': {
      const {
        thread,
        cwd,
        runtimeWorkspaceRoots: roots,
      } = said.result as Methods['thread/start']['result'];
      traces.worksIn(thread.id, [cwd, ...roots]);
      break;
    }
    case 'turn/start':
      if (cwd) traces.worksIn(threadId, [cwd]);
      break;
    case 'thread/backgroundTerminals/clean':
      void traces.cleaned(threadId);
      break;
    case 'thread/unsubscribe':
      traces.left(threadId);
      break;
  }
}

/*
 * The first start of a Codex in a home. Each process makes the databases of its home that it finds missing, and of
 * two that make them at the same moment one ends with an error: in a new home we wait until the other's are made,
 * and try again when ours was the one that ended.
 */

/** Databases of this age are made, ms: it takes a tenth of it on an idle machine. */
const MADE_AFTER_MS = 1500;
const ATTEMPTS = 3;
const DATABASE = /^\w+\.sqlite$/;
/** What the process that lost says last. */
const LOST = /failed to initialize sqlite|another Codex process is using its local data/;

/** Starts what makes the databases of this home if they are missing; rejects as `start` does. */
async function startInHome<Started>(home: string, start: () => Promise<Started>): Promise<Started> {
  for (let attempt = 1; ; attempt++) {
    await databasesMade(home);
    try {
      return await start();
    } catch (error) {
      if (attempt === ATTEMPTS || !LOST.test((error as Error).message)) throw error;
    }
  }
}

/** Settles at once where there are none, or old ones; never later than they can be made. */
async function databasesMade(home: string): Promise<void> {
  const wait = (await youngestDatabase(home)) + MADE_AFTER_MS - Date.now();
  // Of a time that is yet to come nothing follows: the clock was set.
  if (wait > 0 && wait <= MADE_AFTER_MS) await pause(wait);
}

/** When it was made, milliseconds since 1970; 0 when there is none, or the file system does not know. */
async function youngestDatabase(home: string): Promise<number> {
  const names = await unlessMissing(readdir(home), []);
  const made = names
    .filter((name) => DATABASE.test(name))
    .map(async (name) => (await unlessMissing(stat(join(home, name)), null))?.birthtimeMs ?? 0);
  return Math.max(0, ...(await Promise.all(made)));
}

/** What cannot be read is said by the process that needs it. */
async function unlessMissing<Found>(found: Promise<Found>, otherwise: Found): Promise<Found> {
  try {
    return await found;
  } catch (error) {
    if (systemCodeOf(error) === undefined) throw error;
    return otherwise;
  }
}
