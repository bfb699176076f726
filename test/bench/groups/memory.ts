/** Resident memory of the server: idle, under load and after it, and with many live sessions. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { rssMbOf } from '../measure.ts';
import { type Load, type Running, startLoad, startServer } from '../processes.ts';
import { type Budget, type Report, type Row, text } from '../report.ts';

/** What a start brought is loaded by then; in a full run V8 has also given back what the start alone needed, ms. */
const IDLE_AFTER_MS = { full: 60_000, quick: 2500 };

const SESSIONS = 20;
const HOOKS = 240_000;

/** Between two looks at the memory of a server under load, ms. */
const LOOK_EVERY_MS = 200;

/** How long after the load the memory is looked at again, ms. */
const REST_MS = { full: 60_000, quick: 5000 };

const LIVE_SESSIONS = 900;

/** Hooks of each of the many sessions: a prompt, a tool use and its result. */
const HOOKS_OF_A_SESSION = 3;

/** MiB: today's figure with room for a noisy machine, and what it is to become. */
const BUDGETS = {
  idle: { limit: 105, goal: 70 },
  loaded: { limit: 170, goal: 150 },
  rested: { limit: 160, goal: 110 },
  many: { limit: 220, goal: 180 },
};

export async function memory({ directory, share, isQuick, serverFlags }: Bench): Promise<Report> {
  await using load = startLoad();
  const hooks = Math.round(HOOKS * share);
  const rest = isQuick ? REST_MS.quick : REST_MS.full;
  const idle = isQuick ? IDLE_AFTER_MS.quick : IDLE_AFTER_MS.full;
  const rows: Row[] = [];
  {
    await using server = await startServer(join(directory, 'busy'), { flags: serverFlags });
    await passed(idle);
    rows.push(row(`idle for ${idle / 1000} s`, { value: rssMbOf(server.pid), ...BUDGETS.idle }));
    const { most } = await whileLooking(server, () => post(load, server, SESSIONS, hooks));
    const what = `most under ${hooks.toLocaleString('en-US')} hooks of ${SESSIONS} sessions`;
    rows.push(row(what, { value: most, ...BUDGETS.loaded }));
    await passed(rest);
    rows.push(row(`${rest / 1000} s later`, { value: rssMbOf(server.pid), ...BUDGETS.rested }));
  }
  {
    await using server = await startServer(join(directory, 'many'), { flags: serverFlags });
    await post(load, server, LIVE_SESSIONS, LIVE_SESSIONS * HOOKS_OF_A_SESSION);
    await passed(idle);
    const value = rssMbOf(server.pid);
    rows.push(row(`${LIVE_SESSIONS} live sessions`, { value, ...BUDGETS.many }));
  }
  return {
    title: 'Memory',
    columns: ['', 'RSS MiB'],
    rows,
    notes: ['Of the whole process with both its threads.'],
  };
}

function row(what: string, budget: Budget): Row {
  const figure = { what: `resident memory, ${what}`, value: `${text(budget.value)} MiB` };
  return { cells: [what, budget.value], budget, figure };
}

async function post(load: Load, { port }: Running, count: number, hooks: number): Promise<void> {
  const sessions = Array.from({ length: count }, () => randomUUID());
  const how = { kind: 'hooks', port, producers: SESSIONS, mix: 'turns' } as const;
  await load.ask({ ...how, sessions, count: hooks });
}

/** The most memory that was seen while something ran, MiB. */
async function whileLooking({ pid }: Running, run: () => Promise<void>): Promise<{ most: number }> {
  let most = rssMbOf(pid);
  const timer = setInterval(() => {
    most = Math.max(most, rssMbOf(pid));
  }, LOOK_EVERY_MS);
  try {
    await run();
  } finally {
    clearInterval(timer);
  }
  return { most };
}

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
