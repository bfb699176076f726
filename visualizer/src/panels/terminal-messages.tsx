/** Words for a session that runs in a terminal: they wait there for the end of a turn, and this says how far they are. */
import { useSignal } from '@preact/signals';
import type { Message } from '../../../src/protocol/nouns.ts';
import { draftOf, handOver } from '../message-drafts.ts';
import { isOnline } from '../page-state.ts';
import { mayControl, type SessionView, send, withdraw } from '../session-client.ts';
import { isDirect } from '../session-labels.ts';
import { VisibleText } from '../ui/visible-text.tsx';

/** Whether words of a client can wait for this session: hooks of Claude bring them to its terminal. */
export function takesQueuedWords(session: SessionView): boolean {
  return session.provider === 'claude' && !isDirect(session) && session.status === 'active';
}

/** When the words will be read, as far as is known. */
function whenWords({ work_status: status }: SessionView): string {
  if (status === 'working') return 'It reads this when its turn ends.';
  if (status === 'permission' || status === 'question')
    return 'It reads this when its turn ends; first it waits for an answer.';
  return 'It waits in its terminal. It reads this when its next turn ends; that turn begins in the terminal.';
}

/** A place to write to a session in a terminal. */
export function TerminalComposer({ session }: { session: SessionView }) {
  const draft = draftOf(session.id);
  const { text, failure } = draft;
  const submit = (event: Event): void => {
    event.preventDefault();
    if (text.value.trim() === '' || !isOnline.value) return;
    void handOver(draft, (content) => send(session.id, content));
  };
  return (
    <form class="composer" onSubmit={submit}>
      {failure.value !== null && (
        <p class="banner warn" role="alert">
          {failure.value}
        </p>
      )}
      <div class="composer-field">
        <textarea
          rows={2}
          dir="auto"
          aria-label="Message for the end of a turn"
          placeholder="Message for the end of a turn"
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
          }}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) submit(event);
          }}
        />
      </div>
      <div class="composer-row">
        <span class="hint" data-testid="when-read">
          {whenWords(session)}
        </span>
        <span class="space" />
        <button
          type="submit"
          class="button primary"
          disabled={!isOnline.value || text.value.trim() === ''}
        >
          Queue
        </button>
      </div>
    </form>
  );
}

const STAGES: Readonly<Record<string, string>> = {
  queued: 'Waits for the end of a turn',
  sent: 'On its way',
  delivered: 'Delivered',
};
const OVER = /^(withdrawn|expired|unknown|failed)(?=:|$)/;

/** Whether a message says of itself how far it is on its way. */
export function isOnItsWay({ message_type: type, tool_output: where }: Message): boolean {
  return type === 'steer' && where !== null && (where in STAGES || OVER.test(where));
}

/** How far the words of a message are; words that wait can be taken back. */
export function Delivery({ message }: { message: Message }) {
  const where = message.tool_output ?? '';
  const failure = useSignal<string | null>(null);
  const takeBack = async (): Promise<boolean> => {
    failure.value = await withdraw(message.session_id, message.id);
    return failure.value === null;
  };
  const edit = async (): Promise<void> => {
    if (!(await takeBack())) return;
    const { text } = draftOf(message.session_id);
    text.value = [message.content, text.peek()].filter(Boolean).join('\n\n');
    document.querySelector<HTMLElement>('.composer textarea')?.focus();
  };
  return (
    <p class="hint" data-testid="delivery">
      <VisibleText text={STAGES[where] ?? `${where.charAt(0).toUpperCase()}${where.slice(1)}`} />{' '}
      {where === 'queued' && mayControl.value && (
        <button
          type="button"
          class="button"
          disabled={!isOnline.value}
          onClick={() => void takeBack()}
        >
          Withdraw
        </button>
      )}{' '}
      {where === 'queued' && mayControl.value && (
        <button type="button" class="button" disabled={!isOnline.value} onClick={() => void edit()}>
          Edit
        </button>
      )}
      {failure.value !== null && <span role="alert">{failure.value}</span>}
    </p>
  );
}
