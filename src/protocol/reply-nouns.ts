/**
 * Nouns that only replies name: what is found, listed and counted. Written as those of nouns.ts; server.ts names
 * them in its messages.
 */
import type { Shape } from './ark.ts';
import type { Names } from './nouns.ts';

/** A request that was asked once, and how it was settled. Every optional is present as null. */
export const ApprovalHistoryItem = {
  id: 'count',
  session_id: 'string',
  request_id: 'string',
  /** Here the key is `approval_type`, in a request it is `type`. */
  approval_type: 'ApprovalType',
  tool_name: 'string | null',
  command: 'string | null',
  file_path: 'string | null',
  cwd: 'string | null',
  decision: 'string | null',
  proposed_amendment: 'string[] | null',
  created_at: 'string',
  decided_at: 'string | null',
  /** Additive: the client of this server that decided; absent where none did, as for a decision in a terminal. */
  decided_by: 'Decider?',
} as const;
export interface ApprovalHistoryItem extends Shape<typeof ApprovalHistoryItem, Names> {}

/** One name in a directory. */
export const DirectoryEntry = { name: 'string', is_dir: 'boolean', is_git: 'boolean' } as const;
export interface DirectoryEntry extends Shape<typeof DirectoryEntry, Names> {}

/** A directory in which sessions ran. */
export const RecentProject = {
  path: 'string',
  session_count: 'count',
  last_active: 'string?',
} as const;
export interface RecentProject extends Shape<typeof RecentProject, Names> {}

/** A conversation as its provider keeps it on disk. */
export const PastSession = {
  /** The provider's own id of the conversation: a live session of it has the same. */
  id: 'string',
  provider: 'Provider',
  /** The name that a person or the provider gave it. */
  title: 'string | null',
  first_prompt: 'string | null',
  project_path: 'string | null',
  git_branch: 'string | null',
  model: 'string | null',
  /** When its file was changed last. */
  last_activity_at: 'string',
  /** Size of its file. */
  bytes: 'count',
} as const;
export interface PastSession extends Shape<typeof PastSession, Names> {}

/** A git worktree that was made for sessions. */
export const Worktree = {
  path: 'string',
  /** Null while none is checked out in it. */
  branch: 'string | null',
  /** What its branch was made from; null when that is not known, or gone. */
  base: 'string | null',
  /** Files that are changed or new and in no commit. */
  uncommitted: 'count',
  /** Commits that `base` does not have. */
  unmerged: 'count',
} as const;
export interface Worktree extends Shape<typeof Worktree, Names> {}

/** Where words were found: in a message, or in what a session is called. */
export const SearchHit = {
  session_id: 'string',
  /** Of the session: its name, its provider's title or its first prompt. */
  title: 'string',
  project_name: 'string | null',
  provider: 'string',
  /** Null for a hit in the session's own words. */
  message_id: 'string | null',
  message_type: 'MessageType?',
  tool_name: 'string?',
  timestamp: 'string | null',
  /** The text in which the words stand. */
  field: "'title' | 'content' | 'tool_input' | 'tool_output'",
  /** The line in which the first of them stands, at most 240 UTF-16 units. */
  line: 'string',
  /** Begin (included) and end (excluded) of each word in `line`, UTF-16 units. */
  marks: 'number.integer[][]',
} as const;
export interface SearchHit extends Shape<typeof SearchHit, Names> {}

/** What rows of usage are sums of. */
export type UsageBy = 'day' | 'session' | 'project' | 'provider';

const SPENT = {
  sessions: 'count',
  /** Without what the cache read or took. */
  input_tokens: 'count',
  output_tokens: 'count',
  cache_read_tokens: 'count',
  cache_write_tokens: 'count',
  /** US dollars, as the provider's own tool says; null where it says nothing. */
  cost_usd: 'number >= 0 | null',
} as const;

/** What was read, written and paid for in all. */
export const UsageSum = SPENT;
export interface UsageSum extends Shape<typeof UsageSum, Names> {}

/** What was read, written and paid for by one day, session, project or provider. */
export const UsageRow = {
  /** The day (YYYY-MM-DD of the asker's clock), id of the session, path of the project, or provider. */
  key: 'string',
  /** Of the session or the project. */
  name: 'string?',
  ...SPENT,
} as const;
export interface UsageRow extends Shape<typeof UsageRow, Names> {}

/** How much of a rate limit is used, as its provider has told it. */
export const RateLimit = {
  provider: 'string',
  /** What the provider calls it. */
  limit: 'string',
  /** How long the window is; null where the provider does not say. */
  window_minutes: 'count | null',
  used_percent: 'number >= 0',
  /** When the window begins anew; null where the provider does not say. */
  resets_at: 'string | null',
  /** When it was told. */
  at: 'string',
} as const;
export interface RateLimit extends Shape<typeof RateLimit, Names> {}

/** Hours without notifications: times of the day as HH:MM by the server's clock; may go over midnight. */
export const QuietTimes = { from: 'string', to: 'string' } as const;
export interface QuietTimes extends Shape<typeof QuietTimes, Names> {}

/** A browser that is notified by Web Push. */
export const PushDevice = {
  id: 'string',
  /** What it calls itself, and the beginning of its id. */
  name: 'string',
  created_at: 'string',
  /** It subscribed with the asker's token. */
  is_mine: 'true?',
} as const;
export interface PushDevice extends Shape<typeof PushDevice, Names> {}

/** One tool use of a subagent. */
export const SubagentTool = {
  id: 'string',
  tool_name: 'string',
  summary: 'string',
  output: 'string?',
  is_in_progress: 'boolean',
} as const;
export interface SubagentTool extends Shape<typeof SubagentTool, Names> {}
