/**
 * One region drawn in one direction: lets ELK try, turns its answer into a Drawing, adds the region's
 * own rows below, and keeps the attempt without overlaps that needs the least room.
 */
import ELK, { type ElkNode } from 'elkjs';
import type { Box, Drawing, Line, Row, StateBox } from '../src/chart/geometry.ts';
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
import { columnsWithin, HEAD, headHeight, headWidth, labelRows, stayRows } from './measure.ts';

const elk = new ELK();
/** A region without drawn children is still this wide, for the rows of its own transitions. */
const MIN_WIDTH = 380;

/**
 * The best drawing of a region.
 *
 * @throws when every attempt makes ELK throw or leaves overlaps: a chart nobody can read must not ship
 */
export async function drawRegion(plan: RegionPlan): Promise<Drawing> {
  let best: { drawing: Drawing; cost: number } | null = null;
  const failures: string[] = [];
  for (const attempt of ATTEMPTS) {
    try {
      const drawing = drawingFrom(plan, await elk.layout(graphOf(plan, attempt)));
      const overlaps = overlapsOf(drawing, plan.chart);
      if (overlaps.length > 0) failures.push(overlaps.slice(0, 3).join('; '));
      else if (!best || costOf(drawing) < best.cost) best = { drawing, cost: costOf(drawing) };
    } catch (cause) {
      failures.push(cause instanceof Error ? cause.message : String(cause));
    }
  }
  if (best) return best.drawing;
  throw new Error(`${plan.root.id} ${plan.direction} cannot be laid out: ${failures.join(' | ')}`);
}

/** Lower is better: how small it gets on a wide or tall screen, then how long and bent its lines are. */
function costOf({ direction, w, h, lines }: Drawing): number {
  const [width, height] = direction === 'RIGHT' ? [1000, 420] : [560, 720];
  const bends = lines.reduce((sum, line) => sum + line.points.length / 2 - 2, 0);
  return Math.max(w / width, h / height) + bends / 200;
}

function drawingFrom(plan: RegionPlan, graph: ElkNode): Drawing {
  const { chart, root, direction, actions } = plan;
  const top = headHeight(root, actions) + 6;
  const nodes = new Map(nodesBelow(graph).map((node) => [node.id, boxOf(node, top)]));
  const states = statesBelow(chart, root.id)
    .filter(({ id }) => id !== root.id)
    .map((state): StateBox => ({
      id: state.id,
      ...found(nodes, state.id),
      head: headHeight(state, actions),
    }));
  const stays = states.flatMap((box) => stayRows(staysOf(chart, box.id), box, box.head));
  const width = Math.max(graph.width ?? 0, headWidth(root) + 12, MIN_WIDTH);
  const own = ownRows(plan, width, top + (graph.height ?? 0));
  const w = round(Math.max(width, own.right));
  const h = round(own.bottom);
  return {
    direction,
    actions,
    w,
    h,
    states: [{ id: root.id, x: 0, y: 0, w, h, head: headHeight(root, actions) }, ...states],
    lines: bundlesOf(plan).map((bundle) => lineOf(plan, bundle, graph, top)),
    stays: [...own.rows, ...stays],
    pills: [...nodes]
      .filter(([id]) => id.startsWith(PILL))
      .map(([id, box]) => ({ state: id.slice(PILL.length), ...box })),
    starts: startsOf(plan, nodes),
  };
}

/** The transitions of the region itself that stay: below everything, in as many columns as fit. */
function ownRows({ chart, root, actions }: RegionPlan, width: number, below: number) {
  const own = staysOf(chart, root.id);
  if (own.length === 0) return { rows: [] as Row[], right: 0, bottom: below };
  const columns = columnsWithin(own, width - 24, actions);
  const rows = columns.rows.map((row) => ({ ...row, x: row.x + 12, y: row.y + below + HEAD - 6 }));
  return { rows, right: columns.w + 24, bottom: below + HEAD + columns.h + 4 };
}

function lineOf(plan: RegionPlan, bundle: Bundle, graph: ElkNode, top: number): Line {
  const edge = edgesBelow(graph).find(({ id }) => id === bundle.id);
  const section = edge?.sections?.[0];
  const drawn = edge?.labels?.[0];
  if (!section || !drawn) throw new Error(`${bundle.id} was not routed`);
  const corners = [section.startPoint, ...(section.bendPoints ?? []), section.endPoint];
  const label = boxOf(drawn, top);
  return {
    source: bundle.source,
    target: bundle.target,
    points: corners.flatMap(({ x, y }) => [round(x), round(y + top)]),
    label,
    rows: labelRows(bundle.edges, label),
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

function boxOf(shape: { x?: number; y?: number; width?: number; height?: number }, top: number): Box {
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
