/** Questions about state values: which innermost states they name, and whether a state is among them. */
import type { StateValue } from '../../protocol/inspect.ts';

/** Innermost active states as dotted paths, one a region. */
export function pathsOf(value: StateValue, prefix = ''): string[] {
  if (typeof value === 'string') return [prefix + value];
  return Object.entries(value).flatMap(([key, inner]) => {
    const here = prefix + key;
    // A compound state without active children, as XState writes a region at its root.
    const isLeaf = typeof inner === 'object' && Object.keys(inner).length === 0;
    return isLeaf ? [here] : pathsOf(inner, `${here}.`);
  });
}

/**
 * Whether a state is active.
 *
 * @param stateId  id as the description gives it: machine id, then keys, joined by dots
 */
export function isActive(value: StateValue, stateId: string): boolean {
  const [, ...keys] = stateId.split('.');
  let here: StateValue | undefined = value;
  for (const key of keys) {
    if (typeof here === 'string') return here === key && key === keys.at(-1);
    here = here?.[key];
    if (here === undefined) return false;
  }
  return true;
}

/** Reads a state value as it stands in the journal. */
export function valueFrom(text: string): StateValue {
  return JSON.parse(text) as StateValue;
}

/** The value of region `link`; null in a chart without one. */
export function linkOf(value: StateValue): string | null {
  const link = typeof value === 'object' ? value.link : undefined;
  return typeof link === 'string' ? link : null;
}
