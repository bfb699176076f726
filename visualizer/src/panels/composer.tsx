/**
 * Words for the session: to its running turn where the provider can take them, else as a message. Effort, model,
 * images and mentions go with a message; they are asked for where a person opens them.
 */
import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { ImageInput } from '../../../src/protocol/nouns.ts';
import { isOnline } from '../model.ts';
import {
  listModels,
  type Model,
  resume,
  type Sent,
  type SessionView,
  send,
  steer,
} from '../session-client.ts';
import { visibleText } from '../visible.ts';
import './composer.css';

/** Levels of effort that providers take; one that a model lacks is refused in words. */
const EFFORTS = ['low', 'medium', 'high'] as const;
/** Larger pictures do not fit into one message of the wire, bytes. */
const MAX_IMAGE_BYTES = 600_000;

/** The field below the conversation. */
export function Composer({ session }: { session: SessionView }) {
  const draft = useDraft();
  const { text, failure, report } = draft;
  const maySteer = session.work_status === 'working' && session.provider === 'codex';
  const isQueueing = useSignal(false);
  const isSteering = maySteer && !isQueueing.value;
  const submit = (event: Event): void => {
    event.preventDefault();
    const content = text.value.trim();
    if (content === '' || !isOnline.value) return;
    report(isSteering ? steer(session.id, content) : send(session.id, content, draft.extras()));
  };
  const words = isSteering ? 'Words for the running turn' : 'Message to the session';
  const isWaiting = session.pending_approval !== null;
  return (
    <form class="composer" onSubmit={submit}>
      <Detached session={session} onConnect={() => report(resume(session.id), false)} />
      {failure.value !== null && (
        <p class="banner warn" role="alert">
          {failure.value}
        </p>
      )}
      <textarea
        rows={2}
        dir="auto"
        aria-label={words}
        placeholder={isWaiting ? 'Message: it is read after the request is answered' : words}
        value={text.value}
        onInput={(event) => {
          text.value = event.currentTarget.value;
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) submit(event);
        }}
        onPaste={(event) => void draft.take(event.clipboardData?.files)}
      />
      <Attached images={draft.images} />
      <div class="composer-row">
        {maySteer && (
          <select
            aria-label="When it is read"
            value={isQueueing.value ? 'queue' : 'steer'}
            onChange={(event) => {
              isQueueing.value = event.currentTarget.value === 'queue';
            }}
          >
            <option value="steer">Steer now</option>
            <option value="queue">Queue</option>
          </select>
        )}
        {!isSteering && <Options draft={draft} session={session} />}
        <span class="space" />
        <button
          type="submit"
          class="button primary"
          disabled={!isOnline.value || text.value.trim() === ''}
        >
          {isSteering ? 'Steer' : 'Send'}
        </button>
      </div>
    </form>
  );
}

type Draft = ReturnType<typeof useDraft>;

/** What is being written, what goes with it, and what became of the last message. */
function useDraft() {
  const text = useSignal('');
  const effort = useSignal('');
  const model = useSignal('');
  const images = useSignal<readonly ImageInput[]>([]);
  const failure = useSignal<string | null>(null);
  return {
    text,
    effort,
    model,
    images,
    failure,
    extras(): Sent {
      return {
        ...(effort.value !== '' && { effort: effort.value }),
        ...(model.value !== '' && { model: model.value }),
        ...(images.value.length > 0 && { images: [...images.value] }),
        mentions: mentionsIn(text.value),
      };
    },
    /** @param isMessage whether it sends what is written; else that stays */
    report(sending: Promise<string | null>, isMessage = true): void {
      const [content, pictures] = [text.value, images.value];
      if (isMessage) {
        text.value = '';
        images.value = [];
      }
      failure.value = null;
      void sending.then((words) => {
        failure.value = words;
        // What was typed is not lost with a refusal.
        if (words === null || !isMessage || text.value !== '') return;
        text.value = content;
        images.value = pictures;
      });
    },
    async take(files: FileList | null | undefined): Promise<void> {
      for (const file of files ?? []) {
        if (!file.type.startsWith('image/')) continue;
        if (file.size > MAX_IMAGE_BYTES) {
          failure.value = `${file.name} is larger than ${MAX_IMAGE_BYTES / 1000} kB: send a smaller picture.`;
          continue;
        }
        images.value = [...images.value, { input_type: 'url', value: await dataUrlOf(file) }];
      }
    },
  };
}

/** Files that a text names with an at sign: `@src/main.ts`. */
function mentionsIn(text: string): { name: string; path: string }[] {
  return [...text.matchAll(/(?:^|\s)@([\w./-]*[\w-])/g)].map(([, path = '']) => ({
    name: path.split('/').at(-1) ?? path,
    path,
  }));
}

function dataUrlOf(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

function Options({ draft, session }: { draft: Draft; session: SessionView }) {
  const chooser = useRef<HTMLInputElement>(null);
  return (
    <>
      <select
        aria-label="Effort"
        value={draft.effort.value}
        onChange={(event) => {
          draft.effort.value = event.currentTarget.value;
        }}
      >
        <option value="">{session.effort ? `effort ${session.effort}` : 'effort as it is'}</option>
        {EFFORTS.map((effort) => (
          <option key={effort} value={effort}>
            effort {effort}
          </option>
        ))}
      </select>
      {session.provider === 'codex' && <Models model={draft.model} now={session.model} />}
      <button
        type="button"
        class="button"
        title="Name a file: its path behind an at sign"
        onClick={(event) => {
          const { text } = draft;
          text.value = text.value === '' ? '@' : `${text.value.trimEnd()} @`;
          event.currentTarget.form?.querySelector('textarea')?.focus();
        }}
      >
        @ File
      </button>
      <button type="button" class="button attach" onClick={() => chooser.current?.click()}>
        Image
      </button>
      <input
        ref={chooser}
        type="file"
        accept="image/*"
        multiple
        hidden
        onChange={(event) => void draft.take(event.currentTarget.files)}
      />
    </>
  );
}

/** The models of the account, asked for when the composer is shown. */
function Models({ model, now }: { model: Signal<string>; now: string | null }) {
  const models = useSignal<readonly Model[]>([]);
  useEffect(() => {
    void listModels().then((found) => {
      models.value = found;
    });
  }, []);
  if (models.value.length === 0) return null;
  return (
    <select
      aria-label="Model"
      value={model.value}
      onChange={(event) => {
        model.value = event.currentTarget.value;
      }}
    >
      <option value="">{now ?? 'model as it is'}</option>
      {models.value.map(({ id, model: name, display_name: shown }) => (
        <option key={id} value={name}>
          {shown}
        </option>
      ))}
    </select>
  );
}

function Attached({ images }: { images: Signal<readonly ImageInput[]> }) {
  if (images.value.length === 0) return null;
  return (
    <p class="attached">
      {images.value.map((image, index) => (
        <button
          key={index}
          type="button"
          class="button"
          onClick={() => {
            images.value = images.value.filter((one) => one !== image);
          }}
        >
          Picture {index + 1} · Remove
        </button>
      ))}
    </p>
  );
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
