/**
 * What every scenario needs: the real CLI, a fake API, a scratch home with hooks installed, and a listener
 * that receives them. Who listens is the test's choice: the recorder, or a server.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { vi } from 'vitest';
import { type FakeMessagesApi, startFakeMessagesApi } from '../support/fake-messages-api.ts';
import {
  type ClaudeHome,
  createClaudeHome,
  installClaude,
  type PrintedRun,
  printClaude,
} from '../support/real-claude.ts';
import { openTerminal, type Terminal } from '../support/terminal.ts';

/** An interactive `claude`. */
interface ClaudeTerminal extends Terminal {
  /** Types a prompt or command and sends it once it stands on the screen. */
  say(text: string): Promise<void>;
  /** Presses Enter in a dialog until the screen shows this: newer versions take no key in its first moments. */
  confirm(wanted: RegExp): Promise<void>;
  /** Goes through the modes to that of plans. */
  enterPlanMode(): Promise<void>;
  /** `/exit`, and waits for the end. */
  leave(): Promise<number>;
}

/** Whoever receives the hooks of a home. */
export interface Listener extends AsyncDisposable {
  /** Puts its hooks into that home's settings; before the CLI starts there. */
  installIn(home: ClaudeHome): Promise<void>;
}

/** One scenario's world; disposing of it ends all that it started. */
export interface Stage<L extends Listener> extends AsyncDisposable {
  readonly api: FakeMessagesApi;
  readonly listener: L;
  readonly home: ClaudeHome;
  /** A file in the project, readable without permission. */
  readonly notes: string;
  print(prompt: string): Promise<PrintedRun>;
  /** @param env  what it knows beside its home's own environment */
  openClaude(env?: Readonly<Record<string, string>>): Promise<ClaudeTerminal>;
}

/** Sets up a stage. The first call of all installs the CLI, which may take a minute. */
export async function openStage<L extends Listener>(listen: () => Promise<L>): Promise<Stage<L>> {
  const binary = await installClaude();
  const parts: AsyncDisposable[] = [];
  const keep = <T extends AsyncDisposable>(part: T): T => {
    parts.unshift(part);
    return part;
  };
  const api = keep(await startFakeMessagesApi());
  const listener = keep(await listen());
  const home = keep(await createClaudeHome(api.url));
  await listener.installIn(home);
  const notes = join(home.project, 'notes.txt');
  await writeFile(notes, 'buy milk\n');
  return {
    api,
    listener,
    home,
    notes,
    print: (prompt) => printClaude(binary, home, prompt),
    openClaude: async (env = {}) =>
      keep(await openClaude(binary, { ...home, env: { ...home.env, ...env } })),
    async [Symbol.asyncDispose]() {
      // Newest first: the CLI still speaks to the API and the listener while it ends.
      for (const part of parts) await part[Symbol.asyncDispose]();
    },
  };
}

const PLANS = /plan mode on/;
const DIALOG = /❯ 1\. Yes/;

const repeated = (act: () => Promise<unknown>) =>
  vi.waitFor(act, { timeout: 20_000, interval: 50 });

async function openClaude(binary: string, home: ClaudeHome): Promise<ClaudeTerminal> {
  const terminal = await openTerminal({
    // Explicit, since newer versions start in a mode that asks far less.
    command: [binary, '--permission-mode', 'default'],
    env: home.env,
    cwd: home.project,
  });
  try {
    await terminal.waitFor(/^❯/m);
  } catch (error) {
    // Nobody else knows of it yet.
    await terminal.close();
    throw error;
  }
  const say = async (text: string): Promise<void> => {
    await terminal.type(text);
    await terminal.waitFor((screen) => screen.includes(`❯ ${text}`));
    await terminal.press('Enter');
  };
  return {
    ...terminal,
    say,
    async press(key) {
      const shown = await terminal.screen();
      await terminal.press(key);
      if (!DIALOG.test(shown)) return;
      // Newer versions take no key for a moment after they have shown a dialog.
      const isTaken = () => terminal.waitFor((screen) => screen !== shown, 700);
      for (let left = 5; left > 0; left -= 1) {
        const taken = await isTaken().catch(() => null);
        if (taken !== null) return;
        await terminal.press(key);
      }
    },
    async confirm(wanted) {
      await repeated(async () => {
        await terminal.press('Enter');
        await terminal.waitFor(wanted, 3000);
      });
    },
    async enterPlanMode() {
      // A key that comes late on a busy machine leads one mode too far: then once more around.
      await repeated(async () => {
        if (!PLANS.test(await terminal.screen())) await terminal.press('BTab');
        await pause(500);
        await terminal.waitFor(PLANS, 0);
      });
    },
    async leave() {
      await say('/exit');
      return terminal.waitForExit();
    },
  };
}
