/** The process is frozen, the disk is full; what was acknowledged stays, and it goes on by itself. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type Build, build } from '../support/build.ts';
import { deliver, postHook, scriptOf } from '../support/hooks.ts';
import { createRandom, seedOfRun } from '../support/random.ts';
import { type SpawnedServer, spawnServer } from '../support/spawned.ts';
import { aWhile, type Crowd, gather, report, verdictOn } from './crowd.ts';

/** Largest file the server may write, KiB: less than the write-ahead log wants before its checkpoint. */
const FILE_LIMIT_KIB = 2048;

let program: Build;
beforeAll(async () => {
  program = await build();
});
afterAll(() => program[Symbol.dispose]());

function moreThan(crowd: Crowd, hooks: number): Promise<void> {
  const target = crowd.acknowledged + hooks;
  return vi.waitFor(() => expect(crowd.acknowledged).toBeGreaterThan(target), {
    interval: 10,
    timeout: 30_000,
  });
}

async function healthOf({ url }: SpawnedServer): Promise<unknown> {
  return (await fetch(`${url}/health`)).json();
}

it('goes on where it was after it was frozen, three times under load', async () => {
  const random = createRandom(seedOfRun());
  await using server = await spawnServer(program.main);
  const crowd = gather(server, random.fork(), { producers: 10, watchers: 4 });
  for (let freeze = 0; freeze < 3; freeze++) {
    await moreThan(crowd, 50);
    server.signal('SIGSTOP');
    await aWhile(random, 1000, 3000);
    server.signal('SIGCONT');
  }
  await moreThan(crowd, 50);
  await crowd.quiet();
  const wrong = await verdictOn(server, crowd);
  for (const watcher of crowd.watchers) watcher.close();
  expect(wrong, report(random, server, wrong)).toEqual([]);
  console.info(`3 freezes: ${crowd.acknowledged} acknowledged, ${wrong.length} wrong`);
});

it('refuses hooks while files may not grow, still answers, and recovers without a restart', async () => {
  const random = createRandom(seedOfRun());
  // A soft limit: it can be lifted again from outside.
  const wrapper = ['/bin/sh', '-c', `ulimit -S -f ${FILE_LIMIT_KIB * 2}; exec "$0" "$@"`];
  await using server = await spawnServer(program.main, { wrapper });
  const { prompt, toolStarts, toolEnds } = scriptOf('before-full');
  await deliver(server.url, prompt('Go'));
  const crowd = gather(server, random.fork(), { producers: 6, watchers: 3 });
  let stored = 0;
  let isFull = false;
  const fill = async (): Promise<void> => {
    for (; !isFull; stored++) {
      await deliver(server.url, toolStarts(`big-${stored}`));
      await deliver(server.url, toolEnds(`big-${stored}`, 'x'.repeat(200_000)));
    }
  };
  // The hook that meets the full disk waits for it, and so does its sender; it may be sent away, too.
  const filling = fill().catch(() => {});
  await vi.waitFor(async () => expect(await healthOf(server)).toHaveProperty('degraded'), {
    interval: 50,
    timeout: 60_000,
  });
  isFull = true;
  const degraded = await healthOf(server);
  expect(degraded).toMatchObject({ degraded: expect.stringMatching(/^(disk_full|io_error)$/) });
  // Early ones wait with the batch that failed; those that come later are sent away at once.
  const statuses: number[] = [];
  await vi.waitFor(
    () => {
      void postHook(server.url, prompt('Too late')).then(({ status }) => statuses.push(status));
      expect(statuses).toContain(503);
    },
    { interval: 250, timeout: 10_000 },
  );
  const acknowledged = crowd.acknowledged;
  execFileSync('prlimit', ['--pid', String(server.pid), '--fsize=unlimited']);
  await vi.waitFor(() => expect(crowd.acknowledged).toBeGreaterThan(acknowledged + 100), {
    interval: 20,
    timeout: 60_000,
  });
  await filling;
  expect(await healthOf(server)).not.toHaveProperty('degraded');
  await crowd.quiet();
  const wrong = await verdictOn(server, crowd);
  for (const watcher of crowd.watchers) watcher.close();
  expect(wrong, report(random, server, wrong)).toEqual([]);
  console.info(
    `full (${JSON.stringify(degraded)}) after ${stored} large hooks and recovered: ` +
      `${crowd.acknowledged} acknowledged, ${wrong.length} wrong`,
  );
});
