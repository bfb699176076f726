/** doctor: what is right, what is not and what to do about it. */
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { writeHookFiles } from '../../src/cli/hook-files.ts';
import { openDataDirectory } from '../../src/files.ts';
import { openSqlite } from '../../src/store/lock.ts';
import { startTestServer } from '../support/server.ts';
import { Home } from './support.ts';

interface Finding {
  about: string;
  state: string;
  text: string;
  remedy?: string;
}

// A hook that does not arrive is waited for.
vi.setConfig({ testTimeout: 60_000 });

let home: Home;
beforeEach(() => {
  home = new Home();
  // Without the agents of this machine, which take seconds to say their version.
  home.env.PATH = '/usr/bin:/bin';
});
afterEach(() => home.remove());

async function findings(...words: string[]): Promise<Record<string, Finding>> {
  const { stdout, stderr } = await home.run('doctor', '--json', ...words);
  expect(stderr).toBe('');
  const { findings: found } = JSON.parse(stdout) as { findings: Finding[] };
  return Object.fromEntries(found.map((finding) => [finding.about, finding]));
}

it('finds nothing wrong where all is well, and a hook arrives', async () => {
  openDataDirectory(home.paths);
  await using server = await startTestServer({ paths: home.paths });
  await home.run('init', '--server-url', server.url);
  await home.run('install-hooks');
  const { exitCode, stdout } = await home.run('doctor');
  expect(stdout).toContain('0 problem(s)');
  expect(exitCode).toBe(0);
  expect(await findings()).toMatchObject({
    'data directory': { state: 'ok' },
    database: { state: 'ok' },
    server: { state: 'ok', text: `answers at ${server.url}` },
    hooks: { state: 'ok' },
    'claude settings': { state: 'ok' },
    delivery: { state: 'ok', text: `a hook arrived through ${home.paths.socket}` },
  });
  const list = await (await fetch(`${server.url}/api/sessions?all=1`)).json();
  expect(list).toMatchObject({ total: 0 });
});

it('names the endpoint that a hook went through, not the address that it did not need', async () => {
  openDataDirectory(home.paths);
  await using server = await startTestServer({ paths: home.paths });
  await home.run('init', '--server-url', 'http://127.0.0.1:9');
  const through = async () => (await findings()).delivery;
  expect(await through()).toMatchObject({ text: `a hook arrived through ${home.paths.socket}` });
  rmSync(home.paths.socket);
  expect(await through()).toMatchObject({
    state: 'problem',
    text: expect.stringContaining('did not arrive through http://127.0.0.1:9'),
  });
  await home.run('init', '--server-url', server.url);
  expect(await through()).toMatchObject({ text: `a hook arrived through ${server.url}` });
});

it("looks for the daemon that Codex's terminals share, and says when nobody answers there", async () => {
  const directory = join(home.dir, 'codex');
  const folder = join(directory, 'app-server-control');
  const socket = join(folder, 'app-server-control.sock');
  home.env.CODEX_HOME = directory;
  mkdirSync(folder, { recursive: true });
  const daemon = async () => (await findings())['codex daemon'];
  expect(await daemon()).toMatchObject({ state: 'ok', text: expect.stringContaining('none runs') });
  const listener = createServer().listen(socket);
  await once(listener, 'listening');
  expect(await daemon()).toMatchObject({ state: 'ok', text: `answers at ${socket}` });
  listener.close();
  await once(listener, 'close');
  symlinkSync(join(folder, 'gone.sock'), socket);
  expect(await daemon()).toMatchObject({
    state: 'note',
    text: `nobody answers at ${socket}`,
    remedy: expect.stringContaining('`codex`'),
  });
});

it('names its findings by the same words always, for programs that read them', async () => {
  expect(Object.keys(await findings())).toEqual([
    ...['node', 'sqlite', 'data directory', 'database', 'server', 'service', 'token', 'clock'],
    ...['hooks', 'claude settings', 'proxy', 'delivery', 'proxy in front'],
    ...['claude', 'codex', 'codex daemon'],
  ]);
});

it('names what is missing before anything was set up, and what to type', async () => {
  const { exitCode } = await home.run('doctor');
  expect(exitCode).toBe(1);
  const found = await findings();
  expect(found['data directory']).toMatchObject({
    state: 'problem',
    remedy: expect.stringMatching(/^orbitdock-server --data-dir .* init$/),
  });
  expect(found['claude settings']).toMatchObject({
    remedy: expect.stringMatching(/install-hooks$/),
  });
  expect(found.server).toMatchObject({ state: 'note' });
});

it('mends a script of another version, a wrong address and an open directory when asked to', async () => {
  openDataDirectory(home.paths);
  await using server = await startTestServer({ paths: home.paths });
  writeHookFiles(home.paths, 'http://127.0.0.1:9');
  chmodSync(home.paths.dir, 0o755);
  await home.run('install-hooks');
  const before = await findings();
  expect(before['data directory']).toMatchObject({ state: 'problem' });
  expect(before.hooks).toMatchObject({
    state: 'problem',
    text: `are sent to http://127.0.0.1:9, the server is at ${server.url}`,
    remedy: expect.stringContaining(`init --server-url ${server.url}`),
  });
  // They arrive all the same: on this machine they come in by the socket of the data directory.
  expect(before.delivery).toMatchObject({ state: 'ok' });
  writeFileSync(home.paths.hookScript, '#!/bin/sh\nexit 0\n');
  const after = await findings('--fix');
  expect([after['data directory']?.state, after.hooks?.state]).toEqual(['fixed', 'fixed']);
  expect(statSync(home.paths.dir).mode & 0o077).toBe(0);
  expect(await findings()).toMatchObject({ hooks: { state: 'ok' }, delivery: { state: 'ok' } });
});

it('names damage, a token that others can read, and hooks that are switched off', async () => {
  await home.run('init');
  writeFileSync(home.paths.database, 'no database, whatever its name says '.repeat(40));
  writeFileSync(home.paths.token, `od_${'x7Qz'.repeat(11)}\n`);
  chmodSync(home.paths.token, 0o644);
  writeFileSync(home.settings, '{"disableAllHooks":true}');
  const found = await findings();
  expect(found.database).toMatchObject({ state: 'problem' });
  expect(found.token?.text).toContain('can be read by others');
  expect(found['claude settings']?.text).toContain('switches all hooks off');
});

it('names a database that a newer version has written', async () => {
  await home.run('init');
  const database = openSqlite(home.paths.database);
  database.prepare("INSERT INTO schema_versions (version, name) VALUES (999, 'future')").run();
  database.close();
  expect((await findings()).database).toMatchObject({
    state: 'problem',
    text: expect.stringContaining('Install a newer version'),
  });
});

it('says that another program has the port that hooks are sent to', async () => {
  const squatter = createServer().listen(0, '127.0.0.1');
  await once(squatter, 'listening');
  const { port } = squatter.address() as AddressInfo;
  await home.run('init', '--server-url', `http://127.0.0.1:${port}`);
  expect((await findings()).server).toMatchObject({
    state: 'problem',
    text: `is not running, and another program listens at http://127.0.0.1:${port}, where hooks are sent`,
  });
  squatter.close();
  await once(squatter, 'close');
  expect((await findings()).server).toMatchObject({ state: 'note' });
});

it('finds the hooks of another data directory, which send each event twice', async () => {
  await home.run('init');
  await home.run('install-hooks');
  const settings = JSON.parse(readFileSync(home.settings, 'utf8'));
  settings.hooks.Stop.push({
    hooks: [{ type: 'command', command: '/home/me/.orbitdock/hook.sh claude_status_event' }],
  });
  settings.hooks.Stop.push({ hooks: [{ type: 'command', command: '/opt/other/pre-hook.sh go' }] });
  writeFileSync(home.settings, JSON.stringify(settings));
  expect((await findings())['claude settings']).toMatchObject({
    state: 'problem',
    text: expect.stringContaining('/home/me/.orbitdock/hook.sh'),
    remedy: 'orbitdock-server --data-dir /home/me/.orbitdock uninstall-hooks',
  });
});

it('names tokens that end soon, and a clock that was set back', async () => {
  await home.run('init');
  await home.run('tokens', 'create', 'for long', '--scope', 'observe');
  expect((await findings())['named tokens']).toMatchObject({ state: 'ok', text: '1 good' });
  await home.run('tokens', 'create', 'not for long', '--scope', 'observe', '--ttl', '2d');
  expect((await findings())['named tokens']).toMatchObject({
    state: 'note',
    text: expect.stringContaining('2 good; these end soon: not for long'),
  });
  expect((await findings()).clock).toMatchObject({ state: 'ok' });
  const database = openSqlite(home.paths.database);
  database
    .prepare(
      `INSERT INTO sessions (id, project_path, last_activity_at) VALUES ('s', '/x', '2099-01-01T00:00:00.000Z')`,
    )
    .run();
  database.close();
  expect((await findings()).clock).toMatchObject({
    state: 'problem',
    text: expect.stringContaining('the newest session is of 2099'),
  });
});

it('looks at the service and at proxies', async () => {
  await home.run('init', '--server-url', 'http://127.0.0.1:4999');
  expect(await findings()).toMatchObject({ service: { state: 'ok' }, proxy: { state: 'ok' } });
  home.env.http_proxy = 'http://proxy.example:3128';
  expect((await findings()).proxy).toMatchObject({
    state: 'ok',
    text: 'http_proxy is set; hooks go to 127.0.0.1 without it',
  });
  await home.run('init', '--server-url', 'https://dock.example');
  expect((await findings()).proxy).toMatchObject({
    state: 'note',
    remedy: expect.stringContaining('dock.example'),
  });
  home.env.no_proxy = 'localhost, dock.example';
  expect((await findings()).proxy).toMatchObject({ state: 'ok' });
  if (process.platform !== 'linux') return;
  await home.run('install-service');
  // No service manager is asked to run it here.
  expect((await findings()).service).toMatchObject({
    state: 'problem',
    text: expect.stringMatching(/is installed, and not running|does not exist any more/),
  });
});
