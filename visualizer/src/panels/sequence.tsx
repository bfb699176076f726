/**
 * Who sent the session what, as arrows between lanes, with the time between them. Newest first. A child
 * actor has a lane, too; while it runs, its lane is a thick line.
 */
import { computed } from '@preact/signals';
import type { InspectOrigin, InspectRecord } from '../../../src/protocol/inspect.ts';
import { STATUS_WORDS } from '../child-actors.ts';
import { recordAt } from '../loaded-records.ts';
import { children, history, shown } from '../page-state.ts';
import { leavesOf, phaseOf } from '../state-value.ts';
import { goTo } from '../time-travel.ts';
import { gapWords } from '../ui/format.ts';
import { VirtualList } from '../ui/virtual-list.tsx';

const SENDERS = ['client', 'hook', 'watch', 'connector', 'server'] as const;

/**
 * Spooled hooks came late but are hooks; what a page sends is a client's; a transcript and telemetry are watched like the
 * processes are.
 */
const LANE_OF: Record<InspectOrigin, (typeof SENDERS)[number]> = {
  client: 'client',
  visualizer: 'client',
  hook: 'hook',
  watch: 'watch',
  transcript: 'watch',
  telemetry: 'watch',
  spool: 'hook',
  connector: 'connector',
  server: 'server',
};

const newestFirst = computed(() => history.value.records.toReversed());

/** The senders, then children that are none of them. */
const lanes = computed<readonly string[]>(() => [
  ...SENDERS,
  ...children.value.map(({ id }) => id).filter((id) => !SENDERS.some((one) => one === id)),
]);

/** The tab "Sequence". */
export function Sequence() {
  const items = newestFirst.value;
  if (items.length === 0) {
    return (
      <div class="empty">
        <p>No events yet. Each arrow will show who sent the session what.</p>
      </div>
    );
  }
  return (
    <div class="sequence" style={{ '--lanes': lanes.value.length + 1 }}>
      <div class="lanes" aria-hidden="true">
        {lanes.value.map((lane) => (
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
  const lane = lanes.value.indexOf(LANE_OF[record.origin]);
  const end = `${100 - middleOf(lanes.value.length)}%`;
  const ended = record.children?.filter(({ status }) => status !== 'running') ?? [];
  return (
    <span class="arrow-row">
      <Lifelines record={record} before={before} />
      <span class="visually-hidden">{record.origin} to session: </span>
      <span class="arrow-words code" style={{ insetInlineStart: '8px', insetInlineEnd: end }}>
        <b>{record.event.type}</b>
        <span class="faint">
          {before ? gapWords(before.at, record.at) : ''}
          {record.accepted ? '' : ' refused'}
          {ended.map(({ id, status }) => ` · ${id} ${STATUS_WORDS[status]}`)}
        </span>
      </span>
      <i
        class={`arrow-line fill-${phaseOfRecord(record)}`}
        style={{ insetInlineStart: `${middleOf(lane)}%`, insetInlineEnd: end }}
      />
    </span>
  );
}

/** Which children run: from the event they appear with, upwards, to the one they end with. */
function Lifelines({
  record,
  before,
}: {
  record: InspectRecord;
  before: InspectRecord | undefined;
}) {
  return record.children?.map(({ id, status }) => {
    const isNew = before !== undefined && !before.children?.some((one) => one.id === id);
    const part = status === 'running' ? (isNew ? ' begins' : '') : ' ends';
    const insetInlineStart = `${middleOf(lanes.value.indexOf(id))}%`;
    return <i key={id + status} class={`life${part}`} style={{ insetInlineStart }} />;
  });
}

/** The middle of a lane, per cent of the width. */
function middleOf(lane: number): number {
  return ((lane + 0.5) / (lanes.value.length + 1)) * 100;
}

function phaseOfRecord(record: InspectRecord) {
  return phaseOf(leavesOf(record.value));
}
