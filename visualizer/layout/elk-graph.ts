/**
 * One region of a chart as a graph for ELK, and the options that work: they are not inherited, so every
 * compound node repeats them, and several combinations make ELK 0.12 throw (ATTEMPTS avoids those).
 */
import type { ElkExtendedEdge, ElkNode, LayoutOptions } from 'elkjs';
import type { Chart, ChartEdge, ChartState, Detail, Direction } from '../src/chart/geometry.ts';
import { SIZES } from '../src/chart/labels.ts';
import { HEAD, headHeight, headWidth, labelSize, leafSize } from './measure.ts';
import { nameWidth } from './text.ts';

/** What the graph of a region is made from. */
export interface RegionPlan {
  chart: Chart;
  root: ChartState;
  direction: Direction;
  detail: Detail;
  actions: boolean;
}

/** Transitions from one state into the same state, or into states inside it, share one line. */
export interface Bundle {
  id: string;
  source: string;
  target: string;
  edges: ChartEdge[];
}

/** Node that stands for "in any state of this one". */
export const PILL = 'any:';
/** What is on the pill from which transitions start that any state of a region may take. */
const PILL_WORDS = 'in any state';
const PILL_WIDTH = Math.ceil(nameWidth(PILL_WORDS, SIZES.tag) + 20);

/** The lines of a region: transitions that lead to another state. */
export function bundlesOf(plan: RegionPlan): Bundle[] {
  const inside = new Set(statesBelow(plan.chart, plan.root.id).map(({ id }) => id));
  const bundles = new Map<string, Bundle>();
  for (const edge of plan.chart.edges) {
    if (!inside.has(edge.source)) continue;
    for (const inner of edge.targets) {
      const target = outermost(plan, inner, edge.source);
      const id = `${edge.source}>${target}`;
      const bundle = bundles.get(id) ?? { id, source: edge.source, target, edges: [] };
      bundle.edges.push(edge);
      bundles.set(id, bundle);
    }
  }
  return [...bundles.values()];
}

/**
 * Where a line to a state ends: at the outermost state around it that the source is not in. So all ways
 * into a compound state are one arrow, whose rows say where they land.
 */
function outermost(plan: RegionPlan, id: string, source: string): string {
  const parent = plan.chart.states.find((state) => state.id === id)?.parent ?? null;
  const isShared = parent === null || parent === plan.root.id || isWithin(source, parent);
  return isShared ? id : outermost(plan, parent, source);
}

/** A state's id begins with those of all states around it. */
function isWithin(id: string, around: string): boolean {
  return id === around || id.startsWith(`${around}.`);
}

/** Transitions of a state that stay where they are. */
export function staysOf(chart: Chart, state: string): ChartEdge[] {
  return chart.edges.filter((edge) => edge.source === state && edge.targets.length === 0);
}

/** The state and everything in it, outermost first. */
export function statesBelow(chart: Chart, id: string): ChartState[] {
  const self = chart.states.filter((state) => state.id === id);
  const children = chart.states.filter((state) => state.parent === id);
  return [...self, ...children.flatMap((child) => statesBelow(chart, child.id))];
}

/** Whether a line starts at a state around its target: it is drawn from a pill inside. */
export function isFromAround({ source, target }: Bundle): boolean {
  return source !== target && isWithin(target, source);
}

/** The graph ELK lays out; node ids are state ids. */
export function graphOf(plan: RegionPlan, { first, ...attempt }: Layout): ElkNode {
  const options = optionsFor(plan.direction, attempt as LayoutOptions);
  const bundles = bundlesOf(plan);
  const around = new Set(bundles.filter(isFromAround).map(({ source }) => source));
  return {
    ...compoundNode(plan, plan.root, { options, around, first }),
    layoutOptions: { ...options, 'elk.padding': '[top=8,left=24,bottom=14,right=14]' },
    edges: bundles.map((bundle) => elkEdge(plan, bundle)),
  };
}

/** What all nodes of one attempt share. */
interface Style {
  options: LayoutOptions;
  around: ReadonlySet<string>;
  first: boolean | undefined;
}

function compoundNode(plan: RegionPlan, state: ChartState, style: Style): ElkNode {
  const { options, around, first } = style;
  const children = plan.chart.states.filter(({ parent }) => parent === state.id);
  const initial = state.initial;
  const nodes = children.map((child) => {
    const isLeaf = !plan.chart.states.some(({ parent }) => parent === child.id);
    const node = isLeaf ? leafNode(plan, child) : compoundNode(plan, child, style);
    return child.id === initial ? withStart(node, plan.direction, first === true) : node;
  });
  const pill = around.has(state.id)
    ? [{ id: `${PILL}${state.id}`, width: PILL_WIDTH, height: 20 }]
    : [];
  const top = headHeight(state, plan.actions) + 14;
  return {
    id: state.id,
    children: [...nodes, ...pill],
    layoutOptions: {
      ...options,
      'elk.padding': `[top=${top},left=14,bottom=14,right=14]`,
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      'elk.nodeSize.minimum': `(${Math.ceil(headWidth(state, plan.detail))},${HEAD + 20})`,
    },
  };
}

function leafNode(plan: RegionPlan, state: ChartState): ElkNode {
  const { w, h } = leafSize(state, staysOf(plan.chart, state.id), plan);
  return { id: state.id, width: w, height: h };
}

/** Room for the arrow into the initial state, which enters across the flow. */
function withStart(node: ElkNode, direction: Direction, isFirst: boolean): ElkNode {
  const isRight = direction === 'RIGHT';
  const label = {
    id: `start:${node.id}`,
    text: ' ',
    width: isRight ? 30 : 20,
    height: isRight ? 20 : 12,
    layoutOptions: {
      'elk.nodeLabels.placement': isRight ? 'OUTSIDE V_TOP H_LEFT' : 'OUTSIDE H_LEFT V_TOP',
    },
  };
  const constraint = isFirst ? { 'elk.layered.layering.layerConstraint': 'FIRST' } : {};
  return { ...node, labels: [label], layoutOptions: { ...node.layoutOptions, ...constraint } };
}

function elkEdge(plan: RegionPlan, bundle: Bundle): ElkExtendedEdge {
  const ends = {
    id: bundle.id,
    sources: [isFromAround(bundle) ? `${PILL}${bundle.source}` : bundle.source],
    targets: [bundle.target],
  };
  if (plan.detail === 'bare') return ends;
  const { w, h } = labelSize(bundle.edges, bundle.target, plan);
  const isLoop = bundle.source === bundle.target;
  return {
    ...ends,
    labels: [
      {
        id: `label:${bundle.id}`,
        text: ' ',
        width: w,
        height: h,
        layoutOptions: {
          'elk.edgeLabels.placement': 'CENTER',
          ...(!isLoop && { 'elk.edgeLabels.inline': 'true' }),
        },
      },
    ],
  };
}

function optionsFor(direction: Direction, attempt: LayoutOptions): LayoutOptions {
  return {
    'elk.algorithm': 'layered',
    'elk.direction': direction,
    'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
    'elk.edgeRouting': 'ORTHOGONAL',
    'elk.json.edgeCoords': 'ROOT',
    'elk.json.shapeCoords': 'ROOT',
    'elk.layered.considerModelOrder.strategy': 'NONE',
    'elk.layered.cycleBreaking.strategy': 'DEPTH_FIRST',
    'elk.layered.layering.strategy': 'NETWORK_SIMPLEX',
    'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
    'elk.layered.edgeLabels.centerLabelPlacementStrategy': 'MEDIAN_LAYER',
    'elk.spacing.nodeNode': '16',
    'elk.spacing.edgeNode': '12',
    'elk.spacing.edgeEdge': '10',
    'elk.spacing.edgeLabel': '4',
    'elk.spacing.labelNode': '0',
    'elk.layered.spacing.nodeNodeBetweenLayers': '18',
    'elk.layered.spacing.edgeNodeBetweenLayers': '14',
    'elk.layered.spacing.edgeEdgeBetweenLayers': '10',
    ...attempt,
  };
}

/** One try: options of ELK, and whether the initial state must be in front. */
export interface Layout {
  first?: boolean;
  [option: string]: string | boolean | undefined;
}

/** Tried in turn; those that throw are skipped and the best pictures of the others are kept. */
export const ATTEMPTS: Layout[] = [false, true].flatMap((first) => [
  ...['1', '2'].map((seed) => ({ first, 'elk.randomSeed': seed })),
  { first, 'elk.layered.nodePlacement.strategy': 'BRANDES_KOEPF' },
  { first, 'elk.layered.cycleBreaking.strategy': 'GREEDY' },
]);
