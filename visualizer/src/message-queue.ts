/**
 * Messages that wait in this page for the end of a session's turn. Codex takes a message that comes while a turn runs
 * into that turn, so what shall be read later waits here. When the turn is over all that wait are sent as one
 * message. They outlive a reload of the tab, and are gone when the tab is closed.
 */
import { effect, signal } from '@preact/signals';
import { isOnline, rows, rowsTick } from './page-state.ts';
import { type Sent, send } from './session-client.ts';
import { phaseOfRow } from './state-value.ts';

/** A message that waits. */
export interface Waiting {
  session: string;
  content: string;
  extras: Sent;
}

const KEY = 'orbitdock.queue';

/** All that wait, in the order in which they were written. */
export const waitingMessages = signal<readonly Waiting[]>(restored());
/** Why they could not be sent, by session: then a person sends or removes them. */
export const queueFailures = signal<ReadonlyMap<string, string>>(new Map());

/** Has a message wait for the end of the turn. */
export function enqueue(session: string, content: string, extras: Sent): void {
  waitingMessages.value = [...waitingMessages.peek(), { session, content, extras }];
}

/** Takes a message out. */
export function dequeue(message: Waiting): void {
  waitingMessages.value = waitingMessages.peek().filter((one) => one !== message);
  if (!waitingMessages.peek().some(({ session }) => session === message.session)) {
    setFailure(message.session, null);
  }
}

/** Sends all that wait for a session, as one message; what is refused waits on. */
export async function sendWaiting(session: string): Promise<void> {
  const mine = waitingMessages.peek().filter((one) => one.session === session);
  if (mine.length === 0) return;
  waitingMessages.value = waitingMessages.peek().filter((one) => one.session !== session);
  setFailure(session, null);
  const refusal = await send(session, ...joined(mine));
  if (refusal === null) return;
  setFailure(session, refusal);
  waitingMessages.value = [...mine, ...waitingMessages.peek()];
}

/** Watches for the ends of turns until the page is closed. */
export function startQueue(): void {
  effect(() => {
    const kept = waitingMessages.value;
    store(kept);
    if (kept.length === 0 || !isOnline.value) return;
    rowsTick.value;
    for (const session of new Set(kept.map((one) => one.session))) {
      const row = rows.get(session);
      // After a turn that failed a person decides first.
      const isOver = row !== undefined && phaseOfRow(row) === 'idle';
      if (isOver && !queueFailures.peek().has(session)) void sendWaiting(session);
    }
  });
}

/** Several messages as one: the newest choice of model and effort, all pictures and files. Pure. */
function joined(messages: readonly Waiting[]): [content: string, extras: Sent] {
  const all = messages.map(({ extras }) => extras);
  const images = all.flatMap((one) => one.images ?? []);
  const mentions = all.flatMap((one) => one.mentions ?? []);
  const { model, effort } = Object.assign({}, ...all) as Sent;
  return [
    messages.map(({ content }) => content).join('\n\n'),
    {
      ...(model !== undefined && { model }),
      ...(effort !== undefined && { effort }),
      ...(images.length > 0 && { images }),
      ...(mentions.length > 0 && { mentions }),
    },
  ];
}

function setFailure(session: string, words: string | null): void {
  const after = new Map(queueFailures.peek());
  if (words === null) after.delete(session);
  else after.set(session, words);
  queueFailures.value = after;
}

function restored(): readonly Waiting[] {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? '[]');
    return Array.isArray(kept) ? kept.filter(isWaiting) : [];
  } catch {
    // Storage is switched off, or another page wrote something else there: nothing waits.
    return [];
  }
}

function isWaiting(one: Partial<Waiting>): one is Waiting {
  return typeof one?.session === 'string' && typeof one.content === 'string' && !!one.extras;
}

function store(kept: readonly Waiting[]): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // Full or switched off: they wait as long as the page is open.
  }
}
