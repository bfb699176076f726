/**
 * Claude Code's settings.json as a file that is not ours: read strictly, written in one step, its mode,
 * owner, link and indentation kept, and the former text set aside. Claude Code ignores a whole file
 * with one comma too many, so neither do we guess what such a file means.
 */
import {
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { EXIT, ExitError, systemCodeOf } from '../exit.ts';
import { writeFileAtomically } from '../files.ts';
import type { Settings } from './hook-settings.ts';
import { shapeFault } from './hook-settings.ts';

const MAX_LINKS = 40;

/** A settings file as it was read; `text` is null when there was none. */
export interface SettingsFile {
  /** Path as given; links are followed when writing. */
  path: string;
  text: string | null;
  settings: Settings;
}

/**
 * Reads a settings file; a missing one counts as `{}`.
 *
 * @throws ExitError 65, naming place and remedy, when it is not JSON or its `hooks` cannot be read
 */
export function readSettings(path: string): SettingsFile {
  const text = textOf(path);
  if (text === null) return { path, text, settings: {} };
  let settings: unknown;
  try {
    settings = JSON.parse(text);
  } catch (error) {
    const where = place(text, faultOffset(text));
    const hint = 'Claude Code ignores it as a whole; comments and trailing commas are not allowed';
    throw refused(path, `it is not valid JSON at ${where} (${hint})`, error);
  }
  const fault = shapeFault(settings);
  if (fault !== null) throw refused(path, fault);
  return { path, text, settings: settings as Settings };
}

/**
 * Replaces the file with the settings as they are now.
 *
 * @returns path of the backup, or null when there was nothing to back up
 * @throws ExitError 75 when somebody else has written the file since it was read
 */
export function writeSettings({ path, text, settings }: SettingsFile): string | null {
  const target = followLinks(path);
  if (text === null) mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
  const stat = statSync(target, { throwIfNoEntry: false });
  const mode = stat === undefined ? 0o600 : stat.mode & 0o777;
  const backup = text === null ? null : setAside(path, text, mode);
  const owner = stat && { uid: stat.uid, gid: stat.gid };
  const look = owner === undefined ? { mode } : { mode, owner };
  writeFileAtomically(target, render(settings, text), look, () => {
    if (textOf(path) === text) return;
    throw new ExitError(EXIT.busy, `${path} was changed by another program just now; run it again`);
  });
  return backup;
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function refused(path: string, clause: string, cause?: unknown): ExitError {
  const sentence = `${path} was left as it is: ${clause}. Correct it and run install-hooks again.`;
  return new ExitError(EXIT.badInput, sentence, { cause });
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

/** Written as it was found: its indentation, its last newline. */
function render(settings: Settings, text: string | null): string {
  const indent = /^[ \t]+(?=")/m.exec(text ?? '')?.[0] ?? '  ';
  const end = text === null || text.endsWith('\n') ? '\n' : '';
  return `${JSON.stringify(settings, null, indent)}${end}`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them in strings
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/;
const TOKEN = new RegExp(`[{}[\\],:]|${STRING.source}|${SCALAR.source}`, 'y');

/** Offset of the first character that strict JSON does not allow; `JSON.parse` does not always say. */
function faultOffset(text: string): number {
  let at = 0;
  const skipSpace = (): void => {
    while (' \t\r\n'.includes(text[at] ?? 'x')) at++;
  };
  const take = (isWanted: (token: string) => boolean): boolean => {
    skipSpace();
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[0];
    if (token === undefined || !isWanted(token)) return false;
    at += token.length;
    return true;
  };
  const mark = (wanted: string) => take((token) => token === wanted);
  const list = (close: string, item: () => boolean): boolean => {
    if (mark(close)) return true;
    do if (!item()) return false;
    while (mark(','));
    return mark(close);
  };
  const member = () => take((token) => token.startsWith('"')) && mark(':') && value();
  const value = (): boolean => {
    if (mark('{')) return list('}', member);
    if (mark('[')) return list(']', value);
    return take((token) => !'{}[],:'.includes(token));
  };
  if (value()) skipSpace();
  return at;
}

function place(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`;
}
