/**
 * A settings file of Claude Code, read as strictly as Claude Code reads it. It belongs to the user: only the values
 * that change are replaced in its text, in one step, and what was there is set aside.
 */
import { isUtf8 } from 'node:buffer';
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { EXIT, ExitError, systemCodeOf } from '../exit.ts';
import { makeDirectory, writeFileAtomically } from '../files.ts';
import { isRecord, type Settings, shapeFault } from './hook-files.ts';

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

/** The settings in a text; null when it holds none that we could have changed. */
export function parseSettings(text: string): Settings | null {
  const body = bodyOf(text);
  if (body.trim() === '') return {};
  try {
    const settings: unknown = JSON.parse(body);
    return shapeFault(settings) === null ? (settings as Settings) : null;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return null;
  }
}

/** What was written, and what for. */
export interface Written {
  text: string;
  /** Path of the backup, or null when there was nothing to back up. */
  backup: string | null;
  /** Directories that were made, the deepest first. */
  made: string[];
}

/**
 * Replaces the file with the settings as they are now, after a copy was made of what is there.
 *
 * @throws ExitError 75 when another program has written the file since it was read, 1 when it cannot be
 *   written; nothing is left behind then
 */
export async function writeSettings({ path, text, settings }: SettingsFile): Promise<Written> {
  const next = await renderSettings(settings, text);
  let backup: string | null = null;
  const made = text === null ? missingAbove(followLinks(path)) : [];
  try {
    replace({ path, text }, next, (mode) => {
      if (text !== null) backup = setAside(path, text, mode);
    });
    return { text: next, backup, made };
  } catch (error) {
    if (backup !== null) rmSync(backup, { force: true });
    throw error;
  }
}

/**
 * Gives a file the text that it had before us, without a copy of what is there; null removes it.
 *
 * @throws ExitError 75 and 1 as `writeSettings`
 */
export function restoreSettings({ path, text }: SettingsFile, before: string | null): void {
  replace({ path, text }, before, () => {});
}

function replace(
  { path, text }: Pick<SettingsFile, 'path' | 'text'>,
  next: string | null,
  prepare: (mode: number) => void,
): void {
  const target = followLinks(path);
  try {
    if (text === null) makeDirectory(dirname(target));
    const stat = statSync(target, { throwIfNoEntry: false });
    const mode = stat === undefined ? 0o600 : stat.mode & 0o777;
    const look = stat === undefined ? { mode } : { mode, owner: { uid: stat.uid, gid: stat.gid } };
    const check = (): void => {
      if (textOf(path) !== text) throw changedMeanwhile(path);
      prepare(mode);
    };
    if (next !== null) writeFileAtomically(target, next, look, check);
    else {
      check();
      rmSync(target);
    }
  } catch (error) {
    throw systemCodeOf(error) === null ? error : notWritable(path, target, error as Error);
  }
}

/** Directories above a path that are not there, the deepest first. */
function missingAbove(path: string): string[] {
  const missing: string[] = [];
  for (let at = dirname(path); !existsSync(at); at = dirname(at)) missing.push(at);
  return missing;
}

/** Copies that we made of a settings file, the oldest first. */
export function backupsOf(path: string): string[] {
  const beginning = `${basename(path)}.orbitdock-bak-`;
  const names = existsSync(dirname(path)) ? readdirSync(dirname(path)) : [];
  const numbers = names
    .filter((name) => name.startsWith(beginning))
    .map((name) => name.slice(beginning.length))
    .filter((rest) => /^[1-9]\d*$/.test(rest));
  return numbers
    .sort((one, other) => Number(one) - Number(other))
    .map((number) => `${path}.orbitdock-bak-${number}`);
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
 * is there twice), the whole is written anew.
 */
export async function renderSettings(settings: Settings, text: string | null): Promise<string> {
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
