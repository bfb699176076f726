/**
 * The engine: one `codex app-server` for one CODEX_HOME, shared by all sessions. This file says what
 * runs and how it is greeted; keeper.ts keeps it running, rpc.ts speaks to it, routes.ts knows for whom
 * its words are.
 */
import { homedir } from 'node:os';
import { OrbitError } from '../../../errors.ts';
import type { Logger } from '../../../log.ts';
import type { Methods } from '../protocol/methods.ts';
import { type CodexBinary, findCodexBinary } from './binary.ts';
import { type Child, environmentOf, startChild } from './child.ts';
import type { Engine } from './engine.ts';
import { createKeeper, type Kept } from './keeper.ts';
import { createRoutes } from './routes.ts';
import { openRpc, type Rpc } from './rpc.ts';
import { createTraces, type Traces } from './traces.ts';

/** What an engine needs. */
export interface EngineDeps {
  readonly log: Logger;
  /** Version we introduce ourselves with. */
  readonly version: string;
  /** Environment of the process; ours without what is only for us. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly findBinary?: () => CodexBinary;
  /** Pauses before restarts; the policy of reliability.md R15 unless given. */
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
  readonly traces: Traces;
}

const DEADLINE_MS = 30_000;
const PROBE_MS = 10_000;
/** Longer than a login waits for its user, who is in a browser meanwhile. */
const IDLE_MS = 15 * 60_000;
const RESTART_DELAYS_MS = [250, 1000, 4000];
/** A session that ended must be free for a terminal at once, not after a minute (codex.md 3.6). */
const ARGS = ['app-server', '-c', 'thread_unload_delay_secs=1'];

/** An engine that has started nothing yet. */
export function createEngine(deps: EngineDeps): Engine {
  const { log, probeMs = PROBE_MS } = deps;
  const routes = createRoutes(log);
  const keeper = createKeeper<Running>({
    start,
    lost: routes.lost,
    restartDelaysMs: deps.restartDelaysMs ?? RESTART_DELAYS_MS,
    log,
  });
  const probing = new Set<Rpc>();
  /** One that was not greeted yet: its answer may take longer than closing may. */
  let starting: Child | null = null;
  let isClosed = false;
  /** The app asks for models at every connect: a process for that alone need not stay for ever. */
  const idle = setTimeout(() => void rest(), deps.idleMs ?? IDLE_MS).unref();

  async function start(): Promise<Running> {
    const given = deps.env ?? process.env;
    const binary = deps.findBinary?.() ?? findCodexBinary({ env: given });
    const env = environmentOf(given, binary);
    // Where it runs matters to nobody, as long as it is no project: every thread names its own.
    const cwd = env.HOME ?? homedir();
    const child = await startChild({ command: binary.path, args: ARGS, cwd, env }, log);
    starting = child;
    if (isClosed) child.kill();
    const { rpc, traces } = connect(child);
    const exited = child.exited.then(async (reason) => {
      rpc.close(reason);
      await traces.allEnded();
      return reason;
    });
    try {
      await greet(rpc, deps.version);
    } catch (error) {
      child.kill();
      throw error;
    } finally {
      starting = null;
    }
    log.info('codex.started', { child_pid: child.pid });
    idle.refresh();
    const end = async (): Promise<void> => {
      await child.end();
      await exited;
    };
    return { child, rpc, traces, exited, end };
  }

  function connect(child: Child): Pick<Running, 'rpc' | 'traces'> {
    const arrivals = routes.open({
      respond: (id, result) => rpc.respond(id, result),
      refuse: (id, message) => rpc.refuse(id, message),
    });
    const { stdin, stdout } = child;
    const late = (): void => void probe(child, rpc);
    const rpc = openRpc({ stdin, stdout, ...arrivals, late, log });
    return { rpc, traces: createTraces(log) };
  }

  /** A missed deadline may be the request's fault; a process that hangs answers nothing at all. */
  async function probe(child: Child, rpc: Rpc): Promise<void> {
    if (probing.has(rpc)) return;
    probing.add(rpc);
    const asked = performance.now();
    try {
      await rpc.request('thread/loaded/list', { limit: 1 }, probeMs);
    } catch (error) {
      if (rpc.heardSince(asked)) return;
      log.error('codex.unresponsive', { child_pid: child.pid, error: error as Error });
      child.kill();
    } finally {
      probing.delete(rpc);
    }
  }

  async function renew(): Promise<boolean> {
    if (keeper.state !== 'ready') return false;
    const running = await keeper.get();
    const loaded = await running.rpc.request('thread/loaded/list', { limit: 1 }, DEADLINE_MS);
    const { data } = loaded as Methods['thread/loaded/list']['result'];
    // Who has asked meanwhile gets an answer: between this line and the next nobody can.
    if (data.length > 0 || running.rpc.isBusy()) return false;
    await keeper.retire(running);
    return true;
  }

  async function rest(): Promise<void> {
    try {
      const rests = await renew();
      log.debug('codex.idle', { rests });
      if (!rests) idle.refresh();
    } catch (error) {
      log.warn('codex.rest_failed', { error: error as Error });
    }
  }

  return {
    get state() {
      return keeper.state;
    },
    async request<Method extends keyof Methods>(
      method: Method,
      params: Methods[Method]['params'],
      { deadlineMs = DEADLINE_MS }: { deadlineMs?: number } = {},
    ) {
      idle.refresh();
      const running = await keeper.get();
      const result = await running.rpc.request(method, params, deadlineMs);
      // Nothing to wait for on the way to the asker: what it does at once comes before the next report.
      trace(running.traces, method, { params, result });
      return result as Methods[Method]['result'];
    },
    respond: routes.respond,
    listen: routes.listen,
    onReport: routes.onReport,
    onState: keeper.onState,
    renew,
    close() {
      isClosed = true;
      clearTimeout(idle);
      starting?.kill();
      return keeper.close();
    },
  };
}

/** Follows where threads work, from what is asked and answered. */
function trace(traces: Traces, method: keyof Methods, said: { params: unknown; result: unknown }) {
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

async function greet(rpc: Rpc, version: string): Promise<void> {
  const clientInfo = { name: 'orbitdock', title: 'OrbitDock', version };
  const capabilities = { experimentalApi: true, requestAttestation: false };
  const params: Methods['initialize']['params'] = { clientInfo, capabilities };
  try {
    await rpc.request('initialize', params, DEADLINE_MS);
  } catch (error) {
    const reason = `the app-server could not be started: ${wordsOf(error)}`;
    throw new OrbitError('codex_error', { reason }, { cause: error });
  }
  rpc.notify('initialized');
}

function wordsOf(error: unknown): string {
  if (error instanceof OrbitError) return String(error.details.reason);
  return error instanceof Error ? error.message : String(error);
}
