/**
 * `npm run chaos`: a server under hooks, watchers and one fault after another, in an order that a seed decides, for as long
 * as is said. After some faults everything is held against what was promised. Ends with 1 and the seed when
 * something is not so; the data directory then stays. Linux, as root for some faults.
 *
 *     npm run chaos                              ten minutes, a new seed
 *     npm run chaos -- --seed 7 --minutes 60
 *     npm run chaos -- --only kill,garbage       these faults alone
 */
import { cpSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gather } from '../faults/crowd.ts';
import { build } from '../support/build.ts';
import { createRandom } from '../support/random.ts';
import { temporaryDataPaths } from '../support/server.ts';
import { spawnServer } from '../support/spawned.ts';
import { FAULTS, type Stage } from './faults.ts';
import { revokedAfterMs, WRONG_TOKEN } from './foreign-clients.ts';
import { processOf, spoolOf, verdictOf } from './invariants.ts';

/** Nothing takes so long, also on a busy machine, ms. */
const STEP_WITHIN_MS = 180_000;
/** Faults between two verdicts. */
const FAULTS_A_ROUND = 6;
const CLOCK = fileURLToPath(new URL('clock.cjs', import.meta.url));
/** Stands in for what must never be shown. */
const CANARY = 'canary-of-the-chaos-4711';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '10' },
    only: { type: 'string' },
  },
});
const random = createRandom(Number(values.seed) || Date.now() % 2 ** 31);
const names = values.only?.split(',') ?? Object.keys(FAULTS);
const unknown = names.filter((name) => !(name in FAULTS));
if (unknown.length > 0 || !(Number(values.minutes) > 0)) {
  console.error(`Faults are ${Object.keys(FAULTS).join(', ')}; --minutes is a number`);
  process.exit(64);
}

console.log(`SEED=${random.seed}, ${values.minutes} minutes`);
const wrong = await run(performance.now() + Number(values.minutes) * 60_000);
for (const words of wrong.slice(0, 30)) console.log(`WRONG ${words}`);
console.log(wrong.length === 0 ? 'All as promised' : `SEED=${random.seed}: ${wrong.length} wrong`);
process.exit(wrong.length === 0 ? 0 : 1);

async function run(untilMs: number): Promise<string[]> {
  using program = await build();
  const paths = temporaryDataPaths();
  const clock = join(paths.dir, '..', `chaos-clock-${process.pid}`);
  const server = await spawnServer(program.main, {
    paths,
    nodeFlags: ['--require', CLOCK],
    env: { CHAOS_CLOCK: clock, CHAOS_CANARY: CANARY },
  });
  const counts = { spooled: 0, junk: 0 };
  const done: Record<string, number> = {};
  const found: string[] = [];
  let hooks = 0;
  try {
    for (let round = 1; performance.now() < untilMs && found.length === 0; round++) {
      const pace = () => new Promise<void>((resolve) => setTimeout(resolve, 10));
      const crowd = gather(server, random.fork(), {
        ...{ producers: 8, watchers: 4, pace },
        prefix: `round-${round}`,
      });
      const stage: Stage = { server, random, crowd, main: program.main, clock, ...counts };
      for (let at = 0; at < FAULTS_A_ROUND && found.length === 0; at++) {
        const name = random.pick(names);
        const words = await inTime(name, stage, FAULTS[name]?.(stage));
        found.push(...words.map((one) => `${name}: ${one}`));
        done[name] = (done[name] ?? 0) + 1;
      }
      Object.assign(counts, { spooled: stage.spooled, junk: stage.junk });
      const quiet = crowd.quiet().then(() => []);
      found.push(...(await inTime('the last hooks', stage, quiet)));
      if (found.length === 0) {
        found.push(...(await inTime('the verdict', stage, verdictOf(stage))));
        found.push(...(await spoolOf(stage)));
      }
      found.push(...processOf(stage, [CANARY, WRONG_TOKEN]));
      for (const watcher of crowd.watchers) watcher.close();
      hooks += crowd.acknowledged;
      console.log(`round ${round}: ${crowd.acknowledged} hooks, ${found.length} wrong`);
    }
    const { code, signal } = await server.kill('SIGTERM');
    if (code !== 0) found.push(`the last SIGTERM ended it with ${code ?? signal}`);
  } finally {
    console.log(`${hooks} hooks acknowledged; ${JSON.stringify(done)}`);
    const slowestMs = Math.max(0, ...revokedAfterMs);
    console.log(
      `${revokedAfterMs.length} connections of revoked tokens ended, the last after ${slowestMs} ms`,
    );
    if (found.length > 0) {
      const kept = join(tmpdir(), `chaos-${random.seed}`);
      cpSync(paths.dir, kept, { recursive: true, filter: (path) => !path.endsWith('.sock') });
      console.log(`${server.output.slice(-3000)}\nThe data directory: ${kept}`);
    }
    await server[Symbol.asyncDispose]();
    rmSync(clock, { force: true });
  }
  return found;
}

/** What came of a step; what did not end says who still waits for what. */
async function inTime(
  name: string,
  { crowd }: Stage,
  step: Promise<string[]> | undefined,
): Promise<string[]> {
  const beganMs = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<string[]>((resolve) => {
    timer = setTimeout(() => {
      const waiting = crowd.producers
        .filter(({ unanswered }) => unanswered.length > 0)
        .map(({ session, unanswered }) => `${session}: ${unanswered.join(' ')}`);
      const up = crowd.watchers.map(({ isUp }) => isUp).join(' ');
      resolve([`it did not end; unanswered: ${waiting.join(', ')}; watchers up: ${up}`]);
    }, STEP_WITHIN_MS);
  });
  const failed = (error: Error) => [error.stack ?? error.message];
  const words = await Promise.race([step?.catch(failed) ?? [], limit]);
  clearTimeout(timer);
  console.log(`  ${name}: ${((performance.now() - beganMs) / 1000).toFixed(1)} s`);
  return words;
}
