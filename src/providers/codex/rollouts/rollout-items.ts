/**
 * Items as Codex writes them into a rollout, as the items that it sends a client: the same ids, so that a message
 * is one from either source. Pure; what is no item that we know gives null.
 */
import type { ThreadItem } from '../protocol/generated/v2/ThreadItem.ts';
import type { UserInput } from '../protocol/generated/v2/UserInput.ts';

/** A parsed JSON object. */
export type Json = Record<string, unknown>;

/** Null for what is no object. */
export function object(value: unknown): Json | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Json)
    : null;
}

/** Null for what is no text. */
export function string(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** Null for what is no finite number. */
export function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function texts(value: unknown): string[] {
  return list(value).flatMap((part) => string(part) ?? string(object(part)?.text) ?? []);
}

/** The item of an `item_completed` line of a paginated rollout. */
export function itemOf(value: unknown): ThreadItem | null {
  const item = object(value);
  const id = string(item?.id);
  if (item === null || id === null) return null;
  switch (item.type) {
    case 'UserMessage':
      return {
        type: 'userMessage',
        id,
        clientId: string(item.client_id),
        content: list(item.content).flatMap(inputOf),
      };
    case 'AgentMessage':
      return agentMessage(id, texts(item.content).join(''), item);
    case 'Plan':
      return { type: 'plan', id, text: string(item.text) ?? '' };
    case 'Reasoning':
      return reasoning(id, texts(item.summary_text), texts(item.raw_content));
    case 'CommandExecution':
      return commandOf(id, item);
    case 'FileChange':
      return fileChange(id, item);
    case 'McpToolCall':
      return mcpCall(id, item);
    case 'ContextCompaction':
      return { type: 'contextCompaction', id };
    default:
      return otherOf(id, item);
  }
}

/** Tools that are seldom used. */
function otherOf(id: string, item: Json): ThreadItem | null {
  switch (item.type) {
    case 'WebSearch':
      return { type: 'webSearch', id, query: string(item.query) ?? '' } as ThreadItem;
    case 'ImageView':
      return { type: 'imageView', id, path: localPath(item.path) };
    case 'ImageGeneration':
      return {
        ...{ type: 'imageGeneration', id },
        revisedPrompt: string(item.revised_prompt),
      } as ThreadItem;
    case 'DynamicToolCall':
      return {
        ...{ type: 'dynamicToolCall', id, namespace: string(item.namespace) },
        tool: string(item.tool) ?? 'tool',
        arguments: item.arguments ?? {},
        status: statusOf(item.status),
        contentItems: list(item.content_items),
        success: item.success === true,
        durationMs: durationOf(item.duration),
      } as ThreadItem;
    case 'CollabAgentToolCall':
      return {
        ...{ type: 'collabAgentToolCall', id, tool: string(item.tool) ?? 'agent' },
        status: statusOf(item.status),
        prompt: string(item.prompt),
      } as ThreadItem;
    case 'SubAgentActivity':
      return {
        ...{ type: 'subAgentActivity', id, kind: string(item.kind) ?? 'interacted' },
        ...{ agentThreadId: string(item.agent_thread_id) ?? '' },
        ...{ agentPath: string(item.agent_path) ?? '', model: null, reasoningEffort: null },
      } as ThreadItem;
    default:
      return null;
  }
}

/** What a person said, in the words of either kind of rollout. */
export function userMessage(
  id: string,
  { text, images, localImages }: { text: string; images: unknown; localImages: unknown },
): ThreadItem {
  const said: UserInput = { type: 'text', text, text_elements: [] };
  const urls = texts(images).map((url) => ({ type: 'image', url }) as UserInput);
  const paths = texts(localImages).map((path) => ({ type: 'localImage', path }) as UserInput);
  return { type: 'userMessage', id, clientId: null, content: [said, ...urls, ...paths] };
}

/** Words of the model; the questions of its own that it may have do not wait. */
export function agentMessage(id: string, text: string, item: Json = {}): ThreadItem {
  const questions = list(item.questions).flatMap((question) => {
    const title = string(object(question)?.title);
    return title === null ? [] : [{ title, options: texts(object(question)?.options) }];
  });
  return {
    ...{ type: 'agentMessage', id, text, phase: null, memoryCitation: null, delivery: null },
    questions: questions.length > 0 ? questions : null,
  } as ThreadItem;
}

/** What the model thought. */
export function reasoning(id: string, summary: string[], content: string[] = []): ThreadItem {
  return { type: 'reasoning', id, summary, content };
}

/** A command of a shell. */
export function command(
  id: string,
  of: {
    command: string;
    cwd: string;
    status: 'completed' | 'failed' | 'declined' | 'inProgress';
    output: string;
    exitCode: number | null;
    durationMs: number | null;
  },
): ThreadItem {
  const { output: aggregatedOutput, ...rest } = of;
  const none = { pluginId: null, scriptPath: null, processId: null, commandActions: [] };
  return {
    ...{ type: 'commandExecution', id, ...none, source: 'unifiedExecStartup' },
    ...{ ...rest, aggregatedOutput },
  } as ThreadItem;
}

function commandOf(id: string, item: Json): ThreadItem {
  return command(id, {
    command: texts(item.command).map(quoted).join(' '),
    cwd: localPath(item.cwd),
    status: statusOf(item.status),
    output: string(item.aggregated_output) ?? '',
    exitCode: number(item.exit_code),
    durationMs: durationOf(item.duration),
  });
}

/** A patch, by its call. */
export function fileChange(id: string, { changes, status, success }: Json): ThreadItem {
  const all = Object.entries(object(changes) ?? {}).map(([path, value]) => {
    const of = object(value) ?? {};
    const type = of.type === 'add' || of.type === 'delete' ? of.type : 'update';
    const move_path = string(of.move_path);
    const kind = type === 'update' ? { type, move_path } : { type };
    return { path, kind, diff: string(type === 'update' ? of.unified_diff : of.content) ?? '' };
  });
  const end = success === false && status === undefined ? 'failed' : statusOf(status);
  return { type: 'fileChange', id, changes: all, status: end } as ThreadItem;
}

function mcpCall(id: string, item: Json): ThreadItem {
  const error = string(item.error) ?? string(object(item.error)?.message);
  return {
    ...{ type: 'mcpToolCall', id, status: statusOf(item.status) },
    ...{ server: string(item.server) ?? '', tool: string(item.tool) ?? '' },
    arguments: item.arguments ?? null,
    result: object(item.result),
    error: error === null ? null : { message: error },
    durationMs: durationOf(item.duration),
  } as ThreadItem;
}

/** The end of an MCP call in a legacy rollout; its result is in the words of Rust's `Result`. */
export function legacyMcpCall(id: string, { invocation, result, duration }: Json): ThreadItem {
  const { server, tool, arguments: given } = object(invocation) ?? {};
  const ok = object(object(result)?.Ok);
  const error = string(object(result)?.Err);
  const isFailed = ok === null || ok.isError === true || ok.is_error === true;
  const status = isFailed ? 'failed' : 'completed';
  return mcpCall(id, { server, tool, arguments: given, result: ok, error, duration, status });
}

function inputOf(value: unknown): UserInput[] {
  const part = object(value);
  if (part === null) return [];
  switch (part.type) {
    case 'text':
      return [{ type: 'text', text: string(part.text) ?? '', text_elements: [] }];
    case 'image': {
      const url = string(part.image_url) ?? string(part.url);
      return url === null ? [] : [{ type: 'image', url } as UserInput];
    }
    case 'local_image':
      return [{ type: 'localImage', path: string(part.path) ?? '' } as UserInput];
    default:
      return [];
  }
}

function statusOf(status: unknown): 'completed' | 'failed' | 'declined' | 'inProgress' {
  if (status === 'declined' || status === 'failed') return status;
  return status === 'in_progress' || status === 'inProgress' ? 'inProgress' : 'completed';
}

/** Milliseconds, as Codex rounds them: down. */
function durationOf(value: unknown): number | null {
  const { secs, nanos } = object(value) ?? {};
  const seconds = number(secs);
  if (seconds === null) return null;
  return seconds * 1000 + Math.floor((number(nanos) ?? 0) / 1e6);
}

/** A path that may be written as a `file:` address. */
function localPath(value: unknown): string {
  const text = string(value) ?? '';
  if (!text.startsWith('file://')) return text;
  try {
    return decodeURIComponent(new URL(text).pathname);
  } catch {
    // No address after all: shown as it is.
    return text;
  }
}

/* How Codex writes a command as one line: by Rust's `shlex`, which quotes in as few pieces as it can. */

const BARE = /[A-Za-z0-9+\-./:@\]_]/;
const NOT_IN_SINGLE = /['^\\]/;
const NOT_IN_DOUBLE = /[`$!^]/;

/** A word as a shell reads it back. */
function quoted(word: string): string {
  if (word === '') return "''";
  let text = '';
  for (let rest = word; rest !== ''; ) {
    const { length, kind } = pieceOf(rest);
    const piece = rest.slice(0, length);
    if (kind === 'bare') text += piece;
    else text += kind === 'single' ? `'${piece}'` : `"${piece.replace(/[$`"\\]/g, '\\$&')}"`;
    rest = rest.slice(length);
  }
  return text;
}

/** How many characters one kind of quotes takes, and which: the first that takes them all. */
function pieceOf(text: string): { length: number; kind: 'bare' | 'single' | 'double' } {
  let [bare, single, double] = [true, true, true];
  let length = 0;
  if (text.startsWith('^')) [bare, double, length] = [false, false, 1];
  for (; length < text.length; length += 1) {
    const sign = text.charAt(length);
    const [b, s, d] = [BARE.test(sign), !NOT_IN_SINGLE.test(sign), !NOT_IN_DOUBLE.test(sign)];
    if (!(bare && b) && !(single && s) && !(double && d)) break;
    [bare, single, double] = [bare && b, single && s, double && d];
  }
  return { length, kind: bare ? 'bare' : single ? 'single' : 'double' };
}
