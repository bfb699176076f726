/** What goes with a message: effort, model, files, pictures, kept prompts. On a phone behind one button. */
import { type Signal, signal, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import { visibleText } from '../../../src/visible-text.ts';
import { type Draft, dropPicture, takePictures } from '../message-drafts.ts';
import { listModels, type Model, type SessionView } from '../session-client.ts';
import { isPhone } from '../ui/small-screen.ts';
import { PromptTemplates } from './prompt-templates.tsx';

/** Levels of a model that is not known here; one that it lacks is refused in words. */
const EFFORTS = ['low', 'medium', 'high'] as const;

/** The models of the account: asked for once, when a person first comes near, because that may start an engine. */
const models = signal<readonly Model[] | null>(null);

/** Has the models asked for, unless they were. */
function needModels(): void {
  if (models.peek() !== null) return;
  models.value = [];
  void listModels().then((found) => {
    models.value = found.length > 0 ? found : null;
  });
}

interface Props {
  draft: Draft;
  session: SessionView;
  /** It goes into the turn that runs, which has its model and effort already. */
  joins: boolean;
  onMention: () => void;
  /** What is before the options. */
  children?: ComponentChildren;
}

/** The options of a message, as far as the wire takes them now. */
export function MessageOptions(props: Props) {
  const isOpen = useSignal(false);
  return (
    <>
      {isPhone.value && (
        <button
          type="button"
          class="button square"
          aria-label="Options of this message"
          aria-expanded={isOpen.value}
          onClick={() => {
            isOpen.value = !isOpen.value;
          }}
        >
          +
        </button>
      )}
      {(!isPhone.value || isOpen.value) && (
        <fieldset
          class="composer-options"
          aria-label="Options of this message"
          onPointerEnter={needModels}
          onFocusIn={needModels}
        >
          {props.children}
          <Options {...props} />
        </fieldset>
      )}
    </>
  );
}

function Options({ draft, session, joins, onMention }: Props) {
  const chooser = useRef<HTMLInputElement>(null);
  return (
    <>
      {!joins && <Effort draft={draft} session={session} />}
      {!joins && <Models model={draft.model} now={session.model} />}
      <button type="button" class="button" title="Name a file of its directory" onClick={onMention}>
        @ File
      </button>
      <button
        type="button"
        class="button"
        title="Or drop one here, or paste it"
        onClick={() => chooser.current?.click()}
      >
        Image
      </button>
      <input
        ref={chooser}
        type="file"
        accept="image/*"
        multiple
        hidden
        onChange={(event) => {
          const { files } = event.currentTarget;
          if (files) void takePictures(draft, [...files]);
          // The same one can be chosen again.
          event.currentTarget.value = '';
        }}
      />
      <PromptTemplates text={draft.text} />
    </>
  );
}

function Effort({ draft, session }: { draft: Draft; session: SessionView }) {
  const model = draft.model.value || session.model;
  const known = models.value?.find((one) => one.model === model)?.supported_reasoning_efforts;
  return (
    <select
      aria-label="Effort"
      value={draft.effort.value}
      onChange={(event) => {
        draft.effort.value = event.currentTarget.value;
      }}
    >
      <option value="">{session.effort ? `effort ${session.effort}` : 'effort as it is'}</option>
      {(known ?? EFFORTS).map((effort) => (
        <option key={effort} value={effort}>
          effort {effort}
        </option>
      ))}
    </select>
  );
}

function Models({ model, now }: { model: Signal<string>; now: string | null }) {
  return (
    <select
      aria-label="Model"
      value={model.value}
      onChange={(event) => {
        model.value = event.currentTarget.value;
      }}
    >
      <option value="">{now ?? 'model as it is'}</option>
      {(models.value ?? [])
        .filter((one) => one.model !== now)
        .map(({ id, model: name, display_name: shown }) => (
          <option key={id} value={name}>
            {shown}
          </option>
        ))}
    </select>
  );
}

/** The pictures that go with the message, each with a way to take it out. */
export function Attached({ draft }: { draft: Draft }) {
  if (draft.pictures.value.length === 0) return null;
  return (
    <ul class="attached" aria-label="Pictures of this message">
      {draft.pictures.value.map((picture) => (
        <li key={picture.preview}>
          <img src={picture.preview} alt={visibleText(picture.name)} />
          <button
            type="button"
            class="button"
            aria-label={`Remove ${visibleText(picture.name)}`}
            onClick={() => dropPicture(draft, picture)}
          >
            ✕
          </button>
        </li>
      ))}
    </ul>
  );
}
