/**
 * `install-hooks`: makes Claude Code call our hook.sh, by changing Claude Code's settings.json. Nothing is written
 * when our entries are right already.
 */
import { join, resolve } from 'node:path';
import { Option } from 'clipanion';
import { EXIT, ExitError } from '../exit.ts';
import { OrbitCommand } from './command.ts';
import {
  CODEX_HOOK_EVENTS,
  hasAllHooks,
  hasHookScript,
  mergeHooks,
  writeHookScript,
  writeHookSecret,
} from './hook-files.ts';
import { readSettings, restoreSettings, writeSettings } from './settings-file.ts';
import { changedSettings, forgetBefore, noteBefore, withoutOurs } from './settings-undo.ts';
import { addTelemetry, forgetTelemetry } from './telemetry-env.ts';

/** Merges our hooks into Claude Code's user settings. */
export class InstallHooksCommand extends OrbitCommand {
  static override paths = [['install-hooks']];
  static override usage = OrbitCommand.Usage({
    description: 'Merge OrbitDock hooks into ~/.claude/settings.json',
    details: `
      Hooks of yours and of other tools stay as they are. A file that is about to change is first copied
      to \`settings.json.orbitdock-bak-N\`. A file that is not valid JSON is left alone.

      Running sessions of Claude Code take the hooks up by themselves.

      What a session asks in its terminal can then be answered from here too, while its own dialog stays open:
      the first answer decides. Messages to a session reach it when its turn ends. With \`--no-answers\` only the
      terminal answers, and no message reaches it.

      With \`--telemetry\` sessions that start from then on also send their telemetry here: who decided each
      request, and what the model's answers cost. No prompts, answers or inputs are in it. It is refused where
      telemetry is exported already.

      With \`--codex\` it is Codex that calls the script: a dialog that is open in a terminal is shown, and a turn
      that is cut off is reported at once. Codex asks once whether you trust them. They answer nothing.
    `,
    examples: [
      ['Install for all projects', '$0 install-hooks'],
      ['Install for Codex', '$0 install-hooks --codex'],
      ['Install for one project', '$0 install-hooks --settings-path .claude/settings.local.json'],
    ],
  });

  settingsPath = Option.String('--settings-path', {
    description: 'Settings file other than the one of CLAUDE_CONFIG_DIR or ~/.claude',
  });

  codex = Option.Boolean('--codex', false, {
    description: 'Install Codex hooks into hooks.json of CODEX_HOME or ~/.codex instead',
  });

  answers = Option.Boolean('--answers', true, {
    description:
      'Let clients answer and write to sessions in their terminals; --no-answers leaves it out',
  });

  telemetry = Option.Boolean('--telemetry', false, {
    description:
      'Also have Claude Code send its telemetry here: who decided a request, and what a session costs',
  });

  protected async run(): Promise<number> {
    const paths = this.directory();
    const { hookScript } = paths;
    if (!hasHookScript(paths)) {
      const sentence = `Hook script not found at ${hookScript}. Run \`${this.commandLine('init')}\` first.`;
      throw new ExitError(EXIT.failure, sentence);
    }
    // An `init` of before made none, and a script that knows less than what is registered.
    writeHookSecret(paths);
    writeHookScript(paths);
    const ofCodex = codexHooksPath(this.context.env, this.home());
    const own = this.codex ? ofCodex : settingsPath(this.context.env, this.home());
    const path = this.settingsPath || own;
    const file = await readSettings(path);
    // Before the hooks are in: what an earlier install found is what shall come back.
    const before = await withoutOurs(paths, file);
    const { added, updated, removed } = this.codex
      ? mergeHooks(file.settings, hookScript, false, CODEX_HOOK_EVENTS)
      : mergeHooks(file.settings, hookScript, this.answers);
    const around = { env: this.context.env, cwd: process.cwd() };
    const variables = this.telemetry ? addTelemetry(file.settings, { paths, path, around }) : [];
    if (added.length + updated.length + removed.length + variables.length === 0) {
      this.printLine(
        '',
        '  Added 0 hook(s): all of them are there',
        '',
        `  Settings unchanged: ${path}`,
      );
    } else {
      const { backup, text, made } = await writeSettings(file);
      noteBefore(paths, { path, before: before.text, after: text, made });
      if (backup !== null) this.printLine(`  Backed up ${path} → ${backup}`);
      this.printLine(
        '',
        ...list('Added', '+', added),
        ...list('Updated', '~', updated),
        ...list('Removed', '-', removed),
      );
      if (variables.length > 0) this.printLine(...variables.map((name) => `    + env.${name}`));
      this.printLine('', `  Settings written to ${path}`);
    }
    if (this.codex && added.length + updated.length > 0) {
      this.printLine(
        '',
        '  Codex runs none of them before you have trusted them: start `codex` in a terminal',
      );
      this.printLine('  once, and say yes where it shows that hooks need review.');
    }
    if (file.settings.disableAllHooks === true) {
      this.printLine('  Note: `disableAllHooks` is set there, so Claude Code runs none of them');
    }
    this.printLine('');
    return EXIT.ok;
  }
}

/** Takes our hooks out of Claude Code's user settings. */
export class UninstallHooksCommand extends OrbitCommand {
  static override paths = [['uninstall-hooks']];
  static override usage = OrbitCommand.Usage({
    description: "Take OrbitDock hooks out of ~/.claude/settings.json and Codex's hooks.json",
    details: `
      Removes the entries that run the hook script of this data directory and nothing else. A file that nobody has
      changed since is as it was before, byte for byte; one that was not there goes, and so do the copies that
      \`install-hooks\` made.
    `,
    examples: [['Remove them', '$0 uninstall-hooks']],
  });

  settingsPath = Option.String('--settings-path', {
    description: 'Settings file other than the one of CLAUDE_CONFIG_DIR or ~/.claude',
  });

  protected async run(): Promise<number> {
    const { env } = this.context;
    const paths = this.directory();
    const known = [settingsPath(env, this.home()), codexHooksPath(env, this.home())].map((path) =>
      resolve(path),
    );
    const all = new Set([...known, ...changedSettings(paths)]);
    let hadVariables = false;
    for (const path of this.settingsPath ? [this.settingsPath] : all) {
      hadVariables = (await this.#clear(path)) || hadVariables;
    }
    // Another file may have them still.
    if (!this.settingsPath || hadVariables) forgetTelemetry(paths);
    return EXIT.ok;
  }

  /** @returns whether variables of ours were in it */
  async #clear(path: string): Promise<boolean> {
    const file = await readSettings(path);
    const paths = this.directory();
    const { hooks, variables, text } = await withoutOurs(paths, file);
    if (hooks.length + variables.length === 0) {
      forgetBefore(paths, file);
      if (file.text === null && path.endsWith('hooks.json')) return false;
      this.printLine('', `  Removed 0 hook(s): none of ours is in ${path}`, '');
      return false;
    }
    restoreSettings(file, text);
    forgetBefore(paths, file);
    this.printLine(
      '',
      ...list('Removed', '-', hooks),
      ...variables.map((name) => `    - env.${name}`),
    );
    this.printLine(
      '',
      text === null ? `  ${path} is gone, as before` : `  Settings written to ${path}`,
      '',
    );
    return variables.length > 0;
  }
}

/** The user's settings file, where Claude Code itself looks for it. */
export function settingsPath(env: Record<string, string | undefined>, home: string): string {
  return join(env.CLAUDE_CONFIG_DIR || join(home, '.claude'), 'settings.json');
}

/** The user's hooks of Codex, where Codex itself looks for them. */
function codexHooksPath(env: Record<string, string | undefined>, home: string): string {
  return join(env.CODEX_HOME || join(home, '.codex'), 'hooks.json');
}

/** Whether Claude Code is set up to call this script; false when that is not known. */
export async function isListeningTo(path: string, hookScript: string): Promise<boolean> {
  try {
    const { settings } = await readSettings(path);
    return hasAllHooks(settings, hookScript);
  } catch {
    // It only decides which next step is named; install-hooks will say what is wrong.
    return false;
  }
}

function list(verb: string, sign: string, events: string[]): string[] {
  if (events.length === 0) return [];
  return [
    `  ${verb} ${events.length} hook(s):`,
    ...events.map((event) => `    ${sign} hooks.${event}`),
  ];
}
