/** Sessions as wholes: created, resumed, forked, ended, configured. */
import { randomUUID } from 'node:crypto';
import type { SeenFields } from '../../../machines/session-events.ts';
import type { ThreadSettings } from '../../../machines/session-facts.ts';
import type { Session } from '../../../machines/session-types.ts';
import { OrbitError } from '../../errors.ts';
import { readBranch } from '../../host/directory.ts';
import type { Worktrees } from '../../host/worktrees.ts';
import type { ClientMessageOf } from '../../protocol/client.ts';
import { entry } from '../../protocol/encode.ts';
import type { OpenedThread, Steering } from '../../providers/provider.ts';
import type { Providers } from '../../providers/registry.ts';
import { errorMessage, type ListFeed } from '../rooms/rooms.ts';
import type { Asker, Handlers } from '../runtime-api.ts';
import { type LiveSession, newSession, watchedSession } from '../sessions/live-session.ts';
import type { Registry } from '../sessions/registry.ts';
import { contextOf, refuseWatched, type Sessions } from '../sessions/sessions.ts';
import type { Connectors } from '../steering/connectors.ts';
import type { Forks } from '../steering/forks.ts';
import { directoryOf } from '../working-directory.ts';
import type { Subscriptions } from './subscriptions.ts';

type LifecycleTag =
  | 'create_session'
  | 'resume_session'
  | 'fork_session'
  | 'end_session'
  | 'update_session_config';

interface LifecycleDeps {
  providers: Pick<Providers, 'of' | 'steering'>;
  sessions: Sessions;
  connectors: Connectors;
  forks: Forks;
  registry: Pick<Registry, 'create'>;
  subscriptions: Pick<Subscriptions, 'present'>;
  listFeed: Pick<ListFeed, 'hold'>;
  /** Where a session works that shall not touch the checkout. */
  worktrees: Pick<Worktrees, 'add' | 'remove'>;
  home: string;
}

/** Handlers of this group. */
export function createLifecycleHandlers(deps: LifecycleDeps): Handlers<LifecycleTag> {
  const { sessions, subscriptions } = deps;
  return {
    create_session(message, asker) {
      const { steering } = deps.providers.of(message.provider);
      return steering ? create(deps, message, asker) : createUnable(deps, message, asker);
    },

    async resume_session({ session_id }, asker) {
      try {
        const mine = { ...deps, sessions: sessions.as(asker.sender) };
        await sessions.visit(session_id, (live) =>
          live.head.snapshot.hasTag('steered') ? resume(mine, live) : takeOver(mine, live),
        );
      } catch (error) {
        throw about(error, session_id);
      }
      await subscriptions.present(asker, session_id);
    },

    fork_session: (message, asker) => fork(deps, message, asker),

    async end_session({ session_id }, { sender }) {
      await sessions.visit(session_id, async (live) => {
        if (live.head.snapshot.hasTag('ended')) return;
        const command = { type: 'end.requested', reason: 'user_requested' } as const;
        await sessions.as(sender).command(live, command, 'end it');
      });
    },

    async update_session_config(message, { sender }) {
      const { session_id, permission_mode } = message;
      await sessions.visit(session_id, async (live) => {
        const { steering } = deps.providers.of(contextOf(live).session.provider);
        const fields = {
          ...policiesFrom(steering, message),
          ...(permission_mode && { permission_mode }),
        };
        const command = { type: 'settings.chosen', fields } as const;
        await sessions.as(sender).command(live, command, 'change its settings');
      });
    },
  };
}

/** A session that cannot start leaves no trace: its thread is opened before its row is made. */
async function create(
  deps: LifecycleDeps,
  message: ClientMessageOf<'create_session'>,
  asker: Asker,
): Promise<void> {
  const { providers, connectors, worktrees, home } = deps;
  const { provider, worktree } = message;
  const cwd = await directoryOf(message.cwd, home);
  const settings = {
    ...settingsFrom(providers.steering(provider), message, cwd),
    ...(message.engine && { engine: message.engine }),
  };
  if (!worktree) {
    const opened = await connectors.start(provider, settings);
    return await begin(deps, { provider, settings, opened }, asker);
  }
  const tree = await worktrees.add(cwd, worktree.branch ?? null);
  const inTree = { ...settings, cwd: tree.cwd };
  let opened: OpenedThread;
  try {
    opened = await connectors.start(provider, inTree);
  } catch (error) {
    await worktrees.remove(tree.cwd, false);
    throw error;
  }
  await begin(deps, { provider, settings: inTree, opened, project: tree.project }, asker);
}

/** A session whose thread is open. */
interface Beginning {
  provider: Session['provider'];
  settings: ThreadSettings;
  opened: OpenedThread;
  /** What its project is called, where the directory does not say it. */
  project?: string;
}

/** Makes the row of a session whose thread is open, and shows it to who asked for it. */
async function begin(
  { sessions, connectors, registry, subscriptions, listFeed }: LifecycleDeps,
  { provider, settings, opened, project }: Beginning,
  asker: Asker,
): Promise<void> {
  const id = randomUUID();
  const release = listFeed.hold(id);
  try {
    const branch = await readBranch(settings.cwd);
    const session = {
      ...newSession({ id, provider, threadId: opened.threadId }, settings),
      ...opened.fields,
      ...(project !== undefined && { project_name: project }),
    };
    const live = registry.create({
      session: branch ? { ...session, git_branch: branch } : session,
      isNew: true,
      turnCount: 0,
    });
    const mine = sessions.as(asker.sender);
    const sent = connectors
      .attach({ id, provider }, opened)
      .map((report) => mine.send(live, report, 'server'));
    await Promise.all(sent);
    await subscriptions.present(asker, id);
  } finally {
    release();
  }
}

/**
 * A provider whose agents we cannot run yet. The app shows no error here: it waits for a snapshot, and would
 * take the next session that appears for this one. So it gets one that says what to do, and is over.
 */
async function createUnable(
  { sessions, registry, subscriptions, listFeed, home }: LifecycleDeps,
  message: ClientMessageOf<'create_session'>,
  asker: Asker,
): Promise<void> {
  const cwd = await directoryOf(message.cwd, home);
  const error = new OrbitError('claude_error');
  const id = randomUUID();
  const release = listFeed.hold(id);
  try {
    const session = watchedSession({ id, provider: message.provider, cwd });
    const live = registry.create({ session, isNew: true, turnCount: 0 });
    const words = entry({
      id: `${id}:unable`,
      session_id: id,
      message_type: 'assistant',
      content: `${error.message}: \`cd ${cwd} && claude\``,
      timestamp: new Date().toISOString(),
      is_error: true,
    });
    const mine = sessions.as(asker.sender);
    await Promise.all([
      mine.send(live, { type: 'message.added', message: words }, 'server'),
      mine.send(live, { type: 'session.ended', reason: 'not_started' }, 'server'),
    ]);
    // First, for clients that show errors: it is the answer.
    asker.reply(errorMessage(error));
    await subscriptions.present(asker, id);
  } finally {
    release();
  }
}

/** A session that ran elsewhere goes on here: its thread is open before anything of the session changes. */
async function takeOver({ providers, sessions, connectors }: LifecycleDeps, live: LiveSession) {
  const { id } = live;
  const { session } = contextOf(live);
  const { provider } = session;
  const { steering } = providers.of(provider);
  const threadId = steering?.threadOf(session) ?? null;
  if (!steering?.takeOver || threadId === null) return refuseWatched(live, 'go on');
  const opened = await steering.takeOver(threadId);
  const isOver = live.head.snapshot.hasTag('ended');
  const events = [
    { type: 'link.offered', threadId } as const,
    ...connectors.attach({ id, provider }, opened),
    ...(isOver ? [{ type: 'session.started', source: 'resume' } as const] : []),
  ];
  await Promise.all(events.map((event) => sessions.send(live, event, 'server')));
}

async function resume({ sessions, connectors }: LifecycleDeps, live: LiveSession): Promise<void> {
  const { id } = live;
  refuseWatched(live, 'go on');
  if (live.head.snapshot.hasTag('linked')) {
    throw new OrbitError('already_active', { id }, { sessionId: id });
  }
  await sessions.send(live, { type: 'link.requested' });
  await connectors.ready(id);
  if (live.head.snapshot.hasTag('ended')) {
    await sessions.send(live, { type: 'session.started', source: 'resume' });
  }
}

async function fork(
  { providers, sessions, forks, subscriptions, home }: LifecycleDeps,
  message: ClientMessageOf<'fork_session'>,
  asker: Asker,
): Promise<void> {
  const { source_session_id: source } = message;
  try {
    const cwd = message.cwd ? await directoryOf(message.cwd, home) : null;
    const forked = await sessions.visit(source, (live) => {
      const { steering } = providers.of(contextOf(live).session.provider);
      return forks.fork(live, {
        nth: message.nth_user_message ?? null,
        given: settingsGiven(steering, message, cwd),
        sessions: sessions.as(asker.sender),
      });
    });
    try {
      await subscriptions.present(asker, forked.sessionId);
      asker.reply({
        type: 'session_forked',
        source_session_id: source,
        new_session_id: forked.sessionId,
        forked_from_thread_id: forked.fromThreadId,
      });
    } finally {
      forked.announce();
    }
  } catch (error) {
    // The app waits for an error that names the source.
    throw forkError(error, source);
  }
}

type Policies = {
  approval_policy?: string | null | undefined;
  sandbox_mode?: string | null | undefined;
};

/** @throws OrbitError `invalid_argument` when the provider has no such words */
function policiesFrom(
  steering: Steering | null,
  { approval_policy, sandbox_mode }: Policies,
): SeenFields {
  steering?.checkSettings({ approval_policy, sandbox_mode });
  return {
    ...(approval_policy && { approval_policy }),
    ...(sandbox_mode && { sandbox_mode }),
  };
}

function settingsFrom(
  steering: Steering,
  message: Policies & { model?: string | null | undefined },
  cwd: string,
) {
  const { approval_policy = null, sandbox_mode = null } = policiesFrom(steering, message);
  return {
    cwd,
    model: message.model || null,
    effort: null,
    approvalPolicy: approval_policy,
    sandboxMode: sandbox_mode,
  } satisfies ThreadSettings;
}

/** What a fork shall have that its source has not. */
function settingsGiven(
  steering: Steering | null,
  message: ClientMessageOf<'fork_session'>,
  cwd: string | null,
): Partial<ThreadSettings> {
  const { approval_policy, sandbox_mode } = policiesFrom(steering, message);
  return {
    ...(cwd !== null && { cwd }),
    ...(message.model && { model: message.model }),
    ...(approval_policy && { approvalPolicy: approval_policy }),
    ...(sandbox_mode && { sandboxMode: sandbox_mode }),
  };
}

function forkError(error: unknown, sessionId: string): unknown {
  if (!(error instanceof OrbitError)) return error;
  if (error.code === 'not_found') return about(error, sessionId);
  const reason = error.code === 'fork_failed' ? String(error.details.reason) : error.message;
  return new OrbitError('fork_failed', { id: sessionId, reason }, { sessionId, cause: error });
}

/** The same refusal, naming the session it is about. */
function about(error: unknown, sessionId: string): unknown {
  if (!(error instanceof OrbitError) || error.sessionId !== null) return error;
  return new OrbitError(error.code, { ...error.details }, { sessionId, cause: error });
}

/* Names that people give to sessions, of every kind, live or ended. */

/** Longest name, characters: a title, not a text. */
const MAX_NAME_CHARS = 200;

/**
 * Handlers of this group. The chart takes the name; what a provider has to receive of it is a command that
 * the chart gives (`name.chosen`).
 */
export function createNamingHandlers({
  sessions,
}: {
  sessions: Pick<Sessions, 'as'>;
}): Handlers<'rename_session'> {
  return {
    async rename_session({ session_id: sessionId, name: given }, asker) {
      const name = nameFrom(given ?? '');
      if (name.length > MAX_NAME_CHARS) {
        const reason = `A name has at most ${MAX_NAME_CHARS} characters, this one ${name.length}`;
        throw new OrbitError('invalid_argument', { reason }, { sessionId });
      }
      const event = { type: 'name.chosen', name: name === '' ? null : name } as const;
      const mine = sessions.as(asker.sender);
      await mine.sendTo(sessionId, 'client', (at) => ({ ...event, at }));
    },
  };
}

/** One line without what a title bar cannot show; empty means: no name of its own any more. */
function nameFrom(text: string): string {
  return text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
}
