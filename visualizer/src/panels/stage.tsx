/**
 * The chart of the watched session with its head and tools. The diagram is no component: it is lit in an
 * effect of the very change that repaints the pill, so both are of the same frame.
 */
import { computed, effect, signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { InspectRecord } from '../../../src/protocol/inspect.ts';
import { ChartView } from '../chart/chart-view.ts';
import { chartOf, charts, loadCharts } from '../charts.ts';
import { commits, hello, position, selected, selectedRow, shown } from '../model.ts';
import { askWhy, catalogued, openTab, place, tab, tryEvent, view } from '../route.ts';
import { isPhone } from '../ui/screen.ts';
import { leavesOf, pathIn, phaseOf, possibleEdges } from '../value.ts';
import { visibleText } from '../visible.ts';
import './stage.css';

/** How long a taken transition stays lit while live, ms. */
const FIRE_MS = 700;
const NOTHING: ReadonlySet<string> = new Set();

export const region = signal<string | null>(null);
/** Charts by themselves: no session is lit in them. */
const isCatalogue = computed(() => place.value === 'machines' || selected.value === null);
const machine = computed(() => (isCatalogue.value ? catalogued.value : 'session'));
/** Whether the conversation, and with it an open request, is in sight. */
const isTalkOpen = computed(() => (isPhone.value ? view.value : tab.value) === 'session');
/** The state of a catalogued chart somebody wants to know about. */
export const pickedState = signal<string | null>(null);
export const actions = signal(false);
export const follows = signal(false);
const drawnRegions = signal<readonly string[]>([]);
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

export function Stage() {
  return (
    <section class="stage" aria-label="Chart">
      <StageHead />
      {typeof charts.value === 'string' ? <ChartFailure reason={charts.value} /> : <Diagram />}
    </section>
  );
}

export function StageHead() {
  const row = selectedRow.value;
  return (
    <header class="stage-head">
      <h1>
        {selected.value === null ? (
          `The ${machine.value} machine`
        ) : (
          <bdi>{visibleText(row?.name ?? selected.value)}</bdi>
        )}
      </h1>
      <Pills />
      {selected.value === null && <MachineTabs />}
      {row?.live === false && <span class="pill quiet">asleep</span>}
    </header>
  );
}

/** The charts this server runs, while no session is chosen. */
export function MachineTabs() {
  const loaded = charts.value;
  const ids = loaded && typeof loaded === 'object' ? Object.keys(loaded.machines) : [];
  return (
    <span class="segments">
      {ids.map((id) => (
        <button
          key={id}
          type="button"
          aria-pressed={machine.value === id}
          onClick={() => {
            catalogued.value = id;
            pickedState.value = null;
          }}
        >
          {id}
        </button>
      ))}
    </span>
  );
}

function Pills() {
  const { value } = shown.value;
  if (value === null) return null;
  const phase = phaseOf(leavesOf(value));
  const link = pathIn(value, 'link');
  return (
    <span class="pills" data-testid="pills">
      <span class={`pill pill-${phase}`} data-testid="pill">
        <i class={`dot fill-${phase}`} />
        {pathIn(value, 'phase')}
      </span>
      <span class={`pill link-${link}`}>{link}</span>
      {phase === 'attention' && position.value === null && !isTalkOpen.value && (
        <button type="button" class="button answer" onClick={() => openTab('session')}>
          Answer…
        </button>
      )}
    </span>
  );
}

/** The picture with its tools; of the watched session, or of a chart by itself. */
export function Diagram() {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => (host.current ? attach(host.current) : undefined), []);
  const { machines } = hello.value ?? {};
  const built = chartOf(machine.value);
  const known = machines?.find(({ id }) => id === machine.value)?.hash;
  const isOther = known !== undefined && built !== null && known !== built.hash;
  return (
    <>
      {isOther && (
        <p class="banner warn" role="status">
          The server runs another version of this chart than this page draws. Reload the page.
        </p>
      )}
      <Tools />
      <div
        ref={host}
        class="chart"
        data-testid="chart"
        role="group"
        tabIndex={0}
        aria-label="Statechart diagram; the States panel says the same in words"
        aria-describedby="chart-words"
      />
      <Legend />
      <p id="chart-words" class="visually-hidden">
        {!isCatalogue.value && shown.value.active.size > 0
          ? `Active: ${leavesOf(shown.value.value ?? '').join(', ')}`
          : 'No state is active'}
      </p>
    </>
  );
}

/** What marks and colours mean, said once in a corner. */
function Legend() {
  return (
    <p class="legend" aria-hidden="true">
      <span class="legend-plain">by itself</span>
      <span class="legend-stay">stays</span>
      <span class="legend-possible">possible</span>
      <span class="legend-fire">just taken</span>
    </p>
  );
}

function Tools() {
  const regions = chartOf(machine.value)?.regions ?? [];
  const isAll = region.value === null;
  return (
    <div class="tools" role="toolbar" aria-label="Chart">
      <span class="segments">
        <button
          type="button"
          aria-pressed={isAll}
          onClick={() => {
            region.value = null;
          }}
        >
          All
        </button>
        {regions.map(({ id }) => (
          <button
            key={id}
            type="button"
            aria-pressed={region.value === id}
            class={
              isAll && drawnRegions.value.length === 1 && drawnRegions.value[0] === id
                ? 'shown'
                : ''
            }
            onClick={() => {
              region.value = id;
            }}
          >
            {id.split('.').at(-1)}
          </button>
        ))}
      </span>
      <button
        type="button"
        class="button"
        aria-pressed={actions.value}
        onClick={() => {
          actions.value = !actions.value;
        }}
      >
        Actions
      </button>
      {!isCatalogue.value && (
        <button
          type="button"
          class="button"
          aria-pressed={follows.value}
          onClick={() => {
            follows.value = !follows.value;
          }}
        >
          Follow
        </button>
      )}
      {!isCatalogue.value && (
        <button type="button" class="button" onClick={() => openTab('why')}>
          Why?
        </button>
      )}
      <span class="segments">
        <button type="button" aria-label="Zoom out" onClick={() => chartView()?.zoom(-1)}>
          −
        </button>
        <button type="button" onClick={() => chartView()?.fit()}>
          Fit
        </button>
        <button type="button" aria-label="Zoom in" onClick={() => chartView()?.zoom(1)}>
          +
        </button>
      </span>
    </div>
  );
}

/** Said where the picture would be. */
export function ChartFailure({ reason }: { reason: string }) {
  return (
    <div class="empty" data-testid="chart-failure">
      <p>{reason}</p>
      <p>Events, conversation and context work without them.</p>
      <button type="button" class="button" onClick={() => void loadCharts()}>
        Try again
      </button>
    </div>
  );
}

/** Puts a diagram into an element and keeps it lit; returns how to end that. */
function attach(host: HTMLDivElement): () => void {
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
  const leaf = value === null ? undefined : leavesOf(value)[0];
  if (follows.value && leaf) view.reveal(`session.${leaf}`);
}

/** Lights what live records took, and shakes what was refused. */
function lightTaken(view: ChartView): () => void {
  const tell = (records: readonly InspectRecord[]): void => {
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
  commits.add(tell);
  return () => commits.delete(tell);
}
