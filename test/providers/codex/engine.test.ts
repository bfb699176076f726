import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../../src/providers/codex/engine/engine.ts';
import { startDaemon } from '../../support/codex-daemon.ts';
import { type CodexHome, createCodexHome, MODELS, startEngine } from '../../support/codex-home.ts';
import { startThread } from '../../support/codex-thread.ts';
import { type FakeResponsesApi, startFakeResponsesApi } from '../../support/fake-responses-api.ts';
import { recordedLog } from '../../support/recorded-log.ts';

let api: FakeResponsesApi;
let home: CodexHome;
let engine: Engine;

beforeAll(async () => {
  api = await startFakeResponsesApi();
  home = await createCodexHome(api);
  engine = startEngine({ env: { ...home.env, ORBITDOCK_AUTH_TOKEN: 'od_secret' } });
});

afterAll(async () => {
  await engine.close();
  await home[Symbol.asyncDispose]();
  await api.close();
});

describe('the engine', () => {
  it('runs nothing until it is asked, then says each state once', async () => {
    const lazy = startEngine(home);
    const states: string[] = [];
    lazy.onState((state) => states.push(state));
    lazy.listen('some thread', { notified() {}, asked() {}, lost() {} });
    expect(lazy.state).toBe('stopped');
    const [models, account] = await Promise.all([
      lazy.request('model/list', {}),
      lazy.request('account/read', {}),
    ]);
    expect(models.data.length).toBeGreaterThan(0);
    expect(account).toMatchObject({ account: null, requiresOpenaiAuth: false });
    await lazy.close();
    expect(states).toEqual(['starting', 'ready', 'stopped']);
  });

  it('rests when nobody needs it, but not while a thread is loaded', async () => {
    const { log, lines } = recordedLog();
    const sleepy = startEngine(home, { idleMs: 50, log });
    await sleepy.request('model/list', {});
    await expect.poll(() => sleepy.state).toBe('stopped');
    const thread = await startThread(sleepy, { cwd: home.project });
    const turnId = await thread.say('!wait rested');
    await lines.waitFor(({ event, fields }) => event === 'codex.idle' && fields.rests === false);
    api.open('rested');
    expect((await thread.turnOver(turnId)).status).toBe('completed');
    expect(thread.losses.items).toEqual([]);
    await sleepy.request('thread/unsubscribe', { threadId: thread.id });
    await expect.poll(() => sleepy.state, { timeout: 10_000 }).toBe('stopped');
    await sleepy.close();
  });

  it('refuses to start anything once it is closed', async () => {
    const closed = startEngine(home);
    await closed.close();
    await expect(closed.request('model/list', {})).rejects.toMatchObject({ code: 'shutting_down' });
    expect(closed.state).toBe('stopped');
  });

  it('passes on a refusal in the words of Codex, with the name of the request', async () => {
    const threadId = '01a00000-0000-7000-8000-000000000000';
    await expect(engine.request('thread/resume', { threadId })).rejects.toMatchObject({
      code: 'codex_error',
      message: expect.stringMatching(/^Codex: thread\/resume was refused: .*01a00000/),
    });
  });

  it('keeps our own environment from commands', async () => {
    const thread = await startThread(engine, { cwd: home.project });
    await thread.say('!exec env');
    await thread.turnOver();
    const [command] = thread.items('commandExecution');
    expect(command?.aggregatedOutput).toContain(`HOME=${home.env.HOME}`);
    expect(command?.aggregatedOutput).not.toContain('ORBITDOCK');
  });

  it('receives what belongs to no thread', async () => {
    const received: string[] = [];
    const stop = engine.onReport(({ method }) => received.push(method));
    await engine.request('account/login/start', { type: 'apiKey', apiKey: 'sk-none' });
    await engine.request('account/logout', undefined);
    await engine.request('account/read', {});
    stop();
    expect(received).toContain('account/updated');
  });
});

describe.each(Object.entries(MODELS))('a turn with %s tools', (_, model) => {
  it('reports text in pieces, commands with their output, patches with their diff', async () => {
    const cwd = home.project;
    const thread = await startThread(engine, { cwd, model });
    const name = `${model}.txt`;
    const patch = JSON.stringify({ add: name, text: 'one\ntwo' });
    await thread.say(
      '!think hm',
      '!exec echo hi',
      `!patch ${patch}`,
      '!plan a;b',
      '!say It is done',
    );
    expect((await thread.turnOver()).status).toBe('completed');

    const deltas = thread.reports.items.flatMap((report) =>
      report.method === 'item/agentMessage/delta' ? [report.params.delta] : [],
    );
    expect(deltas).toEqual(['It ', 'is ', 'done']);
    expect(thread.items('reasoning')[0]?.summary).toEqual(['hm']);
    expect(thread.items('commandExecution')[0]).toMatchObject({
      aggregatedOutput: 'hi\n',
      exitCode: 0,
    });
    expect(thread.items('fileChange')[0]?.changes[0]).toMatchObject({
      path: join(cwd, name),
      diff: 'one\ntwo\n',
    });
    const methods = thread.reports.items.map(({ method }) => method);
    expect(methods).toContain('turn/diff/updated');
    expect(methods).toContain('turn/plan/updated');
    expect(methods).toContain('thread/tokenUsage/updated');
    // Listening began when the thread was answered, and the report of its start came after that.
    expect(methods[0]).toBe('thread/started');
    expect(api.strays).toEqual([]);
  });

  it('asks before it leaves the sandbox, and does what was decided', async () => {
    const thread = await startThread(engine, { cwd: home.project, model });
    const outside = (name: string) => join(home.env.HOME as string, `${name}-${model}`);
    await thread.say(`!esc touch ${outside('yes')}`, `!esc touch ${outside('no')}`);

    const first = await thread.questions.waitFor(() => true);
    expect(first.method).toBe('item/commandExecution/requestApproval');
    engine.respond(first.id, { decision: 'accept' });
    const second = await thread.questions.waitFor(({ id }) => id !== first.id);
    engine.respond(second.id, { decision: 'decline' });
    // An answer that comes again finds no question.
    engine.respond(second.id, { decision: 'accept' });
    await thread.turnOver();

    expect(existsSync(outside('yes'))).toBe(true);
    expect(existsSync(outside('no'))).toBe(false);
    const resolved = thread.reports.items.flatMap((report) =>
      report.method === 'serverRequest/resolved' ? [report.params.requestId] : [],
    );
    expect(resolved).toEqual([first.id, second.id]);
  });

  it('puts questions with their options', async () => {
    const thread = await startThread(engine, { cwd: home.project, model });
    await thread.say('!ask Now?;Really?');
    const question = await thread.questions.waitFor(() => true);
    if (question.method !== 'item/tool/requestUserInput') throw new Error(question.method);
    expect(
      question.params.questions.map(({ question, options }) => [question, options?.length]),
    ).toEqual([
      ['Now?', 2],
      ['Really?', 2],
    ]);
    const answers = { q1: { answers: ['No'] }, q2: { answers: ['Yes (Recommended)'] } };
    engine.respond(question.id, { answers });
    await thread.turnOver();
    const last = JSON.stringify(api.requests.at(-1)?.input.at(-1));
    expect(last).toContain('No');
  });

  it('does not wait for ever when nobody listens any more', async () => {
    const thread = await startThread(engine, { cwd: home.project, model });
    await thread.say('!wait go', '!esc touch /nowhere', '!say So be it');
    thread.stopListening();
    const over = new Promise<void>((resolve) => {
      const stop = engine.onReport((report) => {
        if (report.method !== 'turn/completed') return;
        stop();
        resolve();
      });
    });
    api.open('go');
    await over;
    expect(thread.questions.items).toEqual([]);
    expect(existsSync('/nowhere')).toBe(false);
  });
});

/** A Codex that nobody has run yet makes databases of its home first, and only one process can. */
describe('in a home where no Codex has run', () => {
  it('all engines that start at once answer', async () => {
    await using fresh = await createCodexHome(api);
    const engines = [1, 2, 3].map(() => startEngine(fresh));
    const answers = await Promise.allSettled(
      engines.map((one) => one.request('model/list', { limit: 1 })),
    );
    await Promise.all(engines.map((one) => one.close()));
    expect(answers).toEqual(answers.map(() => expect.objectContaining({ status: 'fulfilled' })));
  });

  it('a daemon that is being started is left to make them', async () => {
    await using fresh = await createCodexHome(api);
    const daemon = startDaemon(fresh);
    await expect
      .poll(() => readdirSync(fresh.codexHome), { interval: 5 })
      .toContain('state_5.sqlite');
    const late = startEngine(fresh);
    const models = late.request('model/list', { limit: 1 });
    await using _ = await daemon;
    expect(await models).toMatchObject({ data: [expect.anything()] });
    await late.close();
  });
});
