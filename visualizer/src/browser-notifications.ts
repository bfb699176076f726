/**
 * How a person who looks elsewhere learns that something waits: the tab's title, a dot in its icon, and where it was
 * switched on the browser's notifications and a sound. Texts are those of the rows, which hold no secrets.
 */
import { effect, signal } from '@preact/signals';
import type { InspectRow } from '../../src/protocol/inspect.ts';
import { visibleText } from '../../src/visible-text.ts';
import { inboxRows } from './inbox-queue.ts';
import { storedSignal } from './local-storage.ts';
import { isOnline, selected } from './page-state.ts';
import { openSession, openTab, place } from './route.ts';
import { headlineOf, titleOf } from './session-labels.ts';

/** What a person has switched on. */
interface Notices {
  /** Notifications of the browser. */
  alerts: boolean;
  sound: boolean;
  /** Notifications name the session and nothing of its request. */
  isDiscreet: boolean;
  /** The question whether to switch them on was asked once. */
  isAsked: boolean;
}

const OFF: Notices = { alerts: false, sound: false, isDiscreet: false, isAsked: false };

/** The switches, kept in this browser; all off until a person says otherwise. */
export const notices = storedSignal<Notices>('notices', OFF, (stored) =>
  typeof stored === 'object' && stored !== null ? { ...OFF, ...stored } : undefined,
);
/** True once a request was answered here: the time to ask whether to notify about the next. */
export const asking = signal(false);

/** More requests than this at once become one notification. */
const MANY = 3;
/** Requests that come within this time are notified together, ms. */
const GATHER_MS = 1_000;

/** Whether this browser can show notifications and was not forbidden to. */
export function mayNotify(): boolean {
  return 'Notification' in window && Notification.permission !== 'denied';
}

/** Switches notifications on; the browser asks the person itself. */
export async function startAlerts(): Promise<void> {
  const alerts = mayNotify() && (await Notification.requestPermission()) === 'granted';
  notices.value = { ...notices.peek(), alerts, isAsked: true };
}

/** Starts title, icon and notifications; called once. */
export function startNotices(): void {
  const icon = document.querySelector<HTMLLinkElement>('link[rel=icon]');
  const calm = icon?.href;
  const waits = new URL('../icon-waits.svg', import.meta.url).href;
  effect(() => {
    const { attention } = inboxRows.value;
    document.title = tabTitle(attention);
    if (icon && calm) icon.href = attention.length > 0 ? waits : calm;
  });
  followRequests();
}

/** `(5) Run a command: Move totals to cents`, so that another tab need not be opened to know. */
function tabTitle(rows: readonly InspectRow[]): string {
  const [first] = rows;
  if (!first) return 'OrbitDock';
  return `(${rows.length}) ${headlineOf(first).verb} ${visibleText(titleOf(first))}`;
}

/** Notifies about each request once; what waited when the page was opened is not new. */
function followRequests(): void {
  let known: Set<string> | null = null;
  let gathered: InspectRow[] = [];
  let timer = 0;
  const open = new Map<string, Notification>();
  effect(() => {
    if (!isOnline.value) return;
    const rows = inboxRows.value.attention;
    const before = known;
    known = new Set(rows.map(requestOf));
    for (const [request, shown] of open) {
      if (known.has(request)) continue;
      // Answered, here or elsewhere: it asks for nothing any more.
      shown.close();
      open.delete(request);
    }
    const { alerts, sound } = notices.peek();
    if (before === null || !(alerts || sound)) return;
    const fresh = rows.filter((row) => !before.has(requestOf(row)) && !isInFront(row));
    if (fresh.length === 0) return;
    gathered.push(...fresh);
    clearTimeout(timer);
    timer = window.setTimeout(() => {
      const batch = gathered;
      gathered = [];
      for (const [request, shown] of alert(batch)) open.set(request, shown);
    }, GATHER_MS);
  });
}

const requestOf = (row: InspectRow): string => row.waiting?.request ?? row.id;

/** Whether the person looks at the session right now. */
function isInFront({ id }: InspectRow): boolean {
  const isShown =
    place.peek() === 'inbox' || (place.peek() === 'sessions' && selected.peek() === id);
  return document.hasFocus() && document.visibilityState === 'visible' && isShown;
}

function alert(rows: readonly InspectRow[]): [string, Notification][] {
  const { alerts, sound, isDiscreet } = notices.peek();
  if (sound) beep();
  if (!alerts || !('Notification' in window) || Notification.permission !== 'granted') return [];
  const [first] = rows;
  if (rows.length > MANY && first) {
    const shown = new Notification(`${rows.length} sessions wait for you`, { tag: 'orbitdock' });
    shown.onclick = () =>
      show(() => {
        place.value = 'inbox';
      });
    return [[requestOf(first), shown]];
  }
  return rows.map((row) => {
    const { verb, thing } = headlineOf(row);
    const body = isDiscreet ? 'Waits for you' : visibleText(`${verb} ${thing}`);
    const shown = new Notification(visibleText(titleOf(row)), { body, tag: requestOf(row) });
    shown.onclick = () =>
      show(() => {
        openSession(row.id);
        openTab('session');
      });
    return [requestOf(row), shown];
  });
}

function show(open: () => void): void {
  window.focus();
  open();
}

/** Two short tones; nothing is loaded for them. */
function beep(): void {
  const audio = new AudioContext();
  const gain = audio.createGain();
  gain.gain.value = 0.06;
  gain.connect(audio.destination);
  [660, 880].forEach((frequency, index) => {
    const tone = audio.createOscillator();
    tone.frequency.value = frequency;
    tone.connect(gain);
    tone.start(audio.currentTime + index * 0.16);
    tone.stop(audio.currentTime + index * 0.16 + 0.12);
    if (index > 0) tone.onended = () => void audio.close();
  });
}
