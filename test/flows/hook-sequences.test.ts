/**
 * Recorded sessions once more, side by side, through the installed hook.sh: its spool, its curl, a live
 * server. After every hook the status must be the one a person at the terminal would name, in the rooms
 * and lists of both transports; and again after the server was restarted in between, for clients that come
 * back with what they remember.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { WorkStatus } from '../../src/protocol/nouns.ts';
import { ioClient, type Received, wsClient } from '../support/clients.ts';
import { differences } from '../support/compare.ts';
import { foldJournal } from '../support/database.ts';
import { startWatchedServer, type WatchedServer } from '../support/desktop/watched-server.ts';
import { type HookBody, recordedSequence } from '../support/fixtures.ts';
import { type Observer, observe } from '../support/observer.ts';
import { installHookScript } from '../support/server.ts';

/** Whom the session waits for, and for how many hooks; `absent` is not in any list yet. */
type Expected = readonly (readonly [WorkStatus | 'absent', hooks: number])[];

/** From what the CLI did at the time (its registry and its screen), not from what the chart says. */
const SEQUENCES: Record<string, Expected> = {
  'failures-then-success': [
    ['absent', 1],
    ['working', 14],
    ['waiting', 1],
    ['ended', 1],
  ],
  'interactive-permissions': [
    ['absent', 1],
    ['working', 3],
    ['permission', 2],
    ['working', 4],
    ['waiting', 1],
    ['working', 3],
    ['permission', 1],
    ['working', 4],
    ['permission', 2],
    // The turn stops at 29 with an agent in the background, which goes on until 33.
    ['working', 11],
    ['waiting', 1],
    ['working', 2],
    // A compaction leaves the status.
    ['waiting', 5],
    ['ended', 1],
  ],
  'permission-then-elicitation': [
    ['absent', 1],
    ['working', 2],
    ['permission', 1],
    ['question', 2],
  ],
  subagent: [
    ['absent', 1],
    ['working', 11],
    ['waiting', 1],
    ['ended', 1],
  ],
  'tools-and-tasks': [
    ['absent', 2],
    ['working', 18],
    ['waiting', 1],
    ['ended', 1],
  ],
};

/** The server is restarted behind these hooks: requests of both kinds are open then, turns and agents run. */
const RESTART_AFTER = [4, 6, 15, 29];

interface Replay {
  id: string;
  hooks: HookBody[];
  expected: string[];
  /** What each transport's client saw after each hook. */
  seen: string[][];
  /** The same, asked again after a restart, by number of the hook. */
  seenAfterRestart: Record<number, string[]>;
}

const replays: Record<string, Replay> = {};
let server: WatchedServer;
let observers: Observer[] = [];
/** What the desktop app showed wrongly after a hook. */
const shownWrongly: string[] = [];
/** All that came over /ws, restarts included. */
const received: Received[] = [];

beforeAll(async () => {
  server = await startWatchedServer();
  await installHookScript(server.paths, server.url);
  for (const [name, runs] of Object.entries(SEQUENCES)) {
    const hooks = recordedSequence(name);
    const expected = runs.flatMap(([status, count]) => Array<string>(count).fill(status));
    const id = hooks[0]?.session_id ?? '';
    replays[name] = { id, hooks, expected, seen: [[], []], seenAfterRestart: {} };
  }
  observers = await observeBoth();
  const longest = Math.max(...Object.values(replays).map(({ hooks }) => hooks.length));
  for (let at = 0; at < longest; at++) await step(at);
}, 120_000);

afterAll(async () => {
  for (const { client } of observers) await client.close();
  await server[Symbol.asyncDispose]();
});

/** One hook of each session, at once; then a look at all of them. */
async function step(at: number): Promise<void> {
  const running = Object.values(replays).filter(({ hooks }) => hooks[at]);
  await Promise.all(running.map(({ hooks }) => runHook(hooks[at] as HookBody)));
  for (const [endpoint, observer] of observers.entries()) {
    await observer.settle();
    for (const { id, seen } of running) seen[endpoint]?.push(statusSeenBy(observer, id));
  }
  shownWrongly.push(
    ...(await server.desktop.disagreements()).map((words) => `hook ${at + 1}: ${words}`),
  );
  if (!RESTART_AFTER.includes(at + 1)) return;
  await comeBackAfterRestart();
  for (const { id, seenAfterRestart } of running) {
    seenAfterRestart[at] = observers.map((observer) => statusSeenBy(observer, id));
  }
}

async function comeBackAfterRestart(): Promise<void> {
  received.push(...(observers[0]?.client.messages ?? []));
  const models = observers.map(({ model }) => model);
  for (const { client } of observers) await client.close();
  await server.restart();
  observers = await observeBoth(models);
  for (const observer of observers) await observer.settle();
}

async function observeBoth(models: Observer['model'][] = []): Promise<Observer[]> {
  return [
    await observe(wsClient(server.url), models[0]),
    await observe(ioClient(server.url), models[1]),
  ];
}

const processes = new Map<unknown, number>();

/** Runs hook.sh as the CLI does and waits until the hook is delivered: its file is gone. */
async function runHook(body: HookBody): Promise<void> {
  const { hookScript, dir, spool } = server.paths;
  // A process of its own for each session: one that reports under another id has left its old one.
  const pid = processes.get(body.session_id) ?? 4242 + processes.size;
  processes.set(body.session_id, pid);
  const env = { PATH: process.env.PATH ?? '', HOME: dir, CLAUDE_PID: String(pid) };
  const script = spawn('/bin/sh', [hookScript], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  let said = '';
  script.stdout.on('data', (chunk) => {
    said += chunk;
  });
  script.stdin.end(JSON.stringify(body));
  const [code] = await once(script, 'exit');
  expect({ code, said }).toEqual({ code: 0, said: '' });
  await vi.waitFor(
    () => expect(readdirSync(spool).filter((name) => name !== 'quarantine')).toEqual([]),
    { interval: 5, timeout: 15_000 },
  );
}

/** The status as a client sees it; its room and its list must agree. */
function statusSeenBy({ model }: Observer, id: string): string {
  const listed = model.list.get(id);
  if (!listed) return 'absent';
  const { work_status, pending_approval } = model.sessions.get(id)?.state ?? {};
  const isOpen = pending_approval !== null && pending_approval !== undefined;
  const agrees = listed.work_status === work_status && listed.has_pending_approval === isOpen;
  return agrees ? listed.work_status : `list ${listed.work_status}, room ${work_status}`;
}

describe.each(Object.keys(SEQUENCES))('%s, replayed through hook.sh', (name) => {
  const replay = () => replays[name] as Replay;

  it('shows the right status after every hook on either transport', () => {
    const { expected, seen } = replay();
    expect(seen).toEqual([expected, expected]);
  });

  it('shows the same status after a restart', () => {
    const { expected, seenAfterRestart } = replay();
    for (const [at, seen] of Object.entries(seenAfterRestart)) {
      expect(seen, `after hook ${Number(at) + 1}`).toEqual(Array(2).fill(expected[Number(at)]));
    }
  });

  it('has a journal that folds to the states that were stored', () => {
    expect(foldJournal(server.paths, replay().id)).toEqual([]);
  });
});

it('never shows anything wrong in the desktop app, after any hook, restarts included', () => {
  expect(shownWrongly).toEqual([]);
  expect(server.desktop.connections).toBe(RESTART_AFTER.length + 1);
});

it('leaves both clients with what a new subscriber receives', async () => {
  for (const observer of observers) expect(await differences(server.url, observer)).toEqual([]);
});

it('shows a request whole and closes it with null and a new summary', () => {
  const { id } = replays['interactive-permissions'] as Replay;
  const about = received.filter((frame) => JSON.stringify(frame).includes(id));
  const asked = about.findIndex(
    (frame) => frame.type === 'approval_requested' && frame.request.command === 'touch made.txt',
  );
  expect(about[asked]).toMatchObject({ request: { type: 'exec', tool_name: 'Bash' } });
  const after = about.slice(asked);
  const closed = after.find(
    (frame) => frame.type === 'session_delta' && frame.changes.pending_approval === null,
  );
  expect(closed).toMatchObject({ changes: { work_status: 'working' } });
  const summary = after.find((frame) => frame.type === 'session_created');
  expect(summary).toMatchObject({ session: { id, has_pending_approval: false } });
});
