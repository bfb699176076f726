/** Every hook the real CLI was ever seen to print is taken, in its old and new shapes, and journalled. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wsClient } from '../support/clients.ts';
import { snapshotOf } from '../support/compare.ts';
import { foldJournal, journalOf, rowsOf } from '../support/database.ts';
import { startWatchedServer, type WatchedServer } from '../support/desktop/watched-server.ts';
import { type HookBody, recordedHook, recordedHooks } from '../support/fixtures.ts';
import { deliver, postHook, scriptOf } from '../support/hooks.ts';

/** As hook.sh is registered: the message type it names for each event. */
const TYPES: Record<string, string> = {
  SessionStart: 'claude_session_start',
  SessionEnd: 'claude_session_end',
  SubagentStart: 'claude_subagent_event',
  SubagentStop: 'claude_subagent_event',
  PreToolUse: 'claude_tool_event',
  PostToolUse: 'claude_tool_event',
  PostToolUseFailure: 'claude_tool_event',
  PermissionRequest: 'claude_tool_event',
};

let server: WatchedServer;
let sessions = 0;

beforeAll(async () => {
  server = await startWatchedServer();
});
afterAll(() => server[Symbol.asyncDispose]());

/** A session that has already done something, so that whatever comes next is journalled. */
async function busySession(): Promise<string> {
  sessions++;
  const session_id = `fixture-${sessions}`;
  await deliver(server.url, scriptOf(session_id).prompt('Go'));
  return session_id;
}

async function lastJournalled(session_id: string) {
  const { rows } = journalOf(server.paths, session_id);
  return { count: rows.length, event: JSON.parse(rows.at(-1)?.event ?? '{}') };
}

describe('a recorded hook', () => {
  for (const { name, body } of recordedHooks()) {
    it(`${name} is taken raw and typed, and journalled`, async () => {
      const session_id = await busySession();
      const raw = await postHook(server.url, { ...body, session_id });
      expect(raw).toEqual({ status: 204, body: '' });
      const type = TYPES[body.hook_event_name ?? ''] ?? 'claude_status_event';
      const typed = await postHook(server.url, { ...body, session_id, type });
      expect(typed.status).toBe(204);
      expect((await lastJournalled(session_id)).count).toBe(3);
      expect(foldJournal(server.paths, session_id)).toEqual([]);
    });
  }

  it('is journalled by its name when it is unknown', async () => {
    const session_id = await busySession();
    const hook_event_name = 'EventOfNextYear';
    await deliver(server.url, { session_id, hook_event_name, shiny: { new: [1, 2] } });
    const { event } = await lastJournalled(session_id);
    expect(event).toMatchObject({ type: 'hook.observed', hook: hook_event_name });
  });

  it('is taken without a type when its sender names it in the header', async () => {
    const session_id = 'typed-by-header';
    const { hook_event_name: _, ...nameless } = scriptOf(session_id).start();
    const type = 'claude_session_start';
    expect((await postHook(server.url, nameless, { type })).status).toBe(204);
    expect(rowsOf(server.paths, 'SELECT session_id FROM pending_sessions')).toContainEqual({
      session_id,
    });
  });
});

describe('an odd shape', () => {
  it('without cwd is taken, as the documented sample has none', async () => {
    const session_id = await busySession();
    const { cwd: _, ...body } = recordedHook('PreToolUse.Bash');
    await deliver(server.url, { ...body, session_id, type: 'claude_tool_event' });
    expect((await lastJournalled(session_id)).event).toMatchObject({ type: 'tool.started' });
  });

  it('with the model as an object gives the session its id', async () => {
    const session_id = 'model-object';
    const model = { id: 'claude-opus-9', display_name: 'Opus 9' };
    await deliver(server.url, scriptOf(session_id).start('startup', { model }));
    await deliver(server.url, scriptOf(session_id).prompt('Hi'));
    await using client = await wsClient(server.url);
    expect((await snapshotOf(client, session_id)).model).toBe('claude-opus-9');
  });

  it('with null wherever a field may be missing is taken', async () => {
    for (const { name, body } of recordedHooks()) {
      const session_id = await busySession();
      const nulls = Object.fromEntries(Object.keys(body).map((field) => [field, null]));
      const { hook_event_name = null } = body;
      const hollow: HookBody = { ...nulls, session_id, hook_event_name };
      const answer = await postHook(server.url, hollow);
      expect(answer, `${name} ${answer.body}`).toMatchObject({ status: 204 });
      expect(foldJournal(server.paths, session_id)).toEqual([]);
    }
  });

  it('of codex is somebody else’s business and leaves no trace', async () => {
    const body = { ...scriptOf('codex-hook').prompt('Hi'), context_label: 'codex_cli_rs' };
    await deliver(server.url, body);
    expect(rowsOf(server.paths, 'SELECT id FROM sessions WHERE id = ?', 'codex-hook')).toEqual([]);
  });

  it('that is no hook at all but another message is refused, not accepted', async () => {
    const session_id = await busySession();
    for (const type of ['subscribe_session', 'send_message', 'no_such_message', '', null]) {
      const { status, body } = await postHook(server.url, { type, session_id });
      expect(status, `${type} ${body}`).toBe(422);
    }
    expect((await lastJournalled(session_id)).count).toBe(1);
  });

  it('with an id that could name a file elsewhere is refused', async () => {
    for (const session_id of ['../../etc/passwd', '..', 'a/b', '', 'x'.repeat(129), 'a\u0000b']) {
      const { status } = await postHook(server.url, scriptOf(session_id).prompt('Hi'));
      expect(status, JSON.stringify(session_id)).toBe(422);
    }
  });
});
