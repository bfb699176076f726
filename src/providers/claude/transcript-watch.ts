/**
 * Reads the transcripts of sessions as they grow: at each notification, when something was received about a session,
 * and all of them every two seconds. What was read is handed on together with the position behind it, and
 * nothing more is read of a file before that is stored.
 */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import type { SessionEvent } from '../../../machines/session-events.ts';
import { systemCodeOf } from '../../exit.ts';
import { inodeOf } from '../../host/confined-file.ts';
import type { FollowedSession, TranscriptEvent, TranscriptPort, Transcripts } from '../reports.ts';
import { isSafeId } from '../reports.ts';
import { isStillAt, TailError, type TailPosition } from '../shared/lines.ts';
import { allowedTranscript, foldersIn } from './homes.ts';
import { TranscriptMessages, type TranscriptPiece } from './transcript-messages.ts';
import { type TranscriptBatch, TranscriptReader } from './transcript-reader.ts';

/** What transcripts are read with. */
export interface TranscriptWatchOptions extends TranscriptPort {
  /** Claude homes (`~/.claude`); nothing outside their `projects` is read. */
  homes: readonly string[];
  /** Milliseconds between two checks without a notification. */
  everyMs?: number;
}

interface Followed {
  session: FollowedSession;
  /** Where it really is; null until it was found. */
  path: string | null;
  /** Device and inode of what was found there; null until it was looked at. */
  file: string | null;
  reader: TranscriptReader | null;
  messages: TranscriptMessages;
  /** What the file looked like before it was last read to its end; null when it is to be read. */
  version: string | null;
  /** When all folders were last searched for it, monotonic ms. */
  searchedAt: number;
  isLooking: boolean;
  isWanted: boolean;
  looking: Promise<void>;
  /** Runs after a search in vain: what is wanted meanwhile is looked for at its end. */
  pause: NodeJS.Timeout | null;
  /** Length of the next pause, ms. */
  pauseMs: number;
}

/** Paths that were warned of and are remembered; more, and they are warned of again. */
const MAX_WARNED = 1_000;

/** Unknown kinds that are warned of: junk may name any number. */
const MAX_UNKNOWN = 50;

const EVERY_MS = 2000;
/** After a search in vain every hook of the session would search again: a pause, twice as long each time, ms. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = EVERY_MS;
/** A session that has said nothing yet has no file: all folders are not searched for it at every check. */
const SEARCH_EVERY_MS = 30_000;
/** A file so fresh may be written again within the same tick of its time. */
const FRESH_MS = 1000;

/** Reads transcripts until it is closed. */
export class TranscriptWatch implements Transcripts {
  readonly #options: TranscriptWatchOptions;
  readonly #followed = new Map<string, Followed>();
  readonly #byPath = new Map<string, string>();
  readonly #warned = new Set<string>();
  readonly #unknown = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  #watcher: FSWatcher | null = null;
  #closed = false;

  constructor(options: TranscriptWatchOptions) {
    this.#options = options;
    try {
      this.#watcher = watch([], { depth: 0, followSymlinks: false, ignoreInitial: true });
      const onChange = (path: string): void => this.check(this.#byPath.get(path) ?? '');
      this.#watcher.on('change', onChange).on('add', onChange);
      this.#watcher.on('error', (error) => this.#warnOfSilence(error));
    } catch (error) {
      this.#warnOfSilence(error);
    }
    this.#timer = setInterval(() => this.#lookAtAll(), options.everyMs ?? EVERY_MS);
    this.#timer.unref();
  }

  follow(session: FollowedSession): void {
    const { sessionId } = session;
    if (this.#closed || !isSafeId(sessionId)) return;
    const known = this.#followed.get(sessionId);
    if (known !== undefined && known.session.path === session.path) {
      this.check(sessionId);
      return;
    }
    this.release(sessionId);
    this.#followed.set(sessionId, {
      ...{ session, path: null, file: null, reader: null, version: null },
      searchedAt: Number.NEGATIVE_INFINITY,
      messages: new TranscriptMessages(sessionId),
      ...{ isLooking: false, isWanted: false, looking: Promise.resolve() },
      ...{ pause: null, pauseMs: FIRST_PAUSE_MS },
    });
    this.check(sessionId);
  }

  follows(sessionId: string): boolean {
    return this.#followed.has(sessionId);
  }

  check(sessionId: string): void {
    const followed = this.#followed.get(sessionId);
    if (followed === undefined || this.#closed) return;
    followed.isWanted = true;
    if (followed.isLooking || followed.pause !== null) return;
    followed.isLooking = true;
    followed.looking = this.#readUntilDone(followed).finally(() => {
      followed.isLooking = false;
    });
  }

  release(sessionId: string): void {
    const followed = this.#followed.get(sessionId);
    if (followed === undefined) return;
    this.#followed.delete(sessionId);
    if (followed.pause !== null) clearTimeout(followed.pause);
    this.#forgetPath(followed);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    const all = [...this.#followed.values()];
    await this.#watcher?.close();
    await Promise.all(all.map(({ looking }) => looking));
  }

  #lookAtAll(): void {
    for (const sessionId of this.#followed.keys()) this.check(sessionId);
  }

  async #readUntilDone(followed: Followed): Promise<void> {
    while (followed.isWanted && followed.pause === null && this.#isOurs(followed)) {
      followed.isWanted = false;
      try {
        await this.#read(followed);
      } catch (error) {
        this.#failed(followed, error);
      }
    }
  }

  /** Lets a while pass before the next search for a file that is not there yet. */
  #pause(followed: Followed): void {
    if (!this.#isOurs(followed)) return;
    followed.pause = setTimeout(() => {
      followed.pause = null;
      if (followed.isWanted) this.check(followed.session.sessionId);
    }, followed.pauseMs).unref();
    followed.pauseMs = Math.min(followed.pauseMs * 2, LONGEST_PAUSE_MS);
  }

  #isOurs(followed: Followed): boolean {
    return !this.#closed && this.#followed.get(followed.session.sessionId) === followed;
  }

  async #read(followed: Followed): Promise<void> {
    followed.path ??= await this.#find(followed);
    if (followed.path === null) {
      this.#pause(followed);
      return;
    }
    const seen = await lookAt(followed.path);
    // Another file: a folder above it may be a link by now, so it is judged like one that a hook names.
    const isOther = followed.file !== null && followed.file !== seen?.file;
    if (seen === null || isOther) {
      this.#forgetPath(followed);
      followed.isWanted ||= isOther && seen !== null;
      return;
    }
    followed.file = seen.file;
    followed.pauseMs = FIRST_PAUSE_MS;
    if (seen.version !== null && seen.version === followed.version) return;
    const { from } = followed.session;
    // Nothing was written since it was stored: it is not read before that changes.
    const isSame =
      followed.reader === null && seen.file === from?.file && seen.size === from.offset;
    const isOld = isSame && (await isStillAt(followed.path, from));
    if (isOld || (await this.#readToEnd(followed, followed.path))) followed.version = seen.version;
  }

  /** @returns false when it is to be read again */
  async #readToEnd(followed: Followed, path: string): Promise<boolean> {
    followed.reader ??= this.#openReader(followed, path);
    const { sessionId } = followed.session;
    for (;;) {
      const batch = await followed.reader.read();
      if (batch.restarted !== null) followed.messages = new TranscriptMessages(sessionId);
      this.#warnOfLines(path, batch);
      const piece = followed.messages.take(batch.reports);
      const { position } = batch;
      if (!this.#isOurs(followed)) return false;
      if (piece !== null && position !== null) {
        const isStored = await this.#options.take(sessionId, eventsOf(piece, path, position));
        if (!isStored) {
          this.#beginAgain(followed);
          return false;
        }
        followed.session = { ...followed.session, from: { path, ...position } };
      }
      if (!batch.more) return true;
    }
  }

  #openReader({ session, messages }: Followed, path: string): TranscriptReader {
    return new TranscriptReader(path, session.sessionId, null, session.from, (reports) =>
      messages.take(reports),
    );
  }

  /** What was read is not stored: the next check begins where the last stored one ended. */
  #beginAgain(followed: Followed): void {
    followed.reader = null;
    followed.version = null;
    followed.messages = new TranscriptMessages(followed.session.sessionId);
  }

  /** The file itself where it may be read; null while there is none. */
  async #find(followed: Followed): Promise<string | null> {
    const { homes } = this.#options;
    const { session } = followed;
    const named = session.path ?? (await this.#search(followed));
    if (named === null) return null;
    const path = await allowedTranscript(homes, named);
    if (path === null) {
      if ((await inodeOf(named)) !== null)
        this.#warn(named, 'is no regular file in the homes of Claude');
      return null;
    }
    this.#byPath.set(path, session.sessionId);
    this.#watcher?.add(path);
    return path;
  }

  /** The CLI names the folder after the working directory; the file has the session's id. */
  async #search(followed: Followed): Promise<string | null> {
    const { sessionId, cwd } = followed.session;
    const name = `${sessionId}.jsonl`;
    const searchesAll = performance.now() - followed.searchedAt > SEARCH_EVERY_MS;
    if (searchesAll) followed.searchedAt = performance.now();
    for (const home of this.#options.homes) {
      const projects = join(home, 'projects');
      const own = join(projects, (cwd ?? '').replace(/[^A-Za-z0-9]/g, '-'), name);
      if (cwd !== null && (await inodeOf(own)) !== null) return own;
      for (const folder of searchesAll ? await foldersIn(projects) : []) {
        const path = join(projects, folder, name);
        if ((await inodeOf(path)) !== null) return path;
      }
    }
    return null;
  }

  #forgetPath(followed: Followed): void {
    if (followed.path === null) return;
    this.#byPath.delete(followed.path);
    this.#watcher?.unwatch(followed.path);
    followed.path = null;
    followed.file = null;
    followed.version = null;
  }

  #failed(followed: Followed, error: unknown): void {
    const code = systemCodeOf(error);
    const path = followed.path ?? followed.session.path ?? followed.session.sessionId;
    this.#beginAgain(followed);
    if (error instanceof TailError) this.#warn(path, error.message.replace(`${path} `, ''));
    else if (code !== null) this.#warn(path, `cannot be read (${code})`);
    else if (!this.#warned.has(path)) {
      // Once: the same lines are tried again at every check.
      if (this.#warned.size >= MAX_WARNED) this.#warned.clear();
      this.#warned.add(path);
      this.#options.onError(error);
    }
  }

  #warnOfLines(path: string, { skipped, junk, unknown }: TranscriptBatch): void {
    const [first] = skipped;
    if (first) this.#warn(path, `has a line of ${first.bytes} bytes, which is passed over`);
    if (junk > 0) this.#warn(path, 'has lines that cannot be read, which are passed over');
    for (const kind of unknown) {
      // Once for each kind, whichever file brings it: a newer version writes it into all of them.
      if (this.#unknown.has(kind) || this.#unknown.size >= MAX_UNKNOWN) continue;
      this.#unknown.add(kind);
      const name = kind.slice(0, 100);
      const reason = `has lines of a kind that is not known (${name}): they are passed over`;
      this.#options.onWarning(path, reason);
    }
  }

  #warnOfSilence(error: unknown): void {
    const code = systemCodeOf(error) ?? String(error);
    const reason = `changes are not notified (${code}), so they are only read every 2 s`;
    this.#warn(this.#options.homes.map((home) => join(home, 'projects')).join(', '), reason);
  }

  /** Once for each file. */
  #warn(path: string, reason: string): void {
    if (this.#warned.has(path)) return;
    if (this.#warned.size >= MAX_WARNED) this.#warned.clear();
    this.#warned.add(path);
    this.#options.onWarning(path, reason);
  }
}

/** What a piece says, as one event with the position behind it. */
function eventsOf(piece: TranscriptPiece, path: string, position: TailPosition): TranscriptEvent[] {
  const { messages, behind, dropped, usage, title, model, compacted, fields, stamp } = piece;
  const event: TranscriptEvent['event'] = ({ at, keep }): SessionEvent => ({
    type: 'transcript.read',
    at,
    witness: 'transcript',
    messages: messages.map((make) => make(keep)),
    behind,
    ...(dropped.messages.length > 0 && { dropped }),
    fields,
    ...(usage && { usage }),
    ...(title !== undefined && { title }),
    ...(model !== undefined && { model }),
    ...(compacted !== undefined && { compacted }),
    tail: { source: '', path, ...position },
  });
  // The position last: what is reported again after a kill is known by its key.
  return [...piece.asides, { stamp, key: null, event }];
}

/** Null when there is no file. */
async function lookAt(path: string) {
  try {
    const { dev, ino, size, mtimeMs } = await lstat(path);
    const file = `${dev}:${ino}`;
    const isFresh = Date.now() - mtimeMs < FRESH_MS;
    return { file, size, version: isFresh ? null : `${file}:${size}:${mtimeMs}` };
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw error;
  }
}
