/** A session that is live. Shapes only; registry and ledger work on them. */
import { type ActorRefFrom, createActor } from 'xstate';
import type { SessionEvent } from '../../../machines/session-events.ts';
import type { Fact, ThreadSettings } from '../../../machines/session-facts.ts';
import type { SessionSnapshot } from '../../../machines/session-status.ts';
import type { Session } from '../../../machines/session-types.ts';
import type { SessionActor } from '../../../machines/step.ts';
import { sessionActorOf, supervisorMachine } from '../../../machines/supervisor.ts';
import type { Sender } from '../rooms/rooms.ts';

/** Where an event came from, for the journal. */
export type Origin =
  | 'hook'
  | 'spool'
  | 'client'
  | 'connector'
  /** The watch of registries and processes. */
  | 'watch'
  /** The transcript of a watched session. */
  | 'transcript'
  | 'telemetry'
  | 'server'
  | 'visualizer';

/** One event that waits for its step or its commit. */
export interface PendingEvent {
  /** The event, or how it is made of the session as it is when its turn comes. */
  event: SessionEvent | ((snapshot: SessionSnapshot) => SessionEvent);
  origin: Origin;
  /** Who sent it, for events that a person or a program asked for over a connection. */
  caller?: Sender | null;
  /** Idempotency key; null when the sender gave none. */
  key: string | null;
  /** For commands of clients: why the session does not take it now, asked when its turn comes. */
  refusal?: (snapshot: SessionSnapshot, event: SessionEvent) => Error | null;
  /** What must be on disk before it, such as the images it names; it and what comes behind it wait. */
  after?: Promise<unknown> | null;
  /** Called once: null when it is committed or was before, else why it is not. */
  settle(error: Error | null): void;
}

/** What the next event of a session is computed from. */
export interface SessionHead {
  /** The machine as it is on disk; of a new session, as its first event finds it. */
  readonly snapshot: SessionSnapshot;
  /** Events since the snapshot that is stored; `Infinity` when the next one needs its own. */
  readonly tail: number;
  /** Facts of a session that did not exist, stored with its first event. */
  readonly initialFacts: readonly Fact[];
  /** JSON of the snapshot before the first event: the first base of a new journal. */
  readonly base: string | null;
}

/** A session with its committed state and all that waits to be committed. */
export interface LiveSession {
  readonly id: string;
  /** What is committed. */
  head: SessionHead;
  /** Its actor; null before the first commit of a new session. */
  actor: SessionActor | null;
  /** Events on their way to the disk: 0 when the next one can be taken at once. */
  inFlight: number;
  /** Events that wait until those on their way are committed, oldest first. */
  waiting: PendingEvent[];
  /** Monotonic milliseconds of the last event. */
  usedAtMs: number;
}

/** True while no event of the session waits for anything. */
export function isSettled({ inFlight, waiting }: LiveSession): boolean {
  return inFlight === 0 && waiting.length === 0;
}

/* The root actor of all live sessions, and what the registry wants of it. */

/** The root actor. */
export type Supervisor = ActorRefFrom<typeof supervisorMachine>;

/** Starts the root actor, without sessions. */
export function startSupervisor(): Supervisor {
  return createActor(supervisorMachine).start();
}

/** Spawns the actor of a session. @throws Error when the supervisor opens no sessions any more */
export function spawnSession(
  supervisor: Supervisor,
  id: string,
  snapshot: SessionSnapshot,
): SessionActor {
  supervisor.send({ type: 'session.opened', id, snapshot });
  const actor = sessionActorOf(supervisor, id);
  if (!actor) throw new Error(`The supervisor has no session ${id}`);
  return actor;
}

/* A session that we begin, as its row and its chart start. */

/** What every session has when it begins. */
function blankSession(id: string, cwd: string) {
  const now = new Date().toISOString();
  return {
    id,
    project_path: cwd,
    project_name: cwd.split('/').filter(Boolean).at(-1) ?? null,
    token_usage: { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 },
    started_at: now,
    last_activity_at: now,
    current_cwd: cwd,
  };
}

/** A session that we do not run, as it begins. */
export function watchedSession({
  id,
  provider,
  cwd,
}: {
  id: string;
  provider: Session['provider'];
  cwd: string;
}): Session {
  return { ...blankSession(id, cwd), provider, model: null };
}

/** A steered session as it begins. */
export function newSession(
  { id, provider, threadId }: { id: string; provider: Session['provider']; threadId: string },
  settings: ThreadSettings,
): Session {
  const { cwd, model, effort } = settings;
  return {
    ...blankSession(id, cwd),
    provider,
    integration_mode: 'direct',
    thread_id: threadId,
    model,
    ...(effort !== null && { effort }),
  };
}
