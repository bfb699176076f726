/**
 * What travels between the main thread and the writer thread: items to commit, reads to answer, and
 * what became of them. Types only, structured-clone safe; what is long is text, because texts are copied
 * and objects are walked. The ledger sends, the writer thread answers.
 */
import type { RetentionLimits } from '../config.ts';
import type {
  Message,
  ReviewComment,
  SessionStatus,
  SessionSummary,
  TurnDiff,
} from '../protocol/nouns.ts';
import type {
  ApprovalHistoryItem,
  RecentProject,
  SearchHit,
  UsageBy,
  UsageRow,
  UsageSum,
} from '../protocol/reply-nouns.ts';
import type { Damage } from './damage.ts';
import type { NotifyChange, NotifyRead } from './notifications.ts';
import type { InspectedSession, JournalRange } from './queries/journal.ts';
import type { SearchFilter, SearchWord } from './search-index.ts';
import type { Fit } from './text.ts';
import type { TokenChange, TokensRead } from './tokens.ts';

/** One machine event with everything it caused: one transaction, all or nothing. */
export interface EventItem {
  kind: 'event';
  sessionId: string;
  /**
   * Events of one session that were computed one on the other share a number and travel in one batch: when
   * one is refused, those behind it are skipped.
   */
  chain: number;
  /** Idempotency key, or null when the sender gave none. */
  key: string | null;
  /** ISO 8601 UTC, microseconds. */
  at: string;
  origin: string;
  /** JSON of who sent it; null for what no connection asked for. */
  caller: string | null;
  /** Journal form of the event: JSON, message bodies replaced by their ids. */
  event: string;
  accepted: boolean;
  /** JSON of the chart's state value after the event. */
  value: string;
  /** JSON of the event's facts, an array. */
  facts: string;
  /** JSON of the persisted machine snapshot after the event; null when the one before folds to it. */
  snapshot: string | null;
  machineVersion: number;
  /** JSON of the snapshot before a new actor's first event: the journal's first base. */
  base: string | null;
}

/** A Claude session that started but has not done anything yet: a row that never expires by a clock. */
export interface PendingItem {
  kind: 'pending';
  sessionId: string;
  key: string | null;
  at: string;
  /** JSON of the session start, or null to forget it. */
  start: string | null;
}

/** What came of a message so far, so that a crash loses a moment of it at most. */
export interface CheckpointItem {
  kind: 'checkpoint';
  sessionId: string;
  key: null;
  at: string;
  messageId: string;
  /** Which of its texts; `content` unless said. */
  field?: 'tool_output';
  content: string;
}

/** A change of who may come in. Of no session; a claim that comes too late is a `duplicate`. */
export interface AccessItem {
  kind: 'access';
  sessionId: '';
  key: null;
  /** ISO 8601 UTC, milliseconds. */
  at: string;
  change: TokenChange;
}

/** A change of who is notified, or of which needs were sent. Of no session; what changes nothing is a `duplicate`. */
export interface NotifyItem {
  kind: 'notify';
  sessionId: '';
  key: null;
  /** ISO 8601 UTC, milliseconds. */
  at: string;
  change: NotifyChange;
}

/** What can be committed. */
export type Item = EventItem | PendingItem | CheckpointItem | AccessItem | NotifyItem;

/** A fact about a message that was known already, or that has another place than its source knows. */
export interface KnownFact {
  /** Its place among the facts of the item. */
  at: number;
  /** JSON of the change that it came to; null when it brought nothing new. Then it takes no revision. */
  fact: string | null;
}

/** What became of an item. */
export type ItemResult =
  /** Stored; `revision` is the session's after the item's last frame. */
  | { outcome: 'committed'; seq: number; revision: number; known?: KnownFact[] }
  /** Its key was stored before: nothing was done. */
  | { outcome: 'duplicate' }
  /** It can never be stored: set aside alone with its error. */
  | { outcome: 'quarantined'; error: string }
  /** An earlier item of its chain was refused: it has to be computed again. */
  | { outcome: 'skipped' };

/** A session as the registry needs it to open an actor. */
export interface StoredActor {
  summary: SessionSummary;
  snapshot: string | null;
  /** The events the machine took after that snapshot, as they were journalled: folded into it they give its state. */
  tail: string[];
  machineVersion: number | null;
  turnCount: number;
  revision: number;
  /** What Codex calls its conversation; null for others. */
  threadId: string | null;
  /** JSON of the requests that wait, the oldest first: for a session whose snapshot cannot be used. */
  requests: string[];
}

/** Reads that ride the writer's queue: they see every commit before them and none after. */
export type Read =
  /** Row and snapshot of a session, and its pending start. */
  | { kind: 'actor'; sessionId: string }
  /** The finished `sessions_list` frame, live ones first, cut at 900 KiB. */
  | { kind: 'list' }
  /** Sessions in the list's order, after the place that `after` (the `next` of a page) names. */
  | { kind: 'sessions'; after: string | null; status: SessionStatus | null; limit: number }
  /** Frames that bring a subscriber from `since` to now, or a snapshot; null when unknown. */
  | {
      kind: 'catch-up';
      sessionId: string;
      since: number | null;
      epoch: string | null;
      /** Most messages of a snapshot; as many as fit a frame unless said. */
      messages?: number | null;
    }
  /** Messages before, after or around one, or the newest: as many as the limit and a frame allow. */
  | {
      kind: 'messages';
      sessionId: string;
      place: { at: 'newest' } | { at: 'before' | 'after' | 'around'; messageId: string };
      limit: number;
    }
  /** Diffs of the turns before one (null: the newest), the oldest first. */
  | { kind: 'turn-diffs'; sessionId: string; before: string | null; limit: number }
  /** A part of a stored text, from `offset` (UTF-16 units) on. */
  | {
      kind: 'text';
      sessionId: string;
      of:
        | { messageId: string; field: 'content' | 'tool_input' | 'tool_output' }
        | { turnId: string };
      offset: number;
    }
  /** Which of these keys are stored. */
  | { kind: 'known-keys'; keys: string[] }
  /** The stretch of a journal around event `seq` (null: the newest) without the rows up to `after`. */
  | { kind: 'stretch'; sessionId: string; seq: number | null; after: number }
  /** One line for each session, live ones first, or for one session only. */
  | { kind: 'inspected'; sessionId: string | null; limit: number }
  | { kind: 'comment'; id: string }
  /** A session's comments, of one turn if it is named. */
  | { kind: 'comments'; sessionId: string; turnId: string | null }
  /** The newest requests of a session, or of all. */
  | { kind: 'approvals'; sessionId: string | null; limit: number }
  | { kind: 'approval'; id: number }
  | { kind: 'projects' }
  /** A subagent of a session, and the transcript its own lies beside. */
  | { kind: 'subagent'; sessionId: string; id: string }
  /** The session that steers a thread of a provider. */
  | { kind: 'session-of-thread'; threadId: string }
  /** The provider's ids of the turns whose messages a session shows. */
  | { kind: 'turns'; sessionId: string }
  /** How far the files of a session were read. */
  | { kind: 'tails'; sessionId: string }
  /** Messages with all of these words, the newest first, behind the place `before` of an earlier answer. */
  | {
      kind: 'search';
      words: SearchWord[];
      filter: SearchFilter;
      before: number | null;
      limit: number;
    }
  /** What was read, written and paid for, in quarters of an hour from `from` to `to` (excluded). */
  | { kind: 'usage'; by: UsageBy; from: number; to: number; offsetMinutes: number }
  /** Tokens and pairing codes that are good; `seen`: the version that is known. */
  | { kind: 'tokens'; seen: number | null }
  /** Channels, needs that were sent, quiet hours; `seen`: the version that is known. */
  | { kind: 'notify'; seen: number | null }
  /** How much there is, for who watches the server. */
  | { kind: 'totals' };

/** What each read is answered with. */
export interface ReadResults {
  actor: { stored: StoredActor | null; pendingStart: string | null };
  /** `damage`: some sessions cannot be read, in SQLite's words. */
  list: { text: string; total: number; shown: number; damage?: string };
  /** Null when `after` is no place of the list. */
  sessions: { sessions: SessionSummary[]; total: number; next: string | null } | null;
  'catch-up': {
    /** Finished JSON frames in order: replayed rows (each with its revision) or one snapshot. */
    frames: string[];
    /** Revision the subscriber has after them. */
    revision: number;
    /** The oldest open approval as an `approval_requested` frame, to send again behind a list. */
    openApproval: string | null;
  } | null;
  messages: Missing | MessagesPage;
  'turn-diffs': Missing | { turn_diffs: TurnDiff[]; has_older: boolean };
  text: Missing | TextPart;
  'known-keys': string[];
  stretch: JournalRange;
  inspected: { sessions: InspectedSession[]; total: number };
  comment: ReviewComment | null;
  comments: Fit<ReviewComment> | null;
  approvals: ApprovalHistoryItem[];
  approval: { sessionId: string; isOpen: boolean } | null;
  projects: Fit<RecentProject>;
  subagent: { provider: string; transcriptPath: string | null } | null;
  'session-of-thread': { sessionId: string } | null;
  turns: string[];
  tails: StoredTail[];
  search: {
    hits: SearchHit[];
    /** Where to go on; null when all was seen. */
    next: number | null;
    /** The time of one read was over before the limit was reached: there may be more behind `next`. */
    isCut: boolean;
    /** The index does not have everything yet: ask again. */
    isBehind: boolean;
  };
  usage: { total: UsageSum; rows: UsageRow[] };
  tokens: TokensRead;
  notify: NotifyRead;
  totals: Totals;
}

/** How much the database holds. */
export interface Totals {
  sessions: Array<{ provider: string; work_status: string; count: number }>;
  /** Of all sessions together. */
  tokens: Array<{ provider: string; model: string; input: number; output: number; cached: number }>;
  bytes: number;
}

/** What a read named and is not there. */
interface Missing {
  missing: 'Session' | 'Message' | 'Turn';
}

/** Messages in their order, the oldest first. */
export interface MessagesPage {
  messages: Message[];
  has_older: boolean;
  has_newer: boolean;
  /** All messages of the session. */
  message_count: number;
}

/** A part of a text, and how long the whole is, both in UTF-16 units. */
export interface TextPart {
  text: string;
  length: number;
}

/** What the writer found when it opened the database. */
export interface Opened {
  epoch: string;
  /** Sessions that waited for an answer or had a connector: the restart changes them, so they are live from the start. */
  interrupted: StoredActor[];
  /** The newest sessions at work: live soon behind the start. */
  working: string[];
  sessions: number;
  /** True when the last process did not stop cleanly. */
  wasDirty: boolean;
  /** Sessions whose rows another program wrote since then. */
  foreign: readonly string[];
  /** Damage that an earlier process found and that is still there: the database is only read. */
  damage: Damage | null;
  retention: RetentionLimits;
  /** Commands that ran when the last process ended, by their message, with what is kept of their output. */
  commands: Array<{ sessionId: string; messageId: string; output: string | null }>;
  /** Which session each watched CLI process reported last, oldest first: `/clear` goes on from there. */
  processes: Array<{ pid: number; sessionId: string }>;
  /** Processes that bore a session which had not ended, with their start times. */
  bearers: Bearer[];
  /** Files from which sessions are shown, the newest sessions first. */
  tails: (StoredTail & { provider: string })[];
  /** Watched sessions of the last day of whose transcript nothing was stored, the newest first. */
  unread: Unread[];
}

/** A session whose transcript a hook has named, and that was not read before the server stopped. */
interface Unread {
  sessionId: string;
  provider: string;
  path: string;
  cwd: string | null;
  /** 1 where something of it is shown already. */
  hasHistory: number;
}

/** How far a file of a session was read. */
export interface StoredTail {
  sessionId: string;
  source: string;
  path: string;
  file: string;
  offset: number;
  mark: string;
}

/** A process that bore a session when the server last knew it. */
interface Bearer {
  sessionId: string;
  /** The provider's id of its conversation, where another one than the session's is known. */
  threadId: string | null;
  provider: string;
  pid: number;
  /** Clock ticks since the boot; null where it was never known. */
  start: string | null;
}
