/** Directories, projects and subagents' tools as clients ask for them, over both transports. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../support/asking.ts';
import { ioClient, wsClient } from '../support/clients.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

describe.each([
  ['ws', wsClient],
  ['socket.io', ioClient],
] as const)('%s', (endpoint, connect) => {
  it('shows a directory of the home, and refuses what lies outside', async () => {
    mkdirSync(join(server.paths.dir, 'shop/.git'), { recursive: true });
    writeFileSync(join(server.paths.dir, 'shop/.git/HEAD'), 'ref: refs/heads/main\n');
    await using client = await connect(server.url);
    const listing = await ask(client, { type: 'browse_directory', path: null });
    expect(listing).toMatchObject({ type: 'directory_listing', path: server.paths.dir });
    const { entries } = listing as unknown as { entries: object[] };
    expect(entries).toContainEqual({ name: 'shop', is_dir: true, is_git: true });
    const outside = await ask(client, { type: 'browse_directory', path: '/proc' });
    expect(outside).toMatchObject({ type: 'error', code: 'browse_error', session_id: null });
  });

  it('lists the projects of all sessions, live, ended and of an earlier run, the newest first', async () => {
    // Other sessions on each transport: the same words to the same session at once count as one prompt.
    const [first, second, third] = ['1', '2', '3'].map((n) => `${endpoint}-p${n}`) as [
      string,
      string,
      string,
    ];
    await deliver(server.url, scriptOf(first, `/home/${endpoint}/one`).prompt('Go'));
    await deliver(server.url, scriptOf(first, `/home/${endpoint}/one`).end());
    await server.restart();
    await deliver(server.url, scriptOf(second, `/home/${endpoint}/two`).prompt('Go'));
    await deliver(server.url, scriptOf(third, `/home/${endpoint}/two`).prompt('Go'));
    await using client = await connect(server.url);
    const { projects } = (await ask(client, { type: 'list_recent_projects' })) as never as {
      projects: object[];
    };
    expect(projects.slice(0, 2)).toEqual([
      { path: `/home/${endpoint}/two`, session_count: 2, last_active: expect.any(String) },
      { path: `/home/${endpoint}/one`, session_count: 1, last_active: expect.any(String) },
    ]);
  });

  it('reads what a subagent did, and says why it cannot', async () => {
    const id = 'with-agent';
    const transcript_path = join(server.paths.dir, '.claude/projects/-p', `${id}.jsonl`);
    const script = scriptOf(id);
    await deliver(server.url, { ...script.prompt('Go'), transcript_path });
    const agent = { agent_id: 'a1', agent_type: 'Explore' };
    await deliver(server.url, { ...script.stop(), ...agent, hook_event_name: 'SubagentStart' });
    await using client = await connect(server.url);
    const question = { type: 'get_subagent_tools', session_id: id, subagent_id: 'a1' };
    expect(await ask(client, { ...question, subagent_id: 'nobody' })).toMatchObject({
      type: 'error',
      code: 'not_found',
      session_id: id,
    });
    const folder = join(server.paths.dir, '.claude/projects/-p', id, 'subagents');
    mkdirSync(folder, { recursive: true });
    const content = [{ type: 'tool_use', id: 't', name: 'Glob', input: { pattern: '*.ts' } }];
    const line = JSON.stringify({ type: 'assistant', uuid: 'u', message: { content } });
    writeFileSync(join(folder, 'agent-a1.jsonl'), `${line}\n`);
    expect(await ask(client, question)).toMatchObject({
      type: 'subagent_tools_list',
      subagent_id: 'a1',
      tools: [{ id: 'u-tool-0', tool_name: 'Glob', summary: '*.ts', is_in_progress: true }],
    });
    await deliver(server.url, { ...script.prompt('On'), transcript_path: '/etc/shadow' });
    expect(await ask(client, question)).toMatchObject({
      tools: [],
      unavailable: expect.stringContaining('not read'),
    });
  });
});
