/**
 * The data directory on disk: who may read it, and how a small file in it is replaced without ever
 * being half written. Everything below it is for its owner alone. A leaf: any layer may call it.
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { isIP } from 'node:net';
import { dirname, join } from 'node:path';
import type { DataPaths, RetentionLimits } from './config.ts';
import { EXIT, ExitError, systemCodeOf } from './exit.ts';

const GROUP_AND_OTHERS = 0o077;

/**
 * Creates what is missing of the data directory and takes other users' access away where it was given.
 * The token file is left as it is: a token others could read has to be replaced, not hidden.
 *
 * @throws ExitError 78 when the directory belongs to another user or cannot be created
 */
export function openDataDirectory(paths: DataPaths): void {
  try {
    for (const dir of [paths.dir, paths.logs, paths.spool, paths.quarantine, paths.images]) {
      makeDirectory(dir);
      refuseForeignOwner(dir);
      repair(dir);
    }
    for (const dir of [paths.dir, paths.logs, paths.spool]) {
      for (const name of readdirSync(dir)) {
        if (join(dir, name) !== paths.token) repair(join(dir, name));
      }
    }
  } catch (error) {
    if (systemCodeOf(error) === null) throw error;
    const reason = (error as Error).message;
    throw new ExitError(
      EXIT.configuration,
      `Cannot use the data directory ${paths.dir}: ${reason}`,
      {
        cause: error,
      },
    );
  }
}

/**
 * Creates a directory with all that is missing above it, for its owner only; one that is there is left as
 * it is. Not Node's `recursive`: below `/proc` and the like, where nothing can be created, it never ends.
 *
 * @throws the system's error where a directory cannot be created
 */
export function makeDirectory(dir: string): void {
  if (statSync(dir, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(dir);
  if (parent !== dir) makeDirectory(parent);
  try {
    mkdirSync(dir, { mode: 0o700 });
  } catch (error) {
    // Another process has created it meanwhile; anything else in its place is an error.
    const isThere = statSync(dir, { throwIfNoEntry: false })?.isDirectory() === true;
    if (systemCodeOf(error) !== 'EEXIST' || !isThere) throw error;
  }
}

function refuseForeignOwner(dir: string): void {
  const uid = process.getuid?.();
  const owner = lstatSync(dir).uid;
  if (uid === undefined || owner === uid) return;
  throw new ExitError(
    EXIT.configuration,
    `${dir} belongs to user ${owner}, not to us (${uid}); choose another --data-dir or run as its owner`,
  );
}

function repair(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  // Links are left alone: their mode means nothing and their target is not ours to change.
  if (stat === undefined || stat.isSymbolicLink()) return;
  if ((stat.mode & GROUP_AND_OTHERS) === 0) return;
  try {
    chmodSync(path, stat.mode & 0o700);
  } catch (error) {
    // A hook that has just been delivered takes its spool file away while we look.
    if (systemCodeOf(error) !== 'ENOENT') throw error;
  }
}

/** What a replaced file shall look like. */
export interface FileMode {
  mode: number;
  /** Owner to keep, when root replaces a user's file. */
  owner?: { uid: number; gid: number };
}

/**
 * Replaces a file in one step: readers see the old text or the new one, also after a crash. The mode
 * is there from the first byte on, so a secret is never readable in between.
 *
 * @param beforeRename  last chance to object, by throwing; the old file then stays
 */
export function writeFileAtomically(
  path: string,
  text: string,
  { mode, owner }: FileMode,
  beforeRename?: () => void,
): void {
  const write = (fd: number): void => {
    writeFileSync(fd, text);
    if (owner !== undefined && owner.uid !== process.getuid?.())
      fchownSync(fd, owner.uid, owner.gid);
  };
  replaceFile(path, mode, write, beforeRename);
}

/** How a file is called while it is written; the number is that of the process. */
const TEMPORARY = /^\.tmp-(\d+)-[0-9a-f]{12}$/;

/** Removes what processes that are gone were writing into a directory when they were killed. */
export function removeLeftovers(directory: string): void {
  for (const name of readdirSync(directory)) {
    const [, pid] = TEMPORARY.exec(name) ?? [];
    if (pid === undefined || isAlive(Number(pid))) continue;
    rmSync(join(directory, name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // One of another user is there as well.
    return systemCodeOf(error) === 'EPERM';
  }
}

/** The same for what is no text: `write` is handed the new file. */
export function replaceFile(
  path: string,
  mode: number,
  write: (fd: number) => void,
  beforeRename?: () => void,
): void {
  const temporary = join(dirname(path), `.tmp-${process.pid}-${randomBytes(6).toString('hex')}`);
  const fd = openSync(temporary, 'wx', mode & 0o700);
  try {
    try {
      write(fd);
      fchmodSync(fd, mode);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    beforeRename?.();
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncDirectory(dirname(path));
}

/** Makes a rename survive a power cut; some file systems refuse, and then nothing more can be done. */
function syncDirectory(dir: string): void {
  let fd: number | undefined;
  try {
    fd = openSync(dir, 'r');
    fsyncSync(fd);
  } catch {
    // The rename itself has happened; only its durability is in the file system's hands now.
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** What a running server has written into `server.json`; an earlier run may have left it behind. */
export interface ServerNote {
  pid: number;
  /** An IP address, not a name. */
  address: string;
  port: number;
  /** The port's scheme; notes of older versions do not have it, and mean `http`. */
  scheme?: 'https';
  /** What the server keeps, and how long; absent from notes of older versions. */
  retention?: RetentionLimits;
  /** Addresses behind a proxy, one for each `--allow-host`; absent where there is none. */
  fronts?: string[];
}

function isRetention(value: unknown): value is RetentionLimits {
  const { eventDays, events, sessionDays, maxBytes } = (value ?? {}) as Partial<RetentionLimits>;
  return [eventDays, events, sessionDays, maxBytes].every((each) => Number.isInteger(each));
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

/** Reads `server.json`; null when it is missing or damaged, for it only informs: the lock decides. */
export function readServerNote(path: string): ServerNote | null {
  try {
    const { pid, address, port, scheme, retention, fronts } = JSON.parse(
      readFileSync(path, 'utf8'),
    );
    const isProcess = Number.isInteger(pid) && pid > 0;
    const isPort = Number.isInteger(port) && port > 0 && port < 65_536;
    if (!isProcess || !isPort || isIP(address) === 0) return null;
    return {
      ...{ pid, address, port },
      ...(scheme === 'https' && { scheme }),
      ...(isRetention(retention) && { retention }),
      ...(isTexts(fronts) && { fronts }),
    };
  } catch {
    return null;
  }
}

/** How many files this process may have open (`ulimit -n`); null where the system does not say. */
export function openFileLimit(): number | null {
  try {
    const [, soft] =
      /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? null : Number(soft);
  } catch {
    // Only Linux has this file.
    return null;
  }
}
