/**
 * Codex's notifications as reports about the session: turns, items, texts that come in pieces, tokens,
 * plans and diffs. Remembers what is open, and nothing of the conversation. Notifications it does not know
 * change nothing.
 */
import { entry } from '../../../protocol/encode.ts';
import type { ImageInput, Message } from '../../../protocol/nouns.ts';
import type { Report, SessionPort } from '../../provider.ts';
import type { KeepImage } from '../../reports.ts';
import type { ServerNotification } from '../protocol/generated/ServerNotification.ts';
import type { ThreadItem } from '../protocol/generated/v2/ThreadItem.ts';
import type { ThreadTokenUsage } from '../protocol/generated/v2/ThreadTokenUsage.ts';
import type { Turn } from '../protocol/generated/v2/Turn.ts';
import type { TurnError } from '../protocol/generated/v2/TurnError.ts';
import {
  messageIdOf,
  Subagents,
  saidBy,
  textFrom,
  toolEntry,
  toolFrom,
  wordsIdOf,
} from './items.ts';
import { type Stored, StreamedTexts } from './streamed-texts.ts';
import { fieldsFrom } from './threads.ts';
import { failedMessage } from './turn-control.ts';

type ParamsOf<Method extends ServerNotification['method']> = Extract<
  ServerNotification,
  { method: Method }
>['params'];

/** The reports of one attached thread. */
export interface Reports {
  /** Takes one notification; settles when what it caused is committed. */
  notified(notification: ServerNotification): Stored;
  /** The newest item that began, did not end and fits, such as the patch that asks for leave. */
  findOpen(fits: (item: ThreadItem) => boolean): ThreadItem | null;
  /** The process is gone: what was shown of open texts is committed, as far as it came. */
  cut(): void;
}

/** The size of the context window when Codex names none. */
const DEFAULT_WINDOW = 200_000;

interface ReportsDeps {
  sessionId: string;
  port: SessionPort;
  /** Others write to the thread as well, and it may have been joined in the middle of a text. */
  isShared: boolean;
  /** Whether these are words of a client that this connector, or the one before it, has sent. */
  isSent: (messageId: string) => boolean;
  /** Is called for every message of ours that reached the model. */
  confirmed: (messageId: string, turnId: string) => void;
}

/** Reports of a thread that has said nothing yet. */
export function createReports(deps: ReportsDeps): Reports {
  return new ThreadReports(deps);
}

class ThreadReports implements Reports {
  readonly #deps: ReportsDeps;
  readonly #items = new Map<string, { item: ThreadItem; turnId: string }>();
  readonly #texts: StreamedTexts;
  readonly #agents = new Subagents();
  #turn: { id: string; diff: string | null; error: TurnError | null } | null = null;

  constructor(deps: ReportsDeps) {
    this.#deps = deps;
    this.#texts = new StreamedTexts({ ...deps, hasBegun: (itemId) => this.#items.has(itemId) });
  }

  cut(): void {
    this.#texts.cut();
  }

  findOpen(fits: (item: ThreadItem) => boolean): ThreadItem | null {
    return [...this.#items.values()].findLast(({ item }) => fits(item))?.item ?? null;
  }

  notified({ method, params }: ServerNotification): Stored {
    switch (method) {
      case 'turn/started':
        return this.#turnStarted(params.turn);
      case 'turn/completed':
        return this.#turnCompleted(params.turn);
      case 'turn/diff/updated':
        return this.#diffUpdated(params);
      case 'turn/plan/updated':
        return this.#report({ type: 'plan.updated', plan: planText(params.plan) });
      case 'item/started':
        return this.#itemStarted(params);
      case 'item/completed':
        return this.#itemCompleted(params);
      case 'item/agentMessage/delta':
      case 'item/plan/delta':
        return this.#texts.grew('assistant', params);
      case 'item/reasoning/summaryTextDelta':
        return this.#texts.grew('thinking', params);
      case 'item/reasoning/summaryPartAdded':
        this.#texts.part(params.itemId);
        return null;
      case 'thread/tokenUsage/updated':
        return this.#report({ type: 'usage.updated', usage: usageFrom(params.tokenUsage) });
      case 'thread/name/updated':
        return this.#report({ type: 'name.updated', name: params.threadName ?? null });
      case 'thread/settings/updated': {
        const { model, effort, approvalPolicy, sandboxPolicy: sandbox } = params.threadSettings;
        const fields = fieldsFrom({ model, effort, approvalPolicy, sandbox });
        return this.#report({ type: 'fields.updated', fields });
      }
      case 'model/rerouted':
        return this.#report({ type: 'fields.updated', fields: { model: params.toModel } });
      case 'error':
        if (!params.willRetry && this.#turn?.id === params.turnId) this.#turn.error = params.error;
        return null;
      default:
        return null;
    }
  }

  #report(event: Report) {
    return this.#deps.port.report(event);
  }

  #timeOf(ms: number | null | undefined) {
    return new Date(ms ?? this.#deps.port.nowMs()).toISOString();
  }

  // ---- turns ---------------------------------------------------------------------------------------

  #turnStarted({ id }: Turn): Promise<boolean> {
    this.#turn = { id, diff: null, error: null };
    return this.#report({ type: 'turn.started', promptId: id, prompt: null });
  }

  #turnCompleted({ id, status, error }: Turn): Promise<boolean> {
    this.cut();
    const { diff = null, error: earlier = null } = this.#turn ?? {};
    this.#turn = null;
    const changed = diff === null || diff === '' ? {} : { diff };
    if (status === 'completed') {
      return this.#report({
        type: 'turn.completed',
        backgroundAgents: this.#agents.running,
        ...changed,
      });
    }
    if (status === 'interrupted') {
      return this.#report({ type: 'turn.aborted', reason: 'interrupted', ...changed });
    }
    const { sessionId } = this.#deps;
    const about = { sessionId, turnId: id, timestamp: this.#timeOf(null) };
    const message = failedMessage(error ?? earlier, about);
    const words = (error ?? earlier)?.message ?? 'failed';
    return this.#report({ type: 'turn.failed', error: words, message, turnId: id, ...changed });
  }

  #diffUpdated({ turnId, diff }: ParamsOf<'turn/diff/updated'>): Stored {
    // Codex repeats itself, and a diff is large.
    if (this.#turn?.id !== turnId || this.#turn.diff === diff) return null;
    this.#turn.diff = diff;
    return this.#report({ type: 'diff.updated', diff: diff === '' ? null : diff });
  }

  // ---- items ---------------------------------------------------------------------------------------

  #itemStarted({ item, turnId, startedAtMs }: ParamsOf<'item/started'>): Stored {
    this.#items.set(item.id, { item, turnId });
    if (item.type === 'userMessage') return this.#userSaid(item, turnId, startedAtMs);
    if (item.type === 'contextCompaction') return this.#report({ type: 'compaction.started' });
    const tool = toolFrom(item);
    // What is complete at once is reported when it is over.
    if (!tool || tool.outcome !== null) return null;
    const message = toolEntry(tool, this.#baseOf(item, startedAtMs));
    if (this.#turn?.id !== turnId) return this.#report({ type: 'message.added', message, turnId });
    return this.#report({
      type: 'tool.started',
      tool: useOf(item, tool.name),
      agentType: null,
      message,
      turnId,
    });
  }

  #itemCompleted({ item, turnId, completedAtMs }: ParamsOf<'item/completed'>): Stored {
    const wasOpen = this.#items.delete(item.id);
    if (item.type === 'userMessage') {
      return wasOpen ? null : this.#userSaid(item, turnId, completedAtMs);
    }
    if (item.type === 'contextCompaction') return this.#report({ type: 'compaction.finished' });
    this.#agentSeen(item);
    const said = textFrom(item);
    if (said)
      return this.#texts.completed(item.id, said, { turnId, at: this.#timeOf(completedAtMs) });
    const { keep, addTo } = this.#images();
    const tool = toolFrom(item, keep);
    if (!tool) return null;
    const message = toolEntry(tool, this.#baseOf(item, completedAtMs));
    const update = changeOf(message);
    void addTo(message.id);
    if (this.#turn?.id !== turnId) {
      // A command that outlived its turn: its outcome is shown, and nothing works because of it.
      if (wasOpen) return this.#report({ type: 'message.changed', update });
      return this.#report({ type: 'message.added', message, turnId });
    }
    return this.#report({
      type: 'tool.finished',
      tool: useOf(item, tool.name),
      agentType: null,
      outcome: tool.outcome ?? 'failed',
      launched: null,
      message,
      update,
      turnId,
    });
  }

  #agentSeen(item: ThreadItem): void {
    const agent = this.#agents.take(item);
    if (agent === null) return;
    const { isRunning, ...of } = agent;
    void this.#report({ type: isRunning ? 'agent.started' : 'agent.finished', ...of });
  }

  /** Keeps images of a result: it is shown at once, they are added to its message once they are stored. */
  #images(): { keep: KeepImage; addTo(messageId: string): Promise<void> } {
    const kept: { image: ImageInput; stored: Promise<boolean> }[] = [];
    return {
      keep: (bytes) => {
        const one = this.#deps.port.keep(bytes);
        if ('image' in one) kept.push(one);
        return one;
      },
      addTo: async (messageId) => {
        const stored = await Promise.all(kept.map((one) => one.stored));
        const images = kept.filter((_, n) => stored[n]).map(({ image }) => image);
        if (images.length === 0) return;
        const update = { messageId, changes: { images } };
        await this.#report({ type: 'message.changed', update });
      },
    };
  }

  #userSaid(
    item: Extract<ThreadItem, { type: 'userMessage' }>,
    turnId: string,
    atMs: number,
  ): Stored {
    const { clientId } = item;
    this.#texts.drop();
    const isOurs = clientId !== null && (!this.#deps.isShared || this.#deps.isSent(clientId));
    if (isOurs) {
      this.#deps.confirmed(clientId, turnId);
      return this.#report({ type: 'message.confirmed', messageId: clientId, turnId });
    }
    const { text, images } = saidBy(item.content);
    const shown = images.length > 0 ? { images } : {};
    // Those of a server like this one may be of this one before it was started anew: the same message.
    const base = { ...this.#baseOf(item, atMs), id: wordsIdOf(this.#deps.sessionId, item) };
    const message = entry({ ...base, message_type: 'user', content: text, ...shown });
    return this.#report({ type: 'message.added', message, turnId });
  }

  #baseOf(item: ThreadItem, atMs: number): Pick<Message, 'id' | 'session_id' | 'timestamp'> {
    return {
      id: messageIdOf(this.#deps.sessionId, item.id),
      session_id: this.#deps.sessionId,
      timestamp: this.#timeOf(atMs),
    };
  }
}

/** What distinguishes a tool use from others: its item's id is enough. */
function useOf(item: ThreadItem, name: string) {
  return { toolUseId: item.id, agentId: null, name, digest: item.id };
}

function changeOf({ id: messageId, content, tool_output, is_error, duration_ms }: Message) {
  return {
    messageId,
    changes: {
      // Repeated, because the app reads a duration only beside a content.
      content,
      tool_output: tool_output ?? '',
      is_error,
      ...(duration_ms !== null && { duration_ms }),
    },
  };
}

/** The app reads an array of steps, nothing around it. */
function planText(plan: ParamsOf<'turn/plan/updated'>['plan']): string {
  return JSON.stringify(plan.map(({ step, status }) => ({ step, status })));
}

/** Of the last request, which is what fills the window. After a compaction only its total is known. */
function usageFrom({ last, total, modelContextWindow }: ThreadTokenUsage) {
  const isEstimate = last.inputTokens === 0 && last.outputTokens === 0;
  return {
    input_tokens: isEstimate ? last.totalTokens : last.inputTokens,
    output_tokens: last.outputTokens,
    cached_tokens: last.cachedInputTokens,
    context_window: modelContextWindow ?? DEFAULT_WINDOW,
    total_input_tokens: Math.max(0, total.inputTokens - total.cachedInputTokens),
    total_output_tokens: total.outputTokens,
    cache_read_tokens: total.cachedInputTokens,
  };
}
