/**
 * Shapes of the session chart: what it remembers, what happens to it, what it records and orders.
 * Called from the chart, its steps, the connectors (which produce events) and the ledger (which stores
 * facts). Types only. Wire nouns keep the wire's snake_case; nothing here is re-cased.
 */
import type {
  ApprovalRequest,
  Message,
  MessageChanges,
  SessionSummary,
  TokenUsage,
} from '../src/protocol/nouns.ts';
import type { ListMessage, SessionMessage, ShellOutput } from '../src/protocol/server.ts';
import type { ReviewComment } from '../src/protocol/work-nouns.ts';

/** ISO 8601 UTC with microseconds, fixed width, so that `<` compares times. Stamped at the porch. */
export type Stamp = string;

/** Bumped in the commit that renames a state or a context key: older snapshots restore from columns. */
export const MACHINE_VERSION = 2;

// ---- context ---------------------------------------------------------------------------------------

/** The session as list and row show it, plus what only the house reads. */
export interface Session extends Omit<SessionSummary, 'has_pending_approval'> {
  source?: string;
  terminal_session_id?: string;
  terminal_app?: string;
  /** Process id of the watched CLI: `/clear` gives the same process a new session. */
  agent_pid?: number;
}

/** The main thread's turn. */
export interface Turn {
  open: boolean;
  /** Turns so far; never goes back, so turn ids are never used twice. */
  count: number;
  /** `turn-<count>` while open. */
  id: string | null;
  /** The provider's id of the prompt, to know a repeated report. */
  promptId: string | null;
  startedAt: Stamp;
  /**
   * The newest prompt or idle terminal: what the main thread did before it is over, even when nobody
   * said so. Agents may go on.
   */
  clearedAt: Stamp;
  /** The newest sign of life of the main thread: an older end does not end it. */
  seenAt: Stamp;
  /** The newest moment at which all before it was over, agents too: older reports only bring content. */
  settledAt: Stamp;
}

/** A tool use, as every report about it names it. */
export interface ToolUse {
  toolUseId: string;
  /** Null on the main thread. */
  agentId: string | null;
  name: string;
  /** Digest of the input: some reports (permission requests) name the input but not the id. */
  digest: string;
}

/** A tool use that was reported begun. */
export interface BegunTool extends ToolUse {
  at: Stamp;
}

/** A tool use, or an agent, that is over: kept for reports that arrive late. */
export interface FinishedTool extends ToolUse {
  at: Stamp;
  /** False when only the end of its turn is known: its message is shown, its outcome is not. */
  isReported: boolean;
}

/** A subagent that runs. */
export interface Agent {
  id: string;
  type: string;
  /** As the wire shows it, with milliseconds. */
  startedAt: Stamp;
  /** Its newest sign of life: an older end does not end it. */
  seenAt: Stamp;
}

/** A request that waits for a human. */
export interface OpenApproval {
  request: ApprovalRequest;
  /** Null for requests that no tool made (an MCP server's question, a bare notification). */
  tool: { agentId: string | null; name: string; digest: string } | null;
  /** Known once the tool use that asks is found. */
  toolUseId: string | null;
  /** The MCP server that asks by itself. */
  server: string | null;
  /** True when only a notification told of it: the request itself takes its place. */
  isBare: boolean;
  at: Stamp;
}

export interface SessionContext {
  session: Session;
  turn: Turn;
  /** Unfinished tool uses, oldest first. */
  tools: BegunTool[];
  /** What is over, newest last, bounded. */
  finished: FinishedTool[];
  agents: Agent[];
  /** Oldest first; the wire shows the first. */
  approvals: OpenApproval[];
  /** The newest moment at which a request was closed: older notifications were about it. */
  answeredAt: Stamp;
  /** What the attached connector can do: types of orders. */
  capabilities: string[];
}

export interface SessionInput {
  session: Session;
  /** True for a session that did not exist: its row and `session_created` are recorded. */
  isNew: boolean;
  turnCount: number;
  /** A persisted snapshot to go on from instead; read by src/runtime/wiring.ts, never by the chart. */
  saved?: unknown;
}

// ---- events ----------------------------------------------------------------------------------------

/** Fields of the session that any report may bring along; taken when they differ and are not older. */
export type SeenFields = Partial<
  Pick<
    Session,
    | 'permission_mode'
    | 'current_cwd'
    | 'transcript_path'
    | 'model'
    | 'effort'
    | 'git_branch'
    | 'git_sha'
    | 'terminal_session_id'
    | 'terminal_app'
    | 'agent_pid'
    | 'approval_policy'
    | 'sandbox_mode'
    | 'summary'
  >
>;

interface Reported {
  /** When it happened, by the reporter's clock; stamped at receipt when the reporter has none. */
  at: Stamp;
  fields?: SeenFields;
  /** A message the report brings, appended whatever the state: content is never lost. */
  message?: Message;
  /** A change of an earlier message. */
  update?: { messageId: string; changes: MessageChanges };
}

/** How a request was settled: wire word and the evidence for it. */
export type Decision =
  | 'approved'
  | 'approved_for_session'
  | 'approved_always'
  | 'denied'
  | 'abort'
  | 'answered'
  | 'cancelled';

/** What the provider, a hook or the house reports about a session. */
export type SessionReport =
  | (Reported & { type: 'session.started'; source: string })
  | (Reported & { type: 'session.ended'; reason: string })
  | (Reported & {
      type: 'turn.started';
      promptId: string | null;
      /** The user's words, null when the provider started the turn itself. */
      prompt: string | null;
    })
  | (Reported & {
      type: 'turn.completed';
      /** Agents that go on in the background; null when the reporter cannot tell (then: none). */
      backgroundAgents: Array<{ id: string; type: string }> | null;
      diff?: string;
    })
  | (Reported & { type: 'turn.aborted'; reason: string })
  | (Reported & { type: 'turn.failed'; error: string })
  | (Reported & { type: 'message.added'; message: Message })
  | (Reported & { type: 'message.changed'; update: NonNullable<Reported['update']> })
  | (Reported & { type: 'tool.started'; tool: ToolUse; agentType: string | null })
  | (Reported & {
      type: 'tool.finished';
      tool: ToolUse;
      agentType: string | null;
      outcome: 'succeeded' | 'failed' | 'refused';
      /** A background agent this tool use launched. */
      launched: { id: string; type: string } | null;
    })
  | (Reported & { type: 'tools.settled'; tools: ToolUse[] })
  | (Reported & { type: 'agent.started'; agentId: string; agentType: string })
  | (Reported & { type: 'agent.finished'; agentId: string; agentType: string })
  | (Reported & {
      type: 'approval.requested';
      request: ApprovalRequest;
      tool: OpenApproval['tool'];
      toolUseId: string | null;
      server: string | null;
    })
  /** The provider says that this request is settled or withdrawn. */
  | (Reported & {
      type: 'approval.resolved';
      /** By id, or by the MCP server that had asked, or the oldest question when it names neither. */
      requestId: string | null;
      server: string | null;
      decision: Decision;
    })
  /** A notification without details: the terminal shows a dialog, or nothing at all. */
  | (Reported & {
      type: 'attention.noticed';
      kind: 'permission' | 'question' | 'idle';
      request: ApprovalRequest;
    })
  | (Reported & { type: 'compaction.started' })
  | (Reported & { type: 'compaction.finished' })
  | (Reported & { type: 'usage.updated'; usage: TokenUsage })
  | (Reported & { type: 'diff.updated'; diff: string | null })
  | (Reported & { type: 'plan.updated'; plan: string | null })
  | (Reported & { type: 'name.updated'; name: string | null })
  | (Reported & { type: 'fields.updated' })
  | (Reported & { type: 'undo.started'; text: string | null })
  | (Reported & { type: 'undo.completed'; succeeded: boolean; text: string | null })
  | (Reported & { type: 'thread.rolledBack'; turns: number })
  /** A hook that changes nothing but may bring content or fields; journalled by its name. */
  | (Reported & { type: 'hook.observed'; hook: string })
  | (Reported & { type: 'comment.created'; comment: ReviewComment })
  | (Reported & { type: 'comment.updated'; comment: ReviewComment })
  | (Reported & { type: 'comment.deleted'; commentId: string })
  /** A settled request leaves the history. */
  | (Reported & { type: 'approval.forgotten'; approvalId: number })
  /** A client's command is about to run; its message carries it. */
  | (Reported & { type: 'shell.started'; message: Message })
  | (Reported & {
      type: 'shell.finished';
      update: NonNullable<Reported['update']>;
      output: ShellOutput;
    })
  | (Reported & { type: 'server.restarted' })
  | (Reported & { type: 'link.requested' })
  | (Reported & { type: 'link.attached'; capabilities: string[] })
  | (Reported & { type: 'link.lost'; reason: string })
  | (Reported & { type: 'link.failed'; reason: string });

/** What a client wished, as the fact that it was voiced. Only possible with a connector. */
export type SessionWish =
  | (Reported & {
      type: 'message.submitted';
      message: Message;
      order: Extract<Order, { type: 'turn.run' }>;
    })
  | (Reported & {
      type: 'steer.submitted';
      message: Message;
      order: Extract<Order, { type: 'turn.steer' }>;
    })
  | (Reported & { type: 'approval.decided'; requestId: string; decision: Decision; order: Order })
  | (Reported & { type: 'question.answered'; requestId: string; order: Order })
  | (Reported & { type: 'interrupt.requested' })
  | (Reported & { type: 'compaction.requested' })
  | (Reported & { type: 'undo.requested' })
  | (Reported & { type: 'rollback.requested'; turns: number });

export type SessionEvent = SessionReport | SessionWish;

// ---- facts and orders ------------------------------------------------------------------------------

/** A request was opened: its history row. */
export interface ApprovalOpened {
  type: 'approval_opened';
  session_id: string;
  request: ApprovalRequest;
  tool_name: string;
  at: Stamp;
}

/** A request was settled, by which word and on what evidence. */
export interface ApprovalClosed {
  type: 'approval_closed';
  session_id: string;
  request_id: string;
  decision: Decision;
  evidence: string;
  at: Stamp;
}

/** A settled request leaves the history. */
export interface ApprovalForgotten {
  type: 'approval_forgotten';
  session_id: string;
  approval_id: number;
}

/** Columns that no client sees. */
export interface RowNoted {
  type: 'row_noted';
  session_id: string;
  columns: Partial<
    Pick<Session, 'source' | 'terminal_session_id' | 'terminal_app' | 'agent_pid'>
  > & {
    transcript_path?: string;
    ended_at?: string | null;
    end_reason?: string | null;
    last_tool?: string;
    /** Counters to add one to. */
    count?: 'prompt_count' | 'tool_count' | 'compact_count';
  };
}

/** Private notes: stored, never sent, without a revision. */
export type Note = ApprovalOpened | ApprovalClosed | ApprovalForgotten | RowNoted;

/** What the chart records: the message subscribers will see, or a private note. */
export type Fact = SessionMessage | ListMessage | Note;

/** What the chart tells a connector to do; the tense tells the direction. */
export type Order =
  | {
      type: 'turn.run';
      content: string;
      model?: string;
      effort?: string;
      skills: unknown[];
      images: unknown[];
      mentions: unknown[];
    }
  | { type: 'turn.steer'; content: string; messageId: string }
  | { type: 'turn.stop' }
  | { type: 'turn.undo' }
  | { type: 'turns.rollBack'; turns: number }
  | { type: 'context.compact' }
  | {
      type: 'approval.answer';
      requestId: string;
      decision: Decision;
      text?: string;
      interrupt?: boolean;
      updatedInput?: unknown;
    }
  | { type: 'question.answer'; requestId: string; answers: Record<string, string> };
