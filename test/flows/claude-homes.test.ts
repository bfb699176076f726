/** Which Claude homes are watched: none need be there, any may come later, more may be named, all may be left alone. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { terminalsIn } from '../support/claude-terminals.ts';
import { rowsOf } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'homes-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A server whose home is the test's folder; no Codex is found. */
function serverAt(env: Record<string, string> = {}): Promise<TestServer> {
  return startTestServer({ env: { CODEX_BIN: join(folder, 'none'), ...env } });
}

/** Waits until the session is stored. */
async function isListed({ paths }: TestServer, id: string): Promise<void> {
  const look = () =>
    expect(rowsOf(paths, 'SELECT status FROM sessions WHERE id = ?', id)).toHaveLength(1);
  await vi.waitFor(look, { timeout: 15_000, interval: 20 });
}

/** What the log says of the watch. */
const logged = ({ paths }: TestServer): string[] =>
  readFileSync(paths.log, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"watch.'));

it('a home that is not there is no trouble, and is watched once it comes', async () => {
  await using server = await serverAt();
  const home = join(server.paths.dir, '.claude');
  await vi.waitFor(() => expect(readFileSync(server.paths.log, 'utf8')).toContain('listening'));
  mkdirSync(home);
  await using terminals = terminalsIn(home);
  const first = await terminals.open('first');
  first.says('idle');
  await isListed(server, 'first');
  expect(logged(server)).toEqual([]);
});

it('homes that were named are watched besides the user’s own, and the environment’s', async () => {
  const homes = ['named', 'other', 'configured'].map((name) => join(folder, name));
  const [named = '', other = '', configured = ''] = homes;
  await using server = await serverAt({
    ORBITDOCK_CLAUDE_HOMES: [named, other].join(delimiter),
    CLAUDE_CONFIG_DIR: configured,
  });
  for (const home of [...homes, join(server.paths.dir, '.claude')]) {
    await using terminals = terminalsIn(home);
    const id = `in-${home.split('/').at(-1)}`;
    (await terminals.open(id)).says('idle');
    await isListed(server, id);
  }
});

it('nothing is watched where that was switched off', async () => {
  await using watching = await serverAt();
  await using server = await serverAt({ ORBITDOCK_WATCH_CLAUDE: '0' });
  await using unseen = terminalsIn(join(server.paths.dir, '.claude'));
  await using seen = terminalsIn(join(watching.paths.dir, '.claude'));
  for (const terminals of [unseen, seen]) (await terminals.open('at-prompt')).says('idle');
  await isListed(watching, 'at-prompt');
  expect(rowsOf(server.paths, 'SELECT id FROM sessions')).toEqual([]);
});
