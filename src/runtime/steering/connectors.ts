/**
 * The connectors of the sessions that we steer. The ledger releases stored commands to them, and what they
 * report comes back through it as events. A connector outlives its session's actor, which may be put back
 * and opened again; it never outlives the link.
 */
import type { SessionEvent } from '../../../machines/session-events.ts';
import type { ConnectorCommand, ThreadSettings } from '../../../machines/session-facts.ts';
import { OrbitError } from '../../errors.ts';
import type { Images } from '../../host/images.ts';
import type { Logger } from '../../log.ts';
import type {
  AnswerRefusal,
  AttachCommand,
  Connector,
  KnownThread,
  OpenedThread,
  Report,
  SessionPort,
  Threads,
} from '../../providers/provider.ts';
import type { Providers } from '../../providers/registry.ts';
import type { Writer } from '../../store/writer.ts';
import { type StampClock, stampFromMicroseconds } from '../clock.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Streams } from '../rooms/streamed-texts.ts';
import type { LiveSession } from '../sessions/live-session.ts';
import type { Registry } from '../sessions/registry.ts';
import { contextOf } from '../sessions/sessions.ts';

/** The connectors of live sessions. */
export interface Connectors {
  /** Gives stored commands to the session's connector; a command to attach makes one. Never throws. */
  release(live: LiveSession, commands: ConnectorCommand[]): void;
  /** Begins a thread that no session has yet. @throws OrbitError why the provider cannot */
  start(provider: string, settings: ThreadSettings): Promise<OpenedThread>;
  /**
   * Makes an opened thread the connector of a session; the events for the session are returned, in
   * order.
   */
  attach(session: { id: string; provider: string }, opened: OpenedThread): Report[];
  /** Whether the session has a connector. */
  isConnected(sessionId: string): boolean;
  /** Settles when the session's connector is ready. @throws OrbitError why it is not */
  ready(sessionId: string): Promise<void>;
  /** Settles when the connector that is being made is ready; null when none is. @throws OrbitError */
  opening(sessionId: string): Promise<void> | null;
  /** Why the provider could not take this answer; null when it can. */
  refusalOf(sessionId: string, command: ConnectorCommand): AnswerRefusal | null;
  /** Releases connectors that were not used for so long; sessions that work or wait keep theirs. */
  rest(idleMs: number): void;
  /** Lets all go; what ran is reported as lost. Settles when that is committed. */
  close(reason: string): Promise<void>;
}

interface LinksDeps {
  writer: Pick<Writer, 'read'>;
  providers: Pick<Providers, 'steering'>;
  images: Pick<Images, 'keep'>;
  registry: Pick<Registry, 'enter' | 'peek'>;
  ledger: Pick<Ledger, 'send'>;
  streams: Pick<Streams, 'open'>;
  /** For others that send the engine requests about a session's thread. */
  threads: Pick<BoundThreads, 'bind'>;
  /** A turn may have changed the branch; looked up beside. */
  lookUpBranch: (live: LiveSession) => void;
  clock: StampClock;
  log: Logger;
}

/** Links over the server's providers. */
export function createConnectors(deps: LinksDeps): Connectors {
  return new SessionLinks(deps);
}

class SessionLinks implements Connectors {
  readonly #deps: LinksDeps;
  readonly #connectors = new Map<string, Connector>();
  /** Connectors that are not ready yet, by session. */
  readonly #opening = new Map<string, Promise<void>>();
  readonly #unbind = new Map<string, () => void>();
  /** Reports on their way to the disk. */
  readonly #onTheirWay = new Set<Promise<unknown>>();
  #closedBecause: string | null = null;

  constructor(deps: LinksDeps) {
    this.#deps = deps;
  }

  async start(provider: string, settings: ThreadSettings): Promise<OpenedThread> {
    if (this.#closedBecause !== null) throw new OrbitError('shutting_down');
    return this.#deps.providers.steering(provider).open(settings);
  }

  release(live: LiveSession, commands: ConnectorCommand[]): void {
    for (const command of commands) this.#take(live, command);
  }

  attach({ id, provider }: { id: string; provider: string }, opened: OpenedThread): Report[] {
    this.#connect(id, provider, opened);
    const { threadId, fields } = opened;
    this.#bind(id, threadId);
    const capabilities = [...this.#deps.providers.steering(provider).capabilities];
    return [{ type: 'link.requested' }, { type: 'link.attached', capabilities, threadId, fields }];
  }

  /** A session of a provider that runs none, as another program may have stored it, cannot be attached. */
  #attach(live: LiveSession, command: AttachCommand): void {
    try {
      this.#connect(live.id, contextOf(live).session.provider, command);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#deps.log.warn('connector.not_made', { session_id: live.id, error: error as Error });
      void this.#track(this.#send(live.id, { type: 'link.failed', reason }));
    }
  }

  #connect(sessionId: string, provider: string, begin: AttachCommand | OpenedThread): void {
    const { providers, log } = this.#deps;
    const known = this.#knownOf(sessionId);
    const parts = { sessionId, known, port: this.#portOf(sessionId), log: log.child(provider) };
    const connector = providers.steering(provider).connect(parts, begin);
    this.#connectors.set(sessionId, connector);
    this.#opening.set(sessionId, connector.attached);
    const over = () => {
      if (this.#opening.get(sessionId) === connector.attached) this.#opening.delete(sessionId);
    };
    connector.attached.then(over, (error: Error) => {
      over();
      log.warn('session.resume.connector_failed', { session_id: sessionId, error });
    });
  }

  #knownOf(sessionId: string): KnownThread {
    const live = this.#deps.registry.peek(sessionId);
    if (!live) return { turnId: null, isTurnOpen: false, isNew: false, outbox: [] };
    const { snapshot } = live.head;
    const { turn, outbox, session } = snapshot.context;
    const isTurnOpen = snapshot.matches({ phase: { active: { turn: 'open' } } });
    const isNew = turn.count === 0 && session.last_message === undefined;
    return { turnId: turn.promptId, isTurnOpen, isNew, outbox };
  }

  async ready(sessionId: string): Promise<void> {
    const connector = this.#connectors.get(sessionId);
    if (!connector) {
      throw new OrbitError('no_connector', { id: sessionId, reason: 'none' }, { sessionId });
    }
    await connector.attached;
  }

  isConnected(sessionId: string): boolean {
    return this.#living(sessionId) !== null;
  }

  opening(sessionId: string): Promise<void> | null {
    return this.#opening.get(sessionId) ?? null;
  }

  refusalOf(sessionId: string, command: ConnectorCommand): AnswerRefusal | null {
    const connector = this.#living(sessionId);
    if (!connector) return { reason: 'its connector is gone', isSettled: false };
    return connector.refusalOf(command);
  }

  rest(idleMs: number): void {
    for (const sessionId of this.#connectors.keys()) {
      if (this.#living(sessionId) === null) continue;
      const usedAtMs = this.#deps.registry.peek(sessionId)?.usedAtMs ?? Number.POSITIVE_INFINITY;
      if (usedAtMs < performance.now() - idleMs)
        void this.#track(this.#send(sessionId, { type: 'link.rested' }));
    }
  }

  async close(reason: string): Promise<void> {
    this.#closedBecause = reason;
    for (const connector of this.#connectors.values()) connector.close(reason);
    this.#connectors.clear();
    await Promise.all(this.#onTheirWay);
  }

  #portOf(sessionId: string): SessionPort {
    return {
      report: (event, atMs) => {
        if (event.type === 'link.attached') this.#bind(sessionId, event.threadId);
        if (event.type === 'link.lost') this.#letGo(sessionId);
        return this.#track(this.#send(sessionId, event, atMs));
      },
      nowMs: Date.now,
      turnIds: () => this.#deps.writer.read({ kind: 'turns', sessionId }),
      keep: (bytes) => this.#keep(sessionId, bytes),
      stream: (messageId, first, stored) => {
        const stream = this.#deps.streams.open(sessionId, messageId, first);
        void stored.then((isStored) => isStored && stream.show());
        return stream;
      },
    };
  }

  #keep(sessionId: string, bytes: Buffer): ReturnType<SessionPort['keep']> {
    const kept = this.#deps.images.keep(bytes);
    if ('refusal' in kept) return kept;
    const stored = kept.stored.then(
      () => true,
      (error: Error) => {
        this.#deps.log.error('image.not_stored', { session_id: sessionId, error });
        return false;
      },
    );
    return { image: kept.image, stored };
  }

  #bind(sessionId: string, threadId: string): void {
    this.#unbind.set(sessionId, this.#deps.threads.bind(sessionId, threadId));
  }

  #letGo(sessionId: string): void {
    this.#unbind.get(sessionId)?.();
    this.#unbind.delete(sessionId);
  }

  #track(sent: Promise<boolean>): Promise<boolean> {
    this.#onTheirWay.add(sent);
    return sent.finally(() => this.#onTheirWay.delete(sent));
  }

  /** Never rejects: a report that cannot be stored is the session's error, not the connector's. */
  async #send(sessionId: string, report: Report, atMs?: number): Promise<boolean> {
    try {
      await this.#deps.registry.enter(sessionId, ({ live }) => {
        if (!live) throw new OrbitError('not_found', { what: 'Session', id: sessionId });
        const at = atMs === undefined ? this.#deps.clock.stamp() : stampOfPast(atMs);
        const event = { ...report, at } as SessionEvent;
        return new Promise<void>((resolve, reject) => {
          const settle = (error: Error | null) => (error ? reject(error) : resolve());
          this.#deps.ledger.send(live, { event, origin: 'connector', key: null, settle });
          if (event.type === 'turn.completed') this.#deps.lookUpBranch(live);
        });
      });
      return true;
    } catch (error) {
      this.#deps.log.error('connector.report_failed', {
        session_id: sessionId,
        event_type: report.type,
        error: error instanceof Error ? error.message : String(error),
      });
      return false;
    }
  }

  #living(sessionId: string): Connector | null {
    const connector = this.#connectors.get(sessionId);
    if (!connector?.isOver) return connector ?? null;
    this.#connectors.delete(sessionId);
    return null;
  }

  #take(live: LiveSession, command: ConnectorCommand): void {
    const { id: sessionId } = live;
    const connector = this.#living(sessionId);
    if (connector) {
      connector.take(command);
      if (command.type !== 'thread.release') return;
      this.#connectors.delete(sessionId);
      this.#letGo(sessionId);
    } else if (command.type === 'thread.attach' && this.#closedBecause !== null) {
      void this.#track(this.#send(sessionId, { type: 'link.failed', reason: this.#closedBecause }));
    } else if (command.type === 'thread.attach') {
      this.#attach(live, command);
    } else {
      this.#deps.log.warn('connector.order_too_late', {
        session_id: sessionId,
        order: command.type,
      });
    }
  }
}

/** A moment before all that the server has seen of the session. */
function stampOfPast(ms: number): string {
  return stampFromMicroseconds(Math.floor(ms) * 1000);
}

/*
 * Which thread of the engine is which session, for as long as a connector holds it. The connector binds;
 * a report of the engine about a thread finds the session of the thread here.
 */

/** Sessions that a connector holds, by thread and the other way round. */
export interface BoundThreads extends Threads {
  /** From now on this thread is this session, and no other. Returns how to let go. */
  bind(sessionId: string, threadId: string): () => void;
}

/** Threads that belong to no session yet. */
export function createBoundThreads(): BoundThreads {
  const sessions = new Map<string, string>();
  const threads = new Map<string, string>();
  const listeners: ((sessionId: string, threadId: string) => void)[] = [];

  function letGo(sessionId: string, threadId: string): void {
    if (threads.get(sessionId) === threadId) threads.delete(sessionId);
    if (sessions.get(threadId) === sessionId) sessions.delete(threadId);
  }

  return {
    bind(sessionId, threadId) {
      const before = threads.get(sessionId);
      if (before !== undefined) letGo(sessionId, before);
      threads.set(sessionId, threadId);
      sessions.set(threadId, sessionId);
      for (const listen of listeners) listen(sessionId, threadId);
      return () => letGo(sessionId, threadId);
    },
    sessionOf: (threadId) => sessions.get(threadId) ?? null,
    threadOf: (sessionId) => threads.get(sessionId) ?? null,
    sessions: () => threads.keys(),
    onBound: (listen) => void listeners.push(listen),
  };
}
