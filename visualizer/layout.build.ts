/**
 * Lays out every shipped machine when the page is built: each region to the right and down, with and
 * without actions. The page gets the result as a file and picks the combination that suits its screen,
 * so no layout runs in a browser or in the server, and events cannot move the picture.
 *
 * Called by vite.config.ts. Fails when a drawing has overlaps or misses a transition.
 */
import { describeMachine } from './layout/draft-describe.ts';
import { sessionMachine, supervisorMachine } from '../machines/index.ts';
import { drawRegion } from './layout/region.ts';
import type { Chart, Charts, ChartState, Drawing, LaidOutChart, Region } from './src/chart/geometry.ts';

/** Machines whose actors the page shows. */
const SHIPPED = [sessionMachine, supervisorMachine];

/** Describes and lays out what ships; the same machines always give the same file. */
export async function layOutCharts(): Promise<Charts> {
  const machines: Record<string, LaidOutChart> = {};
  for (const machine of SHIPPED) {
    const chart = describeMachine(machine);
    machines[chart.id] = { hash: '', chart, regions: await regionsOf(chart) };
  }
  return { machines };
}

/** A parallel machine is drawn region by region; any other one is a region itself. */
async function regionsOf(chart: Chart): Promise<Region[]> {
  const root = chart.states.find(({ parent }) => parent === null);
  if (!root) throw new Error(`${chart.id} has no root state`);
  const tops =
    root.type === 'parallel' ? chart.states.filter(({ parent }) => parent === root.id) : [root];
  const regions: Region[] = [];
  for (const top of tops) regions.push({ id: top.id, drawings: await drawingsOf(chart, top) });
  return regions;
}

async function drawingsOf(chart: Chart, root: ChartState): Promise<Drawing[]> {
  const drawings: Drawing[] = [];
  for (const actions of [false, true]) {
    for (const direction of ['RIGHT', 'DOWN'] as const) {
      drawings.push(await drawRegion({ chart, root, direction, actions }));
    }
  }
  return drawings;
}
