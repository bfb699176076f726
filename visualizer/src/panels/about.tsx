/** What this server and this page are, keep, show, and have done so far. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { InspectStats } from '../../../src/protocol/inspect.ts';
import { hello, isOnline, stats } from '../page-state.ts';
import { ask } from '../transport.ts';
import { spanWords } from '../ui/format.ts';
import { Keys } from './menu.tsx';
import { Usage } from './usage.tsx';
import './about.css';

/** How often the counters are asked for, ms. */
const EVERY_MS = 2000;

/** Server, limits and counters as tables. */
export function About() {
  return (
    <section class="about-page" aria-label="About" data-testid="about" tabIndex={0}>
      <h1>About this server</h1>
      <div class="cards">
        <Server />
        <Usage />
        <Counters />
        <Limits />
      </div>
      <h2>Keys</h2>
      <Keys />
    </section>
  );
}

function Server() {
  const greeting = hello.value;
  if (!greeting) return null;
  const { version, xstate, protocol, machines, scopes } = greeting;
  return (
    <Card
      title="Server"
      facts={[
        ['Version', version],
        ['XState', xstate],
        ['Protocol', `inspect ${protocol}`],
        ...machines.map(({ id, hash }): Fact => [`Chart ${id}`, hash]),
        ['You may', scopes.includes('control') ? 'read and send' : 'read'],
      ]}
    />
  );
}

function Limits() {
  const greeting = hello.value;
  if (!greeting) return null;
  const { limits } = greeting;
  return (
    <Card
      title="Limits"
      facts={[
        ['Kept of a session', `${limits.journalRows} events at least, ${limits.journalDays} days`],
        ['Listed', `${limits.rows} sessions`],
        ['Watched at once', `${limits.watches} sessions a page`],
        ['Texts', `to ${limits.textChars} characters`],
        ['Lists', `to ${limits.listItems} items`],
        ['Trees', `to ${limits.depth} levels`],
      ]}
    />
  );
}

function Counters() {
  const found = useSignal<InspectStats | null>(null);
  const failure = useSignal<string | null>(null);
  useEffect(() => {
    if (!isOnline.value) return;
    const refresh = (): void => {
      ask('stats', {}).then(
        (answer) => {
          found.value = answer;
          failure.value = null;
        },
        (cause: Error) => {
          failure.value = cause.message;
        },
      );
    };
    refresh();
    const timer = setInterval(refresh, EVERY_MS);
    return () => clearInterval(timer);
  }, [isOnline.value]);
  const now = found.value;
  if (failure.value !== null) return <p class="banner warn">{failure.value}</p>;
  if (!now) return <p class="faint">Counting…</p>;
  return (
    <Card
      title="Now"
      facts={[
        ['Up', spanWords(now.uptimeMs)],
        ['Memory', `${Math.round(now.rss / 1_048_576)} MiB`],
        ['Live sessions', String(now.liveSessions)],
        ['Events', `${now.eventsPerSecond} a second`],
        ['Pages, other inspectors', `${now.pages}, ${now.stately}`],
        ['Watched sessions', String(now.watched)],
        ['Received', `${now.records} records, ${now.rows} rows`],
        ['Cached', `${now.steps} events of ${now.segments} journals`],
        ['Inspection errors', String(now.errors)],
        ['Drawn here', `${stats.commits} frames of records, ${stats.listPaints} lists`],
      ]}
    />
  );
}

type Fact = readonly [name: string, value: string];

function Card({ title, facts }: { title: string; facts: readonly Fact[] }) {
  return (
    <section class="card" aria-label={title}>
      <h2>{title}</h2>
      <dl>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
