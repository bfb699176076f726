/**
 * Words for a session that is steered from here: to its running turn, for its end, or as a message. Effort, model,
 * pictures and files go with them as far as the wire takes them.
 */
import { type Signal, useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { visibleText } from '../../../src/visible-text.ts';
import { type Draft, draftOf, handOver, takePictures } from '../message-drafts.ts';
import { enqueue } from '../message-queue.ts';
import { isOnline } from '../page-state.ts';
import { resume, type Sent, type SessionView, send, steer } from '../session-client.ts';
import { Attached, MessageOptions } from './composer-options.tsx';
import { MentionList, mentionAria, useMentions } from './mention-list.tsx';
import { WaitingMessages } from './queued-messages.tsx';
import './composer.css';

/** When a message is read: in the running turn, or when that is over. */
type When = 'steer' | 'queue';

/** Words with what goes with them, to where they belong; null when they were taken, else why not. */
function handTo(session: string, when: When | null) {
  return (content: string, extras: Sent): Promise<string | null> => {
    if (when === 'queue') {
      enqueue(session, content, extras);
      return Promise.resolve(null);
    }
    // Both join the turn that runs; only a message has room for pictures and files.
    const isBare = Object.keys(extras).length === 0;
    return when === 'steer' && isBare ? steer(session, content) : send(session, content, extras);
  };
}

/** The field below the conversation. */
export function Composer({ session }: { session: SessionView }) {
  const draft = draftOf(session.id);
  const { text, failure } = draft;
  const field = useRef<HTMLTextAreaElement>(null);
  const mentions = useMentions(draft, session.project_path, field);
  const wanted = useSignal<When>('steer');
  const isDropping = useSignal(false);
  const when = session.work_status === 'working' ? wanted.value : null;
  const isEmpty = text.value.trim() === '' && draft.pictures.value.length === 0;
  const submit = (event: Event): void => {
    event.preventDefault();
    if (isEmpty || !isOnline.value) return;
    mentions.close();
    void handOver(draft, handTo(session.id, when));
  };
  return (
    <form
      class={`composer${isDropping.value ? ' dropping' : ''}`}
      onSubmit={submit}
      onDragOver={(event) => {
        if (!event.dataTransfer?.types.includes('Files')) return;
        event.preventDefault();
        isDropping.value = true;
      }}
      onDragLeave={() => {
        isDropping.value = false;
      }}
      onDrop={(event) => {
        isDropping.value = false;
        if (!event.dataTransfer || event.dataTransfer.files.length === 0) return;
        event.preventDefault();
        void takePictures(draft, event.dataTransfer.files);
      }}
    >
      <Detached
        session={session}
        onConnect={() =>
          void resume(session.id).then((words) => {
            failure.value = words;
          })
        }
      />
      {failure.value !== null && (
        <p class="banner warn" role="alert">
          {visibleText(failure.value)}
        </p>
      )}
      <WaitingMessages session={session.id} />
      <div class="composer-field">
        <MentionList offered={mentions.offered.value} onTake={mentions.take} />
        <textarea
          ref={field}
          rows={2}
          dir="auto"
          aria-label={labelOf(when)}
          placeholder={placeholderOf(session, when)}
          {...mentionAria(mentions.offered.value)}
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
            mentions.update();
          }}
          onKeyDown={(event) => {
            if (mentions.onKey(event)) return;
            if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) submit(event);
          }}
          onClick={mentions.update}
          onBlur={mentions.close}
          onPaste={(event) => {
            const files = event.clipboardData?.files;
            if (!files || files.length === 0) return;
            event.preventDefault();
            void takePictures(draft, files);
          }}
        />
      </div>
      <Attached draft={draft} />
      <div class="composer-row">
        <MessageOptions
          draft={draft}
          session={session}
          joins={when === 'steer'}
          onMention={() => beginMention(draft, field.current, mentions.update)}
        >
          {when !== null && <WhenSelect when={when} wanted={wanted} />}
        </MessageOptions>
        <span class="space" />
        <button type="submit" class="button primary" disabled={!isOnline.value || isEmpty}>
          {when === null ? 'Send' : when === 'steer' ? 'Steer' : 'Queue'}
        </button>
      </div>
    </form>
  );
}

function labelOf(when: When | null): string {
  if (when === 'steer') return 'Words for the running turn';
  if (when === 'queue') return 'Message for the end of the turn';
  return 'Message to the session';
}

function placeholderOf(session: SessionView, when: When | null): string {
  if (session.pending_approval !== null) return 'Message: it is read after the request is answered';
  return labelOf(when);
}

function WhenSelect({ when, wanted }: { when: When; wanted: Signal<When> }) {
  return (
    <select
      aria-label="When it is read"
      title="Queued messages wait in this tab, and are sent when the turn is over"
      value={when}
      onChange={(event) => {
        wanted.value = event.currentTarget.value as When;
      }}
    >
      <option value="steer">Steer now</option>
      <option value="queue">Queue</option>
    </select>
  );
}

/** Puts an at sign where the caret is, and offers the files behind it. */
function beginMention(
  { text }: Draft,
  field: HTMLTextAreaElement | null,
  update: () => void,
): void {
  if (!field) return;
  const [before, after] = [
    field.value.slice(0, field.selectionStart),
    field.value.slice(field.selectionEnd),
  ];
  const start = before === '' || /\s$/.test(before) ? `${before}@` : `${before} @`;
  text.value = start + after;
  requestAnimationFrame(() => {
    field.focus();
    field.setSelectionRange(start.length, start.length);
    update();
  });
}

/** Says why the session takes no message, and offers the way back. */
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
