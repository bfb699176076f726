/**
 * The spans of all sessions: what went on before an event against what goes on after it. What is over is a span, whose
 * ids are made of its key, so that a restarted server goes on with the same trace.
 */
import { createHash } from 'node:crypto';
import type { ModelCall } from '../../machines/session-events.ts';
import type { SessionContext, Stamp } from '../../machines/session-types.ts';
import { redactText } from '../inspection/redact.ts';
import type { LiveSession } from '../runtime/sessions/live-session.ts';
import type { EventItem } from '../store/writer-messages.ts';
import {
  type Attributes,
  attributesOf,
  modelOf,
  NAME_CHARS,
  type OpenSpan,
  openSpansOf,
} from './open-spans.ts';

/** A span that is over. */
export interface Span {
  /** 32 and 16 hexadecimal digits. */
  readonly traceId: string;
  readonly spanId: string;
  /** Null for the root of a trace. */
  readonly parentId: string | null;
  readonly name: string;
  /** It went to another process, as a model call does. */
  readonly isCall: boolean;
  readonly from: Stamp;
  readonly to: Stamp;
  readonly attributes: Attributes;
  /** Why it failed, as one word; null where it did not. */
  readonly error: string | null;
}

/** A span that goes on, in its trace. */
interface Running extends OpenSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | null;
  /** What the session had used when it began. */
  readonly used: Used;
}

/** Tokens and money that a session has used in all. */
interface Used {
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
  usd: number;
}

/** What is remembered of a session. */
interface Followed {
  running: Map<string, Running>;
  /** The newest turn that is over: reports of its model calls come a moment later. */
  lastTurn: Pick<Span, 'traceId' | 'spanId' | 'from' | 'to'> | null;
}

/** The parts of an event in its journal form that say how something ended. */
interface Ending {
  type: string;
  outcome?: string;
  tool?: { toolUseId: string };
  call?: ModelCall;
}

/** Sessions that are followed; the one that moved longest ago is let go of first. */
const MAX_SESSIONS = 10_000;
/** How the journal's form of what a model call has cost begins. */
const COST = '{"type":"cost.added"';
/** Ends of tools and turns that are failures. */
const FAILURES: Readonly<Record<string, string>> = {
  'turn.failed': 'turn_failed',
  'link.lost': 'connection_lost',
  'link.failed': 'connection_failed',
  failed: 'tool_failed',
};

/** Follows sessions and gives what is over. */
export class SessionSpans {
  readonly #sessions = new Map<string, Followed>();

  /** A session as it is found: what goes on began before, and no event of it was seen. */
  found(live: LiveSession): void {
    this.#begin(live, this.#followed(live.id));
  }

  /** Spans that this committed event has ended. */
  moved(live: LiveSession, item: EventItem): Span[] {
    const followed = this.#followed(live.id);
    const { context } = live.head.snapshot;
    const open = this.#begin(live, followed);
    const over = [...followed.running.values()].filter(({ key }) => !open.has(key));
    if (over.length === 0 && !item.event.startsWith(COST)) return [];
    const event = JSON.parse(item.event) as Ending;
    const spans = over.map((span) => this.#end(followed, span, { at: item.at, event, context }));
    if (event.call) spans.push(callSpan(live.id, followed, event.call, { item, context }));
    return spans;
  }

  #followed(id: string): Followed {
    const known = this.#sessions.get(id) ?? { running: new Map(), lastTurn: null };
    // The order is that of the last move.
    this.#sessions.delete(id);
    this.#sessions.set(id, known);
    if (this.#sessions.size > MAX_SESSIONS) {
      this.#sessions.delete(this.#sessions.keys().next().value as string);
    }
    return known;
  }

  /** Remembers what has begun. @returns the keys of all that goes on */
  #begin({ id, head: { snapshot } }: LiveSession, { running }: Followed): Set<string> {
    const open = openSpansOf(snapshot);
    for (const span of open) {
      if (running.has(span.key)) continue;
      const parent = span.within.map((key) => running.get(key)).find((one) => one !== undefined);
      running.set(span.key, {
        ...span,
        ...idsOf([id, span.key, span.from], parent ?? null),
        used: usedBy(snapshot.context),
      });
    }
    return new Set(open.map(({ key }) => key));
  }

  #end(
    followed: Followed,
    span: Running,
    { at, event, context }: { at: Stamp; event: Ending; context: SessionContext },
  ): Span {
    const { key, kind, name, from, traceId, spanId, parentId } = span;
    const to = at < from ? from : at;
    followed.running.delete(key);
    if (kind === 'turn') followed.lastTurn = { traceId, spanId, from, to };
    const outcome = outcomeOf(span, event, context);
    return {
      ...{ traceId, spanId, parentId, name, from, to, isCall: false },
      attributes: {
        ...attributesOf(context),
        ...span.attributes,
        ...(kind === 'turn' && { ...modelOf(context), ...spentBy(span.used, usedBy(context)) }),
        ...outcome.attributes,
      },
      error: outcome.error,
    };
  }
}

/** What is said of the end of a span, and whether it is a failure. */
function outcomeOf(
  { kind, key }: Running,
  event: Ending,
  { settled }: SessionContext,
): { attributes: Attributes; error: string | null } {
  if (kind === 'request') {
    const decision = settled.find(({ requestId }) => `request ${requestId}` === key)?.decision;
    return {
      attributes: decision === undefined ? {} : { 'orbitdock.request.decision': decision },
      error: null,
    };
  }
  const isItsOwn = kind === 'turn' || (kind === 'tool' && `tool ${event.tool?.toolUseId}` === key);
  if (!isItsOwn) return { attributes: {}, error: null };
  const word = kind === 'turn' ? event.type : event.outcome;
  const error = FAILURES[word ?? ''] ?? null;
  return {
    attributes: {
      ...(word && { 'orbitdock.outcome': word }),
      ...(error && { 'error.type': error }),
    },
    error,
  };
}

/** A call of the model, as the agent's own telemetry reports it once it is over. */
function callSpan(
  id: string,
  { running, lastTurn }: Followed,
  { durationMs, model, request, agent, tokens }: ModelCall,
  { item: { key, at }, context }: { item: EventItem; context: SessionContext },
): Span {
  const from = earlier(at, durationMs);
  const turn = [...running.values()].find(({ kind }) => kind === 'turn');
  const agentSpan = running.get(`agent ${agent}`);
  const isLate = lastTurn !== null && from < lastTurn.to && lastTurn.from <= at;
  // A turn that is over, unless the call began in the one that goes on.
  const inTurn = isLate && !(turn && turn.from <= from) ? lastTurn : turn;
  const parent = agentSpan ?? (inTurn && inTurn.from <= at ? inTurn : null);
  const shown = model === null ? null : redactText(model, NAME_CHARS);
  return {
    ...idsOf([id, `call ${key}`, from], parent),
    name: shown === null ? 'chat' : `chat ${shown}`,
    ...{ from, to: at, isCall: true },
    attributes: {
      ...attributesOf(context),
      'gen_ai.operation.name': 'chat',
      ...(shown !== null && { 'gen_ai.request.model': shown }),
      ...(request !== null && { 'gen_ai.response.id': redactText(request, NAME_CHARS) }),
      'gen_ai.usage.input_tokens': tokens.input + tokens.cacheRead + tokens.cacheWrite,
      'gen_ai.usage.output_tokens': tokens.output,
      'gen_ai.usage.cache_read.input_tokens': tokens.cacheRead,
      'gen_ai.usage.cache_creation.input_tokens': tokens.cacheWrite,
    },
    error: null,
  };
}

function usedBy({ session: { token_usage: usage } }: SessionContext): Used {
  return {
    input: usage.total_input_tokens ?? 0,
    output: usage.total_output_tokens ?? 0,
    cacheRead: usage.cache_read_tokens ?? 0,
    cacheWrite: usage.cache_write_tokens ?? 0,
    usd: usage.cost_usd ?? 0,
  };
}

/** What a turn has used: only what was reported while it went on. */
function spentBy(before: Used, after: Used): Attributes {
  const grown = (name: keyof Used): number => Math.max(0, after[name] - before[name]);
  const input = grown('input') + grown('cacheRead') + grown('cacheWrite');
  return {
    ...(input > 0 && { 'gen_ai.usage.input_tokens': input }),
    ...(grown('output') > 0 && { 'gen_ai.usage.output_tokens': grown('output') }),
    ...(grown('cacheRead') > 0 && { 'gen_ai.usage.cache_read.input_tokens': grown('cacheRead') }),
    ...(grown('cacheWrite') > 0 && {
      'gen_ai.usage.cache_creation.input_tokens': grown('cacheWrite'),
    }),
    ...(grown('usd') > 0 && { 'orbitdock.cost_usd': grown('usd') }),
  };
}

/** So many milliseconds before. */
function earlier(at: Stamp, ms: number): Stamp {
  const micros = at.slice(23, 26);
  return `${new Date(Date.parse(at) - ms).toISOString().slice(0, 23)}${micros}Z`;
}

/** Ids of a span with these marks, below its parent or as the root of a trace. */
function idsOf(marks: readonly string[], parent: Pick<Span, 'traceId' | 'spanId'> | null) {
  const name = marks.join('\n');
  return {
    traceId: parent?.traceId ?? digest(`trace\n${name}`, 32),
    spanId: digest(`span\n${name}`, 16),
    parentId: parent?.spanId ?? null,
  };
}

function digest(text: string, digits: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}
