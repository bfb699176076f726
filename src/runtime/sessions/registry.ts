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
import type { SessionActor } from '../ledger/moment.ts';
import { type Moment, momentOf } from '../ledger/moment.ts';
import type { LiveSession } from './live-session.ts';
import { inputOf, savedOf } from './restore.ts';
import { childOf, type Supervisor, startSupervisor } from './wiring.ts';

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
export function createRegistry(deps: RegistryDeps): Registry {
  return new LiveRegistry({ nowMs: () => performance.now(), opened: () => {}, ...deps });
}

class LiveRegistry implements Registry {
  readonly #deps: Required<RegistryDeps>;
  readonly #lives = new Map<string, LiveSession>();
  readonly #queues = new Map<string, Array<(found: Found, error: unknown) => void>>();
  /** Never reused in this process: the writer remembers which generation of a session it refused. */
  #generations = 0;
  readonly #supervisor: Supervisor;

  constructor(deps: Required<RegistryDeps>) {
    this.#deps = deps;
    this.#supervisor = startSupervisor({
      ledger: this.#deps.ledger,
      log: this.#deps.log,
      busy: this.#deps.writer.opened.busy,
    });
    for (const stored of this.#deps.writer.opened.busy) this.#adoptStored(stored);
  }

  peek(id: string): LiveSession | null {
    return this.#lives.get(id) ?? null;
  }

  enter<Result>(id: string, visit: (found: Found) => Result): Promise<Awaited<Result>> {
    const live = this.#lives.get(id);
    if (live && !this.#queues.has(id)) {
      live.usedAtMs = this.#deps.nowMs();
      return Promise.resolve(visit({ live, pendingStart: null }));
    }
    return new Promise((resolve, reject) => {
      const line = this.#queues.get(id);
      const enter = (found: Found, error: unknown) => {
        if (error) return reject(error);
        try {
          resolve(visit(found) as never);
        } catch (thrown) {
          reject(thrown);
        }
      };
      if (line) return void line.push(enter);
      this.#queues.set(id, [enter]);
      void this.#letIn(id);
    });
  }

  reopen(live: LiveSession, moment: Moment | null): void {
    live.generation = ++this.#generations;
    // The snapshot that an undone event brought was not stored.
    live.tail = Number.POSITIVE_INFINITY;
    this.revive(live, moment);
  }

  passivate(idleMs: number): void {
    const before = this.#deps.nowMs() - idleMs;
    for (const live of this.#lives.values())
      if (live.usedAtMs < before && canRest(live)) this.discard(live);
  }

  live(): Iterable<LiveSession> {
    return this.#lives.values();
  }

  get liveCount(): number {
    return this.#lives.size;
  }

  stop(): void {
    this.#supervisor.send({ type: 'house.drained' });
    this.#supervisor.stop();
  }

  /** @param tail  events since the stored snapshot the actor goes on from; null when there is none */
  #adopt(input: SessionInput, tail: number | null, actor: SessionActor): LiveSession {
    const moment = tail === null ? null : momentOf(actor);
    const live: LiveSession = {
      id: input.session.id,
      actor,
      generation: ++this.#generations,
      input,
      committed: moment,
      latest: moment,
      tail: tail ?? Number.POSITIVE_INFINITY,
      birth: [],
      base: null,
      inFlight: [],
      usedAtMs: this.#deps.nowMs(),
    };
    this.#lives.set(live.id, live);
    return live;
  }

  /** Spawns an actor; what its birth records waits for the first event. */
  #spawn(input: SessionInput): Pick<LiveSession, 'actor' | 'birth'> {
    const { id } = input.session;
    const born = this.#deps.ledger.collect(() =>
      this.#supervisor.send({ type: 'session.opened', id, input }),
    );
    return { actor: childOf(this.#supervisor, id), birth: born.facts };
  }

  /** The snapshot before the first event: a new journal's first base. */
  #baseOf(actor: SessionActor): string {
    return JSON.stringify(actor.getPersistedSnapshot());
  }

  create(input: SessionInput): LiveSession {
    this.#makeRoom();
    const { actor, birth } = this.#spawn(input);
    return Object.assign(this.#adopt(input, null, actor), { birth, base: this.#baseOf(actor) });
  }

  /** Makes a row live: from its snapshot, or at idle from its columns when that does not restore. */
  #openStored(stored: StoredActor): LiveSession {
    this.#makeRoom();
    const input = inputOf(stored);
    const saved = savedOf(stored);
    if (saved) {
      const { actor } = this.#spawn({ ...input, saved });
      if (actor.getSnapshot().status === 'active')
        return this.#adopt(input, stored.tail.length, actor);
      this.#supervisor.send({ type: 'session.closed', id: input.session.id });
    }
    this.#deps.log.warn('restore.from_columns', { session_id: input.session.id });
    const { actor } = this.#spawn(input);
    // What its journal holds so far leads to another state than this one: here it begins anew.
    return Object.assign(this.#adopt(input, null, actor), { base: this.#baseOf(actor) });
  }

  /** At boot: the supervisor's snapshot brought the child already, unless it did not restore. */
  #adoptStored(stored: StoredActor): void {
    const child = this.#supervisor.getSnapshot().children[stored.summary.id] as
      | SessionActor
      | undefined;
    if (child?.getSnapshot().status === 'active') {
      this.#adopt(inputOf(stored), stored.tail.length, child);
    } else this.#openStored({ ...stored, snapshot: null });
  }

  revive(live: LiveSession, moment: Moment | null): void {
    const saved = moment?.persist();
    live.latest = moment;
    this.#supervisor.send({ type: 'session.closed', id: live.id });
    Object.assign(live, this.#spawn(saved ? { ...live.input, isNew: false, saved } : live.input));
    if (!saved) live.base = this.#baseOf(live.actor);
  }

  #makeRoom(): void {
    if (this.#lives.size < MAX_LIVE) return;
    const idle = [...this.#lives.values()].filter(canRest).sort((a, b) => a.usedAtMs - b.usedAtMs);
    for (const live of idle.slice(0, Math.ceil(MAX_LIVE / 10))) this.discard(live);
  }

  discard(live: LiveSession): void {
    this.#supervisor.send({ type: 'session.closed', id: live.id });
    this.#lives.delete(live.id);
  }

  /** Reads the row once and lets everybody in who came meanwhile. */
  async #letIn(id: string): Promise<void> {
    let found: Found = { live: null, pendingStart: null };
    let error: unknown = null;
    try {
      const { stored, pendingStart } = await this.#deps.writer.read({
        kind: 'actor',
        sessionId: id,
      });
      const live = this.#lives.get(id) ?? (stored && this.#openStored(stored));
      if (live && stored) this.#deps.opened(live);
      found = { live, pendingStart };
    } catch (thrown) {
      error = thrown;
    }
    const line = this.#queues.get(id) ?? [];
    // Visits are synchronous, so nobody can come in between the last visit and this line.
    for (const enter of line) enter(found, error);
    this.#queues.delete(id);
  }
}

/** A session rests when nobody waits for it: no request, no connector, nothing on its way to disk. */
function canRest(live: LiveSession): boolean {
  if (live.inFlight.length > 0) return false;
  const snapshot = live.actor.getSnapshot();
  return !snapshot.hasTag('needsYou') && !snapshot.hasTag('linked');
}
