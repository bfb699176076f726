/**
 * Which files of the program one thing that the server does leads through: V8 counts the calls of every
 * function on the main thread of a server that runs from its sources.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import type { Profiler } from 'node:inspector';
import { fileURLToPath } from 'node:url';
import { temporaryDataPaths } from './server.ts';

const SERVER = fileURLToPath(new URL('./recording-server.ts', import.meta.url));
const ROOT = new URL('../../', import.meta.url).href;
/** What the compiler writes into every file to keep the names of functions. */
const NOT_OURS = '__name';

/** The functions that ran, by name, of each file that one of them stands in; paths from the root. */
export type Walk = ReadonlyMap<string, ReadonlySet<string>>;

/** A server whose walks can be recorded; disposing of it stops it and removes its data directory. */
export interface RecordingServer extends AsyncDisposable {
  readonly url: string;
  /**
   * Does it `times` times and resolves with what ran each time: what a timer of the server did meanwhile is
   * not in all of them.
   */
  record(walk: () => Promise<void>, times: number): Promise<Walk>;
}

/** Starts a server that runs from its sources. @param env its environment and that of its agents */
export async function startRecordingServer(
  env: Readonly<Record<string, string>>,
): Promise<RecordingServer> {
  const paths = temporaryDataPaths();
  const child = fork(SERVER, [paths.dir], {
    execArgv: ['--import', import.meta.resolve('tsx')],
    env,
  });
  const { port } = await next<{ port: number }>(child);
  const recordOnce = async (walk: () => Promise<void>): Promise<Walk> => {
    await send(child, 'begin');
    await walk();
    const { result } = await send<{ result: Profiler.ScriptCoverage[] }>(child, 'end');
    return walkOf(result);
  };
  return {
    url: `http://127.0.0.1:${port}`,
    async record(walk, times) {
      const walks: Walk[] = [];
      for (let time = 0; time < times; time++) walks.push(await recordOnce(walk));
      return walks.reduce(common);
    },
    async [Symbol.asyncDispose]() {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
      rmSync(paths.dir, { recursive: true, force: true });
    },
  };
}

/** The files of a walk and how many functions ran in each, a line each, most functions first. */
export function describeWalk(walk: Walk): string {
  const files = [...walk].map(([file, functions]) => ({ file, count: functions.size }));
  files.sort((a, b) => b.count - a.count || a.file.localeCompare(b.file));
  const functions = files.reduce((sum, { count }) => sum + count, 0);
  const lines = files.map(({ file, count }) => `${String(count).padStart(4)}  ${file}`);
  return [`${files.length} files, ${functions} functions`, ...lines].join('\n');
}

function next<Answer>(child: ChildProcess): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const failed = (code: number | null): void => reject(new Error(`the server ended: ${code}`));
    child.once('exit', failed);
    child.once('message', (answer) => {
      child.off('exit', failed);
      resolve(answer as Answer);
    });
  });
}

function send<Answer>(child: ChildProcess, word: 'begin' | 'end'): Promise<Answer> {
  const answer = next<Answer>(child);
  child.send(word);
  return answer;
}

/** A file that is loaded meanwhile runs from its first line, which is no call of anything in it. */
function walkOf(scripts: readonly Profiler.ScriptCoverage[]): Walk {
  const walk = new Map<string, Set<string>>();
  for (const { url, functions } of scripts) {
    const file = url.split('?')[0]?.replace(ROOT, '') ?? '';
    if (!/^(src|machines)\//.test(file)) continue;
    for (const { functionName, ranges } of functions) {
      const [range] = ranges;
      if (!range?.count || range.startOffset === 0 || functionName === NOT_OURS) continue;
      const called = walk.get(file) ?? new Set();
      // Some have no name; the place distinguishes them.
      walk.set(file, called.add(`${functionName}@${range.startOffset}`));
    }
  }
  return walk;
}

function common(one: Walk, other: Walk): Walk {
  const walk = new Map<string, ReadonlySet<string>>();
  for (const [file, functions] of one) {
    const both = [...functions].filter((name) => other.get(file)?.has(name));
    if (both.length > 0) walk.set(file, new Set(both));
  }
  return walk;
}
