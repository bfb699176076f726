/**
 * Codex's questions: what the session shows of them and what goes back. Fails closed: only the words listed
 * here approve, and what cannot be answered in full is refused before anything changes. Pure.
 */
import type { ConnectorCommand } from '../../../../machines/session-facts.ts';
import type { Decision } from '../../../../machines/session-types.ts';
import type { ApprovalRequest } from '../../../protocol/nouns.ts';
import type { Report } from '../../provider.ts';
import type { ServerRequest } from '../protocol/generated/ServerRequest.ts';
import type { ThreadItem } from '../protocol/generated/v2/ThreadItem.ts';
import { type FormField, fieldsOf, formFrom, formValues } from './elicitation-forms.ts';
import { diffOf } from './items.ts';

type AskOf<Method extends ServerRequest['method']> = Extract<ServerRequest, { method: Method }>;
type QuestionAnswer = Extract<ConnectorCommand, { type: 'question.answer' }>;

/** One open question. */
export interface CodexRequest {
  /** Ours, by which clients answer. */
  readonly requestId: string;
  /** The engine's. */
  readonly id: ServerRequest['id'];
  readonly event: Extract<Report, { type: 'approval.requested' }>;
  /** The result that means this decision; null when the question cannot be settled by it. */
  decide(decision: Decision): unknown;
  /** Aborting a command or a patch stops the turn by itself. */
  readonly abortEndsTurn: boolean;
  /** The result that carries these answers, or why they are not enough. */
  answer(command: QuestionAnswer): { result: unknown } | { refusal: string };
}

/** The newest item that began, did not end and fits. */
type FindOpen = (fits: (item: ThreadItem) => boolean) => ThreadItem | null;

interface Shape {
  tool: { toolUseId: string; name: string } | null;
  server?: string;
  request: Omit<ApprovalRequest, 'id' | 'session_id'>;
  decide: CodexRequest['decide'];
  answer?: CodexRequest['answer'];
}

const BARE = { command: null, file_path: null, diff: null, question: null } as const;
const NO_QUESTION = { refusal: 'it asks for a decision; use approve_tool' };

/** The question as the session takes it; null for questions that are none of a session's. */
export function requestFrom(
  asked: ServerRequest,
  about: { sessionId: string; threadId: string; findOpen: FindOpen },
): CodexRequest | null {
  const shape = shapeOf(asked, about.findOpen);
  if (!shape) return null;
  const { turnId, threadId } = asked.params as { turnId?: string | null; threadId: string };
  // What a subagent asks is put to the session that it works for.
  const asker = threadId === about.threadId ? {} : { agent_id: threadId };
  // The engine's ids begin anew with every start of the server; a turn's id is unique for ever.
  const requestId = `${turnId ?? about.sessionId}:${asked.id}`;
  const { tool, server = null } = shape;
  return {
    requestId,
    id: asked.id,
    event: {
      type: 'approval.requested',
      request: { id: requestId, session_id: about.sessionId, ...shape.request, ...asker },
      tool: tool && { agentId: null, name: tool.name, digest: tool.toolUseId },
      toolUseId: tool?.toolUseId ?? null,
      server,
    },
    decide: shape.decide,
    abortEndsTurn:
      asked.method === 'item/commandExecution/requestApproval' ||
      asked.method === 'item/fileChange/requestApproval',
    answer: shape.answer ?? (() => NO_QUESTION),
  };
}

function shapeOf(asked: ServerRequest, findOpen: FindOpen): Shape | null {
  switch (asked.method) {
    case 'item/commandExecution/requestApproval':
      return commandAsk(asked);
    case 'item/fileChange/requestApproval':
      return patchAsk(asked, findOpen);
    case 'item/permissions/requestApproval':
      return permissionsAsk(asked);
    case 'item/tool/requestUserInput':
      return inputAsk(asked);
    case 'mcpServer/elicitation/request':
      return isToolApproval(asked) ? mcpToolAsk(asked, findOpen) : elicitationAsk(asked);
    default:
      return null;
  }
}

function commandAsk({ params }: AskOf<'item/commandExecution/requestApproval'>): Shape {
  const { itemId, reason, cwd, proposedExecpolicyAmendment: amendment } = params;
  const command = params.command ?? reason ?? '';
  return {
    tool: { toolUseId: itemId, name: 'Bash' },
    request: {
      ...BARE,
      type: 'exec',
      command,
      file_path: cwd ?? null,
      tool_name: 'Bash',
      tool_input: JSON.stringify({ command, cwd: cwd ?? null, ...(reason && { reason }) }),
      ...(amendment && { proposed_amendment: amendment }),
    },
    decide(decision) {
      if (decision === 'approved_always' && amendment) {
        const execpolicy_amendment = amendment;
        return { decision: { acceptWithExecpolicyAmendment: { execpolicy_amendment } } };
      }
      return reviewed(decision);
    },
  };
}

function patchAsk({ params }: AskOf<'item/fileChange/requestApproval'>, findOpen: FindOpen): Shape {
  const item = findOpen(({ id }) => id === params.itemId);
  const changes = item?.type === 'fileChange' ? item.changes : [];
  const diff = diffOf(changes);
  return {
    tool: { toolUseId: params.itemId, name: 'Edit' },
    request: {
      ...BARE,
      type: 'patch',
      file_path: changes[0]?.path ?? params.grantRoot ?? null,
      diff: diff === '' ? null : diff,
      tool_name: 'Edit',
    },
    decide: reviewed,
  };
}

/** Nothing wider than a session can be granted for a patch, so `always` grants that. */
function reviewed(decision: Decision): unknown {
  switch (decision) {
    case 'approved':
      return { decision: 'accept' };
    case 'approved_for_session':
    case 'approved_always':
      return { decision: 'acceptForSession' };
    case 'denied':
      return { decision: 'decline' };
    case 'abort':
      return { decision: 'cancel' };
    default:
      return null;
  }
}

function permissionsAsk({ params }: AskOf<'item/permissions/requestApproval'>): Shape {
  const { permissions, reason, itemId } = params;
  const granted = {
    ...(permissions.network && { network: permissions.network }),
    ...(permissions.fileSystem && { fileSystem: permissions.fileSystem }),
  };
  return {
    tool: { toolUseId: itemId, name: 'Permissions' },
    request: {
      ...BARE,
      type: 'exec',
      command: reason ?? 'More permissions',
      file_path: params.cwd,
      tool_name: 'Permissions',
      tool_input: JSON.stringify(permissions),
    },
    decide(decision) {
      if (decision === 'approved') return { permissions: granted, scope: 'turn' };
      if (decision === 'approved_for_session' || decision === 'approved_always') {
        return { permissions: granted, scope: 'session' };
      }
      return isNo(decision) ? { permissions: {}, scope: 'turn' } : null;
    },
  };
}

function inputAsk({ params }: AskOf<'item/tool/requestUserInput'>): Shape {
  const { questions, itemId } = params;
  return {
    tool: { toolUseId: itemId, name: 'AskUserQuestion' },
    request: {
      ...BARE,
      type: 'question',
      question: questions[0]?.question ?? null,
      tool_name: 'AskUserQuestion',
      questions: questions.map(({ id, header, question, options }) => ({
        id,
        question,
        ...(header && { header }),
        options: options ?? [],
        multi_select: false,
      })),
    },
    decide: (decision) => (isNo(decision) ? { answers: {} } : null),
    answer(command) {
      const given = answersTo(questions, command);
      if ('refusal' in given) return given;
      const answers = questions.map(({ id, options }) => {
        const text = given.byId.get(id) ?? '';
        const isOption = options?.some(({ label }) => label === text) ?? true;
        // The way Codex itself words an answer that is none of the options.
        return [id, { answers: text === '' ? [] : [isOption ? text : `user_note: ${text}`] }];
      });
      return { result: { answers: Object.fromEntries(answers) } };
    },
  };
}

/**
 * Answers by the question's id or text. An answer without a name is the first question's: older clients
 * show no other. A name that no question has is refused, for its answer would be lost.
 */
function answersTo(
  questions: ReadonlyArray<{ id: string; question: string }>,
  { answers, text }: QuestionAnswer,
): { byId: Map<string, string> } | { refusal: string } {
  const byId = new Map<string, string>();
  for (const [name, answer] of Object.entries(answers)) {
    const asked = questions.find(({ id, question }) => id === name || question === name);
    if (!asked) return { refusal: `it asks no question called ${JSON.stringify(name)}` };
    byId.set(asked.id, answer);
  }
  const [first] = questions;
  if (text !== '' && first && !byId.has(first.id)) byId.set(first.id, text);
  if ([...byId.values()].every((answer) => answer === '')) {
    return { refusal: 'the answer is empty; answer it, or deny it with approve_tool' };
  }
  return { byId };
}

// ---- MCP -------------------------------------------------------------------------------------------

function isToolApproval({ params }: AskOf<'mcpServer/elicitation/request'>): boolean {
  const meta = params._meta as { codex_approval_kind?: unknown } | null;
  return meta?.codex_approval_kind === 'mcp_tool_call';
}

function mcpToolAsk(
  { params, id }: AskOf<'mcpServer/elicitation/request'>,
  findOpen: FindOpen,
): Shape {
  const meta = params._meta as { persist?: unknown; tool_params?: unknown; tool_title?: unknown };
  const message = 'message' in params ? params.message : '';
  const tool = /tool "([^"]+)"/.exec(message)?.[1] ?? 'tool';
  const offers = (scope: string) => [meta.persist].flat().includes(scope);
  const accept = (persist: string | null) => ({
    action: 'accept',
    content: {},
    _meta: persist === null ? null : { persist },
  });
  const use = findOpen(
    (item) =>
      item.type === 'mcpToolCall' && item.server === params.serverName && item.tool === tool,
  );
  return {
    tool: { toolUseId: use?.id ?? String(id), name: `${params.serverName}:${tool}` },
    request: {
      ...BARE,
      type: 'exec',
      command: message,
      tool_name: `${params.serverName}:${tool}`,
      tool_input: JSON.stringify(meta.tool_params ?? {}),
    },
    decide(decision) {
      if (decision === 'approved') return accept(null);
      if (decision === 'approved_for_session') return accept(offers('session') ? 'session' : null);
      if (decision === 'approved_always') return accept(offers('always') ? 'always' : null);
      return refused(decision);
    },
  };
}

function elicitationAsk({ params }: AskOf<'mcpServer/elicitation/request'>): Shape {
  const fields: FormField[] = 'requestedSchema' in params ? fieldsOf(params.requestedSchema) : [];
  const message = 'message' in params ? params.message : params.title;
  const link = 'url' in params ? `\n${params.url}` : '';
  return {
    tool: null,
    server: params.serverName,
    request: {
      ...BARE,
      type: 'question',
      question: `${message}${link}`,
      tool_name: params.serverName,
      ...(fields.length > 0 && { questions: formFrom(fields) }),
    },
    decide(decision) {
      // A form without fields, or a page to visit, is agreed to as it is.
      if (decision === 'approved' && fields.every(({ isRequired }) => !isRequired)) {
        return { action: 'accept', content: {}, _meta: null };
      }
      return refused(decision);
    },
    answer(command) {
      if (fields.length === 0) return { result: { action: 'accept', content: {}, _meta: null } };
      const questions = fields.map(({ key, label }) => ({ id: key, question: label }));
      const given = answersTo(questions, command);
      if ('refusal' in given) return given;
      const content = formValues(fields, given.byId);
      if ('refusal' in content) return content;
      return { result: { action: 'accept', content: content.values, _meta: null } };
    },
  };
}

function refused(decision: Decision): unknown {
  if (!isNo(decision)) return null;
  return { action: decision === 'abort' ? 'cancel' : 'decline', content: null, _meta: null };
}

function isNo(decision: Decision): boolean {
  return decision === 'denied' || decision === 'abort';
}

/** What the engine gets for a client's decision or answer, or why it does not fit the question. */
export function answerOf(
  ask: CodexRequest,
  command: Extract<ConnectorCommand, { type: 'approval.answer' | 'question.answer' }>,
): { result: unknown } | { refusal: string } {
  if (command.type === 'question.answer') return ask.answer(command);
  const result = ask.decide(command.decision);
  if (result !== null) return { result };
  return { refusal: 'it is a question; answer it with answer_question, or deny it' };
}
