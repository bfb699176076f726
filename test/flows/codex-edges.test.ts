/** Direct Codex sessions at their edges: no Codex, no time to begin, sessions of others, forks of all kinds. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../support/asking.ts';
import { wsClient } from '../support/clients.ts';
import { MODELS, startEngine } from '../support/codex-home.ts';
import { type CodexSetup, createSteered, openCodexSetup, steered } from '../support/codex-setup.ts';
import { startThread } from '../support/codex-thread.ts';
import { postHook } from '../support/hooks.ts';
import { startTestServer } from '../support/server.ts';

let dock: CodexSetup;

beforeAll(async () => {
  dock = await openCodexSetup();
});
afterAll(() => dock[Symbol.asyncDispose]());

describe.each(Object.entries(MODELS))('with a %s model', (_, model) => {
  it('a turn that is stopped before it has begun does not go on', async () => {
    const client = await dock.client();
    const session = await createSteered(client, { cwd: dock.home.project, model });
    for (let n = 0; n < 3; n++) {
      const from = client.messages.length;
      client.send({ type: 'send_message', session_id: session.id, content: '!slow 2000 20' });
      expect(await session.ask('interrupt_session')).toMatchObject({ type: 'ack' });
      await client.waitFor(
        (frame) =>
          client.messages.indexOf(frame) >= from &&
          frame.type === 'session_delta' &&
          frame.changes.current_turn_id === null,
      );
      expect(await session.snapshot()).toMatchObject({ work_status: 'waiting' });
    }
    await session.say('!say done with it');
    await session.idle();
    expect((await session.messages('assistant')).at(-1)?.content).toBe('done with it');
  });

  it('words that follow a stop at once are not lost in it', async () => {
    const client = await dock.client();
    const session = await createSteered(client, { cwd: dock.home.project, model });
    await session.say('!hang');
    await session.status('working');
    client.send({ type: 'interrupt_session', session_id: session.id });
    client.send({ type: 'send_message', session_id: session.id, content: '!say after the stop' });
    await client.waitFor(
      (frame) =>
        (frame.type === 'message_updated' && frame.changes.content === 'after the stop') ||
        (frame.type === 'message_appended' && frame.message.content === 'after the stop'),
    );
  });

  it('a session is forked while it works', async () => {
    const client = await dock.client();
    const session = await createSteered(client, { cwd: dock.home.project, model });
    await session.say('remember me');
    await session.idle();
    await session.say('!hang');
    // Codex has it once the model was asked.
    const asked = () => JSON.stringify(dock.api.requests.at(-1)?.input).includes('!hang');
    await expect.poll(asked).toBe(true);
    const cut = { type: 'fork_session', source_session_id: session.id, nth_user_message: 1 };
    expect(await ask(client, cut)).toMatchObject({
      type: 'session_snapshot',
      session: { message_count: 2, work_status: 'waiting' },
    });
    expect(await session.snapshot()).toMatchObject({ work_status: 'working' });
    await session.ask('interrupt_session');
    await session.status('waiting');
  });
});

describe('a session of somebody else', () => {
  it('is not steered, and the refusal says what to do', async () => {
    const client = await dock.client();
    const session_id = 'watched-claude';
    await postHook(dock.server.url, {
      session_id,
      hook_event_name: 'UserPromptSubmit',
      cwd: dock.home.project,
      prompt: 'hello',
    });
    const watched = steered(client, session_id);
    for (const [type, fields] of [
      ['send_message', { content: 'x' }],
      ['steer_turn', { content: 'x' }],
      ['interrupt_session', {}],
      ['compact_context', {}],
      ['undo_last_turn', {}],
      ['rollback_turns', { num_turns: 1 }],
      ['resume_session', {}],
    ] as const) {
      expect(await watched.ask(type, fields), type).toMatchObject({
        type: 'error',
        code: 'watched_only',
        session_id,
      });
    }
    const fork = { type: 'fork_session', source_session_id: session_id };
    expect(await ask(client, fork)).toMatchObject({ code: 'fork_failed', session_id });
    for (const [type, fields] of [
      ['end_session', {}],
      ['update_session_config', { permission_mode: 'bypassPermissions' }],
    ] as const) {
      expect(await watched.ask(type, fields), type).toMatchObject({ code: 'watched_only' });
    }
    expect(await watched.snapshot()).toMatchObject({ status: 'active' });
  });

  it('is forked by its thread, when it is one of Codex', async () => {
    const engine = startEngine(dock.home);
    const thread = await startThread(engine, { cwd: dock.home.project });
    await thread.say('from a terminal');
    await thread.turnOver();
    await dock.server.stop();
    const database = new Database(dock.server.paths.database);
    database
      .prepare(
        `INSERT INTO sessions (id, provider, project_path, codex_integration_mode, status)
         VALUES (?, 'codex', ?, 'passive', 'active')`,
      )
      .run(thread.id, dock.home.project);
    database.close();
    await dock.server.start();
    const client = await dock.client();
    const answer = await ask(client, { type: 'fork_session', source_session_id: thread.id });
    expect(answer).toMatchObject({
      type: 'session_snapshot',
      session: { forked_from_session_id: thread.id, message_count: 2, link_state: 'attached' },
    });
    await engine.close();
  });
});

describe('without a Codex', () => {
  it('says so to whoever needs one, keeps nothing half begun, and everything else works', async () => {
    const client = await dock.client();
    const session = await createSteered(client, { cwd: dock.home.project });
    await session.say('!say before');
    await session.idle();
    await dock.server.stop();

    const env = { ...dock.home.env, CODEX_BIN: join(dock.home.project, 'no-such-codex') };
    await using bare = await startTestServer({ env, paths: dock.server.paths });
    await using other = await wsClient(bare.url);
    const create = { type: 'create_session', provider: 'codex', cwd: dock.home.project };
    expect(await ask(other, create)).toMatchObject({
      type: 'error',
      code: 'codex_error',
      message: expect.stringContaining('CODEX_BIN'),
    });
    const old = steered(other, session.id);
    const shown = await old.snapshot();
    expect(shown).toMatchObject({ link_state: 'detached', status: 'active' });
    // The words stay, and say that they did not leave.
    expect(await old.ask('send_message', { content: 'anybody?' })).toMatchObject({ type: 'ack' });
    await expect
      .poll(async () => (await old.messages('user')).at(-1))
      .toMatchObject({
        content: 'anybody?',
        is_error: true,
        tool_output: expect.stringMatching(/^failed: .*CODEX_BIN/),
      });
    expect(await old.snapshot()).toMatchObject({
      link_state: 'failed',
      link_reason: expect.stringContaining('CODEX_BIN'),
      work_status: 'waiting',
    });
    expect(await old.ask('resume_session')).toMatchObject({
      type: 'error',
      code: 'codex_error',
      session_id: session.id,
    });
    expect(await old.ask('rename_session', { name: 'Still here' })).toMatchObject({ type: 'ack' });
    expect(await old.ask('end_session')).toMatchObject({ type: 'ack' });
    await bare.stop();
    await dock.server.start();
  });
});
