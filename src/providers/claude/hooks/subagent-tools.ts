/**
 * What a subagent did, read from its own transcript beside the session's: tool uses with a
 * line about each and their results. The file is named by hooks, so it is opened only where the CLI
 * writes; lines are streamed, and what is not about tools is not even parsed.
 */
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { openConfined } from '../../../host/confined-file.ts';
import { cut } from '../../../protocol/encode.ts';
import type { SubagentTool } from '../../../protocol/reply-nouns.ts';
import type { SubagentTools } from '../../provider.ts';
import { createLineSplitter } from '../../shared/lines.ts';

const MAX_FILE_BYTES = 256 * 1024 * 1024;
const MAX_LINE_BYTES = 8 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;
/** Tool uses kept; the oldest give way. */
const MAX_TOOLS = 500;
const MAX_OUTPUT_CHARS = 4_000;
const COMMAND_CHARS = 60;
const PROMPT_CHARS = 50;

/**
 * Reads the tools of a subagent.
 *
 * @param transcriptPath the session's own transcript, as a hook named it; null when none did
 * @param agentId must be a name of letters, digits, `-` and `_`: it becomes part of a path
 */
export async function readSubagentTools(
  transcriptPath: string | null,
  agentId: string,
  roots: readonly string[],
): Promise<SubagentTools> {
  if (transcriptPath === null) return { unavailable: 'no transcript of its session is known' };
  if (!/^[\w-]{1,128}$/.test(agentId)) return { unavailable: 'its id names no file' };
  const folder = transcriptPath.replace(/\.jsonl$/, '');
  const path = join(folder, 'subagents', `agent-${agentId}.jsonl`);
  const opened = await openConfined(path, { roots, maxBytes: MAX_FILE_BYTES });
  if ('refusal' in opened) return { unavailable: `its transcript is not read: ${opened.refusal}` };
  try {
    return await toolsIn(opened.file);
  } finally {
    await opened.file.close();
  }
}

async function toolsIn(file: FileHandle): Promise<SubagentTools> {
  const lines = createLineSplitter(MAX_LINE_BYTES);
  const collected = createCollector();
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, null);
    if (bytesRead === 0) return collected.result();
    // The splitter keeps parts of what it is given, and the buffer is filled again.
    for (const line of lines.push(Buffer.from(buffer.subarray(0, bytesRead)))) {
      if ('text' in line) collected.take(line.text);
    }
  }
}

interface Block {
  type?: unknown;
  id?: unknown;
  name?: unknown;
  input?: unknown;
  tool_use_id?: unknown;
  content?: unknown;
  text?: unknown;
}

/** Gathers tool uses out of transcript lines. */
export function createCollector(): {
  take(line: string): void;
  result(): { tools: SubagentTool[]; truncated: boolean };
} {
  /** By the provider's id of the tool use, in order. */
  const tools = new Map<string, SubagentTool>();
  let truncated = false;

  function use(uuid: string, block: Block, at: number): void {
    const { id, name } = block;
    if (typeof id !== 'string' || typeof name !== 'string') return;
    const tool_name = cut(name, 200);
    const summary = summaryOf(name, fieldsOf(block.input));
    tools.set(id, { id: `${uuid}-tool-${at}`, tool_name, summary, is_in_progress: true });
    if (tools.size <= MAX_TOOLS) return;
    tools.delete(tools.keys().next().value as string);
    truncated = true;
  }

  function settle({ tool_use_id, content }: Block): void {
    const tool = tools.get(String(tool_use_id));
    if (!tool) return;
    tool.is_in_progress = false;
    tool.output = cut(textOf(content), MAX_OUTPUT_CHARS);
  }

  return {
    take(line) {
      // Nine tenths of a transcript are about something else.
      if (!line.includes('"tool_use"') && !line.includes('"tool_result"')) return;
      const entry = parsed(line);
      for (const [at, block] of blocksOf(entry).entries()) {
        if (block.type === 'tool_use' && typeof entry.uuid === 'string') use(entry.uuid, block, at);
        else if (block.type === 'tool_result') settle(block);
      }
    },
    result: () => ({ tools: [...tools.values()], truncated }),
  };
}

function parsed(line: string): Record<string, unknown> {
  try {
    return fieldsOf(JSON.parse(line));
  } catch {
    // The last line may still be on its way to the disk.
    return {};
  }
}

function blocksOf({ message }: Record<string, unknown>): Block[] {
  const { content } = fieldsOf(message);
  return Array.isArray(content) ? content.map((block) => fieldsOf(block) as Block) : [];
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  const texts = content.map((part) => fieldsOf(part).text);
  return texts.filter((text) => typeof text === 'string').join('\n');
}

/** One line about a tool use. */
function summaryOf(name: string, input: Record<string, unknown>): string {
  const word = (key: string) => (typeof input[key] === 'string' ? (input[key] as string) : '');
  const patched = /^(?:\*\*\* (?:Update|Add|Delete) File: |\+\+\+ b\/)(.+)$/m.exec(word('patch'));
  const words: Record<string, () => string> = {
    Read: () => shortPath(word('file_path')),
    Write: () => shortPath(word('file_path')),
    Edit: () => shortPath(patched?.[1] ?? word('file_path')),
    Bash: () => shortened(word('command'), COMMAND_CHARS),
    Glob: () => shortened(word('pattern'), COMMAND_CHARS),
    Grep: () => `Pattern: ${shortened(word('pattern'), COMMAND_CHARS)}`,
    Task: () => shortened(word('prompt'), PROMPT_CHARS),
  };
  const say = Object.hasOwn(words, name) ? words[name] : undefined;
  return say?.() || cut(name, 200);
}

function shortPath(path: string): string {
  const parts = path.split('/').filter(Boolean);
  return shortened(parts.length > 3 ? `.../${parts.slice(-2).join('/')}` : path, 200);
}

/** Counted in characters as people see them, never through one. */
function shortened(text: string, length: number): string {
  const characters = [...text.slice(0, length * 4)];
  return characters.length > length ? `${characters.slice(0, length).join('')}...` : text;
}
