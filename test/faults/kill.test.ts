/** The server is killed again and again, and nothing that it acknowledged is ever lost or doubled. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type Build, build } from '../support/build.ts';
import { createRandom, seedOfRun } from '../support/random.ts';
import { spawnServer } from '../support/spawned.ts';
import { aWhile, gather, report, verdictOn } from './crowd.ts';

const KILLS = 60;
const SOON = { interval: 5, timeout: 30_000 };

let program: Build;
beforeAll(async () => {
  program = await build();
});
afterAll(() => program[Symbol.dispose]());

it(`loses nothing and doubles nothing over ${KILLS} kills under 30 producers`, async () => {
  const random = createRandom(seedOfRun());
  const startedAt = performance.now();
  await using server = await spawnServer(program.main);
  const crowd = gather(server, random.fork(), { producers: 30, watchers: 6 });
  const perLife: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const before = crowd.acknowledged;
    // Some are killed while they start; most when they have got to work.
    if (random.chance(0.8))
      await vi.waitFor(() => expect(crowd.acknowledged).not.toBe(before), SOON);
    await aWhile(random, 100, 1500);
    if (random.chance(0.3)) random.pick(crowd.watchers).cut();
    await server.kill('SIGKILL');
    perLife.push(crowd.acknowledged - before);
    await server.start();
  }
  await crowd.quiet();
  const wrong = await verdictOn(server, crowd);
  const repeated = crowd.producers.reduce((sum, producer) => sum + producer.repeated, 0);
  const connections = crowd.watchers.reduce((sum, watcher) => sum + watcher.connections, 0);
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  console.info(
    `${KILLS} kills in ${seconds} s: ${crowd.acknowledged} acknowledged, ${repeated} repeated, ` +
      `${connections} connections of ${crowd.watchers.length} subscribers, ` +
      `${perLife.filter((count) => count === 0).length} lives without a hook, ${wrong.length} wrong`,
  );
  for (const watcher of crowd.watchers) watcher.close();
  expect(wrong, report(random, server, wrong)).toEqual([]);
  expect(crowd.acknowledged).toBeGreaterThan(KILLS * 20);
});
