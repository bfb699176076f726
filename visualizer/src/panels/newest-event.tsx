/** The newest event, and what became of it: another state, the same one, or a refusal with its reason. */
import { isOnline, selectedRow, shown } from '../page-state.ts';
import { sinceOf } from '../session-labels.ts';
import { leavesOf } from '../state-value.ts';
import { ask } from '../transport.ts';
import { Age } from '../ui/clock.tsx';
import { useServerQuery } from '../ui/server-query.ts';

/** One sentence about the event that the page is at. */
export function JustHappened() {
  const { record, isLive } = shown.value;
  const row = selectedRow.value;
  if (!record) return null;
  const since = row && isLive ? sinceOf(row) : null;
  const states = leavesOf(record.value).map(lastKey).filter(isShown).join(', ');
  return (
    <p class="just-happened">
      <b>{isLive ? 'Just happened:' : 'Happened then:'}</b>{' '}
      <span class={record.accepted ? 'code' : 'code refused-event'}>{record.event.type}</span>
      {!record.accepted && (
        <Refusal session={record.session} seq={record.seq} event={record.event.type} />
      )}
      {record.accepted && !record.changed && ' · stays'}
      {since !== null && (
        <>
          {' '}
          · {states === '' ? 'idle' : `in ${states}`} for <Age at={since} />
        </>
      )}
    </p>
  );
}

interface RefusalProps {
  session: string;
  seq: number;
  event: string;
}

/** Why the chart did not take the event: what it could take before it, and what it says of this one. */
function Refusal({ session, seq, event }: RefusalProps) {
  const key = isOnline.value && seq > 1 ? `${session} ${seq}` : null;
  const answer = useServerQuery(key, () => ask('next', { session, seq: seq - 1 }));
  const found = answer.value.result?.events.find((one) => one.event === event);
  const guard = found?.ways.find((way) => way.guard !== null)?.guard?.name;
  const reason = found?.reason ?? (guard === undefined ? null : `[${guard}] is false`);
  return (
    <>
      {' '}
      · <b class="text-failed">refused</b>
      {reason !== null && `: ${reason}`}
    </>
  );
}

const lastKey = (path: string): string => path.slice(path.lastIndexOf('.') + 1);

function isShown(key: string): boolean {
  return ['permission', 'question', 'open', 'running', 'ended'].includes(key);
}
