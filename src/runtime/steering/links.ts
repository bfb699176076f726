/**
 * The connectors of the sessions that we steer. The ledger releases stored orders to them, and what they
 * report comes back through it as events. A connector outlives its session's actor, which may be put back
 * and opened again; it never outlives the link.
 */
import type { Order, SessionEvent, ThreadSettings } from '../../../machines/session-types.ts';
import type { Engine } from '../../connectors/codex/engine/engine.ts';
import { CAPABILITIES, CodexSession } from '../../connectors/codex/thread/session.ts';
import { type OpenedThread, startThread } from '../../connectors/codex/thread/threads.ts';
import type { Connector, House, Report } from '../../connectors/port.ts';
import { OrbitError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { StampClock } from '../clock.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Streams } from '../rooms/streams.ts';
import type { LiveSession } from '../sessions/live-session.ts';
import type { Registry } from '../sessions/registry.ts';
import type { BoundThreads } from './bound-threads.ts';

/** The connectors of live sessions. */
export interface Links {
  /** Gives stored orders to the session's connector; an order to attach makes one. Never throws. */
  release(sessionId: string, orders: Order[]): void;
  /** Begins a thread that no session has yet. @throws OrbitError `codex_error` */
  start(settings: ThreadSettings): Promise<OpenedThread>;
  /**
   * Makes an opened thread the connector of a session; what the session must be told is returned, in
   * order.
   */
  adopt(sessionId: string, opened: OpenedThread): Report[];
  /** Settles when the session's connector is ready. @throws OrbitError why it is not */
  ready(sessionId: string): Promise<void>;
  /** Why the provider could not take this answer; null when it can. */
  refusalOf(sessionId: string, order: Order): string | null;
  /** Lets go of connectors that nobody used for so long; sessions that work or wait keep theirs. */
  rest(idleMs: number): void;
  /** Lets all go; what ran is told to be lost. Settles when that is committed. */
  close(reason: string): Promise<void>;
}

interface LinksDeps {
  engine: Engine;
  registry: Pick<Registry, 'enter' | 'peek'>;
  ledger: Pick<Ledger, 'tell'>;
  streams: Pick<Streams, 'open'>;
  /** Who else speaks to the engine about a session's thread finds it here. */
  threads: Pick<BoundThreads, 'bind'>;
  /** A turn may have changed the branch; looked up beside. */
  lookUpBranch: (live: LiveSession) => void;
  clock: StampClock;
  log: Logger;
}

/** Links over one engine. */
export function createLinks(deps: LinksDeps): Links {
  const { engine, registry, ledger, streams, threads, lookUpBranch, clock, log } = deps;
  const connectors = new Map<string, Connector>();
  const unbind = new Map<string, () => void>();
  /** Reports on their way to the disk. */
  const onTheirWay = new Set<Promise<unknown>>();
  let closedBecause: string | null = null;

  function houseOf(sessionId: string): House {
    return {
      report(event) {
        if (event.type === 'link.attached') bind(sessionId, event.threadId);
        if (event.type === 'link.lost') letGo(sessionId);
        return track(tell(sessionId, event));
      },
      nowMs: Date.now,
      stream(messageId, first, stored) {
        const stream = streams.open(sessionId, messageId, first);
        void stored.then((isStored) => isStored && stream.show());
        return stream;
      },
    };
  }

  function bind(sessionId: string, threadId: string): void {
    unbind.set(sessionId, threads.bind(sessionId, threadId));
  }

  function letGo(sessionId: string): void {
    unbind.get(sessionId)?.();
    unbind.delete(sessionId);
  }

  function track(told: Promise<boolean>): Promise<boolean> {
    onTheirWay.add(told);
    return told.finally(() => onTheirWay.delete(told));
  }

  /** Never rejects: a report that cannot be stored is the session's trouble, not the connector's. */
  async function tell(sessionId: string, report: Report): Promise<boolean> {
    try {
      await registry.enter(sessionId, ({ live }) => {
        if (!live) throw new OrbitError('not_found', { what: 'Session', id: sessionId });
        const event = { ...report, at: clock.stamp() } as SessionEvent;
        return new Promise<void>((resolve, reject) => {
          const settle = (error: Error | null) => (error ? reject(error) : resolve());
          ledger.tell(live, { event, origin: 'connector', key: null, settle });
          if (event.type === 'turn.completed') lookUpBranch(live);
        });
      });
      return true;
    } catch (error) {
      log.error('connector.report_failed', {
        session_id: sessionId,
        event_type: report.type,
        error: error instanceof Error ? error.message : String(error),
      });
      return false;
    }
  }

  function living(sessionId: string): Connector | null {
    const connector = connectors.get(sessionId);
    if (!connector?.isOver) return connector ?? null;
    connectors.delete(sessionId);
    return null;
  }

  function take(sessionId: string, order: Order): void {
    const connector = living(sessionId);
    if (connector) {
      connector.take(order);
      if (order.type !== 'thread.release') return;
      connectors.delete(sessionId);
      letGo(sessionId);
    } else if (order.type === 'thread.attach' && closedBecause !== null) {
      void track(tell(sessionId, { type: 'link.failed', reason: closedBecause }));
    } else if (order.type === 'thread.attach') {
      const parts = { sessionId, engine, house: houseOf(sessionId), log };
      connectors.set(sessionId, new CodexSession(parts, order));
    } else {
      log.warn('connector.order_too_late', { session_id: sessionId, order: order.type });
    }
  }

  return {
    async start(settings) {
      if (closedBecause !== null) throw new OrbitError('shutting_down');
      return startThread(engine, settings);
    },
    release(sessionId, orders) {
      for (const order of orders) take(sessionId, order);
    },
    adopt(sessionId, opened) {
      const parts = { sessionId, engine, house: houseOf(sessionId), log };
      connectors.set(sessionId, new CodexSession(parts, opened));
      const { threadId, fields } = opened;
      bind(sessionId, threadId);
      return [
        { type: 'link.requested' },
        { type: 'link.attached', capabilities: CAPABILITIES, threadId, fields },
      ];
    },
    async ready(sessionId) {
      const connector = connectors.get(sessionId);
      if (!connector) {
        throw new OrbitError('no_connector', { id: sessionId, reason: 'none' }, { sessionId });
      }
      await connector.attached;
    },
    refusalOf(sessionId, order) {
      const connector = living(sessionId);
      return connector ? connector.refusalOf(order) : 'its connector is gone';
    },
    rest(idleMs) {
      for (const sessionId of connectors.keys()) {
        if (living(sessionId) === null) continue;
        const usedAtMs = registry.peek(sessionId)?.usedAtMs ?? Number.POSITIVE_INFINITY;
        if (usedAtMs < performance.now() - idleMs)
          void track(tell(sessionId, { type: 'link.rested' }));
      }
    },
    async close(reason) {
      closedBecause = reason;
      for (const connector of connectors.values()) connector.close(reason);
      connectors.clear();
      await Promise.all(onTheirWay);
    },
  };
}
