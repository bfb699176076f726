/** What is done to the server, each for some seconds, while hooks come and watchers watch. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { aWhile, type Crowd } from '../faults/crowd.ts';
import { hookKey, scriptOf } from '../support/hooks.ts';
import type { Random } from '../support/random.ts';
import { type SpawnedServer, spawnServer } from '../support/spawned.ts';
import {
  bringGarbage,
  comeWithWrongTokens,
  flood,
  readNothing,
  revokeInUse,
} from './foreign-clients.ts';

/** The place where it happens. */
export interface Stage {
  readonly server: SpawnedServer;
  readonly random: Random;
  readonly crowd: Crowd;
  /** The program, for a start beside the server. */
  readonly main: string;
  /** File that says how wrong the server's clock is, ms. */
  readonly clock: string;
  /** Good files that were put into the spool. */
  spooled: number;
  /** Files that no hook was in. */
  junk: number;
}

/** Does something. @returns what the server did that it should not */
export type Fault = (stage: Stage) => Promise<string[]>;

const HOUR_MS = 3_600_000;
/** Clocks go wrong by so much, ms. */
const STEPS = [-48 * HOUR_MS, -HOUR_MS, -120_000, 120_000, HOUR_MS, 48 * HOUR_MS];
/** Nothing can be written beyond this size of a file, bytes. */
const FULL_AT = 4096;

/** All of them by name. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  async nothing({ random }) {
    await aWhile(random, 1000, 3000);
    return [];
  },

  async kill({ server, random, crowd }) {
    await aWhile(random, 100, 1500);
    if (random.chance(0.5)) random.pick(crowd.watchers).cut();
    await server.kill('SIGKILL');
    await server.start();
    return [];
  },

  async stop({ server, random }) {
    await aWhile(random, 100, 1500);
    const { code, signal } = await server.kill('SIGTERM');
    await server.start();
    return code === 0 ? [] : [`SIGTERM ended it with ${code ?? signal}`];
  },

  async freeze({ server, random }) {
    server.signal('SIGSTOP');
    await aWhile(random, 500, 4000);
    server.signal('SIGCONT');
    return [];
  },

  async 'full disk'({ server, random }) {
    const limit = (words: string) =>
      execFileSync('prlimit', ['--pid', String(server.pid), `--fsize=${words}`]);
    limit(`${FULL_AT}:unlimited`);
    await aWhile(random, 1000, 4000);
    limit('unlimited');
    return await untilHealthy(server, 'a full disk');
  },

  async 'busy database'({ server, random }) {
    const database = new Database(server.paths.database, { timeout: 10_000 });
    try {
      database.exec('BEGIN IMMEDIATE');
      await aWhile(random, 1000, 5000);
      database.exec('ROLLBACK');
    } finally {
      database.close();
    }
    return await untilHealthy(server, 'a busy database');
  },

  async 'read-only directory'({ server, main }) {
    await server.kill('SIGTERM');
    const { dir } = server.paths;
    const mount = `mount --bind "${dir}" "${dir}" && mount -o remount,bind,ro "${dir}"`;
    const wrapper = ['unshare', '-m', '/bin/sh', '-c', `${mount} && exec "$0" "$@"`];
    const received = await spawnServer(main, { wrapper, paths: server.paths }).then(
      async (second) => {
        await second.kill('SIGKILL');
        return 'it serves';
      },
      (error: Error) => error.message,
    );
    await server.start();
    return /^ended with 78: /.test(received) ? [] : [`a read-only directory: ${received}`];
  },

  async 'a second start'({ server, main }) {
    const received = await spawnServer(main, { paths: server.paths }).then(
      async (second) => {
        await second.kill('SIGKILL');
        return 'it serves';
      },
      (error: Error) => error.message,
    );
    return /^ended with 75: /.test(received) ? [] : [`a second start: ${received}`];
  },

  async 'clock step'({ random, clock }) {
    writeFileSync(clock, String(random.pick(STEPS)));
    await aWhile(random, 1000, 4000);
    writeFileSync(clock, '0');
    return [];
  },

  async 'slow readers'({ server, random, crowd }) {
    const sessions = crowd.producers.map(({ session }) => session);
    const readers = await Promise.all(
      Array.from({ length: random.between(3, 8) }, () => readNothing(server, sessions)),
    );
    await aWhile(random, 2000, 5000);
    for (const end of readers) end();
    return [];
  },

  garbage: ({ server, random }) => bringGarbage(server, random),
  flood: ({ server, random }) => flood(server, random),
  'wrong tokens': ({ server }) => comeWithWrongTokens(server),
  'revoked token': ({ server, random }) => revokeInUse(server, random),

  async 'lines cut'({ crowd, random }) {
    for (const watcher of crowd.watchers) if (random.chance(0.7)) watcher.cut();
    await aWhile(random, 100, 1000);
    return [];
  },

  async spool(stage) {
    const { server, random } = stage;
    const { spool } = server.paths;
    const isDown = random.chance(0.5);
    if (isDown) await server.kill(random.pick(['SIGKILL', 'SIGTERM'] as const));
    for (let at = random.between(5, 30); at > 0; at--) {
      stage.spooled += 1;
      const body = JSON.stringify(scriptOf('spooled').prompt(`Round ${stage.spooled}`));
      writeFileSync(join(spool, `${hookKey()}.claude_status_event.json`), body);
    }
    for (let at = random.between(1, 4); at > 0; at--) {
      stage.junk += 1;
      const path = join(spool, `${hookKey()}.json`);
      if (random.chance(0.3)) mkdirSync(path);
      else writeFileSync(path, random.pick(['', '{"session_id":"cut', '[1]', '\u0000\u0001']));
    }
    if (isDown) await server.start();
    return [];
  },
};

/** Waits until `/health` reports no error any more; that is within 15 s. */
async function untilHealthy({ url }: SpawnedServer, after: string): Promise<string[]> {
  const untilMs = performance.now() + 15_000;
  let received = '';
  while (performance.now() < untilMs) {
    received = await fetch(`${url}/health`).then(
      (answer) => answer.text(),
      (error: Error) => error.message,
    );
    if (received.includes('"ok"') && !received.includes('degraded')) return [];
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return [`not healthy 15 s after ${after}: ${received}`];
}
