/**
 * The described charts of this house: states and edges with stable ids, and a hash that tells whether a
 * picture somebody has is the picture of these very machines.
 */
import { createHash } from 'node:crypto';
import type { AnyStateMachine } from 'xstate';
import {
  describeMachine,
  type EdgeDescription,
  MACHINE_VERSION,
  sessionMachine,
  supervisorMachine,
} from '../../../machines/index.ts';
import type { InspectMachine } from '../../protocol/inspect.ts';

/** The session chart, described. */
const SESSION_CHART = describeMachine(sessionMachine);

const EDGES = new Map(SESSION_CHART.edges.map((edge) => [edge.id, edge]));

/** An edge of the session chart; undefined for an id of another version. */
export function edgeOf(id: string): EdgeDescription | undefined {
  return EDGES.get(id);
}

/** Every machine whose actors run here. */
export const MACHINES: readonly InspectMachine[] = [sessionMachine, supervisorMachine].map(
  (machine) => ({ id: machine.id, hash: hashOf(machine), version: MACHINE_VERSION }),
);

/** The machine of that id, for exports. */
export function machineOf(id: string): AnyStateMachine | null {
  return [sessionMachine, supervisorMachine].find((machine) => machine.id === id) ?? null;
}

/** Twelve hex digits of SHA-256 over the JSON of its description: over all that is drawn. */
function hashOf(machine: AnyStateMachine): string {
  const text = JSON.stringify(describeMachine(machine));
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

const STATES = new Set(SESSION_CHART.states.map(({ id }) => id));

/** Whether the session chart has a state of that id. */
export function isState(id: string): boolean {
  return STATES.has(id);
}

/** The machine of sessions, as a bundle names it. */
export function sessionHash(): InspectMachine {
  return MACHINES[0] as InspectMachine;
}
