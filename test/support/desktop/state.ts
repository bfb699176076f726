/**
 * What the desktop app shows, folded from its frames as it folds them, its
 * blind spots included: null clears nothing, a summary drops an open request, a request always turns the
 * status to permission, a time in a delta is read in one form only.
 */
import type {
  ApprovalRequest,
  Message,
  MessageChanges,
  SessionState,
  SessionSummary,
  TurnDiff,
} from '../../../src/protocol/nouns.ts';
import type { ApprovalHistoryItem } from '../../../src/protocol/reply-nouns.ts';
import type { AppFrame } from './frames.ts';

/** A row of its list: the summary, and what it adds. */
export interface AppSession extends Partial<SessionSummary> {
  id: string;
  /** Without it the approve and answer buttons do not show. */
  approvalId: string | null;
  attention: 'none' | 'awaitingPermission' | 'awaitingQuestion' | 'awaitingReply';
}

/** A session that is open in a window. */
export interface AppConversation {
  messages: Map<string, Message>;
  approval: ApprovalRequest | null;
  turnDiffs: Map<string, string>;
  plan: string | null;
  subagents: { id: string; ended_at?: string }[];
  comments: Map<string, unknown>;
}

export class AppState {
  readonly sessions = new Map<string, AppSession>();
  readonly conversations = new Map<string, AppConversation>();
  /** The number it will come back with, by session. */
  readonly revisions = new Map<string, number>();
  /** Request history by session, and of all under null. */
  readonly approvals = new Map<string | null, ApprovalHistoryItem[]>();
  readonly errors: { code: string; message: string; session_id: string | null }[] = [];

  /** Folds one decoded frame. */
  take(frame: AppFrame): void {
    const about = frame.session_id;
    if (typeof about === 'string' && typeof frame.revision === 'number') {
      this.revisions.set(about, frame.revision);
    }
    FOLDS[frame.type]?.(this, frame as never);
  }

  conversation(id: string): AppConversation {
    let conversation = this.conversations.get(id);
    if (!conversation) {
      conversation = {
        messages: new Map(),
        approval: null,
        turnDiffs: new Map(),
        plan: null,
        subagents: [],
        comments: new Map(),
      };
      this.conversations.set(id, conversation);
    }
    return conversation;
  }

  /** Its own buttons: the request is gone at once, before any answer. */
  decided(id: string): void {
    this.conversation(id).approval = null;
    const session = this.sessions.get(id);
    if (session) Object.assign(session, { approvalId: null, attention: 'none' });
  }

  /** An open request, however it learned of it. */
  ask(id: string, request: ApprovalRequest): void {
    this.conversation(id).approval = request;
    const session = this.sessions.get(id);
    if (!session) return;
    session.approvalId = request.id;
    session.attention = request.type === 'question' ? 'awaitingQuestion' : 'awaitingPermission';
  }

  /** Absent and null alike leave what is there. */
  change(id: string, changes: object): void {
    const session = this.sessions.get(id);
    for (const [field, value] of Object.entries(changes)) {
      if (value === null || !session) continue;
      if (field === 'last_activity_at' && !/^\d+Z$/.test(String(value))) continue;
      if (!NOT_OF_A_ROW.has(field)) Object.assign(session, { [field]: value });
    }
  }
}

/** Fields of a delta that belong to the conversation. */
const NOT_OF_A_ROW = new Set(['pending_approval', 'current_diff', 'current_plan', 'subagents']);

type Fold = (app: AppState, frame: never) => void;

const FOLDS: { [Type in AppFrame['type']]?: Fold } = {
  sessions_list(app, { sessions }: { sessions: SessionSummary[] }) {
    app.sessions.clear();
    for (const session of sessions) replaceRow(app, session);
  },
  session_created: (app, { session }: { session: SessionSummary }) => replaceRow(app, session),
  session_snapshot(app, { session }: { session: SessionState }) {
    takeSnapshot(app, session);
  },
  session_delta(app, { session_id: id, changes }: { session_id: string; changes: object }) {
    app.change(id, changes);
    const { pending_approval, current_plan } = changes as Partial<SessionState>;
    if (pending_approval) app.ask(id, pending_approval);
    if (current_plan) app.conversation(id).plan = current_plan;
  },
  message_appended(app, { session_id: id, message }: { session_id: string; message: Message }) {
    app.conversation(id).messages.set(message.id, message);
  },
  message_updated: updateMessage,
  approval_requested(app, frame: { session_id: string; request: ApprovalRequest }) {
    app.change(frame.session_id, { work_status: 'permission' });
    app.ask(frame.session_id, frame.request);
  },
  tokens_updated(app, { session_id: id, usage }: { session_id: string; usage: object }) {
    app.change(id, { token_usage: usage });
  },
  session_ended(app, { session_id: id }: { session_id: string }) {
    app.change(id, { status: 'ended', work_status: 'ended' });
    app.decided(id);
  },
  turn_diff_snapshot(app, { session_id: id, turn_id, diff }: TurnDiff & { session_id: string }) {
    app.conversation(id).turnDiffs.set(turn_id, diff);
  },
  approvals_list(app, frame: { session_id: string | null; approvals: ApprovalHistoryItem[] }) {
    app.approvals.set(frame.session_id ?? null, frame.approvals);
  },
  review_comment_created: putComment,
  review_comment_updated: putComment,
  review_comment_deleted(app, frame: { session_id: string; comment_id: string }) {
    app.conversation(frame.session_id).comments.delete(frame.comment_id);
  },
  review_comments_list(app, frame: { session_id: string; comments: { id: string }[] }) {
    app.conversation(frame.session_id).comments = new Map(
      frame.comments.map((comment) => [comment.id, comment]),
    );
  },
  error: (app, { code, message, session_id }: AppState['errors'][number]) =>
    void app.errors.push({ code, message, session_id: session_id ?? null }),
};

/** A summary makes a new row; what only other frames report is forgotten with the old one. */
function replaceRow(app: AppState, session: SessionSummary): void {
  app.sessions.set(session.id, { ...session, approvalId: null, attention: attentionOf(session) });
}

function attentionOf({
  work_status,
}: Pick<SessionSummary, 'work_status'>): AppSession['attention'] {
  if (work_status === 'permission') return 'awaitingPermission';
  if (work_status === 'question') return 'awaitingQuestion';
  return work_status === 'waiting' ? 'awaitingReply' : 'none';
}

function takeSnapshot(app: AppState, state: SessionState): void {
  const { messages, pending_approval, turn_diffs, revision, ...summary } = state;
  replaceRow(app, { ...summary, has_pending_approval: pending_approval !== null });
  if (revision !== undefined) app.revisions.set(state.id, revision);
  app.conversations.set(state.id, {
    messages: new Map(messages.map((message) => [message.id, message])),
    approval: null,
    turnDiffs: new Map((turn_diffs ?? []).map(({ turn_id, diff }) => [turn_id, diff])),
    plan: state.current_plan,
    subagents: state.subagents ?? [],
    comments: app.conversations.get(state.id)?.comments ?? new Map(),
  });
  if (pending_approval) app.ask(state.id, pending_approval);
}

/** What it does not know becomes a message of the assistant, if there is any text. */
function updateMessage(
  app: AppState,
  frame: { session_id: string; message_id: string; changes: MessageChanges },
): void {
  const { session_id, message_id: id, changes } = frame;
  const { messages } = app.conversation(session_id);
  const set = Object.entries(changes).filter(([, value]) => value !== null);
  const known = messages.get(id);
  if (!known && typeof changes.content !== 'string') return;
  const base = known ?? ({ id, session_id, message_type: 'assistant' } as Message);
  messages.set(id, { ...base, ...Object.fromEntries(set) });
}

function putComment(app: AppState, frame: { session_id: string; comment: { id: string } }): void {
  app.conversation(frame.session_id).comments.set(frame.comment.id, frame.comment);
}
