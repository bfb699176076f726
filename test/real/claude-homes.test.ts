/**
 * Two Claude homes of one person, as `CLAUDE_CONFIG_DIR` makes them, one of them behind a link: the real CLI in each
 * is seen, by its hooks, its registry and its transcript, and no session is there twice.
 *
 * Run by .ci/run, not by `npm test`: it installs the CLI and builds the server.
 */
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Message } from '../../src/protocol/nouns.ts';
import { startServerOfHomes } from './built-server.ts';
import { openScenario } from './scenario.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'odh-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));

interface Listed {
  id: string;
  first_prompt?: string;
  status: string;
  work_status: string;
}

/** The process of the only CLI that lives in a Claude home. */
function pidIn(home: string): number {
  const sessions = join(home, 'sessions');
  const [name = ''] = readdirSync(sessions).filter((file) => file.endsWith('.json'));
  return Number(JSON.parse(readFileSync(join(sessions, name), 'utf8')).pid);
}

test('sessions of two homes are seen, one of them behind a link, and none twice', async () => {
  const [work, real, link] = ['work', 'real', 'link'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const home of [work, real]) mkdirSync(home);
  symlinkSync(real, link);
  // Named by its link and as it is: one home all the same.
  await using stage = await openScenario(() => startServerOfHomes([work, link, real]));
  const { url } = stage.listener;
  for (const home of [work, real])
    copyFileSync(join(stage.home.home, '.claude.json'), join(home, '.claude.json'));
  const sessions = async (): Promise<Listed[]> => {
    const answer = await fetch(`${url}/api/sessions?all=1`);
    return ((await answer.json()) as { sessions: Listed[] }).sessions;
  };
  const conversation = async (id: string): Promise<string[]> => {
    const answer = await fetch(`${url}/api/sessions/${id}/messages`);
    const { messages } = (await answer.json()) as { messages: Message[] };
    return messages.map(({ content }) => content);
  };
  for (const name of ['work', 'link']) {
    const read = { name: 'Read', input: { file_path: stage.notes } };
    stage.api.script(`play ${name}.`, [
      { text: `I read for ${name}.`, tools: [read] },
      { text: `Read for ${name}.` },
    ]);
  }

  for (const [name, home] of [
    ['work', work],
    ['link', link],
  ] as const) {
    await using claude = await stage.openClaude({ CLAUDE_CONFIG_DIR: home });
    await claude.say(`play ${name}.`);
    await claude.waitFor(new RegExp(`Read for ${name}\\.`));
    const shown = await vi.waitFor(
      async () => {
        const own = (await sessions()).filter(({ first_prompt }) => first_prompt?.includes(name));
        expect(own).toMatchObject([{ status: 'active', work_status: 'waiting' }]);
        return own[0] as Listed;
      },
      { timeout: 20_000, interval: 100 },
    );
    // What it says between its tools stands in its transcript only.
    await vi.waitFor(
      async () =>
        expect(await conversation(shown.id)).toEqual([
          `play ${name}.`,
          `I read for ${name}.`,
          stage.notes,
          `Read for ${name}.`,
        ]),
      { timeout: 20_000, interval: 100 },
    );
    // Killed, only its registry file and its process show the end.
    process.kill(pidIn(home), 'SIGKILL');
    await claude.waitForExit().catch(() => undefined);
    await vi.waitFor(
      async () =>
        expect((await sessions()).find(({ id }) => id === shown.id)?.status).toBe('ended'),
      { timeout: 20_000, interval: 100 },
    );
  }
  expect(await sessions()).toHaveLength(2);
});
