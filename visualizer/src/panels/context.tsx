/** The redacted context at the cursor, what the event changed in it, and the event itself. */
import { signal } from '@preact/signals';
import type { Json, Moment } from '../../../src/protocol/inspect.ts';
import { visibleText } from '../../../src/visible-text.ts';
import { linesOf, type TreeLine } from '../json-difference.ts';
import { history, isOnline, selected, shown } from '../page-state.ts';
import { goTo } from '../time-travel.ts';
import { type AskError, ask } from '../transport.ts';
import { useServerQuery } from '../ui/server-query.ts';
import './context.css';

const onlyChanges = signal(false);
const search = signal('');

/** The tab "Context". */
export function Context() {
  const session = selected.value;
  const seq = shown.value.record?.seq;
  const key = session && seq && isOnline.value ? `${session} ${seq}` : null;
  const answer = useServerQuery(key, () => ask('at', { session: session ?? '', seq: seq ?? 0 }));
  const { result, error } = answer.value;
  return (
    <div class="pane" data-testid="context">
      {error && <Missing error={error} />}
      {result && <At moment={result} />}
      {!result && !error && (
        <p class="faint">{key ? 'Loading…' : 'The context appears with the first event.'}</p>
      )}
    </div>
  );
}

function Missing({ error }: { error: AskError }) {
  const { first } = history.value;
  const isCut = error.code === 'cut';
  return (
    <div class="banner warn" role="status">
      <p>{error.message}</p>
      {isCut && first > 0 && (
        <button type="button" class="button" onClick={() => void goTo(first)}>
          Go to #{first}, the oldest kept
        </button>
      )}
    </div>
  );
}

function At({ moment }: { moment: Moment }) {
  const lines = linesOf(moment.context, moment.previous.context);
  const changed = lines.filter(({ change }) => change !== 'same');
  const wanted = search.value.toLowerCase();
  const shownLines = (onlyChanges.value ? changed : lines).filter(({ path }) =>
    path.toLowerCase().includes(wanted),
  );
  return (
    <>
      <Finder />
      <h3>
        Context after #{moment.seq}{' '}
        <span class="faint">
          {changed.some(({ size }) => size < 0)
            ? 'changes are marked'
            : 'the event changed nothing in it'}
        </span>
      </h3>
      <Tree lines={shownLines} label="Context" />
      <h3>Event</h3>
      <Tree lines={linesOf(moment.event as Json, undefined)} label="Event" />
      {moment.facts.length > 0 && (
        <>
          <h3>Recorded</h3>
          <p class="code">{moment.facts.join(', ')}</p>
        </>
      )}
      <button
        type="button"
        class="button"
        onClick={() =>
          void navigator.clipboard?.writeText(
            JSON.stringify({ context: moment.context, event: moment.event }, null, 2),
          )
        }
      >
        Copy as JSON
      </button>
    </>
  );
}

/** Which lines are wanted: by key, or only what changed. */
function Finder() {
  return (
    <div class="events-head">
      <input
        type="search"
        placeholder="Find a key"
        aria-label="Find a key"
        value={search.value}
        onInput={(event) => {
          search.value = event.currentTarget.value;
        }}
      />
      <label class="check">
        <input
          type="checkbox"
          checked={onlyChanges.value}
          onChange={(event) => {
            onlyChanges.value = event.currentTarget.checked;
          }}
        />
        only changes
      </label>
    </div>
  );
}

/** A JSON tree with its changes marked. */
export function Tree({ lines, label }: { lines: readonly TreeLine[]; label: string }) {
  return (
    <ul class="json code" aria-label={label}>
      {lines.map((line) => (
        <li
          key={`${line.path} ${line.change}`}
          class={`json-${line.change}`}
          style={{ paddingInlineStart: `${8 + line.depth * 14}px` }}
        >
          {line.change === 'added' && <span class="sign">+</span>}
          {line.change === 'removed' && <span class="sign">−</span>}
          {line.change === 'changed' && <span class="sign">±</span>}
          <span class="json-key">{visibleText(line.key)}:</span>{' '}
          {line.size >= 0 ? (
            <span class="faint">{line.size === 0 ? 'empty' : `${line.size}`}</span>
          ) : (
            <Value value={line.value} />
          )}
          {line.before !== undefined && (
            <del>
              <Value value={line.before} />
            </del>
          )}
        </li>
      ))}
    </ul>
  );
}

/** A plain value; one that is hidden says so. */
export function Value({ value }: { value: Json }) {
  if (value === '[redacted]') return <em class="redacted">hidden: looks like a secret</em>;
  return <span class={`json-${typeof value}`}>{visibleText(JSON.stringify(value))}</span>;
}
