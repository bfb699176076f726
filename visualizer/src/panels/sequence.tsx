/** Who told the session what, as arrows between lanes, with the time between them. Newest first. */
import { computed } from '@preact/signals';
import type { InspectOrigin, InspectRecord } from '../../../src/protocol/inspect.ts';
import { goTo } from '../cursor.ts';
import { recordAt } from '../history.ts';
import { history, shown } from '../model.ts';
import { VirtualList } from '../ui/virtual-list.tsx';
import { spanWords } from '../ui/words.ts';
import { leavesOf, phaseOf } from '../value.ts';

const LANES = ['client', 'hook', 'connector', 'house'] as const;

/** Spooled hooks came late but are hooks; what a page sends is a client's. */
const LANE_OF: Record<InspectOrigin, (typeof LANES)[number]> = {
  client: 'client',
  visualizer: 'client',
  hook: 'hook',
  spool: 'hook',
  connector: 'connector',
  house: 'house',
};

const newestFirst = computed(() => history.value.records.toReversed());

export function Sequence() {
  const items = newestFirst.value;
  if (items.length === 0) {
    return (
      <div class="empty">
        <p>No events yet. Each arrow will show who told the session what.</p>
      </div>
    );
  }
  return (
    <div class="sequence">
      <div class="lanes" aria-hidden="true">
        {LANES.map((lane) => (
          <span key={lane}>{lane}</span>
        ))}
        <span class="lane-session">session</span>
      </div>
      <VirtualList
        items={items}
        rowHeight={40}
        label="Sequence, newest first"
        testId="sequence-list"
        active={items.findIndex(({ seq }) => seq === shown.value.record?.seq)}
        keyOf={({ seq }) => String(seq)}
        onPick={({ seq }) => void goTo(seq)}
        className={({ accepted }) => (accepted ? '' : 'refused')}
        render={(record) => <Arrow record={record} />}
      />
    </div>
  );
}

/** One arrow from its lane to the session's; drawn with boxes, so it stretches with the panel. */
function Arrow({ record }: { record: InspectRecord }) {
  const before = recordAt(history.peek(), record.seq - 1);
  const lane = LANES.indexOf(LANE_OF[record.origin]);
  const gap = before ? Date.parse(record.at) - Date.parse(before.at) : null;
  const part = `${((lane + 0.5) / (LANES.length + 1)) * 100}%`;
  const end = `${(0.5 / (LANES.length + 1)) * 100}%`;
  return (
    <span class="arrow-row">
      <span class="visually-hidden">{record.origin} to session: </span>
      <span class="arrow-words code" style={{ insetInlineStart: '8px', insetInlineEnd: end }}>
        <b>{record.event.type}</b>
        <span class="faint">
          {gap === null ? '' : ` +${spanWords(Math.max(0, gap))}`}
          {record.accepted ? '' : ' refused'}
        </span>
      </span>
      <i
        class={`arrow-line fill-${phaseOfRecord(record)}`}
        style={{ insetInlineStart: part, insetInlineEnd: end }}
      />
    </span>
  );
}

function phaseOfRecord(record: InspectRecord) {
  return phaseOf(leavesOf(record.value));
}
