/**
 * What watching costs the server: its resident memory while the list and one session are watched and 1000
 * sessions live on, from the kernel's own figures.
 *
 * A quarter of a million events, 250 for each session. The first half is unwatched: it fills what the server itself
 * keeps of so many live sessions (actors, newest frames, the engine's heap), so that the rest is what
 * looking adds.
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { io, type Socket } from 'socket.io-client';
import { expect, it, onTestFinished } from 'vitest';
import type { InspectRecord, InspectRow, InspectStats } from '../../../src/protocol/inspect.ts';
import { dataDirectory, freePort, start } from '../support/real-server.ts';

const SESSIONS = 1000;
/** Hooks on their way at once. */
const LINES = 64;
const MB = 1024 * 1024;
/** Steps of all folded stretches that are kept, and one stretch that was just begun. */
const MOST_STEPS = 12_000 + 600;

// The figures are those of Linux.
const here = it.runIf(process.platform === 'linux');

here(
  'grows by no more than 80 MB while 1000 sessions are watched, however much happens',
  {
    timeout: 900_000,
  },
  async () => {
    const [directory, port] = [dataDirectory(), await freePort()];
    const server = await start(directory, port);
    const rss = (): number => residentBytes(server.pid ?? 0);
    const take = createTaker(port);
    await take(everySession(0, 125));
    const before = rss();
    const watcher = await watch(port, 's-0');
    await take(everySession(125, 190));
    const between = rss();
    await take(everySession(190, 250));
    // The watched session itself goes on for longer than any stretch.
    await take(oneSession('s-0', 250, 5250));
    await expect.poll(() => watcher.newest()).toBe(5250);
    const after = rss();
    const stats = await watcher.stats();
    report(
      'memory of the server',
      `${mb(before)} MB unwatched, then ${mb(between)} and ${mb(after)} MB`,
    );
    expect(watcher.rows()).toBeGreaterThan(SESSIONS);
    expect(stats).toMatchObject({ liveSessions: SESSIONS, watched: 1, errors: 0 });
    expect(stats.steps).toBeLessThanOrEqual(MOST_STEPS);
    expect(after - before).toBeLessThanOrEqual(80 * MB);
    // A record kept for each of these 65,000 events would be more.
    expect(after - between).toBeLessThanOrEqual(40 * MB);
  },
);

type Hook = [session: string, number: number];

function* everySession(from: number, to: number): Generator<Hook> {
  for (let number = from; number < to; number += 1) {
    for (let session = 0; session < SESSIONS; session += 1) yield [`s-${session}`, number];
  }
}

function* oneSession(id: string, from: number, to: number): Generator<Hook> {
  for (let number = from; number < to; number += 1) yield [id, number];
}

/** Takes hooks into the server over lines that stay open; settles when all are committed. */
function createTaker(port: number): (hooks: Iterable<Hook>) => Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: LINES });
  onTestFinished(() => agent.destroy());
  const post = (body: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const headers = {
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(body),
      };
      const options = {
        host: '127.0.0.1',
        port,
        path: '/api/hook',
        method: 'POST',
        agent,
        headers,
      };
      const asked = request(options, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode));
      });
      asked.on('error', reject).end(body);
    });
  return async (hooks) => {
    const left = hooks[Symbol.iterator]();
    const line = async (): Promise<void> => {
      for (let next = left.next(); !next.done; next = left.next()) {
        expect(await post(JSON.stringify(bodyOf(...next.value)))).toBe(204);
      }
    };
    await Promise.all(Array.from({ length: LINES }, line));
  };
}

/** A prompt, then tool uses for ever. */
function bodyOf(session_id: string, number: number): object {
  const session = { session_id, cwd: '/home/dev/shop' };
  if (number === 0) return { ...session, hook_event_name: 'UserPromptSubmit', prompt: 'go' };
  const tool = {
    ...session,
    tool_name: 'Bash',
    tool_input: { command: 'npm test' },
    tool_use_id: `t-${Math.ceil(number / 2)}`,
  };
  return number % 2 === 1
    ? { ...tool, hook_event_name: 'PreToolUse' }
    : { ...tool, hook_event_name: 'PostToolUse', tool_response: { stdout: 'ok' } };
}

/** A page's connection without the page: it subscribes to the list and one session. */
async function watch(port: number, session: string) {
  const socket: Socket = io(`http://127.0.0.1:${port}/inspect`, { transports: ['websocket'] });
  onTestFinished(() => void socket.close());
  let rows = 0;
  let newest = 0;
  socket.on('rows', (received: InspectRow[]) => {
    rows += received.length;
  });
  socket.on('records', (_: string, received: InspectRecord[]) => {
    newest = received.at(-1)?.seq ?? newest;
  });
  await new Promise((resolve) => socket.once('hello', resolve));
  expect(await socket.emitWithAck('watch', { session })).toMatchObject({ ok: true });
  return {
    rows: () => rows,
    newest: () => newest,
    stats: (): Promise<InspectStats> => socket.emitWithAck('stats', {}),
  };
}

/** Resident memory of a process as Linux counts it. */
function residentBytes(pid: number): number {
  const [, kib] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1024;
}

function mb(bytes: number): number {
  return Math.round(bytes / MB);
}

function report(what: string, figure: string): void {
  process.stdout.write(`${what}: ${figure}\n`);
}
