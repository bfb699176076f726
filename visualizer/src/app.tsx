/** How the panels stand together: three columns on a desk, one view at a time on a phone. */
import { connection, notice, selected, watchFailure } from './model.ts';
import { About } from './panels/about.tsx';
import { Announcer } from './panels/announcer.tsx';
import { Session } from './panels/conversation.tsx';
import { Dialogs } from './panels/dialogs.tsx';
import { Grid } from './panels/grid.tsx';
import { Inbox } from './panels/inbox.tsx';
import { Inspector } from './panels/inspector.tsx';
import { Machines } from './panels/machines.tsx';
import { Outline } from './panels/outline.tsx';
import { Navigation } from './panels/places.tsx';
import { Sessions } from './panels/sessions.tsx';
import { ChartPanel, ChartPanelHead } from './panels/stage.tsx';
import { Timeline } from './panels/timeline.tsx';
import { TokenForm } from './panels/token-form.tsx';
import { Banners, TopBar } from './panels/top-bar.tsx';
import { isInspectorOpen, place, tab, VIEWS, view } from './route.ts';
import { isPhone } from './ui/screen.ts';

/** The whole page: bar, panels side by side or one at a time, dialogs. */
export function App() {
  const state = connection.value;
  if (state.kind === 'unauthorized') {
    return <TokenForm message={state.message || (notice.value ?? '')} />;
  }
  return (
    <div class={`page${state.kind === 'offline' ? ' stale' : ''}`}>
      <TopBar>{!isPhone.value && <Navigation />}</TopBar>
      <Banners />
      {isPhone.value && (place.value !== 'sessions' || view.value === 'sessions') && <Navigation />}
      {isPhone.value ? <Phone /> : <Desk />}
      <Dialogs />
      <Announcer />
    </div>
  );
}

/** Pages that are the same on every screen, but for their own style sheets. */
const PAGES = { inbox: Inbox, grid: Grid, machines: Machines, about: About } as const;

function Desk() {
  if (place.value !== 'sessions') {
    const Page = PAGES[place.value];
    return (
      <main class="single">
        <Page />
      </main>
    );
  }
  return (
    <main class={isInspectorOpen.value ? 'desk' : 'desk wide'}>
      <Sessions />
      <div class="middle">
        <ChartPanel />
        <Trouble />
        <Timeline />
      </div>
      {isInspectorOpen.value && <Inspector />}
    </main>
  );
}

const VIEW_WORDS = {
  sessions: 'Sessions',
  session: 'Session',
  states: 'States',
  chart: 'Chart',
  more: 'Events',
} as const;

/** Panels that have no view of their own on a phone. */
const MORE = ['why', 'events', 'sequence', 'context', 'try'] as const;

function Phone() {
  const current = place.value === 'sessions' ? view.value : null;
  const Page = place.value === 'sessions' ? null : PAGES[place.value];
  return (
    <>
      <main class={`phone phone-${current ?? place.value}`}>
        {Page && <Page />}
        {current !== null && current !== 'sessions' && current !== 'chart' && <ChartPanelHead />}
        {current !== null && <Trouble />}
        {current === 'sessions' && <h1 class="visually-hidden">Sessions</h1>}
        {current === 'sessions' && <Sessions />}
        {current === 'session' && <Session />}
        {current === 'states' && <Outline />}
        {current === 'chart' && <ChartPanel />}
        {current === 'more' && <Inspector tabs={MORE} />}
        {current !== null && current !== 'sessions' && current !== 'session' && <Timeline />}
      </main>
      <nav class="bottom" aria-label="Views">
        {VIEWS.map((name) => (
          <button
            key={name}
            type="button"
            aria-current={current === name ? 'page' : undefined}
            onClick={() => {
              place.value = 'sessions';
              view.value = name;
              if (name === 'more' && !MORE.some((one) => one === tab.value)) tab.value = 'events';
            }}
          >
            {VIEW_WORDS[name]}
          </button>
        ))}
      </nav>
    </>
  );
}

function Trouble() {
  if (watchFailure.value === null || selected.value === null) return null;
  return (
    <p class="banner warn" role="alert" data-testid="watch-failure">
      {watchFailure.value}
    </p>
  );
}
