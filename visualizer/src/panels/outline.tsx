/**
 * The chart as a tree: all states, the active ones marked, under each active one its transitions as
 * buttons. First on phones, and what the diagram says to those who cannot see it.
 */

import type { ChartEdge, ChartState } from '../chart/geometry.ts';
import { actionWords, guardWords, isPlain, labelWords } from '../chart/labels.ts';
import { chartOf, charts } from '../charts.ts';
import { shown } from '../page-state.ts';
import { askWhy, tryEvent } from '../route.ts';
import { ActorRows } from './actors.tsx';
import { ChartFailure } from './diagram.tsx';
import './outline.css';

/** The tab "States". */
export function Outline() {
  const laidOut = chartOf('session');
  if (typeof charts.value === 'string') return <ChartFailure reason={charts.value} />;
  if (!laidOut) return <div class="empty">The chart is loading…</div>;
  const { states, edges } = laidOut.chart;
  const roots = states.filter(({ parent }) => parent === null);
  return (
    <div class="outline" data-testid="outline" id="outline">
      <p class="hint">Active states are marked. Press a state to ask why, an event to try it.</p>
      <ul>
        {roots.map((root) => (
          <Branch key={root.id} state={root} states={states} edges={edges} />
        ))}
      </ul>
      <ActorRows />
    </div>
  );
}

interface BranchProps {
  state: ChartState;
  states: readonly ChartState[];
  edges: readonly ChartEdge[];
}

function Branch({ state, states, edges }: BranchProps) {
  const isActive = shown.value.active.has(state.id);
  const children = states.filter(({ parent }) => parent === state.id);
  const own = edges.filter(({ source }) => source === state.id);
  return (
    <li>
      <button
        type="button"
        class={`outline-state${isActive ? ' on' : ''}`}
        aria-current={isActive ? 'true' : undefined}
        data-outline={state.id}
        onClick={() => askWhy(state.id)}
      >
        <i class="dot" />
        <b>{state.key}</b>
        {state.type === 'parallel' && (
          <span class="faint">{children.length === 2 ? 'both at once' : 'all at once'}</span>
        )}
        {state.tags.map((tag) => (
          <span key={tag} class={`tag tag-${tag}`}>
            {tag}
          </span>
        ))}
        {isActive && <span class="visually-hidden">active</span>}
      </button>
      {isActive && own.length > 0 && <Transitions edges={own} />}
      {children.length > 0 && (
        <ul>
          {children.map((child) => (
            <Branch key={child.id} state={child} states={states} edges={edges} />
          ))}
        </ul>
      )}
    </li>
  );
}

/** Those that lead elsewhere first; those that stay are many and folded. */
function Transitions({ edges }: { edges: readonly ChartEdge[] }) {
  const moving = edges.filter(({ targets }) => targets.length > 0);
  const staying = edges.filter(({ targets }) => targets.length === 0);
  return (
    <div class="transitions">
      {moving.map((edge) => (
        <Transition key={edge.id} edge={edge} />
      ))}
      {staying.length > 0 && (
        <details open={moving.length === 0 && staying.length < 9}>
          <summary>{staying.length} events that stay here</summary>
          {staying.map((edge) => (
            <Transition key={edge.id} edge={edge} />
          ))}
        </details>
      )}
    </div>
  );
}

function Transition({ edge }: { edge: ChartEdge }) {
  const fired = shown.value.record?.edges?.includes(edge.id) === true;
  const target = edge.targets.map((id) => id.split('.').at(-1)).join(', ');
  return (
    <button
      type="button"
      class={`transition${fired ? ' fire' : ''}`}
      title={actionWords(edge)}
      onClick={() => tryEvent(edge.kind === 'always' ? '' : edge.event)}
    >
      <span class={isPlain(edge) ? 'plain' : 'code'}>{labelWords(edge)}</span>
      {edge.guard !== null && <span class="code guard">{guardWords(edge)}</span>}
      <span class="target">{target === '' ? 'stays' : `→ ${target}`}</span>
    </button>
  );
}
