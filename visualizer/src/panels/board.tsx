/**
 * All sessions side by side: a column for each project, state or agent, in it cards in the order of the list. What
 * waits has a button that leads to the whole request. Columns and cards hold still while a person is about to press.
 */
import { computed, useSignal } from '@preact/signals';
import type { InspectRow } from '../../../src/protocol/inspect.ts';
import { visibleText } from '../../../src/visible-text.ts';
import { frozenOrder } from '../frozen-order.ts';
import { BOARD_COLUMNS, type BoardColumns, boardColumns, type Group } from '../list-order.ts';
import { oneOf, storedSignal } from '../local-storage.ts';
import { inboxed } from '../page-state.ts';
import { isUnread } from '../read-marks.ts';
import { addressOfSession, openSession, openTab, place } from '../route.ts';
import { headlineOf, sinceOf, titleOf } from '../session-labels.ts';
import { all, filter, isCompact, named, pinned } from '../session-list.ts';
import { phaseOfRow, stateGroupOf } from '../state-value.ts';
import { Age, now } from '../ui/clock.tsx';
import { ageWords, count } from '../ui/format.ts';
import { Glyph } from '../ui/glyph.tsx';
import { isPlainPress } from '../ui/link.ts';
import { holding } from '../ui/list-scroll.ts';
import { CompactRow, Eye, Thing } from './session-row.tsx';
import './board.css';

/** What the columns are. */
const columnsBy = storedSignal<BoardColumns>(
  'board',
  'project',
  oneOf(Object.keys(BOARD_COLUMNS) as BoardColumns[]),
);
/** Cards of a column that are drawn before a person asks for more: the document stays small with thousands. */
const SHOWN = 20;
const MORE = 100;
/** Columns that are drawn before a person asks for more. */
const COLUMNS = 24;

const wanted = computed(() =>
  boardColumns(named.value, columnsBy.value, new Set(pinned.value), isUnread.value),
);
const order = frozenOrder(wanted, () =>
  JSON.stringify([columnsBy.value, filter.value, pinned.value]),
);

/** The page "Board". */
export function Board() {
  const limit = useSignal(COLUMNS);
  const columns = order.listed.value;
  return (
    <section class="board-page" aria-label="Board" data-testid="board">
      <h1 class="visually-hidden">Board</h1>
      <Head />
      <div class="board" {...holding(order.hold)}>
        {columns.slice(0, limit.value).map((column) => (
          <Column key={column.key} column={column} />
        ))}
        {columns.length > limit.value && (
          <button
            type="button"
            class="button board-more"
            onClick={() => {
              limit.value += COLUMNS;
            }}
          >
            {columns.length - limit.value} more columns
          </button>
        )}
        {columns.length === 0 && (
          <p class="empty">
            {all.value.length > 0 ? 'No session matches this filter.' : 'No sessions yet.'}
          </p>
        )}
      </div>
    </section>
  );
}

function Head() {
  return (
    <header class="board-head">
      <span class="segments" role="group" aria-label="Columns">
        {Object.entries(BOARD_COLUMNS).map(([key, words]) => (
          <button
            key={key}
            type="button"
            aria-pressed={columnsBy.value === key}
            onClick={() => {
              columnsBy.value = key as BoardColumns;
            }}
          >
            {words}
          </button>
        ))}
      </span>
      <button
        type="button"
        class="button"
        aria-pressed={isCompact.value}
        onClick={() => {
          isCompact.value = !isCompact.peek();
        }}
      >
        Compact
      </button>
      <input
        type="search"
        placeholder="Filter sessions"
        aria-label="Filter sessions"
        value={filter.value}
        onInput={(event) => {
          filter.value = event.currentTarget.value;
        }}
      />
      {order.moved.value > 0 && (
        <button type="button" class="button" onClick={order.sortNow}>
          {order.moved.value} moved · Sort now
        </button>
      )}
      <Summary />
    </header>
  );
}

/** How many wait, failed, work and have finished, in words. */
function Summary() {
  const unread = isUnread.value;
  const numbers = { attention: 0, failed: 0, working: 0, finished: 0, idle: 0, ended: 0 };
  let longest = Number.POSITIVE_INFINITY;
  for (const row of named.value) {
    numbers[stateGroupOf(row, unread(row))] += 1;
    if (row.waiting) longest = Math.min(longest, Date.parse(row.waiting.since));
  }
  const waited = Number.isFinite(longest)
    ? `, longest ${ageWords(Math.max(0, now.value - longest))}`
    : '';
  return (
    <p class="board-summary">
      {numbers.attention > 0 ? (
        <b class="text-attention">{numbers.attention} wait for you</b>
      ) : (
        'Nothing waits for you'
      )}
      {waited}
      {numbers.failed > 0 && <span class="text-failed"> · {numbers.failed} failed</span>}
      <span class="text-working"> · {numbers.working} work</span>
      {numbers.finished > 0 && ` · ${numbers.finished} finished`}
    </p>
  );
}

function Column({ column }: { column: Group }) {
  const limit = useSignal(SHOWN);
  const isUnfolded = useSignal(column.key === 'ended');
  const rows = column.rows.filter((row) => phaseOfRow(row) !== 'ended' || column.key === 'ended');
  const ended = column.key === 'ended' ? [] : column.rows.filter((row) => !rows.includes(row));
  const waiting = rows.filter((row) => row.waiting !== null).length;
  const shown = isUnfolded.value ? [...rows, ...ended] : rows;
  return (
    <section class="board-column" aria-label={column.words ?? 'Sessions'}>
      <h2>
        <bdi title={column.words ?? undefined}>{visibleText(column.words ?? 'Sessions')}</bdi>
        {waiting > 0 && (
          <b class="board-waiting" title={`${waiting} wait for you`}>
            {waiting}
          </b>
        )}
        <span class="faint">{count(column.rows.length, 'session')}</span>
      </h2>
      <ul>
        {shown.slice(0, limit.value).map((row) => (
          <li key={row.id}>
            <Card row={row} />
          </li>
        ))}
      </ul>
      {shown.length > limit.value && (
        <button
          type="button"
          class="button"
          onClick={() => {
            limit.value += MORE;
          }}
        >
          Show {Math.min(MORE, shown.length - limit.value)} more
        </button>
      )}
      {ended.length > 0 && (
        <button
          type="button"
          class="link board-ended"
          aria-expanded={isUnfolded.value}
          onClick={() => {
            isUnfolded.value = !isUnfolded.peek();
          }}
        >
          Ended {ended.length}
        </button>
      )}
    </section>
  );
}

function Card({ row }: { row: InspectRow }) {
  const unread = isUnread.value(row);
  const group = stateGroupOf(row, unread);
  return (
    <article class={`board-card card-${group}${isCompact.value ? ' compact' : ''}`}>
      <a
        class="row-link"
        href={addressOfSession(row.id)}
        onClick={(event) => {
          if (!isPlainPress(event)) return;
          event.preventDefault();
          openTab('session');
          openSession(row.id);
        }}
      >
        {isCompact.value ? <CompactRow row={row} /> : <CardLines row={row} isUnread={unread} />}
      </a>
      {row.waiting !== null && !isCompact.value && row.steered && (
        <button
          type="button"
          class="button"
          onClick={() => {
            inboxed.value = row.id;
            place.value = 'inbox';
          }}
        >
          {SEE_WORDS[headlineOf(row).verb.split(' ')[0] ?? ''] ?? 'Answer…'}
        </button>
      )}
    </article>
  );
}

/** What leads to a request, by the first word of its headline. */
const SEE_WORDS: Readonly<Record<string, string>> = {
  Run: 'See command…',
  Change: 'See change…',
  Plan: 'Read plan…',
  Use: 'See tool…',
};

function CardLines({ row, isUnread: unread }: { row: InspectRow; isUnread: boolean }) {
  const group = stateGroupOf(row, unread);
  const { verb, thing, isCode } = headlineOf(row, unread);
  const since = sinceOf(row);
  const title = visibleText(titleOf(row));
  return (
    <>
      <Glyph state={group} />
      <span class="board-lines">
        <b class="board-title" dir="auto" title={title}>
          {title}
        </b>{' '}
        <span class={`board-headline text-${group}`}>
          <b>{verb}</b> <Thing text={thing} isCode={isCode} />
        </span>{' '}
        <span class="row-place">
          <bdi>
            {visibleText(columnsBy.value === 'project' ? (row.branch ?? '') : placeIn(row))}
          </bdi>
          {!row.steered && <Eye />}
          <span class={`row-numbers${row.waiting ? ' text-attention' : ''}`}>
            {since !== null && <Age at={since} />}
          </span>
        </span>
      </span>
    </>
  );
}

function placeIn({ project, name, branch }: InspectRow): string {
  return [project ?? name, branch].filter(Boolean).join(' · ');
}
