import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { SILENT_LOGGER } from '../../src/log.ts';
import { isLocked } from '../../src/store/lock.ts';
import { openWriter } from '../../src/store/writer.ts';
import {
  appended,
  created,
  event,
  openStore,
  openTestWriter,
  snapshotOf,
  submitted,
  tempPaths,
} from './support.ts';

const catchUp = (sessionId: string, since: number | null = null) =>
  ({ kind: 'catch-up', sessionId, since, epoch: null }) as const;

describe('a writer', () => {
  test('commits in order, and a read sees what was submitted before it, after its commits', async () => {
    const writer = await openTestWriter(tempPaths());
    const received: string[] = [];
    writer.submit(created('s'), () => received.push('created'));
    for (let at = 0; at < 700; at += 1) {
      writer.submit(event('s', [appended('s', `m${at}`)]), (result) => {
        received.push(`${result.outcome === 'committed' ? result.revision : result.outcome}`);
      });
    }
    const read = writer.read(catchUp('s')).then((answer) => {
      received.push('read');
      return snapshotOf(answer);
    });
    let readAfterLast = 0;
    writer.submit(event('s', [appended('s', 'behind')]), () => {
      readAfterLast = received.length;
    });
    expect(writer.backlog.items).toBe(702);
    const state = await read;
    expect(received.slice(0, 701)).toEqual([
      'created',
      ...Array.from({ length: 700 }, (_, at) => String(at + 1)),
    ]);
    expect(received.at(-1)).toBe('read');
    // The one behind came with the last batch: its subscribers learned of it before the read did.
    expect(state.revision).toBe(readAfterLast === 0 ? 700 : 701);
    await writer.read({ kind: 'list' });
    expect(writer.backlog).toEqual({ items: 0, bytes: 0, oldestAgeMs: 0 });
  });

  test('never lets a commit pass between a read and what follows it at once', async () => {
    const writer = await openTestWriter(tempPaths());
    await submitted(writer, created('s'));
    let published = 0;
    const sequel: Array<Promise<number>> = [];
    for (let at = 0; at < 200; at += 1) {
      writer.submit(event('s', [appended('s', `m${at}`)]), (result) => {
        if (result.outcome === 'committed') published = result.revision;
      });
      if (at % 3 !== 0) continue;
      const nested = async () => (await writer.read(catchUp('s')))?.revision ?? -1;
      sequel.push(nested().then((revision) => revision - published));
      if (at % 30 === 0) await writer.read({ kind: 'list' });
    }
    expect(new Set(await Promise.all(sequel))).toEqual(new Set([0]));
  });

  test('answers the same question of many with one read, and refuses too many questions', async () => {
    const writer = await openTestWriter(tempPaths());
    await submitted(writer, created('s'));
    const same = Array.from({ length: 3_000 }, () => writer.read({ kind: 'list' }));
    const texts = await Promise.all(same);
    expect(new Set(texts).size).toBe(1);
    const different = Array.from({ length: 1_200 }, (_, at) =>
      writer.read({ kind: 'actor', sessionId: `s${at}` }).then(
        () => 'answered',
        (error) => error.code,
      ),
    );
    const outcomes = await Promise.all(different);
    expect(outcomes.filter((outcome) => outcome === 'answered')).toHaveLength(1_000);
    expect(outcomes.filter((outcome) => outcome === 'server_busy')).toHaveLength(200);
  });

  test('knows which keys are stored', async () => {
    const writer = await openTestWriter(tempPaths());
    await submitted(writer, { ...created('s'), key: 'a' });
    expect(await submitted(writer, { ...created('s'), key: 'a' })).toEqual({
      outcome: 'duplicate',
    });
    const known = await writer.read({ kind: 'known-keys', keys: ['a', 'b'] });
    expect(known).toEqual(['a']);
  });

  test('skips what was computed on an event that is refused, in its batch only, whatever is read', async () => {
    const writer = await openTestWriter(tempPaths());
    await submitted(writer, created('s'));
    const chain = 7;
    const outcomes = [
      submitted(writer, event('s', [appended('other', 'm')], { chain })),
      submitted(writer, event('s', [], { chain })),
      submitted(writer, event('s', [], { chain: 8 })),
    ];
    const read = writer.read({ kind: 'actor', sessionId: 's' });
    expect((await Promise.all(outcomes)).map(({ outcome }) => outcome)).toEqual([
      'quarantined',
      'skipped',
      'committed',
    ]);
    await read;
    expect((await submitted(writer, event('s'))).outcome).toBe('committed');
  });

  test('keeps everything while a foreign tool holds the database, and answers reads', async () => {
    const paths = tempPaths();
    const writer = await openTestWriter(paths);
    await submitted(writer, created('s'));
    const troubles: Array<string | null> = [];
    const troubled = new Promise<void>((resolve) => {
      writer.onStorageError((trouble) => {
        troubles.push(trouble);
        resolve();
      });
    });
    const foreign = new Database(paths.database);
    foreign.exec('BEGIN EXCLUSIVE');
    const results = Array.from({ length: 50 }, (_, at) =>
      submitted(writer, event('s', [appended('s', `m${at}`)], { key: `k${at}` })),
    );
    expect(snapshotOf(await writer.read(catchUp('s'))).message_count).toBe(0);
    expect(writer.storageError).toBe(null);
    await troubled;
    expect(writer.storageError).toBe('busy');
    expect(writer.backlog.items).toBe(50);
    expect(writer.backlog.oldestAgeMs).toBeGreaterThan(1_900);
    expect(snapshotOf(await writer.read(catchUp('s'))).message_count).toBe(0);
    foreign.exec('ROLLBACK');
    foreign.close();
    const revisions = (await Promise.all(results)).map((result) =>
      result.outcome === 'committed' ? result.revision : result,
    );
    expect(revisions).toEqual(Array.from({ length: 50 }, (_, at) => at + 1));
    expect(troubles).toEqual(['busy', null]);
    expect(snapshotOf(await writer.read(catchUp('s'))).message_count).toBe(50);
  });

  test('reports that its thread ended and refuses everything from then on', async () => {
    const writer = await openTestWriter(tempPaths());
    const crash = new Promise<Error>((resolve) => writer.onCrash(resolve));
    await expect(writer.read({ kind: 'nonsense' } as never)).rejects.toThrow('Unknown read');
    expect((await crash).message).toContain('Unknown read');
    expect(() => writer.submit(created('s'), () => {})).toThrow('Unknown read');
    await expect(writer.read({ kind: 'list' })).rejects.toThrow('Unknown read');
    await writer.close();
  });

  test('that ends without a word is reported too, and keeps nobody waiting', async () => {
    const thread = once(process, 'worker');
    const writer = await openTestWriter(tempPaths());
    const crash = new Promise<Error>((resolve) => writer.onCrash(resolve));
    const [worker] = (await thread) as [Worker];
    void worker.terminate();
    const unanswered = expect(writer.read({ kind: 'list' })).rejects.toThrow('ended by itself');
    expect((await crash).message).toContain('ended by itself');
    await unanswered;
    expect(() => writer.submit(created('s'), () => {})).toThrow('ended by itself');
    await writer.close();
  });
});

test('a start is known outside of the database before its first commit', async () => {
  const paths = tempPaths();
  const boots = () => (JSON.parse(readFileSync(paths.epoch, 'utf8')) as { boots: number }).boots;
  const first = await openTestWriter(paths);
  await submitted(first, created('s'));
  expect(boots()).toBe(1);
  await first.close();
  const second = await openTestWriter(paths);
  await submitted(second, created('t'));
  expect(boots()).toBe(2);
});

describe('closing', () => {
  test('commits what waits, marks the database clean and lets go of everything', async () => {
    const paths = tempPaths();
    const writer = await openWriter({ paths, durability: 'full', log: SILENT_LOGGER });
    expect(writer.opened).toMatchObject({
      interrupted: [],
      working: [],
      sessions: 0,
      wasDirty: false,
    });
    expect(isLocked(paths.lock)).toBe(true);
    const results = [
      submitted(writer, created('s', { work_status: 'working' })),
      submitted(writer, event('s', [appended('s', 'a')], { snapshot: '{"value":"idle"}' })),
    ];
    const closed = writer.close();
    expect(writer.close()).toBe(closed);
    expect(() => writer.submit(created('t'), () => {})).toThrow(
      expect.objectContaining({ code: 'shutting_down' }),
    );
    await expect(writer.read({ kind: 'list' })).rejects.toMatchObject({ code: 'shutting_down' });
    await closed;
    expect((await Promise.all(results)).map(({ outcome }) => outcome)).toEqual([
      'committed',
      'committed',
    ]);
    expect(isLocked(paths.lock)).toBe(false);
    const wal = `${paths.database}-wal`;
    expect(existsSync(wal) ? statSync(wal).size : 0).toBe(0);

    const again = await openTestWriter(paths);
    expect(again.opened).toMatchObject({ sessions: 1, wasDirty: false });
    expect(again.opened.epoch).toBe(writer.opened.epoch);
    expect(again.opened).toMatchObject({ interrupted: [], working: ['s'] });
    const { stored } = await again.read({ kind: 'actor', sessionId: 's' });
    expect([stored]).toMatchObject([
      { summary: { id: 's' }, snapshot: '{"value":"idle"}', machineVersion: 1, revision: 1 },
    ]);
  });

  test('gives up on storage that goes on failing, and what it gives up was never acknowledged', async () => {
    const paths = tempPaths();
    const writer = await openTestWriter(paths);
    await submitted(writer, created('s'));
    const foreign = new Database(paths.database);
    foreign.exec('BEGIN EXCLUSIVE');
    let isAcknowledged = false;
    writer.submit(event('s', [appended('s', 'm')], { key: 'k' }), () => {
      isAcknowledged = true;
    });
    await writer.close();
    foreign.exec('ROLLBACK');
    foreign.close();
    expect(isAcknowledged).toBe(false);
    expect(isLocked(paths.lock)).toBe(false);
    const { snapshot } = openStore(paths);
    expect(snapshot('s').message_count).toBe(0);
  });

  test('after a stop that was not clean, the next writer says so', async () => {
    const paths = tempPaths();
    openStore(paths).database.close();
    const writer = await openTestWriter(paths);
    expect(writer.opened.wasDirty).toBe(true);
  });
});

describe('opening', () => {
  test('fails with 75 while another writer runs, and with 78 on a foreign file', async () => {
    const paths = tempPaths();
    const deps = { paths, durability: 'normal', log: SILENT_LOGGER } as const;
    const foreign = new Database(paths.database);
    foreign.exec('CREATE TABLE bookmarks (url TEXT)');
    foreign.close();
    await expect(openWriter(deps)).rejects.toMatchObject({ name: 'ExitError', exitCode: 78 });
    expect(isLocked(paths.lock)).toBe(false);

    const others = tempPaths();
    await openTestWriter(others);
    await expect(openWriter({ ...deps, paths: others })).rejects.toMatchObject({ exitCode: 75 });
  });
});
