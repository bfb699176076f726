/**
 * Which transitions a microstep took. XState 5 tells it in a field it does not document: this is the only
 * file that touches it. When an upgrade takes the field away, `takenEdges` answers null, records say that
 * their edges are unknown, and test/inspection/steps.test.ts fails loudly.
 */
import type { AnyTransitionDefinition } from 'xstate';
import { edgeIdOf } from '../../../../machines/index.ts';

/** Inspection events that this XState sends; the test fails when there is a new one or one is gone. */
export const KNOWN_INSPECTION_EVENTS = [
  '@xstate.actor',
  '@xstate.event',
  '@xstate.microstep',
  '@xstate.action',
  '@xstate.snapshot',
] as const;

/** Ids of the edges of one microstep, in order; null when XState does not say. */
export function takenEdges(microstep: unknown): string[] | null {
  const { type, _transitions: taken } = microstep as { type?: string; _transitions?: unknown };
  if (type !== '@xstate.microstep') return [];
  if (!Array.isArray(taken) || !taken.every(isTransition)) return null;
  return taken.flatMap((transition) => edgeIdOf(transition) ?? []);
}

function isTransition(value: unknown): value is AnyTransitionDefinition {
  const { source, eventType } = (value ?? {}) as { source?: unknown; eventType?: unknown };
  return typeof eventType === 'string' && typeof source === 'object' && source !== null;
}
