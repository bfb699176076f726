/** Looking around: directories, projects, tools of subagents. Nothing here is remembered. */

import { OrbitError } from '../../errors.ts';
import type { Browse } from '../../host/directory.ts';
import type { Logger } from '../../log.ts';
import type { Providers } from '../../providers/registry.ts';
import type { Writer } from '../../store/writer.ts';
import type { Handlers } from './handler.ts';

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
      // Its file lies beside the session's own: no hook names it before the agent is over.
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
      // The app shows an empty list; whoever wants to know why it is empty is told.
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
