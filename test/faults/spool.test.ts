/**
 * Hooks that waited in the spool while the server was down, good ones among all kinds of bad ones. The
 * drain is killed three times on its way; in the end each good one is in effect once and in its turn,
 * each bad one lies in the quarantine with its reason, and nothing is lost.
 */
import { execFileSync } from 'node:child_process';
import {
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { DataPaths } from '../../src/config.ts';
import { gapsOf, orderOf } from '../support/audit.ts';
import { type Build, build } from '../support/build.ts';
import { rowsOf } from '../support/database.ts';
import { hookKey, scriptOf } from '../support/hooks.ts';
import type { Acknowledged } from '../support/producers.ts';
import { createRandom, type Random, seedOfRun } from '../support/random.ts';
import { type SpawnedServer, spawnServer } from '../support/spawned.ts';

const SESSIONS = 20;
const HOOKS_EACH = 50;
const OF_EACH_BAD_KIND = 10;

let program: Build;
beforeAll(async () => {
  program = await build();
});
afterAll(() => program[Symbol.dispose]());

/** Makes one bad file; some are bad by what they are, some by what is in them. */
const BAD_KINDS: Record<string, (path: string) => void> = {
  empty: (path) => writeFileSync(path, ''),
  partial: (path) => writeFileSync(path, '{"session_id":"cut-off","hook_event_'),
  junk: (path) => writeFileSync(path, Buffer.from([0xff, 0xfe, 0, 1, 2, 3, 0x80])),
  'no session': (path) => writeFileSync(path, '{"hook_event_name":"Stop"}'),
  'no object': (path) => writeFileSync(path, '[1,2,3]'),
  'path as id': (path) => writeFileSync(path, '{"session_id":"../../x","hook_event_name":"Stop"}'),
  'too deep': (path) => writeFileSync(path, `{"session_id":"d","x":${'['.repeat(500)}`),
  'forbidden key': (path) => writeFileSync(path, '{"session_id":"p","__proto__":{"polluted":1}}'),
  'too large': (path) => {
    writeFileSync(path, '{');
    truncateSync(path, 100 * 1024 * 1024);
  },
  folder: (path) => mkdirSync(path),
  link: (path) => symlinkSync('/etc/hostname', path),
  pipe: (path) => void execFileSync('mkfifo', [path]),
};

/** Only root can make one. */
if (process.getuid?.() === 0) {
  BAD_KINDS['of another user'] = (path) => {
    writeFileSync(path, JSON.stringify(scriptOf('foreign').prompt('Hi')));
    chownSync(path, 65_534, 65_534);
  };
}

interface Filled {
  good: Map<string, Acknowledged[]>;
  bad: string[];
}

/** Fills the spool: sessions side by side, bad files at random places between them. */
function fill({ spool }: DataPaths, random: Random): Filled {
  const good = new Map<string, Acknowledged[]>();
  const bad: string[] = [];
  const badOnes = Object.entries(BAD_KINDS).flatMap((kind) => Array(OF_EACH_BAD_KIND).fill(kind));
  const total = SESSIONS * HOOKS_EACH;
  for (let at = 0; at < total; at++) {
    const session = `spooled-${at % SESSIONS}`;
    const { start, prompt, toolStarts, toolEnds } = scriptOf(session);
    const turn = Math.floor(at / SESSIONS);
    const id = `t${turn}`;
    const hook =
      turn === 0
        ? start()
        : [prompt(`Round ${turn}`), toolStarts(id), toolEnds(`t${turn - 1}`)][turn % 3];
    const key = hookKey();
    writeFileSync(join(spool, `${key}.claude_status_event.json`), JSON.stringify(hook));
    const event = hook?.hook_event_name ?? '';
    good.set(session, [
      ...(good.get(session) ?? []),
      { session, key, event, answeredMs: Date.now() },
    ]);
    while (badOnes.length > 0 && random.chance(badOnes.length / (total - at))) {
      const [[, make]] = badOnes.splice(random.between(0, badOnes.length - 1), 1) as [
        [string, (path: string) => void],
      ];
      const name = `${hookKey()}.json`;
      make(join(spool, name));
      bad.push(name);
    }
  }
  return { good, bad };
}

const waitingIn = ({ spool }: DataPaths) =>
  readdirSync(spool).filter((name) => name !== 'quarantine' && !name.startsWith('.'));

/** Kills the server as soon as no more than so many files wait. */
async function killAt(server: SpawnedServer, files: number): Promise<number> {
  await vi.waitFor(() => expect(waitingIn(server.paths).length).toBeLessThanOrEqual(files), {
    interval: 1,
    timeout: 30_000,
  });
  await server.kill('SIGKILL');
  return waitingIn(server.paths).length;
}

it('takes every good file once and in order and sets every bad one aside, over three kills', async () => {
  const random = createRandom(seedOfRun());
  const words = `SEED=${random.seed}`;
  await using server = await spawnServer(program.main);
  await server.kill('SIGTERM');
  const { good, bad } = fill(server.paths, random);
  const total = SESSIONS * HOOKS_EACH + bad.length;
  const unfinished = join(server.paths.spool, '.tmp-young');
  writeFileSync(unfinished, '{"half');
  const forgotten = join(server.paths.spool, '.tmp-old');
  writeFileSync(forgotten, '{"half');
  utimesSync(forgotten, 1, 1);
  const left: number[] = [];
  for (const share of [0.9, 0.6, 0.3]) {
    await server.start();
    left.push(await killAt(server, Math.floor(total * share)));
  }
  expect(Math.min(...left), 'each kill must come before the end').toBeGreaterThan(0);
  await server.start();
  await vi.waitFor(() => expect(waitingIn(server.paths)).toEqual([]), { timeout: 60_000 });

  for (const [session, received] of good) {
    expect(orderOf(server.paths, session, received), words).toEqual([]);
    expect(gapsOf(server.paths, session), words).toEqual([]);
  }
  const set = readdirSync(server.paths.quarantine);
  expect(set.filter((name) => !name.endsWith('.reason')).sort(), words).toEqual(
    [...bad, '.tmp-old'].sort(),
  );
  for (const name of [...bad, '.tmp-old']) {
    const reason = readFileSync(join(server.paths.quarantine, `${name}.reason`), 'utf8');
    expect(reason.trim(), name).not.toBe('');
  }
  expect(readdirSync(server.paths.spool).sort()).toEqual(['.tmp-young', 'quarantine']);
  const foreign = `SELECT id FROM sessions WHERE id NOT LIKE 'spooled-%'`;
  expect(rowsOf(server.paths, foreign)).toEqual([]);
  console.info(`${total} files, ${bad.length} bad; files left at the kills: ${left.join(', ')}`);
});
