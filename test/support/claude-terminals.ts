/**
 * Terminals in which a CLI runs, as its live registry shows them: a real process for each, and the file that
 * Claude would write about it, rewritten in place.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { statOf } from '../../src/providers/claude/process.ts';

/** One CLI in its terminal. */
interface Terminal {
  readonly pid: number;
  /** Writes its registry file: the status, since now, and what else it says. */
  says(status: string | null, more?: Record<string, unknown>): void;
  /** The moment of the newest status, milliseconds since 1970. */
  readonly stamp: number;
  /** From now on the same process bears another session (`/clear`). */
  bears(sessionId: string): void;
  signal(name: NodeJS.Signals): void;
  /** Ends it by SIGKILL: the file stays. */
  kill(): Promise<void>;
  /** Ends it in order: the file goes first. */
  leave(): Promise<void>;
}

/** All terminals of a test; disposing of them kills what is left. */
export interface Terminals extends AsyncDisposable {
  open(sessionId: string): Promise<Terminal>;
}

/** Terminals whose CLI lives in this home. */
export function terminalsIn(home: string): Terminals {
  const sessions = join(home, 'sessions');
  mkdirSync(sessions, { recursive: true });
  const children: ChildProcess[] = [];
  return {
    async open(sessionId) {
      const child = spawn('sleep', ['600'], { stdio: 'ignore' });
      children.push(child);
      await once(child, 'spawn');
      return new SleepingTerminal(child, sessions, sessionId);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(children.map(killed));
      for (const { pid } of children) rmSync(join(sessions, `${pid}.json`), { force: true });
    },
  };
}

class SleepingTerminal implements Terminal {
  readonly #child: ChildProcess;
  readonly #path: string;
  readonly #about: Record<string, unknown>;
  stamp = 0;

  constructor(child: ChildProcess, folder: string, sessionId: string) {
    this.#child = child;
    this.#path = join(folder, `${this.pid}.json`);
    const procStart = statOf(this.pid)?.start;
    const [startedAt, cwd] = [Date.now(), '/home/dev/shop'];
    const kind = { version: '2.1.330', kind: 'interactive', entrypoint: 'cli' };
    this.#about = { pid: this.pid, sessionId, cwd, startedAt, procStart, ...kind };
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  says(status: string | null, more: Record<string, unknown> = {}): void {
    // Two statuses are never of the same millisecond.
    this.stamp = Math.max(Date.now(), this.stamp + 1);
    const said = status === null ? {} : { status, statusUpdatedAt: this.stamp };
    const { waitingFor: _, ...about } = this.#about;
    writeFileSync(this.#path, JSON.stringify({ ...about, ...said, ...more }));
  }

  bears(sessionId: string): void {
    this.#about.sessionId = sessionId;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  kill(): Promise<void> {
    return killed(this.#child);
  }

  async leave(): Promise<void> {
    rmSync(this.#path, { force: true });
    await killed(this.#child);
  }
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
