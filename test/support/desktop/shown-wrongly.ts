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
export function shownWrongly(app: AppState, truth: SessionState): string[] {
  const wrong: string[] = [];
  const differ = (what: string, shown: unknown, received: unknown): void => {
    if (same(shown, received)) return;
    wrong.push(`${truth.id}: ${what} shows ${short(shown)}, is ${short(received)}`);
  };
  const row = app.sessions.get(truth.id);
  if (!row) return [`${truth.id}: is not in its list`];
  for (const field of ROW_FIELDS) differ(field, of(row, field), of(truth, field));
  differ('token_usage', row.token_usage, truth.token_usage);
  const openId = truth.pending_approval?.id ?? null;
  differ('the request of the row', row.approvalId, openId);
  differ('attention', attentionShown(row), attentionDue(truth));
  const conversation = app.conversations.get(truth.id);
  if (!conversation) return [...wrong, `${truth.id}: was never told`];
  // Without the row's id the card has no buttons; with it, it must be the right card.
  if (openId !== null) differ('the open request', conversation.approval?.id ?? null, openId);
  differ('revision', app.revisions.get(truth.id), truth.revision);
  // A plan without steps is how a delta says that there is none.
  differ('plan', conversation.plan === '[]' ? null : conversation.plan, truth.current_plan);
  if (conversation.plan !== null && !isPlan(conversation.plan)) {
    wrong.push(`${truth.id}: a plan that it cannot show: ${short(conversation.plan)}`);
  }
  for (const { turn_id, diff } of truth.turn_diffs ?? []) {
    differ(`diff of ${turn_id}`, cutText(conversation.turnDiffs.get(turn_id)), cutText(diff));
  }
  wrong.push(...messagesShownWrongly(conversation, truth));
  return wrong;
}

function messagesShownWrongly(shown: AppConversation, truth: SessionState): string[] {
  const wrong: string[] = [];
  for (const message of truth.messages) {
    const mine = shown.messages.get(message.id);
    if (!mine) wrong.push(`${truth.id}: does not show message ${message.id}`);
    else if (!same(comparable(mine), comparable(message))) {
      wrong.push(
        `${message.id} shows ${short(comparable(mine))}, is ${short(comparable(message))}`,
      );
    }
  }
  const isAll = truth.message_count === truth.messages.length;
  if (isAll && shown.messages.size > truth.message_count) {
    const ids = new Set(truth.messages.map(({ id }) => id));
    const extra = [...shown.messages.keys()].filter((id) => !ids.has(id));
    wrong.push(`${truth.id}: still shows ${extra.join(', ')}`);
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
