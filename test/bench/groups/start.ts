/** From `exec` to the first answer, beside the barest server Node can run; and what it takes when idle. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { addSessions, makeDirectory } from '../database.ts';
import { cpuMsOf, inTurns, medianOf, quantile, ratioOf, rssMbOf, type Sample } from '../measure.ts';
import { ended, PROGRAM, serving } from '../processes.ts';
import { type Report, type Row, text } from '../report.ts';

/** Start, as a multiple of the bare server's. */
const MAX_START_RATIO = 4;

/** What it is to become. */
const START_GOAL = 2.2;
/** `status`, seconds on the wall. */
const MAX_STATUS_SECONDS = 0.25;

const SESSIONS = { full: 1000, quick: 100 };
const MESSAGES_EACH = 1000;

/** 2 GB together. */
const TRANSCRIPTS = 5000;
const TRANSCRIPT_BYTES = 400_000;
const TRANSCRIPT_FOLDERS = 50;
const TRANSCRIPT_DAYS = 28;
/** When they were last written, seconds since 1970. */
const OLD = Date.parse('2026-01-01') / 1000;
/** Unfinished sessions that a start goes on with, and ended ones that only lie there; ms of the median. */
const UNFINISHED = { sessions: 1000, messages: 40, limit: 600, goal: 300 };
const STORED = { sessions: 10_000, messages: 10, limit: 800, goal: 400 };

/** After this the schemas are loaded and the first garbage is gone, ms. */
const IDLE_AFTER_MS = 2500;

const BARE = `require('node:http').createServer((_, response) => response.end('ok')).listen(
  Number(process.argv[1]), '127.0.0.1')`;

export async function start({ directory, rounds, isQuick }: Bench): Promise<Report> {
  const empty = join(directory, 'empty');
  const full = join(directory, 'full');
  const sessions = isQuick ? SESSIONS.quick : SESSIONS.full;
  await makeDirectory(empty);
  await makeDirectory(full);
  const ids = Array.from({ length: sessions }, (_, i) => `session-${String(i).padStart(4, '0')}`);
  addSessions(
    full,
    ids.map((id) => ({ id, messages: MESSAGES_EACH })),
  );

  const withOld = join(directory, 'with-old');
  addTranscripts(withOld);
  const withRollouts = join(directory, 'with-rollouts');
  addRollouts(withRollouts);
  const unfinished = join(directory, 'unfinished');
  const stored = join(directory, 'stored');
  await makeWith(unfinished, UNFINISHED, { working: true });
  await makeWith(stored, STORED, { ended: true });

  const variants = {
    bare: () => started((port) => ['-e', BARE, String(port)], directory),
    empty: () => started((port) => serve(empty, port), directory),
    full: () => started((port) => serve(full, port), directory),
    old: () => started((port) => serve(withOld, port), withOld),
    rollouts: () => started((port) => serve(withRollouts, port), withRollouts),
    unfinished: () => started((port) => serve(unfinished, port), directory),
    stored: () => started((port) => serve(stored, port), directory),
  };
  await inTurns(1, variants);
  const samples = await inTurns(rounds, variants);
  const row = (what: string, of: readonly Sample[], rss: number | string): Row => {
    const value = ratioOf(of, samples.bare, 'wallMs');
    const wallMs = medianOf(of, 'wallMs');
    const cells = [what, wallMs, medianOf(of, 'cpuMs'), rss, value];
    if (of === samples.bare) return { cells };
    const figure = {
      what: `start of a ${what}`,
      value: `${text(wallMs)} ms, ${text(value)} times bare Node`,
    };
    return { cells, budget: { value, limit: MAX_START_RATIO, goal: START_GOAL }, figure };
  };
  const inMs = (what: string, of: readonly Sample[], budget: { limit: number; goal: number }) => {
    const value = medianOf(of, 'wallMs');
    const cells = [what, value, medianOf(of, 'cpuMs'), '', ratioOf(of, samples.bare, 'wallMs')];
    const figure = { what: `start with ${what}`, value: `${text(value)} ms` };
    return { cells, budget: { value, limit: budget.limit, goal: budget.goal }, figure };
  };
  const idle = { empty: await idleRss(empty), full: await idleRss(full) };
  return {
    title: 'Start',
    columns: ['', 'wall ms', 'CPU ms', 'idle RSS MiB', 'x'],
    rows: [
      row('bare node:http', samples.bare, ''),
      row('server, nothing stored', samples.empty, idle.empty),
      row(`server, ${sessions} sessions of ${MESSAGES_EACH} messages`, samples.full, idle.full),
      row(`server, ${TRANSCRIPTS} old transcripts`, samples.old, await idleRss(withOld, withOld)),
      row(
        `server, ${TRANSCRIPTS} old rollouts`,
        samples.rollouts,
        await idleRss(withRollouts, withRollouts),
      ),
      inMs('1,000 unfinished sessions of 40 messages', samples.unfinished, UNFINISHED),
      inMs('10,000 ended sessions of 10 messages', samples.stored, STORED),
      ...(await statusRows(empty, rounds)),
    ],
    notes: ['Until the first 200. After a clean stop, files in the cache of the system.'],
  };
}

/** Conversations of the past, as if they were long: their files hold nothing, so that the disk is not filled. */
function addTranscripts(home: string): void {
  for (let n = 0; n < TRANSCRIPTS; n++) {
    const folder = join(home, '.claude/projects', `-home-dev-${n % TRANSCRIPT_FOLDERS}`);
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `${randomUUID()}.jsonl`);
    writeFileSync(path, '');
    truncateSync(path, TRANSCRIPT_BYTES);
    utimesSync(path, OLD, OLD);
  }
}

/** The same of Codex. */
function addRollouts(home: string): void {
  for (let n = 0; n < TRANSCRIPTS; n++) {
    const day = String(1 + (n % TRANSCRIPT_DAYS)).padStart(2, '0');
    const folder = join(home, '.codex/sessions/2026/01', day);
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `rollout-2026-01-${day}T10-00-00-${randomUUID()}.jsonl`);
    writeFileSync(path, '');
    truncateSync(path, TRANSCRIPT_BYTES);
    utimesSync(path, OLD, OLD);
  }
}

async function makeWith(
  directory: string,
  { sessions, messages }: { sessions: number; messages: number },
  state: { working?: boolean; ended?: boolean },
): Promise<void> {
  await makeDirectory(directory);
  const ids = Array.from({ length: sessions }, (_, at) => `session-${String(at).padStart(5, '0')}`);
  addSessions(
    directory,
    ids.map((id) => ({ id, messages, ...state })),
  );
}

function serve(directory: string, port: number): string[] {
  return [PROGRAM, '--data-dir', directory, 'start', '--bind', `127.0.0.1:${port}`];
}

async function started(words: (port: number) => string[], home: string): Promise<Sample> {
  const port = await freePort();
  const before = performance.now();
  const child = launch(words(port), home);
  await serving(port);
  const wallMs = performance.now() - before;
  const cpuMs = cpuMsOf(child.pid ?? 0);
  await ended(child);
  return { wallMs, cpuMs };
}

async function idleRss(directory: string, home = directory): Promise<number> {
  const port = await freePort();
  const child = launch(serve(directory, port), home);
  await serving(port);
  await new Promise((resolve) => setTimeout(resolve, IDLE_AFTER_MS));
  const rss = rssMbOf(child.pid ?? 0);
  await ended(child);
  return rss;
}

async function statusRows(directory: string, rounds: number): Promise<Row[]> {
  const port = await freePort();
  const server = launch(serve(directory, port), directory);
  await serving(port);
  const variants = {
    node: () => run(['-e', '0'], directory),
    running: () => run([PROGRAM, '--data-dir', directory, 'status'], directory),
  };
  const stopped = {
    ...variants,
    running: () => run([PROGRAM, '--data-dir', directory, 'status'], directory, STATUS_DOWN),
  };
  const up = await inTurns(rounds, variants);
  await ended(server);
  const down = await inTurns(rounds, stopped);
  const row = (what: string, { running, node }: typeof up): Row => {
    const value = quantile(running.map(({ wallMs = Number.NaN }) => wallMs)) / 1000;
    const cells = [what, value * 1000, '', '', ratioOf(running, node, 'wallMs')];
    return { cells, budget: { value, limit: MAX_STATUS_SECONDS } };
  };
  return [
    { cells: ['`node -e 0`', medianOf(up.node, 'wallMs'), '', '', 1] },
    row('`status` of a running server', up),
    row('`status` of a stopped one', down),
  ];
}

/** `status` says with it that no server runs. */
const STATUS_DOWN = 3;

async function run(words: readonly string[], home: string, expected = 0): Promise<Sample> {
  const before = performance.now();
  const child = launch(words, home);
  const [code] = await once(child, 'exit');
  if (code !== expected) throw new Error(`${words.join(' ')} ended with ${code}`);
  return { wallMs: performance.now() - before };
}

function launch(words: readonly string[], home: string): ChildProcess {
  mkdirSync(home, { recursive: true });
  return spawn(process.execPath, words, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: process.env.PATH, HOME: home },
  });
}

/** A port nobody had a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
