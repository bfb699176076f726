/**
 * What Codex's own hooks add to a session that is read from its rollout: the dialog that is open in the terminal, which no
 * rollout has, and the turn's begin and end a moment sooner. They never answer: such a hook runs before its dialog and
 * would hold it up.
 */
import { hash } from 'node:crypto';
import type { SessionEvent } from '../../../machines/session-events.ts';
import type { Session, Stamp, ToolUse } from '../../../machines/session-types.ts';
import { wireTime } from '../../protocol/encode.ts';
import type { Hook } from '../../protocol/hook.ts';
import type { ApprovalRequest } from '../../protocol/nouns.ts';
import type { HookReading } from '../provider.ts';
import type { HookReceipt } from '../reports.ts';

/**
 * Reads hooks of Codex; null for one that is not its own, and for threads that a connector of ours holds.
 *
 * @param homes  real and given paths of Codex homes
 */
export function createHookReader(
  homes: readonly string[],
  isHeldByUs: (threadId: string) => boolean,
): (hook: Hook) => HookReading | null {
  return (hook) => {
    if (!isOfCodex(hook, homes) || isHeldByUs(hook.session_id)) return null;
    return {
      role: 'beside',
      replaces: false,
      promptId: turnOf(hook) ?? undefined,
      answer: null,
      // Codex names none.
      processOf: () => null,
      event: (receipt) => eventOf(hook, receipt),
      session: (at) => sessionOf(hook, at),
    };
  };
}

/** Both agents' hooks have one form: a turn's id and a rollout show that it is of this one. */
function isOfCodex(hook: Hook, homes: readonly string[]): boolean {
  const path = hook.transcript_path ?? '';
  return (
    turnOf(hook) !== null ||
    path.includes('/.codex/sessions/') ||
    homes.some((home) => path.startsWith(`${home}/sessions/`))
  );
}

function turnOf(hook: Hook): string | null {
  const { turn_id } = hook as { turn_id?: unknown };
  return typeof turn_id === 'string' && turn_id !== '' ? turn_id : null;
}

function eventOf(hook: Hook, { at, key }: HookReceipt): SessionEvent {
  const turn = turnOf(hook);
  const tool = toolOf(hook, key);
  const base = { at, ...(turn !== null && { promptId: turn }) };
  switch (hook.hook_event_name) {
    case 'UserPromptSubmit':
      return { ...base, type: 'turn.started', promptId: turn, prompt: null };
    case 'Stop':
      return { ...base, type: 'turn.completed', backgroundAgents: [] };
    case 'Interrupt':
      return { ...base, type: 'turn.aborted', reason: 'interrupted' };
    case 'PreToolUse':
      return { ...base, type: 'tool.started', tool, agentType: null };
    case 'PostToolUse':
      return { ...base, type: 'tool.finished', tool, ...SUCCEEDED };
    case 'PermissionRequest': {
      const request = requestOf(hook, key);
      const about = { agentId: null, name: tool.name, digest: tool.digest };
      return { ...base, type: 'approval.requested', request, tool: about, ...NO_ID };
    }
    default:
      return { ...base, type: 'hook.observed', hook: hook.hook_event_name ?? 'unknown' };
  }
}

const SUCCEEDED = { agentType: null, outcome: 'succeeded', launched: null } as const;
/** A permission request names the input of a tool use and not its id. */
const NO_ID = { toolUseId: null, server: null } as const;

function toolOf(hook: Hook, key: string): ToolUse {
  const name = hook.tool_name ?? 'unknown';
  const input = inputOf(hook);
  // The request says why beside the input, the tool use does not.
  const { description: _, ...given } = input;
  const digest = hash('sha256', JSON.stringify([name, given]), 'hex').slice(0, 16);
  return { toolUseId: hook.tool_use_id ?? key, agentId: null, name, digest };
}

function inputOf({ tool_input: input }: Hook): Record<string, unknown> {
  return typeof input === 'object' && input !== null ? (input as Record<string, unknown>) : {};
}

function requestOf(hook: Hook, key: string): ApprovalRequest {
  const input = inputOf(hook);
  const name = hook.tool_name ?? 'unknown';
  const command = typeof input.command === 'string' ? input.command : null;
  const isPatch = name === 'apply_patch' || name === 'Edit' || name === 'Write';
  return {
    ...{ id: `${hook.session_id}:hook:${key}`, session_id: hook.session_id },
    type: isPatch ? 'patch' : 'exec',
    command: command ?? name,
    file_path: isPatch ? null : (hook.cwd ?? null),
    diff: isPatch ? command : null,
    question: null,
    tool_name: name,
    tool_input: JSON.stringify(input),
  };
}

/** Never used: a hook alone shows no session of Codex. */
function sessionOf(hook: Hook, at: Stamp): Session {
  const path = hook.cwd ?? '/unknown';
  return {
    ...{ id: hook.session_id, provider: 'codex', integration_mode: 'passive', project_path: path },
    project_name: path.split('/').filter(Boolean).at(-1) ?? null,
    model: null,
    token_usage: { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 },
    ...{ started_at: wireTime(at), last_activity_at: wireTime(at) },
  };
}
