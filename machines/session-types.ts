/**
 * Shapes of the session chart: what it remembers. What happens to it is in session-events.ts, what it
 * leaves and commands in session-facts.ts. Types only. Wire nouns keep the wire's snake_case. What the
 * active states say (ended, working, permission, question, the link) is not repeated in the context.
 */
import type {
  ApprovalRequest,
  IntegrationMode,
  Message,
  MessageChanges,
  SessionSummary,
  WorkStatus,
} from '../src/protocol/nouns.ts';

/** ISO 8601 UTC with microseconds, fixed width, so that `<` compares times. It never goes back. */
export type Stamp = string;

/** Bumped in the commit that renames a state or a context key: older snapshots restore from columns. */
export const MACHINE_VERSION = 5;

// ---- context ---------------------------------------------------------------------------------------

/** The session as list and row show it without what the chart's states say, plus private columns. */
export interface Session
  extends Omit<
    SessionSummary,
    | 'has_pending_approval'
    | 'status'
    | 'work_status'
    | 'link_state'
    | 'codex_integration_mode'
    | 'claude_integration_mode'
  > {
  /** Whether we steer it or only watch it; the wire has a field for each provider (`session-status.ts`). */
  integration_mode?: IntegrationMode;
  source?: string;
  terminal_session_id?: string;
  terminal_app?: string;
  /** Process id of the watched CLI: `/clear` gives the same process a new session. */
  agent_pid?: number;
  /** What its provider calls the conversation; a session that is steered is never without. */
  thread_id?: string;
}

/** The main thread's turn. */
export interface Turn {
  /** Turns so far; never goes back, so turn ids are never used twice. */
  count: number;
  /** `turn-<count>` while open. */
  id: string | null;
  /** The provider's id of the prompt, to know a repeated report. */
  promptId: string | null;
  startedAt: Stamp;
  /**
   * The newest prompt or idle terminal: what the main thread did before it is over, even when no source
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
  /** Its message: what takes the connector away, or begins the next turn, gives the message its end. */
  messageId?: string;
}

/** A tool use, or an agent, that is over: kept for reports that arrive late. */
export interface FinishedTool extends ToolUse {
  at: Stamp;
  /** False until its own report came: its message is shown, its outcome may still come. */
  isReported: boolean;
  /** True when the batch that it belonged to said how it ended; its own report still wins over that. */
  isSettled?: boolean;
  /** Its message, while its outcome is not shown: a command may outlive its turn. */
  messageId?: string;
}

/** A tool use as the report about its batch names it. */
export interface SettledTool extends ToolUse {
  /** What the model was given as its result; absent when the report does not say. */
  result?: {
    /** `refused`: it did not run. `unknown`: the words do not say whether it ran. */
    outcome: 'refused' | 'unknown';
    /** A rule refused it, not a person. */
    isByRule?: true;
    message: Message;
    update: { messageId: string; changes: MessageChanges };
  };
}

/** A subagent that runs. */
export interface Agent {
  id: string;
  type: string;
  /** As the wire shows it, with milliseconds. */
  startedAt: Stamp;
  /** Its newest sign of life: an older end does not end it. */
  seenAt: Stamp;
  /** The call that began it has returned, and it works on. */
  isBackground?: true;
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
  /** True when only a notification reported it: the request itself takes its place. */
  isBare: boolean;
  at: Stamp;
  /** What a client decided, while no report shows that it took effect. */
  sent?: { decision: Decision; at: Stamp };
}

/** Words of a client for a session that is only watched, until it is known that its agent has them. */
export interface QueuedWords {
  messageId: string;
  content: string;
  at: Stamp;
  /** Key of the hook that was given them; absent while they wait. */
  givenTo?: string;
}

/** How a request was settled: wire word and the evidence for it. */
export type Decision =
  | 'approved'
  | 'approved_for_session'
  | 'approved_always'
  | 'denied'
  | 'abort'
  /** A client allowed it, and a rule of the CLI said no all the same. */
  | 'refused_by_rule'
  | 'answered'
  | 'cancelled'
  /** It could not be answered in time. */
  | 'expired'
  /** It is over, and no source says how. */
  | 'unknown';

/** A request that is settled: for those who decide a moment too late. */
export interface Settled {
  requestId: string;
  decision: Decision;
  /** Who or what settled it. */
  evidence: string;
  /** The tool use that had asked, where it is known: its own report is better evidence. */
  toolUseId?: string | null;
  type?: ApprovalRequest['type'];
  /** The MCP server that had asked; absent where none had. */
  server?: string;
  /** The decision is the one that was sent; that it took effect is only likely. */
  isGuess?: true;
}

/** A source of evidence about a session; how they compare is in evidence.ts. */
export type Witness = 'process' | 'connector' | 'hook' | 'registry' | 'transcript' | 'telemetry';

/** A process of this machine that runs a session. */
export interface SeenProcess {
  pid: number;
  /** Start time in clock ticks since the boot: a pid alone may be another process later. Null: not known. */
  start: string | null;
}

/** What the chart of a session remembers. */
export interface SessionContext {
  session: Session;
  turn: Turn;
  /** The newest stamp of any report about a part of the session. */
  newestAt: Stamp;
  /** The CLI process of the newest prompt or start; null when no report named one. */
  leader: number | null;
  /** The processes that run the session; absent while nothing has reported any. */
  processes?: SeenProcess[];
  /** The prompt that the report of the session's end named; null when it named none. */
  endedPromptId: string | null;
  /** Unfinished tool uses, oldest first. */
  tools: BegunTool[];
  /** What is over, newest last, bounded. */
  finished: FinishedTool[];
  agents: Agent[];
  /** Oldest first; the wire shows the first. */
  approvals: OpenApproval[];
  /** The newest moment at which a request was closed: older notifications were about it. */
  answeredAt: Stamp;
  /** The newest that are settled, bounded. */
  settled: Settled[];
  /** True once a report about a batch of tools came: this CLI sends them. */
  hasBatches?: boolean;
  /** What the attached connector can do: types of commands. */
  capabilities: string[];
  /** Messages of clients that the provider has not confirmed yet, by id. */
  outbox: string[];
  /** Messages whose text is still being streamed, by id; the text itself is not here. */
  streams: string[];
  /** The message that `last_message` quotes: its text may still change. Null when no message is known. */
  lastMessageId: string | null;
  /** True once the live registry said what the session does: from then on its reports are about the whole session. */
  hasRegistry?: boolean;
  /** When the message that `last_message` quotes was said; absent while none is known. */
  lastMessageAt?: string;
  /** The message about the newest compaction of the context, as far as it has one. */
  compaction?: { messageId: string; isOver: boolean };
  /** Words of clients that wait for the end of a turn, oldest first; absent while there were none. */
  words?: QueuedWords[];
  /** Whether the hook that reports the end of a turn asks for words; absent while none has come. */
  takesWords?: boolean;
  /** The end of the turn that words were given to: it is open only because of them. Null: none. */
  heldAt?: Stamp | null;
}

/** What an actor starts from. */
export interface SessionInput {
  session: Session;
  /** True for a session that did not exist: its row and `session_created` are facts of its first event. */
  isNew: boolean;
  turnCount: number;
  /** What the row of a stored session shows: believed where its snapshot cannot be used. */
  workStatus?: WorkStatus;
  /** Requests that wait, for a stored session whose snapshot cannot be used; the oldest first. */
  requests?: ApprovalRequest[];
  /** A persisted snapshot to go on from instead; read by src/runtime/sessions/live-session.ts, never by the chart. */
  saved?: unknown;
}
