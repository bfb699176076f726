/** `codex exec` as a person runs it in a shell: the real binary, in a home of the test's own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { findCodexBinary } from '../../src/providers/codex/engine/binary.ts';
import type { CodexHome } from './codex-home.ts';

/** A run; disposing of it ends it. */
export interface CodexExec extends AsyncDisposable {
  readonly process: ChildProcess;
  /** Settles with its exit status, or the signal that ended it, and what it said on stderr when it failed. */
  readonly over: Promise<number | string>;
}

/** Runs it with a prompt, or goes on with a thread. */
export function codexExec(
  home: CodexHome,
  prompt: string,
  { resume, cwd = home.project }: { resume?: string; cwd?: string } = {},
): CodexExec {
  const words = ['exec', '--skip-git-repo-check', ...(resume ? ['resume', resume] : []), prompt];
  return codexRun(home, words, cwd);
}

/** Runs `codex` with these words, without a terminal. */
export function codexRun(
  home: CodexHome,
  words: readonly string[],
  cwd: string = home.project,
): CodexExec {
  const child = spawn(findCodexBinary().path, words, {
    env: home.env,
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said = (said + chunk).slice(-2000);
  });
  const over = new Promise<number | string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      resolve(code === null ? (signal ?? 'unknown') : code === 0 ? 0 : `${code}: ${said}`);
    });
  });
  return {
    process: child,
    over,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await over;
    },
  };
}

/** The rollouts of a home, the oldest first. */
export function rolloutsOf({ codexHome }: Pick<CodexHome, 'codexHome'>): string[] {
  const below = (folder: string): string[] =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? below(path) : path;
    });
  try {
    return below(join(codexHome, 'sessions')).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** The thread whose rollout this is. */
export function threadOfRollout(path: string): string {
  return /-([0-9a-f-]{36})(?:_[0-9a-f-]{36})?\.jsonl$/.exec(basename(path))?.[1] ?? '';
}
