/** Begins a session: what it shall do, where, and what it may do alone. A worktree of its own unless said otherwise. */
import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { directoriesFor, type NewSession, startSession } from '../all-sessions.ts';
import { isNewSessionOpen, openSession } from '../route.ts';
import { listModels, type Model, mayControl } from '../session-client.ts';
import { Dialog } from '../ui/dialog.tsx';
import { PromptTemplates } from './prompt-templates.tsx';
import './new-session.css';

/** What an agent may do without asking; the first is meant for a checkout that nothing else works in. */
const FREEDOMS = [
  {
    words: 'Edit files; ask before other commands',
    settings: { approval_policy: 'on-request', sandbox_mode: 'workspace-write' },
  },
  {
    words: 'Read only; ask before it changes anything',
    settings: { approval_policy: 'on-request', sandbox_mode: 'read-only' },
  },
  {
    words: 'Ask before every command',
    settings: { approval_policy: 'untrusted', sandbox_mode: 'workspace-write' },
  },
  {
    words: 'Everything, without asking',
    settings: { approval_policy: 'never', sandbox_mode: 'danger-full-access' },
  },
] as const;

/** The button that opens the dialog; nothing where this page may only read. */
export function NewSessionButton() {
  if (!mayControl.value) return null;
  return (
    <button
      type="button"
      class="button primary new-session-button"
      onClick={() => {
        isNewSessionOpen.value = true;
      }}
    >
      New session
    </button>
  );
}

/** The dialog, while it is open. */
export function NewSessionDialog() {
  if (!isNewSessionOpen.value) return null;
  const close = (): void => {
    isNewSessionOpen.value = false;
  };
  return (
    <Dialog title="New session" onClose={close}>
      <Form onDone={close} />
    </Dialog>
  );
}

function Form({ onDone }: { onDone: () => void }) {
  const prompt = useSignal('');
  const cwd = useSignal('');
  const hasWorktree = useSignal(true);
  const branch = useSignal('');
  const model = useSignal('');
  const freedom = useSignal(0);
  const failure = useSignal<string | null>(null);
  const isStarting = useSignal(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (isStarting.peek()) return;
    isStarting.value = true;
    failure.value = null;
    const request: NewSession = {
      ...{ cwd: cwd.value.trim(), prompt: prompt.value.trim(), model: model.value },
      worktree: hasWorktree.value ? { branch: branch.value.trim() || null } : null,
      ...(FREEDOMS[freedom.value]?.settings ?? FREEDOMS[0].settings),
    };
    const started = await startSession(request);
    isStarting.value = false;
    // The session may be there although its first message was refused: it is shown, and says so itself.
    if (started.id !== null) {
      openSession(started.id);
      onDone();
    } else failure.value = started.failure;
  };
  return (
    <form class="new-session" onSubmit={(event) => void submit(event)}>
      <label>
        What should it do?
        <textarea
          rows={4}
          dir="auto"
          required
          data-first
          value={prompt.value}
          onInput={(event) => {
            prompt.value = event.currentTarget.value;
          }}
        />
      </label>
      <PromptTemplates text={prompt} />
      <Directory cwd={cwd} />
      <fieldset>
        <legend>Where it works</legend>
        <label class="choice">
          <input
            type="radio"
            name="where"
            checked={hasWorktree.value}
            onChange={() => {
              hasWorktree.value = true;
            }}
          />
          <span>
            <b>A new worktree</b> A branch of its own; nothing of yours is touched
          </span>
        </label>
        {hasWorktree.value && (
          <label class="branch">
            New branch
            <input
              type="text"
              class="code"
              placeholder="named for you"
              value={branch.value}
              onInput={(event) => {
                branch.value = event.currentTarget.value;
              }}
            />
          </label>
        )}
        <label class="choice">
          <input
            type="radio"
            name="where"
            checked={!hasWorktree.value}
            onChange={() => {
              hasWorktree.value = false;
            }}
          />
          <span>
            <b>The directory itself</b> Beside whatever else works there
          </span>
        </label>
      </fieldset>
      <div class="new-session-row">
        <Models model={model} />
        <label>
          What it may do alone
          <select
            value={String(freedom.value)}
            onChange={(event) => {
              freedom.value = Number(event.currentTarget.value);
            }}
          >
            {FREEDOMS.map(({ words }, index) => (
              <option key={words} value={String(index)}>
                {words}
              </option>
            ))}
          </select>
        </label>
      </div>
      <p class="hint">
        Runs Codex. A Claude session begins in a terminal: <code>claude</code>.
      </p>
      {failure.value !== null && (
        <p class="banner bad" role="alert">
          {failure.value}
        </p>
      )}
      <div class="buttons">
        <button type="submit" class="button primary" disabled={isStarting.value}>
          {isStarting.value ? 'Starting…' : 'Start session'}
        </button>
        <button type="button" class="button" onClick={onDone}>
          Cancel
        </button>
      </div>
    </form>
  );
}

type Text = Signal<string>;

/** A path, completed from projects in which sessions ran and from the directories of the server's machine. */
function Directory({ cwd }: { cwd: Text }) {
  const known = useSignal<readonly string[]>([]);
  const asked = cwd.value.slice(0, cwd.value.lastIndexOf('/') + 1);
  useEffect(() => {
    let isCurrent = true;
    void directoriesFor(asked).then((found) => {
      if (isCurrent) known.value = found;
    });
    return () => {
      isCurrent = false;
    };
  }, [asked]);
  return (
    <label>
      Directory
      <input
        type="text"
        class="code"
        required
        list="directories"
        placeholder="/home/you/project"
        autoComplete="off"
        spellcheck={false}
        value={cwd.value}
        onInput={(event) => {
          cwd.value = event.currentTarget.value;
        }}
      />
      <datalist id="directories">
        {known.value.map((path) => (
          <option key={path} value={path} />
        ))}
      </datalist>
    </label>
  );
}

function Models({ model }: { model: Text }) {
  const models = useSignal<readonly Model[]>([]);
  useEffect(() => {
    void listModels().then((found) => {
      models.value = found;
    });
  }, []);
  return (
    <label>
      Model
      <select
        value={model.value}
        onChange={(event) => {
          model.value = event.currentTarget.value;
        }}
      >
        <option value="">as configured</option>
        {models.value.map(({ model: name, display_name }) => (
          <option key={name} value={name}>
            {display_name}
          </option>
        ))}
      </select>
    </label>
  );
}
