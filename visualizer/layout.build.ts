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
import { drawMini } from './layout/mini.ts';
import { drawRegion } from './layout/region.ts';
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

/** A parallel machine is drawn region by region; any other one is a region itself. */
async function regionsOf(chart: Chart): Promise<Region[]> {
  const root = chart.states.find(({ parent }) => parent === null);
  if (!root) throw new Error(`${chart.id} has no root state`);
  const tops =
    root.type === 'parallel' ? chart.states.filter(({ parent }) => parent === root.id) : [root];
  const regions: Region[] = [];
  for (const top of tops) {
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

async function drawingsOf(chart: Chart, root: ChartState): Promise<Drawing[]> {
  return [...(await drawRegion(chart, root, false)), ...(await drawRegion(chart, root, true))];
}
