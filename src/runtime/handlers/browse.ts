/** Looking around: directories, projects, tools of subagents. */
import { type Handlers, notBuilt } from './handler.ts';

type BrowseTag = 'browse_directory' | 'list_recent_projects' | 'get_subagent_tools';

/** Handlers of this group. */
export function createBrowseHandlers(): Handlers<BrowseTag> {
  return {
    browse_directory: notBuilt,
    list_recent_projects: notBuilt,
    get_subagent_tools: notBuilt,
  };
}
