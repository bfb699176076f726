/**
 * Asks a single guard what it says in a state, without an event at hand: it is given one that has only a
 * type and a time and notes every other field it is asked for. A guard that asked answers `depends`, one
 * that did not has said yes or no for every event of that type.
 */
import type { AnyStateMachine, AnyTransitionDefinition } from 'xstate';
import type { GuardView } from '../../../protocol/inspect.ts';
import type { SessionSnapshot } from '../fold/fold.ts';

type Guard = NonNullable<AnyTransitionDefinition['guard']>;

type Predicate = (args: { context: unknown; event: unknown }, params: unknown) => boolean;

/** `and`, `or` and `not` of XState are functions that carry their parts. */
interface Composite {
  guards: Guard[];
  check: { name: string };
}

/** An event that only has a type and a time. */
export interface Probe {
  type: string;
  at: string;
}

/**
 * What the guard of a transition says; null for a transition without one.
 *
 * @param name  the guard in words, as the description of the chart has them
 */
export function askGuard(
  transition: AnyTransitionDefinition,
  snapshot: SessionSnapshot,
  probe: Probe,
  name: string,
): GuardView | null {
  const { guard } = transition;
  if (!guard) return null;
  const reads = new Set<string>();
  const said = says(guard, snapshot, nosy(probe, reads));
  const verdict = reads.size > 0 ? 'depends' : said ? 'holds' : 'refuses';
  return { name, verdict, reads: [...reads] };
}

function says(guard: Guard, snapshot: SessionSnapshot, event: object): boolean {
  if (isComposite(guard)) {
    const parts = guard.guards.map((part) => says(part, snapshot, event));
    const operator = operatorOf(guard);
    if (operator === 'not') return !parts[0];
    return operator === 'and' ? parts.every(Boolean) : parts.some(Boolean);
  }
  const named = typeof guard === 'string' ? { type: guard } : guard;
  const { implementations } = snapshot.machine as unknown as AnyStateMachine;
  const predicate = (
    typeof named === 'function' ? named : implementations.guards[(named as { type: string }).type]
  ) as Predicate | Guard | undefined;
  if (predicate === undefined) return true;
  if (typeof predicate !== 'function') return says(predicate as Guard, snapshot, event);
  const args = { context: snapshot.context, event };
  const given = (named as { params?: unknown }).params;
  try {
    const params = typeof given === 'function' ? (given as (from: object) => unknown)(args) : given;
    return (predicate as Predicate)(args, params);
  } catch {
    // It wanted a field of a field that the probe does not have; the field is noted.
    return false;
  }
}

/** The event as a guard sees it: fields it does not have exist, are empty, and being asked is noted. */
function nosy(probe: Probe, reads: Set<string>): object {
  return new Proxy(probe, {
    // `'requestId' in event` asks for the kind of event, and of that kind the real one will be.
    has: () => true,
    get(target, key) {
      if (typeof key === 'string' && !Object.hasOwn(target, key)) reads.add(key);
      return Reflect.get(target, key);
    },
  });
}

function isComposite(guard: unknown): guard is Composite {
  return typeof guard === 'function' && Array.isArray((guard as { guards?: unknown }).guards);
}

/** `checkAnd`, `checkOr`, `checkNot`: the server is not minified, so the names are there. */
function operatorOf({ check }: Composite): string {
  return check.name.replace(/^check/, '').toLowerCase() || 'guard';
}
