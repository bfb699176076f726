/**
 * Draws a picture once, as SVG elements with classes. What happens later only switches classes on the
 * elements this returns by state and by transition. Order matters: containers, lines, labels, leaves.
 */
import type { Picture } from './arrange.ts';
import type { PlacedFold } from './folds.ts';
import type {
  Block,
  Chart,
  ChartEdge,
  ChartState,
  Detail,
  Drawing,
  Line,
  Row,
  StateBox,
} from './geometry.ts';
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
  SIZES,
  stateActionWords,
} from './labels.ts';
import { arrowHead, roundedPath, svg } from './svg.ts';

const NAME_X = 24;

interface Point {
  x: number;
  y: number;
}

/** What can be lit up. */
export interface Drawn {
  world: SVGGElement;
  /** The box of a state and its title, which stands above the lines. */
  states: Map<string, SVGGElement[]>;
  /** The row of a transition and the line it is on, if it has one. */
  edges: Map<string, HighlightedEdge>;
  /** Counts at their places. */
  folds: PlacedFold[];
}

/** What is lit of a transition: its own row, else what it shares with others. */
interface HighlightedEdge {
  row: SVGGElement | null;
  /** Its line; where it stays and nothing is written out, the box of its state. */
  line: SVGGElement | null;
}

/** The picture of a chart, nothing lit. */
export function draw(chart: Chart, picture: Picture): Drawn {
  const drawn: Drawn = {
    world: svg('g', { class: 'world' }),
    states: new Map(),
    edges: new Map(),
    folds: [],
  };
  const states = new Map(chart.states.map((state) => [state.id, state]));
  const edges = new Map(chart.edges.map((edge) => [edge.id, edge]));
  for (const placed of picture.placed) {
    const group = svg('g', { transform: `translate(${placed.x} ${placed.y})` });
    const sources = { drawn, states, edges };
    if (placed.drawing) {
      drawRegion(group, placed.region, placed.drawing, sources);
      drawn.folds.push(...foldsOf(placed.drawing, placed, edges));
    }
    if (placed.block) drawBlock(group, placed.region, placed.block, sources);
    drawn.world.append(group);
  }
  return drawn;
}

function foldsOf(drawing: Drawing, at: Point, edges: Map<string, ChartEdge>): PlacedFold[] {
  return drawing.folds.map((fold) => ({
    ...fold,
    x: at.x + fold.x,
    y: at.y + fold.y,
    all: fold.edges.flatMap((id) => edges.get(id) ?? []),
  }));
}

/** In a bare picture nothing is written of what stays: the box of its state is lit for it. */
function addBareStays({ drawn, edges }: Sources, drawing: Drawing): void {
  const shown = new Set(drawing.states.map(({ id }) => id));
  for (const { id, source, targets } of edges.values()) {
    const box = drawn.states.get(source)?.[0] ?? null;
    if (shown.has(source) && targets.length === 0) drawn.edges.set(id, { row: null, line: box });
  }
}

interface Sources {
  drawn: Drawn;
  states: Map<string, ChartState>;
  edges: Map<string, ChartEdge>;
}

function drawRegion(group: SVGGElement, region: string, drawing: Drawing, sources: Sources): void {
  const { drawn, states } = sources;
  // Of this picture: the regions of a parallel state inside it are pictures of their own.
  const parents = new Set(drawing.states.map(({ id }) => states.get(id)?.parent));
  const isContainer = ({ id }: StateBox): boolean => parents.has(id);
  const kindOf = ({ id }: StateBox): string => (id === region ? 'region' : 'container');
  for (const box of drawing.states.filter(isContainer)) {
    addBox(group, box, kindOf(box), sources);
  }
  for (const points of drawing.starts) group.append(startMark(points));
  // Lines below labels of all lines, so that no line crosses out a word.
  for (const line of drawing.lines) addLine(group, line, drawn);
  for (const box of drawing.states.filter(isContainer)) addTitle(group, box, kindOf(box), sources);
  for (const line of drawing.lines) addLabel(group, line, sources);
  for (const box of drawing.states.filter((one) => !isContainer(one))) {
    addBox(group, box, 'leaf', sources);
    addTitle(group, box, 'leaf', { ...sources, detail: drawing.detail });
  }
  for (const pill of drawing.pills) {
    group.append(
      svg(
        'g',
        { class: 'any', transform: `translate(${pill.x} ${pill.y})` },
        svg('rect', { width: pill.w, height: pill.h, rx: pill.h / 2 }),
        svg('text', { x: pill.w / 2, y: 14, class: 'tag' }, 'in any state'),
      ),
    );
  }
  if (drawing.detail === 'bare') addBareStays(sources, drawing);
}

/** What a region takes in any of its states: a list with a frame of its own. */
function drawBlock(group: SVGGElement, region: string, block: Block, sources: Sources): void {
  const name = sources.states.get(region)?.key ?? region;
  group.append(
    svg('rect', { class: 'list', width: block.w, height: block.h, rx: 10 }),
    svg('text', { class: 'caption', x: 14, y: 18.5 }, blockWords(name)),
    svg('path', { class: 'rule', d: `M1 28H${block.w - 1}` }),
  );
  for (const row of block.rows) addStay(group, row, sources);
}

function addBox(group: SVGGElement, box: StateBox, kind: string, { drawn, states }: Sources): void {
  const element = svg(
    'g',
    {
      class: `state ${kind}${meaningOf(box.id, states)}`,
      'data-state': box.id,
      transform: `translate(${box.x} ${box.y})`,
    },
    svg('rect', { class: 'box', width: box.w, height: box.h, rx: kind === 'leaf' ? 8 : 10 }),
  );
  if (kind === 'container' || (kind === 'leaf' && box.h > box.head)) {
    element.append(svg('path', { class: 'rule', d: `M1 ${box.head}H${box.w - 1}` }));
  }
  drawn.states.set(box.id, [element]);
  group.append(element);
}

/** Class of a state that means something to a person: a person must act, or work goes on. */
function meaningOf(id: string, states: Map<string, ChartState>): string {
  if (needsAttention(id, states)) return ' attention';
  return states.get(id)?.tags.includes('working') ? ' busy' : '';
}

function needsAttention(id: string, states: Map<string, ChartState>): boolean {
  const state = states.get(id);
  if (!state) return false;
  if (state.tags.includes('needsYou')) return true;
  return state.parent !== null && needsAttention(state.parent, states);
}

/** Dot, name, tags, and what happens on entry and exit. */
function addTitle(
  group: SVGGElement,
  box: StateBox,
  kind: string,
  { drawn, states, detail }: Sources & { detail?: Detail },
): void {
  const state = states.get(box.id);
  if (!state) return;
  const element = svg(
    'g',
    {
      class: `title ${kind}${meaningOf(box.id, states)}`,
      'data-state': box.id,
      transform: `translate(${box.x} ${box.y})`,
    },
    svg('circle', { class: 'dot', cx: 13, cy: 14, r: 3.5 }),
    svg('text', { class: 'name', x: NAME_X, y: 18.5 }, state.key),
    ...(detail === 'bare' ? [] : tagsOf(state, box.w)),
  );
  if (box.head > 28) {
    stateActionWords(state).forEach((words, index) => {
      element.append(svg('text', { class: 'action', x: NAME_X, y: 38 + index * 16 }, words));
    });
  }
  drawn.states.get(box.id)?.push(element);
  group.append(element);
}

/** Tags are at the right end of the head. */
function tagsOf(state: ChartState, width: number): SVGElement[] {
  let right = width - 8;
  return state.tags.toReversed().map((tag) => {
    // An estimate is enough: the build reserved more than this.
    const w = Math.ceil(tag.length * SIZES.tag * 0.58) + 12;
    right -= w + 4;
    return svg(
      'g',
      { class: `tagged ${tag}`, transform: `translate(${right + 4} 6)` },
      svg('rect', { width: w, height: 17, rx: 8.5 }),
      svg('text', { class: 'tag', x: w / 2, y: 12.5 }, tag),
    );
  });
}

function addLine(group: SVGGElement, line: Line, drawn: Drawn): void {
  const head = arrowHead(line.points);
  const shape = svg(
    'g',
    { class: 'line' },
    svg('path', { class: 'wire', d: roundedPath(line.points, 7) }),
    svg('path', { class: 'head', d: head }),
  );
  group.append(shape);
  for (const edge of line.edges) drawn.edges.set(edge, { row: null, line: shape });
}

function addLabel(group: SVGGElement, { label, rows, target }: Line, sources: Sources): void {
  if (label.w === 0) return;
  const chip = svg('g', { class: 'label' });
  chip.append(svg('rect', { class: 'chip', ...rectOf(label), rx: 5 }));
  for (const row of rows) {
    const edge = sources.edges.get(row.edge);
    const entry = sources.drawn.edges.get(row.edge);
    if (!edge || !entry) continue;
    const element = rowOf(edge, row);
    const at = { x: row.x + 6, y: row.y + 12 };
    element.append(...labelOf(edge, target, at));
    sources.drawn.edges.set(row.edge, { row: element, line: entry.line });
    chip.append(element);
  }
  group.append(chip);
}

function addStay(group: SVGGElement, row: Row, { drawn, edges }: Sources): void {
  const edge = edges.get(row.edge);
  if (!edge) return;
  const element = rowOf(edge, row);
  element.classList.add('stay');
  element.append(
    svg('path', { class: 'loop', d: loopMark(row.x + 12, row.y + row.h / 2) }),
    ...stayOf(edge, { x: row.x + NAME_X, y: row.y + 12 }),
  );
  drawn.edges.set(row.edge, { row: element, line: null });
  group.append(element);
}

function rowOf(edge: ChartEdge, row: Row): SVGGElement {
  return svg(
    'g',
    { class: `row ${edge.kind}`, 'data-edge': edge.id },
    svg('title', {}, [eventWords(edge), guardWords(edge), actionWords(edge)].join(' ').trim()),
    svg('rect', { class: 'hit', ...rectOf(row), rx: 4 }),
  );
}

/**
 * A row on a line: event or plain words, where it lands, actions (hidden by the style sheet when switched
 * off); the guard below. Parts of one text follow each other by themselves, whatever the font.
 */
function labelOf(edge: ChartEdge, target: string, at: Point): SVGElement[] {
  const landing = landingWords(edge, target);
  const parts = [
    svg('tspan', { class: isPlain(edge) ? 'plain' : 'event' }, labelWords(edge)),
    ...(landing === '' ? [] : [svg('tspan', { class: 'landing', dx: 6 }, landing)]),
    ...(edge.actions.length === 0
      ? []
      : [svg('tspan', { class: 'action', dx: 6 }, actionWords(edge))]),
  ];
  const guard = { x: at.x, y: at.y + 12.5 };
  return [
    svg('text', { ...at }, ...parts),
    ...(isGuardBelow(edge) ? [svg('text', { class: 'guard', ...guard }, labelGuard(edge))] : []),
  ];
}

/** A row of a transition that stays: everything beside each other. */
function stayOf(edge: ChartEdge, at: Point): SVGElement[] {
  const guard = guardWords(edge);
  const parts = [
    svg('tspan', { class: 'event' }, eventWords(edge)),
    ...(guard === '' ? [] : [svg('tspan', { class: 'guard', dx: 6 }, guard)]),
    ...(edge.actions.length === 0
      ? []
      : [svg('tspan', { class: 'action', dx: 6 }, actionWords(edge))]),
  ];
  return [svg('text', { ...at }, ...parts)];
}

function startMark(points: readonly number[]): SVGElement {
  return svg(
    'g',
    { class: 'start' },
    svg('circle', { cx: points[0], cy: points[1], r: 3.5 }),
    svg('path', { class: 'wire', d: roundedPath(points, 0) }),
    svg('path', { class: 'head', d: arrowHead(points, 6) }),
  );
}

/** A small arrow that comes back. */
function loopMark(x: number, y: number): string {
  return `M${x + 3.5} ${y - 1}A3.6 3.6 0 1 0 ${x + 2} ${y + 2.9}M${x + 4.6} ${y - 4}V${y - 0.6}H${x + 1.2}`;
}

function rectOf({ x, y, w, h }: { x: number; y: number; w: number; h: number }) {
  return { x, y, width: w, height: h };
}
