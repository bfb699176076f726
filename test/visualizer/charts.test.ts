/** The charts that ship: nothing forgotten, nothing on top of anything, the same on every build. */
import { beforeAll, describe, expect, it } from 'vitest';
import { describeMachine, sessionMachine, supervisorMachine } from '../../machines/index.ts';
import { overlapsOf } from '../../visualizer/layout/check.ts';
import { drawRegion } from '../../visualizer/layout/region.ts';
import { layOutCharts } from '../../visualizer/layout.build.ts';
import { arrange } from '../../visualizer/src/chart/arrange.ts';
import type { Charts, LaidOutChart } from '../../visualizer/src/chart/geometry.ts';

let charts: Charts;
beforeAll(async () => {
  charts = await layOutCharts();
}, 60_000);

function chartOf(id: string): LaidOutChart {
  const found = charts.machines[id];
  if (!found) throw new Error(`no chart ${id}`);
  return found;
}

describe.each([
  ['session', sessionMachine],
  ['supervisor', supervisorMachine],
])('%s', (id, machine) => {
  it('draws every state and every transition in each way to draw it', () => {
    const { regions } = chartOf(id);
    const description = describeMachine(machine);
    for (const actions of [false, true]) {
      for (const pick of [0, -1]) {
        const drawings = regions.map((region) =>
          region.drawings.filter((one) => one.actions === actions).at(pick),
        );
        const blocks = regions.map((region) =>
          region.blocks.filter((one) => one.actions === actions).at(pick),
        );
        const states = drawings.flatMap((one) => one?.states.map((box) => box.id) ?? []);
        const edges = [
          ...drawings.flatMap((one) => [
            ...(one?.stays ?? []),
            ...(one?.lines.flatMap(({ rows }) => rows) ?? []),
          ]),
          ...blocks.flatMap((one) => one?.rows ?? []),
        ].map(({ edge }) => edge);
        const roots = description.states.filter(
          (state) => state.type === 'parallel' && !states.includes(state.id),
        );
        expect([...states, ...roots.map((state) => state.id)].sort()).toEqual(
          description.states.map((state) => state.id).sort(),
        );
        expect(edges.sort()).toEqual(description.edges.map((edge) => edge.id).sort());
      }
    }
  });

  it('has no overlaps, to the right and down, with and without actions', () => {
    const { chart, regions } = chartOf(id);
    for (const region of regions) {
      for (const actions of [false, true]) {
        const drawings = region.drawings.filter((one) => one.actions === actions);
        expect(new Set(drawings.map(({ direction }) => direction))).toEqual(
          new Set(['RIGHT', 'DOWN']),
        );
        for (const drawing of drawings) expect(overlapsOf(drawing, chart, region.id)).toEqual([]);
      }
    }
  });
});

it('shows what the chart of a session says, written down by hand', () => {
  const { chart } = chartOf('session');
  const moves = chart.edges
    .filter(({ targets }) => targets.length > 0)
    .map(
      ({ source, event, targets }) => `${last(source)} ${event || 'always'} ${targets.map(last)}`,
    );
  expect(moves).toEqual(
    expect.arrayContaining([
      'active session.ended ended',
      'closed turn.started open',
      'open turn.completed closed',
      'open link.cut closed',
      'none agents.began running',
      'none permission.pending permission',
      'permission question.pending question',
      'question requests.cleared none',
      'ended session.started active',
      'detached link.requested attaching',
      'attached link.lost detached',
    ]),
  );
  const stays = chart.edges.filter(({ targets }) => targets.length === 0).map(({ event }) => event);
  expect(stays).toEqual(
    expect.arrayContaining(['message.added', 'turn.*', 'comment.*', 'approval.decided']),
  );
});

it('draws the same picture on every build', async () => {
  const { chart, regions } = chartOf('session');
  const region = regions.find(({ id }) => id === 'session.link');
  const root = chart.states.find(({ id }) => id === 'session.link');
  if (!region || !root) throw new Error('the session has a region link');
  const again = await drawRegion(chart, root, false);
  expect(again).toEqual(region.drawings.filter(({ actions }) => !actions));
});

it('picks another combination for a tall screen than for a wide one, each larger there', () => {
  const { regions } = chartOf('session');
  const wide = arrange(regions, { w: 1600, h: 500 }, false);
  const tall = arrange(regions, { w: 500, h: 1600 }, false);
  expect(wide.w).toBeGreaterThan(tall.w);
  expect(Math.min(500 / wide.w, 1600 / wide.h)).toBeLessThan(tall.scale);
  expect(wide.placed.length).toBeGreaterThanOrEqual(5);
});

function last(id: string): string {
  return id.split('.').at(-1) ?? id;
}
