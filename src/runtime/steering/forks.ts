/**
 * Forks: a copy of a thread as a session of its own. The copy's history is read from the new thread,
 * so that what is shown is what the model remembers. Works for every session whose thread is known, also
 * ended and watched ones.
 */
import { randomUUID } from 'node:crypto';
import type { ThreadSettings } from '../../../machines/session-facts.ts';
import type { Session } from '../../../machines/session-types.ts';
import { isDirect } from '../../../machines/steps/step-draft.ts';
import { OrbitError } from '../../errors.ts';
import type { Steering } from '../../providers/provider.ts';
import type { Providers } from '../../providers/registry.ts';
import type { ListFeed } from '../rooms/rooms.ts';
import type { LiveSession } from '../sessions/live-session.ts';
import { newSession } from '../sessions/live-session.ts';
import type { Registry } from '../sessions/registry.ts';
import { contextOf, type EventToSend, type Sessions } from '../sessions/sessions.ts';
import type { Connectors } from './connectors.ts';

/** A fork that was made. */
interface Forked {
  sessionId: string;
  fromThreadId: string;
  /** Publishes it in the list: after the asker has its answers. */
  announce(): void;
}

/** Makes new sessions of old ones. */
export interface Forks {
  /**
   * Forks a session before its nth message of a user (0 = the first), or whole; the new one receives its past
   * through `sessions`, those of the asker.
   *
   * @throws OrbitError `fork_failed`, `codex_error`
   */
  fork(
    source: LiveSession,
    how: { nth: number | null; given: Partial<ThreadSettings>; sessions: Pick<Sessions, 'send'> },
  ): Promise<Forked>;
}

interface ForksDeps {
  providers: Providers;
  connectors: Pick<Connectors, 'attach'>;
  registry: Pick<Registry, 'create'>;
  listFeed: Pick<ListFeed, 'hold'>;
}

interface History {
  events: EventToSend[];
  turnCount: number;
}

/** Forks over the server's providers. */
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
    const { session, turn } = contextOf(source);
    const { provider } = session;
    const { steering, name } = this.#deps.providers.of(provider);
    const fromThreadId = steering?.threadOf(session) ?? null;
    if (!steering || fromThreadId === null) {
      const reason = steering ? `its ${name} thread is not known` : `${name} offers no forks`;
      throw new OrbitError('fork_failed', { id: source.id, reason });
    }
    const settings = { ...settingsOf(session), ...given };
    const isBlank = isDirect(session) && turn.count === 0;
    const opened = await steering.fork(fromThreadId, { beforeMessage: nth, isBlank, settings });
    const sessionId = randomUUID();
    const { events, turnCount } = await historyOf(steering, sessionId, opened.threadId);
    const announce = this.#deps.listFeed.hold(sessionId);
    try {
      const live = this.#deps.registry.create({
        session: {
          ...newSession({ id: sessionId, provider, threadId: opened.threadId }, settings),
          ...opened.fields,
          forked_from_session_id: source.id,
          ...firstPromptOf(events),
        },
        isNew: true,
        turnCount,
      });
      const sent = [
        ...this.#deps.connectors.attach({ id: sessionId, provider }, opened),
        ...events,
      ];
      await Promise.all(sent.map((event) => sessions.send(live, event, 'server')));
    } catch (error) {
      announce();
      throw error;
    }
    return { sessionId, fromThreadId, announce };
  }
}

/** What the new session receives of its past, oldest first. */
async function historyOf(
  steering: Steering,
  sessionId: string,
  threadId: string,
): Promise<History> {
  const events: EventToSend[] = [];
  let turnCount = 0;
  for await (const { id: turnId, messages } of steering.history(threadId, sessionId)) {
    turnCount += 1;
    for (const message of messages) events.push({ type: 'message.added', message, turnId });
  }
  return { events, turnCount };
}

function settingsOf(session: Session): ThreadSettings {
  return {
    cwd: session.project_path,
    model: session.model,
    effort: session.effort ?? null,
    approvalPolicy: session.approval_policy ?? null,
    sandboxMode: session.sandbox_mode ?? null,
    ...(session.engine !== undefined && { engine: session.engine }),
  };
}

function firstPromptOf(events: EventToSend[]): { first_prompt?: string } {
  for (const event of events) {
    if (event.type === 'message.added' && event.message.message_type === 'user') {
      return { first_prompt: event.message.content.slice(0, 200) };
    }
  }
  return {};
}
