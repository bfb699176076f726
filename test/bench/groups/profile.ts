/**
 * Where the time of a hook goes: V8's own profiler runs in the server, and each sample counts for the innermost
 * function on its stack that stands for a stage. The server has no code for it, so it costs nothing when it is off.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { threadsCpuUsOf } from '../measure.ts';
import { ended, startLoad, startServer } from '../processes.ts';
import type { Report } from '../report.ts';

interface Stage {
  name: string;
  /** What a user has of it. */
  gives: string;
  /** Functions that begin it, as they are called in the built program. */
  functions: readonly string[];
}

/** In the order of a hook's way. */
const STAGES: readonly Stage[] = [
  { name: 'accept', gives: 'a connection', functions: ['onconnection'] },
  {
    name: 'read',
    gives: 'a request, within its limits',
    functions: ['onStreamRead', 'parserOnHeadersComplete', 'parserOnBody', 'readBody'],
  },
  { name: 'gate', gives: 'only who may is let in', functions: ['passGate'] },
  { name: 'parse', gives: 'no text that does harm', functions: ['parseHookJson'] },
  { name: 'validate', gives: 'fields of the right types', functions: ['decodeHook'] },
  { name: 'translate', gives: 'messages, neutral names', functions: ['readHook', 'eventOf'] },
  { name: 'chart', gives: 'a status that is true', functions: ['takeStep'] },
  { name: 'text', gives: 'facts and event as JSON', functions: ['itemOf', 'pieceOf'] },
  {
    name: 'hop',
    gives: 'a disk that holds nobody up',
    functions: ['#pump', '#received', 'say', 'postMessage'],
  },
  { name: 'rows', gives: 'history, catching up, audit', functions: ['commitOne'] },
  { name: 'commit', gives: 'nothing is lost', functions: ['#transact'] },
  { name: 'frame', gives: 'what watchers see', functions: ['#publish', 'moved'] },
  { name: 'write', gives: 'frames on their way', functions: ['flush'] },
  { name: 'answer', gives: 'hook.sh may forget its file', functions: ['end', 'writeHead'] },
];
const STAGE_OF = new Map(
  STAGES.flatMap(({ name, functions }) => functions.map((each) => [each, name])),
);
const GARBAGE = '(garbage collector)';
const SESSIONS = 50;
const SAMPLE_EVERY_US = 200;

/** Microseconds, monotonic: the clock that V8 stamps samples with. */
const nowUs = () => Number(process.hrtime.bigint() / 1000n);

interface Part {
  hooks: number;
  fromUs: number;
  toUs: number;
  ackUs: number;
  /** CPU of the writer's thread, us. */
  writerUs: number;
  /** CPU of all threads, us. */
  cpuUs: number;
}

/** Microseconds a hook by stage, with the time in which the thread waited inside of it. */
type Times = Map<string, number>;

export async function profile({ directory, share }: Bench): Promise<Report> {
  const into = join(directory, 'profiles');
  mkdirSync(into);
  const parts = await record(join(directory, 'server'), into, share);
  const threads = readdirSync(into).map((name) =>
    JSON.parse(readFileSync(join(into, name), 'utf8')),
  );
  const [alone, many] = parts.map((part) => timesOf(threads, part)) as [Times, Times];
  const [one, fifty] = parts as [Part, Part];
  const waits = (times: Times, part: Part) => Math.max(0, diskWait(times, part));
  // What no stage explains of the CPU time: samples outside of them also count what the thread waited for a processor.
  for (const [times, part] of [
    [alone, one],
    [many, fifty],
  ] as const) {
    times.delete(OTHER);
    const known = [...times.values()].reduce((sum, us) => sum + us, 0) - waits(times, part);
    times.set(OTHER, Math.max(0, part.cpuUs / part.hooks - known));
  }
  const cell = (times: Times, name: string) => times.get(name) ?? 0;
  const rows = [...STAGES.map(({ name, gives }) => ({ name, gives })), ...OTHERS].map((stage) => {
    const isCommit = stage.name === 'commit';
    const [waitAlone, waitMany] = isCommit ? [waits(alone, one), waits(many, fifty)] : [0, 0];
    return {
      cells: [
        stage.name,
        stage.gives,
        cell(alone, stage.name) - waitAlone,
        isCommit ? waitAlone : '',
        cell(many, stage.name) - waitMany,
        isCommit ? waitMany : '',
      ],
    };
  });
  const known = [...alone.values()].reduce((sum, us) => sum + us, 0);
  const between = ['between', 'threads are woken', '', Math.max(0, one.ackUs - known), '', ''];
  return {
    title: 'Where the time of a hook goes',
    columns: ['stage', 'gives', '1 producer CPU us', 'waits us', '50 producers CPU us', 'waits us'],
    rows: [...rows, { cells: between }],
    notes: [
      `Samples of V8's profiler in the server, every ${SAMPLE_EVERY_US} us; it makes all a little slower.`,
      'other: what the system counts as CPU time of the process beyond the stages. All of a stage is too long where others are at work.',
      'Kept connections, whole turns of 50 sessions. A budget of each: `npm run bench -- hooks`.',
      'between: what of the acknowledgement (mean) no stage explains; with 50 producers hooks overlap.',
    ],
  };
}

/** What no stage stands for. */
const OTHER = 'other';

const OTHERS = [
  { name: 'garbage', gives: '-' },
  { name: OTHER, gives: 'Node, promises, timers, what else runs' },
];

async function record(directory: string, into: string, share: number): Promise<Part[]> {
  await using load = startLoad();
  const flags = ['--cpu-prof', `--cpu-prof-dir=${into}`, `--cpu-prof-interval=${SAMPLE_EVERY_US}`];
  const server = await startServer(directory, { flags });
  const { port, pid } = server;
  const sessions = Array.from({ length: SESSIONS }, () => randomUUID());
  const post = async (producers: number, hooks: number): Promise<Part> => {
    const before = threadsCpuUsOf(pid);
    const fromUs = nowUs();
    const count = Math.round(hooks * share);
    const command = { kind: 'hooks', port, producers, count, sessions, mix: 'turns' } as const;
    const { ackMean } = await load.ask(command);
    const cost = threadsCpuUsOf(pid).map(([id, us]) => us - (new Map(before).get(id) ?? 0));
    // The main thread is the first; of the others none does as much as the writer.
    const writerUs = Math.max(...cost.slice(1));
    const cpuUs = cost.reduce((sum, us) => sum + us, 0);
    return { hooks: count, fromUs, toUs: nowUs(), ackUs: ackMean * 1000, writerUs, cpuUs };
  };
  await post(SESSIONS, 4000);
  await load.ask({ kind: 'watch', port, sessions });
  await post(1, 1000);
  const parts = [await post(1, 3000), await post(SESSIONS, 10_000)];
  await load.ask({ kind: 'leave' });
  await ended(server.child);
  return parts;
}

interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string }; children?: number[] }[];
  samples: number[];
  timeDeltas: number[];
  startTime: number;
}

/** Of all threads together: no two of them know the same stage but the hop. */
function timesOf(threads: readonly CpuProfile[], { hooks, fromUs, toUs }: Part): Times {
  const times: Times = new Map();
  for (const { nodes, samples, timeDeltas, startTime } of threads) {
    const stages = stagesOf(nodes);
    let at = startTime;
    for (const [index, id] of samples.entries()) {
      const us = timeDeltas[index] ?? 0;
      at += us;
      const stage = stages.get(id);
      if (at < fromUs || at > toUs || stage === undefined) continue;
      times.set(stage, (times.get(stage) ?? 0) + us / hooks);
    }
  }
  return times;
}

/** The stage of each node; none for one in which the thread has nothing to do. */
function stagesOf(nodes: CpuProfile['nodes']): Map<number, string> {
  const stages = new Map<number, string>();
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const visit = (id: number, above: string): void => {
    const node = byId.get(id);
    if (node === undefined) return;
    const { functionName } = node.callFrame;
    if (functionName === '(idle)') return;
    // The bundler puts a number behind a name that there is twice.
    const own = STAGE_OF.get(functionName) ?? STAGE_OF.get(functionName.replace(/\d+$/, ''));
    const stage = functionName === GARBAGE ? 'garbage' : (own ?? above);
    stages.set(id, stage);
    for (const child of node.children ?? []) visit(child, stage);
  };
  visit(nodes[0]?.id ?? 0, OTHER);
  return stages;
}

/** The thread that commits is blocked while the disk works: what its samples show beyond its CPU time. */
function diskWait(times: Times, { hooks, writerUs }: Part): number {
  const shown = (times.get('rows') ?? 0) + (times.get('commit') ?? 0);
  return shown - writerUs / hooks;
}
