/**
 * The way of a hook, from the POST to its acknowledgement and to the screen of a subscriber, against the
 * floor: the least a program can do for the same promise. Between both stands the least that also tells a
 * chart and keeps its rows.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { costOf, inTurns, medianOf, ratioOf, type Sample } from '../measure.ts';
import { type Load, type Running, startLoad, startScript, startServer } from '../processes.ts';
import type { Report, Row } from '../report.ts';

/** Server CPU per hook, as a multiple of the floor's. */
const MAX_RATIO = 2.5;

const SESSIONS = 50;

/** Hooks before the first round: the compiler has to see them, too. */
const WARM_UP_HOOKS = 4000;

/** Hooks of a round, by the number of producers. */
const HOOKS = { 1: 400, 50: 2500 } as const;

export async function hooks({ directory, rounds, share, serverFlags }: Bench): Promise<Report> {
  await using load = startLoad();
  await using server = await startServer(join(directory, 'server'), { flags: serverFlags });
  await using bare = await startScript('bare.ts', [join(directory, 'bare.db')]);
  await using floor = await startScript('floor.ts', [join(directory, 'floor.db')]);
  const sessions = Array.from({ length: SESSIONS }, () => randomUUID());
  const warmUps = WARM_UP_HOOKS * share;
  await warmUp({ load, port: server.port, sessions, count: warmUps, watched: sessions });
  for (const { port } of [bare, floor]) {
    await warmUp({ load, port, sessions, count: warmUps, watched: [] });
  }

  const rows: Row[] = [];
  for (const producers of [1, 50] as const) {
    const count = HOOKS[producers] * share;
    const round = ({ pid, port }: Running) => {
      return () => measure({ load, pid, port, producers, count, sessions });
    };
    const samples = await inTurns(rounds, {
      ours: round(server),
      bare: round(bare),
      floor: round(floor),
    });
    const value = ratioOf(samples.ours, samples.floor, 'cpuUs');
    rows.push({
      cells: [...cells(`${producers} producers`, 'server', samples.ours), value],
      budget: { value, limit: MAX_RATIO },
    });
    const least = ratioOf(samples.bare, samples.floor, 'cpuUs');
    rows.push({ cells: [...cells('', 'chart and rows alone', samples.bare), least] });
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
      'Bodies of 500 bytes on keep-alive connections, whole turns of 50 sessions, one subscriber of all.',
      'The floor: node:http, one FULL group commit, one frame, nothing else.',
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
}): Promise<Sample> {
  const { load, pid, ...rest } = round;
  const { result, cpuMs } = await costOf(pid, () =>
    load.ask({ kind: 'hooks', mix: 'turns', ...rest }),
  );
  return { ...result, cpuUs: (cpuMs * 1000) / rest.count };
}

function cells(what: string, program: string, samples: readonly Sample[]): (string | number)[] {
  const figures = ['cpuUs', 'perSecond', 'ackP50', 'ackP99', 'seenP50', 'seenP99'];
  return [what, program, ...figures.map((figure) => medianOf(samples, figure))];
}
