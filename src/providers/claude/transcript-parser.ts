/**
 * A transcript of Claude, line by line, as reports. Pure: a parser is fed every line of one file from its
 * start; after a restart the lines that were stored already are fed again and their reports dropped.
 */
import { scanJson } from '../../protocol/json-scan.ts';
import type { TranscriptReport } from '../reports.ts';
import {
  blocksOf,
  imagesOf,
  type Json,
  number,
  object,
  ownBlocks,
  readCommand,
  readUserText,
  string,
  textOf,
  tokensOf,
  type UserText,
  type What,
} from './transcript-content.ts';
import { unknownIn } from './transcript-kinds.ts';
import { attached, queueChange } from './transcript-queue.ts';
import { namesOfDocuments, readToolResult, type ToolEnding } from './transcript-results.ts';
import { TranscriptTree } from './transcript-tree.ts';

/** Answers whose tokens are remembered: the lines of one answer stand close together. */
const REMEMBERED_ANSWERS = 64;
/** Decisions of hooks whose tool use has no result yet: those that are refused get theirs at once. */
const REMEMBERED_DECISIONS = 64;
/** Model of lines that the CLI itself wrote. */
const SYNTHETIC = '<synthetic>';
/** The CLI writes this after a prompt that wants no answer; it shows it nowhere. */
const NO_RESPONSE = 'No response requested.';

/** Reads one transcript. */
export class TranscriptParser {
  /** Lines that were no JSON object, or one of too much structure: torn by a crash, or junk. */
  junk = 0;
  /** Kinds of lines and blocks that are not known and were passed over, each once: they may hold words. */
  readonly unknown = new Set<string>();
  readonly #sessionId: string;
  readonly #agent: string | null;
  readonly #tree = new TranscriptTree();
  readonly #tokens = new Map<string, string>();
  readonly #last = new Map<string, string>();
  /** Tool uses whose permission a hook decided, until their result is reported. */
  readonly #decidedByHook = new Set<string>();
  /** The version marks what hooks decided: what has no mark was decided by a person or a rule. */
  #marksHooks = false;
  #lines = 0;
  #stamp = 0;
  /** The prompt that the newest lines belong to. */
  #turn: string | null = null;

  /** @param agent  the subagent whose file it is; null for the main one */
  constructor(sessionId: string, agent: string | null = null) {
    this.#sessionId = sessionId;
    this.#agent = agent;
  }

  /** The reports of the next line, in the order of what they report. Never throws; junk is counted. */
  line(text: string): TranscriptReport[] {
    this.#lines += 1;
    const line = parse(text);
    if (line === null) {
      if (text.trim() !== '') this.junk += 1;
      return [];
    }
    const uuid = string(line.uuid);
    if (uuid !== null && this.#tree.has(uuid)) return [];
    const stamp = Date.parse(string(line.timestamp) ?? '');
    if (Number.isFinite(stamp)) this.#stamp = stamp;
    if (line.type === 'user' && !this.#isAside(line)) {
      this.#turn = string(line.promptId) ?? this.#turn;
    }
    for (const kind of unknownIn(line)) this.unknown.add(kind);
    const found = this.#read(line);
    const rewound = uuid === null ? [] : this.#grow(uuid, line, found);
    return this.#sign(line, uuid, [...rewound, ...found]);
  }

  #read(line: Json): What[] {
    switch (line.type) {
      case 'user':
        return this.#user(line);
      case 'assistant':
        return this.#assistant(line);
      case 'system':
        return system(line);
      case 'attachment':
        return this.#attachment(line);
      case 'queue-operation':
        return queueChange(line);
      default:
        return this.#note(line);
    }
  }

  #user(line: Json): What[] {
    const blocks = blocksOf(object(line.message)?.content);
    const results = blocks.filter(({ type }) => type === 'tool_result');
    const found: What[] = results.flatMap((block): What[] => {
      const tool = string(block.tool_use_id);
      if (tool === null) return [];
      const ending = readToolResult(line, block, results.length === 1);
      const decidedBy = ending.decidedBy ?? this.#deciderOf(tool, ending);
      return [{ what: 'tool.ended', tool, ...ending, decidedBy }];
    });
    const own = ownBlocks(blocks);
    const text = [textOf(own), ...namesOfDocuments(own)].filter((part) => part !== '').join('\n');
    const images = imagesOf(blocks);
    if (text !== '' || images.length > 0) found.push(...this.#words(line, text, images));
    const mode = string(line.permissionMode);
    if (mode !== null)
      found.unshift(...this.#ifNew('mode', mode, { what: 'permission.mode', mode }));
    return found;
  }

  /** Of a tool use that ran to its end; null where the version does not mark what hooks decided. */
  #deciderOf(tool: string, { outcome }: ToolEnding): string | null {
    if (this.#decidedByHook.delete(tool)) return 'hook';
    return this.#marksHooks && outcome === 'done' ? 'person' : null;
  }

  /** A hook's decision of a permission was the first: the mark is before the result of its tool use. */
  #attachment(line: Json): What[] {
    const attachment = object(line.attachment);
    if (attachment?.type !== 'hook_permission_decision') return attached(attachment);
    const tool = string(attachment.toolUseID);
    if (tool === null || attachment.hookEvent !== 'PermissionRequest') return [];
    this.#marksHooks = true;
    this.#decidedByHook.add(tool);
    if (this.#decidedByHook.size > REMEMBERED_DECISIONS) {
      this.#decidedByHook.delete(this.#decidedByHook.values().next().value as string);
    }
    return [];
  }

  #words(line: Json, text: string, images: ReturnType<typeof imagesOf>): What[] {
    const meaning = readUserText(line, text);
    if (meaning?.what !== 'text') return meaning === null ? [] : [meaning];
    const isProgram = line.promptSource === 'sdk' || line.entrypoint === 'sdk-cli';
    const by = this.#agentOf(line) !== null ? 'agent' : isProgram ? 'program' : 'person';
    const prompt = string(line.promptId);
    return [{ what: 'user.text', text: meaning.text, images, prompt, by, queued: false }];
  }

  #assistant(line: Json): What[] {
    const message = object(line.message) ?? {};
    const answer = string(message.id);
    const model = string(message.model);
    const blocks = blocksOf(message.content);
    if (line.isApiErrorMessage === true) {
      return [{ what: 'api.failed', status: number(line.apiErrorStatus), text: textOf(blocks) }];
    }
    const found: What[] = [];
    if (model !== null && model !== SYNTHETIC && this.#agentOf(line) === null) {
      found.push(...this.#ifNew('model', model, { what: 'model', model }));
    }
    const isPartial =
      line.isAbortedMidStream === true ||
      (message.stop_reason === 'stop_sequence' &&
        message.stop_sequence == null &&
        model !== SYNTHETIC);
    for (const block of blocks) found.push(...piece(block, answer, isPartial, line));
    if (model === SYNTHETIC) {
      return found.filter((of) => of.what !== 'assistant.text' || of.text !== NO_RESPONSE);
    }
    return [...found, ...this.#count(answer, model, message.usage)];
  }

  /** Each line of an answer repeats its usage; a later one may know more of it. */
  #count(answer: string | null, model: string | null, usage: unknown): What[] {
    const tokens = tokensOf(usage);
    if (tokens === null || answer === null) return [];
    const text = JSON.stringify(tokens);
    if (this.#tokens.get(answer) === text) return [];
    this.#tokens.delete(answer);
    this.#tokens.set(answer, text);
    if (this.#tokens.size > REMEMBERED_ANSWERS) {
      for (const oldest of this.#tokens.keys()) {
        this.#tokens.delete(oldest);
        break;
      }
    }
    return [{ what: 'tokens', answer, model, tokens }];
  }

  /** Lines that are about the session as a whole. */
  #note(line: Json): What[] {
    if (line.type === 'custom-title' || line.type === 'ai-title' || line.type === 'summary') {
      const title = string(line.customTitle) ?? string(line.aiTitle) ?? string(line.summary);
      const by = line.type === 'custom-title' ? 'person' : 'model';
      return title === null ? [] : this.#ifNew(`title:${by}`, title, { what: 'title', title, by });
    }
    if (line.type === 'permission-mode') {
      const mode = string(line.permissionMode);
      return mode === null ? [] : this.#ifNew('mode', mode, { what: 'permission.mode', mode });
    }
    const usd = line.type === 'cost-state' ? number(line.totalCostUSD) : null;
    if (usd === null) return [];
    const models: Record<string, number> = {};
    for (const [model, usage] of Object.entries(object(line.modelUsage) ?? {})) {
      models[model] = number(object(usage)?.costUSD) ?? 0;
    }
    return [{ what: 'cost', usd, models }];
  }

  #ifNew(name: string, value: string, report: What): What[] {
    if (this.#last.get(name) === value) return [];
    this.#last.set(name, value);
    return [report];
  }

  #grow(uuid: string, line: Json, found: readonly What[]): What[] {
    const isShown = found.some(({ what }) => SHOWN.has(what));
    const isPrompt =
      !this.#isAside(line) &&
      found.some(({ what }) => what === 'user.text' || what === 'command.entered') &&
      !found.some(({ what }) => what === 'tool.ended');
    // After a compaction the conversation goes on, though the line has no parent.
    const parent = string(line.parentUuid) ?? string(line.logicalParentUuid);
    const isQueued = line.type === 'attachment';
    const at = string(line.timestamp) ?? undefined;
    const rewind = this.#tree.add({ uuid, parent, isShown, isPrompt: isPrompt && !isQueued, at });
    return rewind === null ? [] : [{ what: 'rewound', ...rewind }];
  }

  /** A subagent's line in the main file, as older versions write it: a branch that takes nothing back. */
  #isAside(line: Json): boolean {
    return line.isSidechain === true && this.#agent === null;
  }

  #agentOf(line: Json): string | null {
    if (this.#agent !== null) return this.#agent;
    return line.isSidechain === true ? (string(line.agentId) ?? 'sidechain') : null;
  }

  #sign(line: Json, uuid: string | null, found: readonly What[]): TranscriptReport[] {
    const agent = this.#agentOf(line);
    // A line without an id is identified by its place.
    const id = uuid ?? `line-${this.#lines}`;
    const base = `transcript:${this.#sessionId}:${this.#agent ?? ''}:${id}`;
    return found.map((of, at) => ({
      witness: 'transcript',
      sessionId: this.#sessionId,
      stamp: this.#stamp,
      key: `${base}:${at}`,
      agent,
      message: uuid,
      turn: this.#turn,
      ...of,
    }));
  }
}

/** Reports that put something into the conversation. */
const SHOWN: ReadonlySet<string> = new Set([
  'user.text',
  'notice',
  'assistant.text',
  'assistant.thinking',
  'tool.started',
  'tool.ended',
  'interrupted',
  'command.entered',
  'command.output',
  'api.failed',
]);

function piece(block: Json, answer: string | null, partial: boolean, line: Json): What[] {
  const type = string(block.type) ?? '';
  if (type === 'text') {
    const text = string(block.text);
    return text === null ? [] : [{ what: 'assistant.text', text, answer, partial }];
  }
  if (type === 'thinking' || type === 'redacted_thinking') {
    const text = string(block.thinking) ?? '';
    const durationMs = number(line.thinkingDurationMs);
    return [{ what: 'assistant.thinking', text, answer, durationMs }];
  }
  if (type.endsWith('tool_use')) {
    const tool = string(block.id);
    const name = string(block.name);
    if (tool === null || name === null) return [];
    return [{ what: 'tool.started', tool, name, input: block.input ?? {}, answer }];
  }
  // The provider ran the tool itself (a web search) and put the result into its answer.
  const tool = type.endsWith('tool_result') ? string(block.tool_use_id) : null;
  return tool === null ? [] : [{ what: 'tool.ended', tool, ...readToolResult({}, block, true) }];
}

function system(line: Json): What[] {
  switch (line.subtype) {
    case 'compact_boundary': {
      const of = object(line.compactMetadata) ?? {};
      const before = number(of.preTokens);
      const after = number(of.postTokens);
      return [{ what: 'compacted', trigger: string(of.trigger), before, after }];
    }
    case 'turn_duration': {
      const agents = number(line.pendingBackgroundAgentCount) ?? 0;
      return [{ what: 'turn.ended', durationMs: number(line.durationMs), agents }];
    }
    case 'agents_killed':
      return [{ what: 'agents.killed' }];
    case 'local_command': {
      const command: UserText = readCommand(string(line.content) ?? '') ?? null;
      return command === null || command.what === 'text' ? [] : [command];
    }
    default:
      return [];
  }
}

function parse(text: string): Json | null {
  // What is nested too deep parses, but cannot be stored: all that follows would wait for it.
  if (scanJson(Buffer.from(text)) !== null) return null;
  try {
    return object(JSON.parse(text));
  } catch {
    // The caller counts it: a line that a crash cut off is joined with the next one for good.
    return null;
  }
}
