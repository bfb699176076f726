/** The session itself: what was said, what it waits for, and a field to write to it. */
import { useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { position, selected, selectedRow } from '../page-state.ts';
import { wantedMessage } from '../route.ts';
import {
  loadOlderMessages,
  mayControl,
  type SessionView,
  talk,
  talkFailure,
} from '../session-client.ts';
import { isDirect } from '../session-labels.ts';
import { goLive } from '../time-travel.ts';
import { ApprovalCard } from './approval-card.tsx';
import { Composer } from './composer.tsx';
import { Entries } from './conversation-entries.tsx';
import { Decided } from './decision-history.tsx';
import { TerminalComposer, takesQueuedWords } from './terminal-messages.tsx';
import './session.css';

/** The conversation of the watched session. */
export function Session() {
  const session = talk.value;
  if (selected.value === null)
    return (
      <div class="empty">
        <p>Choose a session to see what it says.</p>
      </div>
    );
  if (talkFailure.value !== null) return <p class="banner warn">{talkFailure.value}</p>;
  if (!session)
    return (
      <div class="empty">
        <p class="faint">Loading the conversation…</p>
      </div>
    );
  return <Conversation session={session} />;
}

/** A field to write to the session, or why there is none. */
function MessageField({ session }: { session: SessionView }) {
  if (session.status !== 'active') {
    return <p class="no-composer">This session has ended.</p>;
  }
  if (!mayControl.value)
    return <p class="no-composer">Read only: this page may not send messages.</p>;
  if (takesQueuedWords(session)) return <TerminalComposer session={session} />;
  if (!isDirect(session)) {
    return <p class="no-composer">Watched only: write to it in its own terminal.</p>;
  }
  return <Composer session={session} />;
}

function Conversation({ session }: { session: SessionView }) {
  const request = session.pending_approval;
  const scroller = useFollowing(session);
  return (
    <div class={`talk${request ? ' asking' : ''}`} data-testid="session">
      <section
        ref={scroller.ref}
        class="talk-scroll"
        tabIndex={0}
        aria-label="Conversation"
        onScroll={scroller.onScroll}
      >
        <Decided key={session.id} session={session.id} />
        <Older session={session} older={scroller.older} />
        <Entries session={session} />
        {request && (
          <ApprovalCard
            key={request.id}
            request={request}
            session={session}
            since={sinceOf(request.id)}
          />
        )}
      </section>
      {position.value === null ? (
        <MessageField session={session} />
      ) : (
        <p class="past">
          You look at the past; what is said here is of now.{' '}
          <button type="button" class="button" onClick={goLive}>
            Back to live
          </button>
        </p>
      )}
    </div>
  );
}

/** How far from its end a conversation counts as being read at its end, px. */
const NEAR_END_PX = 40;
/** How far from its start older messages are asked for, px. */
const NEAR_START_PX = 300;

/** Keeps the newest in view while the reader is at the end, and shows a new request from its first line. */
function useFollowing(session: SessionView) {
  const { messages, pending_approval } = session;
  const ref = useRef<HTMLElement>(null);
  const isAtEnd = useRef(true);
  const older = useOlder(session);
  const newest = messages.at(-1);
  const hold = (): void => {
    const pane = ref.current;
    if (!pane || !isAtEnd.current || wantedMessage.peek() !== null) return;
    pane.scrollTop = pane.scrollHeight;
    const card = pane.querySelector<HTMLElement>('.approval');
    // A request higher than the pane is read from its question on.
    if (card) pane.scrollTop = Math.min(pane.scrollTop, card.offsetTop - 8);
  };
  useHeldWhileItGrows(ref, hold);
  useLayoutEffect(hold, [newest?.id, newest?.content, newest?.tool_output, pending_approval?.id]);
  useKeptPlace(ref, messages[0]?.id, newest?.id);
  useWantedMessage(ref, session, older);
  return {
    ref,
    older,
    onScroll: () => {
      const pane = ref.current;
      if (!pane) return;
      const { scrollTop, clientHeight, scrollHeight } = pane;
      isAtEnd.current = scrollTop + clientHeight > scrollHeight - NEAR_END_PX;
      if (scrollTop < NEAR_START_PX && older.failure === null) older.load();
    },
  };
}

/**
 * What comes after the first picture (colours, a picture's own size, another window) makes the pane or what it shows
 * higher or lower: the end then stays in view. What a person opens there stays under the pointer.
 */
function useHeldWhileItGrows(ref: { current: HTMLElement | null }, hold: () => void): void {
  const latest = useRef(hold);
  const isOpened = useRef(false);
  const observer = useRef<ResizeObserver | null>(null);
  latest.current = hold;
  useLayoutEffect(() => {
    const watching = new ResizeObserver(() => {
      if (!isOpened.current) latest.current();
      isOpened.current = false;
    });
    observer.current = watching;
    const pane = ref.current;
    const press = (): void => {
      isOpened.current = true;
    };
    pane?.addEventListener('click', press);
    return () => {
      watching.disconnect();
      pane?.removeEventListener('click', press);
    };
  }, []);
  useLayoutEffect(() => {
    const pane = ref.current;
    if (!pane) return;
    for (const one of [pane, ...pane.children]) observer.current?.observe(one);
  });
}

/** Brings the message of the address into view, once it is loaded: page after page, as a reader would. */
function useWantedMessage(
  ref: { current: HTMLElement | null },
  { messages, has_older }: SessionView,
  older: Older,
): void {
  const wanted = wantedMessage.value;
  const shown = useRef<string | null>(null);
  const oldest = messages[0]?.id;
  useLayoutEffect(() => {
    if (wanted === null || shown.current === wanted) return;
    const entry = ref.current?.querySelector<HTMLElement>(`[data-message="${CSS.escape(wanted)}"]`);
    if (entry) {
      shown.current = wanted;
      entry.scrollIntoView({ block: 'start' });
      entry.focus({ preventScroll: true });
    } else if (has_older && older.failure === null) older.load();
  }, [wanted, oldest, older.isLoading]);
}

/** What grows above the reader must not move what is read. */
function useKeptPlace(
  ref: { current: HTMLElement | null },
  oldest: string | undefined,
  newest: string | undefined,
): void {
  const before = useRef({ oldest, newest, height: 0 });
  useLayoutEffect(() => {
    const pane = ref.current;
    if (!pane) return;
    const { current } = before;
    const grewAbove = current.oldest !== oldest && current.newest === newest;
    if (grewAbove && current.height > 0) pane.scrollTop += pane.scrollHeight - current.height;
    before.current = { oldest, newest, height: pane.scrollHeight };
  });
}

/** When a request of the watched session was asked, as far as the list knows. */
function sinceOf(request: string): string | null {
  const waiting = selectedRow.value?.waiting;
  return waiting?.request === request ? waiting.since : null;
}

type Older = ReturnType<typeof useOlder>;

/** Loads one page at a time. */
function useOlder({ id, has_older }: SessionView) {
  const isLoading = useSignal(false);
  const failure = useSignal<string | null>(null);
  return {
    isLoading: isLoading.value,
    failure: failure.value,
    load: () => {
      if (!has_older || isLoading.peek()) return;
      isLoading.value = true;
      failure.value = null;
      void loadOlderMessages(id).then((words) => {
        isLoading.value = false;
        failure.value = words;
      });
    },
  };
}

/** What is older than the messages shown: it loads when the reader comes near, and says so. */
function Older({ session, older }: { session: SessionView; older: Older }) {
  if (!session.has_older) return null;
  const count = session.message_count - session.messages.length;
  return (
    <p class="older" role="status" data-testid="older">
      {older.failure === null
        ? `${count.toLocaleString('en')} older messages load when you scroll up.`
        : `Older messages could not be loaded: ${older.failure}`}{' '}
      <button type="button" class="button" disabled={older.isLoading} onClick={older.load}>
        {older.failure === null ? 'Load now' : 'Try again'}
      </button>
    </p>
  );
}
