/**
 * What a session orders its thread to do, as requests of the engine. Requests about turns go one after the
 * other; words go to the provider once at most. What fails is said in the conversation.
 */
import type { Order } from '../../../../machines/session-types.ts';
import type { House } from '../../port.ts';
import type { Engine } from '../engine/engine.ts';
import { inputOf, textInput } from './input.ts';
import { entry } from './items.ts';
import { approvalPolicyOf, sandboxPolicyOf } from './policies.ts';
import { cutBeforeTurns } from './threads.ts';
import { reasonOf } from './troubles.ts';
import type { TurnControl } from './turn-control.ts';

type OrderOf<Type extends Order['type']> = Extract<Order, { type: Type }>;

/** What became of a client's words, as the app shows it beside them. */
type Fate = 'queued' | 'delivered' | 'fallback' | 'failed' | 'unknown';

/** The orders of one open thread, and what they show. */
export interface Orders {
  take(order: Order): void;
  /** The model has read a client's message. */
  confirmed(messageId: string): void;
  /** The turn is over: what was steered into it and not read is lost. */
  turnEnded(): void;
  /** Says in the conversation what went wrong. */
  trouble(words: string): void;
  /** From here on nothing more is said or done. */
  mute(): void;
}

interface OrdersDeps {
  sessionId: string;
  engine: Pick<Engine, 'request'>;
  house: Pick<House, 'report' | 'nowMs'>;
  threadId: string;
  turns: TurnControl;
}

/** Orders over one thread. */
export function createOrders(deps: OrdersDeps): Orders {
  const { sessionId, engine, house, threadId, turns } = deps;
  /** Steered messages that the model has not read yet. */
  const steers = new Set<string>();
  let chain: Promise<void> = Promise.resolve();
  let isMute = false;

  function queue(act: () => Promise<void>): void {
    chain = chain.then(async () => {
      if (!isMute) await act();
    });
  }

  // ---- words ---------------------------------------------------------------------------------------

  /** Begins a turn, or joins the one that runs: Codex takes both for the same. */
  async function start(order: OrderOf<'turn.run'>): Promise<void> {
    await turns.calm();
    const expected = turns.expect();
    const { messageId: clientUserMessageId, model, effort } = order;
    try {
      const { turn } = await engine.request('turn/start', {
        threadId,
        clientUserMessageId,
        input: inputOf(order),
        ...(model !== undefined && { model }),
        ...(effort !== undefined && { effort }),
      });
      expected.isTurn(turn.id);
    } catch (error) {
      expected.isOff();
      throw error;
    }
  }

  async function run(order: OrderOf<'turn.run'>): Promise<void> {
    try {
      await start(order);
    } catch (error) {
      undelivered(order.messageId, error);
    }
  }

  async function steer({ messageId, content }: OrderOf<'turn.steer'>): Promise<void> {
    await turns.calm();
    await turns.begun();
    const turnId = turns.activeId;
    try {
      if (turnId === null) {
        const bare = { skills: [], images: [], mentions: [] };
        await start({ type: 'turn.run', messageId, content, ...bare });
        show(messageId, 'fallback');
        return;
      }
      steers.add(messageId);
      await engine.request('turn/steer', {
        threadId,
        expectedTurnId: turnId,
        clientUserMessageId: messageId,
        input: [textInput(content)],
      });
      if (steers.has(messageId)) show(messageId, 'queued');
    } catch (error) {
      // A turn that ended meanwhile has said so already.
      if (steers.delete(messageId) || turnId === null) undelivered(messageId, error);
    }
  }

  async function stop(): Promise<void> {
    try {
      await turns.stop();
    } catch (error) {
      trouble(`The turn could not be stopped: ${reasonOf(error)}`);
    }
  }

  // ---- what is taken back --------------------------------------------------------------------------

  async function undo(): Promise<void> {
    void house.report({ type: 'undo.started', text: null });
    const refusal = await takeBack(1);
    const text = refusal ?? 'The last turn is taken back; files on disk stay as they are';
    void house.report({ type: 'undo.completed', succeeded: refusal === null, text });
  }

  async function rollBack(count: number): Promise<void> {
    const refusal = await takeBack(count);
    if (refusal !== null) trouble(`Nothing was taken back: ${refusal}`);
  }

  /** Null when it worked, else why not. */
  async function takeBack(count: number): Promise<string | null> {
    try {
      if (turns.isBusy) await turns.stop();
      const cut = await cutBeforeTurns(engine, threadId, count);
      if (!cut) return `the thread has fewer than ${count} turns`;
      const { beforeTurnId, turnIds, lastMessage } = cut;
      await engine.request('thread/revert', { threadId, beforeTurnId });
      void house.report({ type: 'thread.rolledBack', turns: count, turnIds, lastMessage });
      return null;
    } catch (error) {
      return reasonOf(error);
    }
  }

  // ---- the rest ------------------------------------------------------------------------------------

  /** Words cannot join a compaction: those that are sent meanwhile wait for its end in the chain. */
  async function compact(): Promise<void> {
    const expected = turns.expect();
    await attempt('The context was not compacted', async () => {
      try {
        await engine.request('thread/compact/start', { threadId });
        await turns.over();
      } catch (error) {
        expected.isOff();
        throw error;
      }
    });
  }

  async function update({ settings }: OrderOf<'settings.update'>): Promise<void> {
    const approvalPolicy = approvalPolicyOf(settings.approvalPolicy);
    const sandboxPolicy = sandboxPolicyOf(settings.sandboxMode);
    await attempt('Codex did not take the new settings', () =>
      engine.request('thread/settings/update', {
        threadId,
        ...(approvalPolicy !== null && { approvalPolicy }),
        ...(sandboxPolicy !== null && { sandboxPolicy }),
      }),
    );
  }

  async function rename({ name }: OrderOf<'thread.rename'>): Promise<void> {
    await attempt('Codex did not take the new name', () =>
      engine.request('thread/name/set', { threadId, name }),
    );
  }

  async function attempt(failure: string, act: () => Promise<unknown>): Promise<void> {
    try {
      await act();
    } catch (error) {
      trouble(`${failure}: ${reasonOf(error)}`);
    }
  }

  // ---- what is shown -------------------------------------------------------------------------------

  function undelivered(messageId: string, error: unknown): void {
    const reason = reasonOf(error);
    // Without an answer nobody knows: it is not sent again by itself.
    show(messageId, /was not answered within/.test(reason) ? 'unknown' : 'failed', reason);
  }

  function show(messageId: string, fate: Fate, why?: string): void {
    // A lost connector says so itself, of all that was on its way.
    if (isMute) return;
    const tool_output = why === undefined ? fate : `${fate}: ${why}`;
    const changes = { tool_output, ...(why !== undefined && { is_error: true }) };
    void house.report({ type: 'message.changed', update: { messageId, changes } });
  }

  function trouble(content: string): void {
    if (isMute) return;
    const message = entry({
      id: `${sessionId}:trouble:${crypto.randomUUID()}`,
      session_id: sessionId,
      message_type: 'assistant',
      content,
      timestamp: new Date(house.nowMs()).toISOString(),
      is_error: true,
    });
    void house.report({ type: 'message.added', message });
  }

  return {
    trouble,
    mute() {
      isMute = true;
    },
    confirmed(messageId) {
      if (steers.delete(messageId)) show(messageId, 'delivered');
    },
    turnEnded() {
      for (const id of steers) show(id, 'failed', 'the turn ended before it was read');
      steers.clear();
    },
    take(order) {
      switch (order.type) {
        case 'turn.run':
          queue(() => run(order));
          break;
        case 'turn.steer':
          queue(() => steer(order));
          break;
        case 'turn.stop':
          // Not behind the others: it is about what they are doing.
          void stop();
          break;
        case 'turn.undo':
          queue(undo);
          break;
        case 'turns.rollBack':
          queue(() => rollBack(order.turns));
          break;
        case 'context.compact':
          queue(compact);
          break;
        case 'thread.rename':
          queue(() => rename(order));
          break;
        case 'settings.update':
          queue(() => update(order));
      }
    },
  };
}
