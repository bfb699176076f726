/**
 * Sizes of what is drawn: a state's box, a label, a row. Called before ELK places them and again after
 * it, to put the rows into the boxes. The page draws at these offsets (src/chart/draw.ts).
 */
import type {
  Block,
  Box,
  ChartEdge,
  ChartState,
  Detail,
  Fold,
  Row,
  StateBox,
} from '../src/chart/geometry.ts';
import {
  actionWords,
  blockWords,
  eventWords,
  guardWords,
  isGuardBelow,
  isPlain,
  labelGuard,
  labelWords,
  landingWords,
  lineWords,
  SIZES,
  stateActionWords,
  stayWords,
} from '../src/chart/labels.ts';
import { codeWidth, nameWidth } from './text.ts';

/** Height of a state's name line. */
export const HEAD = 28;
const ROW = 16;
/** Height of a count that opens a list. */
const FOLD = 24;
/** A folded line with more transitions than this has a count. */
const FEW = 2;
const GUARD_LINE = 13;
/** Where text starts inside a state: behind its dot. */
const INDENT = 24;
const PAD = 12;

/** A size in units of the picture. */
export interface Size {
  w: number;
  h: number;
}

/** Width of the head: dot, name, and, unless it is bare, tags. */
export function headWidth(state: ChartState, detail: Detail): number {
  const tags = (detail === 'bare' ? [] : state.tags).reduce(
    (sum, tag) => sum + 8 + 12 + nameWidth(tag, SIZES.tag),
    0,
  );
  return INDENT + nameWidth(state.key, SIZES.name) + tags + PAD;
}

/** Height of the head: the name and, when shown, what happens on entry and exit. */
export function headHeight(state: ChartState, actions: boolean): number {
  return HEAD + (actions ? stateActionWords(state).length * ROW : 0);
}

/** A state without children, with a count of the transitions that stay in it. */
export function leafSize(
  state: ChartState,
  stays: readonly ChartEdge[],
  { actions, detail }: { actions: boolean; detail: Detail },
): Size {
  const lines = actions ? stateActionWords(state) : [];
  const widths = [
    headWidth(state, detail),
    ...lines.map((line) => INDENT + codeWidth(line, SIZES.action) + PAD),
    ...(isFolded(stays, detail) ? [INDENT + nameWidth(stayWords(stays), SIZES.fold) + PAD] : []),
  ];
  return {
    w: Math.ceil(Math.max(64, ...widths)),
    h: headHeight(state, actions) + (isFolded(stays, detail) ? FOLD + 4 : 0),
  };
}

/** One line: a transition that stays. */
function stayWidth(edge: ChartEdge, actions: boolean): number {
  const guard = guardWords(edge);
  return Math.ceil(
    14 +
      codeWidth(eventWords(edge), SIZES.event) +
      (guard === '' ? 0 : 6 + codeWidth(guard, SIZES.guard)) +
      (actions && edge.actions.length > 0 ? 6 + codeWidth(actionWords(edge), SIZES.action) : 0),
  );
}

/** Whether a count stands for what stays in a state. */
function isFolded(stays: readonly ChartEdge[], detail: Detail): boolean {
  return stays.length > 0 && detail !== 'bare';
}

/** The count of a state's own transitions that stay, below its head; none where nothing stays. */
export function stayFold(
  stays: readonly ChartEdge[],
  { id, head, ...box }: StateBox,
  detail: Detail,
): Fold[] {
  if (!isFolded(stays, detail)) return [];
  const place = { x: box.x + 2, y: box.y + head + 1, w: box.w - 4, h: FOLD };
  return [{ ...place, source: id, target: null, edges: stays.map((edge) => edge.id) }];
}

/** Whether a count stands for the transitions of a line. */
export function isLineFolded(edges: readonly ChartEdge[], detail: Detail): boolean {
  return detail === 'folded' && edges.length > FEW;
}

/** The label of a line: a row for each transition, or their count. @param target  the state the line ends at */
export function labelSize(
  edges: readonly ChartEdge[],
  target: string,
  { actions, detail }: { actions: boolean; detail: Detail },
): Size {
  if (isLineFolded(edges, detail)) {
    return { w: Math.ceil(nameWidth(lineWords(edges), SIZES.fold)) + 20, h: FOLD };
  }
  const heights = edges.map(rowHeight);
  const widths = edges.map((edge) => rowWidth(edge, target, actions));
  return {
    w: Math.ceil(Math.max(...widths)) + 12,
    h: heights.reduce((sum, height) => sum + height, 0) + 6,
  };
}

/** The rows inside a label. */
export function labelRows(edges: readonly ChartEdge[], label: Box): Row[] {
  let y = label.y + 3;
  return edges.map((edge) => {
    const row = { edge: edge.id, x: label.x, y, w: label.w, h: rowHeight(edge) };
    y += row.h;
    return row;
  });
}

function rowHeight(edge: ChartEdge): number {
  return ROW + (isGuardBelow(edge) ? GUARD_LINE : 0);
}

/** Words, landing and actions side by side, the guard below them. */
function rowWidth(edge: ChartEdge, target: string, actions: boolean): number {
  const landing = landingWords(edge, target);
  const action = actions && edge.actions.length > 0 ? actionWords(edge) : '';
  const beside =
    wordsWidth(edge) +
    (landing === '' ? 0 : 6 + nameWidth(landing, SIZES.plain)) +
    (action === '' ? 0 : 6 + codeWidth(action, SIZES.action));
  return Math.max(beside, codeWidth(labelGuard(edge), SIZES.guard));
}

/** Width of what a row says first. */
function wordsWidth(edge: ChartEdge): number {
  return isPlain(edge)
    ? nameWidth(labelWords(edge), SIZES.plain)
    : codeWidth(labelWords(edge), SIZES.event);
}

/** The region's own transitions that stay, in one to six columns. */
export function blocksOf(region: string, edges: readonly ChartEdge[], actions: boolean): Block[] {
  const heights = [1, 2, 3, 4, 5, 6].map((columns) => Math.ceil(edges.length / columns));
  return edges.length === 0
    ? []
    : [...new Set(heights)].map((height) => blockOf(region, edges, { height, actions }));
}

/** Column after column of so many rows, below a head. */
function blockOf(
  region: string,
  edges: readonly ChartEdge[],
  { height, actions }: { height: number; actions: boolean },
): Block {
  const rows: Row[] = [];
  let x = 10;
  for (let start = 0; start < edges.length; start += height) {
    const column = edges.slice(start, start + height);
    const w = Math.max(...column.map((edge) => stayWidth(edge, actions))) + 26;
    column.forEach((edge, index) => {
      rows.push({ edge: edge.id, x, y: HEAD + 4 + index * ROW, w, h: ROW });
    });
    x += w + 6;
  }
  return {
    actions,
    w: Math.max(x + 4, Math.ceil(nameWidth(blockWords(region), 11.5)) + 28),
    h: HEAD + 4 + height * ROW + 10,
    rows,
  };
}
