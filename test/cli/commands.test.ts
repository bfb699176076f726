/** The small commands and the refusals of start: what they print, what they leave on disk. */
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { printable } from '../../src/cli/command.ts';
import { shellQuote } from '../../src/cli/hook-files.ts';
import { peelDataDir } from '../../src/cli/index.ts';
import { brokenInstallation } from '../../src/exit.ts';
import { openDataDirectory } from '../../src/files.ts';
import { acquireLock, openSqlite } from '../../src/store/lock.ts';
import { Home, openReceiver } from './support.ts';

let home: Home;

/** A command line of this home as a person would type it. */
const typed = (...words: string[]): string =>
  `orbitdock-server --data-dir ${shellQuote(home.paths.dir)} ${words.join(' ')}`;

beforeEach(() => {
  home = new Home();
});
afterEach(() => home.remove());

describe('what a command prints', () => {
  it('shows control characters and turned writing instead of sending them to the terminal', () => {
    expect(printable('a\u001b]52;c;eA==\u0007b\r\u009b2J')).toBe(
      'a\\u001b]52;c;eA==\\u0007b\\u000d\\u009b2J',
    );
    expect(printable('exe\u202egpj.\u2066x\u2028')).toBe('exe\\u202egpj.\\u2066x\\u2028');
  });

  it('leaves lines, tabs, every script and joined emoji as they are', () => {
    const text = 'a\tb\nقیمت‌ها 日本 é e\u0301 👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿 \ue0b0';
    expect(printable(text)).toBe(text);
  });

  it('keeps JSON what it was', () => {
    const value = { name: 'a\u001b[2J\u0085\u202eb\u{1f469}' };
    expect(JSON.parse(printable(JSON.stringify(value)))).toEqual(value);
  });

  it.each([
    ['an unknown command', ['no\u001b[2Jsuch']],
    ['an unknown option', ['status', '--x\u009b2J\u202e']],
    ['too many words', ['status', 'a\u001b]0;x\u0007', 'b']],
  ])('holds no control character of %s', async (_, words) => {
    const { exitCode, stderr } = await home.run(...words);
    expect(exitCode).toBe(64);
    expect(stderr).not.toMatch(/(?!\n)[\p{Cc}\p{Bidi_Control}]/u);
    expect(stderr).toMatch(/\\u(?:001b|009b)/);
  });
});

describe('the command line', () => {
  it('takes --data-dir before and after the subcommand', () => {
    const rest = ['start', '--bind', 'x'];
    for (const argv of [
      ['--data-dir', '/d', 'start', '--bind', 'x'],
      ['start', '--data-dir=/d', '--bind', 'x'],
      ['start', '--bind', 'x', '--data-dir', '/d'],
    ]) {
      expect(peelDataDir(argv)).toEqual({ dataDir: '/d', rest });
    }
  });

  it.each([['nope'], ['start', '--nope'], ['--data-dir'], ['--data-dir='], ['status', 'x']])(
    'answers %s with 64 on stderr',
    async (...words) => {
      const { exitCode, stdout, stderr } = await home.run(...words);
      expect({ exitCode, stdout }).toEqual({ exitCode: 64, stdout: '' });
      expect(stderr).not.toBe('');
    },
  );

  it.each([
    [
      ['statsu'],
      'There is no command "statsu"; did you mean `status`? Run `orbitdock-server help`',
    ],
    [['install-hook'], 'did you mean `install-hooks`?'],
    [
      ['sesions', '--url', 'http://127.0.0.1:4000'],
      'There is no command "sesions"; did you mean `sessions`?',
    ],
    [['aprove', 'od-0001', '--json'], 'There is no command "aprove"; did you mean `approve`?'],
    [['tokens', 'craete', 'phone'], 'did you mean `tokens create`?'],
    [['frobnicate'], 'There is no command "frobnicate". Run `orbitdock-server help`'],
    [['help', 'strat'], 'did you mean `start`?'],
    [['start', '--bnid', 'x'], 'start has no option --bnid; did you mean `--bind`?'],
    [['--require-aut'], 'did you mean `--require-auth`?'],
    [['init', '--xyz'], 'init has no option --xyz. Run `orbitdock-server init --help`'],
  ])('says what may have been meant by %j', async (words, sentence) => {
    const { exitCode, stderr } = await home.run(...words);
    expect(exitCode).toBe(64);
    expect(stderr).toContain(sentence);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('names what is missing with the words of the help', async () => {
    const { exitCode, stderr } = await home.run('show');
    expect(exitCode).toBe(64);
    expect(stderr).toContain('[--url URL]');
    expect(stderr).not.toContain('#0');
  });

  it('takes help and version as words, and -V', async () => {
    const version = (await home.run('--version')).stdout;
    for (const word of ['version', '-V', '-v']) expect((await home.run(word)).stdout).toBe(version);
    expect((await home.run('help')).stdout).toBe((await home.run('--help')).stdout);
    expect((await home.run('help', 'init')).stdout).toBe((await home.run('init', '--help')).stdout);
  });

  it('knows --help, --version and the help of each command', async () => {
    expect((await home.run('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const { exitCode, stdout } = await home.run('--help');
    expect(exitCode).toBe(0);
    for (const name of ['start', 'init', 'install-hooks', 'status', 'generate-token']) {
      expect(stdout).toContain(`orbitdock-server ${name}`);
      expect((await home.run(name, '--help')).stdout).toContain('Details');
    }
  });
});

describe('start', () => {
  it.each([
    ['start', '--bind', '0.0.0.0:4000'],
    ['--bind', '0.0.0.0:4000'],
    ['--bind', '0.0.0.0:4000', 'start'],
    ['--bind=0.0.0.0:4000'],
  ])('refuses %s %s without a token, in every form, and touches nothing', async (...words) => {
    const { exitCode, stdout, stderr } = await home.run(...words);
    expect({ exitCode, stdout }).toEqual({ exitCode: 64, stdout: '' });
    expect(stderr).toContain('Refusing to bind 0.0.0.0:4000 without authentication');
    expect(existsSync(home.paths.dir)).toBe(false);
  });

  it('refuses a token that protects nothing with 78 and does not repeat it', async () => {
    home.env.ORBITDOCK_AUTH_TOKEN = 'hunter2';
    const { exitCode, stderr } = await home.run('--bind', '127.0.0.1:4000');
    expect(exitCode).toBe(78);
    expect(stderr).not.toContain('hunter2');
  });
});

describe('init', () => {
  it('creates everything, privately, and says what comes next', async () => {
    const { exitCode, stdout, stderr } = await home.run('init');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const { dir, database, hookScript, hookConfig } = home.paths;
    expect(stdout).toBe(
      [
        '',
        `  Created ${dir}/`,
        `  Database initialized at ${database}`,
        `  Hook script installed to ${hookScript}`,
        '',
        '  Next steps:',
        `    1. Install Claude Code hooks:  ${typed('install-hooks')}`,
        `    2. Start the server:           ${typed('start')}`,
        '',
        '',
      ].join('\n'),
    );
    expect(statSync(hookScript).mode & 0o777).toBe(0o700);
    expect(readFileSync(hookConfig, 'utf8')).toBe('url=http://127.0.0.1:4000\n');
    for (const name of [dir, ...readdirSync(dir, { recursive: true, encoding: 'utf8' })]) {
      expect(statSync(join(dir, name === dir ? '' : name)).mode & 0o077).toBe(0);
    }
  });

  it('names the address to start on when hooks are sent to another port of this machine', async () => {
    const { stdout } = await home.run('init', '--server-url', 'http://127.0.0.1:4100');
    expect(stdout).toContain(typed('start', '--bind', '127.0.0.1:4100'));
    const afar = await home.run('init', '--server-url', 'http://dock.example');
    expect(afar.stdout).toContain(`${typed('start')}\n`);
  });

  it('sends hooks where the option says, and stays with that the next time', async () => {
    const url = () => readFileSync(home.paths.hookConfig, 'utf8');
    await home.run('init', '--server-url', 'https://dock.example:8443/sub/');
    expect(url()).toBe('url=https://dock.example:8443/sub\n');
    await home.run('init');
    expect(url()).toBe('url=https://dock.example:8443/sub\n');
    home.env.ORBITDOCK_BIND_ADDR = '[::]:4100';
    await home.run('init');
    expect(url()).toBe('url=http://[::1]:4100\n');
  });

  it.each(['dock', 'file:///x', 'http://u:p@h', 'http://h/?q', 'http://h/\nurl=x', 'http://h/ x'])(
    'refuses the server URL %j',
    async (url) => {
      expect((await home.run('init', `--server-url=${url}`)).exitCode).toBe(64);
      expect(existsSync(home.paths.dir)).toBe(false);
    },
  );

  it('leaves the database to a running server and does the rest', async () => {
    openDataDirectory(home.paths);
    const lock = acquireLock(home.paths);
    const { exitCode, stdout } = await home.run('init');
    lock.release();
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Database left to the running server');
    expect(existsSync(home.paths.hookScript)).toBe(true);
    expect(existsSync(home.paths.database)).toBe(false);
  });

  it("refuses a data directory that cannot be one, or is somebody else's", async () => {
    writeFileSync(join(home.dir, 'file'), '');
    expect((await home.run('--data-dir', join(home.dir, 'file', 'x'), 'init')).exitCode).toBe(78);
    let foreign = '/usr';
    if (process.getuid?.() === 0) {
      foreign = mkdtempSync(join(home.dir, 'foreign-'));
      chownSync(foreign, 65_534, 65_534);
    }
    const { exitCode, stderr } = await home.run('--data-dir', foreign, 'init');
    expect(exitCode).toBe(78);
    expect(stderr).toContain(`${foreign} belongs to user`);
  });
});

it.runIf(existsSync('/proc/self')).each([['init'], ['start', '--bind', '127.0.0.1:0']])(
  '%s refuses a directory where the system lets nobody create one',
  async (...words) => {
    for (const dir of ['/proc/x', '/proc/x/y/z']) {
      const { exitCode, stderr } = await home.run('--data-dir', dir, ...words);
      expect(exitCode).toBe(78);
      expect(stderr).toContain(`Cannot use the data directory ${dir}: ENOENT`);
    }
  },
);

describe('an SQLite addon that does not load', () => {
  it('is named with what to do, not blamed on the file that was to be opened', () => {
    const nativeBinding = join(home.dir, 'addon.node');
    writeFileSync(nativeBinding, 'not a shared object');
    const open = () => openSqlite(join(home.dir, 'x.db'), { nativeBinding });
    expect(open).toThrow(/^The SQLite addon better-sqlite3 cannot be loaded by Node v\d/);
    expect(open).toThrow(/npm rebuild better-sqlite3/);
    expect(open).toThrow(expect.objectContaining({ exitCode: 78 }));
  });

  it.each([
    [
      { code: 'ERR_DLOPEN_FAILED', message: 'was compiled against NODE_MODULE_VERSION 93. This' },
      /was built for another Node \(module version 93; .*npm rebuild/s,
    ],
    [
      { code: 'ERR_DLOPEN_FAILED', message: "/lib/libc.so.6: version `GLIBC_2.34' not found" },
      /GLIBC_2.34/,
    ],
    [{ message: 'Could not locate the bindings file. Tried:\n a' }, /was never built.*npm rebuild/],
    [
      { code: 'MODULE_NOT_FOUND', message: "Cannot find module 'better-sqlite3'" },
      /is not installed.*npm ci/,
    ],
  ])('is recognized by %o', (fields, sentence) => {
    const error = Object.assign(new Error(), fields);
    expect(brokenInstallation(error)?.message).toMatch(sentence);
  });

  it('is not what other failures are taken for', () => {
    const missing = Object.assign(new Error("Cannot find module './x'"), {
      code: 'MODULE_NOT_FOUND',
    });
    for (const error of [missing, new Error('x'), null])
      expect(brokenInstallation(error)).toBeNull();
  });
});

describe('generate-token', () => {
  it('saves a token for its owner only and shows how to use it', async () => {
    const { exitCode, stdout } = await home.run('generate-token');
    expect(exitCode).toBe(0);
    const token = readFileSync(home.paths.token, 'utf8').trim();
    expect(token).toMatch(/^od_[\w-]{43}$/);
    expect(statSync(home.paths.token).mode & 0o777).toBe(0o600);
    expect(stdout).toContain(`  Auth token generated and saved to ${home.paths.token}\n`);
    expect(stdout).toContain(`  Token: ${token}\n`);
    expect(stdout).not.toContain(`--auth-token ${token}`);
    expect(existsSync(home.paths.hookHeaders)).toBe(false);
  });

  it('makes a new one each time and writes it for the hooks', async () => {
    await home.run('init');
    const headers = () => readFileSync(home.paths.hookHeaders, 'utf8');
    await home.run('generate-token');
    const first = headers();
    await home.run('generate-token');
    expect(headers()).not.toBe(first);
    expect(headers()).toBe(`Authorization: Bearer ${readFileSync(home.paths.token, 'utf8')}`);
    expect(statSync(home.paths.hookHeaders).mode & 0o777).toBe(0o600);
  });
});

describe('status', () => {
  const note = (value: unknown): void => {
    openDataDirectory(home.paths);
    writeFileSync(home.paths.server, typeof value === 'string' ? value : JSON.stringify(value));
  };

  it('says so when nothing is there, and creates nothing', async () => {
    const { exitCode, stdout } = await home.run('status');
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/^\n {2}OrbitDock Server v\d/);
    expect(stdout).toContain(`  Data dir: ${home.paths.dir}\n  PID file: not found\n`);
    expect(stdout).toContain('  Health: unreachable\n  Database: not found\n');
    expect(stdout).toContain(`  Server is not running.\n  Start with: ${typed('start')}\n`);
    expect(existsSync(home.paths.dir)).toBe(false);
  });

  it('asks the server where it says it is', async () => {
    const receiver = await openReceiver(200);
    note({ pid: process.pid, address: '127.0.0.1', port: receiver.port });
    const { stdout } = await home.run('status');
    await receiver.close();
    expect(stdout).toContain(
      `  PID: ${process.pid} (running)\n  Health: OK (${receiver.url}/health)\n`,
    );
    expect(receiver.received[0]?.path).toBe('/health');
  });

  it('says what is stored, what waits, and where hooks go', async () => {
    await home.run('init', '--server-url', 'http://127.0.0.1:4100');
    writeFileSync(join(home.paths.spool, '1-2-3.claude_status_event.json'), '{}');
    const before = await home.run('status');
    expect(before.stdout).toContain(
      '  Sessions: 0 (0 active)\n  Spool: 1 hook(s) waiting\n  Hooks: not installed\n  Service: none\n',
    );
    await home.run('install-hooks');
    const { exitCode, stdout } = await home.run('status', '--json');
    expect(exitCode).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({
      data_dir: home.paths.dir,
      running: false,
      pid: null,
      url: null,
      sessions: { total: 0, active: 0 },
      spooled: 1,
      hooks: { installed: true, sent_to: 'http://127.0.0.1:4100' },
      service: 'none',
    });
  });

  it('does not take another process for the server', async () => {
    note({ pid: process.pid, address: '127.0.0.1', port: 1 });
    const { stdout } = await home.run('status');
    expect(stdout).toContain(`PID file: ${process.pid} (stale — that process is not this server)`);
    expect(stdout).toContain('Server is not running.');
  });

  it('does not take another server at the same address for ours', async () => {
    const receiver = await openReceiver(200);
    note({ pid: 2 ** 30, address: '127.0.0.1', port: receiver.port });
    const { stdout } = await home.run('status');
    await receiver.close();
    expect(stdout).toContain(`PID file: ${2 ** 30} (stale — process not found)`);
    expect(stdout).toContain('  Health: unreachable\n');
  });

  it('believes the lock when the server is silent, and asks it once', async () => {
    openDataDirectory(home.paths);
    const lock = acquireLock(home.paths);
    const receiver = await openReceiver(null);
    note({ pid: process.pid, address: '127.0.0.1', port: receiver.port });
    const { exitCode, stdout } = await home.run('status');
    expect(exitCode).toBe(0);
    await receiver.close();
    lock.release();
    expect(stdout).toContain(`PID: ${process.pid} (running)`);
    expect(stdout).toContain(`does not answer at ${receiver.url}/health`);
    expect(receiver.received).toHaveLength(1);
  });

  it.each([
    '',
    'junk',
    '{}',
    '{"pid":-1,"address":"127.0.0.1","port":1}',
    '{"pid":1,"address":"no address/","port":1}',
    '{"pid":1,"address":"127.0.0.1","port":99999}',
    '[]',
    'null',
  ])('makes nothing of the note %j', async (text) => {
    note(text);
    const { exitCode, stdout, stderr } = await home.run('status');
    expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: '' });
    expect(stdout).toContain('PID file: not found');
  });
});
