/**
 * Replays journalled events over a machine snapshot with the chart of this version: the charts by name, the actors of a
 * session, and one step after the other.
 */
import { createHash } from 'node:crypto';
import type { AnyStateMachine } from 'xstate';
import {
  describeMachine,
  type EdgeDescription,
  MACHINE_VERSION,
  sessionMachine,
  supervisorMachine,
  takenEdges,
} from '../../machines/index.ts';
import type { SessionEvent } from '../../machines/session-events.ts';
import type { SessionSnapshot } from '../../machines/session-status.ts';
import { inspectStep, snapshotOf, storedForm } from '../../machines/step.ts';
import { isSameValue, upgraded, upgradedValue } from '../../machines/upgrade.ts';
import type { InspectChild, InspectMachine } from '../protocol/inspect.ts';
import type { JournalBase, JournalRow } from '../store/queries/journal.ts';

/** The charts by their ids and hashes. */
interface Charts {
  edges: ReadonlyMap<string, EdgeDescription>;
  states: ReadonlySet<string>;
  machines: readonly [InspectMachine, InspectMachine];
}

let charts: Charts | null = null;

/** Made when a page asks for the first time: a start needs none of it. */
function chartsNow(): Charts {
  if (charts !== null) return charts;
  const { edges, states } = describeMachine(sessionMachine);
  charts = {
    edges: new Map(edges.map((edge) => [edge.id, edge])),
    states: new Set(states.map(({ id }) => id)),
    machines: [inspected(sessionMachine), inspected(supervisorMachine)],
  };
  return charts;
}

/** An edge of the session chart; undefined for an id of another version. */
export function edgeOf(id: string): EdgeDescription | undefined {
  return chartsNow().edges.get(id);
}

/** Whether the session chart has a state of that id. */
export function isState(id: string): boolean {
  return chartsNow().states.has(id);
}

/** Every machine whose actors run here. */
export function inspectedMachines(): readonly InspectMachine[] {
  return chartsNow().machines;
}

/** The machine of sessions, as a bundle names it. */
export function sessionHash(): InspectMachine {
  return chartsNow().machines[0];
}

/** The machine of that id, for exports. */
export function machineOf(id: string): AnyStateMachine | null {
  return [sessionMachine, supervisorMachine].find((machine) => machine.id === id) ?? null;
}

/** Its hash is twelve hex digits of SHA-256 over the JSON of its description: over all that is drawn. */
function inspected(machine: AnyStateMachine): InspectMachine {
  const text = JSON.stringify(describeMachine(machine));
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 12);
  return { id: machine.id, hash, version: MACHINE_VERSION };
}

/** Inspection events that this XState sends; the test fails when there is a new one or one is gone. */
export const KNOWN_INSPECTION_EVENTS = [
  '@xstate.actor',
  '@xstate.event',
  '@xstate.microstep',
  '@xstate.action',
  '@xstate.snapshot',
] as const;

export type { SessionSnapshot };

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

/** A stubbed actor that takes one event after the other. */
export interface Dummy {
  readonly snapshot: SessionSnapshot;
  /** Its child actors that run. */
  readonly children: readonly InspectChild[];
  /** @throws what the chart throws: the event lacks what a step needs; the dummy cannot be used then */
  take(event: SessionEvent): Move;
}

/**
 * The chart with nothing attached, at a snapshot.
 *
 * @param saved  a stored snapshot of this version of the chart
 * @throws when the snapshot does not restore
 */
export function createDummy(saved: unknown): Dummy {
  let snapshot = snapshotOf(saved);
  if (snapshot.status !== 'active') throw new Error('The snapshot does not restore');
  let children = childrenOf(snapshot);
  const dummy: Dummy = {
    get snapshot() {
      return snapshot;
    },
    get children() {
      return children;
    },
    take(event) {
      if (!snapshot.can(event)) return unmoved(dummy);
      let taken: string[] | null = [];
      const step = inspectStep(snapshot, event, (microstep) => {
        const edges = takenEdges(microstep);
        taken = taken && edges && [...taken, ...edges];
      });
      const before = children;
      snapshot = step.snapshot;
      children = childrenOf(snapshot);
      const facts = step.facts.map(({ type }) => type);
      const seen = [...endedOf(before, children), ...children];
      return { accepted: true, edges: taken, facts, children: seen, snapshot };
    },
  };
  return dummy;
}

/** What a refused event does. */
function unmoved({ snapshot, children }: Dummy): Move {
  return { accepted: false, edges: [], facts: [], children, snapshot };
}

const NO_CHILDREN: readonly InspectChild[] = [];
const CONNECTOR: readonly InspectChild[] = [
  { id: 'connector', src: 'connector', kind: 'plain', status: 'running' },
];

/** What belongs to a session and lives beside it: the connector, while the chart has one. */
function childrenOf(snapshot: SessionSnapshot): readonly InspectChild[] {
  return snapshot.hasTag('linked') ? CONNECTOR : NO_CHILDREN;
}

function endedOf(before: readonly InspectChild[], now: readonly InspectChild[]): InspectChild[] {
  return before === now ? [] : before.map((child) => ({ ...child, status: 'stopped' }));
}

/** A snapshot as it would be stored: what another dummy can start from. */
export function persisted(snapshot: SessionSnapshot): unknown {
  return storedForm(snapshot);
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
 * @param base  the snapshot to begin with; none, or one of a version of the chart that is not read any more,
 *   gives steps with their state values only
 */
export function createFold(base: JournalBase | null): Fold {
  let dummy = base === null ? null : dummyAt(base);
  let value = dummy ? JSON.stringify(dummy.snapshot.value) : null;

  function move({ event, accepted, value }: JournalRow): Move | null {
    if (!dummy) return null;
    if (!accepted) return unmoved(dummy);
    try {
      const moved = dummy.take(JSON.parse(event) as SessionEvent);
      const isSame = moved.accepted && isSameValue(moved.snapshot.value, JSON.parse(value));
      return isSame ? moved : null;
    } catch {
      // The journal holds no more of a very large event than its size: it cannot be replayed.
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
    apply(journalled) {
      const moved = move(journalled);
      const row = { ...journalled, value: textOfValue(moved, journalled) };
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

/** The state value of a step in today's form: exact where it folds. */
function textOfValue(moved: Move | null, { value }: JournalRow): string {
  return JSON.stringify(moved?.snapshot.value ?? upgradedValue(JSON.parse(value)));
}

function dummyAt({ machineVersion, snapshot }: JournalBase): Dummy | null {
  try {
    const saved = upgraded(JSON.parse(snapshot), machineVersion);
    return saved === null ? null : createDummy(saved);
  } catch {
    // Damaged or of a chart that did not bump its version: values are still shown.
    return null;
  }
}
