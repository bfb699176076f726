/** What the fault tests share: a crowd around a server process, and the verdict at the end. */
import { damageOf, gapsOf, lostKeys, orderOf } from '../support/audit.ts';
import { wsClient } from '../support/clients.ts';
import { sessionDifferences, snapshotOf } from '../support/compare.ts';
import { rowsOf } from '../support/database.ts';
import { type Producer, startProducer } from '../support/producers.ts';
import type { Random } from '../support/random.ts';
import type { SpawnedServer } from '../support/spawned.ts';
import { startWatcher, type Watcher } from '../support/watcher.ts';

export interface Crowd {
  producers: Producer[];
  watchers: Watcher[];
  /** Hooks acknowledged so far. */
  readonly acknowledged: number;
  /** No new hooks; settles when the last one is acknowledged. */
  quiet(): Promise<void>;
}

/** Producers and subscribers around a server that may go and come. */
export function gather(
  server: SpawnedServer,
  random: Random,
  size: {
    producers: number;
    watchers: number;
    duplicates?: number;
    pace?: () => Promise<void>;
    /** How its sessions are called, before their number. */
    prefix?: string;
  },
): Crowd {
  const { url } = server;
  const whenUp = () => server.whenUp();
  const producers = Array.from({ length: size.producers }, (_, at) =>
    startProducer({
      url,
      whenUp,
      session: `${size.prefix ?? 'producer'}-${at}`,
      random: random.fork(),
      duplicates: size.duplicates ?? 0.1,
      ...(size.pace && { pace: size.pace }),
    }),
  );
  const watchers = Array.from({ length: size.watchers }, (_, at) =>
    startWatcher({
      ...{ url, whenUp, name: `watcher-${at}` },
      ...(size.prefix !== undefined && { isWanted: (id) => id.startsWith(`${size.prefix}-`) }),
    }),
  );
  return {
    producers,
    watchers,
    get acknowledged() {
      return producers.reduce((sum, producer) => sum + producer.acknowledged.length, 0);
    },
    async quiet() {
      for (const producer of producers) producer.stop();
      await Promise.all(producers.map(({ done }) => done));
    },
  };
}

/**
 * Everything that is not as promised, once the crowd is quiet and the server runs: nothing acknowledged
 * is lost or doubled, numbers have no gaps, every subscriber has what is on disk.
 */
export async function verdictOn(server: SpawnedServer, crowd: Crowd): Promise<string[]> {
  const wrong = damageOf(server.paths);
  for (const { session, acknowledged, surprises } of crowd.producers) {
    wrong.push(...surprises);
    wrong.push(...lostKeys(server.paths, acknowledged).map((key) => `${session} lost ${key}`));
    wrong.push(...orderOf(server.paths, session, acknowledged), ...gapsOf(server.paths, session));
  }
  for (const watcher of crowd.watchers) {
    await watcher.rest();
    wrong.push(...watcher.model.complaints);
  }
  await using newcomer = await wsClient(server.url);
  for (const { session, acknowledged } of crowd.producers) {
    // A session that was only announced is not there yet.
    if (acknowledged.length < 2) continue;
    const snapshot = await snapshotOf(newcomer, session);
    for (const { model } of crowd.watchers) wrong.push(...sessionDifferences(model, snapshot));
  }
  const quarantined = rowsOf<{ error: string }>(server.paths, 'SELECT error FROM quarantine');
  wrong.push(...quarantined.map(({ error }) => `quarantined: ${error}`));
  return wrong;
}

/** The words for a failing test: how to repeat it, and what was wrong first. */
export function report(random: Random, server: SpawnedServer, wrong: readonly string[]): string {
  return `SEED=${random.seed}\n${wrong.slice(0, 20).join('\n')}\n${server.output.slice(-2000)}`;
}

/** A pause of a random length: faults come when they come. */
export function aWhile(random: Random, fromMs: number, toMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, random.between(fromMs, toMs)));
}
