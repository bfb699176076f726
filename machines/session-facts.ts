/**
 * What the chart leaves behind: facts, which the ledger stores and publishes, and commands, which a
 * connector gets once they are stored.
 */
import type {
  ApprovalRequest,
  EngineKind,
  ImageInput,
  StateChanges,
} from '../src/protocol/nouns.ts';
import type { ListMessage, SessionMessage } from '../src/protocol/server.ts';
import type { Decision, Session, Stamp } from './session-types.ts';

/** A request was opened: its history row. */
export interface ApprovalOpened {
  type: 'approval_opened';
  session_id: string;
  request: ApprovalRequest;
  tool_name: string;
  at: Stamp;
}

/** A client's decision is on its way to the hook that waits: who decided is beside the event. */
export interface ApprovalSent {
  type: 'approval_sent';
  session_id: string;
  request_id: string;
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
    Pick<Session, 'source' | 'terminal_session_id' | 'terminal_app' | 'agent_pid' | 'thread_id'>
  > & {
    transcript_path?: string;
    /** Turns that a copied history brings along. */
    turn_count?: number;
    ended_at?: string | null;
    end_reason?: string | null;
    /** JSON of the processes that run the session. */
    agent_processes?: string | null;
    last_tool?: string;
    /** Counters to add one to. */
    count?: 'prompt_count' | 'tool_count' | 'compact_count';
  };
}

/** Which turn of the provider a message, or the diff of one of our turns, belongs to. */
export interface TurnNoted {
  type: 'turn_noted';
  session_id: string;
  provider_turn_id: string;
  message_id?: string;
  turn_id?: string;
}

/** Turns of the provider were taken back: what belongs to them is gone. */
export interface TurnsDropped {
  type: 'turns_dropped';
  session_id: string;
  provider_turn_ids: string[];
}

/** How far a file was read from which a session is shown; read on from there after a restart. */
export interface TailNoted {
  type: 'tail_noted';
  session_id: string;
  /** Which of the session's files: empty for the transcript itself. */
  source: string;
  path: string;
  /** Device and inode. */
  file: string;
  /** Bytes that were read. */
  offset: number;
  /** Digest of the last bytes before the offset. */
  mark: string;
}

/** Messages were taken back by a person who went back in the conversation. */
export interface MessagesDropped {
  type: 'messages_dropped';
  session_id: string;
  message_ids: string[];
}

/**
 * A change of a message that every better report wins over, whichever comes first: it is stored and sent, without this
 * mark, only where the message has no output yet.
 */
export type WeakUpdate = Extract<SessionMessage, { type: 'message_updated' }> & { isWeak: true };

/** The output of a tool use that is over and of whose end nothing was reported: denied, cut off, or never begun. */
export const NO_RESULT = 'No result was reported';

/** Private notes: stored, never sent, without a revision. */
export type Note =
  | MessagesDropped
  | TailNoted
  | ApprovalOpened
  | ApprovalSent
  | ApprovalClosed
  | ApprovalForgotten
  | RowNoted
  | TurnNoted
  | TurnsDropped;

/** What the chart records: the message subscribers will see, or a private note. */
export type Fact = SessionMessage | ListMessage | Note;

/** Where a thread runs and under which rules; what is null is the provider's own default. */
export interface ThreadSettings {
  cwd: string;
  model: string | null;
  effort: string | null;
  approvalPolicy: string | null;
  sandboxMode: string | null;
  /** Which engine runs it; absent: as the server is set up. */
  engine?: EngineKind | 'auto';
}

/** A name and where it is: a skill, a file that a message mentions. */
export interface Place {
  name: string;
  path: string;
}

/** What the chart commands a connector to do; the tense shows the direction. */
export type ConnectorCommand =
  | {
      type: 'thread.attach';
      /** Null for a session that never had a thread. */
      threadId: string | null;
      settings: ThreadSettings;
      /** True when nothing was ever said: a thread that the provider does not find may begin anew. */
      isBlank: boolean;
    }
  | { type: 'thread.release' }
  | { type: 'thread.rename'; name: string }
  | { type: 'settings.update'; settings: ThreadSettings }
  | {
      type: 'turn.run';
      messageId: string;
      content: string;
      model?: string;
      effort?: string;
      skills: Place[];
      images: ImageInput[];
      mentions: Place[];
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
      /** Words for the model; only where the answer itself can carry them. */
      message?: string;
      /** What the tool shall get instead of what it asked with. */
      updatedInput?: unknown;
      /** Which of the request's suggestions become rules, by their place; absent: those that fit the decision. */
      suggestions?: number[];
    }
  /** What the hook of a turn's end brings to its agent. */
  | { type: 'words.give'; hookKey: string; text: string }
  | {
      type: 'question.answer';
      requestId: string;
      /** By the question's id or its text; empty when all of them got `text`. */
      answers: Record<string, string>;
      text: string;
    };

/** What one action of the chart leaves; step.ts makes the facts of an event of all of them. */
export interface Pieces {
  /** Messages and their changes, in their order. */
  content: SessionMessage[];
  notes: Note[];
  columns: RowNoted['columns'];
  /** Fields of the session that differ now, without those that states say. */
  changes: StateChanges;
  /** Facts that are behind the delta. */
  after: SessionMessage[];
  /** List subscribers need the whole summary again. */
  relist: boolean;
  /** The session is new: its summary comes first. */
  isNew: boolean;
  /** What states say is written again, because the row may say otherwise. */
  restate: boolean;
}

/** Who sees a fact, and whether it takes a number of the session's revision. */
export interface FactKind {
  /** Subscribers of the session, subscribers of the list, or none: such a fact is only stored. */
  audience: 'session' | 'list' | 'none';
  takesRevision: boolean;
}

const SEEN: FactKind = { audience: 'session', takesRevision: true };
const STORED: FactKind = { audience: 'none', takesRevision: false };

/** What each fact is; a fact without a row here does not compile. How it is stored is in src/store/fact-rows.ts. */
export const FACTS: Readonly<Record<Fact['type'], FactKind>> = {
  session_created: { audience: 'list', takesRevision: false },
  session_delta: SEEN,
  session_ended: SEEN,
  message_appended: SEEN,
  message_updated: SEEN,
  approval_requested: SEEN,
  tokens_updated: SEEN,
  turn_diff_snapshot: SEEN,
  context_compacted: SEEN,
  undo_started: SEEN,
  undo_completed: SEEN,
  thread_rolled_back: SEEN,
  review_comment_created: SEEN,
  review_comment_updated: SEEN,
  review_comment_deleted: SEEN,
  shell_started: SEEN,
  shell_output: SEEN,
  approval_opened: STORED,
  approval_sent: STORED,
  approval_closed: STORED,
  approval_forgotten: STORED,
  row_noted: STORED,
  turn_noted: STORED,
  turns_dropped: STORED,
  tail_noted: STORED,
  messages_dropped: STORED,
};
