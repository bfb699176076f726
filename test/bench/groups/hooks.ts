/**
 * The way of a hook, from the POST to its acknowledgement and to the screen of a subscriber, against the
 * floor: the least a program can do for the same promise. Between both is the least that also sends a
 * chart and keeps its rows.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { costOf, inTurns, medianOf, ratioOf, type Sample } from '../measure.ts';
import { type Load, type Running, startLoad, startScript, startServer } from '../processes.ts';
import { type Report, type Row, text } from '../report.ts';

interface Way {
  name: string;
  producers: number;
  /** Hooks of a round. */
  hooks: number;
  isKept: boolean;
  /** Server CPU per hook, as a multiple of what `of` costs. */
  limit: number;
  goal: number;
  of: 'floor' | 'bare';
}

const WAYS: readonly Way[] = [
  {
    name: 'new connections, 1 producer',
    producers: 1,
    hooks: 400,
    isKept: false,
    limit: 4.5,
    goal: 2,
    of: 'floor',
  },
  { name: '1 producer', producers: 1, hooks: 400, isKept: true, limit: 6, goal: 2.4, of: 'floor' },
  {
    name: '50 producers',
    producers: 50,
    hooks: 2500,
    isKept: true,
    limit: 2.5,
    goal: 1.7,
    of: 'bare',
  },
];

const SESSIONS = 50;

/** Hooks before the first round: the compiler has to see them, too. */
const WARM_UP_HOOKS = 4000;

export async function hooks({ directory, rounds, share, serverFlags }: Bench): Promise<Report> {
  await using load = startLoad();
  const paths = {
    ours: join(directory, 'server', 'orbitdock.sock'),
    floor: join(directory, 'floor.sock'),
  };
  await using server = await startServer(join(directory, 'server'), { flags: serverFlags });
  await using bare = await startScript('bare.ts', [join(directory, 'bare.db')]);
  await using floor = await startScript('floor.ts', [join(directory, 'floor.db'), paths.floor]);
  const sessions = Array.from({ length: SESSIONS }, () => randomUUID());
  const warmUps = WARM_UP_HOOKS * share;
  await warmUp({ load, port: server.port, sessions, count: warmUps, watched: sessions });
  for (const { port } of [bare, floor]) {
    await warmUp({ load, port, sessions, count: warmUps, watched: [] });
  }

  const rows: Row[] = [];
  for (const way of WAYS) {
    const count = way.hooks * share;
    const { producers } = way;
    const round = ({ pid, port }: Running, socketPath?: string) => {
      const on = way.isKept || socketPath === undefined ? {} : { socketPath };
      return () => measure({ load, pid, port, producers, count, sessions, ...on });
    };
    const samples = await inTurns(rounds, {
      ours: round(server, paths.ours),
      floor: round(floor, paths.floor),
      // It has no unix socket: what hooks cost on new connections is compared with the floor alone.
      bare: round(bare),
    });
    const times = (of: readonly Sample[]) => ratioOf(of, samples.floor, 'cpuUs');
    const value = ratioOf(samples.ours, samples[way.of], 'cpuUs');
    rows.push({
      cells: [...cells(way.name, 'server', samples.ours), times(samples.ours)],
      budget: { value, limit: way.limit, goal: way.goal },
      figure: figuresOf(way, samples.ours),
    });
    if (way.isKept) {
      const name = 'chart and rows alone';
      rows.push({ cells: [...cells('', name, samples.bare), times(samples.bare)] });
    }
    rows.push({ cells: [...cells('', 'floor', samples.floor), 1] });
  }
  return {
    title: 'Way of a hook',
    columns: [
      '',
      'program',
      'CPU us/hook',
      'acked/s',
      'ack p50 ms',
      'p99',
      'POST to frame p50 ms',
      'p99',
      'CPU x floor',
    ],
    rows,
    notes: [
      'Bodies of 500 bytes, whole turns of 50 sessions, one subscriber of all.',
      'New connections: one for each hook on the unix socket, as hook.sh opens them; the others are kept.',
      'The budget of 50 producers is a multiple of chart and rows alone, the others are of the floor.',
      'The floor: node:http, one FULL group commit, one write of frames a tick, V8 flags as ours.',
      'Chart and rows alone: the floor with the real chart and the real schema, in one thread, unchecked.',
      'Times include a load generator on the same machine.',
    ],
  };
}

async function warmUp(given: {
  load: Load;
  port: number;
  sessions: readonly string[];
  count: number;
  /** The least programs send all they have to whoever comes; the server wants to be asked. */
  watched: readonly string[];
}): Promise<void> {
  const { load, port, sessions, count, watched } = given;
  const hooks = {
    kind: 'hooks',
    port,
    producers: SESSIONS,
    count,
    sessions,
    mix: 'turns',
  } as const;
  await load.ask(hooks);
  await load.ask({ kind: 'watch', port, sessions: watched });
  await load.ask(hooks);
}

async function measure(round: {
  load: Load;
  pid: number;
  port: number;
  producers: number;
  count: number;
  sessions: readonly string[];
  socketPath?: string;
}): Promise<Sample> {
  const { load, pid, ...rest } = round;
  const { result, cpuMs } = await costOf(pid, () =>
    load.ask({ kind: 'hooks', mix: 'turns', ...rest }),
  );
  return { ...result, cpuUs: (cpuMs * 1000) / rest.count };
}

function figuresOf({ name, producers }: Way, samples: readonly Sample[]) {
  const of = (figure: string) => text(medianOf(samples, figure));
  const seen = `${of('seenP50')} ms until a watcher has it, half of them`;
  const most = producers === 1 ? seen : `${of('perSecond')} a second`;
  return { what: `a hook, ${name}`, value: `${of('cpuUs')} us of CPU, ${most}` };
}

function cells(what: string, program: string, samples: readonly Sample[]): (string | number)[] {
  const figures = ['cpuUs', 'perSecond', 'ackP50', 'ackP99', 'seenP50', 'seenP99'];
  return [what, program, ...figures.map((figure) => medianOf(samples, figure))];
}
