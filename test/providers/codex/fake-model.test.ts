import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../../src/providers/codex/engine/engine.ts';
import type { ServerNotification } from '../../../src/providers/codex/protocol/generated/ServerNotification.ts';
import { type CodexHome, createCodexHome, MODELS, startEngine } from '../../support/codex-home.ts';
import { startThread, type TestThread } from '../../support/codex-thread.ts';
import { type FakeResponsesApi, startFakeResponsesApi } from '../../support/fake-responses-api.ts';

let api: FakeResponsesApi;
let home: CodexHome;
let engine: Engine;

beforeAll(async () => {
  api = await startFakeResponsesApi();
  home = await createCodexHome(api);
  engine = startEngine(home);
});

afterAll(async () => {
  await engine.close();
  await home[Symbol.asyncDispose]();
  await api.close();
});

const textsOf = (thread: TestThread) => thread.items('agentMessage').map(({ text }) => text);
const text = (words: string) => [{ type: 'text' as const, text: words, text_elements: [] }];

describe.each(Object.entries(MODELS))('the fake model with %s tools', (_, model) => {
  const begin = () => startThread(engine, { cwd: home.project, model });

  it('goes on with a script after other words, and takes a plain message as such', async () => {
    const thread = await begin();
    await thread.turnOver(await thread.say('!say First', '!exec echo 1', '!say Second'));
    await thread.turnOver(await thread.say('And now?'));
    await thread.turnOver(await thread.say('!say Third'));
    expect(textsOf(thread)).toEqual(['First', 'Second', 'Done. last user: And now?', 'Third']);
  });

  it('takes words that arrive in the middle of a turn', async () => {
    const thread = await begin();
    const gate = `steer-${model}`;
    const turnId = await thread.say('!slow 3 0', `!wait ${gate}`);
    // Words that come while an answer is still written may cut it off.
    await thread.reports.waitFor(
      ({ method, params }) =>
        method === 'item/completed' &&
        (params as { item: { type: string } }).item.type === 'agentMessage',
    );
    const steer = { threadId: thread.id, expectedTurnId: turnId, input: text('Stop that') };
    expect(await engine.request('turn/steer', steer)).toEqual({ turnId });
    api.open(gate);
    await thread.turnOver(turnId);
    expect(textsOf(thread)).toEqual(['w0 w1 w2 ', 'Done. last user: Stop that']);
  });

  it('summarises when the context is compacted, and forgets the script', async () => {
    const thread = await begin();
    await thread.turnOver(await thread.say('!exec echo once'));
    await engine.request('thread/compact/start', { threadId: thread.id });
    // A compaction is a turn of its own, and takes no words.
    const isCompaction = (report: ServerNotification) =>
      report.method === 'item/completed' && report.params.item.type === 'contextCompaction';
    const done = await thread.reports.waitFor(isCompaction);
    await thread.turnOver((done.params as { turnId: string }).turnId);
    await thread.turnOver(await thread.say('Still there?'));
    expect(textsOf(thread).at(-1)).toBe('Done. last user: Still there?');
    expect(thread.items('commandExecution').length).toBe(1);
  });

  it('fails as the API fails, and the thread goes on', async () => {
    const thread = await begin();
    for (const [line, words] of [
      ['!http 500', /high demand/],
      ['!http 401', /401/],
      ['!cut', /stream disconnected/],
    ] as const) {
      const turn = await thread.turnOver(await thread.say(line));
      expect(turn.status).toBe('failed');
      expect(turn.error?.message).toMatch(words);
    }
    api.down();
    expect((await thread.turnOver(await thread.say('!say Hello'))).status).toBe('failed');
    api.up();
    expect((await thread.turnOver(await thread.say('!say Hello'))).status).toBe('completed');
  });

  it('hangs until it is interrupted', async () => {
    const thread = await begin();
    const turnId = await thread.say('!say Wait for me', '!hang');
    await thread.reports.waitFor(({ method }) => method === 'item/agentMessage/delta');
    await engine.request('turn/interrupt', { threadId: thread.id, turnId });
    expect((await thread.turnOver(turnId)).status).toBe('interrupted');
    await expect.poll(() => api.active).toBe(0);
  });

  it('streams as many deltas as the script says', async () => {
    const thread = await begin();
    await thread.turnOver(await thread.say('!slow 500 0'));
    const deltas = thread.reports.items.filter(
      ({ method }) => method === 'item/agentMessage/delta',
    );
    expect(deltas.length).toBe(500);
  });
});

it('a run reaches nothing but the fake model', () => {
  expect(api.strays).toEqual([]);
});
