/** Holds what the app shows against a snapshot of the server: every line is something shown wrongly. */
import { cutJson } from '../../../src/protocol/encode.ts';
import type { Message, SessionState } from '../../../src/protocol/nouns.ts';
import type { AppConversation, AppSession, AppState } from './state.ts';

/** Longer texts are cut in snapshots, not in facts; compared is what is the same in both. */
const COMPARED_CHARS = 15_990;

/**
 * Fields of its rows. `permission_mode` is in no summary it reads, `current_turn_id` and `current_diff`
 * cannot be cleared for it, times differ by their forms.
 */
const ROW_FIELDS = [
  ...['status', 'work_status', 'project_path', 'custom_name', 'summary', 'first_prompt'],
  ...['last_message', 'model', 'effort', 'git_branch', 'git_sha', 'current_cwd'],
  ...['approval_policy', 'sandbox_mode', 'codex_integration_mode', 'claude_integration_mode'],
] as const;

/** What the app shows of a session at rest and the server says otherwise; empty when all is well. */
export function shownWrongly(app: AppState, server: SessionState): string[] {
  const wrong: string[] = [];
  const differ = (what: string, shown: unknown, received: unknown): void => {
    if (same(shown, received)) return;
    wrong.push(`${server.id}: ${what} shows ${short(shown)}, is ${short(received)}`);
  };
  const row = app.sessions.get(server.id);
  if (!row) return [`${server.id}: is not in its list`];
  for (const field of ROW_FIELDS) differ(field, of(row, field), of(server, field));
  differ('token_usage', row.token_usage, server.token_usage);
  const openId = server.pending_approval?.id ?? null;
  differ('the request of the row', row.approvalId, openId);
  differ('attention', attentionShown(row), attentionDue(server));
  const conversation = app.conversations.get(server.id);
  if (!conversation) return [...wrong, `${server.id}: was never sent`];
  // Without the row's id the card has no buttons; with it, it must be the right card.
  if (openId !== null) differ('the open request', conversation.approval?.id ?? null, openId);
  differ('revision', app.revisions.get(server.id), server.revision);
  // A plan without steps is how a delta says that there is none.
  differ('plan', conversation.plan === '[]' ? null : conversation.plan, server.current_plan);
  if (conversation.plan !== null && !isPlan(conversation.plan)) {
    wrong.push(`${server.id}: a plan that it cannot show: ${short(conversation.plan)}`);
  }
  for (const { turn_id, diff } of server.turn_diffs ?? []) {
    differ(`diff of ${turn_id}`, cutText(conversation.turnDiffs.get(turn_id)), cutText(diff));
  }
  wrong.push(...messagesShownWrongly(conversation, server));
  return wrong;
}

function messagesShownWrongly(shown: AppConversation, server: SessionState): string[] {
  const wrong: string[] = [];
  for (const message of server.messages) {
    const mine = shown.messages.get(message.id);
    if (!mine) wrong.push(`${server.id}: does not show message ${message.id}`);
    else if (!same(comparable(mine), comparable(message))) {
      wrong.push(
        `${message.id} shows ${short(comparable(mine))}, is ${short(comparable(message))}`,
      );
    }
  }
  const isAll = server.message_count === server.messages.length;
  if (isAll && shown.messages.size > server.message_count) {
    const ids = new Set(server.messages.map(({ id }) => id));
    const extra = [...shown.messages.keys()].filter((id) => !ids.has(id));
    wrong.push(`${server.id}: still shows ${extra.join(', ')}`);
  }
  return wrong;
}

function attentionShown({ attention, approvalId }: AppSession): string {
  return approvalId === null ? 'nobody' : attention;
}

function attentionDue({ pending_approval: open }: SessionState): string {
  if (!open) return 'nobody';
  return open.type === 'question' ? 'awaitingQuestion' : 'awaitingPermission';
}

/** The one form of plan that shows: an array of steps. */
function isPlan(text: string): boolean {
  const plan: unknown = JSON.parse(text);
  const statuses = ['pending', 'inProgress', 'completed'];
  return (
    Array.isArray(plan) &&
    plan.every(({ step, status }) => typeof step === 'string' && statuses.includes(status))
  );
}

/** What it reads of a message; our additions pass it by. */
const MESSAGE_FIELDS = new Set([
  ...['id', 'message_type', 'content', 'tool_name', 'tool_input', 'tool_output'],
  ...['is_error', 'timestamp', 'duration_ms'],
]);

function comparable(shown: Message): Record<string, unknown> {
  const fields = Object.entries(shown).filter(
    ([name, value]) => MESSAGE_FIELDS.has(name) && value !== null,
  );
  return Object.fromEntries(fields.map(([name, value]) => [name, cutText(shortened(name, value))]));
}

/** A tool's input is cut as JSON, which takes from its middle. */
function shortened(name: string, value: unknown): unknown {
  const isInput = name === 'tool_input' && typeof value === 'string';
  return isInput ? cutJson(value, COMPARED_CHARS + 10) : value;
}

function cutText(value: unknown): unknown {
  return typeof value === 'string' ? value.slice(0, COMPARED_CHARS) : value;
}

function of(value: object, field: string): unknown {
  return (value as Record<string, unknown>)[field] ?? null;
}

/** Keys in any order; unset and null alike. */
function same(a: unknown, b: unknown): boolean {
  return ordered(a) === ordered(b);
}

function ordered(value: unknown): string {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    return JSON.stringify(value ?? null);
  }
  return JSON.stringify(Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1)));
}

function short(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 200);
}
