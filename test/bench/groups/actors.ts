/**
 * Opening and closing a session's actor, with few live sessions and with as many as there can be, and the
 * longest turn of the loop while far more sessions are opened than may be live: the registry makes room.
 */
import type { Session } from '../../../machines/index.ts';
import { DEFAULT_RETENTION } from '../../../src/config.ts';
import { SILENT_LOGGER } from '../../../src/log.ts';
import type { LiveSession } from '../../../src/runtime/sessions/live-session.ts';
import { createRegistry, type Registry } from '../../../src/runtime/sessions/registry.ts';
import type { Bench } from '../bench.ts';
import { inTurns, medianOf, ratioOf, type Sample } from '../measure.ts';
import type { Report } from '../report.ts';

/** Live sessions of the two registries; below the number at which the registry makes room. */
const FEW = 10;
const MANY = 980;

/** Opened one after the other; the registry keeps 1,000 of them live. */
const OPENED = 3000;

/** What an actor may cost among MANY, as a multiple of its cost among FEW. */
const MAX_RATIO = 1.2;

/** Closing copies the list of a group: up to 16 children among MANY, one among FEW; more are never live. */
const MAX_CLOSE_RATIO = 1.8;

/** The longest turn of the loop, ms. */
const MAX_TURN_MS = 50;

/** Opened and closed again in a round. */
const TURNOVER = 15;

export async function actors({ rounds }: Bench): Promise<Report> {
  const registries = { few: createFilled(FEW), many: createFilled(MANY) };
  const variants = {
    few: async () => turnOver(registries.few),
    many: async () => turnOver(registries.many),
  };
  await inTurns(3, variants);
  const { few, many } = await inTurns(rounds * 12, variants);
  for (const registry of Object.values(registries)) registry.stop();
  const crossed = await inTurns(rounds, { all: openBeyondTheLimit });
  const longest = medianOf(crossed.all, 'longestMs');
  const row = (what: string, live: number, of: readonly Sample[], figure: string) => ({
    cells: [what, live, medianOf(of, figure), ratioOf(of, few, figure)],
  });
  const limited = (what: string, figure: string, limit: number) => ({
    ...row(what, MANY, many, figure),
    budget: { value: ratioOf(many, few, figure), limit },
  });
  return {
    title: 'Actors',
    columns: ['', 'live sessions', 'CPU us', 'x'],
    rows: [
      row('open', FEW, few, 'openUs'),
      limited('open', 'openUs', MAX_RATIO),
      row('close', FEW, few, 'closeUs'),
      limited('close', 'closeUs', MAX_CLOSE_RATIO),
      {
        cells: ['open 3,000 one after the other', '1,000', medianOf(crossed.all, 'openUs'), ''],
      },
      {
        cells: ['longest turn of the loop meanwhile, ms', '1,000', longest, ''],
        budget: { value: longest, limit: MAX_TURN_MS },
      },
    ],
    notes: [
      'Through the registry, without a database. At most 1,000 are live: one rests for one that comes.',
    ],
  };
}

function createFilled(live: number): Registry {
  const opened = {
    epoch: 'bench',
    interrupted: [],
    working: [],
    sessions: 0,
    wasDirty: false,
    foreign: [],
    damage: null,
    retention: DEFAULT_RETENTION,
    processes: [],
    bearers: [],
    tails: [],
    unread: [],
    commands: [],
  };
  const read = () => Promise.reject(new Error('There is no database'));
  const registry = createRegistry({ writer: { opened, read }, log: SILENT_LOGGER });
  for (let i = 0; i < live; i++) open(registry);
  return registry;
}

let opened = 0;

function open(registry: Registry): LiveSession {
  opened++;
  const session: Session = {
    id: `session-${opened}`,
    provider: 'claude',
    project_path: '/home/dev/orbit',
    project_name: 'orbit',
    model: null,
    token_usage: { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 },
    started_at: null,
    last_activity_at: null,
  };
  const live = registry.create({ session, isNew: true, turnCount: 0 });
  // As after its first commit.
  registry.moved(live);
  return live;
}

/** One session a turn of the loop. The cost is that of those beyond the limit. */
async function openBeyondTheLimit(): Promise<Sample> {
  const registry = createFilled(0);
  let longestMs = 0;
  let beyondUs = 0;
  for (let n = 0; n < OPENED; n++) {
    const before = performance.now();
    const us = cpuUs(() => open(registry));
    await new Promise(setImmediate);
    longestMs = Math.max(longestMs, performance.now() - before);
    if (n >= OPENED / 2) beyondUs += us;
  }
  registry.stop();
  return { longestMs, openUs: beyondUs / (OPENED / 2) };
}

function turnOver(registry: Registry): Sample {
  const lives: LiveSession[] = [];
  const openUs = cpuUs(() => {
    for (let i = 0; i < TURNOVER; i++) lives.push(open(registry));
  });
  const closeUs = cpuUs(() => {
    for (const live of lives) registry.discard(live);
  });
  return { openUs: openUs / TURNOVER, closeUs: closeUs / TURNOVER };
}

function cpuUs(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
