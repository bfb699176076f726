/**
 * What list subscribers hear: summaries, and at most one delta a session and tick with summary fields
 * only. Never a revision: a client that has seen no snapshot would come back with that number and miss
 * everything before it (contract.md 9.4 no. 12).
 */
import { SHARED_FIELDS } from '../../protocol/fields.ts';
import type { StateChanges } from '../../protocol/nouns.ts';
import type { ListMessage, SessionMessage } from '../../protocol/server.ts';
import { frameOf } from './frames.ts';
import { LIST_ROOM, type Outlet } from './rooms.ts';

/** Fields of a delta that a summary has too. */
const SUMMARY_FIELDS = [...SHARED_FIELDS, 'token_usage'] as const;

/** Tells the list room what of a fact a list shows. */
export interface ListFeed {
  /** Takes a committed fact; it is told at the end of the tick, or at once where order matters. */
  hear(fact: SessionMessage | ListMessage): void;
  /** Keeps a session that is being made from the list until the result is called: its maker hears first. */
  hold(sessionId: string): () => void;
}

/** @param deps.defer runs once at the end of the tick */
export function createListFeed({
  rooms,
  defer = setImmediate,
}: {
  rooms: Outlet;
  defer?: (run: () => void) => void;
}): ListFeed {
  const waiting = new Map<string, StateChanges>();
  /** Sessions that are held, with their newest summary. */
  const held = new Map<string, ListMessage | null>();
  let isDeferred = false;

  function note(sessionId: string, changes: StateChanges): void {
    waiting.set(sessionId, { ...waiting.get(sessionId), ...changes });
    if (isDeferred) return;
    isDeferred = true;
    defer(() => {
      isDeferred = false;
      for (const id of [...waiting.keys()]) tell(id);
    });
  }

  function tell(sessionId: string): void {
    const changes = waiting.get(sessionId);
    if (!changes || held.has(sessionId)) return;
    waiting.delete(sessionId);
    rooms.publish(LIST_ROOM, frameOf({ type: 'session_delta', session_id: sessionId, changes }));
  }

  function hear(fact: SessionMessage | ListMessage): void {
    switch (fact.type) {
      case 'session_delta': {
        const changes = summaryPart(fact.changes);
        if (changes) note(fact.session_id, changes);
        return;
      }
      case 'tokens_updated':
        note(fact.session_id, { token_usage: fact.usage });
        return;
      case 'session_created': {
        const { id } = fact.session;
        // The whole summary: what waited is in it.
        waiting.delete(id);
        if (held.has(id)) held.set(id, fact);
        else rooms.publish(LIST_ROOM, frameOf(fact));
        return;
      }
      case 'session_ended':
        tell(fact.session_id);
        rooms.publish(LIST_ROOM, frameOf(fact));
    }
  }

  return {
    hear,
    hold(sessionId) {
      held.set(sessionId, null);
      return () => {
        const summary = held.get(sessionId);
        held.delete(sessionId);
        if (summary) rooms.publish(LIST_ROOM, frameOf(summary));
        tell(sessionId);
      };
    },
  };
}

function summaryPart(changes: StateChanges): StateChanges | null {
  const part: StateChanges = {};
  let isEmpty = true;
  for (const name of SUMMARY_FIELDS) {
    if (changes[name] === undefined) continue;
    Object.assign(part, { [name]: changes[name] });
    isEmpty = false;
  }
  if (changes.pending_approval !== undefined) {
    part.has_pending_approval = changes.pending_approval !== null;
    isEmpty = false;
  }
  return isEmpty ? null : part;
}
