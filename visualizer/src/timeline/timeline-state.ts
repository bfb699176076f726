/** The timeline of the watched session: loaded whole at once, the window that is looked at, playback, two moments. */
import { computed, effect, signal } from '@preact/signals';
import type { JournalTimeline, TimelineSpan } from '../../../src/protocol/inspect.ts';
import type { ApprovalHistoryItem } from '../../../src/protocol/reply-nouns.ts';
import { isImported } from '../imported-file.ts';
import { history, isOnline, notice, position, selected } from '../page-state.ts';
import { tab } from '../route.ts';
import { followDecided } from '../session-client.ts';
import { goLive, goTo } from '../time-travel.ts';
import { ask } from '../transport.ts';
import { now } from '../ui/clock.tsx';
import { indexAt, type TimeWindow, within, zoomed } from './marks.ts';

/** While events come, it is asked for again at most so often, ms. */
const EVERY_MS = 2_000;
/** What the window shows at first, ms. */
const FIRST_WINDOW_MS = 30 * 60_000;
/** Longer pauses are skipped while it plays, ms. */
const PAUSE_MS = 5_000;
const PLAY_EVERY_MS = 100;
/** How fast it can be played. */
export const SPEEDS = [1, 8, 60] as const;

/** The journal of the watched session in real time; null until it is here. */
export const timeline = signal<JournalTimeline | null>(null);
/** Why it is not. */
export const timelineFailure = signal<string | null>(null);
/** Part of the journal that is looked at; null: its newest half hour, as it grows. */
const chosen = signal<TimeWindow | null>(null);
/** The events that are compared: numbers. */
export const compared = signal<{ a: number | null; b: number | null }>({ a: null, b: null });
/** Speed of playback; null while it stands. */
export const playing = signal<number | null>(null);
/** The last pause that playback left out, ms; 0: none. */
export const skipped = signal(0);
const decided = signal<ReadonlyMap<string, ApprovalHistoryItem>>(new Map());

/** From the oldest event to now, or to the newest of a session that has ended. */
export const whole = computed<TimeWindow>(() => {
  const times = timeline.value?.times ?? [];
  const from = times[0] ?? now.value;
  const isOver = timeline.value?.spans.some(
    ({ row, to, text }) => row === 'state' && to === null && text.includes('phase.ended'),
  );
  const end = isOver ? (times.at(-1) ?? now.value) : now.value;
  return { from, to: Math.max(from + 1_000, end) };
});

/** What is looked at. */
export const timeWindow = computed<TimeWindow>(() => {
  const all = whole.value;
  return within(chosen.value ?? { from: all.to - FIRST_WINDOW_MS, to: all.to }, all);
});

/** Time of the moment that the page shows; null: live. */
export const moment = computed<number | null>(() => {
  const [seq, known] = [position.value, timeline.value];
  return seq === null || !known ? null : (known.times[seq - known.first] ?? null);
});

/** Loads the timeline while it is visible, and again as it grows. */
export function startTimeline(): void {
  let loadedAt = 0;
  let timer = 0;
  let of: string | null = null;
  effect(() => {
    const session = selected.value;
    if (session !== of) {
      of = session;
      timeline.value = null;
      timelineFailure.value = null;
      chosen.value = null;
      compared.value = { a: null, b: null };
      stopPlaying();
      loadedAt = 0;
    }
    const isThere = isOnline.value || isImported(session);
    const isShown = session !== null && tab.value === 'timeline' && isThere;
    const isNew = (timeline.peek()?.last ?? -1) < Math.max(history.value.last, newestHeld());
    clearTimeout(timer);
    if (!isShown || !(isNew || timeline.peek() === null)) return;
    timer = window.setTimeout(
      () => {
        loadedAt = Date.now();
        void loadTimeline();
      },
      Math.max(0, loadedAt + EVERY_MS - Date.now()),
    );
  });
  effect(() => {
    const session = tab.value === 'timeline' ? selected.value : null;
    decided.value = new Map();
    if (session === null || !isOnline.value) return;
    return followDecided(session, (found) => {
      // Without them only the type of a request is known.
      if (typeof found !== 'string')
        decided.value = new Map(found.map((item) => [item.request_id, item]));
    });
  });
}

function newestHeld(): number {
  return history.value.records.at(-1)?.seq ?? 0;
}

/** Reads the timeline of the watched session. */
async function loadTimeline(): Promise<void> {
  const session = selected.peek();
  if (session === null) return;
  try {
    const found = await ask('timeline', { session });
    if (selected.peek() !== session) return;
    timeline.value = found;
    timelineFailure.value = null;
  } catch (cause) {
    if (selected.peek() === session) timelineFailure.value = (cause as Error).message;
  }
}

/** Words and decision of a request, where its history is known. */
export function requestOf({ id }: TimelineSpan): ApprovalHistoryItem | undefined {
  return decided.value.get(id);
}

/** Shows another part; null: the newest, as it grows. */
export function lookAt(window: TimeWindow | null): void {
  chosen.value = window === null ? null : within(window, whole.peek());
}

/** Zooms around a moment: the pointer's, the one that is shown, or the middle. */
export function zoomTime(factor: number, around?: number): void {
  const view = timeWindow.peek();
  const held = moment.peek();
  const isHeldSeen = held !== null && held >= view.from && held <= view.to;
  const middle = isHeldSeen ? held : (view.from + view.to) / 2;
  chosen.value = zoomed(view, factor, around ?? middle, whole.peek());
}

/** Moves the window by a part of its width. */
export function panTime(share: number): void {
  const { from, to } = timeWindow.peek();
  const by = (to - from) * share;
  lookAt({ from: from + by, to: to + by });
}

/** Shows a moment, and has the window follow it. */
export function showMoment(at: number): void {
  const known = timeline.peek();
  if (!known || known.times.length === 0) return;
  showEvent(known.first + Math.max(0, indexAt(known.times, at)));
}

/** Shows the moment after an event, and has the window follow it. */
export function showEvent(seq: number): void {
  void goTo(seq);
  const at = timeline.peek()?.times[seq - (timeline.peek()?.first ?? 0)];
  if (at === undefined) return;
  const { from, to } = timeWindow.peek();
  if (at >= from && at <= to) return;
  lookAt({ from: at - (to - from) / 2, to: at + (to - from) / 2 });
}

/** The request before or after the moment that is shown. */
export async function stepRequest(by: 1 | -1): Promise<void> {
  if (timeline.peek() === null) await loadTimeline();
  const known = timeline.peek();
  if (!known) return;
  const requests = known.spans.filter(({ row }) => row === 'request');
  const here = position.peek() ?? Number.POSITIVE_INFINITY;
  const next =
    by < 0 ? requests.findLast(({ seq }) => seq < here) : requests.find(({ seq }) => seq > here);
  if (next) showEvent(next.seq);
  else notice.value = by < 0 ? 'There is no request before this moment.' : 'There is no later one.';
}

/** Sets A, then B, to the event that is shown; a third time begins anew. */
export function setCompared(): void {
  const known = timeline.peek();
  const seq = position.peek() ?? known?.last ?? null;
  if (seq === null) return;
  const { a, b } = compared.peek();
  compared.value = a === null || b !== null ? { a: seq, b: null } : { a, b: seq };
}

let clock = 0;
let ticker = 0;

/** Plays from the moment that is shown, or from the left edge of the window. */
export function play(speed: number): void {
  const known = timeline.peek();
  if (!known || known.times.length === 0) return;
  clock = moment.peek() ?? timeWindow.peek().from;
  skipped.value = 0;
  playing.value = speed;
  clearInterval(ticker);
  ticker = window.setInterval(() => tick(speed), PLAY_EVERY_MS);
}

/** Stands still. */
export function stopPlaying(): void {
  clearInterval(ticker);
  playing.value = null;
}

function tick(speed: number): void {
  const known = timeline.peek();
  const next = known?.times[indexAt(known.times, clock) + 1];
  if (!known || next === undefined) {
    stopPlaying();
    goLive();
    return;
  }
  clock += speed * PLAY_EVERY_MS;
  if (next - clock > PAUSE_MS) {
    skipped.value = next - clock;
    clock = next;
  }
  const seq = known.first + indexAt(known.times, clock);
  if (seq !== position.peek() && seq >= known.first) showEvent(seq);
}
