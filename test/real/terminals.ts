/**
 * A desk: several terminals with the real CLI at a time, in one home and before one server. Each plays a scene of
 * its own, and what clients are shown of it is asked so many seconds after its last act.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { vi } from 'vitest';
import { type BuiltServer, startWatchingServer } from './built-server.ts';
import { openScenario, type Scenario } from './scenario.ts';

/** An interactive CLI. */
type Claude = Awaited<ReturnType<Scenario<BuiltServer>['openClaude']>>;
/** What the model does in one answer. */
export type Step = Parameters<Scenario<BuiltServer>['api']['script']>[1][number];

/** What clients are shown of a session. */
interface Shown {
  id: string;
  first_prompt?: string;
  work_status: string;
}

/** One session in one terminal. */
export interface TerminalRun extends AsyncDisposable {
  /** The directory of its files, and part of its prompt: another one for each. */
  readonly name: string;
  readonly id: string;
  readonly claude: Claude;
  /** The process of the CLI. */
  readonly pid: number;
  /** The work status that clients are shown of it now. */
  shown(): Promise<string | undefined>;
  /** A client decides what is asked, as soon as it may. */
  decide(decision: string, more?: object): Promise<void>;
  /** Opens another terminal, ended with the scene. */
  another(words: readonly string[]): Promise<Claude>;
  /** All sessions that clients are shown now. */
  listed(): Promise<Shown[]>;
}

/** What the model says to `play NAME.` and, where it is entered too, to `then NAME.`; and what its subagent does. */
export interface Script {
  readonly steps: (name: string) => Step[];
  readonly next?: (name: string) => Step[];
  /** Without: it streams and never ends. */
  readonly agent?: (name: string) => Step[];
}

/** A home with its server, before any terminal is open. */
export interface Terminals extends AsyncDisposable {
  readonly stage: Scenario<BuiltServer>;
  /** Opens a terminal, enters `play NAME.`, and settles when clients are shown the session. */
  open(name: string, script: Script): Promise<TerminalRun>;
  listed(): Promise<Shown[]>;
}

export const NEVER = new Promise(() => {});

/** Sets up a desk: `sleep` and `node` are allowed there, `shred` is refused, all else is asked for. */
export async function openTerminals(): Promise<Terminals> {
  const stage = await openScenario(startWatchingServer);
  mkdirSync(join(stage.home.project, '.claude'));
  const permissions = { deny: ['Bash(shred:*)'], allow: ['Bash(sleep:*)', 'Bash(node:*)'] };
  const rules = join(stage.home.project, '.claude', 'settings.json');
  writeFileSync(rules, JSON.stringify({ permissions }));
  const listed = async (): Promise<Shown[]> => {
    const answer = await fetch(`${stage.listener.url}/api/sessions?all=1`);
    return ((await answer.json()) as { sessions: Shown[] }).sessions;
  };
  return {
    stage,
    listed,
    open: (name, script) => openScene(stage, listed, name, script),
    [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
  };
}

async function openScene(
  stage: Scenario<BuiltServer>,
  listed: Terminals['listed'],
  name: string,
  { steps, next, agent = () => [{ text: 'Looking', until: NEVER }] }: Script,
): Promise<TerminalRun> {
  stage.api.script(`play ${name}.`, steps(name));
  if (next) stage.api.script(`then ${name}.`, next(name));
  stage.api.script(`inspect ${name}-agent`, agent(name));
  const terminals: Claude[] = [];
  const another = async (words: readonly string[]): Promise<Claude> => {
    const terminal = await stage.openClaude({}, words);
    terminals.unshift(terminal);
    return terminal;
  };
  const claude = await another([]);
  const pids = new Set<number>();
  const dispose = async (): Promise<void> => {
    for (const pid of pids) {
      signalIfThere(pid, 'SIGCONT');
      signalIfThere(pid, 'SIGKILL');
    }
    // Closing a terminal asks for its program by its id. One that is closed already cannot be asked.
    await claude.waitForExit().catch(() => undefined);
    for (const terminal of terminals) await terminal.close().catch(() => undefined);
  };
  try {
    await claude.say(`play ${name}.`);
    const own = async () =>
      (await listed()).find(({ first_prompt: prompt }) => prompt === `play ${name}.`);
    const { id, pid } = await vi.waitFor(async () => {
      const found = await own();
      if (found === undefined) throw new Error(`${name} is not shown`);
      // The registry's files are written in place: one may be read half.
      return { id: found.id, pid: Number(entryOf(stage, found.id).pid) };
    }, 20_000);
    pids.add(pid);
    return {
      ...{ name, id, claude, pid, another, listed },
      shown: async () => (await listed()).find((one) => one.id === id)?.work_status,
      decide: (decision, more = {}) =>
        decideAsClient(`${stage.listener.url}/api/sessions/${id}`, { decision, ...more }),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

interface Asked {
  pending_approval: { id: string; answerable?: boolean } | null;
}

async function decideAsClient(url: string, fields: object): Promise<void> {
  const request = await vi.waitFor(async () => {
    const answer = await fetch(`${url}/snapshot`);
    const { session } = (await answer.json()) as { session: Asked };
    if (session.pending_approval?.answerable !== true) throw new Error('nothing may be answered');
    return session.pending_approval;
  }, 20_000);
  const answer = await fetch(`${url}/approve`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ request_id: request.id, ...fields }),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
}

/** What the live registry holds of a session: its newest entry. */
function entryOf({ home }: Scenario<BuiltServer>, sessionId: string): Record<string, unknown> {
  const folder = join(home.home, '.claude', 'sessions');
  for (const file of readdirSync(folder).filter((one) => one.endsWith('.json'))) {
    const entry = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    if (entry.sessionId === sessionId) return entry;
  }
  throw new Error(`no process bears ${sessionId}`);
}

/** What a wrong status is judged by: the registry's entry and the terminal. */
export async function whyOf({ stage }: Terminals, { id, claude }: TerminalRun): Promise<string> {
  let entry: unknown;
  try {
    entry = entryOf(stage, id);
  } catch (error) {
    entry = String(error);
  }
  const screen = await claude.screen().catch(String);
  const journal = journalOf(stage.listener.data, id).join('\n');
  return `\n${JSON.stringify(entry)}\n${screen.trim()}\n${journal}`;
}

/** The session's newest events in the server's own journal, a line each. */
function journalOf(data: string, sessionId: string): string[] {
  const database = new Database(join(data, 'orbitdock.db'), { readonly: true });
  try {
    const rows = database
      .prepare<[string], { at: string; event: string; value: string; accepted: number }>(
        `SELECT at, substr(event, 1, 300) AS event, value, accepted FROM journal
         WHERE session_id = ? ORDER BY seq DESC LIMIT 20`,
      )
      .all(sessionId);
    return rows.reverse().map((row) => `${row.at} ${row.accepted} ${row.event} -> ${row.value}`);
  } finally {
    database.close();
  }
}

/** Sends a signal to a process that may have ended by itself. */
function signalIfThere(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** What clients are shown of a session these seconds after now. */
export async function lookAfter(
  scene: Pick<TerminalRun, 'shown'>,
  seconds: readonly number[],
): Promise<string[]> {
  const began = Date.now();
  const seen: string[] = [];
  for (const second of seconds) {
    await pause(Math.max(0, began + second * 1000 - Date.now()));
    seen.push((await scene.shown()) ?? 'none');
  }
  return seen;
}

/** Does all of it, so many at a time; what fails says so in its place. */
export async function inTurn<T>(
  all: readonly T[],
  atATime: number,
  act: (one: T, index: number) => Promise<void>,
): Promise<void> {
  const waiting = all.map((one, index) => ({ one, index }));
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await act(next.one, next.index);
  };
  await Promise.all(Array.from({ length: atATime }, worker));
}
