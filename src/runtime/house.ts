/**
 * The house behind the doors: puts ledger, registry, hooks and subscriptions together and offers the
 * hall to the transports. Knows no socket and no SQL.
 */
import type { CodexConfig, Places } from '../config.ts';
import { codexHomeOf } from '../connectors/codex/binary.ts';
import type { Engine } from '../connectors/codex/engine.ts';
import { createNamer } from '../connectors/codex/naming.ts';
import { createBrowse } from '../connectors/directory.ts';
import { readBranch } from '../connectors/git-head.ts';
import type { Images } from '../connectors/images.ts';
import { OrbitError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Writer } from '../store/writer.ts';
import { createAccounts } from './accounts.ts';
import { type BoundThreads, createBoundThreads } from './bound-threads.ts';
import { createStampClock, type StampClock } from './clock.ts';
import { createDispatch } from './dispatch.ts';
import { followEngine } from './engine-news.ts';
import { createForks } from './forks.ts';
import { frameOf, frameOfText } from './frames.ts';
import type { Hall, HookMeta } from './hall.ts';
import { createAccountHandlers } from './handlers/account.ts';
import { createApprovalHistoryHandlers } from './handlers/approval-history.ts';
import { createApprovalsHandlers } from './handlers/approvals.ts';
import { createBrowseHandlers } from './handlers/browse.ts';
import { createCatalogHandlers } from './handlers/catalog.ts';
import { createHookHandlers } from './handlers/hooks.ts';
import { createLifecycleHandlers } from './handlers/lifecycle.ts';
import { createNamingHandlers } from './handlers/naming.ts';
import { createReviewsHandlers } from './handlers/reviews.ts';
import { createShellHandlers } from './handlers/shell.ts';
import { createSubscriptionHandlers, createSubscriptions } from './handlers/subscriptions.ts';
import { createSteering, createTurnsHandlers } from './handlers/turns.ts';
import { createHooks } from './hooks.ts';
import { createInspection, type Inspection } from './inspection/inspection.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { createLinks } from './links.ts';
import { createListFeed } from './list-feed.ts';
import type { LiveSession } from './live-session.ts';
import { createNews } from './news.ts';
import { createRegistry, type Registry } from './registry.ts';
import { createRing } from './ring.ts';
import { createRooms, type Outlet, roomsOf } from './rooms.ts';
import { createSessionNames } from './session-names.ts';
import { contextOf, createSessions } from './sessions.ts';
import { createShells } from './shells.ts';
import { createStreams } from './streams.ts';
import { createTelling } from './telling.ts';

type Codec = typeof import('../protocol/codec.ts');

/** What a house is built over. */
export interface HouseDeps {
  writer: Writer;
  places: Places;
  images: Images;
  /** What commands of clients inherit. */
  env: Readonly<Record<string, string | undefined>>;
  /** The Codex that steered sessions run on; it starts when the first of them needs it. */
  engine: Engine;
  codex: CodexConfig;
  log: Logger;
  version: string;
  clock?: StampClock;
}

/** The house, put together, as server.ts and tests see it. */
export interface House {
  hall: Hall;
  rooms: Outlet & { attach(outlet: Outlet): void };
  registry: Registry;
  inspection: Inspection;
  ledger: Ledger;
  boundThreads: BoundThreads;
  /** Loads the schemas now, so that the first message does not wait for them. */
  loadCodec(): Promise<void>;
  /** From now on live hooks wait for this, at most 2 s: older ones are on their way from the spool. */
  waitForSpool(drained: Promise<unknown>): void;
  /** Takes no hook any more; what was taken is still committed. */
  drain(): void;
  /** Lets go of all connectors and ends what runs for clients; resolves when that is on record, within 6 s. */
  close(): Promise<void>;
}

/** A branch is read again after this long. */
const BRANCH_FRESH_MS = 5000;
const MAX_BRANCHES = 500;

/** How long a live hook waits for spooled ones at start. */
const MAX_SPOOL_WAIT_MS = 2000;

/** Builds the house over an open writer. */
export function createHouse({
  writer,
  places,
  images,
  env,
  engine,
  codex,
  log,
  version,
  clock = createStampClock(),
}: HouseDeps): House {
  const rooms = createRooms();
  const news = createNews({ rooms });
  const boundThreads = createBoundThreads();
  const ring = createRing();
  const listFeed = createListFeed({ rooms });
  const ledger = createLedger({
    writer,
    rooms,
    ring,
    listFeed,
    witness(live, item, committed) {
      inspection.witness(live, item, committed);
      names?.noticed(live);
    },
    log: log.child('ledger'),
    release: (sessionId, orders) => links.release(sessionId, orders),
    refresh: (sessionId) => void showWhole(sessionId),
    reopen: (live, moment) => registry.reopen(live, moment),
    revive: (live, moment) => registry.revive(live, moment),
    discard: (live) => registry.discard(live),
  });
  const registry: Registry = createRegistry({
    writer,
    ledger,
    log: log.child('restore'),
    opened: afterRestart,
  });
  const sessions = createSessions({ writer, registry, ledger, clock });
  const streams = createStreams({ rooms, writer, clock });
  news.keep(streams.standing);
  const lookUpBranch = branchLookUp({ registry, ledger, clock, log });
  const links = createLinks({
    engine,
    registry,
    ledger,
    streams,
    threads: boundThreads,
    lookUpBranch,
    clock,
    log: log.child('codex'),
  });
  const forks = createForks({ engine, sessions, links, registry, listFeed });
  const inspection = createInspection({
    writer,
    registry,
    ledger,
    clock,
    codec: () => codec(),
    isDraining: () => isDraining,
    log: log.child('inspection'),
    version,
  });
  const accounts = createAccounts({
    engine,
    news,
    codexHome: codexHomeOf(codex.env),
    log: log.child('codex'),
  });
  followEngine({ engine, threads: boundThreads, news });
  const subscriptions = createSubscriptions({ writer, ring, registry, news });
  const tell = createTelling({ writer, registry, ledger, clock });
  const names =
    codex.naming === null
      ? null
      : createSessionNames({
          namer: createNamer({ env: codex.env, model: codex.naming.model }),
          tell,
          log: log.child('naming'),
        });
  const shells = createShells({ tell, news, writer, clock, env, log: log.child('shell') });
  const takeChecked = createHooks({ writer, registry, ledger, clock, lookUpBranch });

  let loadedCodec: Codec | null = null;
  let codecLoad: Promise<Codec> | null = null;
  const loadCodec = async () => (loadedCodec = await import('../protocol/codec.ts'));
  const codec = () => (codecLoad ??= loadCodec());
  let spoolWait: Promise<unknown> | null = null;
  let isDraining = false;

  /** Nearly every hook comes when nothing has to be waited for: each `await` less is felt by all. */
  function takeHook(body: unknown, meta: HookMeta): Promise<void> {
    const isWaiting = loadedCodec === null || (spoolWait !== null && meta.origin !== 'spool');
    return isWaiting ? takeHookLater(body, meta) : takeHookNow(loadedCodec as Codec, body, meta);
  }

  function takeHookNow({ decodeHook }: Codec, body: unknown, meta: HookMeta): Promise<void> {
    const hook = decodeHook(withType(body, meta.type));
    if (hook instanceof OrbitError) return Promise.reject(hook);
    if (isDraining) return Promise.reject(new OrbitError('shutting_down'));
    return takeChecked(hook, meta);
  }

  async function takeHookLater(body: unknown, meta: HookMeta): Promise<void> {
    const loaded = await codec();
    if (spoolWait !== null && meta.origin !== 'spool') await spoolWait;
    await takeHookNow(loaded, body, meta);
  }

  const steer = createSteering(sessions);
  const handlers = {
    ...createSubscriptionHandlers(subscriptions),
    ...createHookHandlers(takeHook),
    ...createLifecycleHandlers({
      sessions,
      links,
      forks,
      registry,
      subscriptions,
      listFeed,
      home: places.home,
    }),
    ...createTurnsHandlers({ sessions, steer, images }),
    ...createApprovalsHandlers({ sessions, links, steer }),
    ...createNamingHandlers({ tell }),
    ...createApprovalHistoryHandlers({ writer, tell }),
    ...createReviewsHandlers({ writer, tell }),
    ...createShellHandlers({ shells, sessions, home: places.home }),
    ...createAccountHandlers({ engine, accounts }),
    ...createCatalogHandlers({ engine, threads: boundThreads, writer }),
    ...createBrowseHandlers({
      writer,
      browse: createBrowse({ home: places.home, roots: places.browseRoots }),
      transcriptRoots: places.transcriptRoots,
      log: log.child('browse'),
    }),
  };

  /** Something was taken back: everybody in the session's rooms gets it whole again. */
  async function showWhole(sessionId: string): Promise<void> {
    try {
      const read = { kind: 'catch-up', sessionId, since: null, epoch: null } as const;
      const answer = await writer.read(read);
      for (const text of answer?.frames ?? []) {
        const frame = frameOfText(text);
        for (const room of roomsOf(sessionId)) rooms.publish(room, frame);
      }
    } catch (error) {
      log.error('refresh.failed', { session_id: sessionId, error: error as Error });
    }
  }

  /** A row that says it has a connector has lost it with the process that held it. */
  function afterRestart(live: LiveSession): void {
    const { link_state } = contextOf(live).session;
    if (link_state !== 'attaching' && link_state !== 'attached') return;
    sessions.tell(live, { type: 'server.restarted' }, 'house').catch((error: Error) => {
      log.error('restore.not_stored', { session_id: live.id, error });
    });
  }
  for (const live of [...registry.live()]) afterRestart(live);
  shells.recover(writer.opened.commands);

  const hall: Hall = {
    opened(connection) {
      const { epoch } = writer.opened;
      connection.send(frameOf({ type: 'hello', version, protocol_version: 1, epoch }));
    },
    receive: createDispatch({ codec, handlers, log: log.child('websocket') }),
    resync: (connection, wanted) => subscriptions.resync(connection, wanted),
    closed: () => {},
    takeHook,
    image: images.find,
    health: () => ({ status: 'ok', ...(writer.trouble !== null && { degraded: writer.trouble }) }),
  };

  return {
    hall,
    rooms,
    registry,
    inspection,
    ledger,
    boundThreads,
    loadCodec: async () => void (await codec()),
    waitForSpool(drained) {
      const limit = new Promise((resolve) => setTimeout(resolve, MAX_SPOOL_WAIT_MS).unref());
      spoolWait = Promise.race([drained, limit]).finally(() => {
        spoolWait = null;
      });
    },
    drain() {
      isDraining = true;
      names?.close();
    },
    async close() {
      await Promise.all([links.close('the server was stopped'), shells.close()]);
      streams.stop();
    },
  };
}

/** A body that names no type gets the sender's; the CLI's own event name is better than both. */
function withType(body: unknown, type: string | undefined): unknown {
  if (type === undefined || body === null || typeof body !== 'object' || 'type' in body)
    return body;
  return { ...body, type };
}

/** Reads the branch beside the event that asked for it and tells the session when it differs. */
function branchLookUp(deps: {
  registry: Pick<Registry, 'enter'>;
  ledger: Pick<Ledger, 'tell'>;
  clock: StampClock;
  log: Logger;
}): (live: LiveSession) => void {
  /** Branches read a moment ago, by directory: prompts come faster than branches change. */
  const recent = new Map<string, { branch: Promise<string | null>; untilMs: number }>();

  function branchOf(directory: string): Promise<string | null> {
    const known = recent.get(directory);
    if (known && known.untilMs > performance.now()) return known.branch;
    if (recent.size >= MAX_BRANCHES) recent.clear();
    const branch = readBranch(directory);
    recent.set(directory, { branch, untilMs: performance.now() + BRANCH_FRESH_MS });
    return branch;
  }

  return ({ id, actor }) => {
    const { session } = actor.getSnapshot().context;
    const look = async () => {
      const branch = await branchOf(session.current_cwd ?? session.project_path);
      if (branch === null || branch === session.git_branch) return;
      await deps.registry.enter(id, ({ live }) => {
        if (!live) return;
        deps.ledger.tell(live, {
          event: { type: 'fields.updated', at: deps.clock.stamp(), fields: { git_branch: branch } },
          origin: 'house',
          key: null,
          settle: () => {},
        });
      });
    };
    look().catch((error: Error) => deps.log.warn('git.branch.failed', { session_id: id, error }));
  };
}
