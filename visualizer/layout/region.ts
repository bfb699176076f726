/**
 * One region drawn: lets ELK try in both directions, turns its answers into Drawings, and keeps those without overlaps that get largest on one kind of screen.
 */
import ELK, { type ElkNode } from 'elkjs';
import type {
  Box,
  Chart,
  ChartState,
  Detail,
  Drawing,
  Fold,
  Line,
  StateBox,
} from '../src/chart/geometry.ts';
import { overlapsOf } from './check.ts';
import {
  ATTEMPTS,
  type Bundle,
  bundlesOf,
  graphOf,
  PILL,
  type RegionPlan,
  statesBelow,
  staysOf,
} from './elk-graph.ts';
import { headHeight, headWidth, isLineFolded, labelRows, stayFold } from './measure.ts';

const elk = new ELK();

/** Screens a region may get, in px: beside others, alone, in a wide strip, on a phone. */
const SCREENS = [
  { w: 620, h: 620 },
  { w: 980, h: 640 },
  { w: 980, h: 340 },
  { w: 366, h: 560 },
];

const DETAILS: readonly Detail[] = ['full', 'folded', 'bare'];

/**
 * The best drawings of a region, in each detail one for each kind of screen, with or without actions.
 *
 * @throws when every attempt makes ELK throw or leaves overlaps: an unreadable chart must not ship
 */
export async function drawRegion(
  chart: Chart,
  root: ChartState,
  actions: boolean,
): Promise<Drawing[]> {
  const drawings: Drawing[] = [];
  for (const detail of DETAILS) {
    drawings.push(...(await drawingsIn(detail, { chart, root, actions })));
  }
  return drawings;
}

async function drawingsIn(
  detail: Detail,
  plan: Pick<RegionPlan, 'chart' | 'root' | 'actions'>,
): Promise<Drawing[]> {
  const drawings: Drawing[] = [];
  const failures: string[] = [];
  for (const direction of ['RIGHT', 'DOWN'] as const) {
    drawings.push(...(await attempts({ ...plan, direction, detail }, failures)));
  }
  const best = SCREENS.map((screen) => bestOn(screen, drawings)).filter((one) => one !== null);
  // Both directions ship, also when one of them suits no screen best.
  const others = ['RIGHT', 'DOWN'].map((direction) =>
    bestOn(
      { w: 980, h: 640 },
      drawings.filter((drawing) => drawing.direction === direction),
    ),
  );
  if (others.includes(null)) {
    throw new Error(`${plan.root.id} cannot be laid out, ${detail}: ${failures.join(' | ')}`);
  }
  return [...new Set([...best, ...others.filter((one) => one !== null)])];
}

async function attempts(plan: RegionPlan, failures: string[]): Promise<Drawing[]> {
  const drawings: Drawing[] = [];
  for (const attempt of ATTEMPTS) {
    try {
      const drawing = drawingFrom(plan, await elk.layout(graphOf(plan, attempt)));
      const overlaps = overlapsOf(drawing, plan.chart, plan.root.id);
      if (overlaps.length === 0) drawings.push(drawing);
      else failures.push(overlaps.slice(0, 3).join('; '));
    } catch (cause) {
      failures.push(cause instanceof Error ? cause.message : String(cause));
    }
  }
  return drawings;
}

function bestOn(screen: { w: number; h: number }, drawings: readonly Drawing[]): Drawing | null {
  const costs = drawings.map((drawing) => costOn(screen, drawing));
  return drawings[costs.indexOf(Math.min(...costs))] ?? null;
}

/** Lower is better: how small it gets on the screen, then how bent its lines are. */
function costOn(screen: { w: number; h: number }, drawing: Drawing): number {
  const { w, h, lines } = drawing;
  const bends = lines.reduce((sum, line) => sum + line.points.length / 2 - 2, 0);
  // A phone scrolls down a chart more easily than across it.
  const height = screen.w < 400 ? h / 2 : h;
  const isOdd = startsInFront(drawing) ? 0 : 0.25;
  return Math.max(w / screen.w, height / screen.h, 0.9) + bends / 400 + isOdd;
}

/** Whether the state entered first stands where reading starts. */
function startsInFront({ direction, starts, states }: Drawing): boolean {
  const isRight = direction === 'RIGHT';
  const front = Math.min(...states.slice(1).map(({ x, y }) => (isRight ? x : y)));
  return starts.some((points) => ((isRight ? points[2] : points[3]) ?? 0) < front + 40);
}

function drawingFrom(plan: RegionPlan, graph: ElkNode): Drawing {
  const { chart, root, direction, detail, actions } = plan;
  const top = headHeight(root, actions) + 6;
  const nodes = new Map(nodesBelow(graph).map((node) => [node.id, boxOf(node, top)]));
  const states = statesBelow(chart, root.id)
    .filter(({ id }) => id !== root.id)
    .map(
      (state): StateBox => ({
        id: state.id,
        ...found(nodes, state.id),
        head: headHeight(state, actions),
      }),
    );
  const bundles = bundlesOf(plan);
  const lines = bundles.map((bundle) => lineOf(plan, bundle, graph));
  const w = round(Math.max(graph.width ?? 0, headWidth(root, detail) + 12));
  const h = round(top + (graph.height ?? 0));
  return {
    direction,
    detail,
    actions,
    w,
    h,
    states: [{ id: root.id, x: 0, y: 0, w, h, head: headHeight(root, actions) }, ...states],
    lines,
    folds: [
      ...states.flatMap((box) => stayFold(staysOf(chart, box.id), box, detail)),
      ...bundles.flatMap((bundle, at) => lineFold(plan, bundle, lines[at])),
    ],
    pills: [...nodes]
      .filter(([id]) => id.startsWith(PILL))
      .map(([id, box]) => ({ state: id.slice(PILL.length), ...box })),
    starts: startsOf(plan, nodes),
  };
}

function lineFold({ detail }: RegionPlan, bundle: Bundle, line: Line | undefined): Fold[] {
  const { source, target, edges } = bundle;
  if (!line || !isLineFolded(edges, detail)) return [];
  return [{ ...line.label, source, target, edges: edges.map(({ id }) => id) }];
}

function lineOf({ root, detail, actions }: RegionPlan, bundle: Bundle, graph: ElkNode): Line {
  const top = headHeight(root, actions) + 6;
  const edge = edgesBelow(graph).find(({ id }) => id === bundle.id);
  const section = edge?.sections?.[0];
  const drawn = edge?.labels?.[0] ?? (detail === 'bare' ? { ...section?.endPoint } : undefined);
  if (!section || !drawn) throw new Error(`${bundle.id} was not routed`);
  const corners = [section.startPoint, ...(section.bendPoints ?? []), section.endPoint];
  const label = boxOf(drawn, top);
  return {
    source: bundle.source,
    target: bundle.target,
    points: corners.flatMap(({ x, y }) => [round(x), round(y + top)]),
    edges: bundle.edges.map(({ id }) => id),
    label,
    rows:
      detail === 'bare' || isLineFolded(bundle.edges, detail) ? [] : labelRows(bundle.edges, label),
  };
}

function startsOf({ chart, root, direction }: RegionPlan, nodes: Map<string, Box>): number[][] {
  return statesBelow(chart, root.id)
    .flatMap(({ initial }) => (initial === null ? [] : [found(nodes, initial)]))
    .map(({ x, y }) =>
      direction === 'RIGHT' ? [x + 14, y - 15, x + 14, y] : [x - 16, y + 14, x, y + 14],
    );
}

function nodesBelow(node: ElkNode): ElkNode[] {
  return (node.children ?? []).flatMap((child) => [child, ...nodesBelow(child)]);
}

function edgesBelow(node: ElkNode): NonNullable<ElkNode['edges']> {
  return [...(node.edges ?? []), ...(node.children ?? []).flatMap(edgesBelow)];
}

function boxOf(
  shape: { x?: number; y?: number; width?: number; height?: number },
  top: number,
): Box {
  const { x = 0, y = 0, width = 0, height = 0 } = shape;
  return { x: round(x), y: round(y + top), w: round(width), h: round(height) };
}

function found(boxes: Map<string, Box>, id: string): Box {
  const box = boxes.get(id);
  if (!box) throw new Error(`${id} was not placed`);
  return box;
}

function round(length: number): number {
  return Math.round(length * 10) / 10;
}
