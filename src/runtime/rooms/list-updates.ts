/**
 * What list subscribers hear: summaries, and at most one delta a session and tick with summary fields
 * only. Never a revision: a client that has seen no snapshot would come back with that number and miss
 * everything before it.
 */
import { SHARED_FIELDS, type StateChanges } from '../../protocol/nouns.ts';
import type { ListMessage, SessionMessage } from '../../protocol/server.ts';
import { frameOf, LIST_ROOM, type Outlet } from './rooms.ts';

/** Fields of a delta that a summary has too. */
const SUMMARY_FIELDS = [...SHARED_FIELDS, 'token_usage'] as const;

/** Tells the list room what of a fact a list shows. */
export interface ListFeed {
  /** Takes a committed fact; it is told at the end of the tick, or at once where order matters. */
  hear(fact: SessionMessage | ListMessage): void;
  /** Keeps a session that is being made from the list until the result is called: its maker hears first. */
  hold(sessionId: string): () => void;
}

interface ListFeedDeps {
  rooms: Outlet;
  /** When what was gathered is told: at the end of the tick unless given. */
  defer?: (run: () => void) => void;
}

/** A feed in which nothing waits. */
export function createListFeed(deps: ListFeedDeps): ListFeed {
  return new GatheringFeed({ defer: setImmediate, ...deps });
}

class GatheringFeed implements ListFeed {
  readonly #deps: Required<ListFeedDeps>;
  readonly #waiting = new Map<string, StateChanges>();
  /** Sessions that are held, with their newest summary. */
  readonly #held = new Map<string, ListMessage | null>();
  #isDeferred = false;

  constructor(deps: Required<ListFeedDeps>) {
    this.#deps = deps;
  }

  hold(sessionId: string): () => void {
    this.#held.set(sessionId, null);
    return () => {
      const summary = this.#held.get(sessionId);
      this.#held.delete(sessionId);
      if (summary) this.#deps.rooms.publish(LIST_ROOM, frameOf(summary));
      this.#tell(sessionId);
    };
  }

  #note(sessionId: string, changes: StateChanges): void {
    this.#waiting.set(sessionId, { ...this.#waiting.get(sessionId), ...changes });
    if (this.#isDeferred) return;
    this.#isDeferred = true;
    this.#deps.defer(() => {
      this.#isDeferred = false;
      for (const id of [...this.#waiting.keys()]) this.#tell(id);
    });
  }

  #tell(sessionId: string): void {
    const changes = this.#waiting.get(sessionId);
    if (!changes || this.#held.has(sessionId)) return;
    this.#waiting.delete(sessionId);
    this.#deps.rooms.publish(
      LIST_ROOM,
      frameOf({ type: 'session_delta', session_id: sessionId, changes }),
    );
  }

  hear(fact: SessionMessage | ListMessage): void {
    switch (fact.type) {
      case 'session_delta': {
        const changes = summaryPart(fact.changes);
        if (changes) this.#note(fact.session_id, changes);
        return;
      }
      case 'tokens_updated':
        this.#note(fact.session_id, { token_usage: fact.usage });
        return;
      case 'session_created': {
        const { id } = fact.session;
        // The whole summary: what waited is in it.
        this.#waiting.delete(id);
        if (this.#held.has(id)) this.#held.set(id, fact);
        else this.#deps.rooms.publish(LIST_ROOM, frameOf(fact));
        return;
      }
      case 'session_ended':
        this.#tell(fact.session_id);
        this.#deps.rooms.publish(LIST_ROOM, frameOf(fact));
    }
  }
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
