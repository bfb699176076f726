/**
 * All that is learned of a Claude session, disturbed at once: hooks late, lost and doubled, registry files torn, frozen and
 * left behind, transcripts that come in pieces, are cut, replaced, hidden behind links and FIFOs and filled with junk, and
 * a server that is killed. In the end each conversation is what the undisturbed one is, once. `FOR_S=600` runs longer.
 */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type Build, build } from '../support/build.ts';
import { terminalsIn } from '../support/claude-terminals.ts';
import { rowsOf } from '../support/database.ts';
import { postHook } from '../support/hooks.ts';
import { createRandom, type Random, seedOfRun } from '../support/random.ts';
import { type SpawnedServer, spawnServer } from '../support/spawned.ts';
import {
  conversationOf,
  KEY,
  type Recorded,
  recordedSession,
  type StampedHook,
} from '../support/transcripts.ts';
import { aWhile } from './crowd.ts';

const FOR_MS = Number(process.env.FOR_S ?? 4) * 1000;
/** Sessions that are disturbed side by side. */
const TOGETHER = 3;
const SOON = { interval: 50, timeout: 20_000 };
const NAMES = [
  'interactive-permissions',
  'tools-and-tasks',
  'failures-then-success',
  'permission-then-elicitation',
];
/** Longer than the longest line that is read. */
const LONG_LINE = 9 * 1024 * 1024;

let program: Build;
beforeAll(async () => {
  program = await build();
});
afterAll(() => program[Symbol.dispose]());

/** What a client sees of a session at its end; what only a hook knows is left out where hooks are lost. */
function seenOf(server: SpawnedServer, id: string, isWhole: boolean) {
  const { messages, session } = conversationOf(server.paths, id, { durations: false });
  const received = messages.map((row) =>
    isWhole ? row : { id: row.id, type: row.type, hasOutput: row.tool_output !== null },
  );
  const [counted] = session as { output_tokens: number; message_count: number }[];
  return {
    messages: received.toSorted((one, other) => (one.id < other.id ? -1 : 1)),
    ...{ tokens: counted?.output_tokens, count: counted?.message_count },
  };
}

/** The words for a failing test: how to repeat it, and what the session took last. */
function aboutOf(server: SpawnedServer, { seed }: Random, id: string): string {
  const sql =
    'SELECT seq, origin, at, substr(event, 1, 200) AS event, value, accepted FROM journal WHERE session_id = ? ORDER BY id DESC LIMIT 12';
  const last = rowsOf(server.paths, sql, id).map((row) => JSON.stringify(row));
  return `SEED=${seed} ${id}\n${last.join('\n')}\n`;
}

/** Sends a hook until it is taken, as its spool does. */
async function send(server: SpawnedServer, hook: StampedHook, key = hook[KEY]): Promise<void> {
  for (;;) {
    try {
      const { status, body } = await postHook(server.url, hook, {
        key,
        sent: `${Date.now()}000000`,
      });
      if (status === 204) return;
      if (status !== 503) throw new Error(`${hook.hook_event_name}: ${status} ${body}`);
    } catch (error) {
      // It was killed meanwhile.
      if ((error as NodeJS.ErrnoException).code === undefined && !/broke off/.test(String(error)))
        throw error;
      await server.whenUp();
    }
  }
}

/** Sends them about in their order: some are overtaken, some come twice. */
async function sendDisturbed(server: SpawnedServer, random: Random, hooks: readonly StampedHook[]) {
  const late: StampedHook[] = [];
  for (const hook of hooks) {
    await aWhile(random, 0, 60);
    if (random.chance(0.15)) {
      late.push(hook);
      continue;
    }
    await send(server, hook);
    if (random.chance(0.15)) await send(server, hook);
    if (random.chance(0.15)) await send(server, hook, hook[KEY].replace('-7-', '-8-'));
    if (late.length > 0 && random.chance(0.3)) await send(server, late.shift() as StampedHook);
  }
  for (const hook of late) await send(server, hook);
}

/** The lines of a recording with junk between them. */
function withJunk(random: Random, bytes: Buffer): Buffer {
  const junk = [
    'not json',
    '{"type":',
    '[]',
    'null',
    '\u0000\u0001',
    '{"type":"user"}',
    '',
    'é€😀',
  ];
  const lines = bytes.toString('utf8').trimEnd().split('\n');
  const mixed = lines.flatMap((line) => {
    if (random.chance(0.02)) return ['x'.repeat(LONG_LINE), line];
    // A write that was torn, and made again.
    if (random.chance(0.1)) return [line.slice(0, random.between(1, line.length - 1)), line];
    return random.chance(0.15) ? [random.pick(junk), line] : [line];
  });
  return Buffer.from(`${mixed.join('\n')}\n`);
}

/** Writes the transcript in pieces, and now and then does to its file what must not disturb. */
async function writeDisturbed(random: Random, path: string, bytes: Buffer, outside: string) {
  let at = 0;
  const cut = (): void => {
    at = random.between(0, at);
    truncateSync(path, at);
  };
  const rewrite = (): void => {
    at = random.between(0, at);
    writeFileSync(path, bytes.subarray(0, at));
  };
  const replace = (): void => {
    writeFileSync(`${path}.new`, bytes.subarray(0, at));
    renameSync(`${path}.new`, path);
  };
  /** Something else lies there for a moment. */
  const hide = async (put: () => void) => {
    renameSync(path, `${path}.aside`);
    put();
    await aWhile(random, 0, 300);
    rmSync(path, { force: true, recursive: true });
    renameSync(`${path}.aside`, path);
  };
  const faults = [
    ...[cut, rewrite, replace],
    () => hide(() => symlinkSync(outside, path)),
    () => hide(() => execFileSync('mkfifo', [path])),
    () => hide(() => mkdirSync(path)),
    () => hide(() => {}),
  ];
  writeFileSync(path, '');
  while (at < bytes.length) {
    // A byte at a time now and then, so that a piece also ends within a character.
    const most = random.chance(0.2) ? 3 : random.chance(0.1) ? LONG_LINE : 20_000;
    for (let piece = random.between(1, 12); piece > 0 && at < bytes.length; piece--) {
      const next = Math.min(bytes.length, at + random.between(1, most));
      appendFileSync(path, bytes.subarray(at, next));
      at = next;
    }
    if (random.chance(0.15)) await random.pick(faults)();
    await aWhile(random, 0, 30);
  }
}

/** One session with its terminal, from its start to its end. */
async function disturb(server: SpawnedServer, random: Random, outside: string) {
  const name = random.pick(NAMES);
  const of = recordedSession(server.paths.dir, name);
  const home = join(server.paths.dir, '.claude');
  await using terminals = terminalsIn(home);
  const terminal = await terminals.open(of.id);
  const file = join(home, 'sessions', `${terminal.pid}.json`);
  const isWhole = random.chance(0.5);
  const hooks = of.hooks
    .filter((hook) => isWhole || hook.agent_id !== undefined || random.chance(0.7))
    // hook.sh says whose child it is: so its end is seen where no registry file was.
    .map((hook) => ({ ...hook, [KEY]: hook[KEY].replace(/-\d+$/, `-${terminal.pid}`) }));
  terminal.says('idle');
  const live = { isOver: false };
  const status = (async () => {
    while (!live.isOver) {
      await aWhile(random, 20, 300);
      // Frozen: nothing is written for a while.
      if (random.chance(0.3)) continue;
      if (random.chance(0.2)) writeFileSync(file, `{"pid":${terminal.pid},"sess`);
      else terminal.says(random.pick(['idle', 'busy', 'waiting']));
    }
  })();
  await Promise.all([
    sendDisturbed(server, random.fork(), hooks),
    writeDisturbed(random.fork(), of.path, withJunk(random, of.bytes), outside),
  ]);
  live.isOver = true;
  await status;
  terminal.says('idle');
  // Its file stays behind, or goes.
  await (random.chance(0.5) ? terminal.kill() : terminal.leave());
  return { of, name, isWhole };
}

/** A session of each recording as it is when nothing disturbs it. */
async function undisturbed(server: SpawnedServer): Promise<Map<string, Recorded>> {
  const plain = new Map<string, Recorded>();
  for (const name of NAMES) {
    const of = recordedSession(server.paths.dir, name);
    for (const hook of of.hooks) await send(server, hook);
    mkdirSync(dirname(of.path), { recursive: true });
    appendFileSync(of.path, of.bytes);
    plain.set(name, of);
  }
  return plain;
}

it(
  'shows in the end what undisturbed sources show',
  async () => {
    const random = createRandom(seedOfRun());
    await using server = await spawnServer(program.main, { env: { CODEX_BIN: '/nowhere' } });
    const outside = join(server.paths.dir, 'outside.jsonl');
    const secret = { type: 'user', uuid: 'out', message: { role: 'user', content: 'OUTSIDE' } };
    writeFileSync(outside, `${JSON.stringify(secret)}\n`);
    const plain = await undisturbed(server);
    const over = performance.now() + FOR_MS;
    const kills = { isOver: false };
    const killing = (async () => {
      while (!kills.isOver) {
        await aWhile(random, 300, 4000);
        await server.kill('SIGKILL');
        await server.start();
      }
    })();
    try {
      while (performance.now() < over) {
        const rounds = Array.from({ length: TOGETHER }, () =>
          disturb(server, random.fork(), outside),
        );
        for (const { of, name, isWhole } of await Promise.all(rounds)) {
          const same = () =>
            expect(seenOf(server, of.id, isWhole), aboutOf(server, random, of.id)).toEqual(
              seenOf(server, plain.get(name)?.id ?? '', isWhole),
            );
          await vi.waitFor(same, SOON);
          const sql = 'SELECT status, work_status FROM sessions WHERE id = ?';
          const ended = () =>
            expect(rowsOf(server.paths, sql, of.id), aboutOf(server, random, of.id)).toEqual([
              { status: 'ended', work_status: 'ended' },
            ]);
          await vi.waitFor(ended, SOON);
        }
      }
    } finally {
      kills.isOver = true;
      await killing;
    }
    expect(rowsOf(server.paths, 'SELECT error FROM quarantine')).toEqual([]);
    expect(server.output).not.toMatch(/uncaught|unhandled/i);
  },
  FOR_MS + 90_000,
);
