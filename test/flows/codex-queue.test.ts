/** Words for a thread that is at work: typed into its terminal, or queued by `codex queue` from another shell. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openJoined, openSharedDock, type SharedDock, saidIn } from '../support/codex-daemon.ts';
import { codexRun } from '../support/codex-exec.ts';
import type { SteeredSession } from '../support/codex-setup.ts';

let dock: SharedDock;
beforeAll(async () => {
  dock = await openSharedDock();
});
afterAll(() => dock?.[Symbol.asyncDispose]());

const PATIENT = { timeout: 20_000 };

async function queue({ id }: SteeredSession, message: string): Promise<void> {
  await using run = codexRun(dock.home, ['queue', '--thread', id, '--message', message]);
  expect(await run.over).toBe(0);
}

async function rests(session: SteeredSession, turns: number): Promise<void> {
  await expect
    .poll(async () => {
      const { work_status, turn_count } = await session.snapshot();
      return { work_status, turn_count };
    }, PATIENT)
    .toEqual({ work_status: 'waiting', turn_count: turns });
}

describe('words for a thread that works', { timeout: 60_000 }, () => {
  it('that `codex queue` brings are its next turn, reported once on both sides', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    await terminal.prompt('busy', '!wait queued', '!say over');
    await expect.poll(async () => (await session.snapshot()).work_status).toBe('working');
    await queue(session, 'next in line');
    expect(await saidIn(session)).toEqual(['user: busy\n!wait queued\n!say over']);
    dock.api.open('queued');
    await terminal.waitFor(/Done\. last user: next in line/);
    await rests(session, 2);
    expect(await saidIn(session)).toEqual([
      'user: busy\n!wait queued\n!say over',
      'assistant: over',
      'user: next in line',
      'assistant: Done. last user: next in line',
    ]);
  });

  it('that are typed into its terminal join the turn', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    await terminal.prompt('busy', '!exec sleep 1');
    await session.client.waitFor(
      (frame) => frame.type === 'message_appended' && frame.message.message_type === 'tool',
    );
    await terminal.prompt('another way');
    await terminal.waitFor(/Done\. last user: another way/);
    await rests(session, 1);
    const said = await saidIn(session);
    expect(said.filter((one) => /^(user|steer): another way$/.test(one))).toHaveLength(1);
    expect(said.at(-1)).toBe('assistant: Done. last user: another way');
  });

  it('that are queued in its terminal are its next turn', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    await terminal.prompt('busy', '!wait tab', '!say over');
    await expect.poll(async () => (await session.snapshot()).work_status).toBe('working');
    await terminal.type('later');
    await terminal.waitFor(/› later/);
    await terminal.press('Tab');
    await terminal.waitFor((screen) => !/› later/.test(screen));
    dock.api.open('tab');
    await terminal.waitFor(/Done\. last user: later/);
    await rests(session, 2);
    expect((await saidIn(session)).slice(1)).toEqual([
      'assistant: over',
      'user: later',
      'assistant: Done. last user: later',
    ]);
  });
});

it('words that `codex queue` brings to a thread at rest are its next turn at once', async () => {
  const { terminal, session } = await openJoined(dock);
  await using _ = terminal;
  await terminal.prompt('first');
  await terminal.waitFor(/Done\. last user: first/);
  await rests(session, 1);
  await queue(session, 'from another shell');
  await terminal.waitFor(/Done\. last user: from another shell/);
  await rests(session, 2);
  expect((await saidIn(session)).slice(2)).toEqual([
    'user: from another shell',
    'assistant: Done. last user: from another shell',
  ]);
}, 60_000);
