/**
 * What looking costs those who work: the same hooks to a server that no page ever opened, to one whose
 * page has gone again, and to one with a page open that lists all sessions and watches a busy one.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { io, type Socket } from 'socket.io-client';
import type { Bench } from '../bench.ts';
import { costOf, inTurns, medianOf, ratioOf, type Sample } from '../measure.ts';
import { type Load, type Running, startLoad, startServer } from '../processes.ts';
import type { Report, Row } from '../report.ts';

/** With nobody looking nothing may have changed. */
const MAX_UNSEEN = 1;
/** With one page, at least 0.8 of the throughput is left. */
const MAX_SEEN = 1 / 0.8;

const SESSIONS = 50;
const PRODUCERS = 20;
const WARM_UP_HOOKS = 4000;
const HOOKS = 2500;

/** Measures the three in turns, on two servers. */
export async function inspection(bench: Bench): Promise<Report> {
  const { directory, rounds, share, serverFlags: flags } = bench;
  await using load = startLoad();
  await using plain = await startServer(join(directory, 'plain'), { flags });
  await using looked = await startServer(join(directory, 'looked'), { flags });
  const sessions = Array.from({ length: SESSIONS }, () => randomUUID());
  const stage: Stage = { load, sessions, count: HOOKS * share };
  for (const server of [plain, looked]) await post(stage, server, WARM_UP_HOOKS * share);
  const nobody = (server: Running) => () => measure(stage, server);
  const watched = async (): Promise<Sample> => {
    const page = await openPage(looked.port, sessions[0] as string);
    const sample = await measure(stage, looked);
    const { records } = page;
    await page.close();
    return { ...sample, records };
  };
  const never = nobody(plain);
  const gone = nobody(looked);
  // Whoever comes later in a round has it a little harder: half of the rounds go the other way.
  const forth = await inTurns(Math.ceil(rounds / 2), { never, gone, watched });
  const back = await inTurns(Math.floor(rounds / 2), { watched, gone, never });
  const samples = {
    never: [...forth.never, ...back.never],
    gone: [...forth.gone, ...back.gone],
    watched: [...forth.watched, ...back.watched],
  };
  const rows: Row[] = [row('no page ever', samples.never, samples.never, null)];
  rows.push(row('the page has gone', samples.gone, samples.never, MAX_UNSEEN));
  rows.push(row('one page, one busy session watched', samples.watched, samples.never, MAX_SEEN));
  return {
    title: 'Inspection',
    columns: ['', 'CPU us/hook', 'acked/s', 'records sent', 'CPU x no page', 'acked/s x no page'],
    rows,
    notes: [
      `Whole turns of ${SESSIONS} sessions by ${PRODUCERS} producers; each figure is the median of its rounds.`,
      'The budget is CPU time: throughput on a shared machine depends on other programs.',
    ],
  };
}

interface Stage {
  load: Load;
  sessions: readonly string[];
  count: number;
}

function post({ load, sessions }: Stage, { port }: Running, count: number) {
  return load.ask({ kind: 'hooks', port, producers: PRODUCERS, count, sessions, mix: 'turns' });
}

async function measure(stage: Stage, server: Running): Promise<Sample> {
  const { result, cpuMs } = await costOf(server.pid, () => post(stage, server, stage.count));
  return { ...result, cpuUs: (cpuMs * 1000) / stage.count, records: 0 };
}

/** A page as the server sees one: greeted, hearing all rows, watching a session. */
async function openPage(port: number, session: string) {
  const socket: Socket = io(`http://127.0.0.1:${port}/inspect`, {
    transports: ['websocket'],
    forceNew: true,
  });
  let records = 0;
  socket.on('records', (_: string, received: unknown[]) => {
    records += received.length;
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('hello', () => resolve());
    socket.once('connect_error', reject);
  });
  const answer: { ok: boolean; message?: string } = await socket.emitWithAck('watch', { session });
  if (!answer.ok) throw new Error(`The page may not watch: ${answer.message}`);
  return {
    get records() {
      return records;
    },
    async close() {
      const gone = new Promise((resolve) => socket.once('disconnect', resolve));
      socket.disconnect();
      await gone;
    },
  };
}

function row(
  what: string,
  samples: readonly Sample[],
  never: readonly Sample[],
  limit: number | null,
): Row {
  const value = ratioOf(samples, never, 'cpuUs');
  const figures = ['cpuUs', 'perSecond', 'records'].map((figure) => medianOf(samples, figure));
  return {
    cells: [what, ...figures, value, ratioOf(samples, never, 'perSecond')],
    ...(limit !== null && { budget: { value, limit } }),
  };
}
