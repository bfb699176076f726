/**
 * The CLI's live registry (`<home>/sessions/<pid>.json`): what one file says, and what a check of all files
 * and their processes changes. Pure; registry-watch.ts does the reading.
 */
import { type GoneReason, isSafeId, type LiveState, type WatchReport } from '../reports.ts';
import type { ProcessState } from './process.ts';

/** What a registry file says. Null: that version does not write it. */
export interface RegistryEntry {
  pid: number;
  sessionId: string;
  /** Start time of the process in clock ticks since the boot. */
  procStart: string | null;
  /** The machine and process namespace in which the pid means something. */
  pidDomain: string | null;
  cwd: string | null;
  name: string | null;
  version: string | null;
  kind: string | null;
  entrypoint: string | null;
  /** The background job; its state is in `<home>/jobs/<id>/state.json`. */
  jobId: string | null;
  startedAt: number | null;
  /** `idle`, `busy`, `waiting`, `shell`, or a word of a later version. Null: no statement. */
  status: string | null;
  waitingFor: string | null;
  /** Milliseconds since 1970. */
  statusUpdatedAt: number | null;
}

/** One file as a check found it. */
export interface SeenFile {
  path: string;
  /** Its newest content that could be read. */
  entry: RegistryEntry;
  /** The file is there. */
  present: boolean;
  /** Null: the pid belongs to another machine or namespace and says nothing. */
  process: ProcessState | null;
  /** State of the background job, `working` to `stopped`; null when it is none or not reported. */
  job: string | null;
}

/**
 * Reads the text of a registry file. Null when it is not a whole one: such a text means nothing, and is
 * read again later.
 *
 * @param changedAt  when the file was written, in milliseconds since 1970: counts where it does not say since
 *   when its status is so
 */
export function parseRegistryFile(
  text: string,
  changedAt: number | null = null,
): RegistryEntry | null {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(text) ?? {};
  } catch {
    // The CLI rewrites the file in place, so a reader can meet half of it.
    return null;
  }
  const { pid, sessionId, procStart } = value;
  if (!Number.isSafeInteger(pid) || (pid as number) <= 0 || !isSafeId(sessionId)) return null;
  const isStart = typeof procStart === 'string' || typeof procStart === 'number';
  return {
    pid: pid as number,
    sessionId,
    procStart: isStart && /^\d+$/.test(String(procStart)) ? String(procStart) : null,
    pidDomain: text_(value.pidDomain),
    cwd: text_(value.cwd),
    name: text_(value.name),
    version: text_(value.version),
    kind: text_(value.kind),
    entrypoint: text_(value.entrypoint),
    jobId: isSafeId(value.jobId) ? value.jobId : null,
    startedAt: number_(value.startedAt),
    status: text_(value.status),
    waitingFor: text_(value.waitingFor),
    statusUpdatedAt: stampIn(value) ?? (text_(value.status) === null ? null : changedAt),
  };
}

function stampIn({ statusUpdatedAt, updatedAt }: Record<string, unknown>): number | null {
  return number_(statusUpdatedAt) ?? number_(updatedAt);
}

function text_(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value.slice(0, 4096) : null;
}

function number_(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** What the status of one file means; null when it makes no statement or uses an unknown word. */
function stateOf({ status, waitingFor }: RegistryEntry): LiveState['state'] | null {
  if (status === 'idle' || status === 'shell') return 'idle';
  if (status === 'busy') return 'working';
  // The person opened a menu at the prompt (`/model`): the agent asks nothing.
  if (status === 'waiting') return waitingFor === 'dialog open' ? 'idle' : 'waiting';
  return null;
}

interface KnownSession {
  /** What was reported last; null before the first statement. */
  state: string | null;
  processes: string | null;
  suspended: boolean;
  /** The newest stamp that went into a report of the state, in milliseconds since 1970. */
  stamp: number;
}

/** Remembers what the last check found, and reports what the next one changes. */
export class RegistryFold {
  /** Live files of the last check by path. */
  #files: ReadonlyMap<string, RegistryEntry> = new Map();
  readonly #sessions = new Map<string, KnownSession>();
  /** Processes that the last check found to be over, by session: that was reported, or others bore the session. */
  #gone = new Map<string, Set<string>>();

  /**
   * Takes one check of every file of every home. A file that is gone is given once more, with `present`
   * false.
   *
   * @param now  milliseconds since 1970
   * @returns the changes: continued, gone, then what the live ones say. A report may be about a session
   *   that never was one (the id of a start that is not over): a receiver that does not know it ignores all but
   *   `session.state`
   */
  check(seen: readonly SeenFile[], now: number): WatchReport[] {
    const live = new Map<string, RegistryEntry>();
    const over: SeenFile[] = [];
    const reports: WatchReport[] = [];
    for (const file of seen) {
      if (isOver(file)) {
        over.push(file);
        continue;
      }
      const entry = this.#newer(file);
      reports.push(...this.#continued(file.path, entry, now));
      live.set(file.path, entry);
    }
    reports.push(...this.#ended(over, [...live.values()], now));
    const before = membersOf(this.#files.values());
    const after = membersOf(live.values());
    this.#files = live;
    for (const sessionId of before.keys()) {
      if (!after.has(sessionId)) this.#sessions.delete(sessionId);
    }
    for (const [sessionId, entries] of after) {
      const isSuspended = ({ entry, process }: SeenFile): boolean =>
        entry.sessionId === sessionId && process === 'suspended';
      const suspended = seen.filter(isSuspended).length === entries.length;
      const lost = (before.get(sessionId)?.length ?? 0) > entries.length;
      reports.push(...this.#processes(sessionId, entries, suspended, now));
      reports.push(...this.#state(sessionId, entries, lost ? now : 0));
    }
    return reports;
  }

  /** A content with an older stamp than the last one of the same process is a stale read. */
  #newer({ path, entry }: SeenFile): RegistryEntry {
    const old = this.#files.get(path);
    if (old === undefined || old.sessionId !== entry.sessionId || !isSameProcess(old, entry)) {
      return entry;
    }
    return (entry.statusUpdatedAt ?? 0) < (old.statusUpdatedAt ?? 0) ? old : entry;
  }

  /** With `-c` a file first has an id that is thrown away; it never had a status, so nothing is linked. */
  #continued(path: string, entry: RegistryEntry, now: number): WatchReport[] {
    const old = this.#files.get(path);
    if (old === undefined || old.sessionId === entry.sessionId) return [];
    if (old.status === null || !isSameProcess(old, entry)) return [];
    return [
      {
        witness: 'registry',
        what: 'session.continued',
        sessionId: entry.sessionId,
        from: old.sessionId,
        pid: entry.pid,
        stamp: entry.statusUpdatedAt ?? now,
        key: `registry:continued:${old.sessionId}:${entry.sessionId}`,
      },
    ];
  }

  /** Sessions that have lost their last process; also those whose files say so at the very first check. */
  #ended(over: readonly SeenFile[], live: readonly RegistryEntry[], now: number): WatchReport[] {
    const reports: WatchReport[] = [];
    const gone = new Map<string, Set<string>>();
    const files = new Map<string, SeenFile[]>();
    for (const file of over) {
      files.set(file.entry.sessionId, [...(files.get(file.entry.sessionId) ?? []), file]);
    }
    for (const [sessionId, of] of files) {
      const reported = this.#gone.get(sessionId);
      gone.set(sessionId, new Set(of.map(processKeyOf)));
      const [first, ...others] = of.filter((file) => reported?.has(processKeyOf(file)) !== true);
      if (first === undefined) continue;
      const newest = others.reduce(
        (one, other) => (startOf(other) > startOf(one) ? other : one),
        first,
      );
      const goesOn = live.some(
        (entry) => entry.sessionId === sessionId || isSameProcess(entry, newest.entry),
      );
      if (goesOn) continue;
      // Its file may have been away only for a while, with its process alive: it ends again, having said more.
      const said = newest.entry.statusUpdatedAt ?? '';
      reports.push({
        witness: 'process',
        what: 'process.gone',
        sessionId,
        reason: goneReason(newest),
        pids: pidsOf(of.map(({ entry }) => entry)),
        stamp: now,
        key: `process:gone:${sessionId}:${processKeyOf(newest)}:${said}`,
      });
    }
    this.#gone = gone;
    return reports;
  }

  #state(sessionId: string, entries: RegistryEntry[], changedAt: number): WatchReport[] {
    const state = mergedState(entries);
    if (state === null) return [];
    const known = this.#known(sessionId);
    const stamps = entries.map(({ statusUpdatedAt }) => statusUpdatedAt ?? 0);
    const stamp = Math.max(...stamps, changedAt, known.stamp);
    // The stamp counts too: between two checks a session may have worked and be idle again.
    const reported = JSON.stringify([state, stamp]);
    if (known.state === reported) return [];
    known.state = reported;
    known.stamp = stamp;
    const key = `registry:${sessionId}:${state.words}:${stamp}`;
    return [{ witness: 'registry', what: 'session.state', sessionId, stamp, key, ...state }];
  }

  #processes(
    sessionId: string,
    entries: RegistryEntry[],
    suspended: boolean,
    now: number,
  ): WatchReport[] {
    const known = this.#known(sessionId);
    const origin = { witness: 'process', sessionId, stamp: now } as const;
    const reports: WatchReport[] = [];
    const processes = entries
      .map(({ pid, procStart }) => ({ pid, start: procStart }))
      .sort((one, other) => one.pid - other.pid);
    const reported = processes.map(({ pid, start }) => `${pid}@${start ?? ''}`).join(',');
    if (known.processes !== reported) {
      known.processes = reported;
      const key = `process:seen:${sessionId}:${reported}`;
      reports.push({ ...origin, what: 'process.seen', processes, key });
    }
    if (known.suspended !== suspended) {
      known.suspended = suspended;
      const key = `process:suspended:${sessionId}:${suspended}:${now}`;
      const pids = pidsOf(entries);
      reports.push({ ...origin, what: 'process.suspended', suspended, pids, key });
    }
    return reports;
  }

  #known(sessionId: string): KnownSession {
    const known = this.#sessions.get(sessionId);
    if (known !== undefined) return known;
    const fresh = { state: null, processes: null, suspended: false, stamp: 0 };
    this.#sessions.set(sessionId, fresh);
    return fresh;
  }
}

const OVER_JOBS: readonly string[] = ['stopped', 'done', 'failed'];

/**
 * The file's process is over. A background session is started again under the same id after its process
 * ended, unless its job says that it is over.
 */
function isOver({ entry, present, process, job }: SeenFile): boolean {
  if (entry.kind === 'bg' && job !== null) return OVER_JOBS.includes(job);
  return !present || process === 'gone';
}

function goneReason({ job, present }: SeenFile): GoneReason {
  if (job !== null && OVER_JOBS.includes(job)) return job as GoneReason;
  return present ? 'killed' : 'exited';
}

function isSameProcess(one: RegistryEntry, other: RegistryEntry): boolean {
  return one.pid === other.pid && one.procStart === other.procStart;
}

/** One life of a process: a pid is given again. */
function processKeyOf({ entry: { pid, procStart, startedAt } }: SeenFile): string {
  return `${pid}@${procStart ?? startedAt ?? 0}`;
}

function startOf({ entry }: SeenFile): number {
  return entry.startedAt ?? 0;
}

/** One session may have several processes: it works if one works, and waits if one waits. */
function mergedState(entries: RegistryEntry[]): LiveState | null {
  for (const state of ['waiting', 'working', 'idle'] as const) {
    const of = entries.filter((entry) => stateOf(entry) === state).sort(byNewest);
    const [entry] = of;
    if (entry === undefined) continue;
    const { cwd, name, version, kind, entrypoint, startedAt, status, waitingFor } = entry;
    const words = waitingFor === null ? (status as string) : `${status}/${waitingFor}`;
    const asks =
      state !== 'waiting' ? null : waitingFor === 'input needed' ? 'question' : 'permission';
    return { state, asks, words, cwd, name, version, kind, entrypoint, startedAt };
  }
  return null;
}

function byNewest(one: RegistryEntry, other: RegistryEntry): number {
  return (other.statusUpdatedAt ?? 0) - (one.statusUpdatedAt ?? 0);
}

function membersOf(entries: Iterable<RegistryEntry>): Map<string, RegistryEntry[]> {
  const members = new Map<string, RegistryEntry[]>();
  for (const entry of entries) {
    const of = members.get(entry.sessionId);
    if (of === undefined) members.set(entry.sessionId, [entry]);
    else of.push(entry);
  }
  return members;
}

function pidsOf(entries: RegistryEntry[]): number[] {
  return entries.map(({ pid }) => pid).sort((one, other) => one - other);
}
