/**
 * Codex as a provider: one shared app-server process (the engine), whose threads are sessions that we run.
 * The process starts when the first of them, or a request for models or the account, needs it.
 */
import type { Session } from '../../../machines/session-types.ts';
import { OrbitError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type {
  Account,
  Catalog,
  ForkPlan,
  Namer,
  OpenedThread,
  PastSessions,
  PastTurn,
  Provider,
  ServerPort,
  Steering,
  Threads,
} from '../provider.ts';
import type { TranscriptPort, Transcripts } from '../reports.ts';
import { createAccount, followLimits } from './account.ts';
import { allPages, followEngine, mcpInventory, modelOption, skillsEntry } from './catalog.ts';
import { codexHomeOf } from './engine/binary.ts';
import type { Engine } from './engine/engine.ts';
import { createEngines, type Daemons, type EngineMode, type Engines } from './engine-choice.ts';
import { createHookReader } from './hooks.ts';
import { createNamer } from './name-generator.ts';
import type { RolloutWatch, RolloutWatchOptions } from './rollouts/rollout-watch.ts';
import { CAPABILITIES, CodexSession } from './thread/connector.ts';
import { messageFrom } from './thread/items.ts';
import {
  APPROVAL_POLICIES,
  cutAtMessage,
  forkThread,
  resumeThread,
  SANDBOX_MODES,
  startThread,
  turnsOf,
} from './thread/threads.ts';

/** What Codex is run with. */
export interface CodexProviderDeps {
  engine: Engine;
  /** The daemons that terminals share, with their threads; null: nothing is shared. */
  daemons: Daemons | null;
  /** Where new threads run unless a session says otherwise. */
  mode: EngineMode;
  /** Homes whose rollouts are watched; none: nothing is read there. */
  homes: readonly string[];
  /** Where the reference server kept how far it had read rollouts. */
  stateBefore: string;
  /** What the engine inherits; names CODEX_HOME. */
  env: Readonly<Record<string, string | undefined>>;
  /** The model that names sessions; null where naming is off. */
  naming: { model: string } | null;
  log: Logger;
}

/** Asking for tools starts the servers that do not run; some are fetched from a registry first. */
const MCP_DEADLINE_MS = 90_000;

/** Codex over one engine, which it closes. */
export function createCodexProvider(deps: CodexProviderDeps): Provider {
  const { engine, daemons, mode, env, naming, log, homes, stateBefore } = deps;
  const namer: Namer | null = naming && createNamer({ env, model: naming.model });
  let account: Account | null = null;
  let threads: Threads | null = null;
  let rollouts: RolloutWatch | null = null;
  let sendLimits: ServerPort['sendLimits'] = () => {};
  const isHeldByUs = (threadId: string) =>
    threads?.sessionOf(threadId) != null || daemons?.holderOf(threadId) != null;
  return {
    id: 'codex',
    name: 'Codex',
    steering: createSteering(createEngines({ engine, daemons, mode }), engine, homes),
    catalog: createCatalog(engine),
    get account() {
      return account;
    },
    namer,
    readHook: createHookReader(homes, isHeldByUs),
    takesWords: false,
    past: homes.length === 0 ? null : pastThreads(homes),
    async watch(port) {
      if (homes.length === 0) return NOTHING_WATCHED;
      const beganMs = performance.now();
      // First what can be joined: rollouts leave it alone then.
      const lost = new Map<string, string>();
      await daemons?.watch(port.threads, (threadId, reason) => {
        if (rollouts === null) lost.set(threadId, reason);
        else rollouts.expect(threadId, reason);
      });
      rollouts = await watchRollouts({
        ...{ ...port, homes, stateBefore, isHeldByUs },
        onLimits: (limits) => sendLimits(limits),
      });
      for (const [threadId, reason] of lost) rollouts.expect(threadId, reason);
      log.info('codex.watched', {
        ms: Math.round(performance.now() - beganMs),
        homes: homes.join(' '),
      });
      const watched = rollouts;
      // Not the whole: its `follow` is one of transcripts, where a watch has one of processes.
      return { close: () => watched.close() };
    },
    transcripts: homes.length === 0 ? null : async (port) => connectRollouts(rollouts, port),
    readTelemetry: null,
    subagentTools: null,
    subagentBranch:
      homes.length === 0
        ? null
        : async (of, keep) =>
            (await import('./rollouts/past-sessions.ts')).readSubagent(homes, of, keep),
    start(port) {
      ({ threads, sendLimits } = port);
      for (const one of [engine, ...(daemons === null ? [] : [daemons])]) followLimits(one, port);
      account = createAccount({ engine, port, codexHome: codexHomeOf(env), log });
      followEngine({ engine, port });
    },
    async close() {
      await Promise.all([engine.close(), daemons?.close()]);
    },
  };
}

/** Loaded at the first request for one. */
function pastThreads(homes: readonly string[]): PastSessions {
  return {
    list: async (options) => (await import('./rollouts/past-sessions.ts')).listPast(homes, options),
    read: async (id, keep) =>
      (await import('./rollouts/past-sessions.ts')).readPast(homes, id, keep),
  };
}

const NOTHING_WATCHED = { close: async () => {} };

/** Loaded when the watch begins: chokidar is no part of the way to the first answer. */
async function watchRollouts(
  options: Omit<RolloutWatchOptions, 'names' | 'offsetBefore'> & { stateBefore: string },
): Promise<RolloutWatch> {
  const { openRollouts } = await import('./rollouts/rollout-watch.ts');
  return await openRollouts(options);
}

function connectRollouts(rollouts: RolloutWatch | null, port: TranscriptPort): Transcripts {
  if (rollouts === null) throw new Error('rollouts are not watched');
  return rollouts.connect(port);
}

function createSteering(engines: Engines, engine: Engine, homes: readonly string[]): Steering {
  return {
    capabilities: CAPABILITIES,
    checkSettings({ approval_policy, sandbox_mode }) {
      checkWord('approval_policy', approval_policy, APPROVAL_POLICIES);
      checkWord('sandbox_mode', sandbox_mode, SANDBOX_MODES);
    },
    threadOf,
    open: (settings) => engines.begin(settings, (engine) => startThread(engine, settings)),
    fork: (threadId, plan) =>
      engines.begin(plan.settings, (engine) => fork(engine, threadId, plan)),
    takeOver: (threadId) => takeOver(engine, homes, threadId),
    history: (threadId, sessionId) => historyOf(engines.of(threadId).engine, threadId, sessionId),
    connect(parts, begin) {
      const isCommand = 'type' in begin;
      const chosen = isCommand
        ? engines.toAttach(begin.threadId, begin.settings)
        : engines.of(begin.threadId);
      return new CodexSession({ ...parts, ...chosen }, begin);
    },
  };
}

/** Words that would mean nothing to Codex are refused. @throws OrbitError `invalid_argument` */
function checkWord(name: string, word: unknown, known: readonly string[]): void {
  if (!word || known.includes(String(word))) return;
  const reason = `${name} is one of ${known.join(', ')}`;
  throw new OrbitError('invalid_argument', { reason });
}

/** A watched session of Codex is called as its thread. */
function threadOf(session: Session): string | null {
  if (session.thread_id !== undefined) return session.thread_id;
  return session.provider === 'codex' ? session.id : null;
}

/** Its own settings stay; who holds it is asked first, because a refusal costs no process. */
async function takeOver(
  engine: Engine,
  homes: readonly string[],
  threadId: string,
): Promise<OpenedThread> {
  const { readWriterLocks } = await import('./rollouts/names-and-locks.ts');
  const locks = await readWriterLocks(homes);
  if (locks?.has(threadId)) throw new OrbitError('thread_busy', { thread: threadId });
  return await resumeThread(engine, threadId, null);
}

async function fork(
  engine: Engine,
  threadId: string,
  { beforeMessage, isBlank, settings }: ForkPlan,
): Promise<OpenedThread> {
  // Codex keeps no file of a thread in which nothing was said: a new one is the same.
  if (isBlank && beforeMessage === null) return startThread(engine, settings);
  if (beforeMessage === null) return forkThread(engine, threadId, { beforeTurnId: null, settings });
  const cut = await cutAtMessage(engine, threadId, beforeMessage);
  if ('refusal' in cut) throw new OrbitError('fork_failed', { id: threadId, reason: cut.refusal });
  // Before the first turn there is nothing to copy, and Codex copies nothing only into a new thread.
  if (cut.isFirst) return startThread(engine, settings);
  return forkThread(engine, threadId, { beforeTurnId: cut.beforeTurnId, settings });
}

async function* historyOf(
  engine: Engine,
  threadId: string,
  sessionId: string,
): AsyncGenerator<PastTurn> {
  for await (const { id, startedAt, items } of turnsOf(engine, threadId, 'asc')) {
    const timestamp = new Date((startedAt ?? 0) * 1000).toISOString();
    const messages = items.flatMap((item) => messageFrom(item, { sessionId, timestamp }) ?? []);
    yield { id, messages };
  }
}

function createCatalog(engine: Engine): Catalog {
  return {
    async models() {
      try {
        const models = await allPages((cursor) => engine.request('model/list', { cursor }));
        return models.filter(({ hidden }) => !hidden).map(modelOption);
      } catch (cause) {
        if (!(cause instanceof OrbitError)) throw cause;
        throw new OrbitError('model_list_failed', { reason: cause.message }, { cause });
      }
    },
    async skills(cwds, { reload: forceReload }) {
      const { data } = await engine.request('skills/list', { cwds, forceReload });
      return data.map(skillsEntry);
    },
    async mcpServers(threadId) {
      const about = threadId !== null && { threadId };
      const options = { deadlineMs: MCP_DEADLINE_MS };
      const servers = await allPages((cursor) =>
        engine.request('mcpServerStatus/list', { cursor, ...about }, options),
      );
      return mcpInventory(servers);
    },
    async reloadMcpServers() {
      const options = { deadlineMs: MCP_DEADLINE_MS };
      await engine.request('config/mcpServer/reload', undefined, options);
    },
  };
}
