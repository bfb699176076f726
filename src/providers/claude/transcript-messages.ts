/**
 * What a transcript's reports come to in the conversation: messages under the ids that hooks give them too, the
 * newest figures, title and model. Is fed every report of one file from its start, so that the same lines give
 * the same ids whenever they are read.
 */
import type { SeenFields } from '../../../machines/session-events.ts';
import { entry } from '../../protocol/encode.ts';
import type { Hook } from '../../protocol/hook.ts';
import type { Message, MessageType, TokenUsage } from '../../protocol/nouns.ts';
import type { KeepImage, TranscriptEvent, TranscriptReport } from '../reports.ts';
import {
  compactionMessage,
  failedToolMessage,
  finishedToolMessage,
  startedToolMessage,
  toolUseOf,
} from './hooks/tools.ts';
import { forgetOldest, TranscriptIds } from './message-ids.ts';
import { blockOf, withImages } from './transcript-content.ts';
import { asideOf, TranscriptUsage } from './transcript-usage.ts';

type ReportOf<What extends TranscriptReport['what']> = Extract<TranscriptReport, { what: What }>;

/** A message, once its images are kept. */
type MakeMessage = (keep: KeepImage) => Message;

/** What a piece of a transcript says. */
export interface TranscriptPiece {
  messages: MakeMessage[];
  /** The message before the first of them; null at the start of the file. */
  behind: string | null;
  usage?: TokenUsage;
  title?: string;
  model?: string;
  /** The message about a compaction that is over. */
  compacted?: string;
  fields: SeenFields;
  /** Earlier messages that were taken back, and how many of them were prompts. */
  dropped: { messages: string[]; prompts: number };
  /** What it says of the session itself, in the order of the file. */
  asides: TranscriptEvent[];
  /** The newest line of it that has a time, milliseconds since 1970. */
  stamp: number;
}

/** A tool use whose outcome is not read yet. */
interface Begun {
  name: string;
  input: unknown;
  stamp: number;
}

/** A message under its id. */
interface Named {
  id: string;
  make: MakeMessage;
}

/** More than are between a tool use and its result. */
const MAX_BEGUN = 512;
/** What the model is given of a tool that printed nothing. */
const SILENT = /^\(.* completed with no output\)$/;
/** Messages whose place is remembered. */
const MAX_PLACES = 4096;

/** Reads the reports of one file. */
export class TranscriptMessages {
  readonly #sessionId: string;
  readonly #agent: string | null;
  readonly #ids: TranscriptIds;
  readonly #usage = new TranscriptUsage();
  readonly #begun = new Map<string, Begun>();
  /** Messages by the line that they come from. */
  readonly #ofLine = new Map<string, string[]>();
  /** Messages and the one before each. */
  readonly #places = new Map<string, string | null>();
  /** The newest that has a place. */
  #newest: string | null = null;
  #command: { id: string; make: () => Message } | null = null;
  #unanswered: (Named & { turn: string | null }) | null = null;
  #compacted: ReportOf<'compacted'> | null = null;
  #isNamedByPerson = false;

  /** @param agent  the subagent whose file it is; null for the main one */
  constructor(sessionId: string, agent: string | null = null) {
    this.#sessionId = sessionId;
    this.#agent = agent;
    this.#ids = new TranscriptIds(sessionId, agent !== null);
  }

  /** What these reports say; null when it is nothing. */
  take(reports: readonly TranscriptReport[]): TranscriptPiece | null {
    const made = new Map<string, MakeMessage>();
    const dropped = { messages: [], prompts: 0 };
    const piece: TranscriptPiece = {
      dropped,
      messages: [],
      behind: this.#newest,
      asides: [],
      fields: {},
      stamp: 0,
    };
    let isNew = false;
    for (const report of reports) {
      piece.stamp = Math.max(piece.stamp, report.stamp);
      if (report.what === 'rewound') isNew = this.#rewind(report, made, piece) || isNew;
      const message = this.#message(report);
      if (message !== null) this.#noteLine(report, message.id);
      if (message !== null && report.what === 'notice') piece.compacted = message.id;
      const answered = this.#answeredBy(report);
      if (answered !== null) this.#add(made, answered, piece);
      if (message !== null) this.#add(made, message, piece);
      const aside = asideOf(report);
      if (aside !== null) piece.asides.push(aside);
      isNew = this.#note(report, piece) || message !== null || aside !== null || isNew;
    }
    piece.messages = [...made.values()];
    return isNew ? piece : null;
  }

  #noteLine({ message: line }: TranscriptReport, id: string): void {
    if (line === null) return;
    const ids = this.#ofLine.get(line);
    if (ids === undefined) this.#ofLine.set(line, [id]);
    else ids.push(id);
  }

  /** What stood in lines that left the conversation leaves it too. */
  #rewind(
    { to, gone }: ReportOf<'rewound'>,
    made: Map<string, MakeMessage>,
    { dropped }: TranscriptPiece,
  ): boolean {
    const ids = new Set(gone.flatMap((line) => this.#ofLine.get(line) ?? []));
    for (const id of ids) {
      made.delete(id);
      this.#places.delete(id);
      dropped.messages.push(id);
      if (id.startsWith(`${this.#sessionId}:user:`)) dropped.prompts += 1;
    }
    this.#newest = (to === null ? undefined : this.#ofLine.get(to)?.at(-1)) ?? null;
    return ids.size > 0;
  }

  /** A message keeps the place at which it was first reported: a result changes its tool use, wherever the result stands. */
  #add(made: Map<string, MakeMessage>, { id, make }: Named, piece: TranscriptPiece): void {
    const isFirst = made.size === 0;
    made.set(id, make);
    if (!this.#places.has(id)) {
      this.#places.set(id, this.#newest);
      forgetOldest(this.#places, MAX_PLACES);
      this.#newest = id;
    }
    if (isFirst) piece.behind = this.#places.get(id) ?? null;
  }

  /** Figures and names; true when there was one. */
  #note(report: TranscriptReport, piece: TranscriptPiece): boolean {
    switch (report.what) {
      case 'tokens':
        if (report.agent !== this.#agent) return false;
        piece.usage = this.#usage.count(report);
        return true;
      case 'compacted':
        piece.usage = this.#usage.compact(report);
        return true;
      case 'cost':
        piece.usage = this.#usage.pay(report);
        return true;
      case 'model':
        piece.model = report.model;
        return true;
      case 'permission.mode':
        piece.fields.permission_mode = report.mode;
        return true;
      case 'title':
        if (report.by === 'model' && this.#isNamedByPerson) return false;
        this.#isNamedByPerson ||= report.by === 'person';
        piece.title = report.title;
        return true;
      default:
        return false;
    }
  }

  #message(report: TranscriptReport): Named | null {
    if (report.what === 'tool.started') return this.#toolStarted(report);
    if (report.what === 'tool.ended') return this.#toolEnded(report);
    // Older versions write what a subagent says into the file of its session.
    if (report.agent !== this.#agent) return null;
    switch (report.what) {
      case 'user.text':
        return this.#prompt(report);
      case 'assistant.text':
        return this.#words(report, report.text, false);
      case 'api.failed':
        return this.#words(report, report.text, true);
      case 'assistant.thinking':
        return this.#thought(report);
      case 'command.entered':
        return this.#entered(report);
      case 'command.output':
        return this.#printed(report);
      case 'compacted':
        this.#compacted = report;
        return null;
      case 'notice':
        return report.origin === 'summary' ? this.#compaction(report) : null;
      default:
        return null;
    }
  }

  #prompt(report: ReportOf<'user.text'>) {
    const id = this.#ids.ofPrompt(report, report.prompt);
    const base = this.#entry(report, id, 'user', report.text);
    const make: MakeMessage = (keep) => withImages(base, report.images, keep);
    return { id, make };
  }

  #words(report: TranscriptReport, content: string, is_error: boolean) {
    const id = this.#ids.ofWords(report, content);
    const message = { ...this.#entry(report, id, 'assistant', content), is_error };
    return { id, make: () => message };
  }

  /** A compaction is reported when its summary is behind it, which names the prompt that hooks name too. */
  #compaction(report: ReportOf<'notice'>) {
    const { trigger = null, before = null, after = null } = this.#compacted ?? {};
    this.#compacted = null;
    const id = this.#ids.ofCompaction(report);
    const figures = before === null ? '' : `${before} tokens became ${after ?? 'fewer'}.`;
    const output = [figures, report.text].filter((part) => part !== '').join('\n\n');
    const about = { id, session_id: this.#sessionId, trigger, isOver: true };
    const message = { ...compactionMessage(about, timeOf(report.stamp)), tool_output: output };
    return { id, make: () => message };
  }

  #thought(report: ReportOf<'assistant.thinking'>) {
    const { text, durationMs } = report;
    if (text === '' && durationMs === null) return null;
    const id = this.#ids.ofLine(report);
    const message = this.#entry(report, id, 'thinking', text);
    return { id, make: () => ({ ...message, duration_ms: durationMs }) };
  }

  #toolStarted({ tool, name, input, stamp, agent }: ReportOf<'tool.started'>) {
    this.#begun.set(tool, { name, input, stamp });
    forgetOldest(this.#begun, MAX_BEGUN);
    const hook = this.#hookOf(tool, { name, input, stamp }, agent);
    const message = startedToolMessage(hook, toolUseOf(hook), timeOf(stamp));
    return { id: message.id, make: () => message };
  }

  #toolEnded(report: ReportOf<'tool.ended'>) {
    const { tool, outcome, text, images, agent } = report;
    const begun = this.#begun.get(tool);
    this.#begun.delete(tool);
    // Its beginning is in another file, or is not to be read any more: a hook may have reported it.
    const use = begun ?? { name: 'unknown', input: {}, stamp: report.stamp };
    const response = report.result ?? [{ type: 'text', text }, ...images.map(blockOf)];
    const hook = { ...this.#hookOf(tool, use, agent), tool_response: response };
    const receipt = { at: timeOf(use.stamp) };
    const make: MakeMessage = (keep) => {
      const kept = { ...receipt, keep };
      if (outcome !== 'done') return failedToolMessage(hook, toolUseOf(hook), kept, text).message;
      const { message } = finishedToolMessage(hook, toolUseOf(hook), kept);
      // The structured result of a command in the background is empty; what the model was given says where it runs.
      const isSilent = message.tool_output === '' && !message.images && !SILENT.test(text);
      return isSilent ? { ...message, tool_output: text } : message;
    };
    return { id: `${this.#sessionId}:${tool}`, make };
  }

  #hookOf(tool: string, { name, input }: Begun, agent: string | null): Hook {
    return {
      session_id: this.#sessionId,
      tool_name: name,
      tool_input: input,
      tool_use_id: tool,
      ...(agent !== null && { agent_id: agent }),
    } as Hook;
  }

  /**
   * A command of the shell is shown as one. A command of the CLI is a prompt only if the model answers to it;
   * most, such as `/exit`, are for the CLI alone.
   */
  #entered(report: ReportOf<'command.entered'>): Named | null {
    const { command, shell, turn } = report;
    // Typed while the model works on a prompt: the answer is to that.
    if (!shell && this.#ids.hasPrompt(turn)) return null;
    const id = shell ? this.#ids.ofPrompt(report, turn) : this.#ids.ofCommand(report);
    const message = this.#entry(report, id, shell ? 'shell' : 'user', command);
    const reported = { id, make: () => message };
    this.#command = shell ? reported : null;
    this.#unanswered = shell ? null : { ...reported, turn };
    return shell ? reported : null;
  }

  /** The command that the model answers with this. */
  #answeredBy({ what, turn, agent }: TranscriptReport): Named | null {
    const command = this.#unanswered;
    const isAnswer = what.startsWith('assistant.') || what === 'tool.started';
    if (command === null || !isAnswer || agent !== this.#agent || command.turn !== turn)
      return null;
    this.#unanswered = null;
    return command;
  }

  #printed({ text, error, shell }: ReportOf<'command.output'>) {
    const command = this.#command;
    if (!shell || command === null) return null;
    const output = [text, error].filter((part) => part !== '').join('\n');
    const message = { ...command.make(), tool_output: output };
    return { id: command.id, make: () => message };
  }

  #entry(report: TranscriptReport, id: string, message_type: MessageType, content: string) {
    const timestamp = timeOf(report.stamp);
    const message = entry({ id, session_id: this.#sessionId, message_type, content, timestamp });
    return this.#agent === null ? message : { ...message, agent_id: this.#agent };
  }
}

function timeOf(stamp: number): string {
  return new Date(stamp).toISOString();
}
