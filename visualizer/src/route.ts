/**
 * The address of what is shown: `/visualizer/s/<session>?seq=12&tab=context`, with `/<child actor>` behind
 * the session, `/visualizer/board`. `?message=` leads to a message, `?event=` to an event, `?at=` to a moment. Reload-safe, shareable, never with a token. Only another page is a step of the browser's history: scrubbing and
 * choosing sessions replace the address.
 */
import { batch, effect, signal } from '@preact/signals';
import { actor, history, position, selected } from './page-state.ts';
import { PAGE_PATH } from './server-url.ts';
import { goTo, goToTime } from './time-travel.ts';
import { select } from './transport.ts';

/** What the inspector shows. */
export const TABS = [
  'session',
  'states',
  'timeline',
  'why',
  'events',
  'sequence',
  'context',
  'try',
] as const;
/** A tab of the inspector. */
export type Tab = (typeof TABS)[number];

/** The parts of the page a phone shows one at a time. */
export const VIEWS = ['sessions', 'session', 'now', 'states', 'chart', 'more'] as const;
/** What a phone shows one at a time. */
export type View = (typeof VIEWS)[number];

/**
 * The pages: what waits for a person, sessions and one of them, all of them in columns, search; then those about the
 * server: counts of states, charts without a session, about.
 */
export const PLACES = [
  'inbox',
  'sessions',
  'board',
  'search',
  'grid',
  'machines',
  'about',
] as const;
/** A page of the page. */
export type Place = (typeof PLACES)[number];

/** The page that is shown. */
export const place = signal<Place>('sessions');
/** The chart that is shown while no session is chosen. */
export const catalogued = signal('session');
/** The tab that is shown. */
export const tab = signal<Tab>('session');
/** The part that a phone shows. */
export const view = signal<View>('sessions');
/** The state the Why panel is about; null: the active one of the first region. */
export const askedState = signal<string | null>(null);
/** The event the Try panel is about. */
export const triedEvent = signal<string>('');

/** Whether the side column is open, on a desk; a narrow one has room for it only when it is asked for. */
export const isInspectorOpen = signal(window.innerWidth > 1280);
/** The message that the conversation shall show, from the address; null: the newest. */
export const wantedMessage = signal<string | null>(null);
/** What is searched for. */
export const searched = signal('');
/** Whether the dialog that begins a session is open. */
export const isNewSessionOpen = signal(false);
/** Whether the dialog is open in which sessions, pages and commands are found by their words. */
export const isPaletteOpen = signal(false);
/** Whether the menu is over everything. */
export const isMenuOpen = signal(false);

/** True while the address named no page: then what waits decides which one is shown (inbox-queue.ts). */
export const isUndecided = signal(false);

let wantedSeq: number | null = null;
let wantedTime: number | null = null;

/** Reads the address, then keeps it up to date. */
export function startRouting(): void {
  readAddress();
  // At once: half of an address would be taken for a step of its own.
  window.addEventListener('popstate', () => batch(readAddress));
  let before = isUndecided.peek() ? null : place.peek();
  effect(() => {
    if (isUndecided.value) return;
    const address = addressOf(place.value);
    const isMove = place.value !== before && before !== null;
    before = place.value;
    const { pathname, search } = window.location;
    if (address === pathname + search) return;
    if (isMove) window.history.pushState(null, '', address);
    else window.history.replaceState(null, '', address);
  });
  // A moment in the address can be shown as soon as the session's journal is known.
  effect(() => {
    if (history.value.last === 0) return;
    const [seq, time] = [wantedSeq, wantedTime];
    wantedSeq = null;
    wantedTime = null;
    if (seq !== null) void goTo(seq);
    else if (time !== null) void goToTime(time);
  });
}

/** The address of a page, as it is shown or would be. */
export function addressOf(where: Place): string {
  if (where === 'machines') return `${PAGE_PATH}machines/${catalogued.value}`;
  if (where === 'search' && searched.value.trim() !== '') {
    return `${PAGE_PATH}search?${new URLSearchParams({ q: searched.value.trim() })}`;
  }
  if (where !== 'sessions') return PAGE_PATH + where;
  const names = [selected.value, actor.value].filter((name) => name !== null);
  const shown = names.length > 0 ? `s/${names.map(encodeURIComponent).join('/')}` : 'sessions';
  const path = PAGE_PATH + shown;
  const query = new URLSearchParams();
  const seq = position.value ?? wantedSeq;
  if (seq !== null) query.set('seq', String(seq));
  if (tab.value !== 'session') query.set('tab', tab.value);
  if (wantedMessage.value !== null) query.set('message', wantedMessage.value);
  return query.size > 0 ? `${path}?${query}` : path;
}

/** The address of a session's conversation, or of one message in it. */
export function addressOfSession(session: string, message?: string): string {
  const path = `${PAGE_PATH}s/${encodeURIComponent(session)}`;
  return message === undefined ? path : `${path}?${new URLSearchParams({ message })}`;
}

/** Opens a session; on a phone it comes to the front. */
export function openSession(session: string): void {
  wantedSeq = null;
  wantedTime = null;
  wantedMessage.value = null;
  place.value = 'sessions';
  select(session);
  if (view.peek() === 'sessions') view.value = 'session';
}

/** Opens a session's conversation at a message; null: at its end. */
export function openMessage(session: string, message: string | null): void {
  openTab('session');
  openSession(session);
  view.value = 'session';
  wantedMessage.value = message;
}

/** Shows the search, and puts the cursor into its field. */
export function openSearch(): void {
  place.value = 'search';
  requestAnimationFrame(() => document.getElementById('search')?.focus());
}

/** Shows a child actor of the watched session in the place of the chart, or the chart again. */
export function openActor(id: string | null): void {
  actor.value = id;
  view.value = 'chart';
  // The card is in the place of the chart, which then comes back.
  if (tab.peek() === 'session') tab.value = 'states';
}

/** Shows a panel, on every screen. */
export function openTab(wanted: Tab): void {
  isInspectorOpen.value = true;
  tab.value = wanted;
  if (wanted === 'session' || wanted === 'states') view.value = wanted;
  else view.value = 'more';
}

/** Asks why a session is, or is not, in a state. */
export function askWhy(state: string): void {
  askedState.value = state;
  openTab('why');
}

/** Puts an event into the Try panel. */
export function tryEvent(event: string): void {
  triedEvent.value = event;
  openTab('try');
}

function readAddress(): void {
  const { pathname, searchParams } = new URL(window.location.href);
  const [, word = '', rest, child] =
    /^(?:(\w+)(?:\/([^/]+)(?:\/([^/]+))?)?)?/.exec(pathIn(pathname)) ?? [];
  place.value = PLACES.find((one) => one === word) ?? 'sessions';
  isUndecided.value = word === '';
  if (word === 'search') searched.value = searchParams.get('q') ?? '';
  if (word === 'machines' && rest) catalogued.value = decoded(rest);
  const wantedTab =
    searchParams.get('tab') ?? (searchParams.get('view') === 'chart' ? 'states' : null);
  const seq = Number(searchParams.get('seq') ?? searchParams.get('event'));
  const time = timeFrom(searchParams.get('at'));
  if (TABS.includes(wantedTab as Tab)) openTab(wantedTab as Tab);
  wantedSeq = Number.isInteger(seq) && seq > 0 ? seq : null;
  wantedTime = time;
  wantedMessage.value = word === 's' ? searchParams.get('message') : null;
  if (word === 's' && rest) {
    select(decoded(rest));
    actor.value = child === undefined ? null : decoded(child);
    if (child !== undefined) {
      view.value = 'chart';
      if (tab.peek() === 'session') tab.value = 'states';
    } else if (view.peek() === 'sessions') view.value = 'session';
  } else if (place.peek() === 'sessions') select(null);
}

/** The part of a path behind the page's own; nothing for the server's root, which shows the page as well. */
function pathIn(pathname: string): string {
  return pathname.startsWith(PAGE_PATH) ? pathname.slice(PAGE_PATH.length) : '';
}

/** A moment of an address: ISO 8601, or ms since 1970. */
function timeFrom(text: string | null): number | null {
  const time = text === null ? Number.NaN : /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  return Number.isNaN(time) ? null : time;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
