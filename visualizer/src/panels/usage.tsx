/** What all sessions have read, written and cost: today's cost in the head of the list, and sums by day, project or agent. */
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { RateLimit, UsageBy, UsageRow } from '../../../src/protocol/reply-nouns.ts';
import { askUsage } from '../all-sessions.ts';
import { costToday, useWhileSeen } from '../cost-today.ts';
import { addressOf, place } from '../route.ts';
import { costWords } from '../session-labels.ts';
import { isPlainPress } from '../ui/link.ts';
import { VisibleText } from '../ui/visible-text.tsx';
import './usage.css';

type Report = Exclude<Awaited<ReturnType<typeof askUsage>>, string>;

const GROUPS: Partial<Record<UsageBy, string>> = {
  day: 'Day',
  project: 'Project',
  provider: 'Agent',
};
const DAYS: Readonly<Record<number, string>> = { 1: 'Today', 7: '7 days', 30: '30 days' };

/** The sums of these days, asked for again every minute; a sentence where they cannot be had, null before they came. */
function useUsage(by: UsageBy, days: number): Report | string | null {
  const found = useSignal<Report | string | null>(null);
  // An answer to an earlier choice may come after that of this one.
  const asked = useRef(0);
  useWhileSeen(() => {
    asked.current += 1;
    const mine = asked.current;
    void askUsage(by, days).then((answer) => {
      if (mine === asked.current) found.value = answer;
    });
  }, [by, days]);
  return found.value;
}

/** What today has cost, where any provider says it; leads to the sums. */
export function CostToday() {
  if (costToday.value === null) return null;
  return (
    <a
      class="cost-today"
      data-testid="cost-today"
      href={addressOf('about')}
      title="What today has cost, as far as the agents say it"
      onClick={(event) => {
        if (!isPlainPress(event)) return;
        event.preventDefault();
        place.value = 'about';
      }}
    >
      {costWords(costToday.value)} today
    </a>
  );
}

/** Tokens and cost by day, project or agent. */
export function Usage() {
  const by = useSignal('day');
  const days = useSignal('7');
  const report = useUsage(by.value as UsageBy, Number(days.value));
  return (
    <section class="card usage" aria-label="Usage">
      <h2>Usage</h2>
      <div class="usage-choices">
        <Choice of="Days" value={days.value} words={DAYS} choose={(one) => (days.value = one)} />
        <Choice of="Sums by" value={by.value} words={GROUPS} choose={(one) => (by.value = one)} />
      </div>
      {typeof report === 'string' && <p class="banner warn">{report}</p>}
      {report === null && <p class="faint">Counting…</p>}
      {report !== null && typeof report !== 'string' && (
        <>
          <Sums report={report} />
          <Limits limits={report.limits} />
        </>
      )}
    </section>
  );
}

function Choice(props: {
  of: string;
  value: string;
  words: object;
  choose: (value: string) => void;
}) {
  return (
    <select
      aria-label={props.of}
      value={props.value}
      onChange={(event) => props.choose(event.currentTarget.value)}
    >
      {Object.entries(props.words).map(([key, words]) => (
        <option key={key} value={key}>
          {words}
        </option>
      ))}
    </select>
  );
}

function Sums({ report: { by, rows, total } }: { report: Report }) {
  if (rows.length === 0) return <p class="faint">No tokens were counted in this time.</p>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{GROUPS[by]}</th>
          <th scope="col">Read</th>
          <th scope="col">Written</th>
          <th scope="col">Cost</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Sum key={row.key} name={row.name ?? row.key} sum={row} />
        ))}
      </tbody>
      <tfoot>
        <Sum name="All" sum={total} />
      </tfoot>
    </table>
  );
}

/** How much of their providers' rate limits is used; nothing where no provider says it. */
function Limits({ limits }: { limits: readonly RateLimit[] }) {
  if (limits.length === 0) return null;
  return (
    <ul class="limits" aria-label="Rate limits">
      {limits.map((one) => (
        <li key={`${one.provider} ${one.limit} ${one.window_minutes}`}>
          <span>
            <VisibleText text={limitName(one)} />
          </span>
          <meter
            min={0}
            max={100}
            high={80}
            value={Math.min(100, one.used_percent)}
            aria-label={limitName(one)}
          />
          <span title={`Reported at ${clock(one.at)}`}>{limitWords(one)}</span>
        </li>
      ))}
    </ul>
  );
}

const AGENTS: Readonly<Record<string, string>> = { codex: 'Codex', claude: 'Claude' };

/** `Codex, 5 hours`: the provider's own name of a limit only where it says more. */
function limitName({ provider, limit, window_minutes }: RateLimit): string {
  const agent = AGENTS[provider] ?? provider;
  const named = limit === provider ? agent : `${agent} ${limit}`;
  if (window_minutes === null) return named;
  const [count, unit] =
    window_minutes % 1440 === 0
      ? [window_minutes / 1440, 'day']
      : window_minutes % 60 === 0
        ? [window_minutes / 60, 'hour']
        : [window_minutes, 'minute'];
  return `${named}, ${count} ${unit}${count === 1 ? '' : 's'}`;
}

function limitWords({ used_percent, resets_at }: RateLimit): string {
  const used = `${Math.round(used_percent)} % used`;
  return resets_at === null ? used : `${used}, begins anew ${clock(resets_at)}`;
}

/** Day and time by the reader's clock. */
function clock(at: string): string {
  return new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}

function Sum({ name, sum }: { name: string; sum: Omit<UsageRow, 'key' | 'name'> }) {
  const read = sum.input_tokens + sum.cache_read_tokens + sum.cache_write_tokens;
  return (
    <tr>
      <th scope="row">
        <VisibleText text={name} />
      </th>
      <td>{read.toLocaleString('en')}</td>
      <td>{sum.output_tokens.toLocaleString('en')}</td>
      <td>{sum.cost_usd === null ? 'not reported' : costWords(sum.cost_usd)}</td>
    </tr>
  );
}
