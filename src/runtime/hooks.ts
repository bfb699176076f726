/**
 * Hooks: found or deferred session, one event, one commit. A session that only started is a pending row;
 * its first event makes it appear. Hooks are never held back and never doubled: a key is in effect once.
 */
import type { SessionEvent } from '../../machines/session-events.ts';
import type { SeenProcess, Stamp } from '../../machines/session-types.ts';
import { OrbitError } from '../errors.ts';
import type { Images } from '../host/images.ts';
import type { Logger } from '../log.ts';
import type { Hook } from '../protocol/hook.ts';
import type { HookReading, PendingStart } from '../providers/provider.ts';
import type { Providers } from '../providers/registry.ts';
import type { KeepImage } from '../providers/reports.ts';
import type { Writer } from '../store/writer.ts';
import { CLOCKS_OF_MACHINE, happenedAt, type StampClock, stampFromMicroseconds } from './clock.ts';
import { type Ledger, refusalOf } from './ledger/ledger.ts';
import { createRecentKeys } from './ledger/replay-buffer.ts';
import type { Sender } from './rooms/rooms.ts';
import type { HookMeta } from './runtime-api.ts';
import type { LiveSession, Origin } from './sessions/live-session.ts';
import type { Found, Registry } from './sessions/registry.ts';
import type { WaitingHooks } from './waiting-hooks.ts';

interface HooksDeps {
  providers: Pick<Providers, 'readHook'>;
  writer: Pick<Writer, 'opened' | 'submit' | 'storageError' | 'backlog'>;
  registry: Pick<Registry, 'enter' | 'create' | 'peek'>;
  ledger: Pick<Ledger, 'send'>;
  /** Processes of hooks that wait for an answer. */
  waitingHooks: Pick<WaitingHooks, 'hasRoom' | 'expect' | 'expectWords' | 'taken'>;
  clock: StampClock;
  images: Pick<Images, 'keep'>;
  /** A hook has named one more process of the session, and that is stored. */
  named: (live: LiveSession) => void;
  /** Looks up the branch of a directory and sends it to the session; runs beside. */
  lookUpBranch: (live: LiveSession) => void;
  log: Logger;
}

/** A hook that only adds to a session waits for it: so many checks, so far apart, ms. */
const LOOKS = 20;
const LOOK_AGAIN_MS = 250;

/** Keys remembered at least, to answer a repeated request without touching its session. */
const MAX_RECENT_KEYS = 20_000;
/** CLI processes remembered, to know which session `/clear` continued. */
const MAX_PROCESSES = 2000;
/** Key of hook.sh: nanoseconds, its pid, the CLI's pid. */
const HOOK_KEY = /^(\d{19})-\d+(?:-(\d+))?$/;

/** One hook with its circumstances. */
interface Arrival {
  hook: Hook;
  reading: HookReading;
  key: string | null;
  /** On the server's clock, which goes on behind all that the session has seen. */
  at: Stamp;
  agentPid: number | null;
  origin: Origin;
  caller: Sender | null;
  isAwaited: boolean;
  /** Null: not known, because it waited in the spool. */
  takesWords: boolean | null;
  /** How often a session that is not there yet is still looked for. */
  looksLeft: number;
}

/** What takes checked hooks in. */
export class Hooks {
  readonly #deps: HooksDeps;
  readonly #recent = createRecentKeys(MAX_RECENT_KEYS);
  readonly #sessionOfProcess: Map<number, string>;

  constructor(deps: HooksDeps) {
    this.#deps = deps;
    this.#sessionOfProcess = new Map(
      deps.writer.opened.processes.map(({ pid, sessionId }) => [pid, sessionId]),
    );
  }

  /**
   * Resolves once the hook is committed, or was before.
   *
   * @throws OrbitError `server_busy` or `storage_unavailable` when the hook is not stored, `quarantined`
   *   when it never can be
   */
  take(hook: Hook, meta: HookMeta): Promise<void> {
    const { writer, clock, registry, providers } = this.#deps;
    const reading = providers.readHook(hook);
    // Reported by another source.
    if (!reading) return Promise.resolve();
    const known = meta.key === undefined ? undefined : this.#recent.get(meta.key);
    if (known) return known;
    const refusal = refusalOf(writer);
    if (refusal) return Promise.reject(refusal);
    const arrivedMs = performance.now();
    const stored = registry.enter(hook.session_id, (found) =>
      this.#visit(found, arrivalOf({ hook, reading }, meta, clock, arrivedMs)),
    );
    if (meta.key !== undefined) this.#recent.add(meta.key, stored);
    return stored;
  }

  #visit(found: Found, arrival: Arrival): Promise<void> {
    const { role } = arrival.reading;
    if (role === 'beside' && found.live === null) return this.#visitLater(arrival);
    if (role === 'beside' && found.live?.head.snapshot.hasTag('steered')) return Promise.resolve();
    const forkedFrom = role === 'start' ? this.#replacedBy(arrival) : null;
    this.#endReplaced(arrival);
    this.#rememberProcess(arrival);
    if (!found.live && role === 'start') return this.#defer(found, arrival, forkedFrom);
    if (!found.live && role === 'end') return this.#keepEnd(found, arrival);
    const isAwaited = arrival.isAwaited && this.#deps.waitingHooks.hasRoom;
    const { event, after } = eventOf({ ...arrival, isAwaited }, this.#deps.images);
    // What changes nothing does not make a session appear that has not done anything yet.
    if (!found.live && event.type === 'hook.observed') return Promise.resolve();
    const end = found.live ? null : (pendingOf(found)?.end ?? null);
    found.live ??= this.#appear(found, arrival);
    const { live } = found;
    const processes = newProcesses(live, arrival);
    if (processes !== null) event.processes = processes;
    const isStart = event.type === 'turn.started' || event.type === 'session.started';
    if (isStart) this.#deps.lookUpBranch(live);
    return new Promise((resolve, reject) => {
      const { origin, caller, key } = arrival;
      const isWaiting = this.#expect(arrival, event);
      const settle = (error: Error | null) => {
        if (isWaiting && key !== null) this.#deps.waitingHooks.taken(key, live, error === null);
        if (error) return reject(error);
        if (processes !== null) this.#deps.named(live);
        resolve();
      };
      this.#deps.ledger.send(live, { event, after, origin, caller, key, settle });
      // What is newer than the end is of a process that goes on with the session.
      if (end && event.at <= end.at) this.#endAfterAll(live, end);
    });
  }

  /**
   * Its session is reported by another way, which may be slower: without it what the hook adds is about nothing. Its sender
   * does not wait, and nothing is kept of it: a restart in these seconds forgets it.
   */
  #visitLater(arrival: Arrival): Promise<void> {
    if (arrival.looksLeft === 0) return Promise.resolve();
    const next = { ...arrival, looksLeft: arrival.looksLeft - 1 };
    const { session_id } = arrival.hook;
    setTimeout(() => {
      this.#deps.registry
        .enter(session_id, (found) => this.#visit(found, next))
        .catch((error: Error) => this.#deps.log.warn('hook.not_added', { session_id, error }));
    }, LOOK_AGAIN_MS).unref();
    return Promise.resolve();
  }

  /** Whether its process waits for an answer to what it reports: a client may give it as soon as it is shown. */
  #expect(
    { key, hook: { session_id: sessionId }, reading: { answer } }: Arrival,
    event: SessionEvent,
  ): boolean {
    if (key === null || answer === null) return false;
    if (event.type === 'turn.completed' && event.words === 'asked') {
      this.#deps.waitingHooks.expectWords(key, sessionId, answer);
      return true;
    }
    if (event.type !== 'approval.requested' || !event.isAwaited) return false;
    const { id, session_id } = event.request;
    this.#deps.waitingHooks.expect(key, session_id, id, answer);
    return true;
  }

  /** The end that came before all else ends the session that what it overtook has brought. */
  #endAfterAll(live: LiveSession, { hook, at, agentPid }: NonNullable<PendingStart['end']>): void {
    const reading = this.#deps.providers.readHook(hook);
    if (!reading) return;
    const { event } = eventOf({ reading, at, key: null, agentPid }, this.#deps.images);
    const settle = (error: Error | null) => {
      if (error) this.#deps.log.warn('session.end.not_stored', { session_id: live.id, error });
    };
    this.#deps.ledger.send(live, { event, origin: 'hook', key: null, settle });
  }

  /** Keeps a start until the session does something; it survives a restart and no clock ends it. */
  #defer(found: Found, arrival: Arrival, forkedFrom: string | null): Promise<void> {
    const { hook, at, agentPid } = arrival;
    const end = pendingOf(found)?.end;
    const isOver = end !== undefined && at <= end.at;
    const start: PendingStart = { hook, at, agentPid, forkedFrom, ...(isOver && { end }) };
    return this.#storePending(found, arrival, start);
  }

  /** A session that never did anything is not shown; hooks that its end has overtaken may still come. */
  #keepEnd(found: Found, arrival: Arrival): Promise<void> {
    const { hook, at, agentPid } = arrival;
    const start = pendingOf(found) ?? { hook, at, agentPid, forkedFrom: null };
    return this.#storePending(found, arrival, { ...start, end: { hook, at, agentPid } });
  }

  #storePending(found: Found, { hook, key, at }: Arrival, pending: PendingStart): Promise<void> {
    const start = JSON.stringify(pending);
    found.pendingStart = start;
    return new Promise((resolve, reject) => {
      this.#deps.writer.submit(
        { kind: 'pending', sessionId: hook.session_id, key, at, start },
        (result) => {
          if (result.outcome !== 'quarantined') return resolve();
          reject(new OrbitError('quarantined', { reason: result.error }));
        },
      );
    });
  }

  #appear(found: Found, { reading, at, agentPid }: Arrival): LiveSession {
    const pending = pendingOf(found);
    const session = reading.session(at, pending, agentPid);
    const { forked_from_session_id: origin } = session;
    const before = origin ? this.#deps.registry.peek(origin)?.head.snapshot.context.session : null;
    // `/clear` goes on in the same process, whose model no hook says again.
    if (session.model === null && before) session.model = before.model;
    return this.#deps.registry.create({ session, isNew: true, turnCount: 0 });
  }

  /** `/clear` ends one session and starts another in the same process: the old one is its origin. */
  #replacedBy({ hook, reading, agentPid }: Arrival): string | null {
    if (!reading.replaces || agentPid === null) return null;
    const previous = this.#sessionOfProcess.get(agentPid);
    return previous === hook.session_id ? null : (previous ?? null);
  }

  /** A process that reports under a new id has left its old session, also where no hook said so. */
  #endReplaced({ hook, at, agentPid }: Arrival): void {
    const previous = agentPid === null ? undefined : this.#sessionOfProcess.get(agentPid);
    if (agentPid === null || previous === undefined || previous === hook.session_id) return;
    const live = this.#deps.registry.peek(previous);
    const event = {
      type: 'process.left',
      at,
      witness: 'hook',
      reason: 'replaced',
      process: agentPid,
    } as const;
    // Mostly the session has said its end itself.
    if (!live?.head.snapshot.can(event)) return;
    const settle = (error: Error | null) => {
      if (error) this.#deps.log.warn('session.left.not_stored', { session_id: previous, error });
    };
    this.#deps.ledger.send(live, { event, origin: 'server', key: null, settle });
  }

  #rememberProcess({ hook, agentPid }: Arrival): void {
    const sessions = this.#sessionOfProcess;
    if (agentPid === null) return;
    sessions.delete(agentPid);
    sessions.set(agentPid, hook.session_id);
    if (sessions.size > MAX_PROCESSES) sessions.delete(sessions.keys().next().value as number);
  }
}

/**
 * Those that run the session, where a hook names one more: its end is seen also where no registry file reports it,
 * and by a server that is started after it. What waited in the spool may name a pid that is another process now.
 */
function newProcesses(
  { head: { snapshot } }: LiveSession,
  { reading, agentPid, origin }: Arrival,
): SeenProcess[] | null {
  if (agentPid === null || origin === 'spool' || reading.role === 'end') return null;
  const known = snapshot.hasTag('ended') ? [] : (snapshot.context.processes ?? []);
  if (known.some(({ pid }) => pid === agentPid)) return null;
  const process = reading.processOf(agentPid);
  return process && [...known, process].sort((one, other) => one.pid - other.pid);
}

function pendingOf({ pendingStart }: Found): PendingStart | null {
  return pendingStart === null ? null : (JSON.parse(pendingStart) as PendingStart);
}

/** What the hook reports, with the process and the prompt it belongs to; `after` the images in it. */
function eventOf(
  {
    reading,
    at,
    key,
    agentPid,
    isAwaited = false,
    takesWords = null,
  }: Pick<Arrival, 'reading' | 'at' | 'key' | 'agentPid'> &
    Partial<Pick<Arrival, 'isAwaited' | 'takesWords'>>,
  images: Pick<Images, 'keep'>,
) {
  const writes: Promise<void>[] = [];
  const keep: KeepImage = (bytes) => {
    const kept = images.keep(bytes);
    if ('stored' in kept) writes.push(kept.stored);
    return kept;
  };
  const words = isAwaited ? 'asked' : takesWords ? 'able' : 'none';
  const given = takesWords === null ? {} : ({ words } as const);
  const event = reading.event({ at, key: key ?? at, keep, isAwaited, ...given });
  if (agentPid !== null) event.process = agentPid;
  if (reading.promptId !== undefined) event.promptId ??= reading.promptId;
  return { event, after: writes.length > 0 ? Promise.all(writes) : null };
}

/** @param arrivedMs  on the monotonic clock: opening its session may have taken a while */
function arrivalOf(
  { hook, reading }: Pick<Arrival, 'hook' | 'reading'>,
  meta: HookMeta,
  clock: StampClock,
  arrivedMs: number,
): Arrival {
  const [, nanoseconds, pid] = (meta.key !== undefined && HOOK_KEY.exec(meta.key)) || [];
  const report = {
    stampUs: nanoseconds === undefined ? null : Number(nanoseconds.slice(0, -3)),
    sentUs: meta.sentNs === undefined ? null : Number(meta.sentNs.slice(0, -3)),
    isLive: meta.origin !== 'spool',
  };
  return {
    hook,
    reading,
    key: meta.key ?? null,
    at: stampFromMicroseconds(happenedAt(clock, { arrivedMs, clocks: CLOCKS_OF_MACHINE }, report)),
    agentPid: pid === undefined || pid === '0' ? null : Number(pid),
    origin: meta.origin,
    caller: meta.caller ?? null,
    // What waited in the spool is old: its dialog is closed by now.
    looksLeft: meta.origin === 'spool' ? 0 : LOOKS,
    isAwaited: meta.isAwaited === true && meta.key !== undefined && reading.answer !== null,
    takesWords: meta.origin === 'spool' ? null : meta.takesWords === true,
  };
}
