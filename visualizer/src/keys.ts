/**
 * Every key of the page in one table: the dialog shows it, `startKeys` obeys it. Single letters are off inside fields
 * and can be switched off; two letters (`g i`) are pressed one after the other.
 */

import { actions, chartView, nextRegion } from './chart-highlight.ts';
import { stepInbox, undoSnooze } from './inbox-queue.ts';
import { storedSignal } from './local-storage.ts';
import {
  isInspectorOpen,
  isMenuOpen,
  isNewSessionOpen,
  isPaletteOpen,
  openSearch,
  openTab,
  type Place,
  place,
  TABS,
  tab,
} from './route.ts';
import { mayControl } from './session-client.ts';
import { selectNeighbour, togglePin } from './session-list.ts';
import { nextTheme } from './theme.ts';
import { goFirst, goLive, step, toggleLive } from './time-travel.ts';
import {
  play,
  playing,
  setCompared,
  stepRequest,
  stopPlaying,
  zoomTime,
} from './timeline/timeline-state.ts';

interface KeyEntry {
  keys: readonly string[];
  words: string;
  act: (key: string) => void;
  /** Only while the diagram has the focus. */
  inChart?: boolean;
  /** With Ctrl or Command, also inside fields. */
  isChord?: boolean;
}

/** Whether single letters do something; some people dictate to their browser, and each word would press keys. */
export const areLettersOn = storedSignal('letters', true, (stored) =>
  typeof stored === 'boolean' ? stored : undefined,
);

/** The second of two letters counts within this time, ms. */
const SECOND_WITHIN_MS = 1500;

const PANS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** All keys, in the order in which help lists them. */
export const KEYS: readonly KeyEntry[] = [
  {
    keys: ['Ctrl k'],
    words: 'go to a session or page, or do something',
    act: openPalette,
    isChord: true,
  },
  { keys: ['g i'], words: 'inbox', act: () => go('inbox') },
  { keys: ['g s'], words: 'sessions', act: () => go('sessions') },
  { keys: ['g b'], words: 'board', act: () => go('board') },
  { keys: ['/'], words: 'search in all conversations', act: openSearch },
  {
    keys: ['c'],
    words: 'new session',
    act: () => {
      isNewSessionOpen.value = mayControl.peek();
    },
  },
  { keys: ['l'], words: 'filter the list', act: () => document.getElementById('filter')?.focus() },
  { keys: ['j'], words: 'next session, or request of the inbox', act: () => neighbour(1) },
  { keys: ['k'], words: 'previous session, or request', act: () => neighbour(-1) },
  { keys: ['p'], words: 'pin this session', act: togglePin },
  {
    keys: ['['],
    words: 'request before (until now: event before)',
    act: () => void stepRequest(-1),
  },
  { keys: [']'], words: 'next request (until now: next event)', act: () => void stepRequest(1) },
  { keys: [','], words: 'event before', act: () => step(-1) },
  { keys: ['.'], words: 'next event', act: () => step(1) },
  { keys: ['m'], words: 'moment A, then B: what differs', act: setCompared },
  { keys: ['{'], words: 'ten events before', act: () => step(-10) },
  { keys: ['}'], words: 'ten events on', act: () => step(10) },
  { keys: ['Home'], words: 'first event', act: goFirst },
  { keys: ['End'], words: 'newest event, live', act: goLive },
  { keys: [' '], words: 'play the timeline; hold, or go live', act: playOrHold },
  { keys: ['f'], words: 'fit the chart', act: () => chartView()?.fit() },
  { keys: ['+', '='], words: 'zoom in', act: () => zoom(1) },
  { keys: ['-', '−'], words: 'zoom out', act: () => zoom(-1) },
  {
    keys: Object.keys(PANS),
    words: 'pan the chart, when it has the focus',
    act: (key) => chartView()?.pan(...(PANS[key] ?? [0, 0])),
    inChart: true,
  },
  { keys: ['a'], words: 'approve the request that is shown', act: () => press('.approve') },
  { keys: ['d'], words: 'deny it, with words', act: () => press('.deny') },
  { keys: ['h'], words: 'snooze the request of the inbox', act: () => pressNow('.snooze') },
  { keys: ['z'], words: 'take the last snooze back', act: undoSnooze },
  { keys: ['Enter'], words: 'open the session of the inbox', act: () => pressNow('.open-session') },
  {
    keys: ['x'],
    words: 'actions in the chart',
    act: () => {
      actions.value = !actions.value;
    },
  },
  { keys: ['r'], words: 'write a message, or the next region of the chart', act: writeOrTurn },
  {
    keys: ['1', '2', '3', '4', '5', '6', '7', '8', '9'],
    words:
      'choice of the question that has the focus; else conversation, and the tabs of the chart',
    act: (key) => {
      if (!choose(Number(key))) openTab(TABS[Number(key) - 1] ?? tab.peek());
    },
  },
  {
    keys: ['s', '\\'],
    words: 'side column, or not',
    act: () => {
      isInspectorOpen.value = !isInspectorOpen.value;
    },
  },
  { keys: ['i'], words: 'interrupt the session; asks once', act: () => pressNow('.interrupt') },
  { keys: ['w'], words: 'why is it in this state?', act: () => openTab('why') },
  { keys: ['e'], words: 'try an event', act: () => openTab('try') },
  { keys: ['t'], words: 'light, dark, system', act: nextTheme },
  {
    keys: ['?'],
    words: 'menu and keys',
    act: () => {
      isMenuOpen.value = true;
    },
  },
];

function go(where: Place): void {
  place.value = where;
}

function openPalette(): void {
  isPaletteOpen.value = true;
}

function writeOrTurn(): void {
  const field = document.querySelector<HTMLElement>('.composer textarea');
  if (field) field.focus();
  else nextRegion();
}

/** Takes a choice of the question that has the focus. @returns whether there is one */
function choose(number: number): boolean {
  const focused = document.activeElement;
  const question =
    focused?.closest('.questionnaire fieldset') ??
    focused?.closest('.approval')?.querySelector('.questionnaire fieldset');
  const choice = question?.querySelectorAll<HTMLInputElement>('.choice input')[number - 1];
  choice?.click();
  return choice !== undefined;
}

function zoom(by: 1 | -1): void {
  if (tab.peek() === 'timeline') zoomTime(by > 0 ? 0.5 : 2);
  else chartView()?.zoom(by);
}

function playOrHold(): void {
  if (tab.peek() !== 'timeline') toggleLive();
  else if (playing.peek() === null) play(8);
  else stopPlaying();
}

function neighbour(by: number): void {
  if (place.peek() === 'inbox') stepInbox(by);
  else selectNeighbour(by);
}

/** Presses a decision about the request in view; what cannot be pressed by hand cannot be by key. */
function press(decision: string): void {
  const button = document.querySelector<HTMLButtonElement>(`.approval ${decision}`);
  if (button && isInView(button)) button.click();
}

/** Presses what is there, wherever it has been scrolled to. */
function pressNow(selector: string): void {
  document.querySelector<HTMLButtonElement>(selector)?.click();
}

/** Whether an element can be seen and pressed where it stands. */
function isInView(element: HTMLElement): boolean {
  const { left, top, width, height } = element.getBoundingClientRect();
  const there = document.elementFromPoint(left + width / 2, top + height / 2);
  return there !== null && element.contains(there);
}

/** Fields in which letters are letters. */
const WRITTEN_IN = 'input:not([type=range], [type=radio], [type=checkbox]), textarea';

/** Listens until the page is closed. */
export function startKeys(): void {
  let first: { key: string; at: number } | null = null;
  window.addEventListener('keydown', (event) => {
    const { target, key } = event;
    if (event.altKey || !(target instanceof Element)) return;
    if (event.ctrlKey || event.metaKey) {
      const chord = KEYS.find(({ keys, isChord }) => isChord && keys.includes(`Ctrl ${key}`));
      if (!chord || target.closest('dialog')) return;
      event.preventDefault();
      chord.act(key);
      return;
    }
    if (target.closest(`${WRITTEN_IN}, select, dialog`)) return;
    // Space and Enter press what has the focus, arrows and Home move sliders and lists.
    if (key === ' ' && target.closest('button, input, summary, [role=listbox]')) return;
    if (key === 'Enter' && target.closest('a, button, input, summary, [role=listbox]')) return;
    if (/^(Home|End|Arrow)/.test(key) && target.closest('input, [role=listbox], [role=tab]'))
      return;
    if (/^[a-z]$/.test(key) && !areLettersOn.peek()) return;
    const isSecond = first !== null && event.timeStamp - first.at < SECOND_WITHIN_MS;
    const wanted = isSecond ? `${first?.key} ${key}` : key;
    const begins =
      !isSecond && KEYS.some(({ keys }) => keys.some((one) => one.startsWith(`${key} `)));
    first = begins ? { key, at: event.timeStamp } : null;
    const entry =
      KEYS.find(({ keys }) => keys.includes(wanted)) ?? KEYS.find(({ keys }) => keys.includes(key));
    if (!entry || (entry.inChart && !target.closest('.chart'))) return;
    event.preventDefault();
    entry.act(key);
  });
}
