/**
 * The server behind the transports: builds everything over the core and offers the runtime to the
 * transports. Knows no socket and no SQL.
 */
import { type Step, snapshotFrom, takeStep } from '../../machines/step.ts';
import type { AllowedPaths, RetentionLimits } from '../config.ts';
import { DAMAGE_REMEDY, OrbitError } from '../errors.ts';
import { createBrowse } from '../host/directory.ts';
import type { Images } from '../host/images.ts';
import { createWorktrees } from '../host/worktrees.ts';
import { createInspection, type Inspection } from '../inspection/inspection.ts';
import type { Logger } from '../log.ts';
import { decodeHook, parseHookJson } from '../protocol/hook-body.ts';
import type { RateLimit } from '../protocol/reply-nouns.ts';
import type { Providers } from '../providers/registry.ts';
import type { WatchPort } from '../providers/reports.ts';
import type { Writer } from '../store/writer.ts';
import type { EventItem } from '../store/writer-messages.ts';
import { createStampClock, type StampClock } from './clock.ts';
import { type Core, createCore } from './core.ts';
import { createDispatch, createHandlers, createIntake, type Intake } from './dispatch.ts';
import { findOwner } from './found-sessions.ts';
import { createSubscriptions, type Subscriptions } from './handlers/subscriptions.ts';
import { RateLimits } from './handlers/usage.ts';
import { Hooks } from './hooks.ts';
import { frameOf } from './rooms/rooms.ts';
import type { Notifications, RuntimeApi } from './runtime-api.ts';
import type { LiveSession } from './sessions/live-session.ts';
import { createSessionNames, type SessionNames } from './sessions/session-names.ts';
import { createShells } from './shell-commands.ts';
import { SharedThreads } from './steering/shared-threads.ts';
import { createTelemetry } from './telemetry.ts';
import { TranscriptReading } from './transcripts.ts';
import { Witnesses } from './witnesses.ts';

/** What a runtime is built over. */
export interface RuntimeDeps {
  writer: Writer;
  places: AllowedPaths;
  images: Images;
  /** What commands of clients inherit. */
  env: Readonly<Record<string, string | undefined>>;
  /** Who runs agents; each begins to report what is not asked for. */
  providers: Providers;
  log: Logger;
  version: string;
  clock?: StampClock;
  /** File in which hooks look whether words wait for their session; none: they do not look. */
  queuedWords?: string;
  /** Who notifies people; receives every event after its commit. */
  notifications?: Notifications & { onCommitted(live: LiveSession, item: EventItem): void };
  /** Makes spans of what happened; receives every event after its commit. Never throws. */
  traces?: {
    open(sessions: Iterable<LiveSession>): void;
    onCommitted(live: LiveSession, item: EventItem): void;
  } | null;
}

/** The server, put together, as server.ts and tests see it. */
export interface Runtime extends Pick<Core, 'rooms' | 'registry' | 'ledger' | 'threads'> {
  api: RuntimeApi;
  inspection: Inspection;
  /** Runs the way of a hook once, so that the first one does not wait for that. */
  warmUp(): void;
  /** Makes the newest sessions live that were at work: what is not live is neither watched nor traced. Never rejects. */
  openWorking(): Promise<void>;
  /** Takes what the watch of registries and processes reports. */
  witnesses: Pick<Witnesses, 'take' | 'attach'> & Pick<WatchPort, 'ownerOf'>;
  /** Takes what is known of threads that can be joined. */
  joins: Pick<SharedThreads, 'port'>;
  /** Takes what transcripts report, once a provider's reading is attached. */
  transcripts: Pick<TranscriptReading, 'port' | 'attach'>;
  /** From now on live hooks wait for this, at most 2 s: older ones are on their way from the spool. */
  waitForSpool(drained: Promise<unknown>): void;
  /** Lets sessions rest that were idle for so long: connectors go first, then they become rows. */
  rest(idleMs: number): void;
  /** Takes no hook any more; what was taken is still committed. */
  drain(): void;
  /** Lets go of all connectors and ends what runs for clients; resolves when that is on record, within 6 s. */
  close(): Promise<void>;
}

/** Builds the server over an open writer. */
export function createRuntime(deps: RuntimeDeps): Runtime {
  const { writer, providers, places, images, env, log, version } = deps;
  const { clock = createStampClock() } = deps;
  const core = createCore({
    writer,
    providers,
    images,
    clock,
    log,
    queuedWords: deps.queuedWords ?? null,
    onCommitted(live, item, committed) {
      inspection.onCommitted(live, item, committed);
      transcripts.onCommitted(live, item);
      deps.notifications?.onCommitted(live, item);
      deps.traces?.onCommitted(live, item);
      names?.onCommitted(live);
    },
  });
  const { rooms, replayBuffer, registry, ledger, transient, threads, sessions } = core;
  const hooks = new Hooks({
    ...{ ...core, providers, images, log: log.child('hooks') },
    named: (live) => witnesses.named(live),
  });
  const witnesses: Witnesses = new Witnesses({
    ...core,
    providers,
    reported: (live) => transcripts.reported(live),
    log: log.child('watch'),
  });
  const transcripts: TranscriptReading = new TranscriptReading({
    ...core,
    images,
    log: log.child('transcripts'),
  });
  const takeTelemetry = createTelemetry({ ...core, providers, log: log.child('telemetry') });
  const joins = new SharedThreads({ ...core, log: log.child('joins') });
  const intake = createIntake((hook, meta) => hooks.take(hook, meta));
  const inspection = createInspection({
    ...{ writer, registry, ledger, clock, version },
    codec: intake.codec,
    isDraining: () => intake.isDraining,
    log: log.child('inspection'),
  });
  const rateLimits = new RateLimits();
  const sendLimits = (limits: readonly RateLimit[]) => rateLimits.note(limits);
  for (const provider of providers) provider.start({ threads, ...transient, sendLimits });
  writer.onStorageError((trouble) =>
    transient.sendToList({ type: 'server_status', degraded: null, ...degradedOf(trouble) }),
  );
  const names = namesOf(deps, core);
  const shells = createShells({ sessions, transient, writer, clock, env, log: log.child('shell') });
  shells.recover(writer.opened.commands);
  const subscriptions = createSubscriptions({ writer, replayBuffer, registry, transient });
  rooms.attach(subscriptions);
  const handlers = createHandlers({
    ...{ core, subscriptions, providers, shells, images, takeHook: intake.takeHook },
    rateLimits,
    notifications: deps.notifications ?? null,
    browse: createBrowse({ home: places.home, roots: places.browseRoots }),
    worktrees: createWorktrees(places.worktrees),
    home: places.home,
    log: log.child('browse'),
  });
  deps.traces?.open(registry.live());
  const receive = createDispatch({ codec: intake.codec, handlers, log: log.child('websocket') });
  return {
    api: apiOf({ deps, core, takeTelemetry, subscriptions, intake, receive }),
    ...{ rooms, registry, ledger, threads, inspection, transcripts, joins },
    witnesses: {
      take: (reports, provider) => witnesses.take(reports, provider),
      attach: (provider, watch) => witnesses.attach(provider, watch),
      ownerOf: (threadId) => findOwner(core, threadId),
    },
    warmUp: () => void rehearseHook(providers),
    async openWorking() {
      await registry.openWorking();
      deps.traces?.open(registry.live());
    },
    waitForSpool: intake.waitForSpool,
    rest(idleMs) {
      registry.passivate(idleMs);
      core.queuedMessages.expire();
      core.connectors.rest(idleMs);
    },
    drain() {
      intake.drain();
      core.waitingHooks.close();
      witnesses.stop();
      transcripts.stop();
      names?.close();
    },
    async close() {
      await Promise.all([core.connectors.close('the server was stopped'), shells.close()]);
      core.streams.stop();
    },
  };
}

/** What is kept, as clients are sent it: 0 is no limit. */
function retentionOf({ eventDays, events, sessionDays, maxBytes }: RetentionLimits) {
  return {
    event_days: eventDays,
    events: events === Number.MAX_SAFE_INTEGER ? 0 : events,
    session_days: sessionDays,
    max_bytes: maxBytes,
  };
}

/** The storage error as clients and `/health` show it. */
function degradedOf(trouble: string | null): { degraded?: string; remedy?: string } {
  if (trouble === null) return {};
  return { degraded: trouble, ...(trouble === 'corrupt' && { remedy: DAMAGE_REMEDY }) };
}

/** What names sessions; null where it is not configured. */
function namesOf({ providers, log }: RuntimeDeps, { sessions }: Core): SessionNames | null {
  const namer = [...providers].find((provider) => provider.namer)?.namer;
  if (!namer) return null;
  return createSessionNames({ namer, sessions, log: log.child('naming') });
}

function apiOf({
  deps: { writer, images, version },
  core: { waitingHooks },
  takeTelemetry,
  subscriptions,
  intake,
  receive,
}: {
  deps: RuntimeDeps;
  core: Core;
  takeTelemetry: RuntimeApi['takeTelemetry'];
  subscriptions: Subscriptions;
  intake: Intake;
  receive: RuntimeApi['receive'];
}): RuntimeApi {
  return {
    opened(connection) {
      const { epoch } = writer.opened;
      const hello = { type: 'hello', version, protocol_version: 1, epoch } as const;
      const retention = retentionOf(writer.opened.retention);
      connection.send(frameOf({ ...hello, retention, ...degradedOf(writer.storageError) }));
    },
    receive,
    resync: (connection, wanted) => subscriptions.resync(connection, wanted),
    closed: (connection) => subscriptions.closed(connection),
    takeHook: intake.takeHook,
    awaitAnswer: (key) => waitingHooks.wait(key),
    takeTelemetry,
    image: images.find,
    health: () => ({ status: 'ok', ...degradedOf(writer.storageError) }),
    figures: async () => ({
      backlog: writer.backlog,
      totals: await writer.read({ kind: 'totals' }),
    }),
  };
}

/*
 * What a first hook costs: code that has never run. It is run once on a hook that
 * was not sent, as far as it only computes; nothing is stored, published, logged or kept.
 */

const REHEARSED_AT = '1970-01-01T00:00:00.000000Z';
const BODY = Buffer.from(
  JSON.stringify({
    session_id: 'rehearsal',
    hook_event_name: 'UserPromptSubmit',
    cwd: '/rehearsal',
    prompt: 'rehearsal',
  }),
);

const keep = () => ({ refusal: 'a rehearsal' });

/** Takes the hook as far as the commit, which it does not reach. @returns what would be committed */
export function rehearseHook(providers: Pick<Providers, 'readHook'>): Step {
  const hook = decodeHook(parseHookJson(BODY));
  if (hook instanceof OrbitError) throw hook;
  const reading = providers.readHook(hook);
  if (!reading) throw new Error('no provider reads the hook of the rehearsal');
  const session = reading.session(REHEARSED_AT, null, null);
  const snapshot = snapshotFrom({ session, isNew: true, turnCount: 0 });
  return takeStep(snapshot, reading.event({ at: REHEARSED_AT, key: 'rehearsal', keep }));
}
