import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../machines/session-types.ts';
import type { Engine } from '../../src/providers/codex/engine/engine.ts';
import type { Received } from '../support/clients.ts';
import { type CodexHome, createCodexHome, startEngine } from '../support/codex-home.ts';
import { type FakeResponsesApi, startFakeResponsesApi } from '../support/fake-responses-api.ts';
import { providersOver } from '../support/no-codex.ts';
import { type Visitor, visit } from './client.ts';
import { hook, openTestRuntime, type TestRuntime } from './test-runtime.ts';

const SERVER = fileURLToPath(new URL('../support/mcp-server.mjs', import.meta.url));

let api: FakeResponsesApi;
let home: CodexHome;
let engine: Engine;
let stage: TestRuntime;
let visitor: Visitor;

beforeAll(async () => {
  api = await startFakeResponsesApi();
  home = await createCodexHome(api, {
    tables: `
[mcp_servers.calc]
command = ${JSON.stringify(process.execPath)}
args = [${JSON.stringify(SERVER)}]

[mcp_servers.broken]
command = ${JSON.stringify(process.execPath)}
args = ["-e", "0"]
`,
  });
  const skill = join(home.project, '.agents', 'skills', 'deploy');
  mkdirSync(skill, { recursive: true });
  writeFileSync(
    join(skill, 'SKILL.md'),
    '---\nname: deploy\ndescription: Put it online\n---\nJust do it.\n',
  );
  engine = startEngine(home);
  stage = await openTestRuntime(undefined, { providers: providersOver(engine, home.env) });
  await addSession('ours', 'codex');
  await stage.runtime.api.takeHook(hook('claude', 'UserPromptSubmit', { prompt: 'hi' }), {
    origin: 'hook',
  });
  visitor = visit(stage.runtime.api);
  stage.runtime.rooms.attach(visitor);
});

afterAll(async () => {
  await engine.close();
  await stage[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
  await api.close();
});

/** Puts a session of Codex into the server, without a connector. */
async function addSession(id: string, provider: Session['provider']): Promise<void> {
  const at = '2026-11-25T20:00:00.000Z';
  const live = stage.runtime.registry.create({
    isNew: true,
    turnCount: 0,
    session: {
      id,
      provider,
      project_path: home.project,
      project_name: 'shop',
      model: null,
      token_usage: { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 },
      started_at: at,
      last_activity_at: at,
    },
  });
  await new Promise<void>((resolve, reject) => {
    stage.runtime.ledger.send(live, {
      event: {
        type: 'fields.updated',
        at: '2026-11-25T20:00:00.000000Z',
        fields: { effort: 'low' },
      },
      origin: 'server',
      key: null,
      settle: (error) => (error ? reject(error) : resolve()),
    });
  });
}

const typed = <Type extends Received['type']>(message: Received, type: Type) => {
  expect(message).toMatchObject({ type });
  return message as Extract<Received, { type: Type }>;
};

describe('the skills of a session', () => {
  it('are those of its directory and of the user', async () => {
    const answer = await visitor.ask({ type: 'list_skills', session_id: 'ours' });
    const { skills, errors } = typed(answer, 'skills_list');
    expect(errors).toEqual([]);
    expect(skills.map(({ cwd }) => cwd)).toEqual([home.project]);
    expect(skills[0]?.skills).toContainEqual({
      name: 'deploy',
      description: 'Put it online',
      path: join(home.project, '.agents', 'skills', 'deploy', 'SKILL.md'),
      scope: 'repo',
      enabled: true,
    });
  });

  it('can be asked for elsewhere, by absolute paths only', async () => {
    const ask = (cwds: string[]) => visitor.ask({ type: 'list_skills', session_id: 'ours', cwds });
    const { skills } = typed(await ask([home.codexHome]), 'skills_list');
    expect(skills.map(({ cwd }) => cwd)).toEqual([home.codexHome]);
    expect(typed(await ask(['../shop']), 'error').code).toBe('invalid_argument');
  });

  it('and a remote one: there are none any more, and the error says so', async () => {
    const list = await visitor.ask({ type: 'list_remote_skills', session_id: 'ours' });
    expect(list).toMatchObject({ type: 'error', code: 'unsupported', session_id: 'ours' });
    const load = { type: 'download_remote_skill', session_id: 'ours', hazelnut_id: 'h' };
    expect(await visitor.ask(load)).toMatchObject({ type: 'error', code: 'unsupported' });
  });
});

describe('the MCP servers of a session', () => {
  it('show their tools, resources and the state of their login', async () => {
    const answer = await visitor.ask({ type: 'list_mcp_tools', session_id: 'ours' });
    const { type, session_id, request_id, ...inventory } = typed(answer, 'mcp_tools_list');
    expect(inventory).toEqual({
      tools: {
        mcp__calc__add: {
          name: 'add',
          description: 'Add two numbers',
          inputSchema: { type: 'object', properties: { a: { type: 'number' } } },
        },
      },
      resources: {
        calc: [{ name: 'pi', uri: 'calc://pi', mimeType: 'text/plain' }],
        broken: [],
      },
      resource_templates: {
        calc: [{ name: 'number', uriTemplate: 'calc://{n}' }],
        broken: [],
      },
      auth_statuses: { calc: 'unsupported', broken: 'unsupported' },
    });
  });

  it('are sent as they start, and again to those who come later', async () => {
    await visitor.ask({ type: 'subscribe_session', session_id: 'ours' });
    const { thread } = await engine.request('thread/start', { cwd: home.project });
    const letGo = stage.runtime.threads.bind('ours', thread.id);
    const end = await visitor.received.waitFor(({ type }) => type === 'mcp_startup_complete');
    expect(end).toEqual({
      type: 'mcp_startup_complete',
      session_id: 'ours',
      ready: ['calc'],
      failed: [{ server: 'broken', error: expect.stringContaining('broken') }],
      cancelled: [],
    });

    const late = visit(stage.runtime.api);
    await late.ask({ type: 'subscribe_session', session_id: 'ours' });
    const news = late.received.items.filter(({ type }) => type.startsWith('mcp_'));
    expect(news).toContainEqual({
      type: 'mcp_startup_update',
      session_id: 'ours',
      server: 'calc',
      status: { state: 'ready' },
    });
    expect(news.at(-1)).toEqual(end);

    // What they offer is then asked of the thread's own servers.
    const answer = await visitor.ask({ type: 'list_mcp_tools', session_id: 'ours' });
    expect(Object.keys(typed(answer, 'mcp_tools_list').tools)).toEqual(['mcp__calc__add']);
    letGo();
    const after = visit(stage.runtime.api);
    await after.ask({ type: 'subscribe_session', session_id: 'ours' });
    expect(after.received.items.filter(({ type }) => type.startsWith('mcp_'))).toEqual([]);
  });

  it('can be started anew', async () => {
    const { thread } = await engine.request('thread/start', { cwd: home.project });
    stage.runtime.threads.bind('ours', thread.id);
    const before = visitor.received.items.length;
    const answer = await visitor.ask({ type: 'refresh_mcp_servers', session_id: 'ours' });
    expect(answer.type).toBe('ack');
    await visitor.received.waitFor(
      (message) =>
        message.type === 'mcp_startup_complete' &&
        visitor.received.items.indexOf(message) >= before,
    );
  });
});

it('a change of skills is sent to the sessions that have a connector', async () => {
  const { thread } = await engine.request('thread/start', { cwd: home.project });
  stage.runtime.threads.bind('ours', thread.id);
  await visitor.ask({ type: 'subscribe_session', session_id: 'ours' });
  const path = join(home.project, '.agents', 'skills', 'deploy', 'SKILL.md');
  writeFileSync(path, readFileSync(path, 'utf8').replace('online', 'on line'));
  const news = await visitor.received.waitFor(({ type }) => type === 'skills_update_available');
  expect(news).toEqual({ type: 'skills_update_available', session_id: 'ours' });
});

it('a session that is not one of Codex, or is none at all, has neither', async () => {
  for (const session_id of ['claude', 'nobody']) {
    for (const type of ['list_skills', 'list_mcp_tools', 'refresh_mcp_servers']) {
      const answer = await visitor.ask({ type, session_id });
      expect(answer).toMatchObject({ type: 'error', code: 'session_not_found', session_id });
    }
  }
});

it('looking at a session starts no process', async () => {
  const lazy = startEngine(home);
  await using quiet = await openTestRuntime(undefined, {
    providers: providersOver(lazy, home.env),
  });
  const other = visit(quiet.runtime.api);
  await quiet.runtime.api.takeHook(hook('s', 'UserPromptSubmit', { prompt: 'hi' }), {
    origin: 'hook',
  });
  await other.ask({ type: 'subscribe_list' });
  await other.ask({ type: 'subscribe_session', session_id: 's' });
  expect(lazy.state).toBe('stopped');
});
