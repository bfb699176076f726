/**
 * Codex's items as entries of a conversation: what a tool use is called and shows, what a text says. Pure;
 * used for what happens now and for history that is copied. Items we do not know show nothing.
 */
import { entry } from '../../../protocol/encode.ts';
import type { ImageInput, Message } from '../../../protocol/nouns.ts';
import type { KeepImage } from '../../reports.ts';
import { withoutImages } from '../../shared/tool-images.ts';
import type { ThreadItem } from '../protocol/generated/v2/ThreadItem.ts';
import type { UserInput } from '../protocol/generated/v2/UserInput.ts';

type ItemOf<Type extends ThreadItem['type']> = Extract<ThreadItem, { type: Type }>;

/** A tool use as the conversation shows it. */
export interface ShownTool {
  name: string;
  content: string;
  /** JSON text. */
  input: string | null;
  /** Null while it runs. */
  outcome: 'succeeded' | 'failed' | 'refused' | null;
  output: string | null;
  durationMs: number | null;
}

/** The id of an item's message: Codex's own are unique within their thread only. */
export function messageIdOf(sessionId: string, itemId: string): string {
  return `${sessionId}:${itemId}`;
}

/** Ids that this server gives to messages of its clients; those of terminals are bare UUIDs. */
const OUR_IDS = /^(user|steer)-[0-9a-f-]{36}$/;

/** The id of a user's words: those of a client of a server like this one keep the id that it gave them. */
export function wordsIdOf(
  sessionId: string,
  { id, clientId }: Pick<ItemOf<'userMessage'>, 'id' | 'clientId'>,
): string {
  return clientId !== null && OUR_IDS.test(clientId) ? clientId : messageIdOf(sessionId, id);
}

const NOT_KEPT: KeepImage = () => ({ refusal: 'images of the past are not copied' });

/**
 * The tool use that an item is; null for items that are none.
 *
 * @param keep  takes the images that it returned; the output says them in words
 */
export function toolFrom(item: ThreadItem, keep = NOT_KEPT): ShownTool | null {
  switch (item.type) {
    case 'commandExecution':
      return commandFrom(item);
    case 'fileChange':
      return patchFrom(item);
    case 'mcpToolCall':
      return mcpFrom(item, keep);
    case 'dynamicToolCall':
      return {
        name: item.tool,
        content: item.tool,
        input: JSON.stringify(item.arguments),
        outcome: outcomeOf(item.status),
        output: textOfBlocks(item.contentItems ?? [], keep),
        durationMs: item.durationMs,
      };
    case 'webSearch':
      return whole('WebSearch', item.query, { query: item.query });
    case 'imageView':
      return whole('ViewImage', item.path, { path: item.path });
    case 'imageGeneration':
      return whole('ImageGeneration', item.revisedPrompt ?? '', {});
    case 'collabAgentToolCall':
      return {
        ...whole('Agent', item.prompt ?? item.tool, { tool: item.tool }),
        outcome: outcomeOf(item.status),
      };
    case 'subAgentActivity': {
      if (item.kind !== 'started') return null;
      const { id: agent_id, type } = subagentOf(item);
      return whole('Agent', type, { agent_id, agent_type: type });
    }
    default:
      return null;
  }
}

function commandFrom(item: ItemOf<'commandExecution'>): ShownTool {
  const { command, cwd, status, exitCode, aggregatedOutput, durationMs } = item;
  const outcome = outcomeOf(status);
  const isBad = outcome === 'succeeded' && exitCode !== null && exitCode !== 0;
  return {
    name: 'Bash',
    content: command,
    input: JSON.stringify({ command, cwd }),
    outcome: isBad ? 'failed' : outcome,
    output: outcome === 'refused' ? 'Denied' : (aggregatedOutput ?? ''),
    durationMs,
  };
}

function patchFrom({ changes, status }: ItemOf<'fileChange'>): ShownTool {
  const outcome = outcomeOf(status);
  const words = { succeeded: 'Applied successfully', failed: 'Failed', refused: 'Denied' };
  return {
    name: 'Edit',
    content: changes.map(({ path }) => path).join('\n'),
    input: JSON.stringify({ file_path: changes[0]?.path ?? null, unified_diff: diffOf(changes) }),
    outcome,
    output: outcome && words[outcome],
    durationMs: null,
  };
}

function mcpFrom(item: ItemOf<'mcpToolCall'>, keep: KeepImage): ShownTool {
  return {
    name: `${item.server}:${item.tool}`,
    content: `${item.server}:${item.tool}`,
    input: JSON.stringify(item.arguments),
    outcome: outcomeOf(item.status),
    output: item.error?.message ?? textOfBlocks(item.result?.content ?? [], keep),
    durationMs: item.durationMs,
  };
}

/** Blocks of text, with words in the place of images and sounds. */
function textOfBlocks(blocks: readonly unknown[], keep: KeepImage): string {
  const { value } = withoutImages(blocks, keep);
  return (value as readonly unknown[]).map(textOfBlock).join('\n');
}

function textOfBlock(block: unknown): string {
  const { text, imageUrl, audioUrl } = (block ?? {}) as Record<string, unknown>;
  const words = [text, imageUrl, audioUrl].find((part) => typeof part === 'string');
  return typeof words === 'string' ? words : JSON.stringify(block);
}

/** Items that are complete when they are first reported. */
function whole(name: string, content: string, input: object): ShownTool {
  const none = { output: null, durationMs: null };
  return { name, content, input: JSON.stringify(input), outcome: 'succeeded', ...none };
}

function outcomeOf(status: string): ShownTool['outcome'] {
  if (status === 'inProgress') return null;
  if (status === 'completed') return 'succeeded';
  return status === 'declined' ? 'refused' : 'failed';
}

/** All changes of a patch as one text, each below the name of its file. */
export function diffOf(changes: ItemOf<'fileChange'>['changes']): string {
  return changes
    .map(({ path, kind, diff }) => {
      if (kind.type === 'update') return `--- ${path}\n+++ ${kind.move_path ?? path}\n${diff}`;
      const sign = kind.type === 'add' ? '+' : '-';
      const lines = diff.replace(/\n$/, '').split('\n');
      const [from, to] = kind.type === 'add' ? ['/dev/null', path] : [path, '/dev/null'];
      return `--- ${from}\n+++ ${to}\n${lines.map((line) => sign + line).join('\n')}\n`;
    })
    .join('');
}

/** What an item says, and as whom; null for items that say nothing. */
export function textFrom(
  item: ThreadItem,
): { type: 'assistant' | 'thinking'; text: string } | null {
  switch (item.type) {
    case 'agentMessage':
      return { type: 'assistant', text: [item.text, ...questionsOf(item)].join('\n') };
    case 'plan':
      return { type: 'assistant', text: item.text };
    case 'reasoning':
      return { type: 'thinking', text: [...item.summary, ...item.content].join('\n\n') };
    default:
      return null;
  }
}

/** Questions that do not wait: the answer is the next message. */
function questionsOf({ questions }: ItemOf<'agentMessage'>): string[] {
  return (questions ?? []).map(({ title, options }) =>
    [title, ...(options ?? []).map((option) => `- ${option}`)].join('\n'),
  );
}

/** What a user said, with pictures. */
export function saidBy(content: readonly UserInput[]): { text: string; images: ImageInput[] } {
  const text = content.flatMap((input) => (input.type === 'text' ? [input.text] : [])).join('\n');
  const images = content.flatMap((input): ImageInput[] => {
    if (input.type === 'localImage') return [{ input_type: 'path', value: input.path }];
    if (input.type === 'image' && 'url' in input) {
      return [{ input_type: 'url', value: input.url }];
    }
    return [];
  });
  return { text, images };
}

/**
 * A finished item as one message; null for what shows nothing.
 *
 * @param keep  takes the images that a tool returned
 */
export function messageFrom(
  item: ThreadItem,
  about: { sessionId: string; timestamp: string },
  keep = NOT_KEPT,
): Message | null {
  const { timestamp, sessionId: session_id } = about;
  const base = { id: messageIdOf(session_id, item.id), session_id, timestamp };
  if (item.type === 'userMessage') {
    const { text, images } = saidBy(item.content);
    const shown = images.length > 0 ? { images } : {};
    return entry({ ...base, message_type: 'user', content: text, ...shown });
  }
  const said = textFrom(item);
  if (said) {
    if (said.text === '') return null;
    return entry({ ...base, message_type: said.type, content: said.text });
  }
  const tool = toolFrom(item, keep);
  return tool && toolEntry(tool, base);
}

/** The message of a tool use, with its outcome if it has one. */
export function toolEntry(
  tool: ShownTool,
  base: Pick<Message, 'id' | 'session_id' | 'timestamp'>,
): Message {
  return entry({
    ...base,
    message_type: 'tool',
    content: tool.content,
    tool_name: tool.name,
    tool_input: tool.input,
    ...(tool.outcome !== null && {
      tool_output: tool.output,
      is_error: tool.outcome !== 'succeeded',
      duration_ms: tool.durationMs,
    }),
  });
}

/*
 * Subagents, as the items of a thread report them. Each is a thread of its own, which may go on when the turn that began
 * it is over; its parent receives its end in any case.
 */

/** A subagent as sessions name it: by its thread. */
export interface Subagent {
  id: string;
  type: string;
}

/** Who runs, as far as it was reported. */
export class Subagents {
  readonly #running = new Map<string, Subagent>();

  /** Those that go on. */
  get running(): Subagent[] {
    return [...this.#running.values()];
  }

  /** Takes a finished item: which subagent it reports, and whether it runs now; null for an item that reports none. */
  take(item: ThreadItem): { agentId: string; agentType: string; isRunning: boolean } | null {
    if (item.type !== 'subAgentActivity') return null;
    const agent = subagentOf(item);
    const isRunning = item.kind === 'started' || item.kind === 'interacted';
    if (isRunning) this.#running.set(agent.id, agent);
    else this.#running.delete(agent.id);
    return { agentId: agent.id, agentType: agent.type, isRunning };
  }
}

/** Called by the last part of its path, such as `helper` of `/root/helper`. */
function subagentOf({ agentThreadId: id, agentPath }: ItemOf<'subAgentActivity'>): Subagent {
  return { id, type: agentPath.split('/').filter(Boolean).at(-1) ?? 'agent' };
}
