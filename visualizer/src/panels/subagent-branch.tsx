/** A subagent's branch: its kind and how long it works, and its conversation, which grows while it is open. */
import { useSignal } from '@preact/signals';
import type { ComponentChild } from 'preact';
import { useEffect } from 'preact/hooks';
import type { Message, SubagentInfo, TokenUsage } from '../../../src/protocol/nouns.ts';
import { askBranch } from '../session-client.ts';
import { usageWords } from '../session-labels.ts';
import { Age } from '../ui/clock.tsx';
import { spanWords } from '../ui/format.ts';
import { VisibleText } from '../ui/visible-text.tsx';

/** While a subagent works, what it wrote is asked for this often, ms: the server then reads what is new. */
const EVERY_MS = 1500;

interface BranchProps {
  session: string;
  agent: SubagentInfo;
  /** Shows its messages. */
  children: (messages: readonly Message[]) => ComponentChild;
}

/** One line behind the message at which it began; opened, its whole conversation. */
export function Branch({ session, agent, children }: BranchProps) {
  const { agent_type: kind, started_at: from, ended_at: to } = agent;
  const isOpen = useSignal(false);
  const branch = useBranch(session, agent, isOpen.value);
  const { usage } = branch.shown;
  return (
    <details
      class={`branch-line${to === undefined ? ' running' : ''}`}
      data-testid="branch"
      onToggle={({ currentTarget }) => {
        isOpen.value = currentTarget.open;
      }}
    >
      <summary>
        <b>Subagent</b> · <VisibleText text={kind} /> ·{' '}
        {to === undefined ? (
          <>
            works since <Age at={from} />
          </>
        ) : (
          `finished after ${spanWords(Math.max(0, Date.parse(to) - Date.parse(from)))}`
        )}
        {usage !== null && ` · ${usageWords(usage)}`}
      </summary>
      {isOpen.value && <Opened branch={branch}>{children}</Opened>}
    </details>
  );
}

function Opened({
  branch,
  children,
}: {
  branch: ReturnType<typeof useBranch>;
  children: BranchProps['children'];
}) {
  const { messages, hasOlder, failure } = branch.shown;
  return (
    <div class="branch-messages">
      {failure !== null && <p class="hint">Its conversation cannot be shown: {failure}.</p>}
      {hasOlder && (
        <button type="button" class="button" onClick={branch.loadOlder}>
          Show older messages
        </button>
      )}
      {messages === null
        ? failure === null && <p class="faint">Loading…</p>
        : children([...messages.values()])}
    </div>
  );
}

interface Shown {
  /** By id, in their order; null before the first answer. */
  messages: ReadonlyMap<string, Message> | null;
  hasOlder: boolean;
  usage: TokenUsage | null;
  failure: string | null;
}

const NOTHING: Shown = { messages: null, hasOlder: false, usage: null, failure: null };

/** Asks while it is open; what was seen stays. */
function useBranch(session: string, { id, ended_at }: SubagentInfo, isOpen: boolean) {
  const shown = useSignal(NOTHING);
  const isOver = ended_at !== undefined;
  useEffect(() => {
    if (!isOpen) return;
    let timer = 0;
    let isCurrent = true;
    // The last lines are written after its end was reported.
    let left = isOver ? 2 : Number.POSITIVE_INFINITY;
    const refresh = async (): Promise<void> => {
      const answer = document.hidden ? null : await askBranch(session, id, null);
      if (!isCurrent) return;
      if (answer !== null) {
        shown.value = withNewest(shown.peek(), answer);
        left -= 1;
      }
      if (left > 0) timer = window.setTimeout(() => void refresh(), EVERY_MS);
    };
    void refresh();
    return () => {
      isCurrent = false;
      window.clearTimeout(timer);
    };
  }, [session, id, isOver, isOpen]);
  return {
    shown: shown.value,
    loadOlder: () => {
      const [oldest = null] = shown.peek().messages?.keys() ?? [];
      void askBranch(session, id, oldest).then((answer) => {
        shown.value = withOlder(shown.peek(), answer);
      });
    },
  };
}

type Answer = Awaited<ReturnType<typeof askBranch>>;

/** What is known stays before the newest page, unless more came meanwhile than the page holds. */
function withNewest(shown: Shown, answer: Answer): Shown {
  if (typeof answer === 'string') return { ...shown, failure: answer };
  const { messages, has_older, token_usage, unavailable } = answer;
  if (unavailable !== undefined) return { ...shown, failure: unavailable };
  const [oldest] = messages;
  const goesOn = oldest !== undefined && shown.messages?.has(oldest.id) === true;
  const known = goesOn ? (shown.messages ?? []) : [];
  return {
    messages: new Map([...known, ...byId(messages)]),
    hasOlder: goesOn ? shown.hasOlder : has_older,
    usage: token_usage ?? shown.usage,
    failure: null,
  };
}

function withOlder(shown: Shown, answer: Answer): Shown {
  if (typeof answer === 'string') return { ...shown, failure: answer };
  const messages = new Map([...byId(answer.messages), ...(shown.messages ?? [])]);
  return { ...shown, messages, hasOlder: answer.has_older, failure: answer.unavailable ?? null };
}

function byId(messages: readonly Message[]): [string, Message][] {
  return messages.map((message) => [message.id, message]);
}
