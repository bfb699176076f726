/**
 * A region as a small picture for the grid: states and arrows, no words on the arrows, so that a count
 * fits into each state and a whole wall of them onto a screen. Laid out by ELK like the large ones.
 */
import ELK, { type ElkNode } from 'elkjs';
import type { Chart, ChartState, Direction, Mini, MiniState } from '../src/chart/geometry.ts';
import { SIZES } from '../src/chart/labels.ts';
import { bundlesOf, isFromAround, type RegionPlan } from './elk-graph.ts';
import { nameWidth } from './text.ts';

const elk = new ELK();

/** Height of a state: its name, and a count beside it. */
const LEAF_HEIGHT = 40;
/** Room for dot, count and air. */
const LEAF_ROOM = 78;
const HEAD = 30;

const OPTIONS = {
  'elk.algorithm': 'layered',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.json.edgeCoords': 'ROOT',
  'elk.json.shapeCoords': 'ROOT',
  'elk.layered.cycleBreaking.strategy': 'DEPTH_FIRST',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.spacing.nodeNode': '14',
  'elk.spacing.edgeNode': '10',
  'elk.spacing.edgeEdge': '8',
  'elk.layered.spacing.nodeNodeBetweenLayers': '30',
  'elk.layered.spacing.edgeNodeBetweenLayers': '10',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '8',
};

/** The small picture of a region. @throws when ELK leaves an arrow without a way */
export async function drawMini(
  chart: Chart,
  root: ChartState,
  direction: Direction,
): Promise<Mini> {
  const plan: RegionPlan = { chart, root, direction, detail: 'bare', actions: false };
  // An arrow from any state to one of them would cross everything: the large picture has it.
  const bundles = bundlesOf(plan).filter((one) => !isFromAround(one) && one.source !== one.target);
  const graph = await elk.layout({
    ...nodeOf(plan, root),
    edges: bundles.map(({ id, source, target }) => ({ id, sources: [source], targets: [target] })),
  });
  return {
    direction,
    w: round(graph.width),
    h: round(graph.height),
    states: statesOf(graph),
    lines: edgesOf(graph).map((edge) => {
      const section = edge.sections?.[0];
      if (!section) throw new Error(`${edge.id} was not routed`);
      const corners = [section.startPoint, ...(section.bendPoints ?? []), section.endPoint];
      return corners.flatMap(({ x, y }) => [round(x), round(y)]);
    }),
  };
}

function nodeOf(plan: RegionPlan, state: ChartState): ElkNode {
  const { chart, direction } = plan;
  const children = chart.states.filter(({ parent }) => parent === state.id);
  const isRoot = state.id === plan.root.id;
  const width = Math.ceil(nameWidth(state.key, SIZES.name) + LEAF_ROOM);
  if (children.length === 0) return { id: state.id, width, height: LEAF_HEIGHT };
  return {
    id: state.id,
    children: children.map((child) => nodeOf(plan, child)),
    layoutOptions: {
      ...OPTIONS,
      'elk.direction': direction,
      'elk.padding': isRoot
        ? '[top=4,left=4,bottom=4,right=4]'
        : `[top=${HEAD + 8},left=12,bottom=12,right=12]`,
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      'elk.nodeSize.minimum': `(${width},${HEAD})`,
    },
  };
}

function statesOf(node: ElkNode): MiniState[] {
  return (node.children ?? []).flatMap((child) => {
    const { id, x, y, width, height, children = [] } = child;
    const box = { id, x: round(x), y: round(y), w: round(width), h: round(height) };
    return [{ ...box, isLeaf: children.length === 0 }, ...statesOf(child)];
  });
}

function edgesOf(node: ElkNode): NonNullable<ElkNode['edges']> {
  return [...(node.edges ?? []), ...(node.children ?? []).flatMap(edgesOf)];
}

function round(length = 0): number {
  return Math.round(length * 10) / 10;
}
