/**
 * `install-hooks`: makes Claude Code call our hook.sh. Changes nothing but our own entries in the
 * settings, and nothing at all when they are already right.
 */
import { join } from 'node:path';
import { Option } from 'clipanion';
import { EXIT, ExitError } from '../exit.ts';
import { OrbitCommand } from './command.ts';
import { hasHookScript, writeHookSecret } from './hook-files.ts';
import { hasAllHooks, mergeHooks, removeHooks } from './hook-settings.ts';
import { readSettings, writeSettings } from './settings-file.ts';

/** Merges our hooks into Claude Code's user settings. */
export class InstallHooksCommand extends OrbitCommand {
  static override paths = [['install-hooks']];
  static override usage = OrbitCommand.Usage({
    description: 'Merge OrbitDock hooks into ~/.claude/settings.json',
    details: `
      Hooks of yours and of other tools stay as they are. A file that is about to change is first copied
      to \`settings.json.orbitdock-bak-N\`. A file that is not valid JSON is left alone.

      Running sessions of Claude Code take the hooks up by themselves.
    `,
    examples: [
      ['Install for all projects', '$0 install-hooks'],
      ['Install for one project', '$0 install-hooks --settings-path .claude/settings.local.json'],
    ],
  });

  settingsPath = Option.String('--settings-path', {
    description: 'Settings file other than the one of CLAUDE_CONFIG_DIR or ~/.claude',
  });

  protected async run(): Promise<number> {
    const paths = this.directory();
    const { hookScript } = paths;
    if (!hasHookScript(paths)) {
      const sentence = `Hook script not found at ${hookScript}. Run \`${this.commandLine('init')}\` first.`;
      throw new ExitError(EXIT.failure, sentence);
    }
    // An `init` of before made none.
    writeHookSecret(paths);
    const path = this.settingsPath || settingsPath(this.context.env, this.home());
    const file = await readSettings(path);
    const { added, updated } = mergeHooks(file.settings, hookScript);
    if (added.length + updated.length === 0) {
      this.say('', '  Added 0 hook(s): all of them are there', '', `  Settings unchanged: ${path}`);
    } else {
      const backup = await writeSettings(file);
      if (backup !== null) this.say(`  Backed up ${path} → ${backup}`);
      this.say('', ...list('Added', '+', added), ...list('Updated', '~', updated));
      this.say('', `  Settings written to ${path}`);
    }
    if (file.settings.disableAllHooks === true) {
      this.say('  Note: `disableAllHooks` is set there, so Claude Code runs none of them');
    }
    this.say('');
    return EXIT.ok;
  }
}

/** Takes our hooks out of Claude Code's user settings. */
export class UninstallHooksCommand extends OrbitCommand {
  static override paths = [['uninstall-hooks']];
  static override usage = OrbitCommand.Usage({
    description: 'Take OrbitDock hooks out of ~/.claude/settings.json',
    details: `
      Removes the entries that run the hook script of this data directory and nothing else. The file is
      first copied to \`settings.json.orbitdock-bak-N\`.
    `,
    examples: [['Remove them', '$0 uninstall-hooks']],
  });

  settingsPath = Option.String('--settings-path', {
    description: 'Settings file other than the one of CLAUDE_CONFIG_DIR or ~/.claude',
  });

  protected async run(): Promise<number> {
    const path = this.settingsPath || settingsPath(this.context.env, this.home());
    const file = await readSettings(path);
    const removed = removeHooks(file.settings, this.directory().hookScript);
    if (removed.length === 0) {
      this.say('', `  Removed 0 hook(s): none of ours is in ${path}`, '');
      return EXIT.ok;
    }
    const backup = await writeSettings(file);
    this.say(`  Backed up ${path} → ${backup}`, '', ...list('Removed', '-', removed));
    this.say('', `  Settings written to ${path}`, '');
    return EXIT.ok;
  }
}

/** The user's settings file, where Claude Code itself looks for it. */
export function settingsPath(env: Record<string, string | undefined>, home: string): string {
  return join(env.CLAUDE_CONFIG_DIR || join(home, '.claude'), 'settings.json');
}

/** Whether Claude Code is set up to call this script; false when we cannot tell. */
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
