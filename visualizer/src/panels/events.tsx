/** The journal of the watched session, newest first, one cursor with chart and strip. */
import { computed, signal } from '@preact/signals';
import type { InspectRecord } from '../../../src/protocol/inspect.ts';
import { callerWords, commanderOf, shortCaller } from '../callers.ts';
import { chartOf } from '../charts.ts';
import { recordAt } from '../loaded-records.ts';
import { history, position, rows, selected, shown } from '../page-state.ts';
import { leavesOf, phaseOf } from '../state-value.ts';
import { goTo } from '../time-travel.ts';
import { loadOlder } from '../transport.ts';
import { clockWords } from '../ui/format.ts';
import { VirtualList } from '../ui/virtual-list.tsx';
import './events.css';

const words = signal('');
const onlyChanged = signal(false);

/** Who gave the command, as a row says it. */
function callerIn(record: InspectRecord): string {
  const caller = commanderOf(record);
  return caller ? shortCaller(caller) : '';
}

/** What an event did, beside its name. */
const actionsOf = computed(() => {
  const edges = new Map(chartOf('session')?.chart.edges.map((edge) => [edge.id, edge]) ?? []);
  return (record: InspectRecord): string =>
    (record.edges ?? []).flatMap((id) => edges.get(id)?.actions ?? []).join(', ');
});

const found = computed(() => {
  const wanted = words.value.toLowerCase();
  const { records } = history.value;
  // Thousands of records come by at every commit: most of the time no filter is set.
  if (wanted === '' && !onlyChanged.value) return records.toReversed();
  return records
    .filter(
      (record) =>
        (!onlyChanged.value || record.changed || !record.accepted) &&
        `${record.event.type} ${record.origin} ${callerIn(record)}`.toLowerCase().includes(wanted),
    )
    .toReversed();
});

/** The tab "Events". */
export function Events() {
  const { records, first, last, cut } = history.value;
  const held = records[0]?.seq ?? 0;
  return (
    <div class="events">
      <div class="events-head">
        <input
          type="search"
          placeholder="Event, origin or caller"
          aria-label="Filter events"
          autocomplete="off"
          value={words.value}
          onInput={(event) => {
            words.value = event.currentTarget.value;
          }}
        />
        <label class="check">
          <input
            type="checkbox"
            checked={onlyChanged.value}
            onChange={(event) => {
              onlyChanged.value = event.currentTarget.checked;
            }}
          />
          only changes
        </label>
      </div>
      {found.value.length > 0 ? <List /> : <None />}
      {last > 0 && (
        <div class="events-foot">
          {held > first ? (
            <button type="button" class="button" onClick={() => void loadOlder().catch(() => {})}>
              Load older ({held - first} more)
            </button>
          ) : (
            <span>
              {cut ? `Events before #${first} are not kept.` : 'The journal starts here.'}
            </span>
          )}
        </div>
      )}
    </div>
  );
}

function List() {
  const items = found.value;
  const current = shown.value.record?.seq;
  return (
    <VirtualList
      items={items}
      rowHeight={48}
      label="Events, newest first"
      testId="event-list"
      active={items.findIndex(({ seq }) => seq === current)}
      keyOf={({ seq }) => String(seq)}
      onPick={({ seq }) => void goTo(seq)}
      className={(record) => (record.accepted ? '' : 'refused')}
      render={(record) => <Entry record={record} />}
    />
  );
}

function Entry({ record }: { record: InspectRecord }) {
  const leaves = leavesOf(record.value);
  const caller = commanderOf(record);
  const before = recordAt(history.value, record.seq - 1);
  const old = new Set(before ? leavesOf(before.value) : []);
  const moved = leaves.filter((leaf) => !old.has(leaf));
  const result = record.accepted ? (record.changed ? moved.join(' · ') : 'unchanged') : 'refused';
  return (
    <>
      <span class="entry-when">
        <time class="code">{clockWords(record.at)}</time>
        <span class={`origin origin-${record.origin}`}>{record.origin}</span>
      </span>
      <span class="entry-what">
        <b class="code">{record.event.type}</b>
        <span class="entry-line code">
          <span class={record.changed ? `text-${phaseOf(leaves)}` : 'faint'}>
            {result.replaceAll(/(?:phase|link)\./g, '')}
          </span>
          {caller && (
            <span class="entry-caller" title={`By ${callerWords(caller)}`}>
              by {shortCaller(caller)}
            </span>
          )}
          <span class="entry-actions">{actionsOf.value(record)}</span>
        </span>
      </span>
      <span class="entry-seq code">#{record.seq}</span>
    </>
  );
}

function None() {
  if (history.value.records.length > 0) {
    return (
      <div class="empty">
        <p>No event matches. The newest {history.value.records.length} events were searched.</p>
      </div>
    );
  }
  const isKnown = selected.value !== null && rows.has(selected.value);
  return (
    <div class="empty" data-testid="no-events">
      <p>
        {isKnown && position.value === null
          ? 'No events yet. Each event of this session appears here, with what it did.'
          : 'Choose a session to see its events.'}
      </p>
    </div>
  );
}
