/** stop, restart and logs on a server in a process of its own, and the service's definition. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { launchdPlist } from '../../src/cli/service-manager.ts';
import { openDataDirectory } from '../../src/files.ts';
import { acquireLock } from '../../src/store/lock.ts';
import { createInbox, type Inbox } from '../support/inbox.ts';
import { Home } from './support.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
let home: Home;

beforeEach(() => {
  home = new Home();
});
afterEach(() => home.remove());

interface Running {
  child: ChildProcess;
  lines: Inbox<string>;
  ended: Promise<number | null>;
}

/** Runs a command line in a process of its own. */
function launch(...words: string[]): Running {
  const argv = ['--import', 'tsx', MAIN, '--data-dir', home.paths.dir, ...words];
  const child = spawn(process.execPath, argv, {
    env: home.env,
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInbox<string>(words.join(' '));
  if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => lines.add(line));
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  return { child, lines, ended };
}

const isListening = (line: string): boolean => line.includes('listening on http');

describe('stop', () => {
  it('ends the server in order and waits until its directory is free', async () => {
    const server = launch('start', '--bind', '127.0.0.1:0');
    await server.lines.waitFor(isListening);
    const { exitCode, stdout } = await home.run('stop');
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: `  Server stopped (pid ${server.child.pid})\n`,
    });
    acquireLock(home.paths).release();
    expect(await server.ended).toBe(0);
    expect((await home.run('stop')).stdout).toBe('  Server is not running.\n');
  });

  it('ends no process that does not hold the directory, whatever server.json says', async () => {
    openDataDirectory(home.paths);
    const other = spawn('sleep', ['60']);
    onTestFinished(() => void other.kill());
    const note = { pid: other.pid, address: '127.0.0.1', port: 1 };
    writeFileSync(home.paths.server, JSON.stringify(note));
    expect((await home.run('stop')).stdout).toBe('  Server is not running.\n');
    const lock = acquireLock(home.paths);
    const { exitCode, stderr } = await home.run('stop');
    lock.release();
    expect(exitCode).toBe(1);
    expect(stderr).toContain('does not say by which process');
    expect(other.exitCode).toBeNull();
    expect(other.signalCode).toBeNull();
  });
});

it('restart takes the place of the server that runs', async () => {
  const first = launch('start', '--bind', '127.0.0.1:0');
  await first.lines.waitFor(isListening);
  const second = launch('restart', '--bind', '127.0.0.1:0');
  await second.lines.waitFor((line) => line === `  Server stopped (pid ${first.child.pid})`);
  await second.lines.waitFor(isListening);
  expect(await first.ended).toBe(0);
  await home.run('stop');
  expect(await second.ended).toBe(0);
});

describe('logs', () => {
  const line = (n: number): string =>
    JSON.stringify({
      timestamp: 't',
      level: 'INFO',
      component: 'c',
      event: `e.${n}`,
      message: `e.${n}`,
      n,
    });
  const write = (from: number, to: number): void => {
    openDataDirectory(home.paths);
    for (let n = from; n <= to; n++) appendFileSync(home.paths.log, `${line(n)}\n`);
  };

  it('prints the newest lines, as they are or for people', async () => {
    expect(await home.run('logs')).toMatchObject({ exitCode: 1, stdout: '' });
    write(1, 3000);
    expect((await home.run('logs')).stdout.split('\n')).toHaveLength(51);
    expect((await home.run('logs', '-n', '2')).stdout).toBe(`${line(2999)}\n${line(3000)}\n`);
    const all = Array.from({ length: 3000 }, (_, at) => `${line(at + 1)}\n`).join('');
    expect((await home.run('logs', '--lines=4000')).stdout).toBe(all);
    expect((await home.run('logs', '-n', '0')).stdout).toBe('');
    appendFileSync(home.paths.log, 'no JSON\n{"cut');
    expect((await home.run('logs', '--pretty', '-n', '2')).stdout).toBe(
      't INFO  c  e.3000  n=3000\nno JSON\n',
    );
    expect((await home.run('logs', '-n', 'many')).exitCode).toBe(64);
  });

  it('follows what is written later, also when the file is set aside or emptied', async () => {
    write(1, 1);
    const { lines } = launch('logs', '-f');
    await lines.waitFor((one) => one === line(1));
    appendFileSync(home.paths.log, line(2).slice(0, 9));
    appendFileSync(home.paths.log, `${line(2).slice(9)}\n`);
    await lines.waitFor((one) => one === line(2));
    renameSync(home.paths.log, `${home.paths.log}.1`);
    write(3, 4);
    await lines.waitFor((one) => one === line(4));
    writeFileSync(home.paths.log, '');
    write(5, 5);
    await lines.waitFor((one) => one === line(5));
    expect(lines.items).toEqual([1, 2, 3, 4, 5].map(line));
  });
});

describe('install-service', () => {
  /** Stands for systemctl: notes what it is asked, and says that everything went well. */
  function fakeSystemctl(then = ''): () => string[] {
    const bin = join(home.dir, 'bin');
    const calls = join(home.dir, 'calls');
    spawnSync('mkdir', [bin]);
    writeFileSync(join(bin, 'systemctl'), `#!/bin/sh\necho "$*" >> '${calls}'\n${then}\n`);
    chmodSync(join(bin, 'systemctl'), 0o755);
    home.env.PATH = `${bin}:${home.env.PATH}`;
    return () => (existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : []);
  }
  const unit = (): string =>
    join(home.dir, '.config', 'systemd', 'user', 'orbitdock-server.service');

  it.runIf(process.platform === 'linux')(
    'writes a unit that systemd takes, whatever the path',
    async () => {
      const calls = fakeSystemctl();
      const { exitCode, stdout } = await home.run('install-service');
      expect({ exitCode, stdout }).toEqual({
        exitCode: 0,
        stdout: `  Wrote ${unit()}\n  To enable:\n    systemctl --user enable --now orbitdock-server.service\n`,
      });
      const text = readFileSync(unit(), 'utf8');
      const quoted = home.paths.dir
        .replaceAll('%', '%%')
        .replaceAll('$', '$$$$')
        .replaceAll('"', '\\"');
      expect(text).toContain(`"--data-dir" "${quoted}" "start"\n`);
      expect(calls()).toEqual([]);
      if (spawnSync('systemd-analyze', ['--version']).error) return;
      const env = { ...process.env, XDG_RUNTIME_DIR: home.dir };
      const verified = spawnSync('systemd-analyze', ['--user', 'verify', unit()], {
        env,
        encoding: 'utf8',
      });
      expect(verified.stderr.split('\n').filter((said) => said.includes('orbitdock'))).toEqual([]);
      expect(existsSync(join(home.dir, 'PWNED'))).toBe(false);
    },
  );

  it.runIf(process.platform === 'linux')('starts, stops, restarts and removes it', async () => {
    const calls = fakeSystemctl();
    await home.run('install-service', '--enable');
    expect((await home.run('restart')).stdout).toBe('  Service restarted\n');
    expect((await home.run('stop')).stdout).toBe('  Service stopped\n');
    await home.run('uninstall-service');
    expect(existsSync(unit())).toBe(false);
    const name = 'orbitdock-server.service';
    expect(calls()).toEqual([
      '--user daemon-reload',
      `--user enable --now ${name}`,
      `--user --quiet is-active ${name}`,
      `--user restart ${name}`,
      `--user --quiet is-active ${name}`,
      `--user stop ${name}`,
      `--user disable --now ${name}`,
      '--user daemon-reload',
    ]);
  });

  it.runIf(process.platform === 'linux')(
    'writes one of the machine for the user who called sudo',
    async () => {
      const calls = fakeSystemctl();
      home.env.SYSTEMD_UNIT_PATH = join(home.dir, 'units');
      const file = join(home.dir, 'units', 'orbitdock-server.service');
      expect((await home.run('install-service', '--system')).stderr).toContain(
        'run `orbitdock-server init` as',
      );
      openDataDirectory(home.paths);
      await home.run('install-service', '--system', '--enable', '--bind', '0.0.0.0:4000');
      const text = readFileSync(file, 'utf8');
      expect(text).toMatch(/^User=\S+\nExecStart=/m);
      expect(text).toContain('WantedBy=multi-user.target');
      expect(existsSync(home.paths.token)).toBe(true);
      if (!spawnSync('systemd-analyze', ['--version']).error) {
        const verified = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
        expect(verified.stderr.split('\n').filter((said) => said.includes('orbitdock'))).toEqual(
          [],
        );
      }
      // What is installed for the machine is what stop and status mean.
      expect((await home.run('stop')).stdout).toBe('  Service stopped\n');
      expect((await home.run('status')).stdout).toContain('Service: active');
      await home.run('uninstall-service', '--system');
      expect(existsSync(file)).toBe(false);
      expect(calls().filter((line) => line.includes('--user'))).toEqual([]);
    },
  );

  it('is taken away also where no manager of the user runs', async () => {
    fakeSystemctl();
    await home.run('install-service');
    const link = join(dirname(unit()), 'default.target.wants', 'orbitdock-server.service');
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(unit(), link);
    fakeSystemctl('echo "Failed to connect to bus" >&2; exit 1');
    const { exitCode, stdout } = await home.run('uninstall-service');
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: expect.stringContaining('Failed to connect to bus'),
    });
    expect([existsSync(unit()), lstatSync(link, { throwIfNoEntry: false })]).toEqual([
      false,
      undefined,
    ]);
  });

  it('starts the service with what was said, as start takes it', async () => {
    fakeSystemctl();
    const words = ['--allow-host', 'dock.example', '--trusted-proxy', '10.0.0.0/8', '--base-path'];
    const more = ['/dock', '--otlp-endpoint', 'http://localhost:4318', '--require-tls'];
    const { exitCode, stderr } = await home.run('install-service', ...words, ...more);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const [line = ''] = /^ExecStart=.*$/m.exec(readFileSync(unit(), 'utf8')) ?? [];
    const said = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = '']) => word);
    expect(said.slice(said.indexOf('start') + 1)).toEqual([
      ...['--require-tls', '--allow-host', 'dock.example', '--trusted-proxy', '10.0.0.0/8'],
      ...['--base-path', '/dock', '--otlp-endpoint', 'http://localhost:4318'],
    ]);
    // A proxy in front makes a token necessary, so there is one.
    expect(existsSync(home.paths.token)).toBe(true);
    if (spawnSync('systemd-analyze', ['--version']).error) return;
    const env = { ...process.env, XDG_RUNTIME_DIR: home.dir };
    const verified = spawnSync('systemd-analyze', ['--user', 'verify', unit()], {
      ...{ env, encoding: 'utf8' },
    });
    expect(verified.stderr.split('\n').filter((text) => text.includes('orbitdock'))).toEqual([]);
    const wrong = await home.run('install-service', '--base-path', '/api');
    expect(wrong.exitCode).toBe(64);
  });

  it('makes a token for a bind beyond loopback, and writes it into no definition', async () => {
    fakeSystemctl();
    const { stdout } = await home.run('install-service', '--bind', '0.0.0.0:4000');
    expect(stdout).toContain(`  Auth token generated and saved to ${home.paths.token}\n`);
    const token = readFileSync(home.paths.token, 'utf8').trim();
    expect(stdout + readFileSync(unit(), 'utf8')).not.toContain(token);
    expect((await home.run('install-service', '--bind', 'nonsense')).exitCode).toBe(64);
  });

  it('escapes what XML would read otherwise', () => {
    const words = ['/usr/bin/node', '--data-dir', `/a & b <c> "d" 'e'`];
    const strings = [...launchdPlist(words).matchAll(/<string>(.*)<\/string>/g)].map(([, one]) =>
      (one ?? '').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&'),
    );
    expect(strings).toEqual(['com.orbitdock.server', ...words]);
    expect(() => launchdPlist(['a\nb'])).toThrow('control characters');
  });
});
