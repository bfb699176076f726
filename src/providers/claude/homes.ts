/**
 * Where Claude keeps its files: the homes that are watched, and which paths below them may be opened. A
 * hook names its transcript itself, so that path is checked before anything is read.
 */
import { lstat, opendir, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { systemCodeOf } from '../../exit.ts';
import { isSafeId } from '../reports.ts';

/** A transcript on disk. */
export interface TranscriptFile {
  sessionId: string;
  path: string;
  bytes: number;
  /** Milliseconds since 1970. */
  changedAt: number;
}

/** A scan stops after so many files: a folder larger than this is not Claude's. */
const MAX_FILES = 50_000;

/**
 * The homes to watch, without repetition: `~/.claude`, `CLAUDE_CONFIG_DIR` and the given ones. Not every
 * terminal has the server's environment, so the first counts also where the second is set. They need not exist.
 *
 * @param more  paths of `--claude-home`; relative ones are taken from the working directory
 */
export function claudeHomes(
  more: readonly string[] = [],
  env: Readonly<Record<string, string | undefined>> = process.env,
): string[] {
  const own = [join(env.HOME || homedir(), '.claude')];
  if (env.CLAUDE_CONFIG_DIR) own.push(env.CLAUDE_CONFIG_DIR);
  return [...new Set([...own, ...more].map((path) => resolve(path)))];
}

/**
 * The real path of a transcript that a hook named; null when it may not be opened: outside the `projects`
 * folder of every home (also through a link), no regular file, or not named `*.jsonl`.
 */
export async function allowedTranscript(
  homes: readonly string[],
  path: string,
): Promise<string | null> {
  if (!isAbsolute(path) || !path.endsWith('.jsonl') || path.includes('\0')) return null;
  const real = await orNull(realpath(path));
  if (real === null || !real.endsWith('.jsonl')) return null;
  const stat = await orNull(lstat(real));
  if (stat?.isFile() !== true) return null;
  for (const home of homes) {
    const root = await orNull(realpath(join(home, 'projects')));
    if (root !== null && isInside(root, real)) return real;
  }
  return null;
}

/**
 * The transcripts of all homes, the newest change first, without opening any. Links are not followed, and
 * the files of subagents are left out.
 *
 * @param limit  how many to give
 */
export async function listTranscripts(
  homes: readonly string[],
  limit: number,
): Promise<TranscriptFile[]> {
  const found: TranscriptFile[] = [];
  for (const home of homes) {
    for (const project of await entries(join(home, 'projects'))) {
      if (!project.isDirectory()) continue;
      found.push(...(await transcriptsIn(join(home, 'projects', project.name))));
      if (found.length >= MAX_FILES) return newest(found.slice(0, MAX_FILES), limit);
    }
  }
  return newest(found, limit);
}

/** Those of one project. All are asked for at once: one after the other, each would wait for a turn of the loop. */
async function transcriptsIn(folder: string): Promise<TranscriptFile[]> {
  const looked = (await entries(folder)).map(async (file): Promise<TranscriptFile[]> => {
    const sessionId = basename(file.name, '.jsonl');
    if (!file.isFile() || sessionId === file.name || !isSafeId(sessionId)) return [];
    const path = join(folder, file.name);
    const stat = await orNull(lstat(path));
    return stat === null ? [] : [{ sessionId, path, bytes: stat.size, changedAt: stat.mtimeMs }];
  });
  return (await Promise.all(looked)).flat();
}

/** The files of a session's subagents, by agent id. They may come at any time while it works. */
export async function listAgentFiles(
  transcript: string,
): Promise<{ agent: string; path: string; meta: string }[]> {
  const folder = join(transcript.slice(0, -'.jsonl'.length), 'subagents');
  const found = [];
  for (const file of await entries(folder)) {
    const [, agent] = /^agent-(.+)\.jsonl$/.exec(file.name) ?? [];
    if (!file.isFile() || !isSafeId(agent)) continue;
    const path = join(folder, file.name);
    found.push({ agent, path, meta: join(folder, `agent-${agent}.meta.json`) });
  }
  return found;
}

/** Names of the folders in a folder; links are none. */
export async function foldersIn(path: string): Promise<string[]> {
  return (await entries(path)).flatMap((entry) => (entry.isDirectory() ? entry.name : []));
}

async function entries(folder: string) {
  const opened = await orNull(opendir(folder));
  if (opened === null) return [];
  const found = [];
  for await (const entry of opened) found.push(entry);
  return found;
}

function newest(files: TranscriptFile[], limit: number): TranscriptFile[] {
  return files.sort((one, other) => other.changedAt - one.changedAt).slice(0, limit);
}

function isInside(root: string, path: string): boolean {
  const below = relative(root, path);
  return below !== '' && below !== '..' && !below.startsWith(`..${sep}`) && !isAbsolute(below);
}

/** What is not there, or may not be seen by us, is null. */
async function orNull<T>(looked: Promise<T>): Promise<T | null> {
  try {
    return await looked;
  } catch (error) {
    const code = systemCodeOf(error);
    if (code !== null && ['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'EPERM'].includes(code))
      return null;
    throw error;
  }
}
