/** One session, many subscribers: what a frame costs for each of them, and how often a client is written to. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench } from '../bench.ts';
import { costOf, inTurns, medianOf, quantile, type Sample } from '../measure.ts';
import { type Load, type Running, startLoad, startServer } from '../processes.ts';
import type { Report, Row } from '../report.ts';

/** Writes to one client within one tick. */
const MAX_WRITES = 1;

const WARM_UP_HOOKS = 600;
const PRODUCERS = 4;
/** Five audiences take long enough. */
const MAX_ROUNDS = 5;

/** Hooks of a round: many where the audience is small, because then there is little to measure. */
const AUDIENCES = [
  { door: 'ws', clients: 1, hooks: 300 },
  { door: 'ws', clients: 100, hooks: 100 },
  { door: 'ws', clients: 1000, hooks: 40 },
  { door: 'socket.io', clients: 1, hooks: 300 },
  { door: 'socket.io', clients: 100, hooks: 80 },
] as const;

type Audience = (typeof AUDIENCES)[number];

interface Stage {
  rounds: number;
  load: Load;
  server: Running;
  /** The one whose clients are counted, and one that nobody subscribes to. */
  sessions: { watched: string; alone: string };
}

export async function fanOut({ directory, rounds, serverFlags }: Bench): Promise<Report> {
  const rows: Row[] = [];
  await using load = startLoad();
  {
    await using server = await startServer(join(directory, 'plain'), { flags: serverFlags });
    const sessions = {
      watched: await openSession(load, server),
      alone: await openSession(load, server),
    };
    for (const audience of AUDIENCES) {
      rows.push(
        await rowFor(audience, { rounds: Math.min(rounds, MAX_ROUNDS), load, server, sessions }),
      );
    }
  }
  const most = await mostWrites(join(directory, 'counted'), load);
  rows.push({
    cells: ['writes per client and tick', 100, '', '', '', ''],
    budget: { value: most, limit: MAX_WRITES },
  });
  return {
    title: 'Fan-out',
    columns: [
      '',
      'clients',
      'CPU us/frame',
      'CPU us/client and hook',
      'frames/read',
      'delivered/s',
    ],
    rows,
    notes: [
      'Server CPU beyond what hooks of a session without subscribers cost in the same round.',
      'Hooks of one tick share a write. With one client the difference is within the noise.',
    ],
  };
}

/** A session with a few messages, so that a snapshot of it is short. */
async function openSession(load: Load, { port }: Running): Promise<string> {
  const session = randomUUID();
  await post(load, port, session, WARM_UP_HOOKS);
  return session;
}

async function post(load: Load, port: number, session: string, count: number): Promise<void> {
  const hooks = { kind: 'hooks', port, producers: PRODUCERS, mix: 'tools' } as const;
  await load.ask({ ...hooks, sessions: [session], count });
}

async function rowFor(
  { door, clients, hooks }: Audience,
  { rounds, load, server, sessions }: Stage,
): Promise<Row> {
  const { pid, port } = server;
  await load.ask({ kind: 'subscribe', port, door, clients, session: sessions.watched });
  const told = async (session: string): Promise<Sample> => {
    const { result, cpuMs, wallMs } = await costOf(pid, async () => {
      await post(load, port, session, hooks);
      return await load.ask({ kind: 'delivered' });
    });
    return { cpuUs: cpuMs * 1000, wallMs, ...result };
  };
  const variants = {
    watched: () => told(sessions.watched),
    alone: () => told(sessions.alone),
  };
  await inTurns(1, variants);
  const samples = await inTurns(rounds, variants);
  await load.ask({ kind: 'leave' });

  const beyondUs = quantile(
    samples.watched.map(({ cpuUs = 0 }, round) => cpuUs - (samples.alone[round]?.cpuUs ?? 0)),
  );
  const frames = medianOf(samples.watched, 'frames');
  const perRead = frames / medianOf(samples.watched, 'reads');
  const perSecond = (frames * 1000) / medianOf(samples.watched, 'wallMs');
  return {
    cells: [door, clients, beyondUs / frames, beyondUs / clients / hooks, perRead, perSecond],
  };
}

/** Counted inside the server, in a run of its own because counting costs. */
async function mostWrites(directory: string, load: Load): Promise<number> {
  const counter = fileURLToPath(new URL('../count-writes.mjs', import.meta.url));
  const flags = ['--import', counter];
  await using server = await startServer(directory, { flags, withChannel: true });
  const session = await openSession(load, server);
  const said = async (): Promise<{ most: number; writes: number }> => {
    server.child.send('say');
    return (await once(server.child, 'message'))[0];
  };
  await load.ask({ kind: 'subscribe', port: server.port, door: 'ws', clients: 100, session });
  // What subscribing wrote does not count: greeting and snapshot are two answers.
  await said();
  await post(load, server.port, session, WARM_UP_HOOKS);
  await load.ask({ kind: 'delivered' });
  const { most, writes } = await said();
  await load.ask({ kind: 'leave' });
  if (writes === 0) throw new Error('No write of a frame was seen: the counter does not count');
  return most;
}
