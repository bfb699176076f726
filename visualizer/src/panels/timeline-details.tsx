/** Beside the timeline: the event at the moment, payload first, what it changed, who sent it; or two moments compared. */
import type { InspectRecord, Json, Moment } from '../../../src/protocol/inspect.ts';
import { callerWords } from '../callers.ts';
import { linesOf } from '../json-difference.ts';
import { isOnline, position, selected } from '../page-state.ts';
import { compared, timeline } from '../timeline/timeline-state.ts';
import { ask } from '../transport.ts';
import { clockWords, count, spanWords } from '../ui/format.ts';
import { useServerQuery } from '../ui/server-query.ts';
import { Tree, Value } from './context.tsx';

/** The tab "Timeline" of the side column. */
export function MomentPanel() {
  const known = timeline.value;
  const { a, b } = compared.value;
  if (!known || known.times.length === 0)
    return <p class="pane faint">Nothing has happened yet.</p>;
  return (
    <div class="pane" data-testid="moment">
      {a !== null && b !== null ? (
        <Difference a={a} b={b} />
      ) : (
        <Event seq={position.value ?? known.last} />
      )}
      {a !== null && b === null && (
        <p class="hint">A is #{a}. Go to another moment and press “Set B” (M) to compare them.</p>
      )}
    </div>
  );
}

function useMoment(seq: number) {
  const session = selected.value;
  const key = session !== null && isOnline.value ? `${session} ${seq}` : null;
  return useServerQuery(key, () => ask('at', { session: session ?? '', seq })).value;
}

function Event({ seq }: { seq: number }) {
  const { result, error } = useMoment(seq);
  if (error) return <p class="banner warn">{error.message}</p>;
  if (!result) return <p class="faint">Loading…</p>;
  return (
    <>
      <section class="card" aria-label="Moment">
        <h3>{result.event.type}</h3>
        <p class="hint">
          #{result.seq} · {clockWords(result.at)}
          {!result.accepted && ' · refused, nothing changed'}
        </p>
      </section>
      <section class="card" aria-label="Payload">
        <h3>Payload</h3>
        <Tree lines={linesOf(result.event as Json, undefined)} label="Payload" />
        <button
          type="button"
          class="button"
          onClick={() => void navigator.clipboard?.writeText(JSON.stringify(result.event, null, 2))}
        >
          Copy JSON
        </button>
      </section>
      <Changed moment={result} />
      <section class="card" aria-label="Who sent it">
        <h3>Who sent it</h3>
        <p>{senderWords(result)}</p>
      </section>
    </>
  );
}

function Changed({ moment }: { moment: Moment }) {
  const lines = linesOf(moment.context, moment.previous.context).filter(
    ({ change, size }) => change !== 'same' && size < 0,
  );
  return (
    <section class="card" aria-label="What changed">
      <h3>What changed</h3>
      {lines.length === 0 && <p class="faint">Nothing in the context.</p>}
      <dl class="moment-changes">
        {lines.map(({ path, value, before, change }) => (
          <div key={`${path} ${change}`}>
            <dt class="code">{path}</dt>
            <dd>
              {before !== undefined && (
                <>
                  <del>
                    <Value value={before} />
                  </del>{' '}
                  →{' '}
                </>
              )}
              {change === 'removed' ? (
                <del>
                  <Value value={value} />
                </del>
              ) : (
                <Value value={value} />
              )}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

const ORIGINS: Record<InspectRecord['origin'], string> = {
  hook: 'A hook of the agent',
  spool: 'A hook of the agent, delivered later from its spool',
  client: 'A client of this server',
  connector: 'The agent itself, over its connection',
  watch: 'This server, which saw it in a registry or a process',
  transcript: 'This server, which read it in the transcript',
  telemetry: 'The telemetry of the agent',
  server: 'This server',
  visualizer: 'A person, by hand, on this page',
};

function senderWords({ origin, caller }: Moment): string {
  return caller ? `${ORIGINS[origin]}: ${callerWords(caller)}` : `${ORIGINS[origin]}.`;
}

/** Values that differ between two moments, and what happened between them. */
function Difference({ a, b }: { a: number; b: number }) {
  const [first, second] = [useMoment(Math.min(a, b)), useMoment(Math.max(a, b))];
  const error = first.error ?? second.error;
  if (error) return <p class="banner warn">{error.message}</p>;
  if (!first.result || !second.result) return <p class="faint">Loading…</p>;
  const [before, after] = [first.result, second.result];
  const all = linesOf(after.context, before.context).filter(({ size }) => size < 0);
  const lines = all.filter(({ change }) => change !== 'same');
  return (
    <>
      <section class="card" aria-label="Two moments">
        <h3>Two moments</h3>
        <p>
          <b>A</b> {clockWords(before.at)} · <span class="code">{before.event.type}</span> #
          {before.seq}
        </p>
        <p>
          <b>B</b> {clockWords(after.at)} · <span class="code">{after.event.type}</span> #
          {after.seq}
        </p>
        <button
          type="button"
          class="button"
          onClick={() => {
            compared.value = { a: null, b: null };
          }}
        >
          Compare no more
        </button>
      </section>
      <section class="card" aria-label="What differs">
        <h3>What differs</h3>
        <p class="hint">
          {lines.length} of {count(all.length, 'value')}
        </p>
        <div class="moment-table">
          <table>
            <thead>
              <tr>
                <th scope="col">Value</th>
                <th scope="col">A</th>
                <th scope="col">B</th>
              </tr>
            </thead>
            <tbody>
              {lines.map(({ path, value, before: old, change }) => (
                <tr key={`${path} ${change}`}>
                  <th scope="row" class="code">
                    {path}
                  </th>
                  <td>
                    {change === 'removed' ? (
                      <Value value={value} />
                    ) : old === undefined ? (
                      '–'
                    ) : (
                      <Value value={old} />
                    )}
                  </td>
                  <td>{change === 'removed' ? '–' : <Value value={value} />}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </section>
      <section class="card" aria-label="Between them">
        <h3>Between them</h3>
        <p>{betweenWords(before.seq, after.seq)}</p>
      </section>
    </>
  );
}

function betweenWords(from: number, to: number): string {
  const known = timeline.value;
  if (!known) return '';
  const begun = (row: string): number =>
    known.spans.filter((span) => span.row === row && span.seq > from && span.seq <= to).length;
  const at = (seq: number): number => known.times[seq - known.first] ?? 0;
  const refused = known.kinds
    .slice(from + 1 - known.first, to + 1 - known.first)
    .filter((kind) => kind < 0);
  return `${count(to - from, 'event')} in ${spanWords(at(to) - at(from))}: ${[
    count(begun('turn'), 'turn'),
    count(begun('tool'), 'tool'),
    count(begun('request'), 'request'),
    `${count(refused.length, 'event')} refused`,
  ].join(', ')}.`;
}
