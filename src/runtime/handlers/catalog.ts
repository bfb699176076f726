/** Skills and MCP tools of a session. */
import { type Handlers, notBuilt } from './handler.ts';

type CatalogTag =
  | 'list_skills'
  | 'list_remote_skills'
  | 'download_remote_skill'
  | 'list_mcp_tools'
  | 'refresh_mcp_servers';

/** Handlers of this group. */
export function createCatalogHandlers(): Handlers<CatalogTag> {
  return {
    list_skills: notBuilt,
    list_remote_skills: notBuilt,
    download_remote_skill: notBuilt,
    list_mcp_tools: notBuilt,
    refresh_mcp_servers: notBuilt,
  };
}
