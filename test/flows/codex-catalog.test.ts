/** What a direct session knows beside its turns: MCP servers, skills, and the questions of its subagents. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MODELS } from '../support/codex-home.ts';
import { type CodexSetup, createSteered, openCodexSetup, steered } from '../support/codex-setup.ts';

const SERVER = fileURLToPath(new URL('../support/mcp-server.mjs', import.meta.url));

let dock: CodexSetup;

beforeAll(async () => {
  dock = await openCodexSetup({
    model: MODELS.code,
    tables: `
[mcp_servers.calc]
command = ${JSON.stringify(process.execPath)}
args = [${JSON.stringify(SERVER)}]
`,
  });
});
afterAll(() => dock[Symbol.asyncDispose]());

it('how its MCP servers started is known to those who come later, and so are their tools', async () => {
  const client = await dock.client();
  const session = await createSteered(client, { cwd: dock.home.project });
  client.send({ type: 'subscribe_session', session_id: session.id });
  const complete = await client.waitFor(({ type }) => type === 'mcp_startup_complete');
  expect(complete).toMatchObject({ session_id: session.id, ready: ['calc'], failed: [] });

  const late = await dock.client();
  late.send({ type: 'subscribe_session', session_id: session.id });
  await late.waitFor(({ type }) => type === 'mcp_startup_complete');
  const order = late.messages.map(({ type }) => type);
  expect(order.indexOf('mcp_startup_update')).toBeGreaterThan(order.indexOf('session_snapshot'));

  expect(await session.ask('list_mcp_tools')).toMatchObject({
    type: 'mcp_tools_list',
    tools: { mcp__calc__add: { name: 'add' } },
  });
  expect(await session.ask('list_skills')).toMatchObject({
    type: 'skills_list',
    skills: [{ cwd: dock.home.project }],
  });
  expect((await session.ask('refresh_mcp_servers')).type).toBe('ack');
});

it('what its subagent asks is its own request, answered as any other', async () => {
  const client = await dock.client();
  const session = await createSteered(client, { cwd: dock.home.project });
  client.send({ type: 'subscribe_session', session_id: session.id });
  const path = join(dock.home.env.HOME as string, 'by-a-subagent');
  const spawn = { message: `!esc touch ${path}`, fork_turns: 'none', task_name: 'helper' };
  await session.say(
    `!tool collaboration::spawn_agent ${JSON.stringify(spawn)}`,
    '!tool collaboration::wait_agent {"timeout_ms":60000}',
    '!say The helper is done',
  );
  const request = await session.request();
  expect(request).toMatchObject({ type: 'exec', command: expect.stringContaining(path) });
  expect((await session.settle(request.id, { decision: 'approved' })).type).toBe('ack');
  await session.idle();
  expect(existsSync(path)).toBe(true);
  const again = steered(await dock.client(), session.id);
  expect(await again.snapshot()).toMatchObject({ pending_approval: null, work_status: 'waiting' });
  expect((await again.messages('assistant')).map(({ content }) => content)).toEqual([
    'The helper is done',
  ]);
});
