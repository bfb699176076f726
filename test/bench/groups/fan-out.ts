/**
 * One session, many subscribers: what a frame costs for each of them, beside a program that writes the same number
 * of bytes to as many sockets, and how often a client is written to.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench } from '../bench.ts';
import { costOf, inTurns, medianOf, quantile, type Sample } from '../measure.ts';
import { type Load, type Running, startLoad, startScript, startServer } from '../processes.ts';
import { type Report, type Row, text } from '../report.ts';

/** Writes to one client within one tick. */
const MAX_WRITES = 1;

const WARM_UP_HOOKS = 600;
const PRODUCERS = 4;
/** Six audiences take long enough. */
const MAX_ROUNDS = 5;

/** Hooks of a round: many where the audience is small, because then there is little to measure. */
const AUDIENCES = [
  { endpoint: 'ws', clients: 1, hooks: 300 },
  { endpoint: 'ws', clients: 100, hooks: 100, limit: 2, goal: 1.25 },
  { endpoint: 'ws', clients: 1000, hooks: 40, limit: 2, goal: 1.25 },
  { endpoint: 'socket.io', clients: 1, hooks: 300 },
  // Twice what the same costs on /ws, which has the goal of 1.25.
  { endpoint: 'socket.io', clients: 100, hooks: 100, limit: 3, goal: 2.5 },
  { endpoint: 'socket.io', clients: 1000, hooks: 40, limit: 3, goal: 2.5 },
] as const satisfies readonly { limit?: number; goal?: number; [fact: string]: unknown }[];

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
    cells: ['writes per client and tick', 100, '', '', '', '', '', ''],
    budget: { value: most, limit: MAX_WRITES },
  });
  return {
    title: 'Fan-out',
    columns: [
      '',
      'clients',
      'CPU us/frame',
      'CPU us/client and hook',
      'raw write us/client and hook',
      'x raw write',
      'frames/read',
      'delivered/s',
    ],
    rows,
    notes: [
      'Server CPU beyond what hooks of a session without subscribers cost in the same round.',
      'Hooks of one tick share a write. With one client the difference is within the noise.',
      'Raw write: a node:http program that writes as many bytes, made beforehand, to each socket for each hook.',
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

async function rowFor(audience: Audience, stage: Stage): Promise<Row> {
  const { endpoint, clients, hooks } = audience;
  const { rounds, load, server, sessions } = stage;
  const { bytes } = await delivered(load, server, { ...audience, session: sessions.watched });
  // A process is measured beyond what it costs without clients; both are loaded in turns.
  await using raw = await startScript('raw.ts', [String(Math.round(bytes / clients / hooks))]);
  await using quiet = await startScript('raw.ts', [String(Math.round(bytes / clients / hooks))]);
  await using rawLoad = startLoad();
  await load.ask({
    kind: 'subscribe',
    port: server.port,
    endpoint,
    clients,
    session: sessions.watched,
  });
  await rawLoad.ask({ kind: 'subscribe', port: raw.port, endpoint: 'ws', clients, session: '' });
  const audienceOf =
    (load: Load, { pid, port }: Running, session: string) =>
    async (): Promise<Sample> => {
      const { result, cpuMs, wallMs } = await costOf(pid, async () => {
        await post(load, port, session, hooks);
        return await load.ask({ kind: 'delivered' });
      });
      return { cpuUs: cpuMs * 1000, wallMs, ...result };
    };
  const variants = {
    watched: audienceOf(load, server, sessions.watched),
    alone: audienceOf(load, server, sessions.alone),
    raw: audienceOf(rawLoad, raw, sessions.alone),
    rawAlone: audienceOf(rawLoad, quiet, sessions.alone),
  };
  await inTurns(2, variants);
  const samples = await inTurns(rounds, variants);
  await load.ask({ kind: 'leave' });
  await rawLoad.ask({ kind: 'leave' });

  const beyondUs = beyond(samples.watched, samples.alone);
  const rawUs = beyond(samples.raw, samples.rawAlone);
  const frames = medianOf(samples.watched, 'frames');
  const perRead = frames / medianOf(samples.watched, 'reads');
  const perSecond = (frames * 1000) / medianOf(samples.watched, 'wallMs');
  const each = clients * hooks;
  const value = beyondUs / rawUs;
  const cells = [
    endpoint,
    clients,
    beyondUs / frames,
    beyondUs / each,
    rawUs / each,
    value,
    perRead,
    perSecond,
  ];
  if (!('limit' in audience)) return { cells };
  const figure = {
    what: `a watcher more on ${endpoint}, ${clients.toLocaleString('en-US')} of them`,
    value: `${text(beyondUs / each)} us of CPU a hook, ${text(value)} times a raw write`,
  };
  return { cells, budget: { value, limit: audience.limit, goal: audience.goal }, figure };
}

/** What so many clients get of the hooks of a round. */
async function delivered(
  load: Load,
  { port }: Running,
  { clients, hooks, session }: { clients: number; hooks: number; session: string },
): Promise<{ bytes: number }> {
  // Only this endpoint is counted in bytes.
  await load.ask({ kind: 'subscribe', port, endpoint: 'ws', clients, session });
  await post(load, port, session, hooks);
  const answer = await load.ask({ kind: 'delivered' });
  await load.ask({ kind: 'leave' });
  return answer;
}

/** Server CPU of a round beyond its neighbour's, the median. */
function beyond(watched: readonly Sample[], alone: readonly Sample[]): number {
  return quantile(watched.map(({ cpuUs = 0 }, round) => cpuUs - (alone[round]?.cpuUs ?? 0)));
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
  await load.ask({ kind: 'subscribe', port: server.port, endpoint: 'ws', clients: 100, session });
  // What subscribing wrote does not count: greeting and snapshot are two answers.
  await said();
  await post(load, server.port, session, WARM_UP_HOOKS);
  await load.ask({ kind: 'delivered' });
  const { most, writes } = await said();
  await load.ask({ kind: 'leave' });
  if (writes === 0) throw new Error('No write of a frame was seen: the counter does not count');
  return most;
}
