-- Another program (the reference server, a SQLite shell) may write into this file. What we write into a session's
-- row raises its `journal_seq`; a change that does not is noted here with the values from before it. At the start
-- such a row wins over the session's machine; while we run it is put back: see foreign.ts.
CREATE TABLE foreign_writes (
  session_id TEXT PRIMARY KEY,
  -- JSON object of the watched columns before the first change; null when only messages were added.
  before TEXT
);

CREATE TRIGGER note_foreign_update AFTER UPDATE OF
  status, work_status, provider, project_path, project_name, branch, model, transcript_path,
  custom_name, summary, first_prompt, last_message, started_at, ended_at, end_reason, last_activity_at,
  input_tokens, output_tokens, cached_tokens, context_window, effort, permission_mode,
  codex_integration_mode, claude_integration_mode, codex_thread_id, approval_policy, sandbox_mode,
  current_cwd, git_branch, git_sha
ON sessions WHEN NEW.journal_seq IS OLD.journal_seq
BEGIN
  INSERT INTO foreign_writes (session_id, before) VALUES (OLD.id, json_object(
    'status', OLD.status, 'work_status', OLD.work_status, 'provider', OLD.provider,
    'project_path', OLD.project_path, 'project_name', OLD.project_name, 'branch', OLD.branch,
    'model', OLD.model, 'transcript_path', OLD.transcript_path, 'custom_name', OLD.custom_name,
    'summary', OLD.summary, 'first_prompt', OLD.first_prompt, 'last_message', OLD.last_message,
    'started_at', OLD.started_at, 'ended_at', OLD.ended_at, 'end_reason', OLD.end_reason,
    'last_activity_at', OLD.last_activity_at, 'input_tokens', OLD.input_tokens,
    'output_tokens', OLD.output_tokens, 'cached_tokens', OLD.cached_tokens,
    'context_window', OLD.context_window, 'effort', OLD.effort,
    'permission_mode', OLD.permission_mode,
    'codex_integration_mode', OLD.codex_integration_mode,
    'claude_integration_mode', OLD.claude_integration_mode,
    'codex_thread_id', OLD.codex_thread_id, 'approval_policy', OLD.approval_policy,
    'sandbox_mode', OLD.sandbox_mode, 'current_cwd', OLD.current_cwd,
    'git_branch', OLD.git_branch, 'git_sha', OLD.git_sha))
  ON CONFLICT (session_id) DO UPDATE SET before = coalesce(before, excluded.before);
END;

-- A message of ours carries the revision that made it.
CREATE TRIGGER note_foreign_message AFTER INSERT ON messages WHEN NEW.created_revision = 0
BEGIN
  INSERT INTO foreign_writes (session_id, before) VALUES (NEW.session_id, NULL)
  ON CONFLICT (session_id) DO NOTHING;
END;
