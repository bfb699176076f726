/** How the panels are arranged: list, session and side column on a desk, one view at a time on a phone. */
import { useCostsToday } from './cost-today.ts';
import { actor, connection, notice, selected, watchFailure } from './page-state.ts';
import { About } from './panels/about.tsx';
import { Announcer } from './panels/announcer.tsx';
import { Board } from './panels/board.tsx';
import { ChartPanel, Pills } from './panels/chart-panel.tsx';
import { Session } from './panels/conversation.tsx';
import { Grid } from './panels/grid.tsx';
import { Inbox } from './panels/inbox.tsx';
import { Inspector } from './panels/inspector.tsx';
import { Timeline } from './panels/journal-minimap.tsx';
import { Machines } from './panels/machines.tsx';
import { Dialogs } from './panels/menu.tsx';
import { Navigation } from './panels/navigation.tsx';
import { Now } from './panels/now-panel.tsx';
import { Outline } from './panels/outline.tsx';
import { Search } from './panels/search.tsx';
import { PhoneHead, SessionHead } from './panels/session-head.tsx';
import { Sessions } from './panels/sessions.tsx';
import { Journal } from './panels/timeline.tsx';
import { TokenForm } from './panels/token-form.tsx';
import { Banners, TopBar } from './panels/top-bar.tsx';
import { WaitingOverview } from './panels/waiting-overview.tsx';
import { isInspectorOpen, place, tab, view } from './route.ts';
import { isPhone } from './ui/small-screen.ts';

/** The whole page: bar, panels side by side or one at a time, dialogs. */
export function App() {
  const state = connection.value;
  useCostsToday();
  if (state.kind === 'unauthorized') {
    return <TokenForm message={state.message || (notice.value ?? '')} />;
  }
  return (
    <div class={`page${state.kind === 'offline' ? ' stale' : ''}`}>
      {isPhone.value ? <Phone /> : <WideLayout />}
      <Dialogs />
      <Announcer />
    </div>
  );
}

/** Pages that are the same on every screen, but for their own style sheets. */
const PAGES = {
  inbox: Inbox,
  board: Board,
  search: Search,
  grid: Grid,
  machines: Machines,
  about: About,
} as const;

function WideLayout() {
  const Page = place.value === 'sessions' ? null : PAGES[place.value];
  return (
    <>
      <TopBar>
        <Navigation />
      </TopBar>
      <Banners />
      {Page ? (
        <main class="single">
          <Page />
        </main>
      ) : (
        <DeskSessions />
      )}
    </>
  );
}

/** The conversation, or the chart with its timeline, between the list and the side column. */
function DeskSessions() {
  const isTalking = tab.value === 'session' && actor.value === null;
  const isTimed = tab.value === 'timeline' && actor.value === null;
  const hasSide = selected.value !== null && (isInspectorOpen.value || !isTalking);
  return (
    <main class={`desk${isTalking ? ' talking' : ''}${hasSide ? '' : ' wide'}`}>
      <Sessions />
      <div class="middle">
        {selected.value === null ? (
          <WaitingOverview />
        ) : isTalking ? (
          <Talk />
        ) : isTimed ? (
          <Timed />
        ) : (
          <Charted />
        )}
      </div>
      {hasSide && <Inspector />}
    </main>
  );
}

function Talk() {
  return (
    <>
      <SessionHead />
      <ErrorBanner />
      <Session />
    </>
  );
}

function Timed() {
  return (
    <>
      <SessionHead />
      <ErrorBanner />
      <Journal />
    </>
  );
}

function Charted() {
  return (
    <>
      <ChartPanel />
      <ErrorBanner />
      <Timeline />
    </>
  );
}

/** Panels that have no view of their own on a phone. */
const MORE = ['timeline', 'why', 'events', 'sequence', 'context', 'try'] as const;

function Phone() {
  const isInSession = place.value === 'sessions' && view.value !== 'sessions';
  if (isInSession) return <PhoneSession />;
  const Page = place.value === 'sessions' ? null : PAGES[place.value];
  return (
    <>
      <TopBar />
      <Banners />
      <main class={`phone phone-${place.value}`}>
        {Page ? (
          <Page />
        ) : (
          <>
            <h1 class="visually-hidden">Sessions</h1>
            <Sessions />
          </>
        )}
      </main>
      <Navigation isBottom />
    </>
  );
}

/** A session has the whole screen; its head leads back. */
function PhoneSession() {
  const current = view.value;
  const isTimed = current === 'more' && tab.value === 'timeline';
  return (
    <>
      <PhoneHead />
      <Banners />
      <main class={`phone phone-${current}`}>
        <ErrorBanner />
        {(current === 'states' || current === 'chart') && <Pills />}
        {current === 'session' && <Session />}
        {current === 'now' && <h2 class="visually-hidden">Now</h2>}
        {current === 'now' && <Now />}
        {current === 'states' && <Outline />}
        {current === 'chart' && <ChartPanel />}
        {current === 'more' && <Inspector tabs={MORE} />}
        {current !== 'session' && current !== 'now' && !isTimed && <Timeline />}
      </main>
    </>
  );
}

function ErrorBanner() {
  if (watchFailure.value === null || selected.value === null) return null;
  return (
    <p class="banner warn" role="alert" data-testid="watch-failure">
      {watchFailure.value}
    </p>
  );
}
