/** The last hour of the session as bars of their real length: waited, worked, stood still. */
import type { InspectRecord } from '../../../src/protocol/inspect.ts';
import { history } from '../page-state.ts';
import { leavesOf, type Phase, phaseOf } from '../state-value.ts';
import { now } from '../ui/clock.tsx';
import { ageWords, count } from '../ui/format.ts';

const HOUR_MS = 3_600_000;
/** Width of the drawing, in its own units: one is 3.6 s. */
const WIDTH = 1000;

/** A stretch of one phase, ms since 1970. */
interface Interval {
  phase: Phase;
  from: number;
  to: number;
}

/** The card "Last hour". */
export function LastHour() {
  const until = now.value;
  const stretches = intervalsOf(history.value.records, until - HOUR_MS, until);
  const [first] = stretches;
  if (!first) return null;
  const spent = (phase: Phase): number =>
    stretches
      .filter((one) => one.phase === phase)
      .reduce((sum, { from, to }) => sum + to - from, 0);
  const requests = stretches.filter(({ phase }) => phase === 'attention').length;
  const waits = `, waited for you ${ageWords(spent('attention'))} in ${count(requests, 'request')}`;
  const words = `Worked ${ageWords(spent('working'))}${requests > 0 ? waits : ''}.`;
  const x = (at: number): number => ((at - until + HOUR_MS) / HOUR_MS) * WIDTH;
  return (
    <section class="card" aria-label="Last hour">
      <h3>Last hour</h3>
      <p class="hour-ticks" aria-hidden="true">
        {[60, 45, 30, 15, 0].map((minutes) => (
          <span key={minutes}>{minutes === 0 ? 'now' : clock(until - minutes * 60_000)}</span>
        ))}
      </p>
      <svg class="hour" viewBox={`0 0 ${WIDTH} 24`} preserveAspectRatio="none" aria-hidden="true">
        {stretches.map(({ phase, from, to }) => (
          <rect
            key={from}
            class={`bar-${phase}`}
            x={x(from)}
            y={phase === 'attention' ? 0 : 4}
            // A request is never narrower than four pixels or so, however short it was.
            width={Math.max(x(to) - x(from), phase === 'attention' ? 12 : 2)}
            height={phase === 'attention' ? 24 : 16}
          />
        ))}
      </svg>
      <p class="hint">
        {words}
        {history.value.cut && first.from > until - HOUR_MS && ' Nothing older is kept.'}
      </p>
    </section>
  );
}

const CLOCK = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

function clock(at: number): string {
  return CLOCK.format(at);
}

/** Stretches between two moments; what came before the oldest record is not known, and not drawn. */
function intervalsOf(records: readonly InspectRecord[], from: number, to: number): Interval[] {
  const stretches: Interval[] = [];
  for (const { at, value } of records) {
    const start = Math.max(from, Date.parse(at));
    const phase = phaseOf(leavesOf(value));
    const last = stretches.at(-1);
    if (last && (last.phase === phase || start <= from)) {
      last.phase = phase;
      continue;
    }
    if (last) last.to = start;
    stretches.push({ phase, from: start, to });
  }
  return stretches.filter((one) => one.to > one.from);
}
