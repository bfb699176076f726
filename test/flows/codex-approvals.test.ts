/** What direct Codex sessions ask, every way it can be settled, and every way it cannot. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../support/asking.ts';
import { mcpServerTable } from '../support/asking-mcp-server.ts';
import { ioClient, wsClient } from '../support/clients.ts';
import { MODELS } from '../support/codex-home.ts';
import { type CodexSetup, createSteered, openCodexSetup, steered } from '../support/codex-setup.ts';

const folder = mkdtempSync(join(tmpdir(), 'odx-mcp-'));
let dock: CodexSetup;

beforeAll(async () => {
  dock = await openCodexSetup({ tables: mcpServerTable(folder) });
});
afterAll(async () => {
  await dock[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

let files = 0;
/** A path that the sandbox protects. */
const outside = () => join(dock.home.codexHome, `outside-${files++}`);

async function session(fields: object = {}) {
  const client = await dock.client();
  return createSteered(client, { cwd: dock.home.project, ...fields });
}

/** A session whose MCP server has started: before that the model has none of its tools. */
async function withServer(fields: object) {
  const steered = await session(fields);
  await steered.client.waitFor(
    (frame) =>
      frame.type === 'mcp_startup_update' &&
      frame.session_id === steered.id &&
      frame.status.state === 'ready',
  );
  return steered;
}

describe.each([
  ['/ws', wsClient, /^ws-\d+$/],
  ['socket.io', ioClient, /^sio-\d+$/],
] as const)('%s', (_, connect, connection) => {
  it('names the caller who decided to whoever asks for the history, and to subscribers', async () => {
    const asking = await session();
    await using decider = await connect(dock.server.url);
    const mine = steered(decider, asking.id);
    await asking.say(`!esc touch ${outside()}`);
    const { id } = await asking.request();
    expect(await mine.settle(id, { decision: 'approved' })).toMatchObject({ type: 'ack' });
    await asking.idle();
    for (const reader of [decider, asking.client]) {
      const answer = await ask(reader, { type: 'list_approvals', session_id: asking.id });
      if (answer.type !== 'approvals_list') throw new Error(JSON.stringify(answer));
      expect(answer.approvals).toMatchObject([
        {
          request_id: id,
          decision: 'approved',
          decided_by: {
            kind: 'local',
            address: expect.any(String),
            connection: expect.stringMatching(connection),
          },
        },
      ]);
    }
    // It is reported by itself, too, to those who are subscribed.
    const [received] = asking
      .received('approvals_list')
      .flatMap(({ approvals }) => approvals.flatMap(({ decided_by }) => decided_by ?? []));
    expect(received?.connection).toMatch(connection);
  });
});

describe.each(Object.entries(MODELS))('a %s model', (_, model) => {
  it('does not ask again for what was approved for the session', async () => {
    const asking = await session({ model });
    const path = outside();
    await asking.say(`!esc touch ${path}`);
    const { id } = await asking.request();
    await asking.settle(id, { decision: 'approved_for_session' });
    await asking.idle();
    expect(existsSync(path)).toBe(true);
    rmSync(path);
    await asking.say(`!esc touch ${path}`);
    await asking.idle();
    expect(existsSync(path)).toBe(true);
    expect(asking.received('approval_requested')).toHaveLength(1);
  });

  it('writes a rule for what is approved always', async () => {
    const asking = await session({ model });
    const word = `always-${model}`;
    await asking.say(`!esc printf ${word}`);
    const request = await asking.request();
    expect(request.proposed_amendment).toEqual(expect.arrayContaining(['printf']));
    await asking.settle(request.id, { decision: 'approved_always' });
    await asking.idle();
    const rules = join(dock.home.codexHome, 'rules');
    const text = readdirSync(rules).map((name) => readFileSync(join(rules, name), 'utf8'));
    expect(text.join('\n')).toContain(word);
  });

  it('stops the turn when a request is aborted, and hands on what is said with a denial', async () => {
    const asking = await session({ model });
    const path = outside();
    await asking.say(`!esc touch ${path}`, '!say not reached');
    const first = await asking.request();
    await asking.settle(first.id, { decision: 'abort' });
    await asking.idle();
    expect((await asking.messages('assistant')).map(({ content }) => content)).not.toContain(
      'not reached',
    );
    await asking.say(`!esc touch ${path}`);
    const second = await asking.request();
    await asking.settle(second.id, { decision: 'denied', message: 'use another folder' });
    await asking.idle();
    expect(existsSync(path)).toBe(false);
    expect(JSON.stringify(dock.api.requests.at(-1)?.input)).toContain('use another folder');
  });

  it('asks before a tool of an MCP server runs', async () => {
    const asking = await withServer({ model });
    await asking.say('!tool mcp__calc::add {"a":2,"b":40}');
    const request = await asking.request();
    expect(request).toMatchObject({
      type: 'exec',
      tool_name: 'calc:add',
      command: expect.stringContaining('add'),
    });
    expect(JSON.parse(request.tool_input ?? '')).toEqual({ a: 2, b: 40 });
    await asking.settle(request.id, { decision: 'approved' });
    await asking.idle();
    const tool = (await asking.messages('tool')).find(({ tool_name }) => tool_name === 'calc:add');
    expect(tool).toMatchObject({ tool_output: '42', is_error: false });

    await asking.say('!tool mcp__calc::add {"a":1,"b":1}');
    const second = await asking.request();
    await asking.settle(second.id, { decision: 'denied' });
    await asking.idle();
    expect((await asking.messages('tool')).at(-1)).toMatchObject({ is_error: true });

    await asking.say('!tool mcp__calc::add {"a":3,"b":3}');
    const third = await asking.request();
    await asking.settle(third.id, { decision: 'approved_for_session' });
    await asking.idle();
    await asking.say('!tool mcp__calc::add {"a":4,"b":4}');
    await asking.idle();
    expect((await asking.messages('tool')).at(-1)).toMatchObject({ tool_output: '8' });
  });

  it('shows the form of an MCP server as questions, and takes nothing that does not fit', async () => {
    const asking = await withServer({ model });
    await asking.say('!tool mcp__calc::survey {}');
    const request = await asking.request();
    expect(request).toMatchObject({
      type: 'question',
      question: 'A few questions',
      questions: [
        { id: 'colour', question: 'Colour', options: [{ label: 'red' }, { label: 'blue' }] },
        { id: 'count', question: 'Count', options: [] },
        { id: 'sure', options: [{ label: 'true' }, { label: 'false' }] },
      ],
    });
    const answer = (answers: object) => asking.settle(request.id, { answer: '', answers });
    const refused = { type: 'error', code: 'invalid_decision' };
    expect(await answer({})).toMatchObject(refused);
    expect(await answer({ colour: 'green', count: '3' })).toMatchObject(refused);
    expect(await answer({ colour: 'red', count: 'many' })).toMatchObject(refused);
    expect(await answer({ colour: 'red', count: '3', other: 'x' })).toMatchObject(refused);
    expect(await answer({ colour: 'red' })).toMatchObject(refused);
    expect((await asking.snapshot()).pending_approval?.id).toBe(request.id);
    expect(await answer({ colour: 'blue', Count: '3' })).toMatchObject({ type: 'ack' });
    await asking.idle();
    const tool = (await asking.messages('tool')).find(
      ({ tool_name }) => tool_name === 'calc:survey',
    );
    expect(tool?.tool_output).toContain('"colour":"blue"');
    expect(tool?.tool_output).toContain('"count":3');
  });
});

describe('a request', () => {
  it('is decided by exactly one of two clients, and the other receives how', async () => {
    const asking = await session();
    const rival = steered(await dock.client(), asking.id);
    await rival.snapshot();
    await asking.say(`!esc touch ${outside()}`);
    const { id } = await asking.request();
    await rival.request();
    const [one, other] = await Promise.all([
      asking.settle(id, { decision: 'approved' }),
      rival.settle(id, { decision: 'denied' }),
    ]);
    const [winner, loser] = one.type === 'ack' ? [one, other] : [other, one];
    const won = one.type === 'ack' ? 'approved' : 'denied';
    expect(winner.type).toBe('ack');
    expect(loser).toMatchObject({
      type: 'error',
      code: 'already_resolved',
      session_id: asking.id,
      message: expect.stringContaining(`${won} (by client)`),
    });
    await asking.idle();
    expect(await asking.settle(id, { decision: 'approved' })).toMatchObject({
      code: 'already_resolved',
    });
    const history = await asking.ask('list_approvals');
    expect(history).toMatchObject({ approvals: [{ request_id: id, decision: won }] });
  });

  it('is not moved by words that decide nothing', async () => {
    const asking = await session();
    const path = outside();
    await asking.say(`!esc touch ${path}`);
    const { id } = await asking.request();
    for (const decision of ['yes', 'deny', 'approve', '', 'cancelled', 'answered']) {
      expect(await asking.settle(id, { decision })).toMatchObject({
        type: 'error',
        code: 'invalid_decision',
      });
    }
    expect(await asking.settle(id, { answer: 'yes' })).toMatchObject({ code: 'invalid_decision' });
    const changed = { decision: 'approved', updated_input: { command: 'ls' } };
    expect(await asking.settle(id, changed)).toMatchObject({ code: 'unsupported' });
    expect(await asking.settle('never-was', { decision: 'approved' })).toMatchObject({
      code: 'not_found',
    });
    expect(existsSync(path)).toBe(false);
    expect((await asking.snapshot()).pending_approval?.id).toBe(id);
    await asking.settle(id, { decision: 'denied', interrupt: true });
    await asking.idle();
    expect(existsSync(path)).toBe(false);
  });

  it('is closed with the turn it belongs to, and then nobody can decide it', async () => {
    const asking = await session();
    await asking.say(`!esc touch ${outside()}`);
    const { id } = await asking.request();
    await asking.ask('interrupt_session');
    await asking.idle();
    expect((await asking.snapshot()).pending_approval).toBeNull();
    expect(await asking.settle(id, { decision: 'approved' })).toMatchObject({
      code: 'already_resolved',
      message: expect.stringContaining('cancelled'),
    });
    const history = await asking.ask('list_approvals');
    expect(history).toMatchObject({ approvals: [{ request_id: id, decision: 'cancelled' }] });
  });

  it('refuses a question that is approved, and takes one that is denied', async () => {
    const asking = await session();
    await asking.say('!ask Sure?');
    const { id } = await asking.request();
    expect(await asking.settle(id, { decision: 'approved' })).toMatchObject({
      code: 'invalid_decision',
      message: expect.stringContaining('answer_question'),
    });
    expect(await asking.settle(id, { decision: 'denied' })).toMatchObject({ type: 'ack' });
    await asking.idle();
    // An old client answers the first question without a name.
    await asking.say('!ask Really?');
    const second = await asking.request();
    expect(await asking.settle(second.id, { answer: 'Because I say so' })).toMatchObject({
      type: 'ack',
    });
    await asking.idle();
    expect(JSON.stringify(dock.api.requests.at(-1)?.input)).toContain('Because I say so');
  });
});
