/**
 * What a person does in a Codex terminal beside talking: takes turns back, declines, renames. The session here
 * follows it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Received, wsClient } from '../support/clients.ts';
import {
  answered,
  type CodexTerminal,
  openCodexTerminal,
  openJoined,
  openSharedDock,
  type SharedDock,
  saidIn,
  startDaemon,
  talk,
} from '../support/codex-daemon.ts';
import { createCodexHome } from '../support/codex-home.ts';
import { type SteeredSession, steered } from '../support/codex-setup.ts';
import { startTestServer } from '../support/server.ts';

let dock: SharedDock;
beforeAll(async () => {
  dock = await openSharedDock();
});
afterAll(() => dock?.[Symbol.asyncDispose]());

async function linkOf(session: SteeredSession) {
  const { link_state, link_reason, engine } = await session.snapshot();
  return { link_state, link_reason, engine };
}

/** Goes back to the newest prompt, which then stands where one types. */
async function takeBack(terminal: CodexTerminal) {
  // On a busy machine the second key may come when the first is forgotten, and a hint be gone before it is seen.
  const isThere = (seen: string) => /rewind/.test(seen);
  const seenSoon = (wanted: RegExp) => terminal.waitFor(wanted, 3_000).catch(() => '');
  let seen = '';
  for (let tries = 0; tries < 10 && !isThere(seen); tries++) {
    await terminal.press('Escape');
    seen = await seenSoon(/esc again|rewind/i);
    if (isThere(seen)) break;
    await terminal.press('Escape');
    seen = await seenSoon(/rewind/);
  }
  expect(seen).toMatch(/rewind/);
  await terminal.press('Enter');
  await terminal.waitFor(/Conversation reverted to this point/);
}

describe('a turn of a terminal', { timeout: 60_000 }, () => {
  it('that its person takes back leaves the session', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    await talk(terminal, session, ['one', 'two', 'three']);
    await takeBack(terminal);
    await expect.poll(() => saidIn(session)).toEqual(answered('one', 'two'));
  });

  it('that its person takes back while the server is down leaves the session too', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    await talk(terminal, session, ['first', 'second']);
    await dock.server.stop();
    await takeBack(terminal);
    await terminal.press('C-u');
    await terminal.prompt('other');
    await terminal.waitFor(/Done\. last user: other/);
    await dock.server.start();
    const again = steered(await dock.client(), session.id);
    await expect.poll(() => saidIn(again), { timeout: 15_000 }).toEqual(answered('first', 'other'));
  });

  it('drops the text that words of a client have cut off', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    await terminal.prompt('please', '!slow 60 100');
    await session.client.waitFor(
      (frame) => frame.type === 'message_appended' && frame.message.message_type === 'assistant',
    );
    await session.ask('steer_turn', { content: 'turn left' });
    await terminal.waitFor(/Done\. last user: turn left/);
    await session.status('waiting');
    expect(await saidIn(session)).toEqual([
      'user: please\n!slow 60 100',
      'steer: turn left',
      'assistant: Done. last user: turn left',
    ]);
  });

  it('shows its plan, its diff and what its person declined', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    await terminal.prompt(
      'please',
      '!plan read;write',
      '!patch {"add":"added.txt"}',
      '!esc touch x',
    );
    await terminal.waitFor(/Would you like to run/);
    await terminal.press('Escape');
    await session.status('waiting');
    const state = await session.snapshot();
    expect(JSON.parse(state.current_plan ?? '')).toMatchObject([
      { step: 'read' },
      { step: 'write' },
    ]);
    expect(state.current_diff ?? state.turn_diffs?.at(-1)?.diff).toContain('added.txt');
    expect(state.messages.at(-1)).toMatchObject({
      message_type: 'tool',
      tool_output: 'Denied',
    });
  });

  it('is called as its person calls its thread', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    await talk(terminal, session, ['to be named']);
    await terminal.type('/rename the new name');
    await terminal.waitFor(/rename the new name/);
    await terminal.press('Enter');
    await expect
      .poll(async () => (await session.snapshot()).custom_name, { timeout: 20_000 })
      .toBe('the new name');
  });
});

it('terminals of two homes, each with its daemon, are sessions of one server', {
  timeout: 90_000,
}, async () => {
  // Homes in which nothing was said: every session is of a terminal of this test.
  await using usual = await createCodexHome(dock.api, { hasTerminals: true });
  await using other = await createCodexHome(dock.api, { hasTerminals: true });
  await using _ofUsual = await startDaemon(usual);
  await using _ofOther = await startDaemon(other);
  const flags = { codexHomes: [other.codexHome] };
  await using server = await startTestServer({ env: usual.env, flags });
  const client = await wsClient(server.url);
  client.send({ type: 'subscribe_list' });
  await client.waitFor((frame) => frame.type === 'sessions_list');
  const commands: (string | null | undefined)[] = [];
  for (const home of [other, usual]) {
    await using terminal = await openCodexTerminal(home);
    // At once: the thread is joined while its first turn begins.
    await terminal.prompt('where am I');
    await terminal.waitFor(/Done\. last user: where am I/);
    const created = await client.waitFor(
      (frame): frame is Extract<Received, { type: 'session_created' }> =>
        frame.type === 'session_created' && frame.session.project_path === home.project,
    );
    const session = steered(client, created.session.id);
    await expect
      .poll(() => linkOf(session), { timeout: 20_000 })
      .toEqual({ link_state: 'attached', engine: 'shared' });
    await expect.poll(async () => (await session.snapshot()).work_status).toBe('waiting');
    await session.say('from the server');
    await terminal.waitFor(/Done\. last user: from the server/);
    await session.idle();
    expect(await saidIn(session)).toEqual(answered('where am I', 'from the server'));
    commands.push((await session.snapshot()).resume_command);
  }
  // The home of the server is the usual one of its user, which needs no name.
  expect(commands).toEqual([
    expect.stringMatching(`^CODEX_HOME=${other.codexHome} codex resume `),
    expect.stringMatching(/^codex resume /),
  ]);
  await client.close();
});
