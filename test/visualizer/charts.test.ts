/** The charts that ship: nothing forgotten, nothing on top of anything, the same on every build. */
import { beforeAll, describe, expect, it } from 'vitest';
import { describeMachine, sessionMachine, supervisorMachine } from '../../machines/index.ts';
import { overlapsOf } from '../../visualizer/layout/check.ts';
import { drawRegion } from '../../visualizer/layout/region.ts';
import { layOutCharts } from '../../visualizer/layout.build.ts';
import { arrange } from '../../visualizer/src/chart/arrange.ts';
import type { Charts, LaidOutChart } from '../../visualizer/src/chart/geometry.ts';
import { readablePicture, readableScale } from '../../visualizer/src/chart/readable-size.ts';

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
  it.each(['full', 'folded'] as const)('draws every state and every transition, %s', (detail) => {
    const { regions } = chartOf(id);
    const description = describeMachine(machine);
    for (const actions of [false, true]) {
      for (const pick of [0, -1]) {
        const drawings = regions.map((region) =>
          region.drawings
            .filter((one) => one.actions === actions && one.detail === detail)
            .at(pick),
        );
        const blocks = regions.map((region) =>
          region.blocks.filter((one) => one.actions === actions).at(pick),
        );
        const states = drawings.flatMap((one) => one?.states.map((box) => box.id) ?? []);
        const edges = [
          ...drawings.flatMap((one) => [
            ...(one?.folds.flatMap((fold) => fold.edges) ?? []),
            ...(one?.lines.flatMap(({ rows }) => rows.map(({ edge }) => edge)) ?? []),
          ]),
          ...blocks.flatMap((one) => one?.rows.map(({ edge }) => edge) ?? []),
        ];
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
        expect(new Set(drawings.map(({ detail }) => detail))).toEqual(
          new Set(['full', 'folded', 'bare']),
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
  const wide = arrange(regions, { w: 1600, h: 500 }, { actions: false });
  const tall = arrange(regions, { w: 500, h: 1600 }, { actions: false });
  expect(wide.w).toBeGreaterThan(tall.w);
  expect(Math.min(500 / wide.w, 1600 / wide.h)).toBeLessThan(tall.scale);
  expect(wide.placed.length).toBeGreaterThanOrEqual(5);
});

it('keeps neighbours together: what is inside of a state stands next to each other, nothing on anything', () => {
  const { regions } = chartOf('session');
  for (const w of [360, 630, 900, 1400, 2200]) {
    for (const h of [360, 480, 650, 900, 1200]) {
      const picture = readablePicture(regions, { w, h }, false);
      const boxes = picture?.placed.map(({ x, y, drawing, block }) => ({
        ...{ x, y },
        w: (drawing ?? block).w,
        h: (drawing ?? block).h,
      }));
      for (const [at, one] of boxes?.entries() ?? []) {
        for (const other of boxes?.slice(at + 1) ?? []) {
          const isApart =
            one.x + one.w <= other.x ||
            other.x + other.w <= one.x ||
            one.y + one.h <= other.y ||
            other.y + other.h <= one.y;
          expect(isApart).toBe(true);
        }
      }
      expect(picture?.placed.map(({ region }) => region) ?? []).toEqual(
        picture ? regions.map(({ id }) => id) : [],
      );
    }
  }
});

it('writes out more the larger the screen is, and never letters too small to read', () => {
  const { regions } = chartOf('session');
  const written = (w: number, h: number): number => {
    const picture = readablePicture(regions, { w, h }, false);
    if (!picture) return 0;
    expect(picture.scale).toBeGreaterThanOrEqual(readableScale(picture));
    const worth = { bare: 1, folded: 2, full: 3 };
    return picture.placed.reduce(
      (sum, { drawing }) => sum + (drawing ? worth[drawing.detail] : 0),
      0,
    );
  };
  const sizes = [written(360, 480), written(640, 460), written(900, 800), written(1700, 1100)];
  expect(sizes).toEqual([...sizes].sort((one, other) => one - other));
  expect(sizes.at(0)).toBe(5);
  expect(sizes.at(-1)).toBe(15);
});

function last(id: string): string {
  return id.split('.').at(-1) ?? id;
}
