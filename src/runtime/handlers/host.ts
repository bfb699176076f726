/**
 * Messages that ask this machine: names in a directory, git worktrees, a shell command.
 */
import { OrbitError } from '../../errors.ts';
import type { Browse } from '../../host/directory.ts';
import type { Worktrees } from '../../host/worktrees.ts';
import type { Logger } from '../../log.ts';
import type { Providers } from '../../providers/registry.ts';
import type { Writer } from '../../store/writer.ts';
import type { Handlers } from '../runtime-api.ts';
import type { Registry } from '../sessions/registry.ts';
import { contextOf, type Sessions } from '../sessions/sessions.ts';
import type { ShellRequest, Shells } from '../shell-commands.ts';
import { directoryOf } from '../working-directory.ts';

type BrowseTag = 'browse_directory' | 'list_recent_projects' | 'get_subagent_tools';

interface BrowseDeps {
  writer: Pick<Writer, 'read'>;
  browse: Browse;
  providers: Providers;
  log: Logger;
}

/** Handlers of this group. */
export function createBrowseHandlers({
  writer,
  browse,
  providers,
  log,
}: BrowseDeps): Handlers<BrowseTag> {
  return {
    async browse_directory({ path: asked }, asker) {
      const { path, entries, truncated } = await browse(asked ?? null);
      const type = 'directory_listing';
      asker.reply({ type, path, entries, ...(truncated && { truncated }) });
    },
    async list_recent_projects(_, asker) {
      const { items: projects } = await writer.read({ kind: 'projects' });
      asker.reply({ type: 'recent_projects_list', projects });
    },
    async get_subagent_tools({ session_id: sessionId, subagent_id: id }, asker) {
      // Its file is beside the session's own: no hook names it before the agent is over.
      const agent = await writer.read({ kind: 'subagent', sessionId, id });
      if (!agent) throw new OrbitError('not_found', { what: 'Subagent', id }, { sessionId });
      const { subagentTools, name } = providers.of(agent.provider);
      const read = (await subagentTools?.(agent.transcriptPath, id)) ?? {
        unavailable: `${name} keeps no file of it`,
      };
      const about = {
        type: 'subagent_tools_list',
        session_id: sessionId,
        subagent_id: id,
      } as const;
      // The app shows an empty list; a client that shows errors gets the reason.
      if ('unavailable' in read) {
        const { unavailable } = read;
        log.warn('subagent.unreadable', { session_id: sessionId, reason: unavailable });
        asker.reply({ ...about, tools: [], unavailable });
      } else {
        const { tools, truncated } = read;
        asker.reply({ ...about, tools, ...(truncated && { truncated }) });
      }
    },
  };
}

interface WorktreeDeps {
  worktrees: Pick<Worktrees, 'list' | 'topOf' | 'merge' | 'remove'>;
  registry: Pick<Registry, 'live'>;
  home: string;
}

/** Handlers of this group. */
export function createWorktreeHandlers({
  worktrees,
  registry,
  home,
}: WorktreeDeps): Handlers<'list_worktrees' | 'merge_worktree' | 'remove_worktree'> {
  return {
    async list_worktrees({ path: asked }, asker) {
      const path = await directoryOf(asked, home);
      asker.reply({ type: 'worktrees_list', path, worktrees: await worktrees.list(path) });
    },
    async merge_worktree({ path: asked }, asker) {
      const path = await directoryOf(asked, home);
      asker.reply({ type: 'worktree_merged', path, into: await worktrees.merge(path) });
    },
    async remove_worktree({ path: asked, keep_branch }, asker) {
      const path = await directoryOf(asked, home);
      refuseInhabited(await worktrees.topOf(path), registry);
      const keepBranch = keep_branch ?? true;
      await worktrees.remove(path, keepBranch);
      asker.reply({ type: 'worktree_removed', path, keep_branch: keepBranch });
    },
  };
}

/** An agent that goes on in a directory that is gone would begin it anew. */
function refuseInhabited(path: string, registry: Pick<Registry, 'live'>): void {
  for (const { id, head } of registry.live()) {
    const { session } = head.snapshot.context;
    const cwd = session.current_cwd ?? session.project_path;
    if (head.snapshot.hasTag('ended') || !`${cwd}/`.startsWith(`${path}/`)) continue;
    const reason = `Session ${id} goes on in ${path}; end it first`;
    throw new OrbitError('invalid_argument', { reason }, { sessionId: id });
  }
}

interface ShellDeps {
  shells: Shells;
  sessions: Pick<Sessions, 'visit'>;
  home: string;
}

/** The time of a command that names none, and the longest that one may name. */
const DEFAULT_TIMEOUT_SECONDS = 30;
const MAX_TIMEOUT_SECONDS = 3600;
/** The system takes no longer argument, bytes. */
const MAX_COMMAND_BYTES = 128 * 1024 - 1;

/** Handlers of this group. */
export function createShellHandlers({
  shells,
  sessions,
  home,
}: ShellDeps): Handlers<'execute_shell' | 'cancel_shell'> {
  return {
    async execute_shell({ session_id: sessionId, command, cwd, timeout_secs }, asker) {
      const refuse = (reason: string) =>
        new OrbitError('invalid_argument', { reason }, { sessionId });
      const seconds = timeout_secs ?? DEFAULT_TIMEOUT_SECONDS;
      if (seconds < 1 || seconds > MAX_TIMEOUT_SECONDS) {
        throw refuse(`timeout_secs is 1 to ${MAX_TIMEOUT_SECONDS}, not ${seconds}`);
      }
      const wrong = faultOf(command);
      if (wrong) throw refuse(wrong);
      // Asked also when the client names a directory: a command belongs to a session that exists.
      const { session } = await sessions.visit(sessionId, contextOf);
      const request = { sessionId, sender: asker.sender, command, timeoutMs: seconds * 1000 };
      const own = session.current_cwd || session.project_path;
      const place = cwd
        ? { cwd: await directoryOf(cwd, home, sessionId) }
        : await ownDirectory(own, home, sessionId);
      // On record is all that is waited for; the end comes to the session's room.
      asker.acknowledge(await shells.run({ ...request, ...place }));
    },
    cancel_shell: ({ session_id, request_id }) => shells.cancel(session_id, request_id),
  };
}

/**
 * The session's own directory may be gone, which is no fault of the client: what was typed is then kept in
 * the conversation as a command that failed.
 */
async function ownDirectory(
  own: string,
  home: string,
  sessionId: string,
): Promise<Pick<ShellRequest, 'cwd' | 'impossible'>> {
  try {
    return { cwd: await directoryOf(own, home, sessionId) };
  } catch (error) {
    if (!(error instanceof OrbitError)) throw error;
    return { cwd: own, impossible: String(error.details.reason) };
  }
}

function faultOf(command: string): string | null {
  if (command.trim() === '') return 'The command is empty';
  if (command.includes('\0')) return 'A command has no NUL';
  const bytes = Buffer.byteLength(command);
  if (bytes <= MAX_COMMAND_BYTES) return null;
  return `A command has at most ${MAX_COMMAND_BYTES} bytes, this one ${bytes}; put it into a file`;
}
