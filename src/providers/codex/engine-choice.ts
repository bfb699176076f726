/**
 * Which engine a thread runs in: the process of this server alone, or a daemon that terminals share, and which threads
 * those daemons have. Where a thread is open already, that one; where it is to begin, as the session or the server says.
 */
import { join, resolve } from 'node:path';
import type { ThreadSettings } from '../../../machines/session-facts.ts';
import { OrbitError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { OpenedThread } from '../provider.ts';
import type { JoinPort, SharedThread } from '../reports.ts';
import { allPages } from './catalog.ts';
import { codexHomeOf } from './engine/binary.ts';
import { createDaemon, type DaemonDeps, type SharedDaemon } from './engine/daemon.ts';
import type { Engine } from './engine/engine.ts';
import type { ServerNotification } from './protocol/generated/ServerNotification.ts';
import type { Thread } from './protocol/generated/v2/Thread.ts';
import type { CodexSessionDeps } from './thread/connector.ts';
import { type EngineFields, isSession, resumeCommand } from './thread/join-thread.ts';

/** Where new threads run: in the daemon, if there is one that fits, or as the word says. */
export type EngineMode = 'auto' | 'shared' | 'private';

type Chosen = Pick<CodexSessionDeps, 'engine' | 'shared'>;

/** The engines of a server. */
export interface Engines {
  /** Runs what begins a thread where it shall run. @throws OrbitError `codex_error` where nothing fits */
  begin(
    settings: ThreadSettings,
    begin: (engine: Engine) => Promise<OpenedThread>,
  ): Promise<OpenedThread>;
  /** The engine in which a thread is open. */
  of(threadId: string): Chosen;
  /** The engine in which a thread is opened again. */
  toAttach(threadId: string | null, settings: ThreadSettings): Chosen;
}

/** The oldest Codex whose daemon reports and accepts what is needed here. */
const OLDEST = [0, 157] as const;

/** Engines over our own and the daemons. */
export function createEngines({
  engine,
  daemons,
  mode,
}: {
  engine: Engine;
  daemons: Daemons | null;
  mode: EngineMode;
}): Engines {
  const own: Chosen = { engine, shared: null };
  /** Threads that began in a daemon and that it has not reported yet. */
  const begun = new Map<string, SharedDaemon>();

  function sharedBy(daemon: SharedDaemon): Chosen {
    return {
      engine: daemon,
      shared: (threadId) => daemons?.fieldsOf(daemon, threadId) ?? { engine: 'shared' },
    };
  }

  function daemonFor({ engine: wanted = mode }: ThreadSettings): SharedDaemon | null {
    if (wanted === 'private') return null;
    const daemon = daemons?.main ?? null;
    const why = whyUnfit(daemon);
    if (why === null) return daemon;
    if (wanted === 'auto') return null;
    throw new OrbitError('codex_error', { reason: why });
  }

  function holderOf(threadId: string): SharedDaemon | null {
    return begun.get(threadId) ?? daemons?.holderOf(threadId) ?? null;
  }

  return {
    async begin(settings, begin) {
      const daemon = daemonFor(settings);
      if (daemon === null || daemons === null) return begin(engine);
      const opened = await daemons.claim(() => begin(daemon));
      begun.set(opened.threadId, daemon);
      const fields = { ...opened.fields, ...daemons.fieldsOf(daemon, opened.threadId) };
      return { ...opened, fields };
    },
    of(threadId) {
      const daemon = holderOf(threadId);
      return daemon === null ? own : sharedBy(daemon);
    },
    toAttach(threadId, { engine: wanted }) {
      const holder = threadId === null ? null : holderOf(threadId);
      if (holder?.state === 'ready') return sharedBy(holder);
      const main = daemons?.main ?? null;
      // A thread that ran in the daemon goes on there, if it is there again; else no process holds it.
      return wanted === 'shared' && main?.state === 'ready' ? sharedBy(main) : own;
    },
  };
}

/** Why no thread can begin in this daemon now; null when one can. */
function whyUnfit(daemon: SharedDaemon | null): string | null {
  if (daemon === null) return 'the shared daemon is switched off here; choose private';
  if (daemon.state !== 'ready') {
    return `no shared Codex daemon runs in ${daemon.home}; start \`codex\` in a terminal, or choose private`;
  }
  const { version } = daemon;
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
  if (version !== null && !isOld) return null;
  return `the shared Codex daemon is of version ${version ?? 'unknown'}; ${OLDEST.join('.')} or later is needed`;
}

/*
 * The threads of the daemons that terminals share: found, reported to the server as sessions that can be joined,
 * and reported as over. Threads that this server begins there itself are its own sessions already.
 */

/** The daemons of all homes. */
export interface Daemons {
  /** Of the home in which new threads begin. */
  readonly main: SharedDaemon | null;
  /** The one that has this thread loaded; null when none is known to. */
  holderOf(threadId: string): SharedDaemon | null;
  /** The fields of a session whose thread runs in this one. */
  fieldsOf(daemon: SharedDaemon, threadId: string): EngineFields;
  /** Runs what begins a thread; the thread then belongs to this server. */
  claim<Opened extends { threadId: string }>(begin: () => Promise<Opened>): Promise<Opened>;
  /**
   * Reports their threads from now on; settles when those that are there now are reported.
   *
   * @param onLost  called with each thread that no daemon has any more, and why; whether another process holds it, and how
   *   far it came, is read from its rollout
   */
  watch(port: JoinPort, onLost: (threadId: string, reason: string) => void): Promise<void>;
  /** Has every one of them say what it reports. */
  onReport: SharedDaemon['onReport'];
  close(): Promise<void>;
}

/** What daemons have is known: what none of them has is over, for this reason. */
type Settled = (reason: string) => Promise<void>;

/** Threads that are no sessions, such as those that make titles: remembered so that they are read once. */
const MAX_OTHERS = 1000;

/** The homes of this user, each with its daemon: that of the server's environment first, which new threads use. */
export function daemonsOf(
  codex: {
    env: Readonly<Record<string, string | undefined>>;
    home: string;
    homes: readonly string[];
  },
  deps: Pick<DaemonDeps, 'log' | 'version'>,
): Daemons {
  const env = { ...codex.env, HOME: codex.env.HOME || codex.home };
  const usualHome = join(env.HOME, '.codex');
  const homes = new Set([codexHomeOf(env), usualHome, ...codex.homes].map((home) => resolve(home)));
  const daemons = [...homes].map((home) => createDaemon({ ...deps, home }));
  return createDaemons(daemons, { usualHome, log: deps.log });
}

/** @param daemons  the main one first  @param usualHome  the home that needs no name in a command */
function createDaemons(
  daemons: readonly SharedDaemon[],
  { usualHome, log }: { usualHome: string; log: Logger },
): Daemons {
  const parts = daemons.map((daemon) => new DaemonThreads(daemon, log));
  /** Threads that are being begun here, and those that were. */
  const claims = new Claims();

  return {
    main: daemons[0] ?? null,
    holderOf: (threadId) => parts.find(({ threads }) => threads.has(threadId))?.daemon ?? null,
    fieldsOf: ({ home }, threadId) => ({
      engine: 'shared',
      resume_command: resumeCommand(threadId, home === usualHome ? null : home),
    }),
    claim: (begin) => claims.claim(begin),
    async watch(port, onLost) {
      const isLost = (threadId: string) => !parts.some(({ threads }) => threads.has(threadId));
      const settled: Settled = async (reason) => {
        const { readWriterLocks } = await import('./rollouts/names-and-locks.ts');
        const isJudged = (await readWriterLocks(daemons.map(({ home }) => home))) !== null;
        if (!parts.every(({ hasLooked }) => hasLooked)) return;
        const lost = port.left(isLost, reason, isJudged ? true : undefined);
        if (isJudged) for (const threadId of lost) onLost(threadId, reason);
      };
      await Promise.all(parts.map((part) => part.watch(port, claims, settled)));
    },
    onReport(listener) {
      const ends = daemons.map((daemon) => daemon.onReport(listener));
      return () => {
        for (const end of ends) end();
      };
    },
    async close() {
      await Promise.all(daemons.map((daemon) => daemon.close()));
    },
  };
}

/** The threads of one daemon. */
class DaemonThreads {
  readonly daemon: SharedDaemon;
  /** Those that it has loaded, as far as they are sessions. */
  readonly threads = new Set<string>();
  hasLooked = false;
  readonly #log: Logger;
  readonly #others = new Set<string>();
  #port: JoinPort | null = null;
  #claims = new Claims();
  #settled: Settled = async () => {};
  #listing: Promise<void> = Promise.resolve();
  #hasListed = false;

  constructor(daemon: SharedDaemon, log: Logger) {
    this.daemon = daemon;
    this.#log = log;
  }

  async watch(port: JoinPort, claims: Claims, settled: Settled): Promise<void> {
    this.#port = port;
    this.#claims = claims;
    this.#settled = settled;
    this.daemon.onReport((report) => this.#receive(report));
    this.daemon.onState((state) => {
      if (state === 'ready') this.#listing = this.#list();
      if (state === 'stopped') void this.#gone();
    });
    await this.daemon.open();
    await this.#listing;
    if (this.daemon.state !== 'ready') await this.#gone();
  }

  async #gone(): Promise<void> {
    this.hasLooked = true;
    this.threads.clear();
    try {
      await this.#settled('the shared Codex daemon is gone');
    } catch (error) {
      this.#log.error('codex.loss_not_told', { path: this.daemon.home, error: error as Error });
    }
  }

  async #list(): Promise<void> {
    const isFirst = !this.#hasListed;
    this.#hasListed = true;
    try {
      const loaded = await allPages((cursor) =>
        this.daemon.request('thread/loaded/list', { cursor }),
      );
      for (const threadId of this.threads) {
        if (!loaded.includes(threadId)) this.threads.delete(threadId);
      }
      await Promise.all(loaded.map((id) => this.#see(id, isFirst ? 'listed' : 'begun')));
      this.hasLooked = true;
      await this.#settled('the shared Codex daemon was started anew without it');
    } catch (error) {
      this.#log.warn('codex.daemon_not_listed', { path: this.daemon.home, error: error as Error });
    }
  }

  /** Receives what a daemon reports about threads that no session is joined to. */
  #receive({ method, params }: ServerNotification): void {
    switch (method) {
      case 'thread/started':
        void this.#found(params.thread, 'begun');
        break;
      case 'thread/status/changed':
        if (params.status.type === 'active') void this.#see(params.threadId, 'works');
        else if (params.status.type === 'notLoaded') this.#closed(params.threadId);
        else if (!this.threads.has(params.threadId)) void this.#see(params.threadId, 'begun');
        break;
      case 'thread/closed':
        this.#closed(params.threadId);
    }
  }

  #closed(threadId: string): void {
    this.#others.delete(threadId);
    if (this.threads.delete(threadId)) this.#port?.closed(threadId);
  }

  async #see(threadId: string, why: SharedThread['why']): Promise<void> {
    if (this.#others.has(threadId)) return;
    try {
      const read = { threadId, includeTurns: false };
      const { thread } = await this.daemon.request('thread/read', read);
      await this.#found(thread, why);
    } catch (error) {
      // It may have gone meanwhile; what it reports later is received again.
      this.#log.warn('codex.thread_not_read', { thread_id: threadId, error: error as Error });
    }
  }

  async #found(thread: Thread, why: SharedThread['why']): Promise<void> {
    const { id: threadId } = thread;
    if (!isSession(thread)) {
      if (this.#others.size >= MAX_OTHERS) this.#others.clear();
      this.#others.add(threadId);
      return;
    }
    this.threads.add(threadId);
    if (await this.#claims.has(threadId)) return;
    await this.#port?.join(sharedFrom(thread, why));
  }
}

/** Which threads this server has begun: the daemon reports them like all others, and maybe before its answer. */
class Claims {
  readonly #begun = new Set<string>();
  readonly #beginning = new Set<Promise<unknown>>();

  async claim<Opened extends { threadId: string }>(begin: () => Promise<Opened>): Promise<Opened> {
    const beginning = begin().then((opened) => {
      this.#begun.add(opened.threadId);
      return opened;
    });
    this.#beginning.add(beginning);
    try {
      return await beginning;
    } finally {
      this.#beginning.delete(beginning);
    }
  }

  /** Known once what is being begun has begun. A claim is good for once: later it is a session that is found. */
  async has(threadId: string): Promise<boolean> {
    await Promise.allSettled(this.#beginning);
    return this.#begun.delete(threadId);
  }
}

function sharedFrom(thread: Thread, why: SharedThread['why']): SharedThread {
  const { id: threadId, cwd, createdAt, recencyAt, updatedAt, name, preview, model } = thread;
  return {
    threadId,
    why: thread.status.type === 'active' ? 'works' : why,
    cwd,
    startedAtMs: createdAt * 1000,
    activeAtMs: (recencyAt ?? updatedAt) * 1000,
    name,
    firstPrompt: preview === '' ? null : preview,
    model,
    branch: thread.gitInfo?.branch ?? null,
    forkedFrom: thread.forkedFromId,
  };
}
