/** The conversation of a subagent: a branch of its own, read from its own transcript. */
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Message } from '../../src/protocol/nouns.ts';
import { type TestClient, wsClient } from '../support/clients.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let client: TestClient;
beforeEach(async () => {
  server = await startTestServer();
  client = await wsClient(server.url);
});
afterEach(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
});

const usage = {
  ...{ input_tokens: 10, output_tokens: 7 },
  ...{ cache_read_input_tokens: 100, cache_creation_input_tokens: 20 },
};

function lineOf(uuid: string, type: string, message: object): string {
  const base = { uuid, isSidechain: true, agentId: 'a1', timestamp: '2026-11-22T10:25:40.603Z' };
  return `${JSON.stringify({ ...base, type, promptId: 'p1', message })}\n`;
}

const answer = (uuid: string, content: object[]) =>
  lineOf(uuid, 'assistant', { id: 'm1', model: 'claude-sonnet-5', content, usage });

interface Page {
  messages: Message[];
  message_count: number;
  has_older: boolean;
  token_usage?: object;
  unavailable?: string;
}

async function ask(more: object = {}): Promise<Page> {
  const request_id = `q${Math.random()}`;
  const about = { session_id: 'trunk', subagent_id: 'a1', request_id };
  client.send({ type: 'get_messages', ...about, ...more } as never);
  const reply = await client.waitFor(
    (frame) => (frame as { request_id?: string }).request_id === request_id,
  );
  return reply as unknown as Page;
}

it('has its prompt, texts, tools, results and tokens once, and leaves them out of the session', async () => {
  const folder = join(server.paths.dir, '.claude/projects/-home-dev-shop');
  const path = join(folder, 'trunk.jsonl');
  mkdirSync(join(folder, 'trunk/subagents'), { recursive: true });
  const file = join(folder, 'trunk/subagents/agent-a1.jsonl');
  const script = scriptOf('trunk');
  const of = (hook: object, more: object = {}) =>
    ({ ...hook, transcript_path: path, prompt_id: 'p1', ...more }) as never;
  const agent = { agent_id: 'a1', agent_type: 'general-purpose' };
  await deliver(server.url, of(script.prompt('Go', 'p1')));
  await deliver(server.url, of(script.prompt('x'), { hook_event_name: 'SubagentStart', ...agent }));
  await deliver(server.url, of(script.toolStarts('t1'), agent));
  await deliver(server.url, of(script.toolEnds('t1'), agent));
  appendFileSync(path, '');
  appendFileSync(
    file,
    lineOf('u1', 'user', { role: 'user', content: 'Inspect the shelf' }) +
      answer('u2', [{ type: 'text', text: 'I look.' }]) +
      answer('u3', [{ type: 'tool_use', id: 't1', name: 'Bash', input: { command: 'ls' } }]),
  );
  const begun = await ask();
  expect(begun.messages.map(({ message_type: type, content }) => [type, content])).toEqual([
    ['user', 'Inspect the shelf'],
    ['assistant', 'I look.'],
    ['tool', 'ls'],
  ]);
  appendFileSync(
    file,
    lineOf('u4', 'user', {
      role: 'user',
      content: [{ type: 'tool_result', tool_use_id: 't1', content: 'a shelf' }],
    }) + answer('u5', [{ type: 'text', text: 'I look.' }]),
  );
  const { messages, message_count, token_usage } = await ask();
  expect(messages.map(({ content, tool_output }) => tool_output ?? content)).toEqual([
    'Inspect the shelf',
    'I look.',
    'a shelf',
    'I look.',
  ]);
  expect(messages.every(({ agent_id }) => agent_id === 'a1')).toBe(true);
  expect(message_count).toBe(4);
  expect(token_usage).toMatchObject({ output_tokens: 7, context_tokens: 130 });
  const older = await ask({ before: messages[2]?.id, limit: 1 });
  expect(older.messages.map(({ content }) => content)).toEqual(['I look.']);
  expect(older.has_older).toBe(true);

  client.send({ type: 'subscribe_session', session_id: 'trunk' });
  const snapshot = await client.waitFor(({ type }) => type === 'session_snapshot');
  const { session } = snapshot as unknown as { session: { messages: Message[] } };
  // Its tools are reported by hooks as they come, and say whose they are.
  expect(session.messages.map(({ id, agent_id }) => [id, agent_id])).toEqual([
    ['trunk:user:p1', undefined],
    ['trunk:t1', 'a1'],
  ]);
});

it('says why there is nothing to show where its file is gone', async () => {
  const path = join(server.paths.dir, '.claude/projects/-x/trunk.jsonl');
  const script = scriptOf('trunk');
  const more = { transcript_path: path, agent_id: 'a1', agent_type: 'Explore' };
  await deliver(server.url, { ...script.prompt('Go'), transcript_path: path } as never);
  const began = { ...script.prompt('x'), ...more, hook_event_name: 'SubagentStart' };
  await deliver(server.url, began as never);
  await vi.waitFor(async () => expect((await ask()).unavailable).toMatch(/no transcript/));
});
