/** Turns of direct Codex sessions, end to end: client, server, the real Codex, a fake model. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ioClient } from '../support/clients.ts';
import { MODELS } from '../support/codex-home.ts';
import { type CodexSetup, createSteered, openCodexSetup } from '../support/codex-setup.ts';

let dock: CodexSetup;

/** A skill that is there before Codex first looks for any. */
const skillPath = () => join(dock.home.codexHome, 'skills', 'ship', 'SKILL.md');

beforeAll(async () => {
  dock = await openCodexSetup();
  mkdirSync(dirname(skillPath()), { recursive: true });
  writeFileSync(skillPath(), '---\nname: ship\ndescription: d\n---\nThe secret of shipping.\n');
});
afterAll(() => dock[Symbol.asyncDispose]());

/** Whether the model has been asked something in which these words stand. */
const isAsked = (words: string): boolean =>
  dock.api.requests.some(({ input }) => JSON.stringify(input).includes(words));

describe.each(Object.entries(MODELS))('a session with a %s model', (_, model) => {
  it('is created, answers, and reports what it did', async () => {
    const client = await dock.client();
    client.send({ type: 'subscribe_list' });
    const session = await createSteered(client, { cwd: dock.home.project, model });
    const first = await session.snapshot();
    expect(first).toMatchObject({
      provider: 'codex',
      codex_integration_mode: 'direct',
      status: 'active',
      work_status: 'waiting',
      project_path: dock.home.project,
      link_state: 'attached',
      model,
      approval_policy: 'on-request',
      sandbox_mode: 'workspace-write',
    });

    await session.say(
      '!think hard',
      '!say I will look.',
      '!exec echo from the shell',
      '!say All done.',
    );
    await session.idle();
    const messages = await session.messages();
    expect(messages.map(({ message_type, content }) => [message_type, content])).toEqual([
      ['user', expect.stringContaining('!exec echo')],
      ['thinking', 'hard'],
      ['assistant', 'I will look.'],
      ['tool', expect.stringContaining('echo from the shell')],
      ['assistant', 'All done.'],
    ]);
    const tool = messages.find(({ message_type }) => message_type === 'tool');
    expect(tool).toMatchObject({
      tool_name: 'Bash',
      tool_output: expect.stringContaining('from the shell'),
      is_error: false,
      duration_ms: expect.any(Number),
    });
    const last = await session.snapshot();
    expect(last).toMatchObject({
      turn_count: 1,
      work_status: 'waiting',
      first_prompt: expect.stringContaining('!think'),
    });
    expect(last.token_usage.input_tokens).toBeGreaterThan(0);
    expect(last.token_usage.context_window).toBeGreaterThan(1000);
  });

  it('streams: to some as what is new, to others as the whole, and to both the same in the end', async () => {
    const whole = await dock.client();
    const session = await createSteered(whole, { cwd: dock.home.project, model });
    const deltas = await dock.client();
    deltas.send({ type: 'subscribe_session', session_id: session.id, deltas: true });
    await deltas.waitFor(({ type }) => type === 'session_snapshot');
    // The other endpoint knows both forms too.
    await using socket = await ioClient(dock.server.url);
    socket.send({ type: 'subscribe_session', session_id: session.id, deltas: true });
    await socket.waitFor(({ type }) => type === 'session_snapshot');
    await session.say('!slow 60 10');
    await session.idle();
    const [answer] = await session.messages('assistant');
    if (!answer) throw new Error('no answer');
    expect(socket.messages.filter(({ type }) => type === 'message_delta').length).toBeGreaterThan(
      2,
    );

    // Pieces join without a gap behind the first words, and nobody got both forms.
    const born = deltas.messages.find(
      (frame) => frame.type === 'message_appended' && frame.message.id === answer.id,
    );
    let text = born?.type === 'message_appended' ? born.message.content : '';
    let pieces = 0;
    for (const frame of deltas.messages) {
      if (frame.type !== 'message_delta' || frame.message_id !== answer.id) continue;
      expect(frame.offset).toBe(text.length);
      text += frame.text;
      pieces += 1;
    }
    expect(pieces).toBeGreaterThan(2);
    expect(answer.content.startsWith(text)).toBe(true);
    expect(whole.messages.some(({ type }) => type === 'message_delta')).toBe(false);
    const wholes = session
      .received('message_updated')
      .filter(({ message_id }) => message_id === answer.id);
    expect(wholes.length).toBeGreaterThan(2);
    for (const { changes } of wholes) expect(answer.content).toContain(changes.content);
    expect(wholes.at(-1)?.changes.content).toBe(answer.content);
    // The journal knows its beginning and its end.
    expect(wholes.filter((frame) => frame.revision !== undefined)).toHaveLength(1);
  });

  it('asks before a command leaves the sandbox, and does what was decided', async () => {
    const client = await dock.client();
    const session = await createSteered(client, { cwd: dock.home.project, model });
    const outside = join(dock.home.codexHome, `allowed-${model}`);
    await session.say(`!esc touch ${outside}`);
    const request = await session.request();
    expect(request).toMatchObject({
      type: 'exec',
      command: expect.stringContaining(`touch ${outside}`),
      file_path: dock.home.project,
      tool_name: 'Bash',
    });
    await session.status('permission');
    expect(existsSync(outside)).toBe(false);
    const answer = await session.settle(request.id, { decision: 'approved' });
    expect(answer).toMatchObject({ type: 'ack' });
    // Right behind the decision, the history already shows it.
    const history = await session.ask('list_approvals');
    expect(history).toMatchObject({
      type: 'approvals_list',
      approvals: [{ request_id: request.id, decision: 'approved', tool_name: 'Bash' }],
    });
    await session.idle();
    expect(existsSync(outside)).toBe(true);

    await session.say(`!esc touch ${outside}-denied`);
    const second = await session.request();
    await session.settle(second.id, { decision: 'denied' });
    await session.idle();
    expect(existsSync(`${outside}-denied`)).toBe(false);
    const refused = (await session.messages('tool')).at(-1);
    expect(refused).toMatchObject({ is_error: true });
    expect((await session.snapshot()).pending_approval).toBeNull();
  });

  it('shows the diff of a patch that asks, and of the turn that made it', async () => {
    const client = await dock.client();
    const session = await createSteered(client, {
      cwd: dock.home.project,
      model,
      approval_policy: 'untrusted',
    });
    const file = `${model}.txt`;
    writeFileSync(join(dock.home.project, file), 'one\n');
    await session.say(`!patch ${JSON.stringify({ update: file, from: 'one', to: 'two' })}`);
    const request = await session.request();
    expect(request).toMatchObject({
      type: 'patch',
      file_path: expect.stringContaining(file),
      diff: expect.stringMatching(/-one\n\+two/),
    });
    await session.settle(request.id, { decision: 'approved' });
    await session.idle();
    expect(readFileSync(join(dock.home.project, file), 'utf8')).toBe('two\n');
    const { turn_diffs, current_diff, messages } = await session.snapshot();
    expect(turn_diffs).toMatchObject([
      { turn_id: 'turn-1', diff: expect.stringContaining('+two') },
    ]);
    expect(current_diff).toBeNull();
    const edit = messages.find(({ tool_name }) => tool_name === 'Edit');
    expect(edit).toMatchObject({ tool_output: 'Applied successfully', is_error: false });
    expect(JSON.parse(edit?.tool_input ?? '')).toMatchObject({
      file_path: expect.stringContaining(file),
      unified_diff: expect.stringContaining('+two'),
    });
  });

  it('asks questions with options and hands every answer on', async () => {
    const client = await dock.client();
    const session = await createSteered(client, { cwd: dock.home.project, model });
    await session.say('!ask Which way?;How fast?');
    const request = await session.request();
    expect(request).toMatchObject({
      type: 'question',
      question: 'Which way?',
      questions: [
        { question: 'Which way?', options: [{ label: expect.any(String) }, {}] },
        { question: 'How fast?' },
      ],
    });
    await session.status('question');
    const way = request.questions?.[0]?.options[0]?.label;
    const answers = { 'Which way?': way, 'How fast?': 'as fast as you can' };
    const answer = await session.settle(request.id, { answer: '', answers });
    expect(answer).toMatchObject({ type: 'ack' });
    await session.idle();
    const said = JSON.stringify(dock.api.requests.at(-1)?.input);
    expect(said).toContain(way);
    expect(said).toContain('as fast as you can');
  });

  it('shows a plan as the app reads it', async () => {
    const client = await dock.client();
    const session = await createSteered(client, { cwd: dock.home.project, model });
    await session.say('!plan read;write');
    await session.idle();
    const { current_plan } = await session.snapshot();
    expect(JSON.parse(current_plan ?? '')).toEqual([
      { step: 'read', status: expect.any(String) },
      { step: 'write', status: expect.any(String) },
    ]);
  });

  it('stops a turn: what was said stays, nothing runs on, and the next one works', async () => {
    const project = join(dock.home.project, model);
    mkdirSync(project);
    const client = await dock.client();
    const session = await createSteered(client, { cwd: project, model });
    await session.say('!say On it.', '!exec sleep 300 # of-the-stopped-turn');
    await client.waitFor(
      (frame) => frame.type === 'message_appended' && frame.message.message_type === 'tool',
    );
    expect(await session.ask('interrupt_session')).toMatchObject({ type: 'ack' });
    // A second click is no second interrupt.
    await session.ask('interrupt_session');
    await session.idle();
    await expect.poll(() => processesOf('of-the-stopped-turn')).toEqual([]);
    const messages = await session.messages();
    expect(messages.map(({ content }) => content)).toContain('On it.');
    expect(await session.ask('interrupt_session')).toMatchObject({
      type: 'error',
      code: 'no_turn',
    });
    await session.say('!say Here again.');
    await session.idle();
    expect((await session.messages('assistant')).at(-1)?.content).toBe('Here again.');
    expect(existsSync(join(project, '.git'))).toBe(false);
  });

  it('says what became of steered words', async () => {
    const client = await dock.client();
    const session = await createSteered(client, { cwd: dock.home.project, model });
    expect(await session.ask('steer_turn', { content: '!say Started by steering.' })).toMatchObject(
      {
        type: 'ack',
      },
    );
    await session.idle();
    // Reported when the engine has answered, which may be after the turn.
    const fate = async () => (await session.messages('steer'))[0]?.tool_output;
    await expect.poll(fate).toBe('fallback');

    await session.say(`!wait gate-${model}`, '!say First.');
    // Words that come before the model is asked go along with the first question, and never wait.
    await expect.poll(() => isAsked(`gate-${model}`)).toBe(true);
    await session.ask('steer_turn', { content: 'and to the left' });
    const queued = await client.waitFor(
      (frame) => frame.type === 'message_updated' && frame.changes.tool_output === 'queued',
    );
    dock.api.open(`gate-${model}`);
    await session.idle();
    if (queued.type !== 'message_updated') throw new Error('unreachable');
    const steer = (await session.messages('steer')).find(({ id }) => id === queued.message_id);
    expect(steer).toMatchObject({ content: 'and to the left', tool_output: 'delivered' });
    expect(JSON.stringify(dock.api.requests.at(-1)?.input)).toContain('and to the left');
  });

  it('keeps words that join a running turn as steered: clients count `user` messages as turns', async () => {
    const client = await dock.client();
    const session = await createSteered(client, { cwd: dock.home.project, model });
    await session.say(`!wait join-${model}`, '!say First.');
    await expect.poll(() => isAsked(`join-${model}`)).toBe(true);
    await session.ask('send_message', { content: 'and to the right' });
    dock.api.open(`join-${model}`);
    await session.idle();
    expect((await session.messages('user')).map(({ content }) => content)).toEqual([
      expect.stringContaining('join-'),
    ]);
    expect(await session.messages('steer')).toMatchObject([{ content: 'and to the right' }]);
    await session.say('!say Alone.');
    await session.idle();
    expect(await session.messages('user')).toHaveLength(2);
    expect((await session.snapshot()).turn_count).toBe(2);
    // As the app does: so many turns as there are `user` messages from that one on.
    await session.ask('rollback_turns', { num_turns: 1 });
    // What the joining words cut off is reported as a rollback of no turn.
    await client.waitFor((frame) => frame.type === 'thread_rolled_back' && frame.num_turns === 1);
    expect((await session.messages('user')).map(({ content }) => content)).toEqual([
      expect.stringContaining('join-'),
    ]);
  });

  it('hands pictures, skills, mentions, model and effort to the model', async () => {
    const client = await dock.client();
    const session = await createSteered(client, { cwd: dock.home.project, model });
    const other = model === MODELS.direct ? MODELS.code : MODELS.direct;
    const answer = await session.ask('send_message', {
      content: 'look at all this',
      model: other,
      effort: 'low',
      images: [{ input_type: 'url', value: `data:image/png;base64,${PIXEL}` }],
      skills: [{ name: 'ship', path: skillPath() }],
      mentions: [{ name: 'cart.ts', path: '/shop/cart.ts' }],
    });
    expect(answer).toMatchObject({ type: 'ack' });
    await session.idle();
    const request = dock.api.requests.at(-1);
    const input = JSON.stringify(request?.input);
    expect(request).toMatchObject({ model: other, reasoning: { effort: 'low' } });
    const reaches = (text: string) => expect(input.includes(text), text).toBe(true);
    for (const text of ['input_image', 'The secret of shipping.', '/shop/cart.ts']) reaches(text);
    expect(await session.snapshot()).toMatchObject({ model: other, effort: 'low' });
    const [shown] = await session.messages('user');
    expect(shown).toMatchObject({
      content: 'look at all this',
      images: [{ input_type: 'path', url: expect.stringMatching(/^\/images\//) }],
    });
    // What is chosen once stays chosen.
    await session.say('and again');
    await session.idle();
    expect(dock.api.requests.at(-1)).toMatchObject({ model: other, reasoning: { effort: 'low' } });

    const bad = { content: 'x', images: [{ input_type: 'path', value: '/etc/passwd' }] };
    expect(await session.ask('send_message', bad)).toMatchObject({ code: 'invalid_image' });
    expect(await session.ask('send_message', { content: '  ' })).toMatchObject({
      code: 'invalid_argument',
    });
    expect(await session.messages('user')).toHaveLength(2);
  });

  it('shows the provider’s trouble with a remedy, and goes on', async () => {
    const client = await dock.client();
    const session = await createSteered(client, { cwd: dock.home.project, model });
    await session.say('!http 401');
    await session.idle();
    const failed = (await session.messages('assistant')).at(-1);
    expect(failed).toMatchObject({ is_error: true, content: expect.stringMatching(/sign/) });
    await session.say('!say Works again.');
    await session.idle();
    expect((await session.messages('assistant')).at(-1)).toMatchObject({ content: 'Works again.' });
  });

  it('ends once, for everybody, and takes no more words', async () => {
    const client = await dock.client();
    client.send({ type: 'subscribe_list' });
    const session = await createSteered(client, { cwd: dock.home.project, model });
    await session.say('!hang');
    await session.status('working');
    expect(await session.ask('end_session')).toMatchObject({ type: 'ack' });
    await session.status('ended');
    expect(await session.ask('end_session')).toMatchObject({ type: 'ack' });
    expect(await session.ask('send_message', { content: 'hello?' })).toMatchObject({
      type: 'error',
      code: 'session_over',
      message: expect.stringContaining('resume_session'),
    });
    // Once in its room and once in the list's.
    const ended = session.received('session_ended');
    expect(ended.filter(({ revision }) => revision !== undefined)).toHaveLength(1);
    expect(ended).toHaveLength(2);
    expect(ended[0]?.reason).toBe('user_requested');
  });
});

/** A picture of one pixel. */
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** Processes of this machine whose command line has this text. */
function processesOf(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
      } catch {
        // It ended while we looked.
        return false;
      }
    });
}
