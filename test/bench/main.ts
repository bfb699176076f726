/**
 * `npm run bench`: what the server costs, each figure beside the one it is compared with, measured in the
 * same run. Prints a Markdown table per group and ends with 1 when a budget is over. Linux only.
 *
 *     npm run bench                       all groups
 *     npm run bench -- hooks fan-out      these groups
 *     npm run bench -- --quick            fewer rounds, smaller databases
 *     npm run bench -- hooks --cpu-prof D profiles of the server into directory D
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Bench } from './bench.ts';
import { actors } from './groups/actors.ts';
import { eventCost } from './groups/event-cost.ts';
import { fanOut } from './groups/fan-out.ts';
import { hooks } from './groups/hooks.ts';
import { inspection } from './groups/inspection.ts';
import { machine } from './groups/machine.ts';
import { start } from './groups/start.ts';
import { isOver, markdownOf, type Report } from './report.ts';

const GROUPS: Readonly<Record<string, (bench: Bench) => Promise<Report>>> = {
  hooks,
  events: eventCost,
  actors,
  'fan-out': fanOut,
  inspection,
  start,
  machine,
};

/** Part of the work that a quick run does: enough to see a factor, not to see percents. */
const QUICK_SHARE = 0.3;

/** Rounds of each variant; an odd number, so that the median is one of them. */
const ROUNDS = { full: 7, quick: 3 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, 'cpu-prof': { type: 'string' } },
});
process.exitCode = await run(positionals.length > 0 ? positionals : Object.keys(GROUPS));

async function run(names: readonly string[]): Promise<number> {
  const unknown = names.find((name) => !Object.hasOwn(GROUPS, name));
  if (unknown !== undefined) {
    console.error(`No group ${unknown}; there are ${Object.keys(GROUPS).join(', ')}`);
    return 64;
  }
  let over = 0;
  for (const name of names) {
    const began = performance.now();
    const report = await inDirectory((directory) => GROUPS[name]?.(benchIn(directory)));
    if (report === undefined) continue;
    over += report.rows.filter(({ budget }) => budget && isOver(budget)).length;
    const seconds = Math.round((performance.now() - began) / 1000);
    console.log(`${markdownOf(report)}\n${name}: ${seconds} s\n`);
  }
  console.log(over === 0 ? 'All budgets kept.' : `${over} budgets over.`);
  return over === 0 ? 0 : 1;
}

function benchIn(directory: string): Bench {
  const isQuick = values.quick;
  const profile = values['cpu-prof'];
  return {
    directory,
    isQuick,
    share: isQuick ? QUICK_SHARE : 1,
    rounds: isQuick ? ROUNDS.quick : ROUNDS.full,
    serverFlags: profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(profile)}`],
  };
}

async function inDirectory<Result>(run: (directory: string) => Result): Promise<Awaited<Result>> {
  const directory = mkdtempSync(join(tmpdir(), 'orbitdock-bench-'));
  try {
    return await run(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
