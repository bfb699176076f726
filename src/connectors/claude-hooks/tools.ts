/** Tool uses in hook bodies: their identity, and the message that shows input and outcome. */
import { hash } from 'node:crypto';
import type { SettledTool, Stamp, ToolUse } from '../../../machines/session-types.ts';
import { cut } from '../../protocol/encode.ts';
import { wireTime } from '../../protocol/entry.ts';
import type { Hook } from '../../protocol/hook.ts';
import type { Message, MessageChanges } from '../../protocol/nouns.ts';
import { patchText } from './diffs.ts';

/** A tool's message and how it changes one that is already there. */
interface ToolOutcome {
  message: Message;
  update: { messageId: string; changes: MessageChanges };
}

/** Who uses which tool on what; the digest stands for the input where a hook names no id. */
export function toolUseOf(hook: Hook): ToolUse {
  const name = hook.tool_name ?? 'unknown';
  const digest = digestOf(hook.tool_input);
  return {
    toolUseId: hook.tool_use_id ?? `${name}:${digest}`,
    agentId: hook.agent_id ?? null,
    name,
    digest,
  };
}

/** The message of a tool use that has no outcome yet. */
export function startedToolMessage(hook: Hook, { toolUseId, name }: ToolUse, at: Stamp): Message {
  return {
    id: `${hook.session_id}:${toolUseId}`,
    session_id: hook.session_id,
    message_type: 'tool',
    content: headlineOf(hook.tool_input),
    tool_name: name,
    tool_input: JSON.stringify(hook.tool_input ?? {}),
    tool_output: null,
    is_error: false,
    timestamp: wireTime(at),
    duration_ms: null,
  };
}

/** The outcome of a tool use that worked. */
export function finishedToolMessage(hook: Hook, tool: ToolUse, at: Stamp): ToolOutcome {
  return outcome(hook, startedToolMessage(hook, tool, at), outputText(hook.tool_response), false);
}

/** The outcome of one that failed or was refused, in its own words. */
export function failedToolMessage(
  hook: Hook,
  tool: ToolUse,
  at: Stamp,
  words: string,
): ToolOutcome {
  return outcome(hook, startedToolMessage(hook, tool, at), words, true);
}

/**
 * What the model is given when a tool did not run: a person, a rule or the CLI's own check of the input
 * refused it. Each sentence is the CLI's own and stands at the beginning.
 */
const REFUSALS = [
  /^The user doesn't want to (proceed with this tool use|take this action)/,
  /^User rejected\b/,
  /^Permission to use \S+.{0,2000} (has been|was) denied/s,
  /^Permission (for|to) this (tool use|action|command) (has been|was) denied/,
  /^Permission for this (tool use|action|command) /,
  /^Claude requested permissions? (to|for) /,
  /^This (command|tool use|operation|tool) (requires approval|was (denied|rejected))/,
  /^Tool permission (request|stream) /,
  /^\[Request interrupted by user/,
  /^InputValidationError\b/,
  /^No such tool available\b/,
];

/** True for words that the CLI gives the model when a tool did not run. */
export function saysRefused(words: string): boolean {
  if (words.startsWith('<tool_use_error>')) return true;
  const sentence = words.replace(/^\s*(Error:\s*)?/, '');
  return REFUSALS.some((refusal) => refusal.test(sentence));
}

/** Of a result that may have come with its own report before, this much is kept. */
const MAX_UNKNOWN_CHARS = 2_000;

/** A tool use in the report about its batch, with what the model was given as its result. */
export function settledTool(hook: Hook, at: Stamp): SettledTool {
  const tool = toolUseOf(hook);
  if (hook.tool_response === undefined || hook.tool_response === null) return tool;
  const words = outputText(hook.tool_response).replace(
    /^<tool_use_error>([\s\S]*?)(<\/tool_use_error>)?\s*$/,
    '$1',
  );
  const isRefused = saysRefused(outputText(hook.tool_response));
  const shown = isRefused ? words : cut(words, MAX_UNKNOWN_CHARS);
  // The time that the batch took is not the time of one tool.
  const one = { ...hook, duration_ms: null };
  const result = outcome(one, startedToolMessage(one, tool, at), shown, isRefused);
  return { ...tool, result: { ...result, outcome: isRefused ? 'refused' : 'unknown' } };
}

function outcome(hook: Hook, message: Message, output: string, isError: boolean): ToolOutcome {
  const duration =
    typeof hook.duration_ms === 'number' ? Math.max(0, Math.round(hook.duration_ms)) : null;
  const changes = {
    tool_output: output,
    is_error: isError,
    ...(duration !== null && { duration_ms: duration }),
  };
  return {
    message: { ...message, tool_output: output, is_error: isError, duration_ms: duration },
    update: { messageId: message.id, changes },
  };
}

/** What a tool printed, per shape of its response (claude.md 2.3). */
function outputText(response: unknown): string {
  if (typeof response === 'string') return response;
  if (response === null || typeof response !== 'object') return '';
  const { stdout, stderr, file, structuredPatch } = response as Record<string, unknown>;
  if (typeof stdout === 'string') {
    return [stdout, stderr].filter((part) => typeof part === 'string' && part !== '').join('\n');
  }
  const content = (file as { content?: unknown } | undefined)?.content;
  if (typeof content === 'string') return content;
  if (Array.isArray(structuredPatch) && structuredPatch.length > 0)
    return patchText(structuredPatch);
  if (Array.isArray(response)) {
    const texts = response.flatMap((part: { text?: unknown }) =>
      typeof part?.text === 'string' ? [part.text] : [],
    );
    if (texts.length > 0) return texts.join('\n');
  }
  return JSON.stringify(response);
}

/** The one thing a list shows of an input. */
function headlineOf(input: unknown): string {
  if (input === null || typeof input !== 'object') return '';
  const { command, file_path, notebook_path, pattern, url, query, description, prompt } =
    input as Record<string, unknown>;
  const line = [command, file_path, notebook_path, pattern, url, query, description, prompt].find(
    (part) => typeof part === 'string',
  );
  return (line as string | undefined) ?? '';
}

/** Digest of a JSON value that does not depend on the order of keys; 16 hex digits. */
function digestOf(value: unknown): string {
  return hash('sha256', canonical(value), 'hex').slice(0, 16);
}

function canonical(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value ?? null);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`;
}
