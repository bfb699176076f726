/**
 * What a rollout reports as events of its session: turns as they begin and end, and between them the conversation.
 * Every message has the id that Codex gives its item, so that other sources report the same one.
 */
import type { SeenFields, SessionEvent } from '../../../../machines/session-events.ts';
import type { ApprovalRequest, ImageInput, Message, TokenUsage } from '../../../protocol/nouns.ts';
import type { KeepImage, TranscriptEvent } from '../../reports.ts';
import type { TailPosition } from '../../shared/lines.ts';
import type { ThreadItem } from '../protocol/generated/v2/ThreadItem.ts';
import type { TurnError } from '../protocol/generated/v2/TurnError.ts';
import { messageFrom, messageIdOf, Subagents, wordsIdOf } from '../thread/items.ts';
import { SANDBOX_MODES } from '../thread/threads.ts';
import { failedMessage } from '../thread/turn-control.ts';
import { type Json, number, object, string } from './rollout-items.ts';
import type { RolloutReport } from './rollout-parser.ts';

type ReportOf<What extends RolloutReport['what']> = Extract<RolloutReport, { what: What }>;
type MakeEvent = TranscriptEvent['event'];
type MakeMessage = (keep: KeepImage) => Message;

/** Messages and figures of one turn that were not handed on yet. */
interface Piece {
  turn: string | null;
  messages: MakeMessage[];
  behind: string | null;
  usage: TokenUsage | null;
  model: string | null;
  fields: SeenFields;
  stamp: number;
}

/** The size of the context window when Codex names none. */
const DEFAULT_WINDOW = 200_000;

/** Makes the events of one session. */
export class RolloutEvents {
  readonly #sessionId: string;
  readonly #agents = new Subagents();
  /** The message that was reported last. */
  #newest: string | null = null;
  #events: TranscriptEvent[] = [];
  #piece: Piece;

  constructor(sessionId: string) {
    this.#sessionId = sessionId;
    this.#piece = this.#blank(null, 0);
  }

  /** Goes over what was stored before: what comes next is behind it. */
  passOver(reports: readonly RolloutReport[]): void {
    this.take(reports, null);
  }

  /**
   * The events of these reports, in their order.
   *
   * @param tail  how far the file was read for them: stored with the last of them; null for what is read again anyway
   */
  take(
    reports: readonly RolloutReport[],
    tail: (TailPosition & { path: string }) | null,
  ): TranscriptEvent[] {
    this.#events = [];
    for (const report of reports) this.#add(report);
    this.#flush(tail === null ? undefined : { source: '', ...tail });
    return this.#events;
  }

  #blank(turn: string | null, stamp: number): Piece {
    const none = { usage: null, model: null, fields: {} };
    return { turn, messages: [], behind: this.#newest, ...none, stamp };
  }

  #add(report: RolloutReport): void {
    if (report.turn !== this.#piece.turn) {
      this.#flush();
      this.#piece.turn = report.turn;
    }
    this.#piece.stamp = Math.max(this.#piece.stamp, report.stamp);
    switch (report.what) {
      case 'item':
        this.#item(report);
        return;
      case 'settings':
        this.#settings(report);
        return;
      case 'tokens':
        this.#piece.usage = usageOf(report);
        return;
      case 'limits':
        return;
      default:
        this.#flush();
        this.#send(report, this.#eventOf(report));
    }
  }

  #item({ item, at }: ReportOf<'item'>): void {
    this.#agentSeen(item, at);
    const make = messageMaker(item, { sessionId: this.#sessionId, timestamp: timeOf(at) });
    if (make === null) return;
    this.#piece.messages.push(make);
    this.#newest = idOf(item, this.#sessionId);
    if ('status' in item && item.status === 'declined') this.#declined(item.id, at);
  }

  #agentSeen(item: ThreadItem, stamp: number): void {
    const agent = this.#agents.take(item);
    if (agent === null) return;
    const { isRunning, ...of } = agent;
    const type = isRunning ? 'agent.started' : 'agent.finished';
    const event: MakeEvent = ({ at }) => ({ type, at, witness: 'transcript', ...of });
    this.#flush();
    const key = `rollout:${this.#sessionId}:agent:${item.id}`;
    this.#events.push({ stamp, key, event });
  }

  /** A person said no in the terminal: a hook may have reported that it was asked. */
  #declined(toolUseId: string, stamp: number): void {
    const key = `rollout:${this.#sessionId}:declined:${toolUseId}`;
    const event: MakeEvent = ({ at }) => ({
      ...{ type: 'decision.seen', at, witness: 'transcript', toolUseId },
      ...{ decision: 'denied', by: 'person' },
    });
    this.#flush();
    this.#events.push({ stamp, key, event });
  }

  #settings({ model, effort, cwd, approvalPolicy, sandbox }: ReportOf<'settings'>): void {
    const mode = SANDBOX_MODES.find((word) => word === sandbox);
    this.#piece.model = model;
    this.#piece.fields = {
      ...(effort !== null && { effort }),
      ...(cwd !== null && { current_cwd: cwd }),
      ...(approvalPolicy !== null && { approval_policy: approvalPolicy }),
      ...(mode && { sandbox_mode: mode }),
    };
  }

  #send({ stamp, turn, what }: RolloutReport, { event, part }: { event: MakeEvent; part: string }) {
    const key = `rollout:${this.#sessionId}:${turn ?? stamp}:${what}${part}`;
    this.#events.push({ stamp, key, event });
  }

  #eventOf(report: Exclude<RolloutReport, { what: 'item' | 'settings' | 'tokens' | 'limits' }>): {
    event: MakeEvent;
    part: string;
  } {
    const witness = 'transcript' as const;
    const { turn, stamp } = report;
    const of = (make: MakeEvent, part = '') => ({ event: make, part });
    switch (report.what) {
      case 'turn.started':
        return of(({ at }) => ({
          ...{ type: 'turn.started', at, witness },
          ...{ promptId: turn, prompt: null },
        }));
      case 'turn.ended': {
        const backgroundAgents = this.#agents.running;
        return of(({ at }) =>
          report.how === 'completed'
            ? { type: 'turn.completed', at, witness, backgroundAgents }
            : { type: 'turn.aborted', at, witness, reason: 'interrupted' },
        );
      }
      case 'turn.failed': {
        const message = failedMessage(errorOf(report), {
          ...{ sessionId: this.#sessionId, turnId: turn ?? String(stamp) },
          timestamp: timeOf(stamp),
        });
        const { error } = report;
        return of(({ at }) => ({ type: 'turn.failed', at, witness, error, message }));
      }
      case 'compacted':
        return of(({ at }) => ({ type: 'compaction.finished', at, witness }), `:${stamp}`);
      case 'question': {
        const { call } = report;
        const request = requestOf(report, this.#sessionId);
        const tool = { agentId: null, name: 'AskUserQuestion', digest: call };
        const about = { request, tool, toolUseId: call, server: null };
        return of(({ at }) => ({ type: 'approval.requested', at, witness, ...about }), `:${call}`);
      }
      case 'answered': {
        const requestId = requestIdOf(this.#sessionId, report.call);
        const about = { requestId, server: null, decision: 'answered' } as const;
        const part = `:${report.call}`;
        return of(({ at }) => ({ type: 'approval.resolved', at, witness, ...about }), part);
      }
    }
  }

  /** What has gathered, as one event; with a position also where nothing has. */
  #flush(tail?: Extract<SessionEvent, { type: 'transcript.read' }>['tail']): void {
    const { turn, messages, behind, usage, model, fields, stamp } = this.#piece;
    const isEmpty = messages.length === 0 && usage === null && model === null;
    if (isEmpty && tail === undefined) return;
    const event: MakeEvent = ({ at, keep }) => ({
      ...{ type: 'transcript.read', at, witness: 'transcript', behind, fields },
      messages: messages.map((make) => make(keep)),
      ...(turn !== null && { turnId: turn }),
      ...(usage && { usage }),
      ...(model !== null && { model }),
      ...(tail && { tail }),
    });
    this.#events.push({ stamp, key: null, event });
    this.#piece = this.#blank(turn, stamp);
  }
}

/** The message of a finished item, with the images that it shows; null for what shows nothing. */
function messageMaker(
  item: ThreadItem,
  about: { sessionId: string; timestamp: string },
): MakeMessage | null {
  if (messageFrom(item, about) === null) return null;
  const id = idOf(item, about.sessionId);
  return (keep) => {
    const images: ImageInput[] = [];
    const collect: KeepImage = (bytes) => {
      const kept = keep(bytes);
      if ('image' in kept) images.push(kept.image);
      return kept;
    };
    const message = { ...(messageFrom(item, about, collect) as Message), id };
    return images.length > 0 ? { ...message, images } : message;
  };
}

function idOf(item: ThreadItem, sessionId: string): string {
  return item.type === 'userMessage' ? wordsIdOf(sessionId, item) : messageIdOf(sessionId, item.id);
}

/** Of the last request, which is what fills the window. After a compaction only its total is known. */
export function usageOf({ last, total: inAll, window }: ReportOf<'tokens'>): TokenUsage {
  const [input, output, total] = [
    number(last.input_tokens) ?? 0,
    number(last.output_tokens) ?? 0,
    number(last.total_tokens) ?? 0,
  ];
  return {
    input_tokens: input === 0 && output === 0 ? total : input,
    output_tokens: output,
    cached_tokens: number(last.cached_input_tokens) ?? 0,
    context_window: window ?? DEFAULT_WINDOW,
    ...(inAll && totalsOf(inAll)),
  };
}

function totalsOf(inAll: Record<string, unknown>) {
  const cached = number(inAll.cached_input_tokens) ?? 0;
  return {
    total_input_tokens: Math.max(0, (number(inAll.input_tokens) ?? 0) - cached),
    total_output_tokens: number(inAll.output_tokens) ?? 0,
    cache_read_tokens: cached,
  };
}

/** A rollout has Rust's names of errors where clients get JavaScript's. */
function errorOf({ error: message, details }: ReportOf<'turn.failed'>): TurnError {
  const camel = (word: string) => word.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
  const [kind] = Object.keys(object(details) ?? {});
  const named = typeof details === 'string' ? camel(details) : null;
  const info = kind === undefined ? named : { [camel(kind)]: statusIn(object(details)?.[kind]) };
  return { message, codexErrorInfo: info, additionalDetails: null } as unknown as TurnError;
}

function statusIn(of: unknown): { httpStatusCode: number | null } {
  return { httpStatusCode: number(object(of)?.http_status_code) };
}

function requestIdOf(sessionId: string, call: string): string {
  return `${sessionId}:${call}`;
}

/** A question of the model that waits in the terminal. */
function requestOf({ call, input }: ReportOf<'question'>, session_id: string): ApprovalRequest {
  const asked = (object(input)?.questions as Json[] | undefined) ?? [];
  const questions = Array.isArray(asked) ? asked.flatMap(questionOf) : [];
  return {
    ...{ id: requestIdOf(session_id, call), session_id, type: 'question' },
    ...{ command: null, file_path: null, diff: null },
    question: questions[0]?.question ?? null,
    tool_name: 'AskUserQuestion',
    questions,
  };
}

function questionOf(value: unknown): NonNullable<ApprovalRequest['questions']> {
  const of = object(value);
  const question = string(of?.question);
  if (of === null || question === null) return [];
  const header = string(of.header);
  const options = Array.isArray(of.options) ? of.options.flatMap(optionOf) : [];
  const id = string(of.id);
  return [
    {
      ...(id !== null && { id }),
      question,
      ...(header && { header }),
      options,
      multi_select: false,
    },
  ] as NonNullable<ApprovalRequest['questions']>;
}

function optionOf(value: unknown): { label: string; description: string }[] {
  const label = string(object(value)?.label);
  if (label === null) return [];
  return [{ label, description: string(object(value)?.description) ?? '' }];
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
