/** Help with all keys, and what is known about this server and page. */
import { useSignal } from '@preact/signals';
import type { InspectStats } from '../../../src/protocol/inspect.ts';
import { KEYS } from '../keys.ts';
import { hello, selected } from '../model.ts';
import { isHelpOpen } from '../route.ts';
import { ask } from '../transport.ts';
import { useAsked } from '../ui/asked.ts';
import { Dialog } from '../ui/dialog.tsx';
import { offer } from '../ui/offer.ts';
import { spanWords } from '../ui/words.ts';

const KEY_WORDS: Record<string, string> = {
  ' ': 'Space',
  ArrowLeft: '←',
  ArrowRight: '→',
  ArrowUp: '↑',
  ArrowDown: '↓',
};

export function Dialogs() {
  if (!isHelpOpen.value) return null;
  return (
    <Dialog
      title="Help"
      onClose={() => {
        isHelpOpen.value = false;
      }}
    >
      <h3>Keys</h3>
      <dl class="keys">
        {KEYS.map(({ keys, words }) => (
          <div key={words}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{KEY_WORDS[key] ?? key}</kbd>
              ))}
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
      <Exports />
      <About />
    </Dialog>
  );
}

function Exports() {
  const failure = useSignal<string | null>(null);
  const run = (wanted: Promise<{ filename: string; text: string }>): void => {
    wanted.then(offer, (cause: Error) => {
      failure.value = cause.message;
    });
  };
  const session = selected.value;
  return (
    <>
      <h3>Take along</h3>
      <div class="buttons">
        {session !== null && (
          <button
            type="button"
            class="button"
            onClick={() =>
              run(
                ask('export', { session }).then(({ filename, jsonl }) => ({
                  filename,
                  text: jsonl,
                })),
              )
            }
          >
            Journal of this session
          </button>
        )}
        {(['mermaid', 'scxml', 'json'] as const).map((format) => (
          <button
            key={format}
            type="button"
            class="button"
            onClick={() => run(ask('chart', { machine: 'session', format }))}
          >
            Chart as {format}
          </button>
        ))}
      </div>
      {failure.value !== null && <p class="banner warn">{failure.value}</p>}
    </>
  );
}

function About() {
  const answer = useAsked('stats', () => ask('stats', {}));
  const greeting = hello.value;
  if (!greeting) return null;
  const { limits } = greeting;
  const found: InspectStats | null = answer.value.result;
  return (
    <>
      <h3>About</h3>
      <dl class="about">
        <dt>Server</dt>
        <dd>
          {greeting.version}, XState {greeting.xstate}, protocol {greeting.protocol}
        </dd>
        <dt>Kept</dt>
        <dd>
          {limits.journalRows} events a session, {limits.journalDays} days
        </dd>
        <dt>Shown</dt>
        <dd>
          texts to {limits.textChars} characters, lists to {limits.listItems}, {limits.depth} levels
        </dd>
        {found && (
          <>
            <dt>Now</dt>
            <dd>
              {found.liveSessions} live sessions, {found.eventsPerSecond} events/s,{' '}
              {Math.round(found.rss / 1_048_576)} MiB, up {spanWords(found.uptimeMs)}
            </dd>
          </>
        )}
      </dl>
    </>
  );
}
