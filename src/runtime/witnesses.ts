/**
 * Sends sessions what the watch of registries and processes reports. A report goes through the ledger as
 * every event does; the chart decides what it moves. What a registry file says stands until the file says
 * something else, so it is taken again where the chart shows otherwise and would take it now.
 */
import type { SessionEvent } from '../../machines/session-events.ts';
import type { SessionSnapshot } from '../../machines/session-status.ts';
import type { SeenProcess, Session, Stamp } from '../../machines/session-types.ts';
import type { Logger } from '../log.ts';
import type { PendingStart } from '../providers/provider.ts';
import type { Providers } from '../providers/registry.ts';
import type { Watch, WatchReport } from '../providers/reports.ts';
import { CLOCKS_OF_MACHINE, happenedAt, type StampClock, stampFromMicroseconds } from './clock.ts';
import {
  eventOfEnd,
  eventOfFile,
  eventOfLeaving,
  eventOfState,
  eventOfSuspension,
  type ReportOf,
  sessionOfFile,
  sessionOfState,
} from './found-sessions.ts';
import type { Ledger } from './ledger/ledger.ts';
import { isSettled, type LiveSession } from './sessions/live-session.ts';
import type { Found, Registry } from './sessions/registry.ts';

interface WitnessesDeps {
  providers: Pick<Providers, 'readHook'>;
  registry: Pick<Registry, 'enter' | 'create' | 'peek' | 'live'>;
  /** Reads what its file reports from now on. */
  reported: (live: LiveSession) => void;
  ledger: Pick<Ledger, 'send'>;
  clock: StampClock;
  /** Looks up the branch of a directory and sends it to the session; runs beside. */
  lookUpBranch: (live: LiveSession) => void;
  log: Logger;
}

/** What the newest check found of a session. */
interface LastReport {
  provider: Session['provider'];
  processes: SeenProcess[];
  state: ReportOf<'session.state'> | null;
  /** When the state began, on the server's clock. */
  since: Stamp;
  /** The session that the same process bore before. */
  from: string | null;
}

/** The report that an event comes from, and its key; neither where what stands is taken again. */
interface Reporting {
  report?: WatchReport | null;
  key?: string | null;
}

/** How often what stands is compared with what the chart shows. */
const COMPARE_EVERY_MS = 500;
/** Reports kept while they cannot be stored; older ones are of no use then. */
const MAX_UNSENT = 1000;

/** What takes the reports of the watch. */
export class Witnesses {
  readonly #deps: WitnessesDeps;
  readonly #standing = new Map<string, LastReport>();
  readonly #watches = new Map<Session['provider'], Watch>();
  /** Ends that could not be stored: nothing would report them again. */
  #unsent: WatchReport[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(deps: WitnessesDeps) {
    this.#deps = deps;
  }

  /** From now on this watch looks at the processes that hooks name. */
  attach(provider: Session['provider'], watch: Watch): void {
    this.#watches.set(provider, watch);
    for (const live of this.#deps.registry.live()) this.named(live);
  }

  /** A hook has named a process of the session. */
  named({ id, head: { snapshot } }: LiveSession): void {
    const { processes = [], session } = snapshot.context;
    const watch = this.#watches.get(session.provider);
    if (watch?.follow === undefined || snapshot.hasTag('ended')) return;
    const seen = this.#standing.get(id)?.processes ?? [];
    for (const { pid, start } of processes) {
      if (!seen.some((process) => process.pid === pid)) watch.follow({ sessionId: id, pid, start });
    }
  }

  /** Takes the reports of one check, in their order. Never throws. */
  take(reports: readonly WatchReport[], provider: Session['provider']): void {
    if (this.#timer === null) {
      this.#timer = setInterval(() => this.#compare(), COMPARE_EVERY_MS);
      this.#timer.unref();
    }
    for (const report of reports) {
      this.#note(report);
      const standing = this.#standing.get(report.sessionId);
      if (standing) standing.provider = provider;
    }
    for (const report of reports) this.#report(report, provider);
  }

  /** Sends nothing more by itself. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#watches.clear();
    this.#standing.clear();
  }

  #note(report: WatchReport): void {
    const { sessionId } = report;
    switch (report.what) {
      case 'session.state':
        Object.assign(this.#of(sessionId), { state: report, since: this.#stampOf(report) });
        return;
      case 'process.seen':
        this.#of(sessionId).processes = report.processes;
        return;
      case 'session.continued':
        this.#of(sessionId).from = report.from;
        this.#forget(report.from, report.pid);
        return;
      case 'process.gone':
        this.#standing.delete(sessionId);
        return;
      case 'session.found':
      case 'session.named':
      case 'process.suspended':
        return;
    }
  }

  #of(sessionId: string): LastReport {
    let standing = this.#standing.get(sessionId);
    if (standing === undefined) {
      standing = { provider: 'claude', processes: [], state: null, since: '', from: null };
      this.#standing.set(sessionId, standing);
    }
    return standing;
  }

  /** That process does not run the session any more; the session may go on in another. */
  #forget(sessionId: string, pid: number): void {
    const standing = this.#standing.get(sessionId);
    if (standing === undefined) return;
    standing.processes = standing.processes.filter((process) => process.pid !== pid);
    if (standing.processes.length === 0) this.#standing.delete(sessionId);
  }

  #report(report: WatchReport, provider?: Session['provider']): void {
    const { sessionId, key } = report;
    const at = this.#stampOf(report);
    switch (report.what) {
      case 'session.state':
        this.#visit(report, sessionId, (found) => {
          found.live ??= this.#appear(found, report, at);
          this.#sendState(found.live, eventOfState(report, { at }), { report, key });
        });
        break;
      case 'session.found':
        this.#find(report, { at, provider });
        break;
      case 'session.named': {
        const event = { type: 'name.updated', at, name: report.name } as const;
        this.#visit(report, sessionId, ({ live }) => {
          if (live && live.head.snapshot.context.session.custom_name !== report.name)
            this.#send(live, event, { report, key });
        });
        break;
      }
      case 'process.seen':
        this.#visit(report, sessionId, ({ live }) => live && this.#sendProcesses(live));
        break;
      case 'process.suspended':
        this.#sendPossible(report, sessionId, eventOfSuspension(report, at));
        break;
      case 'process.gone':
        this.#sendPossible(report, sessionId, eventOfEnd(report, at));
        break;
      case 'session.continued':
        // Another process may go on with the session that this one has left.
        if (this.#standing.has(report.from)) break;
        this.#sendPossible(report, report.from, eventOfLeaving(report, at));
        break;
    }
  }

  /** A session that a file reports; one that we steer is read on there while no connector reports more. */
  #find(
    report: ReportOf<'session.found'>,
    { at, provider }: { at: Stamp; provider: Session['provider'] | undefined },
  ): void {
    const { sessionId, key } = report;
    this.#visit(report, sessionId, (found) => {
      const isNew = found.live === null;
      found.live ??= this.#deps.registry.create({
        session: sessionOfFile(report, { provider: provider ?? 'codex', at }),
        isNew: true,
        turnCount: 0,
      });
      const event = eventOfFile(report, { at, live: isNew ? null : found.live });
      if (event !== null) this.#send(found.live, event, { report, key });
      else this.#deps.reported(found.live);
      this.#sendProcesses(found.live);
    });
  }

  /** Sends it to a session that is known and would take it: mostly a hook has reported the end before. */
  #sendPossible(report: WatchReport, sessionId: string, event: SessionEvent): void {
    this.#visit(report, sessionId, ({ live }) => {
      // What is on its way to the disk may bring back a session that is over: the chart judges behind it.
      if (live && (!isSettled(live) || live.head.snapshot.can(event)))
        this.#send(live, event, { report, key: report.key });
    });
  }

  /** A CLI at its prompt is a session, also before its first hook. */
  #appear({ pendingStart }: Found, report: ReportOf<'session.state'>, at: Stamp): LiveSession {
    const { registry, lookUpBranch } = this.#deps;
    const standing = this.#of(report.sessionId);
    const pid = standing.processes.at(-1)?.pid ?? null;
    const pending = pendingStart === null ? null : (JSON.parse(pendingStart) as PendingStart);
    const reading = pending && this.#deps.providers.readHook(pending.hook);
    const session = reading
      ? reading.session(at, pending, pid)
      : {
          ...sessionOfState(report, { provider: standing.provider, at }),
          ...(pid !== null && { agent_pid: pid }),
        };
    const origin = session.forked_from_session_id ?? standing.from;
    if (origin !== null) {
      session.forked_from_session_id = origin;
      // The same process goes on, whose model the registry does not name.
      session.model ??= registry.peek(origin)?.head.snapshot.context.session.model ?? null;
    }
    const live = registry.create({ session, isNew: true, turnCount: 0 });
    lookUpBranch(live);
    return live;
  }

  /**
   * What the registry says, with the processes that run the session: if it brings the session back, they are known
   * from the same commit on, so that their end is found also by a server that is started after it.
   */
  #sendState(live: LiveSession, event: ReturnType<typeof eventOfState>, about: Reporting): void {
    const processes = this.#newProcesses(live);
    const isTaken = live.head.snapshot.can(event);
    this.#send(live, processes === null ? event : { ...event, processes }, about);
    if (!isTaken) this.#sendProcesses(live);
  }

  /** Which processes run the session is kept for the next start of the server. */
  #sendProcesses(live: LiveSession): void {
    const processes = live.head.snapshot.hasTag('ended') ? null : this.#newProcesses(live);
    if (processes === null) return;
    const at = this.#deps.clock.stamp();
    this.#send(live, { type: 'process.seen', at, witness: 'process', processes }, {});
  }

  /** Those of the newest check; null where the session knows them, or nothing is known of any. */
  #newProcesses({ id, head }: LiveSession): SeenProcess[] | null {
    const processes = this.#standing.get(id)?.processes ?? [];
    const known = head.snapshot.context.processes ?? [];
    return processes.length === 0 || isSame(known, processes) ? null : processes;
  }

  /** Sends the known state to sessions whose chart shows something else, and what could not be stored. */
  #compare(): void {
    for (const report of this.#unsent.splice(0)) {
      // Another process runs the session meanwhile.
      const isOutdated = report.what === 'process.gone' && this.#standing.has(report.sessionId);
      if (!isOutdated) this.#report(report);
    }
    for (const [id, standing] of this.#standing) {
      const live = this.#deps.registry.peek(id);
      if (live === null || live.inFlight > 0) continue;
      this.#sendProcesses(live);
      const { state, since } = standing;
      const { snapshot } = live.head;
      if (state === null || shows(snapshot, state.state)) continue;
      const event = eventOfState(state, { at: this.#deps.clock.stamp(), since });
      if (snapshot.can(event)) this.#sendState(live, event, {});
    }
  }

  #visit(report: WatchReport, sessionId: string, visit: (found: Found) => void): void {
    this.#deps.registry
      .enter(sessionId, visit)
      .catch((error: Error) => this.#failed(sessionId, error, report));
  }

  #send(live: LiveSession, event: SessionEvent, { report = null, key = null }: Reporting): void {
    const settle = (error: Error | null) => {
      if (error) this.#failed(live.id, error, report);
    };
    this.#deps.ledger.send(live, { event, origin: 'watch', key, settle });
  }

  /** A state that stands is compared again; the rest is sent again. */
  #failed(sessionId: string, error: Error, report: WatchReport | null): void {
    this.#deps.log.warn('watch.not_stored', { session_id: sessionId, what: report?.what, error });
    const isKept = report !== null && report.what !== 'process.seen';
    if (isKept && this.#timer !== null && this.#unsent.length < MAX_UNSENT) {
      this.#unsent.push(report);
    }
  }

  /** Files and hooks are stamped by one wall clock, which the server's clock may be ahead of. */
  #stampOf({ stamp, what }: WatchReport): Stamp {
    const report = { stampUs: Math.floor(stamp * 1000), sentUs: null, isLive: false };
    const arrival = { arrivedMs: performance.now(), clocks: CLOCKS_OF_MACHINE };
    // A file names one session, then another, by one stamp: that the first is left comes after all it did there.
    const behind = what === 'session.continued' ? 1 : 0;
    return stampFromMicroseconds(happenedAt(this.#deps.clock, arrival, report) + behind);
  }
}

/** The chart shows what the registry says. */
function shows(snapshot: SessionSnapshot, state: ReportOf<'session.state'>['state']): boolean {
  if (snapshot.hasTag('ended')) return false;
  if (state === 'waiting') return snapshot.hasTag('needsYou');
  if (snapshot.hasTag('needsYou')) return false;
  return snapshot.hasTag('working') === (state === 'working');
}

function isSame(one: readonly SeenProcess[], other: readonly SeenProcess[]): boolean {
  const key = ({ pid, start }: SeenProcess) => `${pid}@${start ?? ''}`;
  return one.map(key).join() === other.map(key).join();
}
