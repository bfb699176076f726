/**
 * The composition root: the one file that knows all parts. Start order: lock, database, migrations
 * (all in the writer), listen, spool, timers; stop order is the reverse.
 */
import { unlink } from 'node:fs/promises';
import { frontsOf } from './address.ts';
import type { Config, DataPaths, RetentionLimits } from './config.ts';
import { OrbitError } from './errors.ts';
import { openDataDirectory, openFileLimit, removeLeftovers, writeFileAtomically } from './files.ts';
import { createImages } from './host/images.ts';
import { commandEnvironment } from './host/shell-command.ts';
import { createLogger, type Logger, type RootLogger } from './log.ts';
import { createSpool } from './providers/claude/hooks/spool.ts';
import type { Providers } from './providers/registry.ts';
import type { WatchPort } from './providers/reports.ts';
import type { Runtime } from './runtime/runtime.ts';
import { openWriter, type Writer } from './store/writer.ts';
import { serverVersion } from './version.ts';

/** A server that serves; disposing of it closes it. */
export interface Server extends AsyncDisposable {
  /** The port that is really bound, also when 0 was asked for. */
  readonly port: number;
  readonly address: string;
  /**
   * Whether it does its work: this thread turns, and the database's thread answers, be it that the storage fails.
   * Rejects, or never settles, where it does not.
   */
  works(): Promise<void>;
  /** Takes a renewed certificate over; nothing without one. */
  reloadCertificate(): void;
  /** Stops in order: no new work, commit what was taken, close. Resolves within 10 s; twice is once. */
  close(): Promise<void>;
}

/** While the server runs, files younger than this are hook.sh's own business. */
const SPOOL_MIN_AGE_MS = 10_000;
const SPOOL_EVERY_MS = 5000;
/** Code that has never run holds up the first hook: it runs once before, when our parent process knows that we serve. */
const WARM_UP_AFTER_MS = 50;
/** Database, log, watched directories, processes of agents: open besides the sockets. */
const FILES_OF_OUR_OWN = 256;
/** The watch waits so long for the spool, and no longer. */
const WATCH_WITHIN_MS = 2000;
const PASSIVATE_EVERY_MS = 60_000;
const PASSIVATE_AFTER_MS = 30 * 60_000;

/** What stands in for a part of the server, in tests and in programs that embed it. */
export interface ServerParts {
  /** Makes the providers; those of providers/all.ts unless given. */
  openProviders?: typeof import('./providers/all.ts').openProviders;
  /** The clock of notifications, and how push services are reached. */
  notify?: import('./notify/notifier.ts').NotifyParts;
}

/**
 * Starts the server and resolves when it serves.
 *
 * @throws ExitError 75 (data directory or address taken), 78 (database or directory unusable)
 */
export async function startServer(config: Config, parts: ServerParts = {}): Promise<Server> {
  openDataDirectory(config.paths);
  const log = createLogger(await logConfig(config), config.paths.log);
  const version = serverVersion();
  log.info('server.starting', { version, run_id: config.log.runId, data_dir: config.paths.dir });
  // The thread opens the database while this one loads the rest: each takes as long as the other.
  const [writer] = await Promise.all([
    openWriter({
      paths: config.paths,
      durability: config.durability,
      retention: config.retention,
      log: log.child('persistence'),
    }),
    loadParts(),
  ]);
  try {
    removeLeftovers(config.paths.dir);
    return await serve({ config, log, writer, version, ...parts });
  } catch (error) {
    await writer.close();
    log.error('server.start_failed', { error: error as Error });
    log.close();
    throw error;
  }
}

/** What serves, in chunks of its own. */
async function loadParts() {
  const [runtime, transports, providers, tokens, notify] = await Promise.all([
    import('./runtime/runtime.ts'),
    import('./transports/listen.ts'),
    import('./providers/all.ts'),
    import('./runtime/tokens.ts'),
    import('./notify/notifier.ts'),
  ]);
  return {
    createRuntime: runtime.createRuntime,
    createTransports: transports.createTransports,
    openProviders: providers.openProviders,
    TokenBook: tokens.NamedTokens,
    Notifier: notify.Notifier,
  };
}

/** What sends spans to a collector; null, and nothing of it is loaded, where none is configured. */
async function openTraces({
  config,
  log,
  version,
}: {
  config: Config;
  log: Logger;
  version: string;
}) {
  if (config.otlp === null) return null;
  const { Traces } = await import('./traces/traces.ts');
  return new Traces(config.otlp, { version, log: log.child('otlp') });
}

/** A server that will be refused must not empty the log of the one that runs. */
async function logConfig({ log, paths }: Config): Promise<Config['log']> {
  if (!log.truncateOnStart) return log;
  const { isLocked } = await import('./store/lock.ts');
  return { ...log, truncateOnStart: !isLocked(paths.lock) };
}

async function serve(deps: {
  config: Config;
  log: RootLogger;
  writer: Writer;
  version: string;
  openProviders?: ServerParts['openProviders'];
  notify?: ServerParts['notify'];
}): Promise<Server> {
  const { config, log, writer, version } = deps;
  const { paths } = config;
  const { createRuntime, createTransports, TokenBook, Notifier, ...loaded } = await loadParts();
  const { openProviders = loaded.openProviders } = deps;
  const providers = openProviders({ config, log, version });
  const tokens = new TokenBook({ writer, log: log.child('tokens') });
  const notifier = new Notifier({
    ...{ writer, tokens, vapidPath: paths.vapid },
    ...{ log: log.child('notify'), isPrivateAllowed: config.allowPrivatePush, ...deps.notify },
  });
  const traces = await openTraces({ config, log, version });
  const runtime = createRuntime({
    writer,
    providers,
    places: config.places,
    queuedWords: paths.queuedWords,
    images: createImages({ directory: paths.images }),
    env: commandEnvironment(process.env, config.token),
    log,
    version,
    notifications: notifier,
    traces,
  });
  await tokens.open();
  await notifier.open(runtime.registry.live());
  const transports = createTransports({
    config,
    tokens,
    runtime: runtime.api,
    rooms: runtime.rooms,
    inspection: runtime.inspection,
    socketPath: paths.socket,
    hookSecretPath: paths.hookSecret,
    log: log.child('transports'),
    version,
  });
  const { address, port } = await transports.listen();
  const scheme = config.tls === null ? 'http' : 'https';
  const { retention } = config;
  announce(paths, { scheme, address, port, version, retention, fronts: frontsOf(config, port) });
  const { sessions, interrupted, working, wasDirty, foreign } = writer.opened;
  const counts = { sessions, interrupted: interrupted.length, working: working.length };
  log.child('restore').info('restore.start', { ...counts, was_dirty: wasDirty });
  if (foreign.length > 0) {
    // Its rows are believed; who has revisions from before gets snapshots.
    const of = foreign.length;
    log
      .child('restore')
      .warn('restore.foreign_rows', { sessions: foreign.slice(0, 20).join(' '), of });
  }
  const files = openFileLimit();
  if (files !== null && files < config.maxConnections + FILES_OF_OUR_OWN) {
    const wanted = config.maxConnections + FILES_OF_OUR_OWN;
    const remedy = 'raise `ulimit -n`, or lower --max-connections';
    log.warn('server.few_files', { limit: files, wanted }, `Sockets may be refused; ${remedy}`);
  }
  log.info('server.listening', { address, port, sessions: writer.opened.sessions });
  writer.onCrash((error) => {
    // Nothing can be stored any more; a supervisor starts us again and the spool brings the rest.
    throw error;
  });
  const stopBackgroundJobs = startBackgroundJobs({ paths, runtime, writer, log, providers });
  let closing: Promise<void> | null = null;

  async function stop(): Promise<void> {
    log.info('server.shutdown');
    runtime.drain();
    tokens.close();
    notifier.close();
    await stopBackgroundJobs();
    await runtime.close();
    await Promise.all([transports.close(), ...[...providers].map((provider) => provider.close())]);
    await Promise.all([writer.close(), traces?.close()]);
    runtime.registry.stop();
    await withdraw(paths);
    log.info('server.stopped');
    log.close();
  }

  async function works(): Promise<void> {
    try {
      await writer.read({ kind: 'known-keys', keys: [] });
    } catch (error) {
      // An answer as well: the disk is full, many ask.
      if (!(error instanceof OrbitError)) throw error;
    }
  }

  const close = () => (closing ??= stop());
  const reloadCertificate = () => transports.reloadCertificate();
  return { address, port, works, reloadCertificate, close, [Symbol.asyncDispose]: close };
}

interface BackgroundJobDeps {
  paths: DataPaths;
  runtime: Runtime;
  writer: Writer;
  log: RootLogger;
  providers: Providers;
}

/** What goes on beside serving: the spool, the watch, sessions that become rows again. */
function startBackgroundJobs(deps: BackgroundJobDeps): () => Promise<void> {
  const { paths, runtime, writer, log } = deps;
  const spool = createSpool({
    directory: paths.spool,
    quarantine: paths.quarantine,
    take: runtime.api.takeHook,
    knownKeys: (keys) => writer.read({ kind: 'known-keys', keys }),
    log: log.child('spool'),
  });
  const first = spool.drain(0);
  runtime.waitForSpool(first);
  let draining: Promise<unknown> | null = null;
  const drain = (run: Promise<unknown>) => {
    draining = run.finally(() => {
      draining = null;
    });
  };
  drain(first);
  const opening = runtime.openWorking();
  const watches = startWatches(deps, Promise.all([first, opening]));
  const spoolTimer = setInterval(() => {
    if (!draining) drain(spool.drain(SPOOL_MIN_AGE_MS));
  }, SPOOL_EVERY_MS);
  const passivateTimer = setInterval(() => runtime.rest(PASSIVATE_AFTER_MS), PASSIVATE_EVERY_MS);
  const warmUpTimer = setTimeout(() => {
    const beganMs = performance.now();
    try {
      runtime.warmUp();
      log.info('server.warm', { ms: Math.round(performance.now() - beganMs) });
    } catch (error) {
      // A hook meets the same, and is answered with it.
      log.error('warm_up.failed', { error: error as Error });
    }
  }, WARM_UP_AFTER_MS);
  return async () => {
    clearTimeout(warmUpTimer);
    clearInterval(spoolTimer);
    clearInterval(passivateTimer);
    await Promise.all([draining, opening, watches.close()]);
  };
}

/** What the hooks reported while we were down comes first: a check of processes is newer. */
function startWatches(
  { runtime, writer, log, providers }: BackgroundJobDeps,
  before: Promise<unknown>,
): { close(): Promise<void> } {
  const watchLog = log.child('watch');
  const onError = (error: unknown) => watchLog.error('watch.failed', { error: error as Error });
  const { ownerOf } = runtime.witnesses;
  const port: Omit<WatchPort, 'onReports' | 'known' | 'threads'> = {
    ownerOf,
    onWarning: (path, reason) => watchLog.warn('watch.not_read', { path, reason }),
    onError,
  };
  let isClosed = false;
  const limit = new Promise((resolve) => setTimeout(resolve, WATCH_WITHIN_MS).unref());
  const due = Promise.race([before, limit]);
  const opened = [...providers].map(async ({ id, watch }) => {
    await due;
    if (isClosed || !watch) return null;
    const known = writer.opened.bearers.filter(({ provider }) => provider === id);
    const onReports: WatchPort['onReports'] = (reports) => runtime.witnesses.take(reports, id);
    const threads = runtime.joins.port(id);
    const opened = await watch({ ...port, known, threads, onReports });
    runtime.witnesses.attach(id, opened);
    return opened;
  });
  // A check of the registry reveals sessions, whose transcripts are read then.
  const reading = [...providers].map(async ({ id, transcripts }, at) => {
    await opened[at]?.catch(() => null);
    if (isClosed || !transcripts) return null;
    const reader = await transcripts({ ...port, ...runtime.transcripts.port() });
    runtime.transcripts.attach(id, reader);
    return reader;
  });
  const all = [...opened, ...reading];
  for (const one of all) one.catch(onError);
  return {
    async close() {
      isClosed = true;
      const watches = await Promise.allSettled(all);
      await Promise.all(
        watches.map((one) => (one.status === 'fulfilled' ? one.value?.close() : null)),
      );
    },
  };
}

/** Where to find us: for `status` and people. Nothing trusts it; the lock decides. */
function announce(
  paths: DataPaths,
  where: {
    scheme: string;
    address: string;
    port: number;
    version: string;
    retention: RetentionLimits;
    fronts: string[];
  },
): void {
  const started_at = new Date().toISOString();
  const card = JSON.stringify({ pid: process.pid, ...where, started_at });
  writeFileAtomically(paths.server, `${card}\n`, { mode: 0o600 });
  writeFileAtomically(paths.pid, String(process.pid), { mode: 0o600 });
}

async function withdraw(paths: DataPaths): Promise<void> {
  for (const path of [paths.server, paths.pid]) {
    await unlink(path).catch(() => {
      // It was removed already; the lock is what counts.
    });
  }
}
