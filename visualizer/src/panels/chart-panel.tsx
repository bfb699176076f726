/** The chart of the watched session with its head: name, states, and the way to an answer. */
import { computed } from '@preact/signals';
import { visibleText } from '../../../src/visible-text.ts';
import { isCatalogue, machine, pickedState } from '../chart-highlight.ts';
import { charts } from '../charts.ts';
import { actor, selected, selectedRow, shown } from '../page-state.ts';
import { catalogued, openTab, tab, view } from '../route.ts';
import { mayControl } from '../session-client.ts';
import { titleOf } from '../session-labels.ts';
import { leavesOf, pathIn, phaseOf, wordOf } from '../state-value.ts';
import { isPhone } from '../ui/small-screen.ts';
import { ActorCard, ActorPills } from './actors.tsx';
import { ChartFailure, Diagram } from './diagram.tsx';
import { JustHappened } from './newest-event.tsx';
import './chart-panel.css';

/** Whether the conversation, and with it an open request, is in sight. */
const isTalkOpen = computed(() => (isPhone.value ? view.value : tab.value) === 'session');
/** Head and chart, or the card of a child actor. */
export function ChartPanel() {
  return (
    <section class="chart-panel" aria-label="Chart">
      {!isPhone.value && <ChartPanelHead />}
      {!isCatalogue.value && (
        <div class="chart-states">
          <JustHappened />
          {!isPhone.value && <Pills />}
          {!isPhone.value && <ActorPills />}
        </div>
      )}
      <Picture />
    </section>
  );
}

function Picture() {
  if (actor.value !== null && selected.value !== null) return <ActorCard id={actor.value} />;
  if (typeof charts.value === 'string') return <ChartFailure reason={charts.value} />;
  return <Diagram />;
}

/** Name of the watched session, and the way to what it asks. */
function ChartPanelHead() {
  const row = selectedRow.value;
  return (
    <header class="chart-head">
      {selected.value !== null && (
        <button
          type="button"
          class="button"
          title="Back to the conversation (1)"
          onClick={() => openTab('session')}
        >
          ‹ Conversation
        </button>
      )}
      <h1>
        {selected.value === null ? (
          `The ${machine.value} machine`
        ) : (
          <bdi>{visibleText(row ? titleOf(row) : selected.value)}</bdi>
        )}
      </h1>
      <ToAnswer />
      {selected.value === null && <MachineTabs />}
      {row?.live === false && <span class="pill quiet">not loaded</span>}
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

/** The states of the watched session in one or two words. */
export function Pills() {
  const { value } = shown.value;
  if (value === null) return null;
  const phase = phaseOf(leavesOf(value));
  const link = pathIn(value, 'link');
  return (
    <span class="pills" data-testid="pills">
      <span class={`pill pill-${phase}`} data-testid="pill">
        <i class={`dot fill-${phase}`} />
        {wordOf(value)}
      </span>
      <span class={`pill link-${link}`}>{link}</span>
    </span>
  );
}

/** The way to an open request, unless it is in sight; one that is only watched can be read there. */
function ToAnswer() {
  const { value, isLive } = shown.value;
  const isAsking = value !== null && phaseOf(leavesOf(value)) === 'attention';
  if (!isAsking || !isLive || isTalkOpen.value) return null;
  const isWatchedOnly = selectedRow.value?.link === 'passive' || !mayControl.value;
  return (
    <button type="button" class="button answer" onClick={() => openTab('session')}>
      {isWatchedOnly ? 'See request' : 'Answer…'}
    </button>
  );
}
