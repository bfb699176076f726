/**
 * Skills and MCP servers of a session (contract.md 2.6), answered to the asker alone. What they are asked
 * of is the engine, not the session's connector: they are known of sessions at rest too.
 */
import { isAbsolute } from 'node:path';
import { mcpInventory, skillsEntry } from '../../connectors/codex/catalog.ts';
import type { Engine } from '../../connectors/codex/engine/engine.ts';
import { allPages } from '../../connectors/codex/pages.ts';
import type { McpServerStatus } from '../../connectors/codex/protocol/generated/v2/McpServerStatus.ts';
import { OrbitError } from '../../errors.ts';
import type { Writer } from '../../store/writer.ts';
import type { BoundThreads } from '../steering/bound-threads.ts';
import type { Handlers } from './handler.ts';

type CatalogTag =
  | 'list_skills'
  | 'list_remote_skills'
  | 'download_remote_skill'
  | 'list_mcp_tools'
  | 'refresh_mcp_servers';

interface CatalogDeps {
  engine: Engine;
  threads: Pick<BoundThreads, 'threadOf'>;
  writer: Pick<Writer, 'read'>;
}

const MAX_CWDS = 32;
/** Asking for tools starts the servers that do not run; some are fetched from a registry first. */
const MCP_DEADLINE_MS = 90_000;

/** Handlers of this group. */
export function createCatalogHandlers({
  engine,
  threads,
  writer,
}: CatalogDeps): Handlers<CatalogTag> {
  /** Where a session of Codex works. @throws OrbitError `session_not_found` */
  async function directoryOf(sessionId: string): Promise<string> {
    const { stored } = await writer.read({ kind: 'actor', sessionId });
    if (stored?.summary.provider !== 'codex') {
      throw new OrbitError('session_not_found', { id: sessionId }, { sessionId });
    }
    return stored.summary.current_cwd ?? stored.summary.project_path;
  }

  async function refuseRemote({ session_id }: { session_id: string }): Promise<never> {
    await directoryOf(session_id);
    const reason = 'this Codex offers none; put the skill into the skills folder of the project';
    const what = 'A remote skill';
    throw new OrbitError('unsupported', { what, reason }, { sessionId: session_id });
  }

  return {
    async list_skills({ session_id, cwds, force_reload }, { reply }) {
      const own = await directoryOf(session_id);
      const { data } = await engine.request('skills/list', {
        cwds: cwds?.length ? checkedCwds(cwds, session_id) : [own],
        forceReload: force_reload === true,
      });
      const skills = data.map(skillsEntry);
      const errors = skills.flatMap((entry) => entry.errors);
      reply({ type: 'skills_list', session_id, skills, errors });
    },
    list_remote_skills: refuseRemote,
    download_remote_skill: refuseRemote,
    async list_mcp_tools({ session_id }, { reply }) {
      await directoryOf(session_id);
      const servers = await allServers(engine, threads.threadOf(session_id));
      reply({ type: 'mcp_tools_list', session_id, ...mcpInventory(servers) });
    },
    async refresh_mcp_servers({ session_id }) {
      await directoryOf(session_id);
      await engine.request('config/mcpServer/reload', undefined, { deadlineMs: MCP_DEADLINE_MS });
    },
  };
}

function checkedCwds(cwds: readonly string[], sessionId: string): string[] {
  if (cwds.length <= MAX_CWDS && cwds.every((path) => isAbsolute(path))) return [...cwds];
  const reason = `cwds is a list of at most ${MAX_CWDS} absolute paths`;
  throw new OrbitError('invalid_argument', { reason }, { sessionId });
}

/** The servers of a thread, or those of the configuration while no thread is loaded. */
function allServers(engine: Engine, threadId: string | null): Promise<McpServerStatus[]> {
  const about = threadId !== null && { threadId };
  return allPages((cursor) =>
    engine.request('mcpServerStatus/list', { cursor, ...about }, { deadlineMs: MCP_DEADLINE_MS }),
  );
}
