/**
 * The core of the runtime: the parts that need each other. The ledger publishes into rooms and releases
 * commands to connectors; connectors report to the ledger; the registry opens what either asks for. Everything else
 * in the server is built over these and known to none of them.
 */
import { hasWaiter } from '../../machines/steps/answers.ts';
import { hasSentWords } from '../../machines/steps/terminal-messages.ts';
import type { Images } from '../host/images.ts';
import type { CommitListener } from '../inspection/hub.ts';
import type { Logger } from '../log.ts';
import type { Providers } from '../providers/registry.ts';
import type { Writer } from '../store/writer.ts';
import type { StoredActor } from '../store/writer-messages.ts';
import type { StampClock } from './clock.ts';
import { HISTORY_ENTRIES } from './handlers/history.ts';
import { createLedger, type Ledger } from './ledger/ledger.ts';
import { createReplayBuffer, type ReplayBuffer } from './ledger/replay-buffer.ts';
import {
  createListFeed,
  createRooms,
  frameOfText,
  type ListFeed,
  type Outlet,
  roomsOf,
} from './rooms/rooms.ts';
import {
  createStreams,
  createTransientMessages,
  type Streams,
  type TransientMessages,
} from './rooms/streamed-texts.ts';
import type { LiveSession } from './sessions/live-session.ts';
import { createRegistry, type Registry } from './sessions/registry.ts';
import { createSessions, type Sessions } from './sessions/sessions.ts';
import {
  type BoundThreads,
  type Connectors,
  createBoundThreads,
  createConnectors,
} from './steering/connectors.ts';
import { QueuedMessages, WaitingHooks } from './waiting-hooks.ts';
import { createBranchLookUp, type LookUpBranch } from './working-directory.ts';

/** What the core is built over. */
export interface CoreDeps {
  writer: Writer;
  providers: Providers;
  images: Pick<Images, 'keep'>;
  clock: StampClock;
  log: Logger;
  /** File in which hooks look whether words wait; null: none. */
  queuedWords: string | null;
  /** Is called for every event once it is committed and published. Never throws. */
  onCommitted: CommitListener;
}

/** The parts, for those that are built over them. */
export interface Core {
  writer: Writer;
  clock: StampClock;
  rooms: Outlet & { attach(outlet: Outlet): void };
  replayBuffer: ReplayBuffer;
  transient: TransientMessages;
  listFeed: ListFeed;
  ledger: Ledger;
  registry: Registry;
  sessions: Sessions;
  streams: Streams;
  threads: BoundThreads;
  connectors: Connectors;
  waitingHooks: WaitingHooks;
  queuedMessages: QueuedMessages;
  lookUpBranch: LookUpBranch;
}

/** Puts the parts together and sends an event to sessions whose connector ended with the last process. */
export function createCore(deps: CoreDeps): Core {
  const { writer, providers, images, clock, log, onCommitted } = deps;
  const rooms = createRooms();
  const replayBuffer = createReplayBuffer();
  const transient = createTransientMessages({ rooms });
  const listFeed = createListFeed({ rooms });
  const threads = createBoundThreads();
  const ledger = createLedger({
    writer,
    rooms,
    replayBuffer,
    listFeed,
    onCommitted(live, item, committed) {
      waitingHooks.onCommitted(live);
      queuedMessages.onCommitted(live);
      onCommitted(live, item, committed);
    },
    log: log.child('ledger'),
    release(live, commands) {
      // A session that is only watched is answered where its hook waits.
      const to = live.head.snapshot.hasTag('steered') ? connectors : waitingHooks;
      to.release(live, commands);
    },
    refresh: createRefresh({ writer, rooms, log }),
    settled: createHistoryMessages({ writer, transient, log }),
    moved: (live) => registry.moved(live),
    discard: (live) => registry.discard(live),
  });
  const registry: Registry = createRegistry({
    writer,
    log: log.child('restore'),
    opened(live, stored) {
      queuedMessages.onCommitted(live);
      afterRestart({ sessions, clock, log }, live, stored);
    },
  });
  const sessions: Sessions = createSessions({ writer, registry, ledger, clock });
  const queuedMessages = new QueuedMessages({
    ...{ path: deps.queuedWords, clock, log: log.child('words') },
    sendExpired: (id, before) =>
      sessions.sendTo(id, 'server', (at) => ({ type: 'words.expired', at, before })),
  });
  const waitingHooks = new WaitingHooks({
    peek: (id) => registry.peek(id),
    sendLeft: (id, requestId) =>
      sessions.sendTo(id, 'server', (at) => ({ type: 'waiter.left', at, requestId })),
    sendLost: (id, hookKey) =>
      sessions.sendTo(id, 'server', (at) => ({ type: 'words.lost', at, hookKey })),
    log: log.child('answers'),
  });
  const streams = createStreams({ rooms, writer, clock });
  transient.keep(streams.standing);
  const lookUpBranch = createBranchLookUp({ registry, ledger, clock, log });
  const reporting = { registry, ledger, streams, threads, lookUpBranch, clock };
  const connectors: Connectors = createConnectors({ writer, providers, images, ...reporting, log });
  registry.openInterrupted();
  const carried = { writer, clock, rooms, replayBuffer, transient, listFeed };
  const parts = {
    ledger,
    registry,
    sessions,
    streams,
    threads,
    connectors,
    waitingHooks,
    queuedMessages,
  };
  return { ...carried, ...parts, lookUpBranch };
}

/** Something was taken back: all subscribers of the session get it whole again. */
function createRefresh({
  writer,
  rooms,
  log,
}: {
  writer: Pick<Writer, 'read'>;
  rooms: Outlet;
  log: Logger;
}): (sessionId: string) => void {
  async function showWhole(sessionId: string): Promise<void> {
    const read = { kind: 'catch-up', sessionId, since: null, epoch: null } as const;
    const answer = await writer.read(read);
    for (const text of answer?.frames ?? []) {
      const frame = frameOfText(text);
      for (const room of roomsOf(sessionId)) rooms.publish(room, frame);
    }
  }
  return (sessionId) => {
    showWhole(sessionId).catch((error: Error) =>
      log.error('refresh.failed', { session_id: sessionId, error }),
    );
  };
}

/** The app shows a request as open in its history until it gets the history anew. */
function createHistoryMessages({
  writer,
  transient,
  log,
}: {
  writer: Pick<Writer, 'read'>;
  transient: Pick<TransientMessages, 'send'>;
  log: Logger;
}): (sessionId: string) => void {
  /** Sessions whose history is to be read: requests that end together are one list. */
  const waiting = new Set<string>();
  async function sendHistory(sessionId: string): Promise<void> {
    // What else is published with this commit comes first.
    await Promise.resolve();
    waiting.delete(sessionId);
    const approvals = await writer.read({ kind: 'approvals', sessionId, limit: HISTORY_ENTRIES });
    transient.send({ type: 'approvals_list', session_id: sessionId, approvals });
  }
  return (sessionId) => {
    if (waiting.has(sessionId)) return;
    waiting.add(sessionId);
    sendHistory(sessionId).catch((error: Error) =>
      log.error('history.not_told', { session_id: sessionId, error }),
    );
  };
}

/**
 * A session came back from its row. The clock goes on behind all that it has seen, and a connector that its
 * machine or its row shows is gone with the process that held it, as are hooks that waited for an answer.
 */
function afterRestart(
  { sessions, clock, log }: { sessions: Pick<Sessions, 'send'>; clock: StampClock; log: Logger },
  live: LiveSession,
  { summary: { link_state: shown } }: StoredActor,
): void {
  const { snapshot } = live.head;
  clock.advanceTo(snapshot.context.newestAt);
  const wasLinked = snapshot.hasTag('linked') || shown === 'attaching' || shown === 'attached';
  const { approvals } = snapshot.context;
  if (!wasLinked && !approvals.some(hasWaiter) && !hasSentWords(snapshot.context)) return;
  sessions.send(live, { type: 'server.restarted' }, 'server').catch((error: Error) => {
    log.error('restore.not_stored', { session_id: live.id, error });
  });
}
