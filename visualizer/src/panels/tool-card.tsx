/** A use of a tool as one line that opens: kind, headline, result, how long. Diffs and failures open by themselves. */
import { useSignal } from '@preact/signals';
import type { Message } from '../../../src/protocol/nouns.ts';
import { countsOf } from '../diff-lines.ts';
import { talk } from '../session-client.ts';
import { diffOf, fileOf, headlineOfTool, inputOf, resultOf, toolName } from '../tool-labels.ts';
import { Age } from '../ui/clock.tsx';
import { Diff } from '../ui/diff.tsx';
import { spanWords } from '../ui/format.ts';
import { Pictures } from '../ui/pictures.tsx';
import { VisibleText } from '../ui/visible-text.tsx';
import './tool-card.css';

export { headlineOfTool };

/** Lines of a diff that open by themselves; and lines of a failure that are shown before it is opened. */
const SMALL_DIFF = 12;
const FAILURE_LINES = 6;
/** Lines of an output that are put into the document at once. */
const OUTPUT_LINES = 400;

/** Nothing has reported its end, and nothing will: its session, or the turn that it belonged to, is over. */
function isCutOff({ session_id, is_in_progress }: Message): boolean {
  const session = talk.value;
  if (session?.id !== session_id) return false;
  if (session.status === 'ended') return true;
  const isQuiet = session.work_status === 'waiting' || session.work_status === 'reply';
  return isQuiet && is_in_progress !== true;
}

/** The open request of its session is about this use: it does not run before that is answered. */
function isAskedFor(message: Message): boolean {
  const session = talk.value;
  const request = session?.id === message.session_id ? session.pending_approval : null;
  if (!request) return false;
  const { tool_name: name, command, file_path: path } = request;
  if (name !== undefined && name !== message.tool_name) return false;
  const own = inputOf(message)?.command;
  if (typeof own === 'string') return own === command;
  return path === null ? name !== undefined : path === fileOf(message);
}

/** The card of one use. */
export function ToolCard({ message }: { message: Message }) {
  const { tool_name, duration_ms, is_error, is_in_progress, images, timestamp } = message;
  const result = resultOf(message);
  const diff = result?.denied == null ? diffOf(message) : null;
  const hasNoResult = is_in_progress === true || message.tool_output === null;
  const isWaiting = hasNoResult && isAskedFor(message);
  const isRunning = hasNoResult && !isWaiting && !isCutOff(message);
  const isSmall = diff !== null && sizeOf(diff) <= SMALL_DIFF;
  const isFailed = is_error && result?.denied == null;
  const isOpen = useSignal<boolean | null>(null);
  const opensItself = isSmall || isFailed;
  const isDenied = result !== null && result.denied !== null;
  const noResultYet = isWaiting ? 'waits for an answer' : 'no result';
  return (
    <article
      class={`tool${isRunning ? ' running' : ''}${isFailed ? ' failed' : ''}${isDenied ? ' denied' : ''}`}
    >
      <details
        open={isOpen.value ?? opensItself}
        onToggle={(event) => {
          // `toggle` is also sent when it opens by itself; only a person's press is a choice.
          const { open } = event.currentTarget;
          if (open !== (isOpen.peek() ?? opensItself)) isOpen.value = open;
        }}
      >
        <summary>
          <b class="tool-kind">
            <VisibleText text={toolName(tool_name)} />
          </b>{' '}
          <bdi class="code tool-headline" dir="ltr">
            <VisibleText text={headlineOfTool(message)} />
          </bdi>{' '}
          <span class={`tool-result result-${result?.tone ?? 'none'}`}>
            {isRunning ? (
              <>
                running <Age at={timestamp} />
              </>
            ) : (
              <>
                {result ? <VisibleText text={result.words} /> : hasNoResult && noResultYet}
                {duration_ms !== null && <span class="tool-time"> · {spanWords(duration_ms)}</span>}
              </>
            )}
          </span>
        </summary>
        {(isOpen.value ?? opensItself) && (
          <Inside message={message} diff={diff} isWhole={isOpen.value === true} />
        )}
      </details>
      {images !== undefined && images.length > 0 && <Pictures images={images} />}
    </article>
  );
}

function sizeOf(diff: string): number {
  const { added, removed } = countsOf(diff);
  return added + removed;
}

interface InsideProps {
  message: Message;
  diff: string | null;
  /** A person opened it: everything, not the first lines of a failure. */
  isWhole: boolean;
}

function Inside({ message, diff, isWhole }: InsideProps) {
  const { content, tool_output: output, truncated } = message;
  const isShown = useSignal(false);
  const lines = output?.split('\n') ?? [];
  const limit = isShown.value ? lines.length : isWhole ? OUTPUT_LINES : FAILURE_LINES;
  const stored = Math.max(0, ...Object.values(truncated ?? {}));
  const isLong = content.includes('\n');
  return (
    <div class="tool-inside">
      {isLong && (
        <pre class="code" dir="ltr" tabIndex={0}>
          <VisibleText text={content} />
        </pre>
      )}
      {diff !== null && <Diff text={diff} path={fileOf(message)} />}
      {diff === null && isWhole && <Fields message={message} />}
      {output !== null && output !== diff && output.trim() !== '' && (
        <pre class="code" dir="ltr" tabIndex={0}>
          <VisibleText text={lines.slice(0, limit).join('\n')} />
        </pre>
      )}
      {lines.length > limit && output !== diff && (
        <button
          type="button"
          class="button"
          onClick={() => {
            isShown.value = true;
          }}
        >
          Show {lines.length - limit} more lines
        </button>
      )}
      {stored > 0 && (
        <p class="hint">Cut here; {stored.toLocaleString('en')} characters are stored.</p>
      )}
    </div>
  );
}

/** Fields of its input that the headline does not say. */
function Fields({ message }: { message: Message }) {
  const headline = headlineOfTool(message);
  const fields = Object.entries(inputOf(message) ?? {})
    .map(
      ([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)] as const,
    )
    .filter(([, text]) => text !== headline && text !== message.content);
  if (fields.length === 0) return null;
  return (
    <dl class="asked-fields">
      {fields.map(([name, text]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class="code wrap" dir="ltr">
            <VisibleText text={text} />
          </dd>
        </div>
      ))}
    </dl>
  );
}
