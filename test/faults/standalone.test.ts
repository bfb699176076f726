/**
 * The one executable where there is no Node, no source and nothing of the system but its C library: it serves the page,
 * keeps what it has acknowledged when it is killed, and says what it lacks. Takes root, for `chroot` and mounts.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../support/spawned.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'orbit-standalone-'));
/** What the program sees as `/`. */
const jail = join(work, 'jail');
const file = join(jail, 'orbitdock-server');
/** As seen from outside; a short path, as that of a socket must be. */
const dataDir = join(jail, 'd');
const env = { PATH: `${process.env.PATH}:/usr/sbin`, HOME: '/home' };

beforeAll(() => {
  mkdirSync(join(jail, 'tmp'), { recursive: true });
  mkdirSync(join(jail, 'home', '.claude'), { recursive: true });
  execFileSync('npm', ['run', '--silent', 'build:standalone', '--', file], { cwd: ROOT });
  const needs = execFileSync('ldd', [file], { encoding: 'utf8' });
  for (const [library] of needs.matchAll(/\/\S+/g)) {
    mkdirSync(dirname(join(jail, library)), { recursive: true });
    copyFileSync(library, join(jail, library));
  }
}, 300_000);
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** One command in the jail, to its end. */
function run(...words: string[]) {
  const { status, stdout, stderr } = spawnSync('chroot', [jail, '/orbitdock-server', ...words], {
    env,
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { status, said: stdout + stderr };
}

/** A command that stays, once it has said where it listens. */
async function serve(...words: string[]): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn('chroot', [jail, '/orbitdock-server', ...words], { env });
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  const url = await new Promise<string>((resolve, reject) => {
    const receive = (chunk: Buffer) => {
      said += chunk;
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(said);
      if (found) resolve(found[0]);
    };
    child.stdout.on('data', receive);
    child.stderr.on('data', receive);
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${said}`)));
  });
  return { child, url };
}

/** Through the socket in the data directory: there is no /proc in the jail to show whose a port's caller is. */
async function ask(method: string, path: string, body?: object) {
  const socketPath = join(dataDir, 'orbitdock.sock');
  const headers = { 'Content-Type': 'application/json' };
  const asked = request({ socketPath, method, path, headers });
  asked.end(body && JSON.stringify(body));
  const [answer] = await once(asked, 'response');
  return { status: answer.statusCode as number, text: await readText(answer) };
}

async function sessions(): Promise<string[]> {
  const { text } = await ask('GET', '/api/sessions');
  return (JSON.parse(text).sessions as { id: string }[]).map(({ id }) => id).sort();
}

describe('the one executable with nothing but the C library', () => {
  it('has only the files of the C library and of the compiler beside it', () => {
    const names = readdirSync(jail, { recursive: true, encoding: 'utf8' });
    const libraries = names
      .filter((name) => /\.so/.test(name))
      .map((name) => name.split('/').at(-1));
    expect(
      libraries.filter(
        (name) => !/^(ld-linux|lib(c|m|dl|pthread|stdc\+\+|gcc_s)\.)/.test(name ?? ''),
      ),
    ).toEqual([]);
    expect(names.filter((name) => /node|\.js$|\.sql$/.test(name))).toEqual([]);
  });

  it('makes its data directory, installs hooks, and says that no server runs', () => {
    expect(run('--data-dir', '/d', 'init')).toMatchObject({ status: 0 });
    expect(readFileSync(join(dataDir, 'hook.sh'), 'utf8')).toMatch(/^#!\/bin\/sh/);
    expect(run('--data-dir', '/d', 'install-hooks')).toMatchObject({ status: 0 });
    const settings = readFileSync(join(jail, 'home', '.claude', 'settings.json'), 'utf8');
    expect(settings).toContain('/d/hook.sh');
    expect(run('--data-dir', '/d', 'status')).toMatchObject({ status: 3 });
  });

  it('serves, and shows after a kill what it has acknowledged', async () => {
    const bind = `127.0.0.1:${await freePort()}`;
    const begin = () => serve('--data-dir', '/d', 'start', '--bind', bind);
    const prompt = (id: string) =>
      ask('POST', '/api/hook', {
        ...{ session_id: id, hook_event_name: 'UserPromptSubmit', prompt: 'Hello', cwd: '/' },
      });
    const first = await begin();
    expect(await prompt('one')).toMatchObject({ status: 204 });
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    const second = await begin();
    expect(await sessions()).toEqual(['one']);
    expect(await prompt('two')).toMatchObject({ status: 204 });
    expect(await sessions()).toEqual(['one', 'two']);
    expect(run('--data-dir', '/d', 'status')).toMatchObject({ status: 0 });
    // The page, its script and its service worker are inside.
    const page = await (await fetch(`${second.url}/`)).text();
    const [, script = ''] = /src="([^"]+\.js)"/.exec(page) ?? [];
    for (const path of [script, 'visualizer/push-worker.js']) {
      const answer = await fetch(new URL(path, `${second.url}/`));
      expect(answer.headers.get('content-type'), path).toMatch(/^text\/javascript/);
    }
    second.child.kill('SIGTERM');
    expect(await once(second.child, 'exit')).toEqual([0, null]);
    // One addon, however often it was started.
    expect(readdirSync(join(dataDir, 'lib'))).toEqual([
      expect.stringMatching(/^[0-9a-f]{64}\.node$/),
    ]);
  });

  it('does not load an addon that was changed, but writes it anew', () => {
    const folder = join(dataDir, 'lib');
    const addon = join(folder, readdirSync(folder)[0] ?? '');
    writeFileSync(addon, 'something else');
    expect(run('--data-dir', '/d', 'init')).toMatchObject({ status: 0 });
    expect(readFileSync(addon).length).toBeGreaterThan(1_000_000);
  });

  it('plays the demo, of which nothing stays', async () => {
    const { child, url } = await serve('demo', '--bind', `127.0.0.1:${await freePort()}`);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    child.kill('SIGINT');
    await once(child, 'exit');
    expect(readdirSync(join(jail, 'tmp'))).toEqual([]);
    expect(existsSync(join(jail, 'home', '.orbitdock'))).toBe(false);
  });
});

describe('a data directory that the one executable cannot use', () => {
  it('is named when the addon cannot be written', () => {
    mkdirSync(join(jail, 'w'), { mode: 0o700 });
    writeFileSync(join(jail, 'w', 'lib'), '');
    const { status, said } = run('--data-dir', '/w', 'start', '--bind', '127.0.0.1:0');
    expect(said).toContain('Cannot write the SQLite addon to /w/lib: ');
    expect(said).toContain('--data-dir');
    expect(status).toBe(78);
  });

  it('is named when another user could put his code there', () => {
    mkdirSync(join(jail, 'o', 'lib'), { recursive: true, mode: 0o700 });
    chownSync(join(jail, 'o', 'lib'), 65534, 65534);
    const { status, said } = run('--data-dir', '/o', 'start', '--bind', '127.0.0.1:0');
    expect(said).toContain('/o/lib belongs to user 65534, not to us (0); run this as its owner');
    expect(status).toBe(78);
  });

  it('is named when it is mounted noexec', () => {
    const folder = join(jail, 'n');
    mkdirSync(folder);
    const mount = `mount -t tmpfs -o noexec,mode=700 none '${folder}'`;
    const start = `chroot '${jail}' /orbitdock-server --data-dir /n start --bind 127.0.0.1:0`;
    const { status, stderr } = spawnSync(
      'unshare',
      ['--mount', 'sh', '-c', `${mount} && exec ${start}`],
      {
        env,
        encoding: 'utf8',
        timeout: 30_000,
      },
    );
    expect(stderr).toMatch(
      /no code may be run from \/n\/lib, .* mounted noexec; choose .* --data-dir/,
    );
    expect(status).toBe(78);
  });
});
