/** Nothing may cost more because a session is long: neither its next event nor a look at it. */
import { randomUUID } from 'node:crypto';
import type { Bench } from '../bench.ts';
import { addSessions, makeDirectory } from '../database.ts';
import { costOf, inTurns, medianOf, ratioOf, type Sample } from '../measure.ts';
import { startLoad, startServer } from '../processes.ts';
import type { Report } from '../report.ts';

/** An event at 100,000 messages, as a multiple of one in a new session. */
const MAX_EVENT_RATIO = 1.1;
/** A snapshot of 100,000 messages, as a multiple of one of 1,000. */
const MAX_SNAPSHOT_RATIO = 2;

const SHORT = 1000;
const LONG = 100_000;
const HOOKS = 600;
const PRODUCERS = 10;
/** Fills what a session remembers of its last tool uses, which has nothing to do with its length. */
const FIRST_HOOKS = 120;
const SNAPSHOTS = 40;

export async function eventCost({ directory, rounds, share, serverFlags }: Bench): Promise<Report> {
  const short = randomUUID();
  const long = randomUUID();
  await makeDirectory(directory);
  addSessions(directory, [
    { id: short, messages: SHORT },
    { id: long, messages: LONG },
  ]);
  await using load = startLoad();
  await using server = await startServer(directory, { flags: serverFlags });
  const { pid, port } = server;

  const count = HOOKS * share;
  const events = async (session: string): Promise<Sample> => {
    const hooks = { kind: 'hooks', port, producers: PRODUCERS, mix: 'tools' } as const;
    await load.ask({ ...hooks, sessions: [session], count: FIRST_HOOKS });
    const { result, cpuMs } = await costOf(pid, () =>
      load.ask({ ...hooks, sessions: [session], count }),
    );
    return { cpuUs: (cpuMs * 1000) / count, p50: result.ackP50 };
  };
  const snapshots = async (session: string): Promise<Sample> => {
    const { result, cpuMs, wallMs } = await costOf(pid, () =>
      load.ask({ kind: 'snapshots', port, session, count: SNAPSHOTS }),
    );
    return { cpuUs: (cpuMs * 1000) / SNAPSHOTS, p50: wallMs / SNAPSHOTS, bytes: result.bytes };
  };
  const looks = { short: () => snapshots(short), long: () => snapshots(long) };
  await inTurns(2, looks);
  const looked = await inTurns(rounds, looks);
  const measured = {
    none: () => events(randomUUID()),
    short: () => events(short),
    long: () => events(long),
  };
  await inTurns(2, measured);
  const cost = await inTurns(rounds, measured);
  return reportOf(cost, looked);
}

function reportOf(
  cost: Record<'none' | 'short' | 'long', Sample[]>,
  looked: Record<'short' | 'long', Sample[]>,
): Report {
  const row = (what: string, of: readonly Sample[], base: readonly Sample[], limit?: number) => {
    const value = ratioOf(of, base, 'cpuUs');
    const cells = [what, medianOf(of, 'cpuUs'), medianOf(of, 'p50'), value];
    return limit === undefined ? { cells } : { cells, budget: { value, limit } };
  };
  const kib = Math.round(medianOf(looked.long, 'bytes') / 1024);
  return {
    title: 'Cost by length of the session',
    columns: ['', 'CPU us', 'p50 ms', 'x'],
    rows: [
      row('hook, new session', cost.none, cost.none),
      row(`hook, ${SHORT} messages`, cost.short, cost.none),
      row(`hook, ${LONG} messages`, cost.long, cost.none, MAX_EVENT_RATIO),
      row(`snapshot, ${SHORT} messages`, looked.short, looked.short),
      row(`snapshot, ${LONG} messages`, looked.long, looked.short, MAX_SNAPSHOT_RATIO),
    ],
    notes: [`All hooks of a row go to one session. A snapshot is ${kib} KiB: the newest messages.`],
  };
}
