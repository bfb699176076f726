/**
 * A hook body as one machine event: pure translation, no state. One hook is one event, so that its
 * journal row, facts and idempotency key share a transaction. Every event that Claude Code has a hook for has
 * its line in the table below; what is not in it is observed and changes nothing.
 */
import type { SeenFields, SessionEvent } from '../../../../machines/session-events.ts';
import type { Decision, Stamp } from '../../../../machines/session-types.ts';
import { entry, wireTime } from '../../../protocol/encode.ts';
import type { Hook } from '../../../protocol/hook.ts';
import type { Message } from '../../../protocol/nouns.ts';
import type { HookReceipt } from '../../reports.ts';
import { idOfWords } from '../message-ids.ts';
import { elicitationRequest, permissionRequest, unexplainedRequest } from './approvals.ts';
import {
  compactionOf,
  effortOf,
  failedToolMessage,
  finishedToolMessage,
  modelOf,
  saysRefused,
  settledTool,
  startedToolMessage,
  textOf,
  toolUseOf,
} from './tools.ts';

type Translate = (hook: Hook, receipt: HookReceipt) => SessionEvent;

const TRANSLATIONS: Record<string, Translate> = {
  SessionStart: (hook, { at }) => ({
    ...seen(hook, at),
    type: 'session.started',
    source: hook.source ?? 'startup',
  }),
  SessionEnd: (hook, { at }) => ({
    ...seen(hook, at),
    type: 'session.ended',
    reason: hook.reason ?? 'other',
  }),
  UserPromptSubmit: promptSubmitted,
  Stop: turnStopped,
  StopFailure: turnFailed,
  PreToolUse: toolStarted,
  PostToolUse: toolFinished,
  PostToolUseFailure: toolFinished,
  PermissionDenied: toolFinished,
  PostToolBatch: (hook, receipt) => ({
    ...seen(hook, receipt.at),
    type: 'tools.settled',
    tools: (hook.tool_calls ?? []).map((call) => settledTool({ ...hook, ...call }, receipt)),
  }),
  PermissionRequest: (hook, { at, key, isAwaited }) => ({
    ...seen(hook, at),
    type: 'approval.requested',
    request: permissionRequest(hook, key),
    tool: toolUseOf(hook),
    toolUseId: hook.tool_use_id ?? null,
    server: null,
    ...(isAwaited && { isAwaited: true as const }),
  }),
  Elicitation: (hook, { at, key }) => ({
    ...seen(hook, at),
    type: 'approval.requested',
    request: elicitationRequest(hook, key),
    tool: null,
    toolUseId: null,
    server: hook.mcp_server_name ?? '',
  }),
  ElicitationResult: (hook, { at }) => ({
    ...seen(hook, at),
    type: 'approval.resolved',
    requestId: null,
    server: hook.mcp_server_name ?? null,
    decision: elicited(hook.action),
  }),
  Notification: notified,
  SubagentStart: agentReported('agent.started'),
  SubagentStop: agentReported('agent.finished'),
  PreCompact: (hook, { at }) => ({
    ...seen(hook, at),
    type: 'compaction.started',
    ...compactionOf(hook, at, false),
  }),
  PostCompact: (hook, { at }) => ({
    ...seen(hook, at),
    type: 'compaction.finished',
    ...compactionOf(hook, at, true),
  }),
  CwdChanged: (hook, { at }) =>
    observed(hook, at, { current_cwd: hook.new_cwd ?? hook.cwd ?? undefined }),
  PostModelSwitch: (hook, { at }) => observed(hook, at, { model: hook.to_model ?? undefined }),
};

/** The machine event that a hook reports; `hook.observed` for those that change nothing. */
export function eventFromHook(hook: Hook, receipt: HookReceipt): SessionEvent {
  const name = hookNameOf(hook);
  const translate = Object.hasOwn(TRANSLATIONS, name) ? TRANSLATIONS[name] : undefined;
  return translate ? translate(hook, receipt) : observed(hook, receipt.at);
}

/** The CLI's name of the event; the README's two typed messages without one say it by their type. */
export function hookNameOf(hook: Hook): string {
  if (hook.hook_event_name) return hook.hook_event_name;
  if (hook.type === 'claude_session_start') return 'SessionStart';
  if (hook.type === 'claude_session_end') return 'SessionEnd';
  return 'unknown';
}

/** What any hook says about its session besides its event. */
export function fieldsFrom(hook: Hook): SeenFields {
  const model = modelOf(hook.model);
  const effort = effortOf(hook.effort);
  const fields: SeenFields = {};
  if (hook.permission_mode) fields.permission_mode = hook.permission_mode;
  if (hook.transcript_path) fields.transcript_path = hook.transcript_path;
  if (hook.cwd) fields.current_cwd = hook.cwd;
  if (model) fields.model = model;
  if (effort) fields.effort = effort;
  if (hook.terminal_session_id) fields.terminal_session_id = hook.terminal_session_id;
  if (hook.terminal_app) fields.terminal_app = hook.terminal_app;
  if (hook.session_title) fields.summary = hook.session_title;
  return fields;
}

function seen(hook: Hook, at: Stamp): { at: Stamp; fields: SeenFields } {
  return { at, fields: fieldsFrom(hook) };
}

function observed(
  hook: Hook,
  at: Stamp,
  more: { [Name in keyof SeenFields]?: SeenFields[Name] | undefined } = {},
): SessionEvent {
  const known = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined));
  const base = seen(hook, at);
  return {
    ...base,
    fields: { ...base.fields, ...known },
    type: 'hook.observed',
    hook: hookNameOf(hook),
  };
}

/** Wrappers of prompts that the CLI writes itself. */
const WRAPPERS = new Set([
  'task-notification',
  'cross-session-message',
  'teammate-message',
  'system-reminder',
  'command-name',
  'command-message',
  'command-args',
  'local-command-caveat',
  'local-command-stdout',
  'local-command-stderr',
]);

/**
 * A prompt that the CLI wrote itself: it consists of closed wrappers and nothing else. A person's own words
 * may begin with such a tag.
 */
function isOfTheCli(prompt: string): boolean {
  let rest = prompt.trim();
  while (rest !== '') {
    const tag = /^<([a-z-]{1,40})(?: [^>]{0,500})?>/.exec(rest)?.[1];
    if (tag === undefined || !WRAPPERS.has(tag)) return false;
    const end = rest.indexOf(`</${tag}>`);
    if (end < 0) return false;
    rest = rest.slice(end + tag.length + 3).trimStart();
  }
  return true;
}

/** A command that a person typed behind `!`, as it was typed; other words as they are. */
function asTyped(prompt: string): string {
  const command = /^\s*<bash-input>([\s\S]*)<\/bash-input>\s*$/.exec(prompt)?.[1];
  return command === undefined ? prompt : `! ${command.trim()}`;
}

function promptSubmitted(hook: Hook, receipt: HookReceipt): SessionEvent {
  const text = asTyped(hook.prompt ?? '');
  const prompt = text === '' || isOfTheCli(text) ? null : text;
  const base = {
    ...seen(hook, receipt.at),
    type: 'turn.started',
    promptId: hook.prompt_id ?? null,
    prompt,
  } as const;
  if (prompt === null) return base;
  return { ...base, message: messageOf(hook, receipt, 'user', prompt) };
}

function turnStopped(hook: Hook, receipt: HookReceipt): SessionEvent {
  const reply = hook.last_assistant_message;
  const { words, key } = receipt;
  return {
    ...seen(hook, receipt.at),
    type: 'turn.completed',
    backgroundAgents: backgroundAgentsOf(hook),
    ...(words !== undefined && { words }),
    ...(words === 'asked' && { hookKey: key }),
    ...(hook.stop_hook_active === true && { isContinued: true as const }),
    ...(reply && { message: messageOf(hook, receipt, 'assistant', reply) }),
  };
}

/** Background shells are not work: a dev server may run for days. */
function backgroundAgentsOf(hook: Hook): Array<{ id: string; type: string }> | null {
  if (!hook.background_tasks) return null;
  return hook.background_tasks
    .filter((task) => task.type === 'subagent' && (task.status ?? 'running') === 'running')
    .flatMap(({ id, agent_type }) => (id ? [{ id, type: agent_type || 'unknown' }] : []));
}

function turnFailed(hook: Hook, receipt: HookReceipt): SessionEvent {
  const error = textOf(hook.error) || 'unknown';
  const words = hook.last_assistant_message || `The provider failed: ${error}`;
  const message = { ...messageOf(hook, receipt, 'assistant', words), is_error: true };
  return { ...seen(hook, receipt.at), type: 'turn.failed', error, message };
}

function toolStarted(hook: Hook, { at }: HookReceipt): SessionEvent {
  const tool = toolUseOf(hook);
  return {
    type: 'tool.started',
    at,
    fields: fieldsFrom(hook),
    tool,
    agentType: hook.agent_type || null,
    message: startedToolMessage(hook, tool, at),
  };
}

function toolFinished(hook: Hook, receipt: HookReceipt): SessionEvent {
  const { at } = receipt;
  const name = hookNameOf(hook);
  const tool = toolUseOf(hook);
  const base = {
    ...seen(hook, at),
    type: 'tool.finished',
    tool,
    agentType: hook.agent_type || null,
  } as const;
  if (name === 'PostToolUse') {
    return {
      ...base,
      ...finishedToolMessage(hook, tool, receipt),
      outcome: 'succeeded',
      launched: launchedBy(hook),
    };
  }
  const words = textOf(hook.error) || hook.reason || 'failed';
  const stopped = hook.is_interrupt === true ? 'interrupted' : 'failed';
  const isRefused = name === 'PermissionDenied' || saysRefused(words);
  const outcome = isRefused ? 'refused' : stopped;
  return { ...base, ...failedToolMessage(hook, tool, receipt, words), outcome, launched: null };
}

/** The background agent that an Agent tool use left running. */
function launchedBy(hook: Hook): { id: string; type: string } | null {
  const response = hook.tool_response as { status?: unknown; agentId?: unknown } | null | undefined;
  if (response?.status !== 'async_launched' || typeof response.agentId !== 'string') return null;
  const input = hook.tool_input as { subagent_type?: unknown } | null | undefined;
  const type = typeof input?.subagent_type === 'string' ? input.subagent_type : 'unknown';
  return { id: response.agentId, type };
}

function agentReported(type: 'agent.started' | 'agent.finished'): Translate {
  return (hook, { at }) => {
    // `/compact` reports the end of an agent without a type that never started.
    if (!hook.agent_id || (type === 'agent.finished' && !hook.agent_type))
      return observed(hook, at);
    return {
      ...seen(hook, at),
      type,
      agentId: hook.agent_id,
      agentType: hook.agent_type || 'unknown',
    };
  };
}

/** What became of an MCP server's form, by the CLI's word for what its person did. */
function elicited(action: string | null | undefined): Decision {
  if (action === 'accept') return 'answered';
  if (action === 'decline') return 'denied';
  return action === 'cancel' ? 'cancelled' : 'unknown';
}

function notified(hook: Hook, receipt: HookReceipt): SessionEvent {
  const base = seen(hook, receipt.at);
  switch (hook.notification_type) {
    case 'permission_prompt':
      return {
        ...base,
        type: 'attention.noticed',
        kind: 'permission',
        request: unexplainedRequest(hook, receipt.key, 'exec'),
      };
    case 'elicitation_dialog':
      return {
        ...base,
        type: 'attention.noticed',
        kind: 'question',
        request: unexplainedRequest(hook, receipt.key, 'question'),
      };
    case 'idle_prompt':
      return {
        ...base,
        type: 'attention.noticed',
        kind: 'idle',
        request: unexplainedRequest(hook, receipt.key, 'exec'),
      };
    case 'elicitation_response':
      return {
        ...base,
        type: 'approval.resolved',
        requestId: null,
        server: null,
        // It may come before the hook of the result, and ends with the same word.
        decision: elicited(/: (\w+)$/.exec(hook.message ?? '')?.[1]),
      };
    default:
      return observed(hook, receipt.at);
  }
}

function messageOf(
  hook: Hook,
  { at, key }: HookReceipt,
  by: 'user' | 'assistant',
  content: string,
): Message {
  const { session_id, prompt_id } = hook;
  return entry({
    // The transcript has the same words under the same id; without a prompt's id only the words link the two
    // (store/row/messages).
    id: prompt_id
      ? idOfWords({ session_id, prompt_id, by, content })
      : `${session_id}:${by}:key:${key}`,
    session_id: hook.session_id,
    message_type: by,
    content,
    timestamp: wireTime(at),
  });
}
