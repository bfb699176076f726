/** The list of sessions, whole and in pages, until its last byte is with the client. */
import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { addSessions, makeDirectory } from '../database.ts';
import { costOf } from '../measure.ts';
import { startLoad, startServer } from '../processes.ts';
import { type Report, type Row, text } from '../report.ts';

interface Case {
  name: string;
  sessions: number;
  /** Sessions of a page; the whole list without. */
  limit?: number;
}

const CASES: readonly Case[] = [
  { name: 'the list of 1,000 sessions', sessions: 1000 },
  { name: 'a page of 100 of 10,000 sessions', sessions: 10_000, limit: 100 },
];

const MESSAGES_EACH = 10;
const ASKED = 60;

/** Milliseconds of the median: today's figure with room for a noisy machine, and what it is to become. */
const LIMIT_MS = 40;
const GOAL_MS = 10;

export async function lists({ directory, share, serverFlags }: Bench): Promise<Report> {
  await using load = startLoad();
  const rows: Row[] = [];
  for (const { name, sessions, ...page } of CASES) {
    const data = join(directory, String(sessions));
    await makeDirectory(data);
    const ids = Array.from({ length: sessions }, (_, at) => `session-${at}`);
    addSessions(
      data,
      ids.map((id) => ({ id, messages: MESSAGES_EACH })),
    );
    await using server = await startServer(data, { flags: serverFlags });
    const count = Math.round(ASKED * share) + 1;
    const { result, cpuMs } = await costOf(server.pid, () =>
      load.ask({ kind: 'lists', port: server.port, count, ...page }),
    );
    const { firstMs, p50, bytes } = result;
    rows.push({
      cells: [name, sessions, bytes / 1024, firstMs, p50, cpuMs / count],
      budget: { value: p50, limit: LIMIT_MS, goal: GOAL_MS },
      figure: {
        what: `${name}; the first after a start`,
        value: `${text(p50)} ms; ${text(firstMs)} ms`,
      },
    });
  }
  return {
    title: 'Lists',
    columns: ['', 'sessions', 'KiB', 'first ms', 'p50 ms', 'CPU ms each'],
    rows,
    notes: [
      'From asking on an open connection until the last byte. The first after a start reads all rows, and a message with fields loads what checks it.',
    ],
  };
}
