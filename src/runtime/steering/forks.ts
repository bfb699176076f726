/**
 * Forks: a copy of a Codex thread as a session of its own. The copy's history is read from the new thread,
 * so that what is shown is what the model remembers. Works for every session whose thread is known, also
 * ended and watched ones.
 */
import { randomUUID } from 'node:crypto';
import type { ThreadSettings } from '../../../machines/session-facts.ts';
import type { Session } from '../../../machines/session-types.ts';
import type { Engine } from '../../connectors/codex/engine/engine.ts';
import { messageFrom } from '../../connectors/codex/thread/items.ts';
import {
  cutAtMessage,
  forkThread,
  startThread,
  turnsOf,
} from '../../connectors/codex/thread/threads.ts';
import { OrbitError } from '../../errors.ts';
import type { ListFeed } from '../rooms/list-feed.ts';
import type { LiveSession } from '../sessions/live-session.ts';
import { newSession } from '../sessions/new-session.ts';
import type { Registry } from '../sessions/registry.ts';
import { contextOf, type Sessions, type Wish } from '../sessions/sessions.ts';
import type { Links } from './links.ts';

/** A fork that was made. */
interface Forked {
  sessionId: string;
  fromThreadId: string;
  /** Lets the list hear of it: after the asker has its answers. */
  announce(): void;
}

/** Makes new sessions of old ones. */
export interface Forks {
  /**
   * Forks a session before its nth message of a user (0 = the first), or whole; the new one is told its past
   * through `sessions`, those of the asker.
   *
   * @throws OrbitError `fork_failed`, `codex_error`
   */
  fork(
    source: LiveSession,
    how: { nth: number | null; given: Partial<ThreadSettings>; sessions: Pick<Sessions, 'tell'> },
  ): Promise<Forked>;
}

interface ForksDeps {
  engine: Pick<Engine, 'request'>;
  links: Pick<Links, 'adopt'>;
  registry: Pick<Registry, 'create'>;
  listFeed: Pick<ListFeed, 'hold'>;
}

interface History {
  told: Wish[];
  turnCount: number;
}

interface How {
  nth: number | null;
  settings: ThreadSettings;
}

/** Forks over one engine. */
export function createForks(deps: ForksDeps): Forks {
  return new ThreadForks(deps);
}

class ThreadForks implements Forks {
  readonly #deps: ForksDeps;

  constructor(deps: ForksDeps) {
    this.#deps = deps;
  }

  async fork(
    source: LiveSession,
    { nth, given, sessions }: Parameters<Forks['fork']>[1],
  ): Promise<Forked> {
    const { session } = contextOf(source);
    const fromThreadId = threadOf(session);
    if (fromThreadId === null) {
      const reason = 'its Codex thread is not known; only sessions of Codex can be forked';
      throw new OrbitError('fork_failed', { id: source.id, reason });
    }
    const settings = { ...settingsOf(session), ...given };
    const opened = await this.#open(source, fromThreadId, { nth, settings });
    const sessionId = randomUUID();
    const { told, turnCount } = await this.#historyOf(sessionId, opened.threadId);
    const announce = this.#deps.listFeed.hold(sessionId);
    try {
      const live = this.#deps.registry.create({
        session: {
          ...newSession(sessionId, opened.threadId, settings),
          ...opened.fields,
          forked_from_session_id: source.id,
          ...firstPromptOf(told),
        },
        isNew: true,
        turnCount,
      });
      const wishes = [...this.#deps.links.adopt(sessionId, opened), ...told];
      await Promise.all(wishes.map((wish) => sessions.tell(live, wish, 'server')));
    } catch (error) {
      announce();
      throw error;
    }
    return { sessionId, fromThreadId, announce };
  }

  async #open(source: LiveSession, threadId: string, how: How) {
    const { nth, settings } = how;
    // Codex keeps no file of a thread in which nothing was said: a new one is the same.
    const { turn, session } = contextOf(source);
    const isBlank = session.codex_integration_mode === 'direct' && turn.count === 0;
    if (isBlank && nth === null) return startThread(this.#deps.engine, settings);
    if (nth === null)
      return forkThread(this.#deps.engine, threadId, { beforeTurnId: null, settings });
    const cut = await cutAtMessage(this.#deps.engine, threadId, nth);
    if ('refusal' in cut)
      throw new OrbitError('fork_failed', { id: threadId, reason: cut.refusal });
    // Before the first turn there is nothing to copy, and Codex copies nothing only into a new thread.
    if (cut.isFirst) return startThread(this.#deps.engine, settings);
    return forkThread(this.#deps.engine, threadId, { beforeTurnId: cut.beforeTurnId, settings });
  }

  /** What the new session is told of its past, oldest first. */
  async #historyOf(sessionId: string, threadId: string): Promise<History> {
    const told: Wish[] = [];
    let turnCount = 0;
    for await (const turn of turnsOf(this.#deps.engine, threadId, 'asc')) {
      turnCount += 1;
      const timestamp = new Date((turn.startedAt ?? 0) * 1000).toISOString();
      for (const item of turn.items) {
        const message = messageFrom(item, { sessionId, timestamp });
        if (message) told.push({ type: 'message.added', message, turnId: turn.id });
      }
    }
    return { told, turnCount };
  }
}

/** A watched session of Codex is called as its thread (contract.md 1.6). */
function threadOf(session: Session): string | null {
  if (session.codex_thread_id !== undefined) return session.codex_thread_id;
  return session.provider === 'codex' ? session.id : null;
}

function settingsOf(session: Session): ThreadSettings {
  return {
    cwd: session.project_path,
    model: session.model,
    effort: session.effort ?? null,
    approvalPolicy: session.approval_policy ?? null,
    sandboxMode: session.sandbox_mode ?? null,
  };
}

function firstPromptOf(told: Wish[]): { first_prompt?: string } {
  for (const wish of told) {
    if (wish.type === 'message.added' && wish.message.message_type === 'user') {
      return { first_prompt: wish.message.content.slice(0, 200) };
    }
  }
  return {};
}
