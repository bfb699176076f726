/** All sessions: filter, counts by phase, order, and a list that holds still under the pointer. */
import { computed, effect, signal } from '@preact/signals';
import type { InspectRow } from '../../../src/protocol/inspect.ts';
import { hello, isOnline, rows, rowsTick, selected } from '../model.ts';
import { openSession } from '../route.ts';
import { now } from '../ui/now.tsx';
import { VirtualList } from '../ui/virtual-list.tsx';
import { ageWords } from '../ui/words.ts';
import { PHASE_WORDS, PHASES, type Phase, phaseOf } from '../value.ts';
import { visibleText } from '../visible.ts';
import './sessions.css';

const ORDERS = {
  attention: 'Needs you first',
  recent: 'Latest event first',
  name: 'By name',
  rate: 'Busiest first',
} as const;
type Order = keyof typeof ORDERS;

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
  for (const row of all.value)
    found.set(phaseOf(row.path), (found.get(phaseOf(row.path)) ?? 0) + 1);
  return found;
});

/** Those that the words of the filter let through. */
export const named = computed(() => {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  return all.value.filter((row) => {
    const text = `${row.name} ${row.id} ${row.path.join(' ')} ${row.provider}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
});

const matching = computed(() =>
  named.value.filter(({ path }) => onlyPhase.value === null || phaseOf(path) === onlyPhase.value),
);

/** The list as shown; while it is held, new sessions join at the end. */
const listed = signal<readonly InspectRow[]>([]);
effect(() => {
  const found = matching.value;
  if (!isHeld.value) {
    listed.value = [...found].sort(compare);
    return;
  }
  const byId = new Map(found.map((row) => [row.id, row]));
  const kept = listed.peek().flatMap(({ id }) => byId.get(id) ?? []);
  const known = new Set(kept.map(({ id }) => id));
  listed.value = [...kept, ...found.filter(({ id }) => !known.has(id))];
});

function compare(one: InspectRow, other: InspectRow): number {
  const pins = Number(pinned.value.has(other.id)) - Number(pinned.value.has(one.id));
  if (pins !== 0) return pins;
  const byPhase = PHASES.indexOf(phaseOf(one.path)) - PHASES.indexOf(phaseOf(other.path));
  const byName = one.name.localeCompare(other.name) || one.id.localeCompare(other.id);
  if (order.value === 'recent') return (other.at ?? '').localeCompare(one.at ?? '') || byName;
  if (order.value === 'rate') return other.eventsPerSecond - one.eventsPerSecond || byName;
  return order.value === 'name' ? byName : byPhase || byName;
}

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
      {PHASES.map((phase) => (
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
      rowHeight={60}
      label="Sessions"
      testId="session-list"
      active={items.findIndex(({ id }) => id === selected.value)}
      keyOf={({ id }) => id}
      onPick={({ id }) => openSession(id)}
      onHold={(held) => {
        isHeld.value = held;
      }}
      className={({ path }) => `phase-${phaseOf(path)}`}
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
  const phase = phaseOf(row.path);
  const path = row.path.find((one) => one.startsWith('phase.'))?.slice(6) ?? 'no events yet';
  return (
    <>
      <i class={`dot fill-${phase}`} />
      <span class="row-main">
        <span class="row-line">
          <b class="row-name">
            {pinned.value.has(row.id) && <span class="pin">pinned </span>}
            <bdi>{visibleText(row.name)}</bdi>
          </b>
          <LinkPill link={row.link} />
          <span class="row-age">
            {row.at === null ? '' : ageWords(Math.max(0, now.value - Date.parse(row.at)))}
          </span>
        </span>
        <span class="row-line code">
          <span class={`row-state text-${phase}`}>{path}</span>
          <span class="row-event">
            {row.lastAccepted ? row.lastEvent : `refused ${row.lastEvent}`}
          </span>
        </span>
      </span>
    </>
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
