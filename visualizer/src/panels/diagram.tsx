/** The picture of a chart with its tools; chart-highlight.ts says which states are highlighted. */
import type { Signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import {
  actions,
  attach,
  chartView,
  drawnRegions,
  follows,
  isCatalogue,
  machine,
  region,
} from '../chart-highlight.ts';
import { chartOf, loadCharts } from '../charts.ts';
import { hello, shown } from '../page-state.ts';
import { openTab } from '../route.ts';
import { leavesOf } from '../state-value.ts';

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
  return (
    <div class="tools" role="toolbar" aria-label="Chart">
      <Regions />
      <Switch of={actions}>Actions</Switch>
      {!isCatalogue.value && (
        <>
          <Switch of={follows}>Follow</Switch>
          <button type="button" class="button" onClick={() => openTab('why')}>
            Why?
          </button>
        </>
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

/** All regions, or one alone; where only one fits, it says which. */
function Regions() {
  const isAll = region.value === null;
  const ids = chartOf(machine.value)?.regions.map(({ id }) => id) ?? [];
  const [only, ...others] = drawnRegions.value;
  return (
    <span class="segments">
      {[null, ...ids].map((id) => (
        <button
          key={id}
          type="button"
          aria-pressed={region.value === id}
          class={isAll && id !== null && id === only && others.length === 0 ? 'shown' : ''}
          onClick={() => {
            region.value = id;
          }}
        >
          {id === null ? 'All' : id.split('.').at(-1)}
        </button>
      ))}
    </span>
  );
}

function Switch({ of, children }: { of: Signal<boolean>; children: string }) {
  return (
    <button
      type="button"
      class="button"
      aria-pressed={of.value}
      onClick={() => {
        of.value = !of.value;
      }}
    >
      {children}
    </button>
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
