/**
 * What of the page's state the diagram follows: which chart, which region, what is lit. The diagram is no
 * component: it is lit in an effect of the very change that repaints the pill, so both are of the same frame.
 */
import { computed, effect, signal } from '@preact/signals';
import type { InspectRecord } from '../../src/protocol/inspect.ts';
import { ChartView } from './chart/chart-view.ts';
import { chartOf } from './charts.ts';
import { commits, position, selected, shown } from './page-state.ts';
import { askWhy, catalogued, place, tryEvent } from './route.ts';
import { decidingLeaf, possibleEdges } from './state-value.ts';

/** How long a taken transition stays lit while live, ms. */
const FIRE_MS = 700;
const NOTHING: ReadonlySet<string> = new Set();

/** The region that is shown alone; null: all. */
export const region = signal<string | null>(null);
/** Charts by themselves: no session is lit in them. */
export const isCatalogue = computed(() => place.value === 'machines' || selected.value === null);
/** The chart that is drawn. */
export const machine = computed(() => (isCatalogue.value ? catalogued.value : 'session'));
/** The state of a catalogued chart that is shown in detail. */
export const pickedState = signal<string | null>(null);
/** Whether actions are written out. */
export const actions = signal(false);
/** Whether the active state is brought into view. */
export const follows = signal(false);
/** Regions that the picture shows. */
export const drawnRegions = signal<readonly string[]>([]);
const drawnView = signal<ChartView | null>(null);

/** The diagram, for keys. */
export function chartView(): ChartView | null {
  return drawnView.peek();
}

/** All regions, then each alone, in turn. */
export function nextRegion(): void {
  const ids = chartOf(machine.peek())?.regions.map(({ id }) => id) ?? [];
  const at = region.peek() === null ? -1 : ids.indexOf(region.peek() as string);
  region.value = ids[at + 1] ?? null;
}

/** Puts a diagram into an element and keeps it lit; returns how to end that. */
export function attach(host: HTMLDivElement): () => void {
  const view = new ChartView(host, {
    onState: (id) => {
      if (isCatalogue.peek()) pickedState.value = id;
      else askWhy(id);
    },
    onEdge: (id) => {
      if (isCatalogue.peek()) {
        pickedState.value = id.split('/')[0] ?? null;
        return;
      }
      const edge = chartOf('session')?.chart.edges.find((one) => one.id === id);
      if (edge) tryEvent(edge.kind === 'always' ? '' : edge.event);
    },
    onPicture: (ids) => {
      drawnRegions.value = ids;
    },
  });
  drawnView.value = view;
  const ends = [
    effect(() => {
      const chart = chartOf(machine.value);
      if (chart) view.show(chart, region.value, actions.value);
    }),
    effect(() => light(view)),
    effect(() => {
      // While scrubbing the cursor's own transitions stay lit; live ones are lit by `lightTaken`.
      const { record, isLive } = shown.value;
      if (isCatalogue.value) view.fire([], null);
      else if (!isLive) view.fire(record?.edges ?? [], null);
      else if (position.value === null) view.fire([], null);
    }),
    lightTaken(view),
  ];
  return () => {
    for (const end of ends) end();
    drawnView.value = null;
    view.close();
  };
}

function light(view: ChartView): void {
  const chart = chartOf(machine.value)?.chart;
  if (isCatalogue.value) {
    view.light({ active: NOTHING, possible: NOTHING });
    return;
  }
  const { active, value } = shown.value;
  view.light({
    active,
    possible: chart && value !== null ? possibleEdges(chart, active) : NOTHING,
  });
  const leaf = value === null ? undefined : decidingLeaf(value);
  if (follows.value && leaf) view.reveal(`session.${leaf}`);
}

/** Lights what live records took, and shakes what was refused. */
function lightTaken(view: ChartView): () => void {
  const onRecords = (records: readonly InspectRecord[]): void => {
    if (position.peek() !== null || isCatalogue.peek()) return;
    view.fire(
      records.flatMap(({ edges }) => edges ?? []),
      FIRE_MS,
    );
    const refused = new Set(
      records.filter(({ accepted }) => !accepted).map(({ event }) => event.type),
    );
    if (refused.size === 0) return;
    const edges = chartOf('session')?.chart.edges ?? [];
    view.refuse(edges.filter(({ event }) => refused.has(event)).map(({ id }) => id));
  };
  commits.add(onRecords);
  return () => commits.delete(onRecords);
}
