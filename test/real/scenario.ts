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
  /** Presses a key. In a dialog: again until the dialog has changed, since newer versions take none at first. */
  press(key: string): Promise<void>;
  /**
   * Decides a dialog: waits until it stands on the screen, and presses the key until it does no more. Whatever a
   * test says about what comes then is about a decision that the CLI has taken.
   *
   * @param asks  what the dialog shows, where several may follow each other
   */
  decide(key: string, asks?: RegExp): Promise<void>;
  /** Moves down in a dialog until this choice is marked. */
  choose(choice: RegExp, asks?: RegExp): Promise<void>;
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
export interface Scenario<L extends Listener> extends AsyncDisposable {
  readonly api: FakeMessagesApi;
  readonly listener: L;
  readonly home: ClaudeHome;
  /** A file in the project, readable without permission. */
  readonly notes: string;
  print(prompt: string): Promise<PrintedRun>;
  /**
   * @param env  what it knows beside its home's own environment
   * @param words  further words of its command line
   */
  openClaude(
    env?: Readonly<Record<string, string>>,
    words?: readonly string[],
  ): Promise<ClaudeTerminal>;
}

/** Sets up a stage. The first call of all installs the CLI, which may take a minute. */
export async function openScenario<L extends Listener>(
  listen: () => Promise<L>,
): Promise<Scenario<L>> {
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
    openClaude: async (env = {}, words = []) =>
      keep(await openClaude([binary, ...words], { ...home, env: { ...home.env, ...env } })),
    async [Symbol.asyncDispose]() {
      // Newest first: the CLI still uses the API and the listener while it ends.
      for (const part of parts) await part[Symbol.asyncDispose]();
    },
  };
}

const PLANS = /plan mode on/;
/** What marks the choice that Enter takes; a prompt is marked too, but bears no number. */
const MARKED = /^ *❯ (\d)\. /m;
/** Which choice is marked. */
const markedOn = (screen: string): string | undefined => MARKED.exec(screen)?.[1];

/**
 * The dialog on a screen, or null where there is none: from the line above it to its last choice. The tip in it comes
 * and goes without any key.
 */
function dialogOn(screen: string): string | null {
  if (!MARKED.test(screen)) return null;
  const lines = screen.split('\n').filter((line) => !line.startsWith(' Tip:'));
  const first = lines.findLastIndex((line) => /^ *(❯ )?1\. /.test(line));
  const last = lines.findLastIndex((line) => /^ *(❯ )?\d\. /.test(line));
  const above = lines.findLastIndex((line, at) => at < first && /^─{20}/.test(line));
  return lines.slice(above + 1, last + 1).join('\n');
}

/** What it asks, whichever choice is marked. */
const askedIn = (dialog: string): string => dialog.replaceAll('❯', ' ');

/** So long a key may take until the screen shows it, on a busy machine, ms. */
const TAKEN_WITHIN_MS = 1500;

const repeated = (act: () => Promise<unknown>) =>
  vi.waitFor(act, { timeout: 20_000, interval: 50 });

async function openClaude(words: readonly string[], home: ClaudeHome): Promise<ClaudeTerminal> {
  const terminal = await openTerminal({
    // Explicit, since newer versions start in a mode that asks far less.
    command: [...words, '--permission-mode', 'default'],
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
  const press = async (key: string): Promise<void> => {
    const before = dialogOn(await terminal.screen());
    await terminal.press(key);
    if (before === null) return;
    const isTaken = (screen: string) => dialogOn(screen) !== before;
    await repeated(async () => {
      const taken = await terminal.waitFor(isTaken, TAKEN_WITHIN_MS).catch(() => null);
      if (taken !== null) return;
      await terminal.press(key);
      throw new Error(`${key} changed nothing on:\n${before}`);
    });
  };
  return {
    ...terminal,
    say,
    press,
    async decide(key, asks = MARKED) {
      const shown = await terminal.waitFor((screen) => MARKED.test(screen) && asks.test(screen));
      const asked = askedIn(dialogOn(shown) ?? '');
      const isGone = (screen: string) => askedIn(dialogOn(screen) ?? '') !== asked;
      await repeated(async () => {
        const screen = await terminal.screen();
        if (isGone(screen)) return;
        // A key in its first moments marks the last choice on newer versions: Enter would then take that.
        const isMoved = key === 'Enter' && markedOn(screen) !== markedOn(shown);
        await terminal.press(isMoved ? (markedOn(shown) ?? key) : key);
        await terminal.waitFor(isGone, TAKEN_WITHIN_MS);
        // The screen may have been read while it was drawn anew.
        await pause(100);
        await terminal.waitFor(isGone, 0);
      });
    },
    async choose(choice, asks = MARKED) {
      await terminal.waitFor((screen) => MARKED.test(screen) && asks.test(screen));
      const isMarked = (screen: string) =>
        screen.split('\n').some((line) => MARKED.test(line) && choice.test(line));
      for (let left = 10; !isMarked(await terminal.screen()); left -= 1) {
        if (left === 0) throw new Error(`${choice} is no choice on:\n${await terminal.screen()}`);
        await press('Down');
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
