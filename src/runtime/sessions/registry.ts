/**
 * Which sessions are live, and how to enter one. A live session is entered at once; one that is only a
 * row is opened first, and all callers that ask meanwhile wait in one queue, so that events of a
 * session keep their order. Actors are children of the supervisor's groups.
 */
import type { SessionEvent } from '../../../machines/session-events.ts';
import { integrationModeOf, type SessionSnapshot } from '../../../machines/session-status.ts';
import type { Session, SessionContext, SessionInput } from '../../../machines/session-types.ts';
import {
  initialFactsOf,
  snapshotFrom,
  snapshotOf,
  storedForm,
  takeStep,
} from '../../../machines/step.ts';
import { contextFrom } from '../../../machines/steps/sessions.ts';
import { upgraded } from '../../../machines/upgrade.ts';
import type { Logger } from '../../log.ts';
import type { ApprovalRequest } from '../../protocol/nouns.ts';
import type { Writer } from '../../store/writer.ts';
import type { StoredActor } from '../../store/writer-messages.ts';
import {
  isSettled,
  type LiveSession,
  type SessionHead,
  type Supervisor,
  spawnSession,
  startSupervisor,
} from './live-session.ts';

/** What a visitor finds: the live session, or what is known of one that does not exist yet. */
export interface Found {
  live: LiveSession | null;
  /** JSON of the start of a session that has not done anything yet. */
  pendingStart: string | null;
}

/** Who is live, and the way into every other session. */
export interface Registry {
  /** At the start: makes those sessions live that the restart changes. */
  openInterrupted(): void;
  /**
   * Makes the newest sessions live that were at work, one after the other, so that clients are served meanwhile.
   * One that cannot be read is named in the log and left out.
   */
  openWorking(): Promise<void>;
  /** The session if it is live. */
  peek(id: string): LiveSession | null;
  /**
   * Calls `visit` as soon as it is known whether the session exists: at once when it is live. Visits
   * of one session happen in the order of the calls.
   *
   * @throws OrbitError `server_busy` when too many wait for the database
   */
  enter<Result>(id: string, visit: (found: Found) => Result): Promise<Awaited<Result>>;
  /** Makes a session that does not exist live; its first facts are stored with its first event. */
  create(input: SessionInput): LiveSession;
  /** Gives the session's actor its newest committed snapshot; spawns it at the first. */
  moved(live: LiveSession): void;
  /** Makes a live session a row again. */
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
  log: Logger;
  /** Called when a row has become live, before anything enters it. */
  opened?: (live: LiveSession, stored: StoredActor) => void;
  nowMs?: () => number;
}

/** More live sessions than this, and those idle longest become rows. */
const MAX_LIVE = 1000;
/** Sessions looked at to find one that can rest: the cost of opening one stays the same. */
const MAX_LOOKED_AT = 8;

/** A registry without live sessions. */
export function createRegistry(deps: RegistryDeps): Registry {
  return new LiveRegistry({ nowMs: () => performance.now(), opened: () => {}, ...deps });
}

class LiveRegistry implements Registry {
  readonly #deps: Required<RegistryDeps>;
  /** In the order of their last use: the first were idle longest. */
  readonly #live = new Map<string, LiveSession>();
  readonly #queues = new Map<string, Array<(found: Found, error: unknown) => void>>();
  readonly #supervisor: Supervisor = startSupervisor();

  constructor(deps: Required<RegistryDeps>) {
    this.#deps = deps;
  }

  openInterrupted(): void {
    for (const stored of this.#deps.writer.opened.interrupted) this.#openStored(stored);
  }

  async openWorking(): Promise<void> {
    for (const id of this.#deps.writer.opened.working) {
      try {
        await this.enter(id, () => {});
      } catch (error) {
        // One that cannot be read keeps no other from being watched.
        this.#deps.log.warn('restore.not_opened', { session_id: id, error: error as Error });
      }
    }
  }

  peek(id: string): LiveSession | null {
    return this.#live.get(id) ?? null;
  }

  enter<Result>(id: string, visit: (found: Found) => Result): Promise<Awaited<Result>> {
    const live = this.#live.get(id);
    if (live && !this.#queues.has(id)) {
      this.#use(live);
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

  passivate(idleMs: number): void {
    const before = this.#deps.nowMs() - idleMs;
    for (const live of this.#live.values()) {
      if (live.usedAtMs >= before) break;
      if (canPassivate(live)) this.discard(live);
    }
  }

  live(): Iterable<LiveSession> {
    return this.#live.values();
  }

  get liveCount(): number {
    return this.#live.size;
  }

  stop(): void {
    this.#supervisor.send({ type: 'server.draining' });
    this.#supervisor.stop();
  }

  create(input: SessionInput): LiveSession {
    const snapshot = snapshotFrom(input);
    const initialFacts = input.isNew ? initialFactsOf(snapshot) : [];
    return this.#add(input.session.id, { snapshot, ...newJournal(snapshot), initialFacts });
  }

  /** Makes a row live: from its snapshot, or from its columns when that does not restore. */
  #openStored(stored: StoredActor): LiveSession {
    const { id } = stored.summary;
    const saved = savedOf(stored);
    if (saved === null) this.#deps.log.warn('restore.from_columns', { session_id: id });
    const snapshot = saved ?? snapshotFrom(inputOf(stored));
    // What its journal holds so far leads to another state than the columns: there it begins anew.
    const journal = saved ? { tail: stored.tail.length, base: null } : newJournal(snapshot);
    const live = this.#add(id, { snapshot, ...journal, initialFacts: [] });
    this.moved(live);
    this.#deps.opened(live, stored);
    return live;
  }

  #add(id: string, head: SessionHead): LiveSession {
    this.#makeRoom();
    const live = { id, head, actor: null, inFlight: 0, waiting: [], usedAtMs: this.#deps.nowMs() };
    this.#live.set(id, live);
    return live;
  }

  #use(live: LiveSession): void {
    live.usedAtMs = this.#deps.nowMs();
    this.#live.delete(live.id);
    this.#live.set(live.id, live);
  }

  moved(live: LiveSession): void {
    const { snapshot } = live.head;
    if (live.actor === null) live.actor = spawnSession(this.#supervisor, live.id, snapshot);
    else live.actor.send({ type: 'session.committed', snapshot });
  }

  /** One goes for one that comes, the one idle longest first; a few that must stay are passed over. */
  #makeRoom(): void {
    if (this.#live.size < MAX_LIVE) return;
    let looked = 0;
    for (const live of this.#live.values()) {
      if (canPassivate(live)) {
        this.discard(live);
        return;
      }
      // It is busy: looked at again after all others.
      this.#live.delete(live.id);
      this.#live.set(live.id, live);
      if (++looked === MAX_LOOKED_AT) return;
    }
  }

  discard(live: LiveSession): void {
    if (live.actor !== null) this.#supervisor.send({ type: 'session.closed', id: live.id });
    this.#live.delete(live.id);
  }

  /** Reads the row once and serves all callers that asked meanwhile. */
  async #letIn(id: string): Promise<void> {
    let found: Found = { live: null, pendingStart: null };
    let error: unknown = null;
    try {
      const { stored, pendingStart } = await this.#deps.writer.read({
        kind: 'actor',
        sessionId: id,
      });
      const live = this.#live.get(id) ?? (stored && this.#openStored(stored));
      found = { live, pendingStart };
    } catch (thrown) {
      error = thrown;
    }
    const line = this.#queues.get(id) ?? [];
    // Visits are synchronous, so none can begin between the last visit and this line.
    for (const enter of line) enter(found, error);
    this.#queues.delete(id);
  }
}

/** A session rests when nothing waits for it: no request, no connector, nothing on its way to disk. */
function canPassivate(live: LiveSession): boolean {
  const { snapshot } = live.head;
  return isSettled(live) && !snapshot.hasTag('needsYou') && !snapshot.hasTag('linked');
}

/** A journal that begins with this snapshot. */
function newJournal(snapshot: SessionHead['snapshot']): Pick<SessionHead, 'tail' | 'base'> {
  return { tail: Number.POSITIVE_INFINITY, base: JSON.stringify(storedForm(snapshot)) };
}

/* From a stored row back to a machine: its snapshot if this version wrote it, else its columns. */

/** What a machine starts from when there is no snapshot: the columns, in the state that they name. */
function inputOf({ summary, turnCount, threadId, requests }: StoredActor): SessionInput {
  const { has_pending_approval: _, status, work_status, link_state: __, ...rest } = summary;
  const { claude_integration_mode: ___, codex_integration_mode: ____, ...shown } = rest;
  const mode = integrationModeOf(summary);
  const session: Session = {
    ...shown,
    ...(mode !== undefined && { integration_mode: mode }),
    ...(threadId !== null && { thread_id: threadId }),
  };
  return {
    session,
    isNew: false,
    turnCount,
    workStatus: status === 'ended' ? 'ended' : work_status,
    requests: requests.flatMap(requestFrom),
  };
}

/**
 * The machine as it was stored last; null when there is none, a version of the chart wrote it that cannot
 * be read any more, or it does not restore.
 */
export function savedOf(stored: StoredActor): SessionSnapshot | null {
  const { snapshot, tail, machineVersion } = stored;
  if (snapshot === null || machineVersion === null) return null;
  try {
    const saved = upgraded(JSON.parse(snapshot), machineVersion);
    if (saved === null) return null;
    assertWhole((saved as { context: SessionContext }).context, stored);
    return foldTail(snapshotOf(saved), tail);
  } catch {
    // The same as a snapshot that does not restore: the caller goes on from the columns and says so.
    return null;
  }
}

/** A stored snapshot brought forward by the events that were journalled after it. @throws what the chart throws */
function foldTail(saved: SessionSnapshot, tail: readonly string[]): SessionSnapshot {
  if (saved.status !== 'active') throw new Error('The snapshot does not restore');
  let snapshot: SessionSnapshot = saved;
  for (const event of tail)
    snapshot = takeStep(snapshot, JSON.parse(event) as SessionEvent).snapshot;
  return snapshot;
}

/** @throws Error for what is no context of this session's machine, whole */
function assertWhole({ session, ...rest }: SessionContext, stored: StoredActor): void {
  const { session: _, ...fresh } = contextFrom({ ...inputOf(stored), workStatus: 'waiting' });
  if (session.id !== stored.summary.id || !isLike(fresh, rest)) {
    throw new Error('The snapshot lacks something');
  }
}

/** Whether `other` has all that `model` has, of the same kinds; null in the model stands for anything. */
function isLike(model: unknown, other: unknown): boolean {
  if (model === null) return true;
  if (Array.isArray(model)) {
    return Array.isArray(other) && other.every((each) => each !== null && each !== undefined);
  }
  if (typeof model !== 'object') return typeof model === typeof other;
  if (typeof other !== 'object' || other === null) return false;
  return Object.entries(model).every(([key, value]) =>
    isLike(value, (other as Record<string, unknown>)[key]),
  );
}

function requestFrom(json: string): ApprovalRequest[] {
  try {
    const request = JSON.parse(json) as ApprovalRequest;
    return typeof request?.id === 'string' ? [request] : [];
  } catch {
    // A damaged row of one request must not keep its session closed; without it the turn goes on.
    return [];
  }
}
