/**
 * Opening and closing a session's actor. Each child of the supervisor costs time in proportion to its
 * siblings; this watches that it stays bearable with as many as there can be.
 */
import type { Session } from '../../../machines/index.ts';
import { DEFAULT_RETENTION } from '../../../src/config.ts';
import { SILENT_LOGGER } from '../../../src/log.ts';
import type { LiveSession } from '../../../src/runtime/sessions/live-session.ts';
import { createRegistry, type Registry } from '../../../src/runtime/sessions/registry.ts';
import type { Bench } from '../bench.ts';
import { inTurns, medianOf, ratioOf, type Sample } from '../measure.ts';
import type { Report } from '../report.ts';

/** Live sessions of the two houses; below the number at which the registry makes room. */
const FEW = 10;
const MANY = 980;

/** Opened and closed again in a round. */
const TURNOVER = 15;

export async function actors({ rounds }: Bench): Promise<Report> {
  const houses = { few: createHouse(FEW), many: createHouse(MANY) };
  const variants = {
    few: async () => turnOver(houses.few),
    many: async () => turnOver(houses.many),
  };
  await inTurns(3, variants);
  const { few, many } = await inTurns(rounds * 3, variants);
  for (const house of Object.values(houses)) house.stop();
  const row = (what: string, live: number, of: readonly Sample[], figure: string) => ({
    cells: [what, live, medianOf(of, figure), ratioOf(of, few, figure)],
  });
  return {
    title: 'Actors',
    columns: ['', 'live sessions', 'CPU us', 'x'],
    rows: [
      row('open', FEW, few, 'openUs'),
      row('open', MANY, many, 'openUs'),
      row('close', FEW, few, 'closeUs'),
      row('close', MANY, many, 'closeUs'),
    ],
    notes: [
      'Through the registry, without a database. At most 1,000 are live: one rests for one that comes.',
    ],
  };
}

function createHouse(live: number): Registry {
  const opened = {
    epoch: 'bench',
    busy: [],
    sessions: 0,
    wasDirty: false,
    foreign: [],
    damage: null,
    retention: DEFAULT_RETENTION,
    processes: [],
    bearers: [],
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
