/**
 * The kinds of lines and blocks that transcripts of Claude are known to hold, with what becomes of each: `read`, or
 * why it is left out of the conversation. What is not listed here is warned of once, because it may hold words.
 */

import { blocksOf, type Json, object, string } from './transcript-content.ts';

/** What becomes of a kind: `read`, or the reason why it is left out. */
type Kinds = ReadonlyMap<string, string>;

const READ = 'read';
const STATE = 'state of the CLI and of its settings';
const FILES = 'state of files, for the CLI to restore';
const REQUESTS = 'copies of what was asked of the API';
const PROGRESS = 'what went on before a result that stands in the file, too';
const LINKS = 'where else something about the session is';

function kinds(of: Readonly<Record<string, readonly string[]>>): Kinds {
  return new Map(Object.entries(of).flatMap(([fate, names]) => names.map((name) => [name, fate])));
}

/** By the `type` of a line. Attachments are what the CLI lays before the model: only a person's words in them are read. */
const LINE_KINDS: Kinds = kinds({
  [READ]: [
    ...['user', 'assistant', 'system', 'attachment', 'queue-operation'],
    ...['custom-title', 'ai-title', 'summary', 'permission-mode', 'cost-state'],
  ],
  [STATE]: [
    ...['mode', 'agent-name', 'agent-color', 'agent-setting', 'tag', 'relocated', 'last-prompt'],
    ...['session-owner', 'dev-mods', 'memory-mode', 'isolation-latch', 'atis-latch', 'repl-mode'],
    ...['worktree-state', 'history-suppression', 'ended-by-model', 'hybrid-organization'],
    ...['resume-head-vouch', 'tools-used', 'task-summary', 'speculation-accept'],
    ...['marble-origami-commit', 'marble-origami-snapshot', 'marble-origami-reset'],
  ],
  [FILES]: [
    ...['file-history-snapshot', 'file-history-delta', 'attribution-snapshot'],
    ...['content-replacement', 'line-withheld'],
  ],
  [REQUESTS]: [
    ...['api-request', 'api-request-shape', 'api-request-blob', 'api-request-resumed'],
    ...['data-flow-records', 'data-flow-incomplete'],
  ],
  [PROGRESS]: ['progress'],
  [LINKS]: [
    ...['pr-link', 'frame-link', 'bridge-session', 'fork-context-ref', 'observer-ref'],
    ...['continued-in', 'derived-from', 'artifact-comment-monitor', 'artifact-autoreact-ledger'],
  ],
});

/** By the `subtype` of a system line. */
const SYSTEM_KINDS: Kinds = kinds({
  [READ]: ['compact_boundary', 'turn_duration', 'agents_killed', 'local_command'],
  [STATE]: [
    ...['informational', 'notification', 'status', 'bridge_status', 'memory_saved', 'thinking'],
    ...['permission_retry', 'permission_denied', 'scheduled_task_fire', 'away_summary'],
    ...['stop_hook_summary', 'microcompact_boundary', 'model_fallback', 'thinking_tokens'],
    ...['model_refusal_fallback', 'model_refusal_no_fallback', 'model_consent_fallback'],
    ...['session_writes_lost', 'file_attachments_missing', 'instruction_size_warning'],
    ...['rewind_stand_in', 'per_turn_effort_changed', 'peer_message_hold', 'post_turn_summary'],
  ],
  [FILES]: ['file_snapshot'],
  // The answer of the API that gave up is in the file as the model's.
  [PROGRESS]: ['api_error'],
});

/** By the `type` of a block in words of a person, of the model, and in results of tools. */
const BLOCK_KINDS: Kinds = kinds({
  [READ]: ['text', 'image', 'document', 'thinking', 'search_result', 'tool_reference'],
  'thoughts that the provider keeps to itself: there are no words': ['redacted_thinking'],
  'who else answered, and what the API noted for itself': ['fallback', 'compaction'],
});

/** Whether a block is of a known kind; those of tools that the provider runs have names of their own. */
function isKnownBlock(type: string): boolean {
  return BLOCK_KINDS.has(type) || /tool_(use|result)$/.test(type);
}

/** Kinds in a line that are not known: `hologram`, `system/omen`, `assistant/smell`. */
export function unknownIn(line: Json): string[] {
  const type = string(line.type) ?? '';
  if (type === 'system') {
    const subtype = string(line.subtype) ?? '';
    return SYSTEM_KINDS.has(subtype) ? [] : [`system/${subtype}`];
  }
  if (type !== 'user' && type !== 'assistant')
    return type === '' || LINE_KINDS.has(type) ? [] : [type];
  const blocks = blocksOf(object(line.message)?.content).map((block) => string(block.type) ?? '');
  return blocks.filter((block) => !isKnownBlock(block)).map((block) => `${type}/${block}`);
}
