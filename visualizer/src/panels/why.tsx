/** Why the session is in a state, since when, what led there, what can happen and what cannot. */
import type { Cause, NextEvent, WhyState } from '../../../src/protocol/inspect.ts';
import { callerWords, commanderOf } from '../callers.ts';
import { labelWords } from '../chart/labels.ts';
import { chartOf } from '../charts.ts';
import { isOnline, position, selected, shown } from '../page-state.ts';
import { askedState, tryEvent } from '../route.ts';
import { decidingLeaf } from '../state-value.ts';
import { goTo } from '../time-travel.ts';
import { ask } from '../transport.ts';
import { clockWords, spanWords } from '../ui/format.ts';
import { useServerQuery } from '../ui/server-query.ts';

/** The tab "Why?". */
export function Why() {
  const session = selected.value;
  const { record, value } = shown.value;
  const leaf = value === null ? undefined : decidingLeaf(value);
  const state = askedState.value ?? (leaf ? `session.${leaf}` : null);
  const seq = record?.seq;
  const key = session && state && seq && isOnline.value ? `${session} ${state} ${seq}` : null;
  const answer = useServerQuery(key, () =>
    ask('why', { session: session ?? '', state: state ?? '', ...(seq && { seq }) }),
  );
  const { result, error } = answer.value;
  return (
    <div class="pane" data-testid="why">
      <StatePicker state={state} />
      {error && <p class="banner warn">{error.message}</p>}
      {result && <Because why={result} />}
      {!result && !error && <p class="faint">{key ? 'Asking…' : 'Nothing to explain yet.'}</p>}
    </div>
  );
}

function StatePicker({ state }: { state: string | null }) {
  const states = chartOf('session')?.chart.states.filter(({ parent }) => parent !== null) ?? [];
  return (
    <label class="labelled">
      Why is it in
      <select
        value={state ?? ''}
        onChange={(event) => {
          askedState.value = event.currentTarget.value || null;
        }}
      >
        {states.map(({ id }) => (
          <option key={id} value={id}>
            {id.replace('session.', '')}
            {shown.value.active.has(id) ? ' (active)' : ''}
          </option>
        ))}
      </select>
    </label>
  );
}

function Because({ why }: { why: WhyState }) {
  const name = why.state.split('.').at(-1);
  const { entered, left } = why;
  return (
    <>
      <p class="because">
        {why.active ? (
          <>
            {why.forMs === null ? 'It is in ' : 'It has been in '}
            <b>{name}</b>
            {why.forMs !== null && ` for ${spanWords(why.forMs)}`}.{' '}
          </>
        ) : (
          <>
            It is not in <b>{name}</b>
            {position.value !== null && ' at this moment'}.{' '}
          </>
        )}
        {entered ? (
          <>
            <button type="button" class="link" onClick={() => void goTo(entered.seq)}>
              #{entered.seq} {entered.event}
            </button>{' '}
            from {entered.origin}
            <By cause={entered} /> at {clockWords(entered.at)} led there
            {entered.edges.length > 0 ? ', by:' : '.'}
          </>
        ) : (
          why.reason
        )}
      </p>
      {entered && entered.edges.length > 0 && (
        <ol class="path">
          {entered.edges.map(({ edge, source, event, guard }) => (
            <li key={edge}>
              <span class="code">{source.replace('session.', '')}</span> —{' '}
              <b class={event === '' ? 'plain' : 'code'}>{event === '' ? plainly(edge) : event}</b>
              {guard !== null && <span class="code guard"> [{guard}]</span>}
            </li>
          ))}
        </ol>
      )}
      {left && (
        <p>
          It left with{' '}
          <button type="button" class="link" onClick={() => void goTo(left.seq)}>
            #{left.seq} {left.event}
          </button>
          <By cause={left} /> at {clockWords(left.at)}.
        </p>
      )}
      {why.events.length > 0 && <Events events={why.events} />}
    </>
  );
}

/** Who gave the command; nothing for what was only reported. */
function By({ cause }: { cause: Cause }) {
  const caller = commanderOf({ ...cause, accepted: true });
  return caller && <span data-testid="by"> (by {callerWords(caller)})</span>;
}

/** What an eventless transition waited for. */
function plainly(id: string): string {
  const edge = chartOf('session')?.chart.edges.find((one) => one.id === id);
  return edge ? labelWords(edge) : 'always';
}

/** Possible ones, then those a payload decides, then refused ones with the reason. */
export function Events({ events }: { events: readonly NextEvent[] }) {
  const order = ['possible', 'depends', 'refused'] as const;
  const titles = {
    possible: 'What can happen now',
    depends: 'Depends on the event',
    refused: 'What cannot, and why',
  };
  return (
    <>
      {order.map((verdict) => {
        const some = events.filter((event) => event.verdict === verdict);
        if (some.length === 0) return null;
        return (
          <details key={verdict} class="verdicts" open={verdict !== 'refused' || some.length < 12}>
            <summary>
              <h3>{titles[verdict]}</h3> <span class="faint">{some.length}</span>
            </summary>
            <ul>
              {some.filter(needsRow).map((event) => (
                <Verdict key={event.event} event={event} />
              ))}
            </ul>
            <Staying events={some.filter((event) => !needsRow(event))} />
          </details>
        );
      })}
    </>
  );
}

/** Whether an event leads somewhere, or needs a word of explanation. */
function needsRow({ verdict, ways, reason }: NextEvent): boolean {
  return (
    verdict !== 'possible' || reason !== null || ways.some(({ targets }) => targets.length > 0)
  );
}

/** Events that are taken and change no state: many, so they are short. */
function Staying({ events }: { events: readonly NextEvent[] }) {
  if (events.length === 0) return null;
  return (
    <>
      <p class="hint">Taken without leaving the state:</p>
      <div class="buttons">
        {events.map(({ event }) => (
          <button key={event} type="button" class="button code" onClick={() => tryEvent(event)}>
            {event}
          </button>
        ))}
      </div>
    </>
  );
}

function Verdict({ event }: { event: NextEvent }) {
  const way = event.ways.find(({ guard }) => guard?.verdict !== 'refuses') ?? event.ways[0];
  const target = way?.targets.map((id) => id.split('.').at(-1)).join(', ');
  const reads = event.ways.flatMap(({ guard }) => guard?.reads ?? []);
  return (
    <li>
      <button type="button" class="transition" onClick={() => tryEvent(event.event)}>
        <span class="code">{event.event}</span>
        {way?.guard && (
          <span class={`code guard guard-${way.guard.verdict}`}>[{way.guard.name}]</span>
        )}
        <span class="target">
          {event.verdict === 'refused' ? 'refused' : target ? `→ ${target}` : 'stays'}
        </span>
      </button>
      {event.reason !== null && <p class="reason">{event.reason}</p>}
      {event.verdict === 'depends' && reads.length > 0 && (
        <p class="reason">reads {reads.join(', ')} of the event</p>
      )}
    </li>
  );
}
