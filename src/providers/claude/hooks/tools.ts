/** Tool uses in hook bodies: their identity, and the message that shows input and outcome. */
import { hash } from 'node:crypto';
import type { SettledTool, Stamp, ToolUse } from '../../../../machines/session-types.ts';
import { cut, entry, wireTime } from '../../../protocol/encode.ts';
import type { Hook } from '../../../protocol/hook.ts';
import type { ImageInput, Message, MessageChanges } from '../../../protocol/nouns.ts';
import type { KeepImage } from '../../reports.ts';
import { withoutImages } from '../../shared/tool-images.ts';
import { idOfCompaction } from '../message-ids.ts';
import { patchText } from './approvals.ts';

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
    ...(hook.agent_id && { agent_id: hook.agent_id }),
  };
}

/** What names a compaction of the context. */
interface Compaction {
  id: string;
  session_id: string;
  /** `manual`: a person asked for it; `auto`: the context was full. */
  trigger: string | null;
  isOver: boolean;
}

/** A line of the conversation about a compaction: it is shown as a tool of that name. */
export function compactionMessage(
  { id, session_id, trigger, isOver }: Compaction,
  at: Stamp,
): Message {
  const words = trigger === 'auto' ? ' (automatic)' : trigger === null ? '' : ` (${trigger})`;
  return {
    ...entry({ id, session_id, message_type: 'tool', content: '', timestamp: wireTime(at) }),
    content: isOver ? `Conversation compacted${words}` : `Compacting the conversation${words}`,
    ...(!isOver && { is_in_progress: true }),
    tool_name: 'Compact',
    tool_input: JSON.stringify({ trigger }),
  };
}

/** The line about the compaction that a hook reports; without a prompt's id the transcript alone reports it. */
export function compactionOf({ session_id, prompt_id, trigger }: Hook, at: Stamp, isOver: boolean) {
  if (!prompt_id) return {};
  const id = idOfCompaction(session_id, prompt_id);
  const message = compactionMessage({ id, session_id, trigger: trigger ?? null, isOver }, at);
  return { message };
}

/** What the translation of a tool's end needs besides its hook. */
export interface OutcomeReceipt {
  at: Stamp;
  keep: KeepImage;
}

/** The outcome of a tool use that worked. */
export function finishedToolMessage(
  hook: Hook,
  tool: ToolUse,
  { at, keep }: OutcomeReceipt,
): ToolOutcome {
  const shown = shownOf(hook.tool_response, keep);
  return outcome(hook, startedToolMessage(hook, tool, at), shown, false);
}

/** The outcome of one that failed or was refused, in its own words. */
export function failedToolMessage(
  hook: Hook,
  tool: ToolUse,
  { at, keep }: OutcomeReceipt,
  words: string,
): ToolOutcome {
  return outcome(hook, startedToolMessage(hook, tool, at), shownOf(words, keep), true);
}

/**
 * What the model is given when a tool did not run: a person, a rule or the CLI's own check of the input
 * refused it. Each sentence is the CLI's own and is at the beginning.
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

const BY_RULE = /^\s*(Error:\s*)?Permission to use \S+.{0,2000} (has been|was) denied/s;

/** True for what the CLI says when a rule of its settings refused a tool use, also one that a person had allowed. */
export function saysByRule(words: string): boolean {
  return BY_RULE.test(words);
}

/** Of a result that may have come with its own report before, this much is kept. */
const MAX_UNKNOWN_CHARS = 2_000;

/** A tool use in the report about its batch, with what the model was given as its result. */
export function settledTool(hook: Hook, { at, keep }: OutcomeReceipt): SettledTool {
  const tool = toolUseOf(hook);
  if (hook.tool_response === undefined || hook.tool_response === null) return tool;
  const { output, images } = shownOf(hook.tool_response, keep);
  const words = output.replace(/^<tool_use_error>([\s\S]*?)(<\/tool_use_error>)?\s*$/, '$1');
  const isRefused = saysRefused(output);
  const shown = isRefused ? words : cut(words, MAX_UNKNOWN_CHARS);
  // The time that the batch took is not the time of one tool.
  const one = { ...hook, duration_ms: null };
  const message = startedToolMessage(one, tool, at);
  const result = outcome(one, message, { output: shown, images }, isRefused);
  if (!isRefused) return { ...tool, result: { ...result, outcome: 'unknown' } };
  const isByRule = saysByRule(output);
  return { ...tool, result: { ...result, outcome: 'refused', ...(isByRule && { isByRule }) } };
}

/** What a message shows of a result. */
interface ShownResult {
  output: string;
  images: ImageInput[];
}

function outcome(
  hook: Hook,
  message: Message,
  { output, images }: ShownResult,
  isError: boolean,
): ToolOutcome {
  const duration =
    typeof hook.duration_ms === 'number' ? Math.max(0, Math.round(hook.duration_ms)) : null;
  const pictures = images.length > 0 ? { images } : {};
  const changes = {
    tool_output: output,
    is_error: isError,
    ...(duration !== null && { duration_ms: duration }),
    ...pictures,
  };
  const ended = { tool_output: output, is_error: isError, duration_ms: duration, ...pictures };
  return { message: { ...message, ...ended }, update: { messageId: message.id, changes } };
}

function shownOf(response: unknown, keep: KeepImage): ShownResult {
  const { value, images } = withoutImages(response, keep);
  return { output: outputText(value), images };
}

/** What a tool printed, per shape of its response. */
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
  const parts = Array.isArray(response) ? response : (response as { content?: unknown }).content;
  const texts = textsOf(parts);
  if (texts.length > 0) return texts.join('\n');
  return answersOf(response) ?? sentenceOf(response as Record<string, unknown>);
}

/** The texts of content blocks. */
function textsOf(parts: unknown): string[] {
  if (typeof parts === 'string') return [parts];
  if (!Array.isArray(parts)) return [];
  return parts.flatMap((part: { text?: unknown; content?: unknown } | null): string[] => {
    if (typeof part?.text === 'string') return [part.text];
    return textsOf(Array.isArray(part) ? part : Array.isArray(part?.content) && part.content);
  });
}

/** Answers to questions, a line each; null for other responses. */
function answersOf(response: object): string | null {
  const { answers } = response as { answers?: unknown };
  if (answers === null || typeof answers !== 'object') return null;
  const lines = Object.entries(answers).map(
    ([question, answer]) => `${question} ${wordOf(answer)}`,
  );
  return lines.length > 0 ? lines.join('\n') : null;
}

function wordOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return Array.isArray(value) ? value.map(wordOf).join(', ') : JSON.stringify(value);
}

/** Fields in which tools say what came of them, the plainest first. */
const SENTENCES = ['display', 'message', 'listing', 'result', 'output', 'text', 'plan'] as const;

/** What a response says in words; its fields, one a line, where it has no words. */
function sentenceOf(response: Record<string, unknown>): string {
  for (const field of SENTENCES) {
    const words = response[field];
    if (typeof words === 'string' && words !== '') return words;
  }
  const lists = [response.filenames, response.matches].find(Array.isArray);
  if (lists?.every((one) => typeof one === 'string')) return lists.join('\n');
  return Object.entries(response)
    .filter(([, value]) => value !== null && value !== '')
    .map(([field, value]) => `${field}: ${wordOf(value)}`)
    .join('\n');
}

/** Fields of an input that say what a tool is used on, the first that is there. */
const HEADLINES = [
  'command',
  'file_path',
  'notebook_path',
  'pattern',
  'url',
  'query',
  'subject',
  'description',
  'summary',
  'skill',
  'plan',
  'prompt',
  'message',
  'path',
] as const;

/** The one thing a list shows of an input. */
function headlineOf(input: unknown): string {
  if (input === null || typeof input !== 'object') return '';
  const fields = input as Record<string, unknown>;
  const named = HEADLINES.map((field) => fields[field]).find(
    (value) => typeof value === 'string' && value !== '',
  );
  if (typeof named === 'string') return named;
  if (Array.isArray(fields.questions)) {
    return fields.questions
      .map((one: { question?: unknown } | null) => wordOf(one?.question ?? ''))
      .join(' ');
  }
  const { taskId, status } = fields;
  if (typeof taskId === 'string') return `Task ${taskId}${status ? `: ${wordOf(status)}` : ''}`;
  const [first] = Object.values(fields).filter((value) => typeof value === 'string');
  return (first as string | undefined) ?? '';
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

/** `"opus"`, or an object with an id or a name in some versions. */
export function modelOf(model: unknown): string | null {
  if (typeof model === 'string') return model || null;
  if (model === null || typeof model !== 'object') return null;
  const { id, display_name, name } = model as Record<string, unknown>;
  const word = [id, display_name, name].find((part) => typeof part === 'string' && part !== '');
  return (word as string | undefined) ?? null;
}

/** The level of effort that a hook names, as a word or in an object. */
export function effortOf(effort: unknown): string | null {
  if (typeof effort === 'string') return effort || null;
  const level = (effort as { level?: unknown } | null | undefined)?.level;
  return typeof level === 'string' ? level : null;
}

/** A field of a hook as text; objects as JSON. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : JSON.stringify(value);
}
