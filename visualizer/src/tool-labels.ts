/** What a tool's card says in one line: kind, headline, result. Pure. */
import type { Message } from '../../src/protocol/nouns.ts';
import { countsOf, isDiff } from './diff-lines.ts';

/** The parts of a message by which a tool is known. */
export type ToolMessage = Pick<
  Message,
  'tool_name' | 'content' | 'tool_input' | 'tool_output' | 'is_error'
> & { is_in_progress?: boolean };

/** Its input as an object; null where it is none, as a text that was cut. */
export function inputOf({
  tool_input,
}: Pick<Message, 'tool_input'>): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(tool_input ?? 'null');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    // Cut input is no JSON any more.
    return null;
  }
}

const text = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? value : null;

/** `mcp__grafana__query_range` as `grafana · query_range`; other names as they are. */
export function toolName(name: string | null): string {
  const [, server, tool] = /^mcp__(.+?)(?:__(.+))?$/.exec(name ?? '') ?? [];
  return server === undefined ? (name ?? 'Tool') : [server, tool].filter(Boolean).join(' · ');
}

/** What it was used on: the command, the file, the words that were looked for. */
export function headlineOfTool(message: ToolMessage): string {
  const input = inputOf(message) ?? {};
  const { command, file_path, path, pattern, query, url, description } = input;
  const named = [command, file_path, pattern, query, url, description, path].map(text);
  const headline = message.content.trim() || (named.find((one) => one !== null) ?? '');
  return headline.split('\n')[0] ?? '';
}

/** The file it reads or changes; null where it is about none. */
export function fileOf(message: ToolMessage): string | null {
  const input = inputOf(message) ?? {};
  return text(input.file_path) ?? text(input.notebook_path) ?? text(input.path);
}

/** What it changed, as a unified diff: its result where that is one, else what it was asked to change. */
export function diffOf(message: ToolMessage): string | null {
  if (message.tool_output !== null && isDiff(message.tool_output)) return message.tool_output;
  const input = inputOf(message);
  if (!input) return null;
  const [before, after] = [text(input.old_string) ?? '', text(input.new_string) ?? ''];
  if (before !== '' || after !== '') {
    return [signed('-', before), signed('+', after)].filter((part) => part !== '').join('\n');
  }
  const isWriting = /^write$/i.test(message.tool_name ?? '');
  return isWriting && text(input.content) !== null ? signed('+', String(input.content)) : null;
}

function signed(sign: string, lines: string): string {
  return lines === '' ? '' : lines.replace(/\n$/, '').replace(/^/gm, sign);
}

/** How a use of a tool ended. */
export interface ToolResult {
  words: string;
  tone: 'good' | 'bad' | 'none';
  /** It did not run: a person or a rule refused it. What they said, where it is known. */
  denied: string | null;
}

/** Words of the providers for a use that a person or a rule refused. */
const DENIED =
  /^(Error:\s*)?(The user doesn't want to|User rejected|Permission (to|for) .{0,400}(has been|was) denied|\[Request interrupted|denied by|rejected by|declined)/is;
const SAID =
  /(?:the user said|user (?:said|provided the following reason[^:]*)):\s*([\s\S]{1,300})/i;

/** The result in a few words; null while it runs or where nothing is known. */
export function resultOf(message: ToolMessage): ToolResult | null {
  const { tool_output: output, is_error: isError } = message;
  if (output === null) return null;
  if (isError && DENIED.test(output)) {
    const said = SAID.exec(output)?.[1]?.trim().split('\n')[0];
    const words = said ? `You denied it: “${said}”` : 'Denied';
    return { words, tone: 'none', denied: said ?? '' };
  }
  const tests = testsIn(output);
  if (tests) return { ...tests, denied: null };
  if (isError) {
    return { words: firstLine(output) || 'failed', tone: 'bad', denied: null };
  }
  const diff = diffOf(message);
  if (diff !== null) {
    const { added, removed } = countsOf(diff);
    const words = removed === 0 ? `+${added}` : `+${added} \u2212${removed}`;
    return { words, tone: 'good', denied: null };
  }
  const lines = output.trim() === '' ? 0 : output.trim().split('\n').length;
  const words = lines === 0 ? 'done' : lines === 1 ? firstLine(output) : `${lines} lines`;
  return { words, tone: 'none', denied: null };
}

/** `214 passed`, `3 of 58 failed`, as test runners of several languages say it. */
function testsIn(output: string): Pick<ToolResult, 'words' | 'tone'> | null {
  const tail = output.slice(-3_000);
  const number = (pattern: RegExp): number => Number([...tail.matchAll(pattern)].at(-1)?.[1] ?? 0);
  const [passed, failed] = [
    number(/(\d+) (?:passed|passing)\b/g),
    number(/(\d+) (?:failed|failing)\b/g),
  ];
  if (failed > 0) {
    return {
      words: passed > 0 ? `${failed} of ${failed + passed} failed` : `${failed} failed`,
      tone: 'bad',
    };
  }
  return passed > 0 ? { words: `${passed} passed`, tone: 'good' } : null;
}

/** The first line that says something, short enough for the end of a card's line. */
function firstLine(output: string): string {
  const line =
    output
      .split('\n')
      .find((one) => one.trim() !== '')
      ?.trim() ?? '';
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}
