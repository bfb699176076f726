/**
 * What the engine says about sessions beside their turns: their skills changed, their MCP servers start.
 * How far the servers have come is said once, maybe before anybody knows whose thread it is; here it is
 * kept, and said to the session's room and to those who come later.
 */

import type { McpStartupStatus } from '../../protocol/codex-nouns.ts';
import type { SessionNews } from '../../protocol/server.ts';
import type { ServerPort } from '../provider.ts';
import { mcpStartup } from './catalog.ts';
import type { Engine } from './engine/engine.ts';

interface EngineNewsDeps {
  engine: Pick<Engine, 'onReport' | 'onState'>;
  port: Pick<ServerPort, 'threads' | 'tell' | 'keep'>;
}

/** Threads nobody binds are forgotten beyond this many. */
const MAX_UNBOUND = 100;

type Servers = Map<string, McpStartupStatus>;

/** Follows the engine from now on. */
export function followEngine(deps: EngineNewsDeps): void {
  followMcpStartup(deps);
  const { engine, port } = deps;
  engine.onReport(({ method }) => {
    if (method !== 'skills/changed') return;
    for (const session_id of port.threads.sessions()) {
      port.tell({ type: 'skills_update_available', session_id });
    }
  });
}

function followMcpStartup({ engine, port }: EngineNewsDeps): void {
  const { threads } = port;
  const known = new Map<string, Servers>();

  engine.onReport((report) => {
    if (report.method !== 'mcpServer/startupStatus/updated') return;
    const { threadId, name } = report.params;
    if (threadId === null) return;
    const servers = known.get(threadId) ?? new Map();
    const status = mcpStartup(report.params);
    known.set(threadId, servers.set(name, status));
    const session_id = threads.sessionOf(threadId);
    if (session_id === null) return forgetUnbound();
    port.tell({ type: 'mcp_startup_update', session_id, server: name, status });
    for (const message of completion(session_id, servers)) port.tell(message);
  });
  // What a process said of its servers means nothing once it is gone.
  engine.onState((state) => {
    if (state !== 'ready') known.clear();
  });
  threads.onBound((sessionId) => {
    for (const message of standing(sessionId)) port.tell(message);
  });
  port.keep(standing);

  function standing(session_id: string): SessionNews[] {
    const servers = known.get(threads.threadOf(session_id) ?? '');
    if (!servers) return [];
    const updates = [...servers].map(
      ([server, status]): SessionNews => ({
        type: 'mcp_startup_update',
        session_id,
        server,
        status,
      }),
    );
    return [...updates, ...completion(session_id, servers)];
  }

  function forgetUnbound(): void {
    const unbound = [...known.keys()].filter((threadId) => threads.sessionOf(threadId) === null);
    for (const threadId of unbound.slice(0, -MAX_UNBOUND)) known.delete(threadId);
  }
}

/** The sum of it all, as soon as no server is still starting. */
function completion(session_id: string, servers: Servers): SessionNews[] {
  const all = [...servers];
  if (all.some(([, { state }]) => state === 'starting')) return [];
  const named = (wanted: McpStartupStatus['state']) =>
    all.filter(([, { state }]) => state === wanted).map(([server]) => server);
  const failed = all.flatMap(([server, status]) =>
    status.state === 'failed' ? [{ server, error: status.error }] : [],
  );
  return [
    {
      type: 'mcp_startup_complete',
      session_id,
      ready: named('ready'),
      failed,
      cancelled: named('cancelled'),
    },
  ];
}
