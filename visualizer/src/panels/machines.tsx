/** The charts by themselves: the picture, every state in words, and each chart to take along. */

import type { ChartEdge, ChartState } from '../chart/geometry.ts';
import { eventWords, guardWords } from '../chart/labels.ts';
import { pickedState } from '../chart-highlight.ts';
import { chartOf, charts } from '../charts.ts';
import { hello } from '../page-state.ts';
import { catalogued } from '../route.ts';
import { MachineTabs } from './chart-panel.tsx';
import { ChartFailure, Diagram } from './diagram.tsx';
import { ChartExports } from './exports.tsx';
import './machines.css';

/** The page "Charts". */
export function Machines() {
  const id = catalogued.value;
  const laidOut = chartOf(id);
  if (typeof charts.value === 'string') return <ChartFailure reason={charts.value} />;
  if (charts.value !== null && !laidOut) {
    return (
      <div class="empty" data-testid="no-machine">
        <h1>There is no chart {id}</h1>
        <MachineTabs />
      </div>
    );
  }
  return (
    <div class="machines" data-testid="machines">
      <section class="chart-panel" aria-label="Chart">
        <header class="chart-head">
          <h1>The {id} machine</h1>
          <MachineTabs />
        </header>
        <Diagram />
      </section>
      <section class="catalogue" aria-label="States">
        {laidOut && <Facts id={id} states={laidOut.chart.states} edges={laidOut.chart.edges} />}
      </section>
    </div>
  );
}

interface FactsProps {
  id: string;
  states: readonly ChartState[];
  edges: readonly ChartEdge[];
}

function Facts({ id, states, edges }: FactsProps) {
  const running = hello.value?.machines.find((machine) => machine.id === id);
  return (
    <>
      <p class="hint">
        {states.length} states, {edges.length} transitions
        {running && (
          <>
            , version {running.version}, <span class="code">{running.hash}</span>
          </>
        )}
      </p>
      <ChartExports machine={id} />
      <ul class="catalogue-states">
        {states.map((state) => (
          <li key={state.id}>
            <StateEntry
              state={state}
              depth={state.id.split('.').length - 1}
              edges={edges.filter(({ source }) => source === state.id)}
            />
          </li>
        ))}
      </ul>
    </>
  );
}

function StateEntry({
  state,
  depth,
  edges,
}: {
  state: ChartState;
  depth: number;
  edges: readonly ChartEdge[];
}) {
  const isPicked = pickedState.value === state.id;
  return (
    <div class={isPicked ? 'catalogue-state picked' : 'catalogue-state'}>
      <button
        type="button"
        class="outline-state"
        aria-expanded={isPicked}
        style={{ paddingInlineStart: `${10 + depth * 14}px` }}
        onClick={() => {
          pickedState.value = isPicked ? null : state.id;
        }}
      >
        <b>{state.key}</b>
        {state.tags.map((tag) => (
          <span key={tag} class={`tag tag-${tag}`}>
            {tag}
          </span>
        ))}
        <span class="faint target">{edges.length > 0 ? edges.length : ''}</span>
      </button>
      {state.description !== undefined && <p class="reason">{state.description}</p>}
      {isPicked && <Ways state={state} edges={edges} />}
    </div>
  );
}

function Ways({ state, edges }: { state: ChartState; edges: readonly ChartEdge[] }) {
  const own = [
    ...state.entry.map((action) => `entry / ${action}`),
    ...state.exit.map((action) => `exit / ${action}`),
  ];
  return (
    <ul class="ways code">
      {own.map((words) => (
        <li key={words}>{words}</li>
      ))}
      {edges.map((edge) => (
        <li key={edge.id}>
          <b>{eventWords(edge)}</b>{' '}
          {edge.guard !== null && <span class="guard">{guardWords(edge)}</span>}{' '}
          {edge.targets.length > 0
            ? `→ ${edge.targets.map((target) => target.split('.').at(-1)).join(', ')}`
            : 'stays'}
          {edge.actions.length > 0 && <span class="faint"> / {edge.actions.join(', ')}</span>}
        </li>
      ))}
      {own.length + edges.length === 0 && <li class="faint">No transition of its own.</li>}
    </ul>
  );
}
