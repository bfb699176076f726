/** The fixture's `/ws`: snapshots and refusals, enough of the public protocol for a conversation. */
import type { Server } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import { summaryOf, viewOf } from '../../../machines/index.ts';
import type { FakeSession } from './actors.ts';

interface PublicEndpointDeps {
  byId: Map<string, FakeSession>;
  /** Takes what the page sends. */
  said: unknown[];
  /** Devices, quiet hours, muted sessions: `notifications` as it is answered. */
  recipients: object;
  /** What all sessions together have cost; null: no provider says it. */
  usage: { cost_usd: number | null; asked: number };
  token: string | undefined;
  /** Types of messages that are taken; others are refused as not implemented. */
  accepted: Set<string>;
  /** Names by directory, those of directories with a slash behind. */
  files: Map<string, readonly string[]>;
}

/** Opens it on the fixture's server. @returns how to cut its lines */
export function answerPublic(http: Server, deps: PublicEndpointDeps): () => void {
  const webSockets = new WebSocketServer({ noServer: true });
  http.on('upgrade', (request, socket, head) => {
    if (request.url !== '/ws') return;
    const offered = String(request.headers['sec-websocket-protocol']).split('.token.')[1] ?? '';
    const isIn =
      deps.token === undefined || Buffer.from(offered, 'base64url').toString() === deps.token;
    if (!isIn) socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
    else webSockets.handleUpgrade(request, socket, head, (line) => converse(line, deps));
  });
  return () => {
    for (const line of webSockets.clients) line.terminate();
  };
}

function converse(
  line: WebSocket,
  { byId, said, usage, accepted, files, recipients }: PublicEndpointDeps,
): void {
  const send = (message: object): void => line.send(JSON.stringify(message));
  send({ type: 'hello', version: 'fixture', protocol_version: 1, epoch: 'e' });
  line.on('message', (text) => {
    const message = JSON.parse(String(text)) as Record<
      'type' | 'session_id' | 'request_id' | 'before' | 'by' | 'path' | 'source_session_id',
      string
    >;
    // The page asks that by itself.
    if (message.type === 'get_usage') {
      usage.asked += 1;
      send({
        ...usageOf(message.by, [...byId.keys()], usage.cost_usd),
        request_id: message.request_id,
      });
      return;
    }
    said.push(message);
    const { type, session_id, request_id } = message;
    const session = byId.get(session_id);
    if (type === 'subscribe_session' && session) {
      send({ type: 'session_snapshot', session: stateOf(session) });
    }
    if (type === 'get_messages' && session) {
      send({ ...pageBefore(session, message.before), request_id });
      return;
    }
    if (type === 'list_approvals' && session) {
      send({ type: 'approvals_list', session_id, approvals: session.decided, request_id });
      return;
    }
    if (type === 'browse_directory' && files.has(message.path)) {
      const entries = (files.get(message.path) ?? []).map((name) => ({
        name: name.replace('/', ''),
        is_dir: name.endsWith('/'),
        is_git: false,
      }));
      send({ type: 'directory_listing', path: message.path, entries, request_id });
      return;
    }
    if (type === 'fork_session' && accepted.has(type)) {
      const source = { source_session_id: String(message.source_session_id) };
      send({ type: 'session_forked', ...source, new_session_id: 'od-0004', request_id });
      return;
    }
    if (type === 'get_notifications') {
      send({ ...recipients, request_id });
      return;
    }
    if (type === 'list_models') {
      send({ type: 'models_list', models: MODELS, request_id });
      return;
    }
    const isDone = /subscribe_session|ping/.test(type) || accepted.has(type);
    const words = `${type} is not implemented yet`;
    const refusal = { type: 'error', code: 'not_implemented', message: words, session_id };
    send(isDone ? { type: 'ack', request_id } : { ...refusal, request_id });
  });
}

const MODELS = [
  {
    ...{ id: 'deep', model: 'gpt-5-deep', display_name: 'GPT-5 deep', description: 'Thinks long' },
    ...{ is_default: false, supported_reasoning_efforts: ['medium', 'xhigh'] },
  },
];

const GROUPS: Record<string, [string, string]> = {
  day: ['2030-01-01', '2030-01-02'],
  project: ['/src/shop-api', '/src/billing'],
  provider: ['claude', 'codex'],
};

/** Two windows of one limit; the first will not begin anew while the test runs. */
const LIMITS = [
  { window_minutes: 300, used_percent: 87.4, resets_at: '2090-01-01T00:00:00.000Z' },
  { window_minutes: 10_080, used_percent: 12, resets_at: null },
].map((window) => ({
  provider: 'codex',
  limit: 'codex',
  at: '2030-01-01T00:00:00.000Z',
  ...window,
}));

/** Two groups, of which the first has spent all of the money; of sessions all but the last have spent some. */
function usageOf(by: string, ids: readonly string[], cost_usd: number | null): object {
  const tokens = { input_tokens: 1_000, output_tokens: 200 };
  const cached = { cache_read_tokens: 30_000, cache_write_tokens: 4_000 };
  const sum = { sessions: ids.length, ...tokens, ...cached, cost_usd };
  const [first, second] = GROUPS[by] ?? ['', ''];
  const rows =
    by === 'session'
      ? ids.map((key, index) => ({ key, ...sum, cost_usd: costOf(index, ids.length, cost_usd) }))
      : [
          { key: first, ...sum },
          { key: second, ...sum, cost_usd: null },
        ];
  return {
    type: 'usage_report',
    by,
    from: '2030-01-01',
    to: '2030-01-03',
    total: sum,
    rows,
    limits: LIMITS,
  };
}

/** Each session has spent half of the one before it, and of what is left. */
function costOf(index: number, of: number, all: number | null): number | null {
  return all === null || index === of - 1 ? null : all / 2 ** (index + 1);
}

/** Messages of a snapshot, and of a page. */
const SHOWN = 50;

/** The page of messages that ends before one of them. */
function pageBefore({ id, messages }: FakeSession, before: string): object {
  const end = messages.findIndex((message) => message.id === before);
  const start = Math.max(0, end - SHOWN);
  return {
    type: 'messages_page',
    session_id: id,
    messages: messages.slice(start, end),
    has_older: start > 0,
    has_newer: true,
    message_count: messages.length,
  };
}

function stateOf({ id, input, messages, chart }: FakeSession): object {
  const { context } = chart.snapshot;
  const { integration_mode, ...session } = input.session;
  return {
    ...summaryOf(chart.snapshot),
    ...session,
    id,
    messages: messages.slice(-SHOWN),
    has_older: messages.length > SHOWN,
    message_count: messages.length,
    pending_approval: context.approvals[0]?.request ?? null,
    current_diff: null,
    current_plan: null,
    ...viewOf(chart.snapshot),
    revision: 1,
    epoch: 'e',
    turn_count: context.turn.count,
  };
}
