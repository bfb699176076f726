/** Nouns around a session's work (contract.md 1.3): review comments, directories. Shapes only. */

/** What a comment is meant as. */
export type ReviewCommentTag = 'clarity' | 'scope' | 'risk' | 'nit';
/** Whether a comment is dealt with. */
export type ReviewCommentStatus = 'open' | 'resolved';

/** A remark about lines of a file, of a turn's diff if it names one. */
export interface ReviewComment {
  id: string;
  session_id: string;
  turn_id?: string;
  file_path: string;
  line_start: number;
  line_end?: number;
  body: string;
  tag?: ReviewCommentTag;
  status: ReviewCommentStatus;
  created_at: string;
  updated_at?: string;
}

/** One tool use of a subagent. */
export interface SubagentTool {
  id: string;
  tool_name: string;
  summary: string;
  output?: string;
  is_in_progress: boolean;
}

/** One name in a directory. */
export interface DirectoryEntry {
  name: string;
  is_dir: boolean;
  is_git: boolean;
}

/** A directory in which sessions ran. */
export interface RecentProject {
  path: string;
  session_count: number;
  last_active?: string;
}
