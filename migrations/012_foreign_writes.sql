-- Another program (the reference server, a SQLite shell) may write into this file. What we write into a session's
-- row raises its `journal_seq`; a change that does not is noted here with the values from before it. At the start
-- such a row wins over the session's machine; while we run it is put back: see foreign.ts.
CREATE TABLE foreign_writes (
  session_id TEXT PRIMARY KEY,
  -- JSON object of the watched columns before the first change; null when only messages were added.
  before TEXT
);

-- Before the change, so that the old values are read from the row, and only when they are needed.
CREATE TRIGGER note_foreign_update BEFORE UPDATE OF
  status, work_status, provider, project_path, project_name, branch, model, transcript_path,
  custom_name, summary, first_prompt, last_message, started_at, ended_at, end_reason, last_activity_at,
  input_tokens, output_tokens, cached_tokens, context_window, effort, permission_mode,
  codex_integration_mode, claude_integration_mode, codex_thread_id, approval_policy, sandbox_mode,
  current_cwd, git_branch, git_sha
ON sessions WHEN NEW.journal_seq IS OLD.journal_seq
BEGIN
  INSERT INTO foreign_writes (session_id, before) SELECT id, json_object(
    'status', status, 'work_status', work_status, 'provider', provider,
    'project_path', project_path, 'project_name', project_name, 'branch', branch,
    'model', model, 'transcript_path', transcript_path, 'custom_name', custom_name,
    'summary', summary, 'first_prompt', first_prompt, 'last_message', last_message,
    'started_at', started_at, 'ended_at', ended_at, 'end_reason', end_reason,
    'last_activity_at', last_activity_at, 'input_tokens', input_tokens,
    'output_tokens', output_tokens, 'cached_tokens', cached_tokens,
    'context_window', context_window, 'effort', effort,
    'permission_mode', permission_mode,
    'codex_integration_mode', codex_integration_mode,
    'claude_integration_mode', claude_integration_mode,
    'codex_thread_id', codex_thread_id, 'approval_policy', approval_policy,
    'sandbox_mode', sandbox_mode, 'current_cwd', current_cwd,
    'git_branch', git_branch, 'git_sha', git_sha)
  FROM sessions WHERE id = OLD.id
  ON CONFLICT (session_id) DO UPDATE SET before = coalesce(before, excluded.before);
END;

-- A message of ours carries the revision that made it.
CREATE TRIGGER note_foreign_message AFTER INSERT ON messages WHEN NEW.created_revision = 0
BEGIN
  INSERT INTO foreign_writes (session_id, before) VALUES (NEW.session_id, NULL)
  ON CONFLICT (session_id) DO NOTHING;
END;
