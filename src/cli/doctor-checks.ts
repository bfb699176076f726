/**
 * What `doctor` looks at besides hooks: each function is one check, changes nothing, and says what it found and what to
 * do about it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync, statfsSync } from 'node:fs';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { basename, join } from 'node:path';
import type { DataPaths } from '../config.ts';
import { ExitError } from '../exit.ts';
import { readTokenFile } from '../secrets.ts';
import { isStandalone } from '../standalone.ts';
import { hookUrl } from './hook-files.ts';
import { isServiceActive, isServiceOf, serviceManager } from './service-manager.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** What one check has found. */
export interface Finding {
  about: string;
  /** `problem`: sessions or hooks are lost or late. `note`: worth knowing. */
  state: 'ok' | 'note' | 'problem' | 'fixed';
  text: string;
  /** What to do about it. */
  remedy?: string;
}

const LOW_DISK_BYTES = 500 * 1024 * 1024;
/** The oldest major version of Node that still gets updates. */
const OLDEST_MAINTAINED_NODE = 22;
const DAY_MS = 86_400_000;
/** A token that ends within it is named. */
const SOON_MS = 7 * DAY_MS;
/** Names of this machine, as a URL has them. */
export const HERE = /^(127\.|\[::1\]$|localhost$)/;
/** Where Codex's daemon listens, below CODEX_HOME. */
const DAEMON_SOCKET = ['app-server-control', 'app-server-control.sock'];
/** What was stored may be so much newer than the clock says. */
const CLOCK_SLACK_MS = 60_000;
const CONNECT_WITHIN_MS = 1000;

/** Whether Node still gets updates. */
export function nodeFinding(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  const text = `${process.version} at ${process.execPath}`;
  if (major >= OLDEST_MAINTAINED_NODE) return { about: 'node', state: 'ok', text };
  const remedy = isStandalone()
    ? 'take a newer executable'
    : `install Node ${OLDEST_MAINTAINED_NODE + 2} and run \`npm ci\` again`;
  return { about: 'node', state: 'note', text: `${text} gets no more updates`, remedy };
}

/** Whether the addon of SQLite loads. */
export async function addonFinding(): Promise<Finding> {
  const { openSqlite } = await import('../store/lock.ts');
  try {
    openSqlite(':memory:').close();
    return { about: 'sqlite', state: 'ok', text: 'its addon loads' };
  } catch (error) {
    if (!(error instanceof ExitError)) throw error;
    return { about: 'sqlite', state: 'problem', text: error.message };
  }
}

/** Whether the database is there and whole. */
export async function databaseFinding(paths: DataPaths, restore: string): Promise<Finding> {
  const about = 'database';
  if (!existsSync(paths.database)) {
    return { about, state: 'note', text: 'there is none yet; the first start makes it' };
  }
  const [{ findDamage }, { openDatabase }, { refuseUnknownSchema }] = await Promise.all([
    import('../store/damage.ts'),
    import('../store/database.ts'),
    import('../store/migrate.ts'),
  ]);
  try {
    const damage = findDamage(paths.database);
    if (damage === null) {
      const database = openDatabase(paths.database, { durability: 'normal', readonly: true });
      try {
        refuseUnknownSchema(database, paths.database);
      } finally {
        database.close();
      }
    }
    if (damage === null) return { about, state: 'ok', text: `${paths.database} is whole` };
    return { about, state: 'problem', text: `${paths.database}: ${damage}`, remedy: restore };
  } catch (error) {
    if (!(error instanceof ExitError)) throw error;
    return { about, state: 'problem', text: error.message };
  }
}

/** Whether the disk has room. */
export function diskFinding({ dir }: DataPaths): Finding {
  const { bavail, bsize } = statfsSync(dir);
  const free = bavail * bsize;
  const text = `${Math.floor(free / 2 ** 20)} MiB free`;
  if (free >= LOW_DISK_BYTES) return { about: 'disk', state: 'ok', text };
  return { about: 'disk', state: 'problem', text, remedy: `free space where ${dir} is` };
}

function tokenFinding(paths: DataPaths): Finding {
  try {
    const has = readTokenFile(paths.token) !== null;
    return {
      about: 'token',
      state: 'ok',
      text: has ? `in ${paths.token}` : 'none; only local callers get in',
    };
  } catch (error) {
    if (!(error instanceof ExitError)) throw error;
    return { about: 'token', state: 'problem', text: error.message };
  }
}

/** Named tokens. @param rotate  the command without the name */
export async function tokenFindings(paths: DataPaths, rotate: string): Promise<Finding[]> {
  const configured = tokenFinding(paths);
  if (!existsSync(paths.database)) return [configured];
  const about = 'named tokens';
  const { readTokens, isTokenGood } = await import('../store/tokens.ts');
  const rows = readTokens(paths.database);
  if (rows === null) return [configured];
  const now = Date.now();
  const good = rows.filter((row) => isTokenGood(row, new Date(now).toISOString()));
  const soon = good.filter(
    ({ expires_at, replaced_at }) =>
      replaced_at === null && expires_at !== null && Date.parse(expires_at) - now < SOON_MS,
  );
  const text = good.length === 0 ? 'none' : `${good.length} good`;
  if (soon.length === 0) return [configured, { about, state: 'ok', text }];
  const names = soon.map(({ name, expires_at }) => `${name} (${expires_at?.slice(0, 10)})`);
  const finding: Finding = {
    ...{ about, state: 'note', text: `${text}; these end soon: ${names.join(', ')}` },
    remedy: `${rotate} NAME`,
  };
  return [configured, finding];
}

/** The service, where one is installed for this data directory. */
export function serviceFinding(paths: DataPaths, env: Env, home: string, install: string): Finding {
  const about = 'service';
  const manager = serviceManager(env, home, paths.dir);
  if (manager === null || !isServiceOf(manager, paths.dir)) {
    return { about, state: 'ok', text: 'none is installed for this data directory' };
  }
  const definition = readFileSync(manager.file, 'utf8');
  const programs = [/"([^"]*\/dist\/main\.js)"/, /<string>([^<]*\/dist\/main\.js)<\/string>/];
  const program = programs.map((pattern) => pattern.exec(definition)?.[1]).find(Boolean);
  const plain = program?.replaceAll('%%', '%').replaceAll('$$', '$').replaceAll('&amp;', '&');
  if (plain !== undefined && !existsSync(plain)) {
    const text = `${manager.file} runs ${plain}, which does not exist any more`;
    return { about, state: 'problem', text, remedy: install };
  }
  if (!isServiceActive(manager, paths.dir)) {
    const remedy = manager.enableWords.join(' ');
    return {
      about,
      state: 'problem',
      text: `${manager.file} is installed, and not running`,
      remedy,
    };
  }
  const isOfLogin = manager.enableWords.includes('--user');
  if (isOfLogin && !existsSync(`/var/lib/systemd/linger/${userInfo().username}`)) {
    const text = 'runs, but only while you are logged in';
    return { about, state: 'note', text, remedy: 'loginctl enable-linger' };
  }
  return { about, state: 'ok', text: `runs (${basename(manager.file)})` };
}

/** A clock that was set back: what comes now would seem older than what is stored. */
export async function clockFinding({ database }: DataPaths): Promise<Finding> {
  const about = 'clock';
  const { newestActivity } = await import('../store/database.ts');
  const newest = existsSync(database) ? newestActivity(database) : null;
  const now = new Date();
  const text = `it is ${now.toISOString()} (UTC)`;
  if (newest === null || Date.parse(newest) <= now.getTime() + CLOCK_SLACK_MS) {
    return { about, state: 'ok', text };
  }
  const remedy = 'set the clock of this machine, or have it set (`timedatectl set-ntp true`)';
  return {
    about,
    state: 'problem',
    text: `${text}, but the newest session is of ${newest}`,
    remedy,
  };
}

/** A proxy of the environment, which hooks never use: one that another machine is reached through is missing then. */
export function proxyFinding(paths: DataPaths, env: Env): Finding {
  const about = 'proxy';
  const url = hookUrl(paths);
  const name = ['http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY'].find((each) => env[each]);
  if (url === null || name === undefined) return { about, state: 'ok', text: 'none in the way' };
  const { hostname } = new URL(url);
  const text = `${name} is set; hooks go to ${hostname} without it`;
  const spared = (env.no_proxy ?? env.NO_PROXY ?? '').split(',').map((each) => each.trim());
  if (HERE.test(hostname) || spared.includes('*') || spared.includes(hostname)) {
    return { about, state: 'ok', text };
  }
  const remedy = `if ${hostname} is reached through the proxy only, use \`ssh -L\` and init --server-url`;
  return { about, state: 'note', text, remedy };
}

/** Whether a server listens at a local address. */
export function isTaken(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  if (!HERE.test(hostname)) return Promise.resolve(false);
  return isAnswered({ host, port: Number(port || 80) });
}

function isAnswered(where: { host: string; port: number } | { path: string }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ ...where, timeout: CONNECT_WITHIN_MS });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
    socket.once('timeout', () => settle(false));
  });
}

/** Version and login of Claude Code; its login may also be in a keychain that we do not look into. */
export function claudeFinding(env: Env, home: string): Finding {
  const finding = agentFinding('claude', env);
  const directory = env.CLAUDE_CONFIG_DIR || join(home, '.claude');
  const isKnown = [env.ANTHROPIC_API_KEY, env.CLAUDE_CODE_OAUTH_TOKEN].some(Boolean);
  const isSignedIn = isKnown || existsSync(join(directory, '.credentials.json'));
  if (finding.state !== 'ok' || isSignedIn || process.platform === 'darwin') return finding;
  return {
    ...finding,
    state: 'note',
    text: `${finding.text}; not signed in`,
    remedy: 'claude /login',
  };
}

/** Version and login of the user's Codex; sessions of ours use the one that came with us. */
export function codexFinding(env: Env): Finding {
  const finding = agentFinding('codex', env);
  if (finding.state !== 'ok') return finding;
  const { status } = spawnSync('codex', ['login', 'status'], {
    ...{ env: { ...env }, stdio: 'ignore', timeout: 10_000 },
  });
  if (status === 0) return { ...finding, text: `${finding.text}; signed in` };
  return {
    ...finding,
    state: 'note',
    text: `${finding.text}; not signed in`,
    remedy: 'codex login',
  };
}

/** The daemon that terminals of Codex share; a terminal starts it, we never do. */
export async function codexDaemonFinding(env: Env, home: string): Promise<Finding> {
  const about = 'codex daemon';
  const path = join(env.CODEX_HOME || join(home, '.codex'), ...DAEMON_SOCKET);
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) {
    return { about, state: 'ok', text: 'none runs; a `codex` in a terminal starts it' };
  }
  if (await isAnswered({ path })) return { about, state: 'ok', text: `answers at ${path}` };
  const remedy = 'start `codex` in a terminal, which starts the daemon anew';
  return { about, state: 'note', text: `nobody answers at ${path}`, remedy };
}

function agentFinding(name: string, env: Readonly<Record<string, string | undefined>>): Finding {
  const { error, status, stdout } = spawnSync(name, ['--version'], {
    env: { ...env },
    encoding: 'utf8',
    timeout: 10_000,
  });
  if (error || status !== 0) return { about: name, state: 'note', text: 'not found on the PATH' };
  return { about: name, state: 'ok', text: stdout.trim().split('\n')[0] ?? '' };
}
