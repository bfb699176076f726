/**
 * What the operations of protocol/api.ts do: each is a question or two to the runtime, and nothing of their
 * own. A command to a session that takes none is refused by the runtime, as on every transport.
 */
import { type ErrorCode, OrbitError } from '../../errors.ts';
import { type BodyOf, NOT_OVER_HTTP, type OperationId } from '../../protocol/api.ts';
import type { ClientMessage } from '../../protocol/client.ts';
import type { SessionState, SessionSummary, WorkStatus } from '../../protocol/nouns.ts';
import type { AnswerOf } from '../../protocol/schemas.ts';
import type { ServerMessage } from '../../protocol/server.ts';
import type { Caller, Connection } from '../../runtime/rooms/rooms.ts';
import type { RuntimeApi } from '../../runtime/runtime-api.ts';
import { nextConnectionId } from '../connection.ts';

/** One request, checked. */
export interface Asked<Id extends OperationId> {
  ask: Ask;
  /** Of the session in the path; empty where there is none. */
  id: string;
  body: BodyOf<Id>;
  query: Readonly<Record<string, string>>;
}

/** What answers each operation. */
export type Operations = {
  [Id in OperationId]: (asked: Asked<Id>) => Promise<AnswerOf<Id>>;
};

/** Sessions of one answer, unless fewer are wanted. */
const MAX_SESSIONS = 1000;

/** Operations that ask the runtime; the bridge answers the others itself. */
export const QUESTIONS: Omit<Operations, 'health' | 'openapi' | 'asyncapi'> = {
  async listSessions({ ask, query }) {
    const message: ClientMessage = {
      type: 'get_sessions',
      ...(query.all === undefined && { status: 'active' }),
      ...(query.after !== undefined && { after: query.after }),
      limit: query.limit === undefined ? MAX_SESSIONS : Number(query.limit),
    };
    const { sessions, total, next } = await ask.one(message, 'sessions_page');
    return {
      total,
      next,
      sessions: await Promise.all(
        sessions.map(async (session) => {
          // The list says that something is open, only the session says what.
          const open = session.has_pending_approval ? await snapshot(ask, session.id, 0) : null;
          return sessionOf(session, open?.pending_approval?.id);
        }),
      ),
    };
  },
  getSession: async ({ ask, id }) => detailOf(await snapshot(ask, id, 0)),
  async listMessages({ ask, id, query: { limit, ...place } }) {
    const message = { type: 'get_messages', session_id: id, ...place, ...limitOf(limit) } as const;
    const { type: _, ...page } = await ask.one(message, 'messages_page');
    return page;
  },
  async listTurnDiffs({ ask, id, query: { limit, before } }) {
    const about = { session_id: id, ...given({ before }), ...limitOf(limit) };
    const message = { type: 'get_turn_diffs', ...about } as const;
    const { type: _, ...page } = await ask.one(message, 'turn_diffs_page');
    return page;
  },
  async getText({ ask, id, query }) {
    let text = '';
    for (;;) {
      const message = { type: 'get_text', session_id: id, ...query, offset: text.length };
      const part = await ask.one(message as ClientMessage, 'text_part');
      text += part.text;
      // The text may become another one between two parts; an empty one is its end.
      if (part.text === '' || text.length >= part.length) {
        return { session_id: id, field: part.field, text };
      }
    }
  },
  async search({ ask, query: { q, session_id, ...numbers } }) {
    const about = { query: q ?? '', ...given({ session_id }), ...numbersOf(numbers) };
    const { type: _, ...page } = await ask.one({ type: 'search', ...about }, 'search_results');
    return page;
  },
  async getUsage({ ask, query: { utc_offset_minutes, ...about } }) {
    const message = { type: 'get_usage', ...about, ...numbersOf(given({ utc_offset_minutes })) };
    const { type: _, ...report } = await ask.one(message as ClientMessage, 'usage_report');
    return report;
  },
  getConversation: async ({ ask, id }) => ({ session: await snapshot(ask, id) }),
  async listPastSessions({ ask, query: { limit, ...where } }) {
    const message = { type: 'list_past_sessions', ...where, ...limitOf(limit) } as ClientMessage;
    const { sessions, next } = await ask.one(message, 'past_sessions_list');
    return { sessions, next };
  },
  async openPastSession({ ask, id, query: { limit, ...where } }) {
    const about = { type: 'open_past_session', session_id: id, ...where, ...limitOf(limit) };
    const { type: _, ...page } = await ask.one(about as ClientMessage, 'past_session');
    return page;
  },
  async listModels({ ask }) {
    const { models } = await ask.one({ type: 'list_models' }, 'models_list');
    return { models };
  },
  async listApprovals({ ask, query: { session_id, limit } }) {
    const message = {
      type: 'list_approvals',
      ...given({ session_id }),
      ...limitOf(limit),
    } as const;
    const { approvals } = await ask.one(message, 'approvals_list');
    return { session_id: session_id ?? null, approvals };
  },
  async sendMessage({ ask, id, body }) {
    const { model, effort, images, mentions } = body;
    const content = 'content' in body ? body.content : body.message;
    const extras = { model, effort, images, mentions };
    const message = { type: 'send_message', session_id: id, content, ...given(extras) };
    return { session_id: id, ...(await saidTo(ask, message, 'sent')) };
  },
  async interrupt({ ask, id }) {
    await ask.all({ type: 'interrupt_session', session_id: id });
    return { status: 'interrupted', session_id: id };
  },
  approve,
  async steer({ ask, id, body: { content } }) {
    const message = { type: 'steer_turn', session_id: id, content };
    return { session_id: id, ...(await saidTo(ask, message, 'steered')) };
  },
  async fork({ ask, id, body }) {
    const nth_user_message = body.nth_user_message ?? null;
    const message: ClientMessage = {
      type: 'fork_session',
      source_session_id: id,
      nth_user_message,
    };
    const { new_session_id } = await ask.one(message, 'session_forked');
    return { status: 'fork_requested', session_id: id, nth_user_message, new_session_id };
  },
  async setPermissionMode({ ask, id, body }) {
    const mode = 'permission_mode' in body ? body.permission_mode : body.mode;
    const { claude_integration_mode } = await snapshot(ask, id, 0);
    if (claude_integration_mode !== 'direct') {
      const reason = `Session ${id} is not a direct session of Claude: its permission mode is set where it runs`;
      throw new OrbitError('bad_request', { reason });
    }
    await ask.all({ type: 'update_session_config', session_id: id, permission_mode: mode });
    return { status: 'updated', session_id: id, permission_mode: mode };
  },
  async say({ ask, body }) {
    if (NOT_OVER_HTTP.has(body.type)) {
      const reason = `${body.type} needs a connection to receive on; open /ws or socket.io`;
      throw new OrbitError('bad_request', { reason });
    }
    const received = await ask.all({ request_id: 'http', ...body });
    // A fork is sent as a snapshot first; what the message was about comes last.
    return { ...(received.at(-1) ?? { type: 'ack' }) };
  },
};

/** Words for a session in a terminal wait for the end of its turn, under the id of their message. */
async function saidTo<Status extends string>(
  ask: Ask,
  message: { type: string },
  status: Status,
): Promise<{ status: Status | 'queued'; message_id?: string }> {
  const received = await ask.all({ ...message, request_id: 'http' });
  const waiting = received.find((one) => one.type === 'ack' && one.id !== undefined);
  if (waiting?.type !== 'ack' || waiting.id === undefined) return { status };
  return { status: 'queued', message_id: waiting.id };
}

async function approve({ ask, id, body }: Asked<'approve'>): Promise<AnswerOf<'approve'>> {
  const named = body.request_id ?? 'pending';
  const request_id = named === 'pending' ? await openRequest(ask, id) : named;
  const about = { session_id: id, request_id };
  if (body.type === 'question') {
    const answer = 'answer' in body ? body.answer : 'message' in body ? body.message : '';
    const answers = body.answers ? { answers: body.answers } : {};
    await ask.all({ type: 'answer_question', ...about, answer, ...answers });
  } else {
    const decision = 'decision' in body ? body.decision : body.approved ? 'approved' : 'denied';
    const { message, interrupt, updated_input, suggestions } = body;
    const extras = given({ message, interrupt, updated_input, suggestions });
    await ask.all({ type: 'approve_tool', ...about, decision, ...extras });
  }
  return { status: 'approved', ...about };
}

async function openRequest(ask: Ask, id: string): Promise<string> {
  const { pending_approval } = await snapshot(ask, id, 0);
  if (pending_approval) return pending_approval.id;
  throw new OrbitError('not_found', { what: 'An open request of session', id });
}

/** @param messages  most of them; as many as fit a frame unless said */
async function snapshot(ask: Ask, id: string, messages?: number): Promise<SessionState> {
  const limit = messages !== undefined && { message_limit: messages };
  const message: ClientMessage = { type: 'subscribe_session', session_id: id, ...limit };
  return (await ask.one(message, 'session_snapshot')).session;
}

function limitOf(text: string | undefined): { limit?: number } {
  return text === undefined ? {} : { limit: Number(text) };
}

function numbersOf(texts: Readonly<Record<string, string>>): Record<string, number> {
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Number(text)]));
}

/** Only what was given: an absent key and null mean the same; the types refuse undefined. */
function given<Fields extends Record<string, unknown>>(fields: Fields) {
  const some = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(some) as { [Key in keyof Fields]?: Exclude<Fields[Key], undefined> };
}

/*
 * Asks the runtime as a client would, without a connection: the message goes through the same dispatch and the
 * same handlers, and the answer is what that client would have received.
 */

/** What the runtime said no to, as it said it. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: ErrorCode;

  constructor({ code, message }: { code: string; message: string }) {
    super(message);
    // The runtime knows no other codes than the catalogue's.
    this.code = code as ErrorCode;
  }
}

/** One caller's questions. */
export interface Ask {
  /**
   * Says one message and waits until it is done.
   *
   * @returns all that was sent about it, in order
   * @throws Refused what would have been an `error` frame
   */
  all(
    message: ClientMessage | { readonly type: string; readonly [field: string]: unknown },
  ): Promise<ServerMessage[]>;
  /**
   * The same for a message that has a reply of its own.
   *
   * @throws Refused also when no such reply came: OrbitError `internal_error`
   */
  one<Tag extends ServerMessage['type']>(
    message: ClientMessage,
    reply: Tag,
  ): Promise<Extract<ServerMessage, { type: Tag }>>;
}

/** Asks for one caller. */
export function createAsk(
  runtime: Pick<RuntimeApi, 'opened' | 'receive' | 'closed'>,
  caller: Caller,
): Ask {
  async function all(message: object): Promise<ServerMessage[]> {
    const received: ServerMessage[] = [];
    const connection = listener(caller, received);
    runtime.opened(connection);
    try {
      await runtime.receive(connection, { value: message });
    } finally {
      runtime.closed(connection);
    }
    const refusal = received.find((each) => each.type === 'error');
    if (refusal) throw new Refused(refusal);
    return received.filter(({ type }) => type !== 'hello');
  }

  return {
    all,
    async one(message, reply) {
      const received = await all(message);
      const found = received.find((each) => each.type === reply);
      if (!found) throw new OrbitError('internal_error');
      return found as Extract<ServerMessage, { type: typeof reply }>;
    },
  };
}

/** A connection that only listens, and is in no room for longer than its question. */
function listener(caller: Caller, received: ServerMessage[]): Connection {
  return {
    id: nextConnectionId('http'),
    caller,
    rooms: new Set(),
    send: (frame) => void received.push(frame.message),
    join: () => {},
    leave: () => {},
    backlogBytes: 0,
    close: () => {},
  };
}

/* A session in the bridge's words. */

type ApiSession = AnswerOf<'listSessions'>['sessions'][number];
type Shown = Omit<SessionSummary, 'has_pending_approval'>;

const ATTENTION: Record<WorkStatus, ApiSession['attention_reason']> = {
  working: 'none',
  waiting: 'awaitingReply',
  reply: 'awaitingReply',
  permission: 'awaitingPermission',
  question: 'awaitingQuestion',
  ended: 'none',
};

/** @param approvalId of the open request, if there is one */
function sessionOf(session: Shown, approvalId: string | undefined): ApiSession {
  const is_direct_codex = session.codex_integration_mode === 'direct';
  const is_direct_claude = session.claude_integration_mode === 'direct';
  const { custom_name, summary, first_prompt, git_branch, permission_mode } = session;
  return {
    id: session.id,
    ...(custom_name !== undefined && { custom_name }),
    ...(summary !== undefined && { summary }),
    ...(first_prompt !== undefined && { first_prompt }),
    project_name: session.project_name,
    project_path: session.project_path,
    ...(git_branch !== undefined && { git_branch }),
    name: custom_name ?? summary ?? first_prompt ?? session.project_name,
    branch: git_branch ?? null,
    model: session.model,
    provider: session.provider,
    status: session.status,
    work_status: session.work_status,
    attention_reason: ATTENTION[session.work_status],
    is_direct: is_direct_codex || is_direct_claude,
    is_direct_codex,
    is_direct_claude,
    ...(approvalId !== undefined && { pending_approval_id: approvalId }),
    ...(permission_mode !== undefined && { permission_mode }),
    started_at: session.started_at,
    last_activity_at: session.last_activity_at,
  };
}

/** The end of a session is its last activity. */
function detailOf(state: SessionState): AnswerOf<'getSession'> {
  return {
    ...sessionOf(state, state.pending_approval?.id),
    ended_at: state.status === 'ended' ? state.last_activity_at : null,
  };
}
