/** A session that has an actor: the room of the house. Shapes only; registry and ledger work on them. */

import type { SessionEvent } from '../../../machines/session-events.ts';
import type { Fact } from '../../../machines/session-facts.ts';
import type { SessionInput } from '../../../machines/session-types.ts';
import type { Moment, SessionActor } from '../ledger/moment.ts';

/** Where an event came from, for the journal. */
export type Origin = 'hook' | 'spool' | 'client' | 'connector' | 'house' | 'visualizer';

/** One event on its way to the disk. */
export interface Told {
  event: SessionEvent;
  origin: Origin;
  key: string | null;
  /** Called once: null when it is committed or was before, else why it is not. */
  settle(error: Error | null): void;
}

/** A session with its actor and all that is on its way to disk. */
export interface LiveSession {
  readonly id: string;
  actor: SessionActor;
  /** Counts restarts after a refused item; results of older generations are void. */
  generation: number;
  /** What the actor was spawned from, for one that has no snapshot yet. */
  readonly input: SessionInput;
  /** The machine as it is on disk; null before the first commit of a new session. */
  committed: Moment | null;
  /** The machine after the newest event, maybe not yet on disk: what a crashed actor goes back to. */
  latest: Moment | null;
  /** Events since the snapshot that is stored; `Infinity` when the next one needs its own. */
  tail: number;
  /** Facts of the spawn, stored with the first event. */
  birth: Fact[];
  /** JSON of the snapshot before the first event: the first base of a new journal. */
  base: string | null;
  /** Told and not yet settled, oldest first. */
  readonly inFlight: Told[];
  /** Monotonic milliseconds of the last event. */
  usedAtMs: number;
}
