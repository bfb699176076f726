/**
 * What a settings file was before we changed it, so that taking our hooks out gives its bytes back. One small file in
 * the data directory knows each settings file that was changed. Where the user has written into the file since,
 * the place that we changed is put back and the rest is left as it is.
 */
import { readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { DataPaths } from '../config.ts';
import { systemCodeOf } from '../exit.ts';
import { writeFileAtomically } from '../files.ts';
import { isRecord, otherCopies, removeHooks, type Settings } from './hook-files.ts';
import { backupsOf, parseSettings, renderSettings, type SettingsFile } from './settings-file.ts';
import { removeTelemetry } from './telemetry-env.ts';

/** One settings file that we have changed. */
interface Before {
  path: string;
  /** Its text before us; null: there was none. */
  before: string | null;
  /** Its text as we left it. */
  after: string;
  /** Directories that we made for it, the deepest first. */
  made: string[];
}

/** What is left of a settings file when nothing of ours is in it. */
export interface Cleaned {
  /** Events that had a hook of ours. */
  hooks: string[];
  /** Variables of ours. */
  variables: string[];
  /** The text without them; null: the file goes. */
  text: string | null;
}

/** Settings files that we have changed and not given back. */
export function changedSettings(paths: DataPaths): string[] {
  return readAll(paths).map(({ path }) => path);
}

/** Notes what a settings file was. @param made  directories that were made for it now, the deepest first */
export function noteBefore(
  paths: DataPaths,
  {
    path,
    before,
    after,
    made,
  }: { path: string; before: string | null; after: string; made: string[] },
): void {
  const known = readAll(paths);
  const own = resolve(path);
  const earlier = known.find((one) => one.path === own);
  const noted = { path: own, before, after, made: [...(earlier?.made ?? []), ...made] };
  writeAll(paths, [...known.filter((one) => one !== earlier), noted]);
}

/** Forgets a settings file once nothing of ours is in it, with our copies of it and the directories made for it. */
export function forgetBefore(paths: DataPaths, { path, settings }: SettingsFile): void {
  // Another data directory's hooks are still in it: its copies may be theirs.
  if (otherCopies(settings, paths.hookScript).length === 0) {
    for (const backup of backupsOf(path)) rmSync(backup, { force: true });
  }
  const known = readAll(paths);
  const noted = known.find((one) => one.path === resolve(path));
  if (noted === undefined) return;
  for (const directory of noted.made) removeIfEmpty(directory);
  writeAll(
    paths,
    known.filter((one) => one !== noted),
  );
}

/** The file without anything of ours: as it was before us, as far as no other program has changed it. */
export async function withoutOurs(paths: DataPaths, file: SettingsFile): Promise<Cleaned> {
  const settings = structuredClone(file.settings);
  const hooks = removeHooks(settings, paths.hookScript);
  const variables = removeTelemetry(settings, paths);
  const nothing = hooks.length + variables.length === 0;
  const text = nothing ? file.text : await textWithout(paths, file, settings);
  return { hooks, variables, text };
}

async function textWithout(
  paths: DataPaths,
  { path, text }: SettingsFile,
  wanted: Settings,
): Promise<string | null> {
  const noted = readAll(paths).find((one) => one.path === resolve(path));
  if (noted !== undefined && noted.after === text) return noted.before;
  if (noted?.before === null && Object.keys(wanted).length === 0) return null;
  const candidates = [
    noted === undefined ? null : putBack(noted, text ?? ''),
    // There is no note: an earlier version has installed them.
    ...backupsOf(path)
      .reverse()
      .map((backup) => readFileSync(backup, 'utf8')),
  ];
  const isWanted = (candidate: string | null): candidate is string =>
    candidate !== null && isSame(parseSettings(candidate), wanted);
  return candidates.find(isWanted) ?? (await renderSettings(wanted, text));
}

/** The text with the stretch that we changed as it was; null where it is not there once. */
function putBack({ before, after }: Before, text: string): string | null {
  const was = before ?? '';
  const most = Math.min(was.length, after.length);
  let start = 0;
  while (start < most && was[start] === after[start]) start += 1;
  let end = 0;
  while (end < most - start && was.at(-1 - end) === after.at(-1 - end)) end += 1;
  const changed = after.slice(start, after.length - end);
  const parts = text.split(changed);
  return changed === '' || parts.length !== 2
    ? null
    : parts.join(was.slice(start, was.length - end));
}

/** Equal but for lists of hooks with nothing in them: whether those stood there cannot be seen afterwards. */
function isSame(one: Settings | null, other: Settings): boolean {
  return one !== null && isDeepStrictEqual(withoutEmpty(one), withoutEmpty(other));
}

function withoutEmpty(settings: Settings): Settings {
  const { hooks, env, ...rest } = settings;
  const full = isRecord(hooks)
    ? Object.entries(hooks).filter(([, groups]) => !Array.isArray(groups) || groups.length > 0)
    : [];
  return {
    ...rest,
    ...(full.length > 0 && { hooks: Object.fromEntries(full) }),
    ...(!(isRecord(env) && Object.keys(env).length === 0) && env !== undefined && { env }),
  };
}

function removeIfEmpty(directory: string): void {
  try {
    if (readdirSync(directory).length === 0) rmdirSync(directory);
  } catch (error) {
    // Another program has removed or replaced it, or uses it.
    if (systemCodeOf(error) === null) throw error;
  }
}

const fileOf = (paths: DataPaths): string => join(paths.dir, 'settings-before.json');

function readAll(paths: DataPaths): Before[] {
  try {
    return JSON.parse(readFileSync(fileOf(paths), 'utf8')) as Before[];
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error;
    return [];
  }
}

function writeAll(paths: DataPaths, known: Before[]): void {
  if (known.length === 0) rmSync(fileOf(paths), { force: true });
  else writeFileAtomically(fileOf(paths), `${JSON.stringify(known)}\n`, { mode: 0o600 });
}
