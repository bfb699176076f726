/** What a hook asks a person to decide, in the wire's words. */
import { cut } from '../../../protocol/encode.ts';
import type { Hook } from '../../../protocol/hook.ts';
import type { ApprovalRequest, Question } from '../../../protocol/nouns.ts';
import { suggestionsOf } from './answers.ts';

const QUESTION_TOOLS = new Set(['AskUserQuestion', 'ExitPlanMode']);
const PATCH_TOOLS = new Set(['Edit', 'MultiEdit', 'Write', 'NotebookEdit']);

/** An open request is part of the session's state: longer texts are cut, and say so. */
const MAX_TEXT_CHARS = 100_000;

/** The request behind a PermissionRequest hook; its id is new, the CLI gives none. */
export function permissionRequest(hook: Hook, key: string): ApprovalRequest {
  const name = hook.tool_name ?? 'unknown';
  const input = (hook.tool_input ?? {}) as Record<string, unknown>;
  const suggestions = suggestionsOf(hook);
  const base = {
    ...blank(hook, key),
    ...(suggestions.length > 0 && {
      suggestions: cut(JSON.stringify(suggestions), MAX_TEXT_CHARS),
    }),
  };
  if (QUESTION_TOOLS.has(name)) return { ...base, ...questionOf(name, input), tool_name: name };
  const file = text(input.file_path) ?? text(input.notebook_path);
  if (PATCH_TOOLS.has(name)) {
    return {
      ...base,
      type: 'patch',
      file_path: file,
      diff: text(requestedDiff(input)),
      tool_name: name,
    };
  }
  return {
    ...base,
    type: 'exec',
    command: text(input.command) ?? `${name} ${cut(JSON.stringify(input), MAX_TEXT_CHARS)}`,
    file_path: file,
    tool_name: name,
    tool_input: cut(JSON.stringify(input), MAX_TEXT_CHARS),
  };
}

/** The question an MCP server asks by itself. */
export function elicitationRequest(hook: Hook, key: string): ApprovalRequest {
  const question = text(hook.message) ?? 'The MCP server asks for input';
  const schema = hook.requested_schema;
  return {
    ...blank(hook, key),
    type: 'question',
    question,
    ...(hook.mcp_server_name && { tool_name: `mcp__${hook.mcp_server_name}` }),
    ...(schema !== undefined && { tool_input: cut(JSON.stringify(schema), MAX_TEXT_CHARS) }),
  };
}

/** A dialog that only a notification reported: better than nothing. */
export function unexplainedRequest(
  hook: Hook,
  key: string,
  type: 'exec' | 'question',
): ApprovalRequest {
  const words = text(hook.message) ?? 'Claude is waiting for you in its terminal';
  return { ...blank(hook, key), type, [type === 'exec' ? 'command' : 'question']: words };
}

function questionOf(
  name: string,
  input: Record<string, unknown>,
): Partial<ApprovalRequest> & { type: 'question' } {
  if (name === 'ExitPlanMode') {
    const plan = text(input.plan);
    return { type: 'question', question: plan ?? 'Leave plan mode and start with the plan?' };
  }
  const questions = Array.isArray(input.questions) ? input.questions.map(questionFrom) : [];
  const first = questions[0]?.question ?? text(input.question) ?? 'Claude asks a question';
  return { type: 'question', question: first, ...(questions.length > 0 && { questions }) };
}

function questionFrom(value: unknown): Question {
  const { question, header, options, multiSelect } = (value ?? {}) as Record<string, unknown>;
  const short = text(header);
  return {
    question: text(question) ?? '',
    ...(short !== null && { header: short }),
    options: Array.isArray(options) ? options.map(optionFrom) : [],
    multi_select: multiSelect === true,
  };
}

function optionFrom(value: unknown): { label: string; description?: string } {
  const { label, description } = (value ?? {}) as Record<string, unknown>;
  const more = text(description);
  return { label: text(label) ?? '', ...(more !== null && { description: more }) };
}

function blank(hook: Hook, key: string): ApprovalRequest {
  return {
    id: `hook-${key}`,
    session_id: hook.session_id,
    type: 'exec',
    command: null,
    file_path: null,
    diff: null,
    question: null,
    ...(hook.agent_id && { agent_id: hook.agent_id }),
  };
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? cut(value, MAX_TEXT_CHARS) : null;
}

/** Edits as unified diffs: what a person must see before allowing one. */

interface Hunk {
  oldStart?: number;
  oldLines?: number;
  newStart?: number;
  newLines?: number;
  lines?: unknown;
}

/** A unified diff from the CLI's structured patch. */
export function patchText(hunks: readonly Hunk[]): string {
  return hunks
    .map(({ oldStart = 0, oldLines = 0, newStart = 0, newLines = 0, lines }) => {
      const body = Array.isArray(lines) ? lines.join('\n') : '';
      return `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@\n${body}`;
    })
    .join('\n');
}

/**
 * The diff an Edit, MultiEdit, Write or NotebookEdit asks to make, from its input alone: line numbers
 * are unknown before the file is read. Null when the input has none of the known shapes.
 */
function requestedDiff(input: Record<string, unknown>): string | null {
  const path = [input.file_path, input.notebook_path].find((part) => typeof part === 'string');
  const head = `--- ${path ?? 'file'}\n+++ ${path ?? 'file'}`;
  const { old_string, new_string, edits, content, new_source } = input;
  if (Array.isArray(edits)) {
    const hunks = edits.map((edit: { old_string?: unknown; new_string?: unknown }) =>
      replacement(edit.old_string, edit.new_string),
    );
    return [head, ...hunks].join('\n');
  }
  if (typeof new_string === 'string') return `${head}\n${replacement(old_string, new_string)}`;
  const whole = [content, new_source].find((part) => typeof part === 'string');
  return whole === undefined ? null : `${head}\n${replacement('', whole)}`;
}

function replacement(before: unknown, after: unknown): string {
  return ['@@', ...marked('-', before), ...marked('+', after)].join('\n');
}

function marked(sign: '-' | '+', text: unknown): string[] {
  if (typeof text !== 'string' || text === '') return [];
  return text
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => sign + line);
}
