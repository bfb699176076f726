/** The session itself: what was said, what it waits for, and a way to speak to it. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Message } from '../../../src/protocol/nouns.ts';
import {
  interrupt,
  isDirect,
  mayControl,
  resume,
  send,
  steer,
  type Talk,
  talk,
  talkFailure,
} from '../conversation.ts';
import { isOnline, position, selected } from '../model.ts';
import { VisibleText } from '../ui/visible-text.tsx';
import { clockWords } from '../ui/words.ts';
import { visibleText } from '../visible.ts';
import { ApprovalCard } from './approval-card.tsx';
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
  const direct = isDirect(session);
  return (
    <div class="talk" data-testid="session">
      <Facts session={session} direct={direct} />
      {position.value !== null && (
        <p class="hint past">You look at the past; what is said here is of now.</p>
      )}
      <Messages messages={session.messages} total={session.message_count} />
      {session.pending_approval && (
        <ApprovalCard
          key={session.pending_approval.id}
          request={session.pending_approval}
          direct={direct}
        />
      )}
      {direct && mayControl.value && session.status === 'active' && <Composer session={session} />}
    </div>
  );
}

function Facts({ session, direct }: { session: Talk; direct: boolean }) {
  return (
    <p class="talk-facts">
      <span class="tag">{session.provider}</span>
      <span class="tag">{direct ? 'direct' : 'watched'}</span>
      {session.model && (
        <span class="tag">
          <bdi>{session.model}</bdi>
        </span>
      )}
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

function Messages({ messages, total }: { messages: readonly Message[]; total: number }) {
  const end = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  const newest = messages.at(-1);
  useEffect(() => {
    if (isAtEnd.current) end.current?.scrollTo(0, end.current.scrollHeight);
  }, [newest?.id, newest?.content, newest?.tool_output]);
  if (messages.length === 0)
    return (
      <div class="empty">
        <p>Nothing was said yet.</p>
      </div>
    );
  return (
    <section
      ref={end}
      class="messages"
      tabIndex={0}
      aria-label="Messages"
      onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
        isAtEnd.current = scrollTop + clientHeight > scrollHeight - 40;
      }}
    >
      {total > messages.length && (
        <p class="faint">{total - messages.length} earlier messages are not shown.</p>
      )}
      {messages.map((message) => (
        <Entry key={message.id} message={message} />
      ))}
    </section>
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
  const { message_type: type, content, tool_name, tool_output, is_error, truncated } = message;
  const stored = Math.max(0, ...Object.values(truncated ?? {}));
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
      {stored > 0 && (
        <p class="hint">Cut here; {stored.toLocaleString('en')} characters are stored.</p>
      )}
    </article>
  );
}

/** Words for the session: to its running turn where the provider can take them, else as a message. */
function Composer({ session }: { session: Talk }) {
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
        placeholder={words}
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
function Detached({ session, onConnect }: { session: Talk; onConnect: () => void }) {
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
