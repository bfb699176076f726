/**
 * `status`: is the server of this data directory running, and where? Asks the server itself at the
 * address it wrote down, and only if it is silent the lock it would hold. A process id alone proves
 * nothing: another process may have it by now. A server that hangs is waited for.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Option } from 'clipanion';
import type { DataPaths } from '../config.ts';
import { EXIT } from '../exit.ts';
import { readServerNote, type ServerNote } from '../files.ts';
import { serverVersion } from '../version.ts';
import { OrbitCommand } from './command.ts';
import { hasHookScript, hookUrl, urlOfServer } from './hook-files.ts';
import { isListeningTo, settingsPath } from './install-hooks.ts';
import { isServiceActive, isServiceOf, serviceManager } from './service-manager.ts';

/**
 * A local server answers in a millisecond or two; on a machine whose processors are all taken this is still enough.
 * One that does not run for longer is distinguished from one that has ended by its lock.
 */
const PROBE_TIMEOUT_MS = 2000;

/** More than `/health` ever answers. */
const MAX_HEALTH_CHARS = 4_096;

/** What is known of the server of a data directory. */
interface State {
  note: ServerNote | null;
  url: string | null;
  /** What the server says of itself; null when nothing answers there. */
  health: { degraded?: string; remedy?: string } | null;
  isHealthy: boolean;
  isRunning: boolean;
}

/** What stands around the server. */
interface Around {
  /** Null before there is a database. */
  sessions: { total: number; active: number } | null;
  /** Hooks that wait to be stored. */
  spooled: number;
  hooksInstalled: boolean;
  hooksSentTo: string | null;
  service: 'none' | 'installed' | 'active';
}

/** Says whether the server is running. */
export class StatusCommand extends OrbitCommand {
  static override paths = [['status']];
  static override usage = OrbitCommand.Usage({
    description: 'Check if the server is running',
    details: 'Exits with 0 when it is running and with 3 when it is not.',
    examples: [
      ['Look at the server of ~/.orbitdock', '$0 status'],
      ['For programs', '$0 status --json'],
    ],
  });

  json = Option.Boolean('--json', false, { description: 'One JSON object instead of words' });

  protected async run(): Promise<number> {
    const paths = this.directory();
    const state = await lookAtServer(paths);
    const around = await this.#around(paths);
    if (this.json) {
      this.printLine(JSON.stringify(reportOf(paths, state, around), null, 2));
      return state.isRunning ? EXIT.ok : EXIT.notRunning;
    }
    this.printLine('', `  OrbitDock Server v${serverVersion()}`, `  Data dir: ${paths.dir}`);
    this.printLine(`  ${processLine(state)}`, `  ${healthLine(state)}`, `  ${databaseLine(paths)}`);
    this.printLine(...keptLines(state), ...aroundLines(around), '');
    if (state.isRunning) return EXIT.ok;
    this.printLine('  Server is not running.', `  Start with: ${this.commandLine('start')}`, '');
    return EXIT.notRunning;
  }

  async #around(paths: DataPaths): Promise<Around> {
    const { env } = this.context;
    const manager = serviceManager(env, this.home(), paths.dir);
    const isActive = manager !== null && isServiceActive(manager, paths.dir);
    const isInstalled = manager !== null && isServiceOf(manager, paths.dir);
    return {
      sessions: await sessionsIn(paths.database),
      spooled: countSpooled(paths.spool),
      hooksInstalled:
        hasHookScript(paths) &&
        (await isListeningTo(settingsPath(env, this.home()), paths.hookScript)),
      hooksSentTo: hookUrl(paths),
      service: isActive ? 'active' : isInstalled ? 'installed' : 'none',
    };
  }
}

/** Null where there is no database, or none that can be read: `doctor` says what is wrong with it. */
async function sessionsIn(database: string): Promise<Around['sessions']> {
  if (!existsSync(database)) return null;
  const { countSessions } = await import('../store/database.ts');
  return countSessions(database);
}

function aroundLines({
  sessions,
  spooled,
  hooksInstalled,
  hooksSentTo,
  service,
}: Around): string[] {
  const hooks = hooksInstalled ? `installed, sent to ${hooksSentTo}` : 'not installed';
  return [
    ...(sessions ? [`  Sessions: ${sessions.total} (${sessions.active} active)`] : []),
    `  Spool: ${spooled} hook(s) waiting`,
    `  Hooks: ${hooks}`,
    `  Service: ${service === 'installed' ? 'installed, not running' : service}`,
  ];
}

function reportOf(paths: DataPaths, state: State, around: Around): object {
  const database = statSync(paths.database, { throwIfNoEntry: false });
  return {
    version: serverVersion(),
    data_dir: paths.dir,
    running: state.isRunning,
    healthy: state.isHealthy,
    pid: state.isRunning ? (state.note?.pid ?? null) : null,
    url: state.isRunning ? state.url : null,
    database_bytes: database?.size ?? null,
    sessions: around.sessions,
    spooled: around.spooled,
    hooks: { installed: around.hooksInstalled, sent_to: around.hooksSentTo },
    service: around.service,
  };
}

/** Hooks in the spool that are whole; hook.sh writes them under another name first. */
export function countSpooled(directory: string): number {
  if (!existsSync(directory)) return 0;
  return readdirSync(directory).filter((name) => name.endsWith('.json')).length;
}

/** Looks whether the server of a data directory runs and answers. */
export async function lookAtServer(paths: DataPaths): Promise<State> {
  const note = readServerNote(paths.server);
  const plain = note && urlOfServer({ host: note.address, port: note.port });
  const url = note?.scheme && plain ? plain.replace(/^http/, note.scheme) : plain;
  // Whatever certificate it has, the socket in our own directory is the same server.
  const at = note?.scheme ? { socketPath: paths.socket } : {};
  const health = plain === null ? null : await answerOf(`${plain}/health`, at);
  const isHealthy = health !== null;
  // The pid guards against another server at an address that ours has left.
  const isCertain = isHealthy && note !== null && isAlive(note.pid);
  const isRunning = isCertain || (await isHeld(paths.lock));
  return { note, url, health, isHealthy: isHealthy && isRunning, isRunning };
}

function processLine({ note, isRunning }: State): string {
  if (isRunning) return note === null ? 'PID: unknown (running)' : `PID: ${note.pid} (running)`;
  if (note === null) return 'PID file: not found';
  const reason = isAlive(note.pid) ? 'that process is not this server' : 'process not found';
  return `PID file: ${note.pid} (stale — ${reason})`;
}

function healthLine({ url, health, isHealthy, isRunning }: State): string {
  if (isHealthy && health?.degraded) {
    const remedy = health.remedy === undefined ? '' : `: ${health.remedy}`;
    return `Health: DEGRADED, ${health.degraded}${remedy} (${url}/health)`;
  }
  if (isHealthy) return `Health: OK (${url}/health)`;
  if (!isRunning) return 'Health: unreachable';
  return url === null
    ? 'Health: unreachable (the data directory is in use; the server may be starting)'
    : `Health: unreachable (the server is there but does not answer at ${url}/health)`;
}

function databaseLine({ database }: DataPaths): string {
  const stat = statSync(database, { throwIfNoEntry: false });
  if (stat === undefined) return 'Database: not found';
  return `Database: ${database} (${Math.floor(stat.size / 1024)} KB)`;
}

/** How long the running server keeps what. */
function keptLines({ note, isRunning }: State): string[] {
  if (!isRunning || note?.retention === undefined) return [];
  const { eventDays, events, sessionDays, maxBytes } = note.retention;
  const days = (count: number) => (count > 0 ? `${count} days` : 'for ever');
  const least = events === Number.MAX_SAFE_INTEGER ? 'all' : `the newest ${events}`;
  const size = maxBytes > 0 ? `up to ${Math.round(maxBytes / 1024 ** 2)} MB` : 'of any size';
  return [
    `  Keeps: events ${days(eventDays)} and ${least} of a session, sessions ${days(sessionDays)}, a database ${size}`,
  ];
}

/** What the server at this address says of itself; null unless it calls itself healthy. Never rejects. */
function answerOf(
  url: string,
  at: { socketPath?: string; headers?: Record<string, string> },
): Promise<State['health']> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const request = get(url, { ...at, agent: false, signal });
    request.on('error', () => resolve(null));
    request.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('error', () => resolve(null));
      response.on('data', (text: string) => {
        body += text.slice(0, MAX_HEALTH_CHARS - body.length);
      });
      response.on('end', () => resolve(response.statusCode === 200 ? healthFrom(body) : null));
    });
  });
}

/**
 * Has the server of a data directory look at what was changed beside it, at once.
 *
 * @returns false where it was not asked: none runs, it has no socket, is of an older version, or too busy
 */
export function askToLook({ socket }: DataPaths): Promise<boolean> {
  if (!existsSync(socket)) return Promise.resolve(false);
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const headers = { 'X-OrbitDock-Look': '1' };
    const at = { socketPath: socket, headers, agent: false, signal };
    const request = get('http://localhost/health', at, (response) => {
      response.resume();
      resolve(response.headers['x-orbitdock-looked'] !== undefined);
    });
    request.on('error', () => resolve(false));
  });
}

/** A server that is very busy notices a new token later than others, ms. */
const TAKEN_WITHIN_MS = 10_000;
const ASK_AGAIN_MS = 100;

/** Waits until the server of a data directory takes a token; not where none runs or it has no socket. */
export async function untilTaken({ lock, socket }: DataPaths, token: string): Promise<void> {
  const untilMs = performance.now() + TAKEN_WITHIN_MS;
  const at = { socketPath: socket, headers: { Authorization: `Bearer ${token}` } };
  while (existsSync(socket) && (await isHeld(lock)) && performance.now() < untilMs) {
    if ((await answerOf('http://localhost/health', at)) !== null) return;
    await sleep(ASK_AGAIN_MS);
  }
}

function healthFrom(body: string): NonNullable<State['health']> {
  try {
    const { degraded, remedy } = JSON.parse(body) as { degraded?: unknown; remedy?: unknown };
    return {
      ...(typeof degraded === 'string' && { degraded }),
      ...(typeof remedy === 'string' && { remedy }),
    };
  } catch {
    // Another server at that address: it answers, and says nothing that we know.
    return {};
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: unknown }).code === 'EPERM';
  }
}

/** Whether a server runs on a data directory, by the lock that it holds. */
export async function isHeld(lock: string): Promise<boolean> {
  if (!existsSync(lock)) return false;
  const { isLocked } = await import('../store/lock.ts');
  return isLocked(lock);
}
