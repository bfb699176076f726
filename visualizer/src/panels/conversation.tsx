/** The session itself: what was said, what it waits for, and a way to speak to it. */
import { useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Message } from '../../../src/protocol/nouns.ts';
import { isOnline, position, selected, selectedRow } from '../model.ts';
import {
  interrupt,
  loadOlderMessages,
  mayControl,
  resume,
  type SessionView,
  send,
  steer,
  talk,
  talkFailure,
} from '../session-client.ts';
import { agentWords, isDirect } from '../session-words.ts';
import { Pictures } from '../ui/pictures.tsx';
import { VisibleText } from '../ui/visible-text.tsx';
import { clockWords } from '../ui/words.ts';
import { visibleText } from '../visible.ts';
import { ApprovalCard } from './approval-card.tsx';
import { Decided } from './decided.tsx';
import './session.css';

/** The tab "Session". */
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
        <Facts session={session} />
        <Decided key={session.id} session={session.id} />
        {position.value !== null && (
          <p class="hint past">You look at the past; what is said here is of now.</p>
        )}
        <Older session={session} older={scroller.older} />
        <Messages messages={session.messages} />
        {request && (
          <ApprovalCard
            key={request.id}
            request={request}
            session={session}
            since={sinceOf(request.id)}
          />
        )}
      </section>
      {isDirect(session) && mayControl.value && session.status === 'active' && (
        <Composer session={session} />
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
  useLayoutEffect(() => {
    const pane = ref.current;
    if (!pane || !isAtEnd.current) return;
    pane.scrollTop = pane.scrollHeight;
    const card = pane.querySelector<HTMLElement>('.approval');
    // A request higher than the pane is read from its question on.
    if (card) pane.scrollTop = Math.min(pane.scrollTop, card.offsetTop - 8);
  }, [newest?.id, newest?.content, newest?.tool_output, pending_approval?.id]);
  useKeptPlace(ref, messages[0]?.id, newest?.id);
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

function Facts({ session }: { session: SessionView }) {
  return (
    <p class="talk-facts">
      <span class="tag">{isDirect(session) ? 'You can answer here' : 'Watched only'}</span>
      <span class="tag">
        <VisibleText text={agentWords(session)} />
      </span>
      {session.git_branch && (
        <span class="tag">
          <VisibleText text={session.git_branch} />
        </span>
      )}
      <span class="faint wrap">
        <VisibleText text={session.current_cwd ?? session.project_path} />
      </span>
    </p>
  );
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

function Messages({ messages }: { messages: readonly Message[] }) {
  if (messages.length === 0)
    return (
      <div class="empty">
        <p>Nothing was said yet.</p>
      </div>
    );
  return (
    <div class="messages">
      {messages.map((message) => (
        <Entry key={message.id} message={message} />
      ))}
    </div>
  );
}

const SPEAKERS: Record<string, string> = {
  user: 'You',
  assistant: 'Agent',
  thinking: 'Thinking',
  steer: 'You, meanwhile',
  shell: 'Shell',
  tool: 'Tool',
  tool_result: 'Result',
};

function Entry({ message }: { message: Message }) {
  const {
    message_type: type,
    content,
    tool_name,
    tool_output,
    is_error,
    truncated,
    images,
  } = message;
  const stored = Math.max(0, ...Object.values<number>({ ...truncated }));
  const isTool = type === 'tool' || type === 'tool_result' || type === 'shell';
  return (
    <article class={`message message-${type}${is_error ? ' failed' : ''}`}>
      <header>
        <b>{tool_name ?? SPEAKERS[type] ?? type}</b>
        {is_error && <span class="tag">failed</span>}
        <time class="code">{clockWords(message.timestamp)}</time>
      </header>
      {content !== '' && (
        <p class={isTool ? 'code wrap' : 'wrap'} dir="auto">
          <VisibleText text={content} />
        </p>
      )}
      {tool_output && (
        <details>
          <summary>Output</summary>
          <pre class="code" tabIndex={0}>
            <VisibleText text={tool_output} />
          </pre>
        </details>
      )}
      {images !== undefined && images.length > 0 && <Pictures images={images} />}
      {stored > 0 && (
        <p class="hint">Cut here; {stored.toLocaleString('en')} characters are stored.</p>
      )}
    </article>
  );
}

/** Words for the session: to its running turn where the provider can take them, else as a message. */
function Composer({ session }: { session: SessionView }) {
  const { text, failure, report } = useDraft();
  const isOpen = ['working', 'permission', 'question'].includes(session.work_status);
  const isSteering = session.work_status === 'working' && session.provider === 'codex';
  const submit = (event: Event): void => {
    event.preventDefault();
    const content = text.value.trim();
    if (content === '' || !isOnline.value) return;
    text.value = '';
    report((isSteering ? steer : send)(session.id, content), content);
  };
  const words = isSteering ? 'Words for the running turn' : 'Message to the session';
  const isWaiting = session.pending_approval !== null;
  return (
    <form class="composer" onSubmit={submit}>
      <Detached session={session} onConnect={() => report(resume(session.id))} />
      {failure.value !== null && (
        <p class="banner warn" role="alert">
          {failure.value}
        </p>
      )}
      <textarea
        rows={2}
        aria-label={words}
        placeholder={isWaiting ? 'Message: it is read after the request is answered' : words}
        value={text.value}
        onInput={(event) => {
          text.value = event.currentTarget.value;
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) submit(event);
        }}
      />
      <button
        type="button"
        class="button"
        disabled={!isOnline.value || !isOpen}
        onClick={() => report(interrupt(session.id))}
      >
        Interrupt
      </button>
      <button
        type="submit"
        class="button primary"
        disabled={!isOnline.value || text.value.trim() === ''}
      >
        {isSteering ? 'Steer' : 'Send'}
      </button>
    </form>
  );
}

/** What is being typed, and what became of the last wish. */
function useDraft() {
  const text = useSignal('');
  const failure = useSignal<string | null>(null);
  const report = (wish: Promise<string | null>, content = ''): void => {
    failure.value = null;
    void wish.then((words) => {
      failure.value = words;
      // What was typed is not lost with the wish.
      if (words !== null && text.value === '') text.value = content;
    });
  };
  return { text, failure, report };
}

/** Says why nobody would hear the session's user, and offers the way back. */
function Detached({ session, onConnect }: { session: SessionView; onConnect: () => void }) {
  const { link_state: state, link_reason: reason } = session;
  if (state !== 'detached' && state !== 'failed') return null;
  return (
    <p class="banner warn">
      It has no connector{reason ? `: ${visibleText(reason)}` : ''}.{' '}
      <button type="button" class="button" onClick={onConnect}>
        Connect again
      </button>
    </p>
  );
}
