/** What can be taken along: a session's journal as an incident bundle, a chart in three forms. */
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { conversationOf } from '../all-sessions.ts';
import { openFile } from '../imported-file.ts';
import { ask } from '../transport.ts';
import { download } from '../ui/download.ts';

interface Choice {
  words: string;
  fetch: () => Promise<{ filename: string; text: string }>;
}

/** The journal of a session, redacted, for `orbitdock-server replay`. */
export function JournalExport({ session }: { session: string }) {
  const fetch = async () => {
    const { filename, jsonl } = await ask('export', { session });
    return { filename, text: jsonl };
  };
  return <Exports choices={[{ words: 'Journal of this session', fetch }]} />;
}

/** The conversation, to read, to hand on, or for programs. */
export function ConversationExport({ session }: { session: string }) {
  const choices = (
    [
      ['md', 'Conversation as Markdown'],
      ['html', 'as a page to hand on'],
      ['jsonl', 'as JSON lines'],
    ] as const
  ).map(([format, words]) => ({ words, fetch: () => conversationOf(session, format) }));
  return <Exports choices={choices} />;
}

/** A chart for documents, interpreters and programs. */
export function ChartExports({ machine }: { machine: string }) {
  const choices = (['mermaid', 'scxml', 'json'] as const).map((format) => ({
    words: `Chart as ${format}`,
    fetch: () => ask('chart', { machine, format }),
  }));
  return <Exports choices={choices} />;
}

function Exports({ choices }: { choices: readonly Choice[] }) {
  const failure = useSignal<string | null>(null);
  return (
    <>
      <div class="buttons">
        {choices.map(({ words, fetch }) => (
          <button
            key={words}
            type="button"
            class="button"
            onClick={() => {
              failure.value = null;
              fetch().then(download, (cause: Error) => {
                failure.value = cause.message;
              });
            }}
          >
            {words}
          </button>
        ))}
      </div>
      {failure.value !== null && (
        <p class="banner warn" role="alert">
          {failure.value}
        </p>
      )}
    </>
  );
}

/** Opens an export in this page, to read it. */
export function Import({ onOpened }: { onOpened: (session: string) => void }) {
  const failure = useSignal<string | null>(null);
  const chooser = useRef<HTMLInputElement>(null);
  const open = async (file: File | undefined): Promise<void> => {
    if (!file) return;
    failure.value = null;
    try {
      onOpened(await openFile(file));
    } catch (cause) {
      failure.value = (cause as Error).message;
    }
  };
  return (
    <>
      <div class="buttons">
        <button type="button" class="button" onClick={() => chooser.current?.click()}>
          Open an exported file…
        </button>
        <input
          ref={chooser}
          type="file"
          accept=".jsonl"
          hidden
          aria-label="Exported file"
          onChange={(event) => {
            void open(event.currentTarget.files?.[0]);
            event.currentTarget.value = '';
          }}
        />
      </div>
      <p class="hint">
        The journal of a session, or a conversation as JSON lines. It is only looked at, and stays
        in this browser.
      </p>
      {failure.value !== null && (
        <p class="banner warn" role="alert">
          {failure.value}
        </p>
      )}
    </>
  );
}
