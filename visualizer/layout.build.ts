/**
 * Lays out every shipped machine when the page is built: each region to the right and down, with and
 * without actions. The page gets the result as a file and picks the combination that suits its screen,
 * so no layout runs in a browser or in the server, and events cannot move the picture.
 *
 * Called by vite.config.ts. Fails when a drawing has overlaps or misses a transition.
 */
import { createHash } from 'node:crypto';
import { describeMachine, sessionMachine, supervisorMachine } from '../machines/index.ts';
import { staysOf } from './layout/elk-graph.ts';
import { blocksOf } from './layout/measure.ts';
import { drawRegion } from './layout/region.ts';
import { drawMini } from './layout/small-region.ts';
import type {
  Chart,
  ChartState,
  Charts,
  Drawing,
  LaidOutChart,
  Region,
} from './src/chart/geometry.ts';

/** Machines whose actors the page shows. */
const SHIPPED = [sessionMachine, supervisorMachine];

/** Describes and lays out what ships; the same machines always give the same file. */
export async function layOutCharts(): Promise<Charts> {
  const machines: Record<string, LaidOutChart> = {};
  for (const machine of SHIPPED) {
    const chart = describeMachine(machine);
    machines[chart.id] = { hash: hashOf(chart), chart, regions: await regionsOf(chart) };
  }
  return { machines };
}

/** Twelve hex digits over all that is drawn; the server names the same for the machines it runs. */
function hashOf(chart: Chart): string {
  return createHash('sha256').update(JSON.stringify(chart)).digest('hex').slice(0, 12);
}

/** A parallel state is drawn region by region, also one inside another; any other machine is a region itself. */
async function regionsOf(whole: Chart): Promise<Region[]> {
  const root = whole.states.find(({ parent }) => parent === null);
  if (!root) throw new Error(`${whole.id} has no root state`);
  const parallel = new Set(
    whole.states.filter(({ type }) => type === 'parallel').map(({ id }) => id),
  );
  const below = whole.states.filter(({ parent }) => parent !== null && parallel.has(parent));
  const regions: Region[] = [];
  for (const top of below.length > 0 ? below : [root]) {
    const chart = regionOf(whole, top, parallel);
    const own = staysOf(chart, top.id);
    regions.push({
      id: top.id,
      drawings: await drawingsOf(chart, top),
      blocks: [...blocksOf(top.key, own, false), ...blocksOf(top.key, own, true)],
      minis: [await drawMini(chart, top, 'RIGHT'), await drawMini(chart, top, 'DOWN')],
    });
  }
  return regions;
}

/** A chart with one region only: the regions of a parallel state inside it are drawn by themselves. */
function regionOf(chart: Chart, top: ChartState, parallel: ReadonlySet<string>): Chart {
  const ancestors = (id: string): ChartState[] => {
    const state = chart.states.find((one) => one.id === id);
    return state ? [state, ...(state.parent === null ? [] : ancestors(state.parent))] : [];
  };
  /** The state of this picture that stands for another one. */
  const shownAs = (id: string): string | null => {
    const path = ancestors(id).reverse();
    const from = path.findIndex((state) => state.id === top.id);
    if (from < 0) return null;
    const hidden = path.findIndex(
      (state, at) => at > from && state.parent !== null && parallel.has(state.parent),
    );
    return (hidden < 0 ? path.at(-1) : path[hidden - 1])?.id ?? null;
  };
  const states = chart.states
    .filter(({ id }) => shownAs(id) === id)
    .map((state) => (state.type === 'parallel' ? { ...state, type: 'atomic' as const } : state));
  const shown = new Set(states.map(({ id }) => id));
  const edges = chart.edges
    .filter(({ source }) => shown.has(source))
    .map((edge) => ({ ...edge, targets: edge.targets.flatMap((id) => shownAs(id) ?? []) }));
  return { ...chart, states, edges };
}

async function drawingsOf(chart: Chart, root: ChartState): Promise<Drawing[]> {
  return [...(await drawRegion(chart, root, false)), ...(await drawRegion(chart, root, true))];
}
