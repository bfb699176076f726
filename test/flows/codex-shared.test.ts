/**
 * Sessions of Codex terminals that share a daemon: seen, answered and sent messages from here, while their terminals show
 * the same.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../support/asking.ts';
import {
  answered,
  type CodexTerminal,
  openCodexTerminal,
  openJoined,
  openSharedDock,
  type SharedDock,
  saidIn,
  startDaemon,
} from '../support/codex-daemon.ts';
import { createSteered, type SteeredSession, steered } from '../support/codex-setup.ts';

let dock: SharedDock;
beforeAll(async () => {
  dock = await openSharedDock();
});
afterAll(() => dock?.[Symbol.asyncDispose]());

let files = 0;
/** A path that the sandbox protects. */
const outside = () => join(dock.home.codexHome, `outside-${files++}`);
const DIALOG = /Would you like to run/;

/** The same with a request that waits. */
async function openAsking() {
  const opened = await openJoined(dock);
  const path = outside();
  await opened.terminal.prompt('please', `!esc touch ${path}`);
  const request = await opened.session.request();
  await opened.terminal.waitFor(DIALOG);
  return { ...opened, request, path };
}

async function decisions(session: SteeredSession) {
  const answer = await session.ask('list_approvals');
  if (answer.type !== 'approvals_list') throw new Error(JSON.stringify(answer));
  return answer.approvals;
}

async function screenOf(terminal: CodexTerminal, wanted: RegExp) {
  return await terminal.waitFor(wanted);
}

describe('a request of a terminal', () => {
  it('is answered by a client, and its dialog closes in the terminal', async () => {
    const { terminal, session, request, path } = await openAsking();
    await using _ = terminal;
    expect(request).toMatchObject({ type: 'exec', command: expect.stringContaining(path) });
    expect(await session.settle(request.id, { decision: 'approved' })).toMatchObject({
      type: 'ack',
    });
    const screen = await screenOf(terminal, /Done\. last user: please/);
    expect(screen).not.toMatch(DIALOG);
    await session.status('waiting');
    expect(existsSync(path)).toBe(true);
    expect(await saidIn(session)).toEqual([
      `user: please\n!esc touch ${path}`,
      expect.stringContaining(`touch ${path}`),
      'assistant: Done. last user: please',
    ]);
    expect(await decisions(session)).toMatchObject([
      { request_id: request.id, decision: 'approved', decided_by: { kind: 'local' } },
    ]);
  });

  it('is answered in the terminal, and the client learns it', async () => {
    const { terminal, session, request, path } = await openAsking();
    await using _ = terminal;
    await terminal.press('y');
    await screenOf(terminal, /Done\. last user: please/);
    await session.status('waiting');
    expect(existsSync(path)).toBe(true);
    const [item, ...others] = await decisions(session);
    expect(others).toEqual([]);
    expect(item).toMatchObject({ request_id: request.id, decision: 'approved' });
    expect(item).not.toHaveProperty('decided_by');
    expect(await session.settle(request.id, { decision: 'denied' })).toMatchObject({
      type: 'error',
      code: 'already_resolved',
    });
  });

  it('is dismissed in the terminal, and is denied', async () => {
    const { terminal, session, request, path } = await openAsking();
    await using _ = terminal;
    await terminal.press('Escape');
    await session.status('waiting');
    expect(existsSync(path)).toBe(false);
    expect(await decisions(session)).toMatchObject([
      { request_id: request.id, decision: 'denied' },
    ]);
    expect((await session.snapshot()).pending_approval).toBeNull();
  });

  it('outlives the server: after its restart it is the same request, and can be answered', async () => {
    const { terminal, session, request, path } = await openAsking();
    await using _ = terminal;
    await dock.server.restart();
    const client = await dock.client();
    const again = steered(client, session.id);
    await client.waitFor(() => true);
    await expect
      .poll(async () => (await again.snapshot()).link_state, { timeout: 10_000 })
      .toBe('attached');
    const state = await again.snapshot();
    expect(state).toMatchObject({ work_status: 'permission', turn_count: 1 });
    expect(state.pending_approval).toMatchObject({ id: request.id });
    expect(await again.settle(request.id, { decision: 'approved' })).toMatchObject({ type: 'ack' });
    await screenOf(terminal, /Done\. last user: please/);
    await expect.poll(async () => (await again.snapshot()).work_status).toBe('waiting');
    expect(existsSync(path)).toBe(true);
    expect(await saidIn(again)).toEqual([
      `user: please\n!esc touch ${path}`,
      expect.stringContaining(`touch ${path}`),
      'assistant: Done. last user: please',
    ]);
    expect(await decisions(again)).toMatchObject([
      { request_id: request.id, decision: 'approved' },
    ]);
  });

  it('waits on when its terminal is killed, and a client finishes it', async () => {
    const { terminal, session, request, path } = await openAsking();
    await using _ = terminal;
    await terminal.kill();
    expect((await session.snapshot()).pending_approval).toMatchObject({ id: request.id });
    await session.settle(request.id, { decision: 'approved' });
    await session.status('waiting');
    expect(existsSync(path)).toBe(true);
    expect((await saidIn(session)).at(-1)).toBe('assistant: Done. last user: please');
  });
});

it('a question of a terminal is answered by a client', async () => {
  const { terminal, session } = await openJoined(dock);
  await using _ = terminal;
  await terminal.prompt('please', '!ask Which one');
  const request = await session.request();
  expect(request).toMatchObject({ type: 'question', questions: [{ question: 'Which one' }] });
  const [question] = request.questions ?? [];
  const answer = question?.options[0]?.label ?? '';
  expect(await session.settle(request.id, { answer })).toMatchObject({ type: 'ack' });
  await screenOf(terminal, /Done\. last user: please/);
  await session.status('waiting');
  expect(await decisions(session)).toMatchObject([
    { request_id: request.id, decision: 'answered' },
  ]);
});

describe('words', () => {
  it('of a client are shown in the terminal, and those of the terminal here', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    await session.say('hello from here');
    await screenOf(terminal, /Done\. last user: hello from here/);
    await session.idle();
    await terminal.prompt('hello from there');
    await screenOf(terminal, /Done\. last user: hello from there/);
    await session.client.waitFor(
      (frame) =>
        frame.type === 'message_updated' &&
        frame.changes.content === 'Done. last user: hello from there',
    );
    expect(await saidIn(session)).toEqual(answered('hello from here', 'hello from there'));
    expect(await session.snapshot()).toMatchObject({
      first_prompt: 'hello from here',
      turn_count: 2,
    });
  });

  it('of a client interrupt what the terminal does', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    await terminal.prompt('please', '!hang');
    await session.status('working');
    expect(await session.ask('interrupt_session')).toMatchObject({ type: 'ack' });
    await screenOf(terminal, /interrupted/i);
    await session.status('waiting');
  });

  it('of a client steer what the terminal does', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    await terminal.prompt('please', '!exec sleep 1');
    await session.client.waitFor(
      (frame) => frame.type === 'message_appended' && frame.message.message_type === 'tool',
    );
    await session.ask('steer_turn', { content: 'turn left' });
    await screenOf(terminal, /Done\. last user: turn left/);
    await session.status('waiting');
    expect(await saidIn(session)).toEqual([
      'user: please\n!exec sleep 1',
      expect.stringMatching(/^tool: /),
      'steer: turn left',
      'assistant: Done. last user: turn left',
    ]);
  });
});

describe('a thread', () => {
  it('of two terminals is one session', async () => {
    const { terminal, session, client } = await openJoined(dock);
    await using _ = terminal;
    await terminal.prompt('one');
    await screenOf(terminal, /Done\. last user: one/);
    await using second = await openCodexTerminal(dock.home, ['resume', session.id]);
    await second.prompt('two');
    await screenOf(terminal, /Done\. last user: two/);
    await session.status('waiting');
    const created = client.messages.flatMap((frame) =>
      frame.type === 'session_created' ? [frame.session.id] : [],
    );
    expect(new Set(created)).toEqual(new Set([session.id]));
    expect(await saidIn(session)).toEqual(answered('one', 'two'));
  });

  it('that was begun here runs in the daemon and is opened in a terminal by its command', async () => {
    const client = await dock.client();
    client.send({ type: 'subscribe_list' });
    const session = await createSteered(client, { cwd: dock.home.project });
    await session.say('begun here');
    await session.idle();
    const { engine, resume_command } = await session.snapshot();
    expect(engine).toBe('shared');
    const [, ...words] = (resume_command ?? '').split(' ');
    await using terminal = await openCodexTerminal(dock.home, words);
    await screenOf(terminal, /Done\. last user: begun here/);
    await terminal.prompt('went on there');
    await screenOf(terminal, /Done\. last user: went on there/);
    await session.status('waiting');
    const twins = client.messages.filter(
      (frame) => frame.type === 'session_created' && frame.session.id !== session.id,
    );
    expect(twins).toEqual([]);
    await expect.poll(() => saidIn(session)).toEqual(answered('begun here', 'went on there'));
  });

  it('that was begun here runs in a process of the server where that is asked for', async () => {
    const client = await dock.client();
    const fields = { cwd: dock.home.project, engine: 'private' };
    const session = await createSteered(client, fields);
    expect(await session.snapshot()).not.toHaveProperty('engine');
  });
});

describe('the daemon', () => {
  it('that is killed ends what ran there, which is said; a new one brings the session back', async () => {
    const { terminal, session, request } = await openAsking();
    await using _ = terminal;
    await dock.daemon.kill();
    await session.status('waiting');
    expect(await session.snapshot()).toMatchObject({
      status: 'active',
      link_state: 'detached',
      link_reason: 'the shared Codex daemon is gone',
      pending_approval: null,
    });
    expect((await saidIn(session)).at(-1)).toMatch(/Interrupted: the shared Codex daemon is gone/);
    expect(await decisions(session)).toMatchObject([{ request_id: request.id }]);
    dock.daemon = await startDaemon(dock.home);
    await using second = await openCodexTerminal(dock.home, ['resume', session.id]);
    await expect
      .poll(async () => (await session.snapshot()).link_state, { timeout: 10_000 })
      .toBe('attached');
    await second.prompt('back again');
    await screenOf(second, /Done\. last user: back again/);
    await session.status('waiting');
    await expect
      .poll(async () => (await saidIn(session)).at(-1))
      .toBe('assistant: Done. last user: back again');
  });

  it('that is asked for and not there is said', async () => {
    await dock.daemon.stop();
    const client = await dock.client();
    const request = { type: 'create_session', provider: 'codex', cwd: dock.home.project };
    await expect
      .poll(() => ask(client, { ...request, engine: 'shared' }), { timeout: 10_000 })
      .toMatchObject({ type: 'error', message: expect.stringContaining('start `codex`') });
    const session = await createSteered(client, { cwd: dock.home.project });
    expect(await session.snapshot()).not.toHaveProperty('engine');
  });
});
