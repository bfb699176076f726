/**
 * Codex's notifications as reports about the session: turns, items, texts that come in pieces, tokens,
 * plans and diffs. Remembers what is open, and nothing of the conversation. Notifications it does not know
 * change nothing.
 */
import type { Message } from '../../../protocol/nouns.ts';
import type { House, OpenText, Report } from '../../port.ts';
import type { ServerNotification } from '../protocol/generated/ServerNotification.ts';
import type { ThreadItem } from '../protocol/generated/v2/ThreadItem.ts';
import type { ThreadTokenUsage } from '../protocol/generated/v2/ThreadTokenUsage.ts';
import type { Turn } from '../protocol/generated/v2/Turn.ts';
import type { TurnError } from '../protocol/generated/v2/TurnError.ts';
import { entry, messageIdOf, saidBy, textFrom, toolEntry, toolFrom } from './items.ts';
import { fieldsFrom } from './policies.ts';
import { wordsOfTurnError } from './troubles.ts';

type ParamsOf<Method extends ServerNotification['method']> = Extract<
  ServerNotification,
  { method: Method }
>['params'];

/** The commit of what was reported; null when nothing was. */
export type Stored = Promise<boolean> | null;

/** The reports of one attached thread. */
export interface Reports {
  /** Takes one notification; settles when what it caused is committed. */
  notified(notification: ServerNotification): Stored;
  /** The newest item that began, did not end and fits, such as the patch that asks for leave. */
  findOpen(fits: (item: ThreadItem) => boolean): ThreadItem | null;
  /** The process is gone: what was shown of open texts is committed, as far as it came. */
  cut(): void;
}

/** Usage when Codex names no window (contract.md 4.1). */
const DEFAULT_WINDOW = 200_000;

/** @param confirmed  hears of every message of ours that reached the model */
export function createReports(deps: {
  sessionId: string;
  house: House;
  confirmed: (messageId: string, turnId: string) => void;
}): Reports {
  const { sessionId, house } = deps;
  const items = new Map<string, { item: ThreadItem; turnId: string }>();
  const texts = new Map<string, OpenText>();
  let turn: { id: string; diff: string | null; error: TurnError | null } | null = null;

  const report = (event: Report) => house.report(event);
  const timeOf = (ms: number | null | undefined) => new Date(ms ?? house.nowMs()).toISOString();

  // ---- turns ---------------------------------------------------------------------------------------

  function turnStarted({ id }: Turn): Promise<boolean> {
    turn = { id, diff: null, error: null };
    return report({ type: 'turn.started', promptId: id, prompt: null });
  }

  function turnCompleted({ id, status, error }: Turn): Promise<boolean> {
    cut();
    const { diff = null, error: earlier = null } = turn ?? {};
    turn = null;
    const changed = diff === null || diff === '' ? {} : { diff };
    if (status === 'completed') {
      return report({ type: 'turn.completed', backgroundAgents: [], ...changed });
    }
    if (status === 'interrupted') {
      return report({ type: 'turn.aborted', reason: 'interrupted', ...changed });
    }
    const message = entry({
      id: `${sessionId}:failed:${id}`,
      session_id: sessionId,
      message_type: 'assistant',
      content: wordsOfTurnError(error ?? earlier),
      timestamp: timeOf(null),
      is_error: true,
    });
    const words = (error ?? earlier)?.message ?? 'failed';
    return report({ type: 'turn.failed', error: words, message, turnId: id, ...changed });
  }

  function diffUpdated({ turnId, diff }: ParamsOf<'turn/diff/updated'>): Stored {
    // Codex repeats itself, and a diff is large.
    if (turn?.id !== turnId || turn.diff === diff) return null;
    turn.diff = diff;
    return report({ type: 'diff.updated', diff: diff === '' ? null : diff });
  }

  // ---- items ---------------------------------------------------------------------------------------

  function itemStarted({ item, turnId, startedAtMs }: ParamsOf<'item/started'>): Stored {
    items.set(item.id, { item, turnId });
    if (item.type === 'userMessage') return userSaid(item, turnId, startedAtMs);
    if (item.type === 'contextCompaction') return report({ type: 'compaction.started' });
    const tool = toolFrom(item);
    // What is complete at once is reported when it is over.
    if (!tool || tool.outcome !== null) return null;
    const message = toolEntry(tool, baseOf(item, startedAtMs));
    if (turn?.id !== turnId) return report({ type: 'message.added', message, turnId });
    return report({
      type: 'tool.started',
      tool: useOf(item, tool.name),
      agentType: null,
      message,
      turnId,
    });
  }

  function itemCompleted({ item, turnId, completedAtMs }: ParamsOf<'item/completed'>): Stored {
    const wasOpen = items.delete(item.id);
    if (item.type === 'userMessage') {
      return wasOpen ? null : userSaid(item, turnId, completedAtMs);
    }
    if (item.type === 'contextCompaction') return report({ type: 'compaction.finished' });
    const said = textFrom(item);
    if (said) return textCompleted(item, said, { turnId, at: completedAtMs });
    const tool = toolFrom(item);
    if (!tool) return null;
    const message = toolEntry(tool, baseOf(item, completedAtMs));
    const update = changeOf(message);
    if (turn?.id !== turnId) {
      // A command that outlived its turn: its outcome is shown, and nothing works because of it.
      if (wasOpen) return report({ type: 'message.changed', update });
      return report({ type: 'message.added', message, turnId });
    }
    return report({
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

  function userSaid(
    item: Extract<ThreadItem, { type: 'userMessage' }>,
    turnId: string,
    atMs: number,
  ): Stored {
    if (item.clientId !== null) {
      deps.confirmed(item.clientId, turnId);
      return report({ type: 'message.confirmed', messageId: item.clientId, turnId });
    }
    const { text, images } = saidBy(item.content);
    const shown = images.length > 0 ? { images } : {};
    const base = baseOf(item, atMs);
    const message = entry({ ...base, message_type: 'user', content: text, ...shown });
    return report({ type: 'message.added', message, turnId });
  }

  function textCompleted(
    item: ThreadItem,
    said: NonNullable<ReturnType<typeof textFrom>>,
    { turnId, at }: { turnId: string; at: number },
  ): Stored {
    const open = texts.get(item.id);
    if (open) {
      texts.delete(item.id);
      open.close();
      const content = said.text === '' ? open.text() : said.text;
      const messageId = messageIdOf(sessionId, item.id);
      return report({ type: 'message.changed', update: { messageId, changes: { content } } });
    }
    if (said.text === '') return null;
    const message = entry({ ...baseOf(item, at), message_type: said.type, content: said.text });
    return report({ type: 'message.added', message, turnId });
  }

  function textGrew(
    type: 'assistant' | 'thinking',
    { itemId, turnId, delta }: { itemId: string; turnId: string; delta: string },
  ): Stored {
    const open = texts.get(itemId);
    if (open) {
      open.push(delta);
      return null;
    }
    if (delta === '') return null;
    const base = { id: messageIdOf(sessionId, itemId), session_id: sessionId };
    const message = entry({ ...base, message_type: type, content: delta, timestamp: timeOf(null) });
    const shown = report({ type: 'message.added', message, turnId, isOpen: true });
    texts.set(itemId, house.stream(message.id, delta, shown));
    return shown;
  }

  function cut(): void {
    for (const [itemId, open] of texts) {
      open.close();
      const update = {
        messageId: messageIdOf(sessionId, itemId),
        changes: { content: open.text() },
      };
      void report({ type: 'message.changed', update });
    }
    texts.clear();
  }

  function baseOf(
    item: ThreadItem,
    atMs: number,
  ): Pick<Message, 'id' | 'session_id' | 'timestamp'> {
    return { id: messageIdOf(sessionId, item.id), session_id: sessionId, timestamp: timeOf(atMs) };
  }

  return {
    cut,
    findOpen: (fits) => [...items.values()].findLast(({ item }) => fits(item))?.item ?? null,
    notified({ method, params }) {
      switch (method) {
        case 'turn/started':
          return turnStarted(params.turn);
        case 'turn/completed':
          return turnCompleted(params.turn);
        case 'turn/diff/updated':
          return diffUpdated(params);
        case 'turn/plan/updated':
          return report({ type: 'plan.updated', plan: planText(params.plan) });
        case 'item/started':
          return itemStarted(params);
        case 'item/completed':
          return itemCompleted(params);
        case 'item/agentMessage/delta':
        case 'item/plan/delta':
          return textGrew('assistant', params);
        case 'item/reasoning/summaryTextDelta':
          return textGrew('thinking', params);
        case 'item/reasoning/summaryPartAdded':
          texts.get(params.itemId)?.push('\n\n');
          return null;
        case 'thread/tokenUsage/updated':
          return report({ type: 'usage.updated', usage: usageFrom(params.tokenUsage) });
        case 'thread/name/updated':
          return report({ type: 'name.updated', name: params.threadName ?? null });
        case 'thread/settings/updated': {
          const { model, effort, approvalPolicy, sandboxPolicy: sandbox } = params.threadSettings;
          const fields = fieldsFrom({ model, effort, approvalPolicy, sandbox });
          return report({ type: 'fields.updated', fields });
        }
        case 'model/rerouted':
          return report({ type: 'fields.updated', fields: { model: params.toModel } });
        case 'error':
          if (!params.willRetry && turn?.id === params.turnId) turn.error = params.error;
          return null;
        default:
          return null;
      }
    },
  };
}

/** What tells a tool use from others: its item's id says it all. */
function useOf(item: ThreadItem, name: string) {
  return { toolUseId: item.id, agentId: null, name, digest: item.id };
}

function changeOf({ id: messageId, tool_output, is_error, duration_ms }: Message) {
  return {
    messageId,
    changes: {
      tool_output: tool_output ?? '',
      is_error,
      ...(duration_ms !== null && { duration_ms }),
    },
  };
}

/** The app reads an array of steps, nothing around it (contract.md 9.4 no. 15). */
function planText(plan: ParamsOf<'turn/plan/updated'>['plan']): string {
  return JSON.stringify(plan.map(({ step, status }) => ({ step, status })));
}

/** Of the last request, which is what fills the window. After a compaction only its total is known. */
function usageFrom({ last, modelContextWindow }: ThreadTokenUsage) {
  const isEstimate = last.inputTokens === 0 && last.outputTokens === 0;
  return {
    input_tokens: isEstimate ? last.totalTokens : last.inputTokens,
    output_tokens: last.outputTokens,
    cached_tokens: last.cachedInputTokens,
    context_window: modelContextWindow ?? DEFAULT_WINDOW,
  };
}
