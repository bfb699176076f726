/**
 * Which thread of the engine is which session, for as long as a connector holds it. The connector binds;
 * whoever hears the engine speak of a thread looks here for whom that is meant.
 */

import type { Threads } from '../../providers/provider.ts';

/** Sessions that a connector holds, by thread and the other way round. */
export interface BoundThreads extends Threads {
  /** From now on this thread is this session, and no other. Returns how to let go. */
  bind(sessionId: string, threadId: string): () => void;
}

/** Threads of nobody yet. */
export function createBoundThreads(): BoundThreads {
  const sessions = new Map<string, string>();
  const threads = new Map<string, string>();
  const hearers: ((sessionId: string, threadId: string) => void)[] = [];

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
      for (const hear of hearers) hear(sessionId, threadId);
      return () => letGo(sessionId, threadId);
    },
    sessionOf: (threadId) => sessions.get(threadId) ?? null,
    threadOf: (sessionId) => threads.get(sessionId) ?? null,
    sessions: () => threads.keys(),
    onBound: (hear) => void hearers.push(hear),
  };
}
