/** Direct Codex sessions as wholes: created, lost and found again, forked, taken back, compacted, named. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../support/asking.ts';
import { MODELS, startEngine } from '../support/codex-home.ts';
import { type CodexSetup, createSteered, openCodexSetup, steered } from '../support/codex-setup.ts';

let dock: CodexSetup;

beforeAll(async () => {
  dock = await openCodexSetup();
});
afterAll(() => dock[Symbol.asyncDispose]());

/** What the model was sent last, as text. */
const lastInput = () => JSON.stringify(dock.api.requests.at(-1)?.input);

describe('creating', () => {
  it('refuses what cannot be a session, and leaves no trace of it', async () => {
    const client = await dock.client();
    const create = (fields: object) =>
      ask(client, { type: 'create_session', provider: 'codex', cwd: dock.home.project, ...fields });
    const file = join(dock.home.project, 'a-file');
    writeFileSync(file, '');
    for (const [fields, reason] of [
      [{ cwd: '/does/not/exist' }, /does not exist/],
      [{ cwd: file }, /no directory/],
      [{ cwd: 'relative/path' }, /not absolute/],
      [{ cwd: '' }, /not absolute/],
      [{ approval_policy: 'whatever' }, /approval_policy is one of/],
      [{ sandbox_mode: 'none' }, /sandbox_mode is one of/],
    ] as const) {
      const code = 'invalid_argument';
      const message = expect.stringMatching(reason);
      expect(await create(fields)).toMatchObject({ type: 'error', code, message });
    }
    expect(await ask(client, { type: 'subscribe_list' })).toBeTruthy();
    const list = await client.waitFor(({ type }) => type === 'sessions_list');
    expect(list).toMatchObject({ sessions: [] });
  });

  it('says that it cannot run Claude also where errors are not shown: by a session that is over', async () => {
    const client = await dock.client();
    const question = { type: 'create_session', provider: 'claude', cwd: dock.home.project };
    expect(await ask(client, question)).toMatchObject({
      type: 'error',
      code: 'claude_error',
      message: expect.stringContaining('not built yet'),
    });
    const shown = await client.waitFor(({ type }) => type === 'session_snapshot');
    expect(shown).toMatchObject({
      session: {
        status: 'ended',
        project_path: dock.home.project,
        messages: [
          {
            message_type: 'assistant',
            is_error: true,
            content: expect.stringContaining('&& claude'),
          },
        ],
      },
    });
  });

  it('answers its maker first, with the id it asked by, and the list after', async () => {
    const client = await dock.client();
    client.send({ type: 'subscribe_list' });
    await client.waitFor(({ type }) => type === 'sessions_list');
    const { id } = await createSteered(client, { cwd: dock.home.project });
    await client.waitFor((frame) => frame.type === 'session_created' && frame.session.id === id);
    const order = client.messages
      .filter(({ type }) => type === 'session_snapshot' || type === 'session_created')
      .map(({ type }) => type);
    expect(order).toEqual(['session_snapshot', 'session_created']);
  });

  it('keeps the settings it was given', async () => {
    const client = await dock.client();
    const session = await createSteered(client, {
      cwd: dock.home.project,
      model: MODELS.code,
      approval_policy: 'never',
      sandbox_mode: 'read-only',
    });
    expect(await session.snapshot()).toMatchObject({
      model: MODELS.code,
      approval_policy: 'never',
      sandbox_mode: 'read-only',
    });
    const other = { approval_policy: 'untrusted' };
    expect(await session.ask('update_session_config', other)).toMatchObject({ type: 'ack' });
    // What is not named stays.
    expect(await session.snapshot()).toMatchObject({
      approval_policy: 'untrusted',
      sandbox_mode: 'read-only',
    });
    // And Codex asks from now on.
    await session.say('!exec ls');
    const request = await session.request();
    expect(request.type).toBe('exec');
    expect(await session.ask('update_session_config', { sandbox_mode: 'x' })).toMatchObject({
      type: 'error',
      code: 'invalid_argument',
    });
  });
});

describe.each(Object.entries(MODELS))('a %s session', (_, model) => {
  it('comes back with its memory, also when it ended and the server was restarted', async () => {
    const client = await dock.client();
    const session = await createSteered(client, { cwd: dock.home.project, model });
    await session.say('the magic word is xyzzy');
    await session.idle();
    expect(await session.ask('resume_session')).toMatchObject({ code: 'already_active' });
    await session.ask('end_session');
    await session.status('ended');
    await dock.server.restart();

    const later = await dock.client();
    const again = steered(later, session.id);
    const answer = await again.ask('resume_session');
    expect(answer).toMatchObject({
      type: 'session_snapshot',
      session: { id: session.id, status: 'active', work_status: 'waiting', link_state: 'attached' },
    });
    await again.say('what was it?');
    await again.idle();
    expect(lastInput()).toContain('xyzzy');
    expect((await again.snapshot()).turn_count).toBe(2);
  });

  it('gets its connector again by itself when words are sent, and looking never starts one', async () => {
    const client = await dock.client();
    const session = await createSteered(client, { cwd: dock.home.project, model });
    await session.say('remember plugh');
    await session.idle();
    await dock.server.restart();

    const later = await dock.client();
    const again = steered(later, session.id);
    expect(await again.snapshot()).toMatchObject({
      link_state: 'detached',
      link_reason: 'the server was stopped',
      status: 'active',
    });
    await again.say('go on');
    await again.idle();
    expect(lastInput()).toContain('plugh');
    expect(await again.snapshot()).toMatchObject({ link_state: 'attached' });
  });

  it('is forked at a message, and the copy remembers what was before it', async () => {
    const client = await dock.client();
    client.send({ type: 'subscribe_list' });
    const session = await createSteered(client, { cwd: dock.home.project, model });
    for (const word of ['first', '!exec echo second-output', 'third']) {
      await session.say(word);
      await session.idle();
    }
    const from = client.messages.length;
    const answer = await ask(client, {
      type: 'fork_session',
      source_session_id: session.id,
      nth_user_message: 2,
    });
    if (answer.type !== 'session_snapshot') throw new Error(JSON.stringify(answer));
    const fork = answer.session;
    expect(fork.forked_from_session_id).toBe(session.id);
    expect(fork).toMatchObject({ model, approval_policy: 'on-request', status: 'active' });
    expect(fork.messages.map(({ message_type }) => message_type)).toEqual([
      'user',
      'assistant',
      'user',
      'tool',
      'assistant',
    ]);
    expect(fork.messages[3]?.tool_output).toContain('second-output');
    const forked = await client.waitFor(({ type }) => type === 'session_forked');
    expect(forked).toMatchObject({
      source_session_id: session.id,
      new_session_id: fork.id,
      forked_from_thread_id: expect.any(String),
    });
    await client.waitFor(
      (frame) => frame.type === 'session_created' && frame.session.id === fork.id,
    );
    const order = client.messages
      .slice(from)
      .map(({ type }) => type)
      .filter((type) => ['session_snapshot', 'session_forked', 'session_created'].includes(type));
    expect(order).toEqual(['session_snapshot', 'session_forked', 'session_created']);

    const copy = steered(client, fork.id);
    await copy.say('and now?');
    await copy.idle();
    expect(lastInput()).toContain('first');
    expect(lastInput()).not.toContain('third');
    // The source goes its own way.
    expect(await session.messages('user')).toHaveLength(3);

    const whole = await ask(client, { type: 'fork_session', source_session_id: session.id });
    expect(whole).toMatchObject({ type: 'session_snapshot', session: { message_count: 7 } });
    const empty = { type: 'fork_session', source_session_id: session.id, nth_user_message: 0 };
    expect(await ask(client, empty)).toMatchObject({ session: { message_count: 0 } });
    expect(await ask(client, { ...empty, nth_user_message: 9 })).toMatchObject({
      type: 'error',
      code: 'fork_failed',
      session_id: session.id,
      message: expect.stringContaining('there is no message 9'),
    });
  });

  it('takes turns back: from memory, from the database, and from what clients show', async () => {
    const client = await dock.client();
    const other = await dock.client();
    const session = await createSteered(client, {
      cwd: dock.home.project,
      model,
      approval_policy: 'never',
    });
    other.send({ type: 'subscribe_session', session_id: session.id });
    await session.say('keep this');
    await session.idle();
    await session.say(`!patch ${JSON.stringify({ add: `${model}-undone.txt`, text: 'x' })}`);
    await session.idle();
    await session.say('!say forget me');
    await session.idle();
    expect((await session.snapshot()).turn_diffs).toHaveLength(1);
    const { revision } = await session.snapshot();

    const from = other.messages.length;
    expect(await session.ask('rollback_turns', { num_turns: 2 })).toMatchObject({ type: 'ack' });
    await client.waitFor(({ type }) => type === 'thread_rolled_back');
    const fresh = await other.waitFor(
      (frame) => frame.type === 'session_snapshot' && other.messages.indexOf(frame) >= from,
    );
    expect(fresh).toMatchObject({ session: { message_count: 2 } });
    const after = await session.snapshot();
    expect(after.messages.map(({ content }) => content)).toEqual([
      'keep this',
      'Done. last user: keep this',
    ]);
    expect(after.turn_diffs ?? []).toEqual([]);
    expect(after.last_message).toBe('Done. last user: keep this');
    // Who comes back with an older revision gets the newest state, not an old one.
    const late = await dock.client();
    late.send({ type: 'subscribe_session', session_id: session.id, since_revision: revision });
    const caughtUp = await late.waitFor(({ type }) => type === 'session_snapshot');
    expect(caughtUp).toMatchObject({ session: { message_count: 2 } });

    await session.say('!say after');
    await session.idle();
    expect(lastInput()).not.toContain('forget me');
    // Turn ids are never used twice.
    expect((await session.snapshot()).turn_count).toBe(4);

    await session.ask('undo_last_turn');
    const undone = await client.waitFor(({ type }) => type === 'undo_completed');
    expect(undone).toMatchObject({ success: true });
    expect(client.messages.some(({ type }) => type === 'undo_started')).toBe(true);
    expect(await session.messages()).toHaveLength(2);
    expect(await session.ask('rollback_turns', { num_turns: 0 })).toMatchObject({
      code: 'invalid_argument',
    });
    await session.ask('rollback_turns', { num_turns: 5 });
    const refused = await client.waitFor(
      (frame) => frame.type === 'message_appended' && frame.message.is_error,
    );
    expect(refused).toMatchObject({
      message: { content: expect.stringContaining('fewer than 5 turns') },
    });
  });

  it('compacts its context', async () => {
    const client = await dock.client();
    const session = await createSteered(client, { cwd: dock.home.project, model });
    await session.say('a long story');
    await session.idle();
    expect(await session.ask('compact_context')).toMatchObject({ type: 'ack' });
    // Words that are sent meanwhile wait for it: they cannot join it.
    await session.say('and on');
    await client.waitFor(({ type }) => type === 'context_compacted');
    await client.waitFor(
      (frame) =>
        frame.type === 'message_updated' && frame.changes.content?.includes('and on') === true,
    );
    const [, words] = await session.messages('user');
    expect(words).toMatchObject({ content: 'and on', is_error: false, tool_output: null });
    expect((await session.messages('assistant')).at(-1)?.content).toContain('and on');
  });

  it('takes a name, and Codex receives it', async () => {
    const client = await dock.client();
    const session = await createSteered(client, { cwd: dock.home.project, model });
    await session.say('hello');
    await session.idle();
    expect(await session.ask('rename_session', { name: `Cart of ${model}` })).toMatchObject({
      type: 'ack',
    });
    expect((await session.snapshot()).custom_name).toBe(`Cart of ${model}`);
    // Reported in order: what comes behind the name has passed it.
    await session.say('still there?');
    await session.idle();
    await using engine = disposable(startEngine(dock.home));
    const { data } = await engine.request('thread/list', { limit: 50 });
    expect(data.map(({ name }) => name)).toContain(`Cart of ${model}`);
    expect((await session.snapshot()).custom_name).toBe(`Cart of ${model}`);
  });
});

describe('a thread whose file is gone', () => {
  it('is said to whoever writes to its session; the words stay, and the session can be tried again', async () => {
    const client = await dock.client();
    const session = await createSteered(client, { cwd: dock.home.project });
    await session.say('remember this');
    await session.idle();
    await dock.server.restart();
    const rollouts = join(dock.home.codexHome, 'sessions');
    renameSync(rollouts, `${rollouts}-away`);
    const later = await dock.client();
    const again = steered(later, session.id);
    await again.say('and this');
    const error = await later.waitFor(({ type }) => type === 'error');
    expect(error).toMatchObject({
      code: 'no_connector',
      session_id: session.id,
      message: expect.stringContaining('resume_session'),
    });
    expect((await again.messages('user')).at(-1)).toMatchObject({
      content: 'and this',
      is_error: true,
    });
    renameSync(`${rollouts}-away`, rollouts);
    expect(await again.ask('resume_session')).toMatchObject({ type: 'session_snapshot' });
    await again.say('once more');
    await again.idle();
  });
});

describe('a thread that another Codex holds', () => {
  it('is not taken from it: the refusal says to fork, and forking works', async () => {
    const client = await dock.client();
    const session = await createSteered(client, { cwd: dock.home.project });
    await session.say('mine');
    await session.idle();
    await session.ask('end_session');
    await using engine = disposable(startEngine(dock.home));
    const { data } = await engine.request('thread/list', { limit: 1 });
    const threadId = data[0]?.id ?? '';
    await expect
      .poll(() =>
        engine.request('thread/resume', { threadId, excludeTurns: true }).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    const refused = await session.ask('resume_session');
    expect(refused).toMatchObject({
      type: 'error',
      code: 'thread_busy',
      session_id: session.id,
      message: expect.stringContaining('fork'),
    });
    expect(await session.snapshot()).toMatchObject({
      status: 'ended',
      link_state: 'failed',
      link_reason: expect.stringContaining('another Codex process'),
    });
    expect(readFileSync(dock.server.paths.log, 'utf8')).toMatch(
      new RegExp(`"session.resume.connector_failed","session_id":"${session.id}"`),
    );
    const fork = await ask(client, { type: 'fork_session', source_session_id: session.id });
    expect(fork).toMatchObject({ type: 'session_snapshot', session: { message_count: 2 } });
  });
});

function disposable<T extends { close(): Promise<void> }>(thing: T): T & AsyncDisposable {
  return Object.assign(thing, { [Symbol.asyncDispose]: () => thing.close() });
}
