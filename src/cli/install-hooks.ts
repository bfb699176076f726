/**
 * `install-hooks`: makes Claude Code call our hook.sh, by changing Claude Code's settings.json. That file belongs to
 * the user: it is read as strictly as Claude Code reads it, only the values that change are replaced in its text, in
 * one step, and nothing is written when our entries are right already.
 */
import { isUtf8 } from 'node:buffer';
import {
  closeSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Option } from 'clipanion';
import { EXIT, ExitError, systemCodeOf } from '../exit.ts';
import { makeDirectory, writeFileAtomically } from '../files.ts';
import { OrbitCommand } from './command.ts';
import {
  CODEX_HOOK_EVENTS,
  hasAllHooks,
  hasHookScript,
  isRecord,
  mergeHooks,
  removeHooks,
  type Settings,
  shapeFault,
  writeHookScript,
  writeHookSecret,
} from './hook-files.ts';

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
      whoever is first decides. With \`--no-answers\` only the terminal answers.

      With \`--codex\` it is Codex that calls the script: a dialog that is open in a terminal is shown, and a turn
      that is cut off is told at once. Codex asks once whether you trust them. They answer nothing.
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
      'Let clients answer what sessions ask in their terminals; --no-answers leaves it out',
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
    const { added, updated } = this.codex
      ? mergeHooks(file.settings, hookScript, false, CODEX_HOOK_EVENTS)
      : mergeHooks(file.settings, hookScript, this.answers);
    if (added.length + updated.length === 0) {
      this.say('', '  Added 0 hook(s): all of them are there', '', `  Settings unchanged: ${path}`);
    } else {
      const backup = await writeSettings(file);
      if (backup !== null) this.say(`  Backed up ${path} → ${backup}`);
      this.say('', ...list('Added', '+', added), ...list('Updated', '~', updated));
      this.say('', `  Settings written to ${path}`);
    }
    if (this.codex && added.length + updated.length > 0) {
      this.say(
        '',
        '  Codex runs none of them before you have trusted them: start `codex` in a terminal',
      );
      this.say('  once, and say yes where it tells that hooks need review.');
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
    description: "Take OrbitDock hooks out of ~/.claude/settings.json and Codex's hooks.json",
    details: `
      Removes the entries that run the hook script of this data directory and nothing else. A file that changes is
      first copied to \`<file>.orbitdock-bak-N\`.
    `,
    examples: [['Remove them', '$0 uninstall-hooks']],
  });

  settingsPath = Option.String('--settings-path', {
    description: 'Settings file other than the one of CLAUDE_CONFIG_DIR or ~/.claude',
  });

  protected async run(): Promise<number> {
    const { env } = this.context;
    const all = [settingsPath(env, this.home()), codexHooksPath(env, this.home())];
    for (const path of this.settingsPath ? [this.settingsPath] : all) await this.#clear(path);
    return EXIT.ok;
  }

  async #clear(path: string): Promise<void> {
    const file = await readSettings(path);
    const removed = removeHooks(file.settings, this.directory().hookScript);
    if (removed.length === 0) {
      if (file.text === null && path.endsWith('hooks.json')) return;
      this.say('', `  Removed 0 hook(s): none of ours is in ${path}`, '');
      return;
    }
    const backup = await writeSettings(file);
    this.say(`  Backed up ${path} → ${backup}`, '', ...list('Removed', '-', removed));
    this.say('', `  Settings written to ${path}`, '');
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

const MAX_LINKS = 40;
const BYTE_ORDER_MARK = '\uFEFF';

/** A settings file as it was read; `text` is null when there was none. */
export interface SettingsFile {
  /** Path as given; links are followed when writing. */
  path: string;
  text: string | null;
  settings: Settings;
}

/**
 * Reads a settings file. A missing file counts as `{}`, and so does one with nothing but white space in
 * it; a byte order mark is skipped: Claude Code does the same.
 *
 * @throws ExitError 65, naming place and remedy, when it is not JSON or its `hooks` cannot be read
 */
export async function readSettings(path: string): Promise<SettingsFile> {
  const text = textOf(path);
  if (text === null || bodyOf(text).trim() === '') return { path, text, settings: {} };
  const body = bodyOf(text);
  let settings: unknown;
  try {
    settings = JSON.parse(body);
  } catch (error) {
    const hint = 'Claude Code ignores it as a whole; comments and trailing commas are not allowed';
    throw refused(path, `it is not valid JSON${await faultPlace(body)} (${hint})`, error);
  }
  const fault = shapeFault(settings);
  if (fault !== null) throw refused(path, fault);
  return { path, text, settings: settings as Settings };
}

/**
 * Replaces the file with the settings as they are now.
 *
 * @returns path of the backup, or null when there was nothing to back up
 * @throws ExitError 75 when another program has written the file since it was read, 1 when it cannot be
 *   written; nothing is left behind then
 */
async function writeSettings({ path, text, settings }: SettingsFile): Promise<string | null> {
  const target = followLinks(path);
  const next = await render(settings, text);
  let backup: string | null = null;
  try {
    if (text === null) makeDirectory(dirname(target));
    const stat = statSync(target, { throwIfNoEntry: false });
    const mode = stat === undefined ? 0o600 : stat.mode & 0o777;
    const look = stat === undefined ? { mode } : { mode, owner: { uid: stat.uid, gid: stat.gid } };
    writeFileAtomically(target, next, look, () => {
      if (textOf(path) !== text) throw changedMeanwhile(path);
      if (text !== null) backup = setAside(path, text, mode);
    });
    return backup;
  } catch (error) {
    if (backup !== null) rmSync(backup, { force: true });
    throw systemCodeOf(error) === null ? error : notWritable(path, target, error as Error);
  }
}

function textOf(path: string): string | null {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw error;
  }
  if (!isUtf8(bytes)) throw refused(path, 'it is not encoded as UTF-8');
  return bytes.toString('utf8');
}

function bodyOf(text: string): string {
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
}

function refused(path: string, clause: string, cause?: unknown): ExitError {
  const sentence = `${path} was left as it is: ${clause}. Correct it and run the command again.`;
  return new ExitError(EXIT.badInput, sentence, { cause });
}

function changedMeanwhile(path: string): ExitError {
  return new ExitError(EXIT.busy, `${path} was changed by another program just now; run it again`);
}

function notWritable(path: string, target: string, error: Error): ExitError {
  const file = target === resolve(path) ? path : `${path}, a link to ${target},`;
  const sentence =
    `${file} cannot be written (${error.message}) and was left as it is. Make it writable, change the ` +
    'hooks where that file comes from, or name another file with --settings-path';
  return new ExitError(EXIT.failure, sentence, { cause: error });
}

/** The file a chain of links ends at, also when that does not exist yet. */
function followLinks(path: string): string {
  let target = resolve(path);
  for (let n = 0; n < MAX_LINKS; n++) {
    if (!lstatSync(target, { throwIfNoEntry: false })?.isSymbolicLink()) return target;
    target = resolve(dirname(target), readlinkSync(target));
  }
  throw new ExitError(EXIT.badInput, `${path} is a link that leads nowhere`);
}

/** Copies the text to `<path>.orbitdock-bak-N`, N being the first free number. */
function setAside(path: string, text: string, mode: number): string {
  for (let n = 1; ; n++) {
    const backup = `${path}.orbitdock-bak-${n}`;
    try {
      const fd = openSync(backup, 'wx', mode);
      writeFileSync(fd, text);
      fsyncSync(fd);
      closeSync(fd);
      return backup;
    } catch (error) {
      if (systemCodeOf(error) !== 'EEXIST') throw error;
    }
  }
}

/**
 * The text with the values that differ replaced. Where that does not give the wanted settings (a key that
 * stands there twice), the whole is written anew.
 */
async function render(settings: Settings, text: string | null): Promise<string> {
  const mark = text?.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK : '';
  const body = bodyOf(text ?? '');
  if (body.trim() === '') return `${mark}${JSON.stringify(settings, null, 2)}\n`;
  const { applyEdits, modify } = await import('jsonc-parser');
  const indent = /^[ \t]+(?=")/m.exec(body)?.[0] ?? '  ';
  const eol = body.includes('\r\n') ? '\r\n' : '\n';
  const formattingOptions = {
    insertSpaces: !indent.includes('\t'),
    tabSize: indent.includes('\t') ? 1 : indent.length,
    eol,
  };
  let edited = body;
  for (const { path, value, isInsertion } of changes(JSON.parse(body), settings)) {
    const options = { formattingOptions, isArrayInsertion: isInsertion };
    edited = applyEdits(edited, modify(edited, path, value, options));
  }
  if (isDeepStrictEqual(JSON.parse(edited), settings)) return mark + edited;
  const end = body.endsWith('\n') ? '\n' : '';
  return mark + `${JSON.stringify(settings, null, indent)}${end}`.replaceAll('\n', eol);
}

/** One value to set, to remove (undefined) or to insert into a list. */
interface Change {
  path: (string | number)[];
  value: unknown;
  isInsertion: boolean;
}

/** What makes `after` of `before`, as few and as small changes as there are; to be applied in order. */
function changes(before: unknown, after: unknown, path: Change['path'] = []): Change[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (isRecord(before) && isRecord(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => changes(before[key], after[key], [...path, key]));
  }
  if (Array.isArray(before) && Array.isArray(after) && after.length >= before.length) {
    return after.flatMap((value, at) =>
      at < before.length
        ? changes(before[at], value, [...path, at])
        : [{ path: [...path, at], value, isInsertion: true }],
    );
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const gone = missingFrom(after, before);
    // From the last on, so that the places of the others stay.
    if (gone)
      return gone.map((at) => ({ path: [...path, at], value: undefined, isInsertion: false }));
  }
  return [{ path, value: after, isInsertion: false }];
}

/** Places of the items that a list lost to become another, the last first; null when it changed otherwise. */
function missingFrom(after: unknown[], before: unknown[]): number[] | null {
  const gone: number[] = [];
  let kept = 0;
  for (const [at, item] of before.entries()) {
    if (isDeepStrictEqual(item, after[kept])) kept += 1;
    else gone.unshift(at);
  }
  return kept === after.length ? gone : null;
}

/** Where strict JSON is broken first, as ` at line L, column C`. */
async function faultPlace(body: string): Promise<string> {
  const { parse } = await import('jsonc-parser');
  const faults: { offset: number }[] = [];
  parse(body, faults as never[], { disallowComments: true, allowTrailingComma: false });
  const offset = Math.min(...faults.map((fault) => fault.offset));
  if (!Number.isFinite(offset)) return '';
  const before = body.slice(0, offset).split('\n');
  return ` at line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`;
}
