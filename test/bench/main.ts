/**
 * `npm run bench`: what the server costs, each figure beside the one it is compared with, measured in the
 * same run. Prints a Markdown table per group and ends with 1 when a budget is over. A group that is over while
 * others take a part of the machine is measured again. Linux only.
 *
 *     npm run bench                       all groups
 *     npm run bench -- hooks fan-out      these groups
 *     npm run bench -- --quick            fewer rounds, smaller databases
 *     npm run bench -- readme             all groups, and the README's table of figures from them
 *     npm run bench -- profile            where the time of a hook goes; promises nothing
 *     npm run bench -- soak               a week of a busy machine, about ten minutes; `--quick` a third of it
 *     npm run bench -- hooks --cpu-prof D profiles of the server into directory D
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, platform, release, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Bench } from './bench.ts';
import { actors } from './groups/actors.ts';
import { eventCost } from './groups/event-cost.ts';
import { fanOut } from './groups/fan-out.ts';
import { hooks } from './groups/hooks.ts';
import { inspection } from './groups/inspection.ts';
import { lists } from './groups/lists.ts';
import { machine } from './groups/machine.ts';
import { memory } from './groups/memory.ts';
import { profile } from './groups/profile.ts';
import { search } from './groups/search.ts';
import { soak } from './groups/soak.ts';
import { start } from './groups/start.ts';
import { isDisturbed, watchNeighbours } from './neighbours.ts';
import { readmeSentences, writeFigures } from './readme.ts';
import { isOver, markdownOf, type Report } from './report.ts';

interface Group {
  run: (bench: Bench) => Promise<Report>;
  /** The sentence of the README that the figures carry, word for word; none for what is only looked at. */
  claim?: string;
}

const GROUPS: Readonly<Record<string, Group>> = {
  hooks: {
    run: hooks,
    claim: 'a small multiple of what its own commit and one write to a socket cost.',
  },
  events: {
    run: eventCost,
    claim: 'An event costs as much at the end of a long session as at its start.',
  },
  actors: { run: actors, claim: 'A live session is one actor and some kilobytes.' },
  'fan-out': {
    run: fanOut,
    claim: 'Watchers cost one write each for all that happens within a tick.',
  },
  inspection: { run: inspection, claim: 'The visualizer costs nothing while it is not open.' },
  start: { run: start, claim: 'It serves within a few times of what Node alone takes to start.' },
  machine: { run: machine, claim: 'The chart itself is a small part of all that.' },
  lists: { run: lists, claim: 'A list of a thousand sessions takes some milliseconds.' },
  search: { run: search },
  memory: { run: memory, claim: 'It needs some dozens of megabytes when idle.' },
  profile: { run: profile },
  soak: { run: soak },
};

/** Part of the work that a quick run does: enough to see a factor, not to see percents. */
const QUICK_SHARE = 0.3;

/** Rounds of each variant; an odd number, so that the median is one of them. */
const ROUNDS = { full: 7, quick: 3 };

/** How often a group is measured that is over its budget while it was disturbed. */
const MAX_TRIES = 3;

/** Runs all groups of the README and writes its figures. */
const README = 'readme';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, 'cpu-prof': { type: 'string' } },
});
const isForReadme = positionals.includes(README);
process.exitCode = await run(
  positionals.length > 0 && !isForReadme ? positionals : namesOfClaims(),
);

/** What runs unless groups are named. */
function namesOfClaims(): string[] {
  return Object.keys(GROUPS).filter((name) => GROUPS[name]?.claim !== undefined);
}

async function run(names: readonly string[]): Promise<number> {
  const unknown = names.find((name) => !Object.hasOwn(GROUPS, name));
  if (unknown !== undefined) {
    console.error(`No group ${unknown}; there are ${Object.keys(GROUPS).join(', ')}`);
    return 64;
  }
  const sentences = readmeSentences();
  console.log(`${surroundings()}\n`);
  const reports: Report[] = [];
  let over = 0;
  let isCalm = true;
  for (const name of names) {
    const { claim } = GROUPS[name] as Group;
    const measured = await measureUndisturbed(name);
    reports.push(measured.report);
    over += measured.over;
    isCalm &&= !isDisturbed(measured.others);
    if (claim === undefined) continue;
    const isClaimed = sentences.includes(claim);
    if (!isClaimed) over += 1;
    console.log(`README: "${claim}"${isClaimed ? '' : ' **IS NOT THERE**'}\n`);
  }
  console.log(over === 0 ? 'All budgets kept.' : `${over} budgets over.`);
  if (isForReadme && isCalm) writeFigures(reports, surroundings());
  else if (isForReadme) console.log('The README is left as it is: others were at work, see above.');
  return over === 0 && (isCalm || !isForReadme) ? 0 : 1;
}

/** Measures a group, and again where it is over while others took a part of the machine. */
async function measureUndisturbed(name: string) {
  const { run: measure } = GROUPS[name] as Group;
  for (let tries = 1; ; tries++) {
    const began = performance.now();
    const loadBefore = load();
    const othersSince = watchNeighbours();
    const report = await inDirectory((directory) => measure(benchIn(directory)));
    const others = othersSince();
    const over = report.rows.filter(({ budget }) => budget && isOver(budget)).length;
    const seconds = Math.round((performance.now() - began) / 1000);
    console.log(markdownOf(report));
    console.log(
      `${name}: ${seconds} s, load ${loadBefore} before and ${load()} after, others took ${Math.round(others * 100)} % of the machine`,
    );
    if (over === 0 || !isDisturbed(others) || tries === MAX_TRIES) return { report, over, others };
    console.log(`${name} was disturbed and is measured again.\n`);
  }
}

/** What the figures were measured on: they are compared within one run only. */
function surroundings(): string {
  const [first] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const { node, v8 } = process.versions;
  return `Node ${node} (V8 ${v8}), ${platform()} ${release()}, ${cpus().length} x ${first?.model.trim()}, ${memory} GiB, load ${load()}`;
}

/** Processes that ran or wanted to, over the last minute. */
function load(): string {
  return (loadavg()[0] ?? 0).toFixed(1);
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
