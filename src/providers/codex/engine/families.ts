/**
 * Which thread works for which: a subagent is a thread of its own, and only its parent's reports say so.
 */
import type { ServerNotification } from '../protocol/generated/ServerNotification.ts';

/** Threads and their parents. */
export interface Families {
  /** Notes who began whom. */
  heard(notification: ServerNotification): void;
  /** The thread itself or the nearest above it that fits. */
  nearest(threadId: string, fits: (threadId: string) => boolean): string | null;
  clear(): void;
}

/** Subagents of subagents, and so on: more than anybody nests. */
const MAX_DEPTH = 16;
/** The oldest are forgotten beyond this many; a subagent asks while it is young. */
const MAX_CHILDREN = 10_000;

/** Nobody has begun anybody yet. */
export function createFamilies(): Families {
  const parents = new Map<string, string>();

  function note(child: string, parent: string): void {
    if (child === parent || parents.has(child)) return;
    parents.set(child, parent);
    if (parents.size > MAX_CHILDREN) parents.delete(parents.keys().next().value as string);
  }

  return {
    heard({ method, params }) {
      if (method !== 'item/started' && method !== 'item/completed') return;
      const { item, threadId } = params;
      if (item.type === 'subAgentActivity') note(item.agentThreadId, threadId);
      else if (item.type === 'collabAgentToolCall' && item.tool === 'spawnAgent') {
        for (const child of item.receiverThreadIds) note(child, threadId);
      }
    },
    nearest(threadId, fits) {
      let at: string | undefined = threadId;
      for (let depth = 0; at !== undefined && depth < MAX_DEPTH; depth++) {
        if (fits(at)) return at;
        at = parents.get(at);
      }
      return null;
    },
    clear: () => parents.clear(),
  };
}
