/** All sessions: filter, counts by phase, order, and a list that holds still under the pointer. */
import { computed, effect, signal } from '@preact/signals';
import type { InspectRow } from '../../../src/protocol/inspect.ts';
import { hello, isOnline, rows, rowsTick, selected } from '../model.ts';
import { inOrder, longestWaitFirst, ORDERS, type Order } from '../order.ts';
import { openSession } from '../route.ts';
import { headlineOf, placeOf, searchText, titleOf } from '../session-words.ts';
import { Age } from '../ui/now.tsx';
import { VirtualList } from '../ui/virtual-list.tsx';
import { PHASE_WORDS, PHASES, type Phase, phaseOfRow } from '../value.ts';
import { visibleText } from '../visible.ts';
import './sessions.css';

/** The words that rows must hold to be listed. */
export const filter = signal('');
const onlyPhase = signal<Phase | null>(null);
const order = signal<Order>('attention');
const pinned = signal<ReadonlySet<string>>(new Set());
/** True while the pointer or the focus is inside: rows change in place, none moves. */
const isHeld = signal(false);

/** All sessions, in no order; changes as often as the list is repainted. */
export const all = computed(() => {
  rowsTick.value;
  return [...rows.values()];
});

/** How many sessions stand in each phase. */
const counts = computed(() => {
  const found = new Map<Phase, number>(PHASES.map((phase) => [phase, 0]));
  for (const row of all.value) {
    const phase = phaseOfRow(row);
    found.set(phase, (found.get(phase) ?? 0) + 1);
  }
  return found;
});

/** Those that the words of the filter let through. */
export const named = computed(() => {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return all.value;
  return all.value.filter((row) => {
    const text = searchText(row);
    return words.every((word) => text.includes(word));
  });
});

const matching = computed(() => {
  const phase = onlyPhase.value;
  return phase === null ? named.value : named.value.filter((row) => phaseOfRow(row) === phase);
});

/** The list as shown; while it is held, new sessions join at the end. */
const listed = signal<readonly InspectRow[]>([]);
effect(() => {
  const found = matching.value;
  if (!isHeld.value) {
    listed.value = inOrder(found, order.value, pinned.value);
    return;
  }
  const byId = new Map(found.map((row) => [row.id, row]));
  const kept = listed.peek().flatMap(({ id }) => byId.get(id) ?? []);
  const known = new Set(kept.map(({ id }) => id));
  listed.value = [...kept, ...found.filter(({ id }) => !known.has(id))];
});

/** Sessions that wait for a person, the longest wait first. */
export const waitingRows = computed(() =>
  longestWaitFirst(all.value.filter(({ waiting }) => waiting !== null)),
);

/** Selects the session so many rows further down. */
export function selectNeighbour(by: number): void {
  const list = listed.peek();
  const at = list.findIndex(({ id }) => id === selected.peek());
  const row = list[at < 0 ? 0 : Math.min(list.length - 1, Math.max(0, at + by))];
  if (row) openSession(row.id);
}

/** Keeps the watched session on top, or lets it go. */
export function togglePin(): void {
  const id = selected.peek();
  if (id === null) return;
  const pins = new Set(pinned.peek());
  if (!pins.delete(id)) pins.add(id);
  pinned.value = pins;
}

/** Height of a row, px: title, what it does or waits for, where. */
const ROW_PX = 92;

/** The panel of all sessions. */
export function Sessions() {
  return (
    <section class="sessions" aria-label="Sessions" data-testid="sessions">
      <div class="sessions-head">
        <div class="field">
          <input
            id="filter"
            type="search"
            placeholder="Filter sessions"
            aria-label="Filter sessions"
            autocomplete="off"
            spellcheck={false}
            value={filter.value}
            onInput={(event) => {
              filter.value = event.currentTarget.value;
            }}
          />
          <kbd>/</kbd>
        </div>
        <PhaseBar />
        <Chips />
        <select
          aria-label="Order"
          value={order.value}
          onChange={(event) => {
            order.value = event.currentTarget.value as Order;
          }}
        >
          {Object.entries(ORDERS).map(([key, words]) => (
            <option key={key} value={key}>
              {words}
            </option>
          ))}
        </select>
      </div>
      {listed.value.length > 0 ? <List /> : <Empty />}
    </section>
  );
}

function PhaseBar() {
  return (
    <div class="phase-bar" aria-hidden="true">
      {PHASES.map((phase) => (
        <span
          key={phase}
          class={`fill-${phase}`}
          style={{ flexGrow: counts.value.get(phase) ?? 0 }}
        />
      ))}
    </div>
  );
}

function Chips() {
  return (
    <div class="chips" role="group" aria-label="Sessions by phase">
      {PHASES.filter((phase) => phase !== 'failed' || counts.value.get(phase)).map((phase) => (
        <button
          key={phase}
          type="button"
          class="chip"
          aria-pressed={onlyPhase.value === phase}
          data-phase={phase}
          onClick={() => {
            onlyPhase.value = onlyPhase.value === phase ? null : phase;
          }}
        >
          <i class={`dot fill-${phase}`} />
          {PHASE_WORDS[phase]} <b>{counts.value.get(phase)}</b>
        </button>
      ))}
    </div>
  );
}

function List() {
  const items = listed.value;
  return (
    <VirtualList
      items={items}
      rowHeight={ROW_PX}
      label="Sessions"
      testId="session-list"
      active={items.findIndex(({ id }) => id === selected.value)}
      keyOf={({ id }) => id}
      onPick={({ id }) => openSession(id)}
      onHold={(held) => {
        isHeld.value = held;
      }}
      className={(row) => `phase-${phaseOfRow(row)}`}
      render={(row) => <Row row={row} />}
    />
  );
}

/** The state of the link, where there is one to speak of. */
export function LinkPill({ link }: { link: string | null }) {
  if (link === null || link === 'passive') return null;
  return <span class={`row-link link-${link}`}>{link}</span>;
}

function Row({ row }: { row: InspectRow }) {
  const phase = phaseOfRow(row);
  const { verb, thing, isCode } = headlineOf(row);
  const since = row.waiting?.since ?? row.at;
  const title = visibleText(titleOf(row));
  return (
    <>
      <i class={`dot fill-${phase}`} />
      <span class="row-main">
        <span class="row-line">
          <b class="row-name" title={title}>
            {pinned.value.has(row.id) && <span class="pin">pinned </span>}
            <bdi>{title}</bdi>
          </b>
          {!row.steered && <Eye />}
          <span class={`row-age${row.waiting ? ' text-attention' : ''}`}>
            {since !== null && <Age at={since} />}
          </span>
        </span>
        <span class={`row-headline text-${phase}`}>
          <b>{verb}</b> <bdi class={isCode ? 'code' : ''}>{visibleText(thing)}</bdi>
        </span>
        <span class="row-place">
          <bdi>{visibleText(placeOf(row))}</bdi>
          <LinkPill link={row.link} />
        </span>
      </span>
    </>
  );
}

/** Marks a session that is only watched: it is answered in its own terminal. */
function Eye() {
  return (
    <svg class="eye" viewBox="0 0 16 16" role="img" aria-label="watched only">
      <title>Watched only: it runs in its own terminal</title>
      <path d="M1 8s2.6-4.5 7-4.5S15 8 15 8s-2.6 4.5-7 4.5S1 8 1 8Z" />
      <circle cx="8" cy="8" r="2" />
    </svg>
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
            onlyPhase.value = null;
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
