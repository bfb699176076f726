/** What was said and done, oldest first: the person right, the agent without a frame, tools as cards. */
import type { Message, SubagentInfo } from '../../../src/protocol/nouns.ts';
import { addressOfSession, wantedMessage } from '../route.ts';
import { clockWords, spanWords } from '../ui/format.ts';
import { isPlainPress } from '../ui/link.ts';
import { Markdown } from '../ui/markdown.tsx';
import { Pictures } from '../ui/pictures.tsx';
import { VisibleText } from '../ui/visible-text.tsx';
import { Branch } from './subagent-branch.tsx';
import { Delivery, isOnItsWay } from './terminal-messages.tsx';
import { ToolCard } from './tool-card.tsx';

interface Shown {
  messages: readonly Message[];
  subagents?: readonly SubagentInfo[] | undefined;
}

/** All messages that are loaded, with subagents where they began. */
export function Entries({ session }: { session: Shown }) {
  const { messages, subagents = [] } = session;
  if (messages.length === 0)
    return (
      <div class="empty">
        <p>Nothing was said yet.</p>
      </div>
    );
  const branches = branchesOf(messages, subagents);
  return (
    <div class="messages">
      {messages.map((message) => (
        <Fragment key={message.id} message={message} branches={branches.get(message.id) ?? []} />
      ))}
    </div>
  );
}

/** Subagents by the message they are behind: the newest that is not younger than they are. */
function branchesOf(
  messages: readonly Message[],
  subagents: readonly SubagentInfo[],
): Map<string, SubagentInfo[]> {
  const found = new Map<string, SubagentInfo[]>();
  const oldest = messages[0]?.timestamp ?? '';
  for (const agent of subagents) {
    // One that began before the oldest message that is loaded comes with its page, unless it still runs.
    if (agent.started_at < oldest && agent.ended_at !== undefined) continue;
    const before = messages.findLast(({ timestamp }) => timestamp <= agent.started_at);
    const id = (before ?? messages[0])?.id;
    if (id !== undefined) found.set(id, [...(found.get(id) ?? []), agent]);
  }
  return found;
}

interface FragmentProps {
  message: Message;
  branches: readonly SubagentInfo[];
}

function Fragment({ message, branches }: FragmentProps) {
  const { id, message_type: type, is_error } = message;
  const isWanted = wantedMessage.value === id;
  return (
    <>
      <div
        class={`message message-${type}${is_error ? ' failed' : ''}${isWanted ? ' wanted' : ''}`}
        data-message={id}
        tabIndex={isWanted ? -1 : undefined}
      >
        <Entry message={message} />
      </div>
      {branches.map((agent) => (
        <Branch key={agent.id} session={message.session_id} agent={agent}>
          {(of) => <Entries session={{ messages: of, subagents: [] }} />}
        </Branch>
      ))}
    </>
  );
}

function Entry({ message }: { message: Message }) {
  const { message_type: type, tool_name } = message;
  if (tool_name !== null || type === 'tool' || type === 'tool_result' || type === 'shell') {
    return <ToolCard message={type === 'shell' ? { ...message, tool_name: 'Shell' } : message} />;
  }
  if (type === 'thinking') return <Thinking message={message} />;
  return <TextMessage message={message} />;
}

const AUTHORS: Record<string, string> = {
  user: 'You',
  assistant: 'Agent',
  steer: 'You, meanwhile',
};

function TextMessage({ message }: { message: Message }) {
  const { message_type: type, content, images, is_error, is_in_progress, truncated } = message;
  const stored = Math.max(0, ...Object.values(truncated ?? {}));
  const isPerson = type === 'user' || type === 'steer';
  return (
    <article class={isPerson ? 'said person' : 'said'}>
      <header>
        <b class={isPerson || is_error ? '' : 'visually-hidden'}>{AUTHORS[type] ?? type}</b>
        {is_error && !isOnItsWay(message) && <span class="tag">failed</span>}
        <When message={message} />
      </header>
      {content !== '' &&
        (isPerson ? (
          <p class="wrap" dir="auto">
            <VisibleText text={content} />
          </p>
        ) : (
          <Markdown text={content} />
        ))}
      {isOnItsWay(message) && <Delivery message={message} />}
      {is_in_progress === true && <i class="caret" aria-label="is still writing" role="img" />}
      {images !== undefined && images.length > 0 && <Pictures images={images} />}
      {stored > 0 && (
        <p class="hint">Cut here; {stored.toLocaleString('en')} characters are stored.</p>
      )}
    </article>
  );
}

/** When it was said: a link to this message. */
function When({ message: { id, session_id, timestamp } }: { message: Message }) {
  return (
    <a
      class="when"
      href={addressOfSession(session_id, id)}
      title="Link to this message"
      onClick={(event) => {
        if (!isPlainPress(event)) return;
        event.preventDefault();
        wantedMessage.value = id;
      }}
    >
      <time dateTime={timestamp}>{clockWords(timestamp).slice(0, 8)}</time>
    </a>
  );
}

/** Thoughts are folded to their first line. */
function Thinking({ message: { content, duration_ms } }: { message: Message }) {
  const [first = ''] = content.trim().split('\n', 1);
  return (
    <details class="thinking">
      <summary>
        <b>Thinking</b> <bdi>{first.replace(/[*#`]/g, '')}</bdi>
        {duration_ms !== null && <span class="tool-time"> · {spanWords(duration_ms)}</span>}
      </summary>
      <Markdown text={content} />
    </details>
  );
}
