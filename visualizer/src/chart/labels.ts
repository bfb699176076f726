/**
 * How a transition and a state are put in words. The build measures these very words and the page
 * draws them, so that a label fits its box; nothing here may depend on where it runs.
 */
import type { ChartEdge, ChartState } from './geometry.ts';

/** Font sizes in chart units. */
export const SIZES = {
  name: 13,
  event: 11,
  plain: 11.5,
  guard: 11,
  tag: 11,
  action: 11,
  fold: 11,
} as const;

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

/**
 * What a guard of an eventless transition waits for, as a reader would say it. A guard that is not here
 * is shown by its own name in words, so that a chart may grow without this table.
 */
const PLAIN_WORDS: Readonly<Record<string, string>> = {
  awaitsDecision: 'approval requested',
  awaitsAnswer: 'question asked',
  answeredWhileBusy: 'answered, the turn goes on',
  answeredWhileQuiet: 'answered, nothing runs',
  nothingRuns: 'turn is over',
  isBusy: 'work goes on',
  isOver: 'was over before',
  isDirect: 'can be steered',
};

/**
 * What a label says first: the event's name as code, or, for a guarded `always`, what it waits for in
 * plain words (its own description when the chart has one).
 */
export function labelWords(edge: ChartEdge): string {
  return isPlain(edge) ? (edge.description ?? plainWords(edge.guard ?? '')) : eventWords(edge);
}

/** Whether a transition is shown in plain words, because no event of the chart names it. */
export function isPlain(edge: ChartEdge): boolean {
  return edge.kind === 'always' && edge.guard !== null;
}

/** `answersOpen` is `answers open`; `not(isBusy)` is `not busy`. */
function plainWords(guard: string): string {
  const known = PLAIN_WORDS[guard];
  if (known !== undefined) return known;
  const spaced = guard.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return spaced
    .replace(/[(),.]+/g, ' ')
    .replace(/\bis /g, '')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Where a row lands inside the state its line ends at: `→ permission`; nothing when it is that state. */
export function landingWords(edge: ChartEdge, lineTarget: string): string {
  const inner = edge.targets.filter((id) => id.startsWith(`${lineTarget}.`));
  return inner.map((id) => `→ ${id.split('.').at(-1)}`).join(' ');
}

/** What stands for the transitions of a state that stay in it: `12 events stay here`. */
export function stayWords(edges: readonly ChartEdge[]): string {
  const count = countOf(edges);
  return `${count} event${count === 1 ? ' stays' : 's stay'} here`;
}

/** What stands for the transitions of one line where there is no room for all: `6 events`. */
export function lineWords(edges: readonly ChartEdge[]): string {
  const count = countOf(edges);
  return `${count} event${count === 1 ? '' : 's'}`;
}

/** One event may have several transitions, each with a guard: a person counts events. */
function countOf(edges: readonly ChartEdge[]): number {
  return new Set(edges.map(eventWords)).size;
}

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

/** The guard as a label shows it: plain words say it already. */
export function labelGuard(edge: ChartEdge): string {
  return isPlain(edge) ? '' : guardWords(edge);
}

/** On a line, a guard is below its event; where it stays, beside it. */
export function isGuardBelow(edge: ChartEdge): boolean {
  return labelGuard(edge) !== '' && edge.targets.length > 0;
}
