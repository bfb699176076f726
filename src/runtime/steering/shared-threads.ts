/**
 * Sessions whose threads others hold as well, such as those of terminals that share an engine. The provider says
 * which threads there are; here each gets its one session and its connector, and learns when it does not go on.
 */
import type { SessionInput } from '../../../machines/session-types.ts';
import { isShared } from '../../../machines/steps/step-draft.ts';
import type { Logger } from '../../log.ts';
import type { Report, Threads } from '../../providers/provider.ts';
import type { JoinPort, SharedThread } from '../../providers/reports.ts';
import type { Writer } from '../../store/writer.ts';
import { type LiveSession, newSession } from '../sessions/live-session.ts';
import type { Registry } from '../sessions/registry.ts';
import { contextOf, type Sessions } from '../sessions/sessions.ts';
import type { Connectors } from './connectors.ts';

interface JoinsDeps {
  writer: Pick<Writer, 'read'>;
  registry: Pick<Registry, 'enter' | 'create' | 'live'>;
  sessions: Pick<Sessions, 'send'>;
  connectors: Pick<Connectors, 'isConnected'>;
  threads: Pick<Threads, 'sessionOf'>;
  log: Logger;
}

/** The joins of a server. */
export class SharedThreads {
  readonly #deps: JoinsDeps;
  /** Threads that are being joined: what is reported of one meanwhile comes behind it. */
  readonly #joining = new Map<string, Promise<void>>();

  constructor(deps: JoinsDeps) {
    this.#deps = deps;
  }

  /** What a provider reports of its threads. */
  port(provider: string): JoinPort {
    return {
      join: (thread) => this.#inTurn(thread.threadId, () => this.#join(provider, thread)),
      closed: (threadId) => {
        const event = { type: 'session.ended', reason: 'closed' } as const;
        void this.#inTurn(threadId, () => this.#sendKnown(threadId, event));
      },
      left: (isLeft, reason, goesOn) => this.#left(provider, isLeft, { reason, goesOn }),
    };
  }

  /** One thing after the other about one thread. */
  #inTurn(threadId: string, act: () => Promise<void>): Promise<void> {
    const before = this.#joining.get(threadId) ?? Promise.resolve();
    const mine = before.then(act).catch((error: Error) => {
      this.#deps.log.error('join.failed', { thread_id: threadId, error });
    });
    this.#joining.set(threadId, mine);
    return mine.finally(() => {
      if (this.#joining.get(threadId) === mine) this.#joining.delete(threadId);
    });
  }

  async #join(provider: string, thread: SharedThread): Promise<void> {
    const { registry, connectors } = this.#deps;
    const { threadId } = thread;
    const owner = await this.#ownerOf(threadId);
    if (owner !== null && connectors.isConnected(owner)) return;
    const id = owner ?? threadId;
    const from = thread.forkedFrom === null ? null : await this.#ownerOf(thread.forkedFrom);
    await registry.enter(id, async ({ live: known }) => {
      if (connectors.isConnected(id)) return;
      const isOver = known?.head.snapshot.hasTag('ended') === true;
      // It was over before the server started, and nothing has happened to it since.
      if (isOver && thread.why === 'listed') return;
      const live = known ?? registry.create(inputOf(thread, { id, provider, from }));
      const reports: Report[] = [];
      if (!live.head.snapshot.hasTag('steered')) reports.push({ type: 'link.offered', threadId });
      reports.push({ type: 'link.requested' });
      if (isOver) reports.push({ type: 'session.started', source: 'resume' });
      await Promise.all(reports.map((report) => this.#deps.sessions.send(live, report, 'watch')));
    });
  }

  /** The session of a thread: the one that a connector holds, or the one that says so; null for none. */
  async #ownerOf(threadId: string): Promise<string | null> {
    const bound = this.#deps.threads.sessionOf(threadId);
    if (bound !== null) return bound;
    const stored = await this.#deps.writer.read({ kind: 'session-of-thread', threadId });
    return stored?.sessionId ?? null;
  }

  async #sendKnown(threadId: string, event: Report): Promise<void> {
    const owner = await this.#ownerOf(threadId);
    if (owner === null) return;
    await this.#deps.registry.enter(owner, async ({ live }) => {
      if (!live || live.head.snapshot.hasTag('ended')) return;
      await this.#deps.sessions.send(live, event, 'watch');
    });
  }

  /** Those at rest say nothing of what goes on: only what is live can be wrong. */
  #left(
    provider: string,
    isLeft: (threadId: string) => boolean,
    loss: { reason: string; goesOn: true | undefined },
  ): string[] {
    const left: string[] = [];
    for (const live of this.#deps.registry.live()) {
      const { session } = contextOf(live);
      const { thread_id: threadId } = session;
      if (session.provider !== provider || !isShared(session) || threadId === undefined) continue;
      if (!isLeft(threadId) || this.#deps.connectors.isConnected(live.id)) continue;
      left.push(threadId);
      if (session.link_reason !== loss.reason) this.#sendLeft(live, loss);
    }
    return left;
  }

  #sendLeft(
    live: LiveSession,
    { reason, goesOn }: { reason: string; goesOn: true | undefined },
  ): void {
    const event = { type: 'link.lost', reason, ...(goesOn && { goesOn }) } as const;
    const sent = this.#deps.sessions.send(live, event, 'watch');
    sent.catch((error: Error) =>
      this.#deps.log.error('join.loss_not_stored', { session_id: live.id, error }),
    );
  }
}

/** A session that begins with a thread which others have begun. */
function inputOf(
  thread: SharedThread,
  { id, provider, from }: { id: string; provider: string; from: string | null },
): SessionInput {
  const { threadId, cwd, model, startedAtMs, activeAtMs, name, firstPrompt, branch } = thread;
  const settings = { cwd, model, effort: null, approvalPolicy: null, sandboxMode: null };
  const which = { id, provider: provider as SessionInput['session']['provider'], threadId };
  const prompt = firstPrompt?.replace(/\s+/g, ' ').trim().slice(0, 200);
  const session = {
    ...newSession(which, settings),
    started_at: new Date(startedAtMs).toISOString(),
    last_activity_at: new Date(activeAtMs).toISOString(),
    ...(name && { custom_name: name }),
    ...(prompt && { first_prompt: prompt }),
    ...(branch && { git_branch: branch }),
    ...(from !== null && { forked_from_session_id: from }),
  };
  return { session, isNew: true, turnCount: 0 };
}
