/**
 * How a transition and a state are put in words. The build measures these very words and the page
 * draws them, so that a label fits its box; nothing here may depend on where it runs.
 */
import type { ChartEdge, ChartState } from './geometry.ts';

/** Font sizes in chart units. */
export const SIZES = { name: 13, event: 11, guard: 10, tag: 9.5, action: 10 } as const;

/** What makes the transition happen: an event's name, `always`, `after 15s`. */
export function eventWords(edge: ChartEdge): string {
  if (edge.kind === 'after') return `after ${delayWords(edge.delay)}`;
  if (edge.kind === 'always') return 'always';
  // `xstate.error.actor.connector` is an error of the actor `connector`.
  const [, of] = /^xstate\.(?:done|error)\.(?:actor\.|state\.)?(.*)/.exec(edge.event) ?? [];
  return of === undefined ? edge.event : `${edge.kind}: ${of}`;
}

/** 15000 is 15 s to a reader; a named delay is its name. */
function delayWords(delay: number | string | undefined): string {
  if (typeof delay !== 'number') return delay ?? '';
  return delay % 1000 === 0 ? `${delay / 1000}s` : `${delay}ms`;
}

/** The same on a label: a guarded `always` is its guard, behind a mark, because they are many. */
export function labelWords(edge: ChartEdge): string {
  return isMarked(edge) ? '' : eventWords(edge);
}

/** Whether a mark stands for the word `always`. */
export function isMarked(edge: ChartEdge): boolean {
  return edge.kind === 'always' && edge.guard !== null;
}

/** Width of that mark, in chart units. */
export const MARK_WIDTH = 14;

/** Title of the block of what a region takes in any of its states. */
export function blockWords(region: string): string {
  return `${region}: in any state, without leaving it`;
}

/** The guard in brackets, or nothing. */
export function guardWords(edge: ChartEdge): string {
  return edge.guard === null ? '' : `[${edge.guard}]`;
}

/** What it does, after a slash, or nothing. */
export function actionWords(edge: ChartEdge): string {
  return edge.actions.length === 0 ? '' : `/ ${shortened(edge.actions.join(', '))}`;
}

/** A list of actions must not make a label wider than the chart. */
function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}

/** Entry and exit actions of a state, a line each. */
export function stateActionWords(state: ChartState): string[] {
  return [
    ...(state.entry.length > 0 ? [`entry / ${shortened(state.entry.join(', '))}`] : []),
    ...(state.exit.length > 0 ? [`exit / ${shortened(state.exit.join(', '))}`] : []),
  ];
}

/** On a line, a guard stands below its event; behind a mark, or where it stays, beside it. */
export function isGuardBelow(edge: ChartEdge): boolean {
  return edge.guard !== null && edge.targets.length > 0 && edge.kind !== 'always';
}
