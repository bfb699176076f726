/** Past sessions: conversations that are on the server's disk, listed and read; nothing can be said to them. */
import { signal } from '@preact/signals';
import type { Message } from '../../../src/protocol/nouns.ts';
import type { PastSession } from '../../../src/protocol/reply-nouns.ts';
import { rows } from '../page-state.ts';
import { openSession } from '../route.ts';
import { listPast, openPast } from '../session-client.ts';
import { Dialog } from '../ui/dialog.tsx';
import { clockWords } from '../ui/format.ts';
import { VisibleText } from '../ui/visible-text.tsx';
import { Entries } from './conversation-entries.tsx';

/** What is shown: nothing, the list, or one conversation. */
interface Shown {
  sessions: readonly PastSession[];
  /** Where the list goes on. */
  next: string | null;
  opened: { session: PastSession; messages: readonly Message[]; hasOlder: boolean } | null;
  failure: string | null;
}

const shown = signal<Shown | null>(null);

async function more(): Promise<void> {
  const before = shown.peek() ?? { sessions: [], next: null, opened: null, failure: null };
  shown.value = { ...before, failure: null };
  const page = await listPast(before.next);
  if (shown.peek() === null) return;
  shown.value =
    typeof page === 'string'
      ? { ...before, failure: page }
      : { ...before, sessions: [...before.sessions, ...page.sessions], next: page.next };
}

async function read(session: PastSession, before: string | null): Promise<void> {
  const page = await openPast(session, before);
  const now = shown.peek();
  if (now === null) return;
  if (typeof page === 'string') {
    shown.value = { ...now, failure: page };
    return;
  }
  const newer = before === null ? [] : (now.opened?.messages ?? []);
  const messages = [...page.messages, ...newer];
  shown.value = { ...now, failure: null, opened: { session, messages, hasOlder: page.has_older } };
}

/** Opens the list. */
export function PastButton() {
  return (
    <>
      <button type="button" class="chip" onClick={() => void more()}>
        <span>
          Past<span class="visually-hidden"> sessions</span>…
        </span>
      </button>
      <PastDialog />
    </>
  );
}

function PastDialog() {
  if (shown.value === null) return null;
  const { opened, failure } = shown.value;
  const close = (): void => {
    shown.value = null;
  };
  return (
    <Dialog title={opened === null ? 'Past sessions' : 'A past session'} onClose={close}>
      {failure !== null && (
        <p class="banner warn" role="alert">
          {failure}
        </p>
      )}
      {opened === null ? <PastList {...shown.value} onLeave={close} /> : <Opened {...opened} />}
    </Dialog>
  );
}

function PastList({ sessions, next, onLeave }: Shown & { onLeave: () => void }) {
  const pick = (session: PastSession): void => {
    // One that the server knows is opened as itself: it may run, or be answered.
    if (!rows.has(session.id)) void read(session, null);
    else {
      onLeave();
      openSession(session.id);
    }
  };
  return (
    <>
      {sessions.length === 0 && <p class="faint">None is found on this server's disk.</p>}
      <ul data-testid="past-list">
        {sessions.map((session) => (
          <li key={`${session.provider} ${session.id}`}>
            <button type="button" class="button" onClick={() => pick(session)}>
              <VisibleText text={session.title ?? session.first_prompt ?? session.id} />
            </button>{' '}
            <span class="faint">
              <VisibleText text={session.project_path ?? ''} /> {whenWords(session)}
            </span>
          </li>
        ))}
      </ul>
      {next !== null && (
        <button type="button" class="button" onClick={() => void more()}>
          Show older ones
        </button>
      )}
    </>
  );
}

function whenWords({ last_activity_at: at }: PastSession): string {
  return `${at.slice(0, 10)} ${clockWords(at)}`;
}

function Opened({ session, messages, hasOlder }: NonNullable<Shown['opened']>) {
  return (
    <div data-testid="past-session">
      <p class="hint">
        Read from its file, {whenWords(session)}. Go on with it in a terminal.{' '}
        <button
          type="button"
          class="button"
          onClick={() => {
            if (shown.value) shown.value = { ...shown.value, opened: null };
          }}
        >
          Back to the list
        </button>
      </p>
      {hasOlder && (
        <button
          type="button"
          class="button"
          onClick={() => void read(session, messages[0]?.id ?? null)}
        >
          Show older messages
        </button>
      )}
      <Entries session={{ messages: [...messages], subagents: [] }} />
    </div>
  );
}
