/**
 * The subagents of one thread, as its items tell of them. A subagent is a thread of its own, which may go on when the
 * turn that began it is over; its parent hears of its end in any case.
 */
import type { ThreadItem } from '../protocol/generated/v2/ThreadItem.ts';

type Activity = Extract<ThreadItem, { type: 'subAgentActivity' }>;

/** A subagent as sessions name it: by its thread. */
export interface Subagent {
  id: string;
  type: string;
}

/** Who runs, as far as it was told. */
export class Subagents {
  readonly #running = new Map<string, Subagent>();

  /** Those that go on. */
  get running(): Subagent[] {
    return [...this.#running.values()];
  }

  /** Takes a finished item: of whom it tells, and whether it runs now; null for an item that tells of none. */
  heard(item: ThreadItem): { agentId: string; agentType: string; isRunning: boolean } | null {
    if (item.type !== 'subAgentActivity') return null;
    const agent = subagentOf(item);
    const isRunning = item.kind === 'started' || item.kind === 'interacted';
    if (isRunning) this.#running.set(agent.id, agent);
    else this.#running.delete(agent.id);
    return { agentId: agent.id, agentType: agent.type, isRunning };
  }
}

/** Called by the last part of its path, such as `helper` of `/root/helper`. */
export function subagentOf({ agentThreadId: id, agentPath }: Activity): Subagent {
  return { id, type: agentPath.split('/').filter(Boolean).at(-1) ?? 'agent' };
}
