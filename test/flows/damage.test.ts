/**
 * A database with damaged pages, a lost one, and damaged values in single rows: written into real files. Damage is
 * found, named and never written over; what is sound stays readable; a backup ends it.
 */
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/index.ts';
import { ask, received } from '../support/asking.ts';
import { wsClient } from '../support/clients.ts';
import { snapshotOf } from '../support/compare.ts';
import { deliver, postHook, scriptOf } from '../support/hooks.ts';
import { barrier } from '../support/observer.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const PAGE = 4096;
const LONG = 'at length '.repeat(2_000);
const IDS = Array.from({ length: 12 }, (_, at) => `kept-${at}`);

let server: TestServer;

beforeEach(async () => {
  server = await startTestServer();
  for (const id of IDS) {
    await deliver(server.url, scriptOf(id).prompt(`${id} asks ${LONG} ${id} goes on ${LONG}`));
    await deliver(server.url, scriptOf(id).stop(`${id} is answered`));
  }
});
afterEach(() => server[Symbol.asyncDispose]());

/** Overwrites the page of the stopped server's file in which a text stands. */
function scribbleOver(text: string): void {
  const bytes = readFileSync(server.paths.database);
  const at = bytes.indexOf(text);
  if (at < 0) throw new Error(`${text} is not in the file`);
  const file = openSync(server.paths.database, 'r+');
  writeSync(file, 'scribble'.repeat(PAGE / 8), Math.floor(at / PAGE) * PAGE);
  closeSync(file);
}

async function health(): Promise<Record<string, string>> {
  return (await (await fetch(`${server.url}/health`)).json()) as Record<string, string>;
}

function contentOf(path: string): string {
  return readFileSync(path).toString('latin1');
}

async function run(...words: string[]): Promise<{ code: number; said: string }> {
  let said = '';
  const stream = () =>
    new Writable({
      write(chunk, _, done) {
        said += chunk;
        done();
      },
    });
  const code = await runCli([...words, '--data-dir', server.paths.dir], {
    ...{ stdout: stream(), stderr: stream(), env: { HOME: server.paths.dir } },
  });
  return { code, said };
}

const asideFiles = (word: string) =>
  readdirSync(server.paths.dir).filter((name) => name.startsWith(`${word}-`));

describe('pages that are damaged while no server runs', () => {
  it('are found after a clean stop; nothing is written over them, and a backup ends it', async () => {
    const backup = await run('backup', join(server.paths.dir, 'good.db'));
    expect(backup).toMatchObject({ code: 0, said: expect.stringContaining('good.db') });
    await server.stop();
    scribbleOver('kept-3 goes on');
    const damaged = contentOf(server.paths.database);
    await server.start();
    await expect.poll(health).toMatchObject({
      ...{ status: 'ok', degraded: 'corrupt' },
      remedy: expect.stringContaining('orbitdock-server restore'),
    });
    const [copy] = asideFiles('corrupt');
    expect(contentOf(join(server.paths.dir, copy ?? '', 'orbitdock.db')).length).toBe(
      damaged.length,
    );
    expect((await run('status')).said).toMatch(/DEGRADED, corrupt: .*orbitdock-server restore/);
    const refused = await postHook(server.url, scriptOf('kept-1').prompt('more'));
    expect(refused).toMatchObject({ status: 503, body: expect.stringContaining('damaged') });

    await using client = await wsClient(server.url);
    expect(received(client, 'hello')[0]).toMatchObject({ degraded: 'corrupt' });
    expect((await snapshotOf(client, 'kept-7')).messages).toHaveLength(2);
    const answer = await ask(client, { type: 'get_messages', session_id: 'kept-3' });
    expect(answer).toMatchObject({
      ...{ type: 'error', code: 'database_damaged', session_id: 'kept-3' },
      message: expect.stringMatching(/kept-3.*orbitdock-server restore/),
    });
    const frozen = contentOf(server.paths.database);
    await server.restart();
    await expect.poll(health).toMatchObject({ degraded: 'corrupt' });
    expect((await postHook(server.url, scriptOf('kept-1').prompt('more'))).status).toBe(503);
    expect(contentOf(server.paths.database)).toBe(frozen);
    expect(asideFiles('corrupt')).toEqual([copy]);

    expect(await run('restore', join(server.paths.dir, 'good.db'))).toMatchObject({
      code: 75,
      said: expect.stringContaining('Another server'),
    });
    await server.stop();
    expect(await run('restore', join(server.paths.dir, copy ?? '', 'orbitdock.db'))).toMatchObject({
      code: 78,
      said: expect.stringContaining('damaged itself'),
    });
    expect((await run('restore', join(server.paths.dir, 'good.db'))).code).toBe(0);
    expect(asideFiles('replaced')).toHaveLength(1);
    await server.start();
    await using later = await wsClient(server.url);
    expect(received(later, 'hello')[0]?.epoch).not.toBe(received(client, 'hello')[0]?.epoch);
    expect((await snapshotOf(later, 'kept-3')).messages).toHaveLength(2);
    await deliver(server.url, scriptOf('kept-3').prompt('more'));
    await server.restart();
    expect(await health()).not.toHaveProperty('degraded');
    expect((await run('status')).said).toContain('Keeps: events 30 days and the newest 10000');
  });

  it('leave the rest of the list readable, and say how many sessions are not', async () => {
    await server.stop();
    const database = new Database(server.paths.database);
    // The rows of twelve sessions, spread over several pages.
    database.prepare(`UPDATE sessions SET summary = id || ?`).run('long '.repeat(700));
    database.pragma('wal_checkpoint(TRUNCATE)');
    database.close();
    await server.start();
    await server.stop();
    scribbleOver('kept-5long');
    await server.start();
    await using client = await wsClient(server.url);
    client.send({ type: 'subscribe_list' });
    await barrier(client);
    const [list] = received(client, 'sessions_list');
    const shown = list?.sessions.map(({ id }) => id) ?? [];
    expect(shown).not.toContain('kept-5');
    expect(shown.length).toBeGreaterThan(0);
    expect(shown.length + (list?.unreadable ?? 0)).toBe(IDS.length);
    await expect.poll(health).toMatchObject({ degraded: 'corrupt' });
  });
});

describe('a database that is lost', () => {
  const losses: Array<[string, () => void]> = [
    ['emptied', () => truncateSync(server.paths.database, 0)],
    ['deleted', () => rmSync(server.paths.database)],
    [
      'without tables',
      () => {
        rmSync(server.paths.database);
        new Database(server.paths.database).exec('CREATE TABLE x (a); DROP TABLE x').close();
      },
    ],
  ];

  it.each(losses)('%s is refused with the remedy, by every way to open it', async (_, lose) => {
    await server.stop();
    lose();
    const size = existsSync(server.paths.database) ? statSync(server.paths.database).size : null;
    await expect(server.start()).rejects.toMatchObject({
      exitCode: 78,
      message: expect.stringMatching(/restore FILE.*init --fresh-db/),
    });
    expect((await run('init')).code).toBe(78);
    const now = existsSync(server.paths.database) ? statSync(server.paths.database).size : null;
    expect(now).toBe(size);
    expect((await run('init', '--fresh-db')).code).toBe(0);
    await server.start();
    await deliver(server.url, scriptOf('new').prompt('Hello'));
  });

  it('a sound one is kept aside by init --fresh-db', async () => {
    await server.stop();
    const { code, said } = await run('init', '--fresh-db');
    expect({ code, said }).toMatchObject({ code: 0, said: expect.stringContaining('is kept in') });
    const [kept] = asideFiles('replaced');
    await server.start();
    await using client = await wsClient(server.url);
    client.send({ type: 'subscribe_list' });
    await barrier(client);
    expect(received(client, 'sessions_list')[0]?.sessions).toEqual([]);
    await server.stop();
    expect((await run('restore', join(server.paths.dir, kept ?? '', 'orbitdock.db'))).code).toBe(0);
    await server.start();
    await using again = await wsClient(server.url);
    expect((await snapshotOf(again, 'kept-3')).messages).toHaveLength(2);
  });
});

describe('values that are damaged in the rows of one session', () => {
  const damages: Array<[string, string]> = [
    [
      'revisions of its fields',
      `UPDATE sessions SET field_revisions = '{broken', journal_seq = journal_seq WHERE id = ?`,
    ],
    ['its open request', `UPDATE approval_history SET request = '{broken' WHERE session_id = ?`],
    [
      'the events of its journal',
      `UPDATE journal SET event = '{broken', amended = 'x' WHERE session_id = ?`,
    ],
    ['images of its messages', `UPDATE messages SET images_json = '{broken' WHERE session_id = ?`],
    ['its plan', `INSERT INTO papers (session_id, current_plan) VALUES (?, '{broken')`],
    ['its machine', `UPDATE machines SET snapshot = x'00ff' WHERE session_id = ?`],
  ];

  it.each(damages)('%s: it is shown and goes on, as all others do', async (_, sql) => {
    const id = 'kept-2';
    await deliver(server.url, scriptOf(id).prompt('again'));
    await deliver(server.url, scriptOf(id).toolStarts('t1'));
    await deliver(server.url, scriptOf(id).asks('ls'));
    await using before = await wsClient(server.url);
    const { revision, epoch } = await snapshotOf(before, id);
    await server.stop();
    const database = new Database(server.paths.database);
    expect(database.prepare(sql).run(id).changes).toBeGreaterThan(0);
    database.close();
    await server.start();
    for (const each of [id, 'kept-4']) {
      await using client = await wsClient(server.url);
      client.send({
        type: 'subscribe_session',
        session_id: each,
        since_revision: revision - 2,
        epoch,
      });
      await barrier(client);
      // The barrier itself is answered by a parse_error.
      const errors = received(client, 'error').filter(({ code }) => code !== 'parse_error');
      expect(errors).toEqual([]);
      await deliver(server.url, scriptOf(each).stop('Done.'));
      const { work_status, messages } = await snapshotOf(client, each);
      expect(work_status).toBe('waiting');
      expect(messages.length).toBeGreaterThan(1);
    }
    expect(await health()).not.toHaveProperty('degraded');
  });
});

it('a backup is whole, refuses to replace a file, and is private', async () => {
  const path = join(server.paths.dir, 'copy.db');
  expect((await run('backup', path)).code).toBe(0);
  expect(statSync(path).mode & 0o077).toBe(0);
  expect(await run('backup', path)).toMatchObject({
    code: 78,
    said: expect.stringContaining('exists already'),
  });
  expect((await run('backup')).said).toMatch(/backups\/orbitdock-.*\.db/);
  const database = new Database(path, { readonly: true });
  expect(database.prepare('SELECT count(*) FROM sessions').pluck().get()).toBe(IDS.length);
  database.close();
});
