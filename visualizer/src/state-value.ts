/**
 * Reads XState's values: which states of a chart are active in one, how a list row says it in words.
 * Pure; the chart, the outline, the list and the strip all ask here, so that they cannot disagree.
 */
import type { InspectRow, StateValue } from '../../src/protocol/inspect.ts';
import type { Chart } from './chart/geometry.ts';

/** Coarse phases the list counts and colours by. */
const PHASES = ['attention', 'working', 'idle', 'ended', 'failed'] as const;
/** What a session's state means for its user, as colours say it. */
export type Phase = (typeof PHASES)[number];

/** What a phase is called on a chip. */
export const PHASE_WORDS: Record<Phase, string> = {
  attention: 'waits for you',
  working: 'working',
  idle: 'idle',
  ended: 'ended',
  failed: 'failed',
};

/** Paths of the innermost active states, one a region: `phase.working`. */
export function leavesOf(value: StateValue): string[] {
  if (typeof value === 'string') return [value];
  return Object.entries(value).flatMap(([key, inner]) =>
    leavesOf(inner).map((path) => `${key}.${path}`),
  );
}

/** Ids of all active states, the machine's own included. */
export function activeStates(value: StateValue, machine: string): Set<string> {
  const active = new Set([machine]);
  for (const leaf of leavesOf(value)) {
    let id = machine;
    for (const key of leaf.split('.')) {
      id += `.${key}`;
      active.add(id);
    }
  }
  return active;
}

/** Path without its region, for a pill: `awaitingApproval.permission`. */
export function pathIn(value: StateValue, region: string): string {
  const prefix = `${region}.`;
  const leaf = leavesOf(value).find((path) => path.startsWith(prefix));
  return leaf?.slice(prefix.length) ?? '';
}

/** States whose name alone says the phase; the older names are in journals of earlier versions. */
const MEANINGS: ReadonlyArray<[Phase, RegExp]> = [
  ['attention', /^phase\.(active\.requests\.(permission|question)|awaitingApproval)/],
  ['failed', /^link\.failed$/],
  ['working', /^phase\.(active\.(turn\.open|agents\.running)|working)$/],
  ['ended', /^phase\.ended$/],
];

/** The phase of a value or of a row's path. */
export function phaseOf(paths: readonly string[]): Phase {
  const found = MEANINGS.find(([, pattern]) => paths.some((path) => pattern.test(path)));
  return found?.[0] ?? 'idle';
}

/** Path of the state that gives a value its phase: the one a person asks about first. */
export function decidingLeaf(value: StateValue): string | undefined {
  const leaves = leavesOf(value);
  const found = MEANINGS.map(([, pattern]) => leaves.find((path) => pattern.test(path)));
  return found.find((path) => path !== undefined) ?? leaves[0];
}

/** The phase of a value in the words of the wire, for a pill: `permission`, `working`. */
export function wordOf(value: StateValue): string {
  const leaves = leavesOf(value);
  const asked = leaves.find((path) => /\.(permission|question)$/.test(path));
  return asked?.slice(asked.lastIndexOf('.') + 1) ?? PHASE_WORDS[phaseOf(leaves)];
}

/** The phase of a session of the list, by the words that every client has. */
export function phaseOfRow({
  work_status,
  link,
  lastEvent,
}: Pick<InspectRow, 'work_status' | 'link' | 'lastEvent'>): Phase {
  if (work_status === 'permission' || work_status === 'question') return 'attention';
  if (link === 'failed') return 'failed';
  if (work_status === 'working') return 'working';
  if (work_status === 'ended') return 'ended';
  return lastEvent === 'turn.failed' ? 'failed' : 'idle';
}

/** Groups of the list by what they want of a person, the most urgent first. */
export const STATE_GROUPS = [
  'attention',
  'failed',
  'working',
  'finished',
  'idle',
  'ended',
] as const;
/** One of these groups: a phase, or `finished`, which is idle and not read since. */
export type StateGroup = (typeof STATE_GROUPS)[number];

/** The group of a session; whether it was read since it finished is known to this browser only. */
export function stateGroupOf(
  row: Pick<InspectRow, 'work_status' | 'link' | 'lastEvent'>,
  isUnread: boolean,
): StateGroup {
  const phase = phaseOfRow(row);
  return phase === 'idle' && isUnread ? 'finished' : phase;
}

const possibleSets = new WeakMap<Chart, Map<string, ReadonlySet<string>>>();

/** Transitions that leave an active state; the same set for the same states, so that it compares. */
export function possibleEdges(chart: Chart, active: ReadonlySet<string>): ReadonlySet<string> {
  const sets = possibleSets.get(chart) ?? new Map<string, ReadonlySet<string>>();
  possibleSets.set(chart, sets);
  const key = [...active].join(' ');
  const known = sets.get(key);
  if (known) return known;
  const fresh = new Set(chart.edges.filter(({ source }) => active.has(source)).map(({ id }) => id));
  sets.set(key, fresh);
  return fresh;
}
