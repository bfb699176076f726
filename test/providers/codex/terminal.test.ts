/** The real `codex` in a terminal, without a daemon: what its rollout and its trusted hooks make of it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runCli } from '../../../src/cli/index.ts';
import { findCodexBinary } from '../../../src/providers/codex/engine/binary.ts';
import { type CodexSetup, openCodexSetup } from '../../support/codex-setup.ts';
import { rowsOf } from '../../support/database.ts';
import { installHookScript } from '../../support/server.ts';
import { openTerminal, type Terminal } from '../../support/terminal.ts';

let dock: CodexSetup;
beforeAll(async () => {
  dock = await openCodexSetup({ tables: `[projects."/"]\ntrust_level = "trusted"` });
  await installHookScript(dock.server.paths, dock.server.url);
});
afterAll(() => dock[Symbol.asyncDispose]());

async function command(...words: string[]): Promise<string> {
  let text = '';
  const out = new Writable({
    write(chunk, _, done) {
      text += chunk;
      done();
    },
  });
  const argv = ['--data-dir', dock.server.paths.dir, ...words];
  const code = await runCli(argv, { env: { ...dock.home.env }, stdout: out, stderr: out });
  expect(code).toBe(0);
  return text;
}

async function openCodex(): Promise<Terminal> {
  const words = ['--disable', 'daemon_auto_start', '-C', dock.home.project];
  const env = { ...dock.home.env, TERM: 'xterm-256color' };
  const command = [findCodexBinary().path, ...words];
  for (let left = 3; ; left -= 1) {
    const terminal = await openTerminal({ command, env, cwd: dock.home.project });
    // Of two Codex that make the databases of a new home at the same moment one ends: the other is the server's.
    const shown = await terminal.waitFor(/need review|existing model|for shortcuts|codex doctor/);
    if (!/codex doctor/.test(shown) || left === 0) return terminal;
    await terminal.close();
  }
}

/** A line that begins with `!` would be a command of the shell: it stands second. */
async function say(terminal: Terminal, script: string): Promise<void> {
  await terminal.type('go');
  await terminal.press('C-j');
  await terminal.type(script);
  await terminal.waitFor((screen) => screen.includes(script));
  await terminal.press('Enter');
}

interface Row {
  work_status: string;
  status: string;
  end_reason: string | null;
}
const row = () =>
  rowsOf<Row>(dock.server.paths, 'SELECT work_status, status, end_reason FROM sessions')[0];

/** Goes through what Codex asks at its first start in a home, in whichever order it asks. */
async function trustHooks(terminal: Terminal): Promise<void> {
  // It offers a newer model than the one that is set.
  const seconds = [/2\. Trust all/, /2\. Use existing/];
  for (let left = seconds.length; left > 0; left -= 1) {
    const shown = await terminal.waitFor(new RegExp(seconds.map(({ source }) => source).join('|')));
    const second = seconds.find((one) => one.test(shown)) as RegExp;
    const isChosen = new RegExp(`› ${second.source}`);
    // A dialog takes no key in its first moments.
    await vi.waitFor(
      async () => {
        if (!isChosen.test(await terminal.screen())) await terminal.press('Down');
        await terminal.waitFor(isChosen, 500);
      },
      { timeout: 20_000 },
    );
    await terminal.press('Enter');
    await terminal.waitFor((screen) => !second.test(screen));
  }
  await terminal.waitFor(/for shortcuts/);
}

const decisions = () =>
  rowsOf<{ decision: string | null }>(
    dock.server.paths,
    'SELECT decision FROM approval_history ORDER BY id',
  ).map(({ decision }) => decision);

describe('codex in a terminal', () => {
  it('shows its dialog when its hooks are trusted, is never held up by them, and is over when it is left', async () => {
    expect(await command('install-hooks', '--codex')).toContain('trusted');
    const terminal = await openCodex();
    try {
      await trustHooks(terminal);
      const outside = join(dock.home.codexHome, '../outside');
      await say(terminal, `!esc touch ${outside}`);
      await terminal.waitFor(/Yes, proceed/);
      await expect.poll(row).toMatchObject({ work_status: 'permission' });
      await terminal.press('Escape');
      await expect.poll(row).toMatchObject({ work_status: 'waiting' });
      await terminal.waitFor(/for shortcuts|interrupted/i);
      await say(terminal, `!esc touch ${outside}2`);
      await terminal.waitFor(/Yes, proceed/);
      await expect.poll(row).toMatchObject({ work_status: 'permission' });
      await terminal.press('Enter');
      await expect.poll(row).toMatchObject({ work_status: 'waiting' });
      expect(decisions()).toEqual(['cancelled', 'approved']);
      await terminal.type('/quit');
      await terminal.waitFor(/exit Codex/);
      await terminal.press('Enter');
      await expect.poll(row).toMatchObject({ status: 'ended', end_reason: 'exited' });
    } finally {
      await terminal.close();
    }
    expect(await command('uninstall-hooks')).toContain('hooks.json');
    // It was not there before.
    expect(existsSync(join(dock.home.codexHome, 'hooks.json'))).toBe(false);
  }, 90_000);
});
