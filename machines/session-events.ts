/**
 * What happens to a session: reports of providers, hooks and the server, and the commands of clients. Every
 * event names something that happened. Types only.
 */
import type {
  ApprovalRequest,
  Message,
  MessageChanges,
  ReviewComment,
  TokenUsage,
} from '../src/protocol/nouns.ts';
import type { ShellOutput } from '../src/protocol/server.ts';
import type { ConnectorCommand, TailNoted } from './session-facts.ts';
import type {
  Decision,
  OpenApproval,
  SeenProcess,
  Session,
  SettledTool,
  Stamp,
  ToolUse,
  Witness,
} from './session-types.ts';

/** Fields of the session that any report may bring along; taken when they differ and are not older. */
export type SeenFields = Partial<
  Pick<
    Session,
    | 'permission_mode'
    | 'current_cwd'
    | 'transcript_path'
    | 'model'
    | 'effort'
    | 'engine'
    | 'resume_command'
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
  /** When it happened, on the server's clock that never goes back. */
  at: Stamp;
  /** The CLI process that reports; absent where it is not known. */
  process?: number;
  /** The provider's id of the prompt that the report belongs to. */
  promptId?: string | null;
  /** Who says so, for reports of other sources than hooks and connectors. */
  witness?: Witness;
  /** The processes that run the session, where the chart does not know them yet: stored with what they brought. */
  processes?: SeenProcess[];
  fields?: SeenFields;
  /** A message the report brings, appended whatever the state: content is never lost. */
  message?: Message;
  /** A change of an earlier message. */
  update?: { messageId: string; changes: MessageChanges };
  /** The provider's id of the turn that the message belongs to: what is taken back goes by it. */
  turnId?: string;
}

/** What a witness says of the whole session. */
interface WitnessReport extends Reported {
  witness: Witness;
  /** Since when it is so, where the report is of a check that found it unchanged; else it is so since `at`. */
  since?: Stamp;
}

/** One call of a model that is over, as the provider's own tool counts it. */
export interface ModelCall {
  model: string | null;
  /** The provider's id of the answer. */
  request: string | null;
  /** The subagent that called; null for the main thread. */
  agent: string | null;
  durationMs: number;
  tokens: { input: number; output: number; cacheRead: number; cacheWrite: number };
}

/** What the provider, a hook or the server reports about a session. */
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
      /** Agents that go on in the background; null when the reporter does not know (then: none). */
      backgroundAgents: Array<{ id: string; type: string }> | null;
      diff?: string;
      /**
       * `asked`: the hook waits for words of clients. `able`: it would have asked, had it known of any. `none`: hooks
       * of this session never ask. Absent: not known.
       */
      words?: 'asked' | 'able' | 'none';
      /** The hook that asks for words. */
      hookKey?: string;
      /** A hook had made the agent go on after an end before this one. */
      isContinued?: true;
    })
  | (Reported & { type: 'turn.aborted'; reason: string; diff?: string })
  | (Reported & { type: 'turn.failed'; error: string; diff?: string })
  /** `isOpen`: its text goes on, outside the chart, until a `message.changed` brings the whole. */
  | (Reported & { type: 'message.added'; message: Message; isOpen?: boolean })
  | (Reported & { type: 'message.changed'; update: NonNullable<Reported['update']> })
  /** The provider has a client's message: it is in this turn. */
  | (Reported & { type: 'message.confirmed'; messageId: string; turnId: string })
  | (Reported & { type: 'tool.started'; tool: ToolUse; agentType: string | null })
  | (Reported & {
      type: 'tool.finished';
      tool: ToolUse;
      agentType: string | null;
      /** `interrupted`: its user stopped it, and with it the turn of its thread. */
      outcome: 'succeeded' | 'failed' | 'refused' | 'interrupted';
      /** A background agent this tool use launched. */
      launched: { id: string; type: string } | null;
    })
  | (Reported & { type: 'tools.settled'; tools: SettledTool[] })
  | (Reported & { type: 'agent.started'; agentId: string; agentType: string })
  | (Reported & { type: 'agent.finished'; agentId: string; agentType: string })
  | (Reported & {
      type: 'approval.requested';
      request: ApprovalRequest;
      tool: OpenApproval['tool'];
      toolUseId: string | null;
      server: string | null;
      /** The hook that reports it waits for an answer. */
      isAwaited?: true;
    })
  /** The hook that waited for the answer to a request is gone. */
  | (Reported & { type: 'waiter.left'; requestId: string })
  /** Words of a client did not reach the hook that asked for them. */
  | (Reported & { type: 'words.lost'; hookKey: string })
  /** Words of clients that wait since before that moment wait no more. */
  | (Reported & { type: 'words.expired'; before: Stamp })
  /** A source saw words that a hook brought in front of the agent. */
  | (Reported & { type: 'words.seen'; witness: Witness; text: string })
  /** The provider says that this request is settled or withdrawn. */
  | (Reported & {
      type: 'approval.resolved';
      /** By id, or by the MCP server that had asked, or the oldest question when it names neither. */
      requestId: string | null;
      server: string | null;
      decision: Decision;
    })
  /**
   * The provider listed all that it has after the connection to it was made again: the requests that wait. Others
   * that are open here are settled elsewhere, and words on their way did not arrive, but for those that this
   * connector is sending.
   */
  | (Reported & { type: 'thread.listed'; requestIds: string[]; messageIds: string[] })
  /** A notification without details: the terminal shows a dialog, or nothing at all. */
  | (Reported & {
      type: 'attention.noticed';
      kind: 'permission' | 'question' | 'idle';
      request: ApprovalRequest;
    })
  /** Its `message`, where there is one, is the same in both. */
  | (Reported & { type: 'compaction.started' })
  | (Reported & { type: 'compaction.finished' })
  | (Reported & { type: 'usage.updated'; usage: TokenUsage })
  /** An answer of the model has cost so many US dollars, as the provider's own tool says. */
  | (Reported & { type: 'cost.added'; witness: Witness; usd: number; call?: ModelCall })
  | (Reported & { type: 'diff.updated'; diff: string | null })
  | (Reported & { type: 'plan.updated'; plan: string | null })
  | (Reported & { type: 'name.updated'; name: string | null })
  | (Reported & { type: 'fields.updated' })
  | (Reported & { type: 'undo.started'; text: string | null })
  | (Reported & { type: 'undo.completed'; succeeded: boolean; text: string | null })
  | (Reported & {
      type: 'thread.rolledBack';
      turns: number;
      /** The provider's ids of all turns that are gone. */
      turnIds: string[];
      /** The newest words that are left; null when there are none. */
      lastMessage: string | null;
    })
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
  /** A session that was only watched can be steered from now on: its thread is open where we can write to it. */
  | (Reported & { type: 'link.offered'; threadId: string })
  | (Reported & { type: 'link.requested' })
  | (Reported & { type: 'link.attached'; capabilities: string[]; threadId: string })
  /** `goesOn`: only our way to it is gone; the thread goes on where it runs, until another `link.lost` says not. */
  | (Reported & { type: 'link.lost'; reason: string; goesOn?: true })
  /** `goesOn`: another process has the thread. */
  | (Reported & { type: 'link.failed'; reason: string; goesOn?: true })
  /** It was not used for long: the connector may go, the next words fetch another. */
  | (Reported & { type: 'link.rested' })
  /** The CLI's live registry says that the session works. */
  | (WitnessReport & { type: 'witness.busy' })
  /** The registry says that the session waits for its user's words: whatever ran is over. */
  | (WitnessReport & { type: 'witness.idle' })
  /** The registry says that the terminal shows a dialog. */
  | (WitnessReport & {
      type: 'witness.waiting';
      kind: 'permission' | 'question';
      request: ApprovalRequest;
    })
  /** No process of the session is alive any more. */
  | (Reported & {
      type: 'process.gone';
      witness: Witness;
      reason: string;
      /** The same for people, where the source knows more. */
      words?: string;
    })
  /** The CLI process of the session reports under another session's id now. */
  | (Reported & { type: 'process.left'; witness: Witness; reason: string })
  /** The processes that run the session now; that none is left is reported by `process.gone`. */
  | (Reported & { type: 'process.seen'; witness: Witness; processes: SeenProcess[] })
  /** Every process of the session is stopped by a signal (Ctrl-Z), or one runs again. */
  | (Reported & { type: 'process.suspended'; witness: Witness; suspended: boolean })
  /** A source saw which way a request was decided, and by whom. */
  | (Reported & {
      type: 'decision.seen';
      witness: Witness;
      toolUseId: string;
      decision: Decision;
      by: string;
    })
  /**
   * A piece of the transcript, in its order: whole messages, also such as are known, and the newest figures and
   * title. It says what was said and nothing of what the session does.
   */
  | (Reported & {
      type: 'transcript.read';
      witness: Witness;
      messages: Message[];
      /** The message that the first of them is behind in the transcript; null at its start. */
      behind: string | null;
      /** Ids of earlier messages that a person took back, and with how many prompts. */
      dropped?: { messages: string[]; prompts: number };
      usage?: TokenUsage;
      title?: string;
      model?: string;
      /** The message about a compaction that is over. */
      compacted?: string;
      /** How far the file was read: stored together with what it brought. Absent while more of the same piece follows. */
      tail?: Omit<TailNoted, 'type' | 'session_id'>;
    })
  /** A source saw that a person cut off the main thread, a tool of it or its words. */
  | (Reported & { type: 'interruption.seen'; witness: Witness })
  /** A client chose another name, or other settings (`fields`): the provider gets it if it is there. */
  | (Reported & { type: 'name.chosen'; name: string | null })
  | (Reported & { type: 'settings.chosen' });

/** What a client asks for. `refusalOf` (refusals.ts) says why it is not possible now. */
export type SessionCommand =
  | (Reported & { type: 'end.requested'; reason: string })
  | (Reported & {
      type: 'message.submitted';
      message: Message;
      order: Extract<ConnectorCommand, { type: 'turn.run' }>;
    })
  | (Reported & {
      type: 'steer.submitted';
      message: Message;
      order: Extract<ConnectorCommand, { type: 'turn.steer' }>;
    })
  /** Words for a session that is only watched: they wait for the end of a turn. */
  | (Reported & { type: 'words.submitted'; message: Message })
  /** Words that wait are taken back. */
  | (Reported & { type: 'words.withdrawn'; messageId: string })
  | (Reported & {
      type: 'approval.decided';
      requestId: string;
      decision: Decision;
      order: ConnectorCommand;
    })
  | (Reported & { type: 'question.answered'; requestId: string; order: ConnectorCommand })
  | (Reported & { type: 'interrupt.requested' })
  | (Reported & { type: 'compaction.requested' })
  | (Reported & { type: 'undo.requested' })
  | (Reported & { type: 'rollback.requested'; turns: number });

/** What the chart raises itself when a report changed one of its queues. Never journalled. */
export type SessionSignal =
  | { type: 'agents.began' }
  | { type: 'agents.ended' }
  | { type: 'permission.pending' }
  | { type: 'question.pending' }
  | { type: 'requests.cleared' }
  /** The connector is gone, and the running turn with it. */
  | (Reported & { type: 'link.cut'; reason: string; cause: SessionReport['type'] });

/** Everything that can happen to a session. */
export type SessionEvent = SessionReport | SessionCommand;
