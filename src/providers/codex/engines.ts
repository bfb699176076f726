/**
 * Which engine a thread runs in: the process of this server alone, or a daemon that terminals share. Where a thread
 * is open already, that one; where it is to begin, as the session or the server was told.
 */
import type { ThreadSettings } from '../../../machines/session-facts.ts';
import { OrbitError } from '../../errors.ts';
import type { OpenedThread } from '../provider.ts';
import type { SharedDaemon } from './engine/daemon.ts';
import type { Engine } from './engine/engine.ts';
import type { Daemons } from './shared.ts';
import type { CodexSessionDeps } from './thread/connector.ts';

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

/** The oldest Codex whose daemon tells and takes what is needed here. */
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
  /** Threads that began in a daemon and are not told by it yet. */
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
