/**
 * A terminal, clients and the daemon at the points where one of them comes late, goes or is killed: what clients show
 * is what the terminal shows.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type CodexTerminal,
  openCodexTerminal,
  openJoined,
  openSharedDock,
  type SharedDock,
  saidIn,
  startDaemon,
} from '../support/codex-daemon.ts';
import { createSteered, type SteeredSession, steered } from '../support/codex-setup.ts';
import { rowsOf } from '../support/database.ts';

let dock: SharedDock;
beforeAll(async () => {
  dock = await openSharedDock();
});
afterAll(() => dock?.[Symbol.asyncDispose]());

const PATIENT = { timeout: 20_000 };
const DIALOG = /Would you like to run/;

/** Says yes to the dialog of a terminal; a key that comes before it takes any is lost. */
async function allow(terminal: Pick<CodexTerminal, 'waitFor' | 'press'>): Promise<void> {
  await terminal.waitFor(DIALOG);
  const isGone = () => terminal.waitFor((screen) => !DIALOG.test(screen), 2000);
  await vi.waitFor(
    async () => {
      await terminal.press('y');
      await isGone();
    },
    { timeout: 15_000 },
  );
}

let files = 0;
/** A path that the sandbox protects. */
const outside = () => join(dock.home.codexHome, `side-${files++}`);

const status = async (session: SteeredSession) => (await session.snapshot()).work_status;
const rests = (session: SteeredSession) =>
  expect.poll(() => status(session), PATIENT).toBe('waiting');

describe('a request of a terminal', { timeout: 60_000 }, () => {
  it('is there for a client that comes later, which can answer it', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    const path = outside();
    await terminal.prompt('late client', `!esc touch ${path}`);
    const { id } = await session.request();
    const late = steered(await dock.client(), session.id);
    expect((await late.snapshot()).pending_approval).toMatchObject({ id });
    expect(await late.settle(id, { decision: 'approved' })).toMatchObject({ type: 'ack' });
    expect(await terminal.waitFor(/Done\. last user: late client/)).not.toMatch(DIALOG);
    await rests(session);
    expect(existsSync(path)).toBe(true);
  });

  it('that was open before the server started is found, and denied from here', async () => {
    await dock.server.stop();
    await using terminal = await openCodexTerminal(dock.home);
    const path = outside();
    await terminal.prompt('before the server', `!esc touch ${path}`);
    await terminal.waitFor(DIALOG);
    await dock.server.start();
    const row = () =>
      rowsOf<{ id: string }>(
        dock.server.paths,
        `SELECT id FROM sessions WHERE first_prompt LIKE 'before the server%'`,
      )[0];
    await expect.poll(row, PATIENT).toBeDefined();
    const session = steered(await dock.client(), row()?.id ?? '');
    await expect.poll(() => status(session), PATIENT).toBe('permission');
    const { pending_approval: pending } = await session.snapshot();
    await session.settle(pending?.id ?? '', { decision: 'denied' });
    expect(await terminal.waitFor(/Done\. last user: before the server/)).not.toMatch(DIALOG);
    await rests(session);
    expect(existsSync(path)).toBe(false);
    expect((await saidIn(session)).filter((one) => one.startsWith('user: '))).toHaveLength(1);
  });

  it('closes in both terminals of its thread when one of them answers', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    await terminal.prompt('one');
    await terminal.waitFor(/Done\. last user: one/);
    await using second = await openCodexTerminal(dock.home, ['resume', session.id]);
    const path = outside();
    await terminal.prompt('two terminals', `!esc touch ${path}`);
    await session.request();
    await terminal.waitFor(DIALOG);
    await allow(second);
    for (const one of [terminal, second]) {
      expect(await one.waitFor(/Done\. last user: two terminals/)).not.toMatch(DIALOG);
    }
    await rests(session);
    expect(existsSync(path)).toBe(true);
    expect((await saidIn(session)).filter((one) => one.startsWith('tool: '))).toHaveLength(1);
  });

  it('of a session that was begun here is answered in the terminal that has opened it', async () => {
    const client = await dock.client();
    const session = await createSteered(client, { cwd: dock.home.project, engine: 'shared' });
    await session.say('ours');
    await session.idle();
    const { resume_command: command } = await session.snapshot();
    const words = (command ?? '').split(' ').slice(1);
    await using terminal = await openCodexTerminal(dock.home, words);
    await terminal.waitFor(/Done\. last user: ours/);
    const path = outside();
    await session.say('asked from here', `!esc touch ${path}`);
    const { id } = await session.request();
    await allow(terminal);
    await terminal.waitFor(/Done\. last user: asked from here/);
    await rests(session);
    expect(existsSync(path)).toBe(true);
    expect(await session.settle(id, { decision: 'denied' })).toMatchObject({
      code: 'already_resolved',
    });
  });

  it('for an answer in words is answered in the terminal, and the client learns it', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    await terminal.prompt('ask me', '!ask Which one');
    const { id, questions } = await session.request();
    // The question itself stands in the prompt, too; a key before the form is there is lost.
    const label = questions?.[0]?.options[0]?.label ?? '';
    await terminal.waitFor((screen) => label !== '' && screen.includes(label));
    await terminal.press('Enter');
    await terminal.waitFor(/Done\. last user: ask me/);
    await rests(session);
    expect(await session.settle(id, { answer: 'late' })).toMatchObject({
      code: 'already_resolved',
    });
  });
});

describe('a turn of a terminal', { timeout: 60_000 }, () => {
  it('that its person stops while text comes is stopped here, too', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    await terminal.prompt('stop me', '!slow 200 100');
    await session.client.waitFor(
      (frame) => frame.type === 'message_appended' && frame.message.message_type === 'assistant',
    );
    await terminal.press('Escape');
    await terminal.waitFor(/interrupted/i);
    await rests(session);
    await terminal.press('C-u');
    await terminal.prompt('and on');
    await terminal.waitFor(/Done\. last user: and on/);
    await rests(session);
    expect((await saidIn(session)).slice(-2)).toEqual([
      'user: and on',
      'assistant: Done. last user: and on',
    ]);
  });

  it('goes on when the terminal is killed in the middle of its text', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    await terminal.prompt('killed', '!slow 20 100');
    await session.client.waitFor(
      (frame) => frame.type === 'message_appended' && frame.message.message_type === 'assistant',
    );
    await terminal.kill();
    await rests(session);
    expect((await saidIn(session)).slice(1)).toEqual([expect.stringMatching(/w0 .*w19/)]);
  });

  it.each([
    ['text', '!slow 200 100', 'assistant'],
    ['a command', '!exec sleep 60', 'tool'],
  ])(
    'is over when the daemon is killed in the middle of %s, and the next one works',
    async (name, line, type) => {
      const { terminal, session } = await openJoined(dock);
      await using _ = terminal;
      await terminal.prompt(`cut off in ${name}`, line);
      await session.client.waitFor(
        (frame) => frame.type === 'message_appended' && frame.message.message_type === type,
      );
      await dock.daemon.kill();
      await rests(session);
      // Its socket and the lock of its thread go at the same moment: either may be seen first.
      expect((await saidIn(session)).at(-1)).toMatch(
        /Interrupted: the (shared Codex daemon|process that went on with it) is gone/,
      );
      dock.daemon = await startDaemon(dock.home);
      await using second = await openCodexTerminal(dock.home, ['resume', session.id]);
      await vi.waitFor(async () => {
        expect((await session.snapshot()).link_state).toBe('attached');
      }, PATIENT);
      await second.prompt('once more');
      await second.waitFor(/Done\. last user: once more/);
      await expect
        .poll(async () => (await saidIn(session)).slice(-2), PATIENT)
        .toEqual(['user: once more', 'assistant: Done. last user: once more']);
      expect((await saidIn(session)).filter((one) => one.startsWith('user: '))).toHaveLength(2);
    },
  );
});
