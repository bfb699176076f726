/** Rollouts in every bad shape, on a machine without any Codex: nothing hangs, nothing is reported twice. */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rowsOf } from '../../support/database.ts';
import { startTestServer, type TestServer, temporaryDataPaths } from '../../support/server.ts';

const FIXTURES = new URL('../../fixtures/codex-rollouts/', import.meta.url).pathname;
const [LEGACY = '', PAGINATED = ''] = readdirSync(FIXTURES).sort();

let home: string;
let folder: string;
let server: TestServer | null = null;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'odr-'));
  folder = join(home, 'sessions/2026/11/22');
});
afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
  if (server) rmSync(server.paths.dir, { recursive: true, force: true });
  server = null;
  rmSync(home, { recursive: true, force: true });
});

async function start(paths = temporaryDataPaths()): Promise<TestServer> {
  mkdirSync(paths.dir, { recursive: true });
  const env = { HOME: paths.dir, CODEX_HOME: home, CODEX_BIN: join(home, 'no-codex-here') };
  server = await startTestServer({ env, paths });
  // The first look is over: what comes now is new.
  await expect.poll(() => readFileSync(server?.paths.log ?? '', 'utf8')).toContain('codex.watched');
  return server;
}

const text = (name: string) => readFileSync(join(FIXTURES, name), 'utf8');
const threadOf = (name: string) => name.slice(-41, -6);
const fixtureId = (name: string) => /([0-9a-f-]{36})\.jsonl$/.exec(name)?.[1] ?? threadOf(name);

function put(name: string, content: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const rows = (id: string) =>
  rowsOf<{ id: string; type: string; content: string; tool_output: string | null }>(
    server?.paths as TestServer['paths'],
    'SELECT id, type, content, tool_output FROM messages WHERE session_id = ? ORDER BY sequence',
    id,
  );
const ended = (id: string) =>
  rowsOf<{ end_reason: string | null; turn_count: number }>(
    server?.paths as TestServer['paths'],
    `SELECT end_reason, turn_count FROM sessions WHERE id = '${id}' AND status = 'ended'`,
  )[0];
const warnings = () =>
  readFileSync(server?.paths.log ?? '', 'utf8')
    .split('\n')
    .filter((line) => line.includes('watch.not_read'));

/** Another thread of the same words. */
function copyOf(name: string, digit: string): { name: string; id: string; content: string } {
  const id = fixtureId(name);
  const other = `${digit.repeat(8)}${id.slice(8)}`;
  return { name: name.replace(id, other), id: other, content: text(name).replaceAll(id, other) };
}

describe('a rollout', () => {
  it.each([
    ['of the old kind', LEGACY, 'exited', 7],
    ['that a kill has cut off', PAGINATED, 'killed', 2],
  ])(
    '%s is read whole, and written piece by piece it is the same',
    async (_, name, reason, turns) => {
      await start();
      put(name, text(name));
      await expect
        .poll(() => ended(fixtureId(name)))
        .toEqual({ end_reason: reason, turn_count: turns });
      const whole = rows(fixtureId(name));
      expect(whole.length).toBeGreaterThan(3);
      const piecewise = copyOf(name, 'a');
      const bytes = Buffer.from(piecewise.content);
      const path = put(piecewise.name, '');
      for (let at = 0; at < bytes.length; ) {
        const size = at < bytes.length - 400 ? 997 : 1;
        appendFileSync(path, bytes.subarray(at, at + size));
        at += size;
        if (at % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await expect.poll(() => rows(piecewise.id).length).toBe(whole.length);
      const own = (id: string) =>
        rows(id).map((row) => ({ ...row, id: row.id.replace(`${id}:`, '') }));
      expect(own(piecewise.id)).toEqual(own(fixtureId(name)));
    },
  );

  it('that is cut, replaced and moved to the archive reports nothing twice', async () => {
    await start();
    const path = put(PAGINATED, text(PAGINATED));
    const id = fixtureId(PAGINATED);
    await expect.poll(() => ended(id)).toBeDefined();
    const received = rows(id);
    truncateSync(path, 3000);
    writeFileSync(`${path}.new`, text(PAGINATED));
    renameSync(`${path}.new`, path);
    mkdirSync(join(home, 'archived_sessions'));
    await server?.restart();
    renameSync(path, join(home, 'archived_sessions', basename(path)));
    const next = copyOf(LEGACY, 'b');
    put(next.name, next.content);
    await expect.poll(() => ended(next.id)).toBeDefined();
    expect(rows(id)).toEqual(received);
  });

  it('with junk, a line of 100 MB, a link, a pipe or a folder in its place is passed over with one warning', async () => {
    await start();
    mkdirSync(folder, { recursive: true });
    const [junk, long, good] = ['1', '2', '3'].map((digit) =>
      copyOf(PAGINATED, digit),
    ) as never as [ReturnType<typeof copyOf>, ReturnType<typeof copyOf>, ReturnType<typeof copyOf>];
    put(copyOf(PAGINATED, '4').name, 'no rollout\n');
    symlinkSync('/etc/passwd', join(folder, copyOf(PAGINATED, '5').name));
    execFileSync('mkfifo', [join(folder, copyOf(PAGINATED, '6').name)]);
    mkdirSync(join(folder, copyOf(PAGINATED, '7').name));
    symlinkSync('/etc', join(home, 'sessions/2026/11/23'));
    put(junk.name, junk.content.replace('\n', `\n{torn\n[1]\n${'['.repeat(9_000)}\n`));
    put(long.name, long.content.replace('\n', `\n"${'x'.repeat(100 * 1024 * 1024)}"\n`));
    put(good.name, good.content);
    for (const { id } of [junk, long, good])
      await expect.poll(() => ended(id), { timeout: 20_000 }).toBeDefined();
    const received = ({ id }: { id: string }) => rows(id).map(({ content }) => content);
    expect(received(good).length).toBeGreaterThan(2);
    expect(received(junk)).toEqual(received(good));
    expect(received(long)).toEqual(received(good));
    await expect.poll(() => warnings().length).toBeGreaterThanOrEqual(7);
    const paths = warnings().map((line) => JSON.parse(line).path);
    expect(new Set(paths).size).toBe(paths.length);
  });

  it('is found in a home that appears later', async () => {
    rmSync(home, { recursive: true });
    await start();
    put(PAGINATED, text(PAGINATED));
    await expect.poll(() => ended(fixtureId(PAGINATED))).toBeDefined();
  });

  it('of before is not read at the start, also where there are 5,000', async () => {
    mkdirSync(folder, { recursive: true });
    const old = new Date(Date.now() - 86_400_000);
    for (let n = 0; n < 5_000; n += 1) {
      const id = `${String(n).padStart(8, '0')}-008e-7993-b7dd-c0416303bb96`;
      const day = join(home, `sessions/2026/10/${String(1 + (n % 28)).padStart(2, '0')}`);
      if (n < 28) mkdirSync(day, { recursive: true });
      const path = join(day, `rollout-2026-10-01T10-50-29-${id}.jsonl`);
      writeFileSync(path, text(PAGINATED).replaceAll(fixtureId(PAGINATED), id));
      utimesSync(path, old, old);
    }
    const begun = performance.now();
    await start();
    expect(performance.now() - begun).toBeLessThan(8_000);
    put(PAGINATED, text(PAGINATED));
    await expect.poll(() => ended(fixtureId(PAGINATED))).toBeDefined();
    const known = rowsOf<{ id: string }>(
      server?.paths as TestServer['paths'],
      'SELECT id FROM sessions',
    );
    expect(known.map(({ id }) => id)).toEqual([fixtureId(PAGINATED)]);
  });

  it('that the reference server has reported goes on from where that server stood', async () => {
    const { name, id, content } = copyOf(PAGINATED, 'c');
    const lines = content.split('\n');
    const half = Buffer.byteLength(`${lines.slice(0, lines.length - 9).join('\n')}\n`);
    const path = put(name, Buffer.from(content).subarray(0, half).toString());
    utimesSync(path, new Date(0), new Date(0));
    const paths = temporaryDataPaths();
    const state = { version: 1, files: { [path]: { offset: half - 5, sessionId: id } } };
    writeFileSync(paths.codexRollouts, JSON.stringify(state));
    await start(paths);
    seedSession(paths, id);
    appendFileSync(path, Buffer.from(content).subarray(half));
    await expect.poll(() => rows(id).length).toBeGreaterThan(1);
    await expect.poll(() => ended(id)).toBeDefined();
    expect(rows(id)[0]?.id).toBe(`rollout-${id}-1`);
    const prompts = rows(id).filter(({ type }) => type === 'user');
    expect(new Set(prompts.map(({ content }) => content)).size).toBe(prompts.length);
  });
});

/** A session with one message, as the reference server has left it. */
function seedSession(paths: TestServer['paths'], id: string): void {
  const database = new Database(paths.database);
  const prompt = JSON.parse(
    text(PAGINATED)
      .split('\n')
      .find((line) => line.includes('"UserMessage"')) ?? '',
  );
  const words = prompt.payload.item.content[0].text;
  database.exec(`INSERT INTO sessions (id, provider, project_path, status, work_status, last_message)
    VALUES ('${id}', 'codex', '/home/dev/shop', 'active', 'waiting', 'x')`);
  database
    .prepare(`INSERT INTO messages (id, session_id, type, content, timestamp, sequence)
      VALUES (?, ?, 'user', ?, '2026-11-22T10:50:29.999Z', 0)`)
    .run(`rollout-${id}-1`, id, words);
  database.close();
}

it('a fork that begins behind words of a client shows them once in each session', async () => {
  await start();
  const parent = fixtureId(PAGINATED);
  const client = 'user-0320f06d-20aa-4eda-b56b-e68761409e47';
  const content = text(PAGINATED).replace(
    /("type": "UserMessage", )/,
    `$1"client_id": ${JSON.stringify(client)}, `,
  );
  put(PAGINATED, content);
  const [first = ''] = content.split('\n');
  const meta = JSON.parse(first);
  const fork = '01a202ff-008e-7993-b7dd-c0416303bb96';
  const history_base = { thread_id: parent, end_byte_offset: Buffer.byteLength(content) };
  Object.assign(meta.payload, { id: fork, session_id: fork, forked_from_id: parent, history_base });
  put(`rollout-2026-11-22T10-59-29-${fork}.jsonl`, `${JSON.stringify(meta)}\n`);
  const wordsIn = (id: string) => rows(id).filter(({ type }) => type === 'user');
  await expect.poll(() => wordsIn(parent).length).toBeGreaterThan(0);
  await expect.poll(() => wordsIn(fork).length).toBe(wordsIn(parent).length);
  expect(wordsIn(parent)[0]?.id).toBe(client);
  expect(wordsIn(fork).map(({ content: words }) => words)).toEqual(
    wordsIn(parent).map(({ content: words }) => words),
  );
});
