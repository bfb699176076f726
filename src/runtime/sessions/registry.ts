/**
 * Which sessions are live, and how to enter one. A live session is entered at once; one that is only a
 * row is opened first, and everybody who wants in meanwhile waits in one line, so that events of a
 * session keep their order. Actors are children of the supervisor.
 */
import type { SessionInput } from '../../../machines/session-types.ts';
import type { Logger } from '../../log.ts';
import type { StoredActor } from '../../store/items.ts';
import type { Writer } from '../../store/writer.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { type Moment, momentOf } from '../ledger/moment.ts';
import type { LiveSession, SessionActor } from './live-session.ts';
import { inputOf, savedOf } from './restore.ts';
import { childOf, startSupervisor } from './wiring.ts';

/** What a visitor finds: the live session, or what is known of one that does not exist yet. */
export interface Found {
  live: LiveSession | null;
  /** JSON of the start of a session that has not done anything yet. */
  pendingStart: string | null;
}

/** Who is live, and the way into every other session. */
export interface Registry {
  /** The session if it is live. */
  peek(id: string): LiveSession | null;
  /**
   * Calls `visit` as soon as it is known whether the session exists: at once when it is live. Visits
   * of one session happen in the order of the calls.
   *
   * @throws OrbitError `server_busy` when too many wait for the database
   */
  enter<Result>(id: string, visit: (found: Found) => Result): Promise<Awaited<Result>>;
  /** Makes a session that does not exist live; its birth is stored with its first event. */
  create(input: SessionInput): LiveSession;
  /** Ledger's side: puts an actor back to a moment, or to its birth; results of what it did since are void. */
  reopen(live: LiveSession, moment: Moment | null): void;
  /** Ledger's side: puts a crashed actor back to the moment before; what is on its way stays valid. */
  revive(live: LiveSession, moment: Moment | null): void;
  /** Ledger's side: lets a session go that was never committed. */
  discard(live: LiveSession): void;
  /** Turns sessions that were idle for long back into rows. */
  passivate(idleMs: number): void;
  readonly liveCount: number;
  /** All live sessions. */
  live(): Iterable<LiveSession>;
  /** Opens no session any more and stops all actors. */
  stop(): void;
}

interface RegistryDeps {
  writer: Pick<Writer, 'read' | 'opened'>;
  ledger: Pick<Ledger, 'collect' | 'record' | 'order'>;
  log: Logger;
  /** Called when a row has become live, before anybody enters it. */
  opened?: (live: LiveSession) => void;
  nowMs?: () => number;
}

/** More live sessions than this, and those idle longest become rows. */
const MAX_LIVE = 1000;

/** Opens the registry with the sessions that were busy when the last process ended. */
export function createRegistry({
  writer,
  ledger,
  log,
  opened = () => {},
  nowMs = () => performance.now(),
}: RegistryDeps): Registry {
  const lives = new Map<string, LiveSession>();
  const queues = new Map<string, Array<(found: Found, error: unknown) => void>>();
  /** Never reused in this process: the writer remembers which generation of a session it refused. */
  let generations = 0;
  const supervisor = startSupervisor({ ledger, log, busy: writer.opened.busy });
  for (const stored of writer.opened.busy) adoptStored(stored);

  /** @param tail  events since the stored snapshot the actor goes on from; null when there is none */
  function adopt(input: SessionInput, tail: number | null, actor: SessionActor): LiveSession {
    const moment = tail === null ? null : momentOf(actor);
    const live: LiveSession = {
      id: input.session.id,
      actor,
      generation: ++generations,
      input,
      committed: moment,
      latest: moment,
      tail: tail ?? Number.POSITIVE_INFINITY,
      birth: [],
      base: null,
      inFlight: [],
      usedAtMs: nowMs(),
    };
    lives.set(live.id, live);
    return live;
  }

  /** Spawns an actor; what its birth records waits for the first event. */
  function spawn(input: SessionInput): Pick<LiveSession, 'actor' | 'birth'> {
    const { id } = input.session;
    const born = ledger.collect(() => supervisor.send({ type: 'session.opened', id, input }));
    return { actor: childOf(supervisor, id), birth: born.facts };
  }

  /** The snapshot before the first event: a new journal's first base. */
  function baseOf(actor: SessionActor): string {
    return JSON.stringify(actor.getPersistedSnapshot());
  }

  function create(input: SessionInput): LiveSession {
    makeRoom();
    const { actor, birth } = spawn(input);
    return Object.assign(adopt(input, null, actor), { birth, base: baseOf(actor) });
  }

  /** Makes a row live: from its snapshot, or at idle from its columns when that does not restore. */
  function openStored(stored: StoredActor): LiveSession {
    makeRoom();
    const input = inputOf(stored);
    const saved = savedOf(stored);
    if (saved) {
      const { actor } = spawn({ ...input, saved });
      if (actor.getSnapshot().status === 'active') return adopt(input, stored.tail.length, actor);
      supervisor.send({ type: 'session.closed', id: input.session.id });
    }
    log.warn('restore.from_columns', { session_id: input.session.id });
    const { actor } = spawn(input);
    // What its journal holds so far leads to another state than this one: here it begins anew.
    return Object.assign(adopt(input, null, actor), { base: baseOf(actor) });
  }

  /** At boot: the supervisor's snapshot brought the child already, unless it did not restore. */
  function adoptStored(stored: StoredActor): void {
    const child = supervisor.getSnapshot().children[stored.summary.id] as SessionActor | undefined;
    if (child?.getSnapshot().status === 'active') {
      adopt(inputOf(stored), stored.tail.length, child);
    } else openStored({ ...stored, snapshot: null });
  }

  function respawn(live: LiveSession, moment: Moment | null): void {
    const saved = moment?.persist();
    live.latest = moment;
    supervisor.send({ type: 'session.closed', id: live.id });
    Object.assign(live, spawn(saved ? { ...live.input, isNew: false, saved } : live.input));
    if (!saved) live.base = baseOf(live.actor);
  }

  function makeRoom(): void {
    if (lives.size < MAX_LIVE) return;
    const idle = [...lives.values()].filter(canRest).sort((a, b) => a.usedAtMs - b.usedAtMs);
    for (const live of idle.slice(0, Math.ceil(MAX_LIVE / 10))) close(live);
  }

  function close(live: LiveSession): void {
    supervisor.send({ type: 'session.closed', id: live.id });
    lives.delete(live.id);
  }

  return {
    create,
    peek: (id) => lives.get(id) ?? null,
    enter(id, visit) {
      const live = lives.get(id);
      if (live && !queues.has(id)) {
        live.usedAtMs = nowMs();
        return Promise.resolve(visit({ live, pendingStart: null }));
      }
      return new Promise((resolve, reject) => {
        const line = queues.get(id);
        const enter = (found: Found, error: unknown) => {
          if (error) return reject(error);
          try {
            resolve(visit(found) as never);
          } catch (thrown) {
            reject(thrown);
          }
        };
        if (line) return void line.push(enter);
        queues.set(id, [enter]);
        void letIn(id);
      });
    },
    reopen(live, moment) {
      live.generation = ++generations;
      // The snapshot that an undone event brought was not stored.
      live.tail = Number.POSITIVE_INFINITY;
      respawn(live, moment);
    },
    revive: respawn,
    discard: close,
    passivate(idleMs) {
      const before = nowMs() - idleMs;
      for (const live of lives.values()) if (live.usedAtMs < before && canRest(live)) close(live);
    },
    live: () => lives.values(),
    get liveCount() {
      return lives.size;
    },
    stop() {
      supervisor.send({ type: 'house.drained' });
      supervisor.stop();
    },
  };

  /** Reads the row once and lets everybody in who came meanwhile. */
  async function letIn(id: string): Promise<void> {
    let found: Found = { live: null, pendingStart: null };
    let error: unknown = null;
    try {
      const { stored, pendingStart } = await writer.read({ kind: 'actor', sessionId: id });
      const live = lives.get(id) ?? (stored && openStored(stored));
      if (live && stored) opened(live);
      found = { live, pendingStart };
    } catch (thrown) {
      error = thrown;
    }
    const line = queues.get(id) ?? [];
    // Visits are synchronous, so nobody can come in between the last visit and this line.
    for (const enter of line) enter(found, error);
    queues.delete(id);
  }
}

/** A session rests when nobody waits for it: no request, no connector, nothing on its way to disk. */
function canRest(live: LiveSession): boolean {
  if (live.inFlight.length > 0) return false;
  const snapshot = live.actor.getSnapshot();
  return !snapshot.hasTag('needsYou') && !snapshot.hasTag('linked');
}
