/**
 * A week of a busy machine as fast as it can be played: sessions come, work and end, pages connect and leave, and
 * what is old is removed, by a clock that runs a thousand times faster. What the last tenth costs is compared with
 * the first tenth after the warm-up.
 */
import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench } from '../bench.ts';
import { costOf, medianOf, rssMbOf, type Sample } from '../measure.ts';
import { type Load, type Running, startLoad, startServer } from '../processes.ts';
import type { Report, Row } from '../report.ts';

const HOOKS = 1_000_000;
const SESSIONS = 2000;
const TENTHS = 10;

/** Of a tenth; each has its own sessions, and a page that watches one of them and leaves. */
const PARTS = 10;
const PRODUCERS = 20;

/** Small, so that every session goes a day after its end. */
const MAX_DB_MB = '64';

/** A night after each tenth, ms: what is old is removed when nobody works. */
const NIGHT_MS = 15_000;

const FAST_CLOCK = fileURLToPath(new URL('../fast-clock.cjs', import.meta.url));

/** The last tenth as a multiple of the second; the first warms up. */
const MAX_GROWTH = 1.1;
/** The tenth by whose end what is older than a day goes as fast as new things come. */
const FULL_TENTH = 5;

/** No turn of the loop is longer. */
const MAX_TURN_MS = 50;

export async function soak({ directory, share, serverFlags }: Bench): Promise<Report> {
  const data = join(directory, 'soak');
  await using load = startLoad();
  const args = ['--max-db-mb', MAX_DB_MB];
  const flags = [...serverFlags, '--require', FAST_CLOCK];
  await using server = await startServer(data, { flags, args });
  const tenths: Sample[] = [];
  for (let tenth = 0; tenth < TENTHS; tenth++) {
    const played = await playTenth({ load, server, share });
    await new Promise((resolve) => setTimeout(resolve, NIGHT_MS));
    tenths.push({ ...played, databaseMb: databaseMb(data) });
  }
  const [, second = {}] = tenths;
  const last = tenths.at(-1) ?? {};
  const growth = (figure: string) => (last[figure] ?? Number.NaN) / (second[figure] ?? Number.NaN);
  const budgets: Row[] = ['cpuUs', 'ackP99', 'rss'].map((figure) => ({
    cells: [`${figure}, last of second tenth`, '', '', '', '', ''],
    budget: { value: growth(figure), limit: MAX_GROWTH },
  }));
  const full = tenths[FULL_TENTH - 1]?.databaseMb ?? Number.NaN;
  budgets.push({
    cells: [`database, last of tenth ${FULL_TENTH}`, '', '', '', '', ''],
    budget: { value: (last.databaseMb ?? Number.NaN) / full, limit: MAX_GROWTH },
  });
  const longest = Math.max(...tenths.slice(1).map(({ turnMs = Number.NaN }) => turnMs));
  return {
    title: 'Soak',
    columns: ['tenth', 'CPU us/hook', 'ack p99 ms', 'RSS MiB', 'database MiB', 'longest turn ms'],
    rows: [
      ...tenths.map((of, at) => ({
        cells: [
          at + 1,
          ...['cpuUs', 'ackP99', 'rss', 'databaseMb', 'turnMs'].map((name) => of[name] ?? ''),
        ],
      })),
      ...budgets,
      {
        cells: ['longest turn of the loop', '', '', '', '', longest],
        budget: { value: longest, limit: MAX_TURN_MS },
      },
    ],
    notes: [
      `${(HOOKS * share).toLocaleString('en-US')} hooks of ${SESSIONS * share} sessions, ${TENTHS * PARTS} pages that come and leave.`,
      'A session goes a day after its end; the wall clock of the server runs a thousand times faster.',
    ],
  };
}

async function playTenth(given: { load: Load; server: Running; share: number }): Promise<Sample> {
  const { load, server, share } = given;
  const parts: Sample[] = [];
  for (let part = 0; part < PARTS; part++) parts.push(await playPart(load, server, share));
  return {
    cpuUs: medianOf(parts, 'cpuUs'),
    ackP99: medianOf(parts, 'ackP99'),
    turnMs: Math.max(...parts.map(({ turnMs = Number.NaN }) => turnMs)),
    rss: rssMbOf(server.pid),
  };
}

async function playPart(load: Load, { pid, port }: Running, share: number): Promise<Sample> {
  const parts = TENTHS * PARTS;
  const sessions = Array.from({ length: Math.ceil((SESSIONS * share) / parts) }, () =>
    randomUUID(),
  );
  const count = Math.round((HOOKS * share) / parts);
  const how = { kind: 'hooks', port, producers: PRODUCERS, mix: 'turns', sessions } as const;
  const [first = ''] = sessions;
  const { result, cpuMs } = await costOf(pid, async () => {
    // It has to be there before a page can watch it.
    await load.ask({ ...how, count: sessions.length });
    await load.ask({ kind: 'subscribe', port, endpoint: 'ws', clients: 1, session: first });
    const answer = await load.ask({ ...how, count: count - sessions.length, ends: true });
    await load.ask({ kind: 'leave' });
    return answer;
  });
  return { ...result, cpuUs: (cpuMs * 1000) / count, turnMs: await longestTurnMs(port) };
}

/** The longest turn since the last check, as the server itself reports it. */
async function longestTurnMs(port: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(/^nodejs_eventloop_lag_max_seconds (\S+)/m.exec(text)?.[1]) * 1000;
}

/** With its journal of writes. */
function databaseMb(data: string): number {
  const sizes = ['orbitdock.db', 'orbitdock.db-wal'].map(
    (name) => statSync(join(data, name), { throwIfNoEntry: false })?.size ?? 0,
  );
  return sizes.reduce((sum, size) => sum + size, 0) / 2 ** 20;
}
