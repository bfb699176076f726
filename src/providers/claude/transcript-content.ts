/** What the pieces of a transcript line mean: texts of a user, images, tokens. Pure functions. */
import { stripVTControlCharacters } from 'node:util';
import type { Message } from '../../protocol/nouns.ts';
import type { KeepImage, ReportedImage, Tokens, TranscriptReport } from '../reports.ts';

/** A parsed JSON object of unknown shape. */
export type Json = Readonly<Record<string, unknown>>;

/** What a line brings, before it is said where it stands. */
export type What = TranscriptReport extends infer R
  ? R extends TranscriptReport
    ? Omit<R, 'witness' | 'sessionId' | 'stamp' | 'key' | 'agent' | 'message' | 'turn'>
    : never
  : never;

/** What a text that is written as a user's really is. Null: internal, to be left out. */
export type UserText =
  | { what: 'text'; text: string }
  | { what: 'notice'; origin: string; text: string }
  | { what: 'interrupted'; during: 'text' | 'tool'; answer: string | null }
  | { what: 'command.entered'; command: string; shell: boolean }
  | { what: 'command.output'; text: string; error: string; shell: boolean }
  | null;

const INTERRUPTED = '[Request interrupted by user';

/** Reads the text of a user's line. @param line  the whole line, for its marks */
export function readUserText(line: Json, text: string): UserText {
  if (text === `${INTERRUPTED}]` || text === `${INTERRUPTED} for tool use]`) {
    const during = text === `${INTERRUPTED}]` ? 'text' : 'tool';
    return { what: 'interrupted', during, answer: string(line.interruptedMessageId) };
  }
  if (line.isCompactSummary === true) return { what: 'notice', origin: 'summary', text };
  if (line.isMeta === true) return null;
  const command = readCommand(text);
  if (command !== undefined) return command;
  const kind = originOf(line.origin);
  if (kind !== null && kind !== 'human') return { what: 'notice', origin: kind, text };
  const notification = /^<(task-notification|cross-session-message)[\s>]/.exec(text)?.[1];
  if (notification !== undefined && kind !== 'human') {
    const origin = notification === 'task-notification' ? notification : 'peer';
    return { what: 'notice', origin, text };
  }
  if (line.promptSource === 'system') return { what: 'notice', origin: 'system', text };
  if (kind !== 'human' && /^<system-reminder>/.test(text)) return null;
  return { what: 'text', text };
}

/** A command of the CLI, or one of the shell, with its output; undefined when the text is neither. */
export function readCommand(text: string): UserText | undefined {
  if (/^<local-command-caveat>/.test(text)) return null;
  const name = tag(text, 'command-name');
  if (name !== null && /^\s*<command-(name|message)>/.test(text)) {
    const words = tag(text, 'command-args')?.trim() ?? '';
    const command = words === '' ? name.trim() : `${name.trim()} ${words}`;
    return { what: 'command.entered', command, shell: false };
  }
  const shell = /^<bash-input>/.test(text) ? tag(text, 'bash-input') : null;
  if (shell !== null) return { what: 'command.entered', command: shell.trim(), shell: true };
  const kind = /^<(bash|local-command)-std(?:out|err)>/.exec(text)?.[1];
  if (kind === undefined) return undefined;
  const part = (stream: string): string =>
    stripVTControlCharacters(tag(text, `${kind}-std${stream}`) ?? '');
  return {
    what: 'command.output',
    text: part('out'),
    error: part('err'),
    shell: kind === 'bash',
  };
}

function tag(text: string, name: string): string | null {
  const from = text.indexOf(`<${name}>`);
  const to = text.lastIndexOf(`</${name}>`);
  return from === -1 || to < from ? null : text.slice(from + name.length + 2, to);
}

/** Who words come from: `human`, `task-notification`, `peer`; null where the version does not say. */
export function originOf(origin: unknown): string | null {
  if (typeof origin === 'string') return origin;
  const kind = object(origin)?.kind;
  return typeof kind === 'string' ? kind : null;
}

/** The blocks of a message's content; a plain text is one block. */
export function blocksOf(content: unknown): Json[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (!Array.isArray(content)) return [];
  return content.map(object).filter((block) => block !== null);
}

/** The texts of blocks, one below the other. */
export function textOf(blocks: readonly Json[]): string {
  return blocks
    .flatMap((block) => (block.type === 'text' && typeof block.text === 'string' ? block.text : []))
    .join('\n');
}

/** An image as the CLI writes it into a tool's result. */
export function blockOf({ mediaType, data }: ReportedImage): object {
  return { type: 'image', source: { type: 'base64', media_type: mediaType, data } };
}

/** The message with its images. What cannot be kept is left out: the words stay. */
export function withImages(
  message: Message,
  given: readonly ReportedImage[],
  keep: KeepImage,
): Message {
  const images = given.flatMap(({ data }) => {
    const kept = keep(Buffer.from(data, 'base64'));
    return 'image' in kept ? kept.image : [];
  });
  return images.length === 0 ? message : { ...message, images };
}

/** Blocks that the CLI puts beside the words of a person. */
const ASIDE = /^<(system-reminder|ide_opened_file|ide_selection)>[\s\S]*<\/\1>\s*$/;

/** The blocks without those that the CLI added; a block that stands alone stays. */
export function ownBlocks(blocks: readonly Json[]): readonly Json[] {
  if (blocks.length < 2) return blocks;
  return blocks.filter(({ type, text }) => type !== 'text' || !ASIDE.test(string(text) ?? ''));
}

/** The images of blocks that hold their data. */
export function imagesOf(blocks: readonly Json[]): ReportedImage[] {
  return blocks.flatMap((block) => {
    const source = block.type === 'image' ? object(block.source) : null;
    if (source === null || typeof source.data !== 'string') return [];
    return { mediaType: string(source.media_type) ?? 'image/png', data: source.data };
  });
}

/** The tokens of one answer; null when the message has none. */
export function tokensOf(usage: unknown): Tokens | null {
  const of = object(usage);
  if (of === null) return null;
  const input = count(of.input_tokens);
  const cacheRead = count(of.cache_read_input_tokens);
  const cacheCreation = count(of.cache_creation_input_tokens);
  return {
    input,
    output: count(of.output_tokens),
    cacheRead,
    cacheCreation,
    thinking: count(object(of.output_tokens_details)?.thinking_tokens),
    context: input + cacheRead + cacheCreation,
  };
}

/** The object itself; null for everything else. */
export function object(value: unknown): Json | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Json)
    : null;
}

/** A text that is not empty, or null. */
export function string(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** A finite number, or null. */
export function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function count(value: unknown): number {
  return Math.max(0, number(value) ?? 0);
}
