import { readdirSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine, EngineState } from '../../../src/providers/codex/engine/engine.ts';
import { type CodexHome, createCodexHome, startEngine } from '../../support/codex-home.ts';
import { listenToThread, startThread } from '../../support/codex-thread.ts';
import { type FakeResponsesApi, startFakeResponsesApi } from '../../support/fake-responses-api.ts';
import { createInbox, type Inbox } from '../../support/inbox.ts';
import { processesWith } from '../../support/processes.ts';
import { recordedLog } from '../../support/recorded-log.ts';

let api: FakeResponsesApi;
let home: CodexHome;
let engine: Engine;
let states: Inbox<{ state: EngineState; reason: string | null }>;
let logged: ReturnType<typeof recordedLog>;

function begin(deps: Parameters<typeof startEngine>[1] = {}): void {
  logged = recordedLog();
  states = createInbox('states');
  engine = startEngine(home, { log: logged.log, restartDelaysMs: [0, 0, 0], ...deps });
  engine.onState((state, reason) => states.add({ state, reason }));
}

/** Process id of the app-server that was started last. */
function childPid(): number {
  const line = logged.lines.items.findLast(({ event }) => event === 'codex.started');
  return Number(line?.fields.child_pid);
}

/** A program in place of the binary, for faults that the real one cannot be made to show. */
async function program(text: string): Promise<string> {
  const path = join(home.codexHome, 'program');
  await writeFile(path, `#!/usr/bin/env node\n${text}`);
  await chmod(path, 0o755);
  return path;
}

const GREET = `
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method } = JSON.parse(line);
  if (method === 'initialize') process.stdout.write(JSON.stringify({ id, result: {} }) + '\\n');
  else if (id !== undefined) asked(id, method);
});
`;

beforeEach(async () => {
  api = await startFakeResponsesApi();
  home = await createCodexHome(api);
});

afterEach(async () => {
  await engine.close();
  await home[Symbol.asyncDispose]();
  await api.close();
});

describe('when the app-server is killed', () => {
  it('says so to every thread and every waiting request, and comes back with their memory', async () => {
    begin();
    const thread = await startThread(engine, { cwd: home.project });
    await thread.say('!say Remember me');
    await thread.turnOver();
    await thread.say('!esc touch /nowhere');
    const { id } = await thread.questions.waitFor(() => true);
    const waiting = engine.request('turn/interrupt', { threadId: thread.id, turnId: 'none' });
    process.kill(childPid(), 'SIGKILL');

    await expect(waiting).rejects.toMatchObject({ code: 'codex_error' });
    expect(await thread.losses.waitFor(() => true)).toMatch(/^codex was ended by SIGKILL/);
    await states.waitFor(({ state }) => state === 'failed');
    await states.waitFor(({ state }) => state === 'ready' && states.items.length > 3);

    // The question of the dead process has the same number as the first of the new one.
    engine.respond(id, { decision: 'accept' });
    thread.stopListening();
    const again = listenToThread(engine, thread.id);
    const resumed = await engine.request('thread/resume', { threadId: thread.id });
    expect(resumed.thread.turns.map(({ status }) => status)).toEqual(['completed', 'interrupted']);
    await again.say('!esc touch /nowhere/else');
    const next = await again.questions.waitFor(() => true);
    expect(next.id).not.toBe(id);
    engine.respond(id, { decision: 'accept' });
    engine.respond(next.id, { decision: 'decline' });
    await again.turnOver();
    expect(JSON.stringify(api.requests.at(-1))).toContain('Remember me');
  });

  it('gives up after three restarts within a minute, until somebody asks', async () => {
    const counter = join(home.codexHome, 'starts');
    const path = await program(
      `require('node:fs').appendFileSync(${JSON.stringify(counter)}, 'x');
       function asked(id, method) { if (method === 'model/list') process.exit(3); }
       setTimeout(() => process.exit(3), 300); ${GREET}`,
    );
    begin({ env: { ...home.env, CODEX_BIN: path }, findBinary: () => ({ path, toolsDir: null }) });
    await expect(engine.request('model/list', {})).rejects.toMatchObject({
      code: 'codex_error',
      message: expect.stringContaining('exited with code 3'),
    });
    const last = await states.waitFor(({ reason }) => reason?.includes('4 times') === true);
    expect(last.state).toBe('failed');
    expect(await readFile(counter, 'utf8')).toBe('xxxx');
    await expect(engine.request('model/list', {})).rejects.toThrow('exited with code 3');
    expect(await readFile(counter, 'utf8')).toBe('xxxxx');
  });
});

describe('an app-server that hangs', () => {
  it('costs the request its deadline, then its own life, and the next request works', async () => {
    begin({ probeMs: 50 });
    await engine.request('model/list', {});
    const first = childPid();
    process.kill(first, 'SIGSTOP');
    await expect(engine.request('model/list', {}, { deadlineMs: 50 })).rejects.toMatchObject({
      code: 'codex_error',
      message: expect.stringContaining('model/list was not answered within 50 ms'),
    });
    await logged.lines.waitFor(({ event }) => event === 'codex.unresponsive');
    await states.waitFor(({ state }) => state === 'failed');
    expect((await engine.request('model/list', {})).data.length).toBeGreaterThan(0);
    expect(childPid()).not.toBe(first);
  });

  it('lives on when only one request is not answered', async () => {
    const path = await program(
      `function asked(id, method) {
         if (method === 'thread/loaded/list') process.stdout.write(JSON.stringify({ id, result: { data: [] } }) + '\\n');
       } ${GREET}`,
    );
    begin({ probeMs: 10_000, findBinary: () => ({ path, toolsDir: null }) });
    await expect(engine.request('model/list', {}, { deadlineMs: 20 })).rejects.toThrow('20 ms');
    await engine.request('thread/loaded/list', {});
    expect(states.items.map(({ state }) => state)).toEqual(['starting', 'ready']);
  });
});

describe('an app-server that cannot start', () => {
  it('says why in the words of the binary', async () => {
    await writeFile(join(home.codexHome, 'config.toml'), 'approval_policy = "untrusted"\n');
    begin();
    await expect(engine.request('model/list', {})).rejects.toMatchObject({
      code: 'codex_error',
      message: expect.stringMatching(/could not be started: .*untrusted/),
    });
    expect(engine.state).toBe('failed');
  });

  it('says it without the secrets it may have printed, in the log as well', async () => {
    const path = await program(
      `console.error('no: api_key=abcdefghijkl0123456789'); process.exit(9);`,
    );
    begin({ findBinary: () => ({ path, toolsDir: null }) });
    await expect(engine.request('model/list', {})).rejects.toThrow(
      /code 9: no: api_key=\[redacted\]$/,
    );
    const line = await logged.lines.waitFor(({ event }) => event === 'codex.stderr');
    expect(line).toMatchObject({ level: 'debug', fields: { words: 'no: api_key=[redacted]' } });
  });

  it('names a file that is no program', async () => {
    const path = join(home.codexHome, 'config.toml');
    begin({ findBinary: () => ({ path, toolsDir: null }) });
    await expect(engine.request('model/list', {})).rejects.toMatchObject({
      code: 'codex_error',
      message: expect.stringContaining('config.toml'),
    });
  });
});

describe('a flood', () => {
  it('of one line above 8 MiB costs that answer only', async () => {
    const path = await program(
      `function asked(id, method) {
         const result = method === 'model/list' ? { data: ['x'.repeat(9 * 1024 * 1024)] } : { data: [] };
         process.stdout.write(JSON.stringify({ id, result }) + '\\n');
       } ${GREET}`,
    );
    begin({ findBinary: () => ({ path, toolsDir: null }) });
    await expect(engine.request('model/list', {})).rejects.toThrow('over the limit of 8388608');
    expect(await engine.request('thread/loaded/list', {})).toEqual({ data: [] });
  });

  it('that nobody keeps up with stays in the pipe', async () => {
    const path = await program(
      `function asked(id) {
         process.stdout.write(JSON.stringify({ id, result: {} }) + '\\n');
         const line = JSON.stringify({ method: 'item/agentMessage/delta', params: { threadId: 't', delta: 'x'.repeat(1000) } }) + '\\n';
         for (let n = 0; n < 20; n++) process.stdout.write(line.repeat(1000));
       } ${GREET}`,
    );
    begin({ findBinary: () => ({ path, toolsDir: null }) });
    let taken = 0;
    let open: (() => void)[] = [];
    const moved = createInbox<number>('reports');
    engine.listen('t', {
      notified: () => {
        taken += 1;
        moved.add(taken);
        return new Promise<void>((resolve) => open.push(resolve));
      },
      asked() {},
      lost() {},
    });
    await engine.request('model/list', {});
    await moved.waitFor((count) => count === 256);
    // Long enough for anything that was read to have been handed over.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(taken).toBe(256);
    while (taken < 20_000) {
      const before = taken;
      for (const done of open.splice(0)) done();
      await moved.waitFor((count) => count > before);
      expect(taken - before).toBeLessThanOrEqual(256);
    }
    open = [];
  });
});

describe('closing', () => {
  it('does not wait for one that never answers its greeting', async () => {
    const path = await program('setInterval(() => {}, 1000);');
    begin({ findBinary: () => ({ path, toolsDir: null }) });
    const asked = engine.request('model/list', {});
    const refused = expect(asked).rejects.toMatchObject({ code: 'codex_error' });
    await expect.poll(() => processesWith(path)).not.toEqual([]);
    await engine.close();
    await refused;
    expect(processesWith(path)).toEqual([]);
    expect(engine.state).toBe('stopped');
  });

  it('leaves neither the app-server nor what it had started', async () => {
    begin();
    const marker = `4${process.pid}`;
    const thread = await startThread(engine, { cwd: home.project });
    await thread.say(`!exec sleep ${marker}`);
    await thread.reports.waitFor(
      (report) =>
        report.method === 'item/started' && report.params.item.type === 'commandExecution',
    );
    await expect.poll(() => processesWith(marker)).not.toEqual([]);
    await engine.close();
    expect(processesWith(marker)).toEqual([]);
    expect(processesWith(home.codexHome)).toEqual([]);
    expect(states.items.at(-1)).toEqual({ state: 'stopped', reason: null });
    // A thread is not lost because we end it; nobody would have to resume it.
    expect(thread.losses.items).toEqual([]);
  });

  it('takes away the empty folders that the sandbox left behind, and no others', async () => {
    begin();
    await mkdir(join(home.project, '.aws'));
    const thread = await startThread(engine, { cwd: home.project });
    await thread.say(`!exec sleep 4${process.pid}`);
    await expect.poll(() => readdirSync(home.project)).toContain('.git');
    await engine.close();
    expect(readdirSync(home.project)).toEqual(['.aws']);
  });

  it('takes them away when a stopped turn is cleaned up, unless another thread works there', async () => {
    begin();
    const one = await startThread(engine, { cwd: home.project });
    const other = await startThread(engine, { cwd: home.project });
    const turnId = await one.say(`!exec sleep 4${process.pid}`);
    await expect.poll(() => readdirSync(home.project)).toContain('.git');
    await engine.request('turn/interrupt', { threadId: one.id, turnId });
    await one.turnOver(turnId);
    await engine.request('thread/backgroundTerminals/clean', { threadId: one.id });
    expect(readdirSync(home.project)).toContain('.git');
    await engine.request('thread/unsubscribe', { threadId: other.id });
    await engine.request('thread/backgroundTerminals/clean', { threadId: one.id });
    await expect.poll(() => readdirSync(home.project)).toEqual([]);
  });
});
