/**
 * Folding: a journal's events through the chart, from a snapshot on. The chart is the real one, its
 * effects are stubs: the connector does nothing and facts are only counted by type, so a fold shows what
 * happened without making it happen again. History, live records, dry runs and `replay` all go this way,
 * which is why they never disagree.
 */
import { createActor, type InspectionEvent, type SnapshotFrom } from 'xstate';
import { MACHINE_VERSION, type SessionEvent, sessionMachine } from '../../../../machines/index.ts';
import type { InspectChild } from '../../../protocol/inspect.ts';
import type { JournalBase, JournalRow } from '../../../store/queries/journal.ts';
import { createRoll } from './children.ts';
import { takenEdges } from './steps.ts';

/** The chart at one moment, as XState has it. */
export type SessionSnapshot = SnapshotFrom<typeof sessionMachine>;

/** What one event did to the chart. */
interface Move {
  /** Whether the chart took it. */
  accepted: boolean;
  edges: string[] | null;
  facts: string[];
  children: readonly InspectChild[];
  snapshot: SessionSnapshot;
}

/** One journalled event and what it did; all but `row` and `changed` is null where nothing folds. */
export interface Step {
  row: JournalRow;
  /** Whether the state value differs from the one before. */
  changed: boolean;
  snapshot: SessionSnapshot | null;
  edges: string[] | null;
  facts: string[] | null;
  children: readonly InspectChild[] | null;
}

/** A stubbed actor that is told one event after the other. */
export interface Dummy {
  readonly snapshot: SessionSnapshot;
  /** Its child actors that run. */
  readonly children: readonly InspectChild[];
  /** @throws what the chart throws: the event lacks what a step needs; the dummy is dead then */
  tell(event: SessionEvent): Move;
}

const sink: { facts: string[] } = { facts: [] };

const stubbed = sessionMachine.provide({
  actions: { record: (_, fact) => void sink.facts.push(fact.type) },
});

/**
 * An actor with stubbed effects at a snapshot.
 *
 * @param saved  a persisted snapshot of this version of the chart
 * @throws when the snapshot does not restore
 */
export function createDummy(saved: unknown): Dummy {
  const roll = createRoll();
  const actor = createActor(stubbed, {
    snapshot: saved as never,
    inspect: note,
    // Read at birth only; this actor goes on from a snapshot.
    input: undefined as never,
  });
  let taken: string[] | null = [];

  function note(event: InspectionEvent): void {
    roll.note(event);
    if (event.type !== '@xstate.microstep' || event.actorRef !== actor) return;
    const edges = takenEdges(event);
    taken = taken && edges && [...taken, ...edges];
  }

  // With a listener, a step that throws is reported to it and not to the process.
  actor.subscribe({ error: () => {} });
  actor.start();
  assertActive(actor.getSnapshot());
  roll.call(actor.getSnapshot().children, null);

  const dummy: Dummy = {
    get snapshot() {
      return actor.getSnapshot();
    },
    get children() {
      return roll.running;
    },
    tell(event) {
      if (!actor.getSnapshot().can(event)) return unmoved(dummy);
      taken = [];
      sink.facts = [];
      actor.send(event);
      const snapshot = actor.getSnapshot();
      assertActive(snapshot);
      const children = roll.call(snapshot.children, event.type);
      return { accepted: true, edges: taken, facts: sink.facts, children, snapshot };
    },
  };
  return dummy;
}

/** What a refused event does. */
function unmoved({ snapshot, children }: Dummy): Move {
  return { accepted: false, edges: [], facts: [], children, snapshot };
}

function assertActive(snapshot: SessionSnapshot): void {
  if (snapshot.status !== 'error') return;
  throw snapshot.error instanceof Error ? snapshot.error : new Error(String(snapshot.error));
}

/** A snapshot as it would be stored: what another dummy can start from. */
export function persisted(snapshot: SessionSnapshot): unknown {
  return stubbed.getPersistedSnapshot(snapshot);
}

/** A journal being folded. */
export interface Fold {
  /** The chart before the next event; null when it cannot be known. */
  readonly snapshot: SessionSnapshot | null;
  /** Its child actors that run then; null likewise. */
  readonly children: readonly InspectChild[] | null;
  apply(row: JournalRow): Step;
}

/**
 * Begins a fold.
 *
 * @param base  the snapshot to begin with; none, or one of another version of the chart, gives steps with
 *   their state values only
 */
export function createFold(base: JournalBase | null): Fold {
  let dummy = base === null ? null : dummyAt(base);
  let value = dummy ? JSON.stringify(dummy.snapshot.value) : null;

  function move({ event, accepted, value }: JournalRow): Move | null {
    if (!dummy) return null;
    if (!accepted) return unmoved(dummy);
    try {
      const moved = dummy.tell(JSON.parse(event) as SessionEvent);
      return moved.accepted && JSON.stringify(moved.snapshot.value) === value ? moved : null;
    } catch {
      // The journal holds no more of a very large event than its size: it cannot be told again.
      return null;
    }
  }

  return {
    get snapshot() {
      return dummy?.snapshot ?? null;
    },
    get children() {
      return dummy?.children ?? null;
    },
    apply(row) {
      const moved = move(row);
      // From a step that does not fold on, nothing is certain but the values the journal itself holds.
      if (!moved) dummy = null;
      const changed = row.accepted && row.value !== value;
      value = row.value;
      return {
        row,
        changed,
        snapshot: moved?.snapshot ?? null,
        edges: moved?.edges ?? null,
        facts: moved?.facts ?? null,
        children: moved?.children ?? null,
      };
    },
  };
}

function dummyAt({ machineVersion, snapshot }: JournalBase): Dummy | null {
  if (machineVersion !== MACHINE_VERSION) return null;
  try {
    return createDummy(JSON.parse(snapshot));
  } catch {
    // Damaged or of a chart that did not bump its version: values are still shown.
    return null;
  }
}
