/**
 * What a transcript of Claude holds, counted without our parser: the lines of the live branch, by their parents
 * from the newest line back, and the tokens of all lines, because what was taken back was paid for too.
 */

/** A tool use of the live branch with what came of it. */
interface LiveTool {
  name: string;
  input: unknown;
  /** What the model was given; null where no result stands in the file. */
  result: string | null;
  isError: boolean;
  /** Images in the result. */
  images: number;
}

/** The live branch. */
export interface LiveTranscript {
  /** Words of a person and of the model, in the order of the file: `['user', 'Hi']`. */
  words: [by: 'user' | 'assistant', text: string][];
  thoughts: string[];
  /** Data of the images beside the words of a person, base64. */
  images: string[];
  tools: Map<string, LiveTool>;
  /** Commands of the shell with what they printed. */
  shell: [command: string, output: string][];
  compactions: number;
  tokens: { input: number; output: number; cacheRead: number; cacheWrite: number };
  /** What is left out with a branch that a person went back behind. */
  gone: string[];
}

interface Block {
  type: string;
  text?: string;
  thinking?: string;
  id?: string;
  name?: string;
  input?: unknown;
  tool_use_id?: string;
  content?: string | Block[];
  is_error?: boolean;
  source?: { data?: string };
}

interface Row {
  type: string;
  subtype?: string;
  uuid?: string;
  parentUuid?: string | null;
  logicalParentUuid?: string | null;
  isSidechain?: boolean;
  isMeta?: boolean;
  isCompactSummary?: boolean;
  origin?: { kind?: string };
  message?: { id?: string; content: string | Block[]; usage?: Record<string, number> };
  attachment?: { type: string; prompt?: string | Block[]; commandMode?: string };
}

/** Texts that stand as a person's and are the CLI's. */
const OF_THE_CLI =
  /^(<(task-notification|local-command-|command-|system-reminder|bash-|cross-session)|\[Request interrupted by user|\[Image: source)/;

/** Reads a whole transcript. */
export function readLive(text: string): LiveTranscript {
  const rows = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
  const live = liveOf(rows);
  const read: LiveTranscript = {
    ...{ words: [], thoughts: [], images: [], shell: [], compactions: 0, gone: [] },
    tools: new Map(),
    tokens: tokensOf(rows),
  };
  for (const row of rows) {
    if (!live.has(row)) {
      const isWords = row.type === 'user' || row.type === 'assistant';
      if (isWords) read.gone.push(...textsOf(blocksOf(row.message?.content)));
    } else if (row.type === 'user') readUser(row, read);
    else if (row.type === 'assistant') readAssistant(row, read);
    else if (row.subtype === 'compact_boundary') read.compactions += 1;
    else if (row.attachment?.type === 'queued_command') readQueued(row.attachment, read);
  }
  return read;
}

/** The newest line and all above it, and what belongs to an answer of those: its other tool uses and their results. */
function liveOf(rows: readonly Row[]): Set<Row> {
  const named = rows.filter(({ uuid, isSidechain }) => uuid !== undefined && !isSidechain);
  const byId = new Map(named.map((row, at) => [row.uuid as string, at]));
  const live = new Set<Row>();
  let at = named.length - 1;
  for (let row = named[at]; row !== undefined && !live.has(row); row = named[at]) {
    live.add(row);
    const parent = row.parentUuid ?? row.logicalParentUuid ?? null;
    // Of a line whose parent is not in the file, the one before it is taken for that.
    at = parent === null ? -1 : (byId.get(parent) ?? at - 1);
  }
  const answers = new Set([...live].flatMap(({ message }) => message?.id ?? []));
  for (const row of named) if (answers.has(row.message?.id ?? '')) live.add(row);
  const tools = new Set(
    [...live].flatMap(({ message }) => blocksOf(message?.content).flatMap(({ id }) => id ?? [])),
  );
  for (const row of named) {
    const blocks = blocksOf(row.message?.content);
    if (blocks.some(({ tool_use_id: id }) => tools.has(id ?? ''))) live.add(row);
  }
  return live;
}

function readUser(row: Row, read: LiveTranscript): void {
  const blocks = blocksOf(row.message?.content);
  for (const block of blocks) {
    const tool = read.tools.get(block.tool_use_id ?? '');
    if (tool === undefined) continue;
    const inner = blocksOf(block.content);
    tool.result = textsOf(inner).join('\n');
    tool.isError = block.is_error === true;
    tool.images = inner.filter(({ type }) => type === 'image').length;
  }
  const [text] = textsOf(blocks);
  const command = /^<bash-input>([\s\S]*)<\/bash-input>/.exec(text ?? '')?.[1];
  const output = /^<bash-stdout>([\s\S]*?)<\/bash-stdout>/.exec(text ?? '')?.[1];
  if (command !== undefined) read.shell.push([command, '']);
  const shell = read.shell.at(-1);
  if (output !== undefined && shell) shell[1] = output;
  if (text === undefined || row.isMeta || row.isCompactSummary || OF_THE_CLI.test(text)) return;
  if (row.origin?.kind !== undefined && row.origin.kind !== 'human') return;
  read.words.push(['user', textsOf(blocks).join('\n')]);
  read.images.push(...blocks.flatMap(({ source }) => source?.data ?? []));
}

function readAssistant(row: Row, read: LiveTranscript): void {
  for (const { type, text, thinking, id, name, input } of blocksOf(row.message?.content)) {
    if (type === 'text' && text && text !== 'No response requested.')
      read.words.push(['assistant', text]);
    if (type === 'thinking' && thinking) read.thoughts.push(thinking);
    if (type === 'tool_use' && id && name)
      read.tools.set(id, { name, input, result: null, isError: false, images: 0 });
  }
}

function readQueued(
  { prompt, commandMode }: NonNullable<Row['attachment']>,
  read: LiveTranscript,
): void {
  const text = textsOf(blocksOf(prompt)).join('\n');
  if (commandMode !== 'task-notification' && !OF_THE_CLI.test(text))
    read.words.push(['user', text]);
}

/** Each answer once, with the figures of its last line. */
function tokensOf(rows: readonly Row[]): LiveTranscript['tokens'] {
  const answers = new Map<string, Record<string, number>>();
  for (const { message, isSidechain } of rows) {
    if (message?.usage && message.id && !isSidechain) answers.set(message.id, message.usage);
  }
  const sum = (field: string) =>
    [...answers.values()].reduce((all, usage) => all + (usage[field] ?? 0), 0);
  return {
    input: sum('input_tokens'),
    output: sum('output_tokens'),
    cacheRead: sum('cache_read_input_tokens'),
    cacheWrite: sum('cache_creation_input_tokens'),
  };
}

function blocksOf(content: string | Block[] | undefined): Block[] {
  if (content === undefined) return [];
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}

function textsOf(blocks: readonly Block[]): string[] {
  return blocks.flatMap(({ type, text }) => (type === 'text' && text ? text : []));
}
