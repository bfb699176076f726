/** Codex sessions that run elsewhere, reported from their rollouts: the real binary writes, the real server reads. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Message } from '../../../src/protocol/nouns.ts';
import type { Engine } from '../../../src/providers/codex/engine/engine.ts';
import type { Turn } from '../../../src/providers/codex/protocol/generated/v2/Turn.ts';
import { messageFrom } from '../../../src/providers/codex/thread/items.ts';
import type { Received } from '../../support/clients.ts';
import { codexExec, rolloutsOf, threadOfRollout } from '../../support/codex-exec.ts';
import { MODELS, startEngine } from '../../support/codex-home.ts';
import {
  type CodexSetup,
  createSteered,
  openCodexSetup,
  steered,
} from '../../support/codex-setup.ts';
import { listenToThread, startThread } from '../../support/codex-thread.ts';
import { rowsOf } from '../../support/database.ts';

interface SessionRow {
  id: string;
  status: string;
  work_status: string;
  end_reason: string | null;
  model: string | null;
  first_prompt: string | null;
  turn_count: number;
  input_tokens: number;
}

let dock: CodexSetup;
beforeAll(async () => {
  dock = await openCodexSetup();
});
afterAll(() => dock[Symbol.asyncDispose]());

const sessions = () =>
  rowsOf<SessionRow>(
    dock.server.paths,
    `SELECT id, status, work_status, end_reason, model, first_prompt, turn_count, input_tokens FROM sessions`,
  );
const session = (id: string) => sessions().find((row) => row.id === id);
const messages = (id: string) =>
  rowsOf<{ type: string; content: string; id: string; tool_output: string | null }>(
    dock.server.paths,
    'SELECT id, type, content, tool_output FROM messages WHERE session_id = ? ORDER BY sequence',
    id,
  );

describe('codex exec', () => {
  it('is a session with its conversation, and over when it has ended', async () => {
    await using run = codexExec(dock.home, '!exec echo hi\n!patch {"add":"a.txt"}');
    expect(await run.over).toBe(0);
    const id = threadOfRollout(rolloutsOf(dock.home).at(-1) as string);
    await expect.poll(() => session(id)).toMatchObject({ status: 'ended', end_reason: 'exited' });
    expect(session(id)).toMatchObject({ model: 'gpt-5.5', turn_count: 1, input_tokens: 1000 });
    expect(messages(id).map(({ type, content }) => `${type}: ${content.split('\n')[0]}`)).toEqual([
      'user: !exec echo hi',
      "tool: /bin/bash -lc 'echo hi'",
      `tool: ${dock.home.project}/a.txt`,
      'assistant: Done. last user: !exec echo hi',
    ]);
  });
});

/** What Codex itself says was said in a thread, as our connector would show it. */
async function reportedByCodex(engine: Engine, threadId: string, sessionId = threadId) {
  const { data } = (await engine.request('thread/turns/list', {
    ...{ threadId, limit: 50, itemsView: 'full', sortDirection: 'asc' },
  } as never)) as { data: Turn[] };
  const about = { sessionId, timestamp: '' };
  return data.flatMap(({ items }) => items.flatMap((item) => messageFrom(item, about) ?? []));
}

const shown = (id: string) =>
  messages(id).map(({ id, type, content, tool_output }) => ({ id, type, content, tool_output }));
const wanted = (received: Message[]) =>
  received.map(({ id, message_type: type, content, tool_output }) => ({
    id,
    type,
    content,
    tool_output,
  }));

describe('a thread of another process', () => {
  it.each(Object.entries(MODELS))('shows what Codex says of it (%s tools)', async (_, model) => {
    await using engine = disposable(startEngine(dock.home));
    const thread = await startThread(engine, { cwd: dock.home.project, model });
    const script = [
      '!think hm',
      `!exec echo "it's" $((1+1)) a=b`,
      '!patch {"add":"é.txt","text":"x"}',
    ];
    await thread.turnOver(await thread.say(...script, '!exec false'));
    await expect.poll(() => session(thread.id)?.work_status).toBe('waiting');
    const received = wanted(await reportedByCodex(engine, thread.id));
    expect(received.length).toBeGreaterThan(3);
    await expect.poll(() => shown(thread.id)).toEqual(received);
    expect(session(thread.id)).toMatchObject({ turn_count: 1, status: 'active', model });
  });

  it('works while a turn runs, and was stopped when a person stops it', async () => {
    await using engine = disposable(startEngine(dock.home));
    const thread = await startThread(engine, { cwd: dock.home.project });
    const turnId = await thread.say('!wait stopped');
    await expect.poll(() => session(thread.id)?.work_status).toBe('working');
    await engine.request('turn/interrupt', { threadId: thread.id, turnId });
    await expect.poll(() => session(thread.id)?.work_status).toBe('waiting');
  });

  it('that is taken back shows the turns that are left', async () => {
    await using engine = disposable(startEngine(dock.home));
    const thread = await startThread(engine, { cwd: dock.home.project });
    await thread.turnOver(await thread.say('the first'));
    const second = await thread.say('the second');
    await thread.turnOver(second);
    await expect.poll(() => shown(thread.id).length).toBe(4);
    const params = { threadId: thread.id, beforeTurnId: second };
    await engine.request('thread/revert', params as never);
    await thread.turnOver(await thread.say('another second'));
    const received = wanted(await reportedByCodex(engine, thread.id));
    await expect.poll(() => shown(thread.id)).toEqual(received);
    expect(received.map(({ content }) => content)).not.toContain('the second');
  });

  it('that was forked from another one begins with what stands there', async () => {
    await using engine = disposable(startEngine(dock.home));
    const parent = await startThread(engine, { cwd: dock.home.project });
    const first = await parent.say('of the parent');
    await parent.turnOver(first);
    await parent.turnOver(await parent.say('behind the fork'));
    const { thread } = await engine.request('thread/fork', {
      ...{ threadId: parent.id, lastTurnId: first },
    } as never);
    const fork = listenToThread(engine, thread.id);
    await fork.turnOver(await fork.say('of the fork'));
    const received = wanted(await reportedByCodex(engine, fork.id));
    await expect.poll(() => shown(fork.id)).toEqual(received);
    expect(received.map(({ content }) => content)).toContain('of the parent');
  });

  it('of the old kind shows its words, and its commands too', async () => {
    await using engine = disposable(startEngine(dock.home));
    const params = { cwd: dock.home.project, historyMode: 'legacy' } as never;
    const thread = await startThread(engine, params);
    await thread.turnOver(await thread.say('!exec echo old', '!patch {"add":"o.txt"}'));
    await thread.turnOver(await thread.say('!http 500'));
    const received = wanted(await reportedByCodex(engine, thread.id));
    const isReported = ({ id }: { id: string }) => received.some((one) => one.id === id);
    await expect.poll(() => shown(thread.id).filter(isReported)).toEqual(received);
    const [command] = shown(thread.id).filter(({ content }) => content === 'echo old');
    expect(command?.tool_output).toBe('old\n');
    await expect.poll(() => session(thread.id)).toMatchObject({ turn_count: 2 });
    expect(messages(thread.id).at(-1)?.content).toContain('The provider failed');
  });
});

describe('a run that is killed in mid turn', () => {
  it('is over as killed', async () => {
    await using run = codexExec(dock.home, '!exec echo begun\n!wait killed');
    await expect
      .poll(() => sessions().find((row) => row.first_prompt?.includes('killed')))
      .toMatchObject({ work_status: 'working' });
    run.process.kill('SIGKILL');
    await expect
      .poll(() => sessions().find((row) => row.first_prompt?.includes('killed')))
      .toMatchObject({ status: 'ended', end_reason: 'killed' });
  });

  it('while the server is down is over as killed when it comes back', async () => {
    await using run = codexExec(dock.home, '!exec echo begun\n!wait down');
    const row = () => sessions().find(({ first_prompt }) => first_prompt?.includes('!wait down'));
    await expect.poll(row).toMatchObject({ work_status: 'working' });
    await dock.server.stop();
    run.process.kill('SIGKILL');
    await run.over;
    await dock.server.start();
    await expect.poll(row).toMatchObject({ status: 'ended', end_reason: 'killed' });
  });

  it('goes on as the same session when it is taken up again', async () => {
    await using run = codexExec(dock.home, 'to be resumed');
    await run.over;
    const row = () => sessions().find(({ first_prompt }) => first_prompt === 'to be resumed');
    await expect.poll(row).toMatchObject({ status: 'ended' });
    const id = row()?.id as string;
    await using again = codexExec(dock.home, '!say more\n!wait again', { resume: id });
    await expect.poll(row).toMatchObject({ status: 'active', work_status: 'working' });
    dock.api.open('again');
    expect(await again.over).toBe(0);
    await expect.poll(row).toMatchObject({ status: 'ended', turn_count: 2 });
    expect(messages(id).map(({ content }) => content)).toContain('to be resumed');
  });
});

describe('a session that ran elsewhere', () => {
  it('goes on here when nobody holds its thread, as the session that it is', async () => {
    await using run = codexExec(dock.home, 'to be taken over');
    await run.over;
    const row = () => sessions().find(({ first_prompt }) => first_prompt === 'to be taken over');
    await expect.poll(row).toMatchObject({ status: 'ended' });
    const id = row()?.id as string;
    const session = steered(await dock.client(), id);
    expect(await session.ask('resume_session')).toMatchObject({ type: 'session_snapshot' });
    await session.ask('subscribe_session');
    await session.say('said from here');
    await session.idle();
    const count = sessions().length;
    expect(messages(id).map(({ content }) => content)).toEqual([
      'to be taken over',
      'Done. last user: to be taken over',
      'said from here',
      'Done. last user: said from here',
    ]);
    await session.ask('end_session');
    await dock.server.restart();
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(sessions().length).toBe(count);
    expect(messages(id)).toHaveLength(4);
  });

  it('is refused while another process holds its thread, and can be forked', async () => {
    await using run = codexExec(dock.home, 'held elsewhere\n!exec echo x\n!wait held');
    const row = () => sessions().find(({ first_prompt }) => first_prompt?.startsWith('held'));
    await expect.poll(row).toMatchObject({ work_status: 'working' });
    const session = steered(await dock.client(), row()?.id as string);
    expect(await session.ask('resume_session')).toMatchObject({ code: 'thread_busy' });
    expect(row()).toMatchObject({ status: 'active', work_status: 'working' });
    const id = session.id;
    const client = session.client;
    const from = client.messages.length;
    client.send({ type: 'fork_session', source_session_id: id });
    const forked = await client.waitFor(
      (frame: Received) =>
        client.messages.indexOf(frame) >= from && frame.type === 'session_forked',
    );
    expect(forked).toMatchObject({ source_session_id: id, forked_from_thread_id: id });
    dock.api.open('held');
    expect(await run.over).toBe(0);
    await expect.poll(row).toMatchObject({ status: 'ended', end_reason: 'exited' });
  });
});

describe('a session of our own engine', () => {
  it('is one session, though its rollout is there', async () => {
    const client = await dock.client();
    const own = await createSteered(client, { cwd: dock.home.project });
    await own.say('of our own');
    await own.idle();
    const before = sessions().length;
    const thread = rolloutsOf(dock.home).map(threadOfRollout).at(-1) as string;
    await new Promise((resolve) => setTimeout(resolve, 4_500));
    expect(session(thread)).toBeUndefined();
    expect(sessions().length).toBe(before);
  });
});

function disposable(engine: Engine): Engine & AsyncDisposable {
  return Object.assign(engine, { [Symbol.asyncDispose]: () => engine.close() });
}
