/** All sessions: filter, saved filters, arrangement, and a list in groups that holds still under the pointer. */
import { useSignal } from '@preact/signals';
import type { InspectRow } from '../../../src/protocol/inspect.ts';
import { ARRANGEMENTS, type Arrangement } from '../list-order.ts';
import { hello, isOnline, rows, selected } from '../page-state.ts';
import { addressOfSession, openSession } from '../route.ts';
import {
  all,
  arrangement,
  filter,
  filtered,
  forgetFilter,
  holdOrder,
  isCompact,
  listed,
  moved,
  savedFilters,
  saveFilter,
  selectNeighbour,
  shownGroups,
  sortNow,
  toggleFold,
} from '../session-list.ts';
import { count } from '../ui/format.ts';
import { GroupedList } from '../ui/grouped-list.tsx';
import { isPlainPress } from '../ui/link.ts';
import { isPhone } from '../ui/small-screen.ts';
import { PastButton } from './past-sessions.tsx';
import { CompactRow, compactHeight, rowClass, rowHeight, SessionRow } from './session-row.tsx';
import { CostToday } from './usage.tsx';
import './sessions.css';

/** Height of a heading, px; one that a finger must meet is higher. */
const HEAD_PX = 32;
const TOUCH_HEAD_PX = 44;

/** The panel of all sessions. */
export function Sessions() {
  return (
    <section
      class={`sessions${isCompact.value ? ' compact' : ''}`}
      aria-label="Sessions"
      data-testid="sessions"
    >
      <div class="sessions-head">
        <div class="field">
          <input
            id="filter"
            type="search"
            placeholder="Filter sessions"
            aria-label="Filter sessions"
            title="All words must be found; also project: agent: branch: is: when:today"
            autocomplete="off"
            spellcheck={false}
            value={filter.value}
            onInput={(event) => {
              filter.value = event.currentTarget.value;
            }}
          />
          <kbd>L</kbd>
        </div>
        <select
          aria-label="Order"
          value={arrangement.value}
          onChange={(event) => {
            arrangement.value = event.currentTarget.value as Arrangement;
          }}
        >
          {Object.entries(ARRANGEMENTS).map(([key, words]) => (
            <option key={key} value={key}>
              {words}
            </option>
          ))}
        </select>
        <div class="sessions-tools">
          <Filters />
          <PastButton />
          <CostToday />
        </div>
      </div>
      {listed.value.length > 0 ? <List /> : <Empty />}
      <Foot />
    </section>
  );
}

/** Filters with one press: all, today, and those that a person keeps. */
function Filters() {
  const words = filter.value.trim();
  const offered = [...OFFERED, ...savedFilters.value];
  const isSaved = savedFilters.value.some((one) => one.words === words);
  const isNew = !offered.some((one) => one.words === words);
  return (
    <div class="chips" role="group" aria-label="Filters">
      {offered.map((one) => (
        <button
          key={one.words}
          type="button"
          class="chip"
          title={one.words || undefined}
          aria-pressed={one.words === words}
          onClick={() => {
            filter.value = one.words === words ? '' : one.words;
          }}
        >
          <bdi>{one.name}</bdi> <b>{filtered(one.words).length}</b>
        </button>
      ))}
      {isSaved && (
        <button type="button" class="chip" onClick={() => forgetFilter(words)}>
          Forget filter
        </button>
      )}
      {isNew && <SaveFilter key={words} />}
    </div>
  );
}

const OFFERED = [
  { name: 'All', words: '' },
  { name: 'Today', words: 'when:today' },
] as const;

/** Asks for a name before it keeps the filter; without one it is called by its words. */
function SaveFilter() {
  const isNaming = useSignal(false);
  const name = useSignal('');
  if (!isNaming.value) {
    return (
      <button
        type="button"
        class="chip"
        onClick={() => {
          isNaming.value = true;
        }}
      >
        Save filter…
      </button>
    );
  }
  const close = (): void => {
    isNaming.value = false;
    document.getElementById('filter')?.focus();
  };
  return (
    <form
      class="name-filter"
      onSubmit={(event) => {
        event.preventDefault();
        saveFilter(name.peek());
        close();
      }}
      onKeyDown={(event) => {
        if (event.key === 'Escape') close();
      }}
    >
      <input
        ref={(field) => field?.focus()}
        type="text"
        dir="auto"
        aria-label="Name of the filter"
        placeholder="Name"
        maxLength={40}
        value={name.value}
        onInput={(event) => {
          name.value = event.currentTarget.value;
        }}
      />
      <button type="submit" class="chip">
        Save
      </button>
    </form>
  );
}

/** Rows of one line, or of three. */
function Compact() {
  return (
    <button
      type="button"
      class="link compact-switch"
      aria-pressed={isCompact.value}
      title="One line for each session"
      onClick={() => {
        isCompact.value = !isCompact.peek();
      }}
    >
      Compact
    </button>
  );
}

function List() {
  return (
    <GroupedList<InspectRow>
      groups={shownGroups.value}
      heightOf={isCompact.value ? compactHeight : rowHeight}
      headHeight={isPhone.value ? TOUCH_HEAD_PX : HEAD_PX}
      testId="session-list"
      active={selected.value}
      keyOf={keyOf}
      onFold={toggleFold}
      onStep={selectNeighbour}
      onHold={holdOrder}
      className={rowClass}
      render={(row, tabIndex) => <RowLink row={row} tabIndex={tabIndex} />}
    />
  );
}

const keyOf = ({ id }: InspectRow): string => id;

function RowLink({ row, tabIndex }: { row: InspectRow; tabIndex: 0 | -1 }) {
  return (
    <a
      class="row-link"
      href={addressOfSession(row.id)}
      tabIndex={tabIndex}
      aria-current={row.id === selected.value ? 'true' : undefined}
      onClick={(event) => {
        if (!isPlainPress(event)) return;
        event.preventDefault();
        openSession(row.id);
      }}
    >
      {isCompact.value ? <CompactRow row={row} /> : <SessionRow row={row} />}
    </a>
  );
}

function Foot() {
  if (all.value.length === 0) return null;
  const projects = new Set(all.value.map(({ project, name }) => project ?? name)).size;
  return (
    <p
      class="sessions-foot"
      onPointerEnter={() => holdOrder(true)}
      onPointerLeave={() => holdOrder(false)}
    >
      {count(all.value.length, 'session')} · {count(projects, 'project')}
      {moved.value > 0 && (
        <>
          {' '}
          · {moved.value} moved{' '}
          <button type="button" class="link" onClick={sortNow}>
            Sort now
          </button>
        </>
      )}
      <Compact />
    </p>
  );
}

function Empty() {
  if (rows.size > 0) {
    return (
      <div class="empty" data-testid="no-hits">
        <p>No session matches this filter.</p>
        <button
          type="button"
          class="button"
          onClick={() => {
            filter.value = '';
          }}
        >
          Clear the filter
        </button>
      </div>
    );
  }
  if (hello.value === null)
    return <div class="empty">{isOnline.value ? '' : 'Waiting for the server…'}</div>;
  return <NoSessions />;
}

function NoSessions() {
  const command = 'orbitdock-server install-hooks';
  return (
    <div class="empty" data-testid="no-sessions">
      <p>No sessions yet. Install the hooks once; every Claude Code session then shows up here.</p>
      <p>
        <code class="copyable">{command}</code>
      </p>
      <button
        type="button"
        class="button"
        onClick={() => void navigator.clipboard?.writeText(command)}
      >
        Copy the command
      </button>
      <p class="hint">
        Only looking? <code>orbitdock-server demo</code> plays recorded ones.
      </p>
    </div>
  );
}
