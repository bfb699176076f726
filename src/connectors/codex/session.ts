/**
 * One Codex thread as the connector of a session: orders become requests, notifications become reports.
 * Words go to the provider once at most; whatever fails is said in the conversation. The turn is in
 * turn-control.ts, what is reported in reports.ts, questions in asks.ts.
 */
import type { Decision, Order } from '../../../machines/session-types.ts';
import { OrbitError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { Connector, House } from '../port.ts';
import { type Ask, askFrom } from './asks.ts';
import type { Engine } from './engine.ts';
import { inputOf, textInput } from './input.ts';
import { entry } from './items.ts';
import { approvalPolicyOf, sandboxPolicyOf } from './policies.ts';
import type { ServerNotification } from './protocol/generated/ServerNotification.ts';
import type { ServerRequest } from './protocol/generated/ServerRequest.ts';
import { createReports, type Reports } from './reports.ts';
import { cutBeforeTurns, type OpenedThread, resumeThread, startThread } from './threads.ts';
import { reasonOf } from './troubles.ts';
import { createTurnControl, type TurnControl } from './turn-control.ts';

type OrderOf<Type extends Order['type']> = Extract<Order, { type: Type }>;
type Attach = OrderOf<'thread.attach'>;

/** What a Codex session can be ordered to do. */
export const CAPABILITIES: Order['type'][] = [
  'turn.run',
  'turn.steer',
  'turn.stop',
  'turn.undo',
  'turns.rollBack',
  'context.compact',
  'approval.answer',
  'question.answer',
  'thread.rename',
  'settings.update',
];

export interface CodexSessionDeps {
  sessionId: string;
  engine: Engine;
  house: House;
  log: Logger;
}

/** What exists once the thread is open. */
interface Open {
  threadId: string;
  turns: TurnControl;
  unlisten: () => void;
}

/** See the top of the file. */
export class CodexSession implements Connector {
  readonly attached: Promise<void>;
  readonly #deps: CodexSessionDeps;
  readonly #reports: Reports;
  readonly #asks = new Map<string, Ask>();
  /** Steered messages that the model has not read yet. */
  readonly #steers = new Set<string>();
  #open: Open | null = null;
  /** Orders that came before the thread was open. */
  #early: Order[] = [];
  /** Requests about turns go one after the other. */
  #chain: Promise<void> = Promise.resolve();
  #isOver = false;
  #isMute = false;

  /** @param attach  the order it was made for, or the thread it shall take over as it is */
  constructor(deps: CodexSessionDeps, attach: Attach | OpenedThread) {
    this.#deps = deps;
    this.#reports = createReports({
      ...deps,
      confirmed: (messageId) => {
        if (this.#steers.delete(messageId)) this.#showSteer(messageId, 'delivered');
      },
    });
    if ('type' in attach) this.attached = this.#attach(attach);
    else {
      this.#enter(attach);
      this.attached = Promise.resolve();
    }
    // Whoever waits for it hears of it; the session hears of it by `link.failed`.
    this.attached.catch(() => {});
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  take(order: Order): void {
    if (this.#isOver) return;
    if (order.type === 'thread.attach') return;
    if (order.type === 'thread.release') {
      void this.#release();
      return;
    }
    const open = this.#open;
    if (open) this.#do(order, open);
    else if (order.type === 'turn.stop') this.#forgetEarly('interrupted before it was sent');
    else this.#early.push(order);
  }

  refusalOf(order: Order): string | null {
    if (order.type !== 'approval.answer' && order.type !== 'question.answer') return null;
    const ask = this.#asks.get(order.requestId);
    if (!ask) return 'Codex does not wait for it any more';
    if (order.type === 'question.answer') {
      const answer = ask.answer(order);
      return 'refusal' in answer ? answer.refusal : null;
    }
    if (ask.decide(order.decision) !== null) return null;
    return 'it is a question; answer it with answer_question, or deny it';
  }

  close(reason: string): void {
    this.#lost(reason);
  }

  // ---- opening and letting go ----------------------------------------------------------------------

  async #attach({ threadId, settings, isBlank }: Attach): Promise<void> {
    const { engine, house } = this.#deps;
    try {
      const opened =
        threadId === null
          ? await startThread(engine, settings)
          : await resumeThread(engine, threadId, settings).catch((error: unknown) => {
              // A thread without a turn leaves no file: where nothing was said nothing is lost.
              if (isBlank && isUnknownThread(error)) return startThread(engine, settings);
              throw error;
            });
      this.#enter(opened);
      if (this.#isOver) return;
      const { fields } = opened;
      const capabilities = CAPABILITIES;
      void house.report({ type: 'link.attached', capabilities, threadId: opened.threadId, fields });
      for (const order of this.#early.splice(0)) this.take(order);
    } catch (error) {
      if (!this.#isOver) {
        this.#isOver = true;
        void house.report({ type: 'link.failed', reason: reasonOf(error) });
      }
      throw error;
    }
  }

  /** Listens in the turn in which the thread was opened: nothing of it is missed. */
  #enter({ threadId }: OpenedThread): void {
    const { engine } = this.#deps;
    const unlisten = engine.listen(threadId, {
      notified: (notification) => this.#notified(notification),
      asked: (request) => this.#asked(request),
      lost: (reason) => this.#lost(reason),
    });
    const turns = createTurnControl(engine, threadId);
    if (this.#isOver) unlisten();
    else this.#open = { threadId, turns, unlisten };
  }

  async #release(): Promise<void> {
    this.#isOver = true;
    this.#reports.cut();
    this.#isMute = true;
    const open = this.#open;
    if (!open) return;
    const { threadId, turns, unlisten } = open;
    const { engine } = this.#deps;
    await this.#try('stop', async () => {
      if (!turns.isBusy) return;
      await turns.stop();
      await engine.request('thread/backgroundTerminals/clean', { threadId });
    });
    unlisten();
    await this.#try('unsubscribe', () => engine.request('thread/unsubscribe', { threadId }));
  }

  /** For what nobody waits for any more: a failure is written down. */
  async #try(what: string, act: () => Promise<unknown>): Promise<void> {
    try {
      await act();
    } catch (error) {
      const { sessionId, log } = this.#deps;
      log.warn('codex.release_failed', { session_id: sessionId, what, error: reasonOf(error) });
    }
  }

  #lost(reason: string): void {
    // While it is being opened, the request fails and says it.
    if (this.#isOver || !this.#open) return;
    this.#isOver = true;
    this.#reports.cut();
    this.#isMute = true;
    this.#open.unlisten();
    this.#open.turns.ended();
    void this.#deps.house.report({ type: 'link.lost', reason });
  }

  // ---- what comes ----------------------------------------------------------------------------------

  #notified(notification: ServerNotification): Promise<void> | void {
    const { method, params } = notification;
    if (method === 'turn/started') this.#open?.turns.started(params.turn.id);
    if (method === 'turn/completed') this.#turnEnded(params.turn.status === 'interrupted');
    if (this.#isMute) return;
    if (method === 'serverRequest/resolved') return this.#settled(params.requestId);
    if (method === 'thread/closed') return this.#lost('Codex closed the thread');
    return this.#reports.notified(notification);
  }

  #turnEnded(wasInterrupted: boolean): void {
    this.#open?.turns.ended();
    for (const id of this.#steers)
      this.#showSteer(id, 'failed', 'the turn ended before it was read');
    this.#steers.clear();
    if (wasInterrupted && !this.#isMute) void this.#try('clean', () => this.#cleanUp());
  }

  /** An interrupt leaves the running command alive: nothing of a stopped turn goes on. */
  async #cleanUp(): Promise<void> {
    const open = this.#open;
    if (!open) return;
    const { threadId } = open;
    await this.#deps.engine.request('thread/backgroundTerminals/clean', { threadId });
  }

  #asked(request: ServerRequest): void {
    const { sessionId, house, engine } = this.#deps;
    const ask = askFrom(request, { sessionId, findOpen: this.#reports.findOpen });
    if (!ask || this.#isMute) {
      engine.respond(request.id, { decision: 'cancel', action: 'cancel' });
      return;
    }
    this.#asks.set(ask.requestId, ask);
    void house.report(ask.event);
  }

  /** The engine says that a question is settled: by us, by its turn's end, or by nobody we know. */
  #settled(id: ServerRequest['id']): Promise<void> | void {
    const ask = [...this.#asks.values()].find((open) => open.id === id);
    if (!ask) return;
    this.#asks.delete(ask.requestId);
    const { requestId } = ask;
    const event = { type: 'approval.resolved', requestId, server: null } as const;
    return this.#deps.house.report({ ...event, decision: 'cancelled' });
  }

  // ---- what is ordered -----------------------------------------------------------------------------

  #do(order: Order, open: Open): void {
    switch (order.type) {
      case 'turn.run':
        return this.#queue(() => this.#run(order, open));
      case 'turn.steer':
        return this.#queue(() => this.#steer(order, open));
      case 'turn.stop':
        return void this.#stop(open);
      case 'turn.undo':
        return this.#queue(() => this.#undo(open));
      case 'turns.rollBack':
        return this.#queue(() => this.#rollBack(order.turns, open));
      case 'context.compact':
        return this.#queue(() => this.#compact(open));
      case 'thread.rename':
        return this.#queue(() => this.#tell('rename', 'thread/name/set', { name: order.name }));
      case 'settings.update':
        return this.#queue(() => this.#update(order));
      case 'approval.answer':
      case 'question.answer':
        return this.#answer(order, open);
    }
  }

  #queue(act: () => Promise<void>): void {
    this.#chain = this.#chain.then(async () => {
      if (!this.#isOver) await act();
    });
  }

  async #run(order: OrderOf<'turn.run'>, open: Open): Promise<void> {
    try {
      await this.#start(open, order);
    } catch (error) {
      this.#undelivered(order.messageId, error);
    }
  }

  /** Begins a turn, or joins the one that runs: Codex takes both for the same. */
  async #start({ threadId, turns }: Open, order: OrderOf<'turn.run'>): Promise<void> {
    await turns.calm();
    const willNotBegin = turns.expect();
    const { messageId: clientUserMessageId, model, effort } = order;
    try {
      const { turn } = await this.#deps.engine.request('turn/start', {
        threadId,
        clientUserMessageId,
        input: inputOf(order),
        ...(model !== undefined && { model }),
        ...(effort !== undefined && { effort }),
      });
      if (turn.id === turns.activeId) willNotBegin();
    } catch (error) {
      willNotBegin();
      throw error;
    }
  }

  async #steer({ messageId, content }: OrderOf<'turn.steer'>, open: Open): Promise<void> {
    const { threadId, turns } = open;
    await turns.calm();
    await turns.begun();
    const expectedTurnId = turns.activeId;
    const isStarting = {
      type: 'turn.run',
      messageId,
      content,
      skills: [],
      images: [],
      mentions: [],
    };
    try {
      if (expectedTurnId === null) {
        await this.#start(open, isStarting as OrderOf<'turn.run'>);
        this.#showSteer(messageId, 'fallback');
        return;
      }
      this.#steers.add(messageId);
      const input = [textInput(content)];
      const params = { threadId, expectedTurnId, clientUserMessageId: messageId, input };
      await this.#deps.engine.request('turn/steer', params);
      if (this.#steers.has(messageId)) this.#showSteer(messageId, 'queued');
    } catch (error) {
      const wasWaiting = this.#steers.delete(messageId);
      // The turn ended meanwhile; its end has said so already unless it came in between.
      if (wasWaiting || expectedTurnId === null) this.#undelivered(messageId, error);
    }
  }

  async #stop({ turns }: Open): Promise<void> {
    try {
      await turns.stop();
    } catch (error) {
      this.#trouble(`The turn could not be stopped: ${reasonOf(error)}`);
    }
  }

  async #undo(open: Open): Promise<void> {
    const { house } = this.#deps;
    void house.report({ type: 'undo.started', text: null });
    const refusal = await this.#takeBack(1, open);
    const text = refusal ?? 'The last turn is taken back; files on disk stay as they are';
    void house.report({ type: 'undo.completed', succeeded: refusal === null, text });
  }

  async #rollBack(turns: number, open: Open): Promise<void> {
    const refusal = await this.#takeBack(turns, open);
    if (refusal !== null) this.#trouble(`Nothing was taken back: ${refusal}`);
  }

  /** Null when it worked, else why not. */
  async #takeBack(count: number, { threadId, turns }: Open): Promise<string | null> {
    const { engine, house } = this.#deps;
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

  async #compact({ threadId, turns }: Open): Promise<void> {
    const willNotBegin = turns.expect();
    try {
      await this.#deps.engine.request('thread/compact/start', { threadId });
    } catch (error) {
      willNotBegin();
      this.#trouble(`The context was not compacted: ${reasonOf(error)}`);
    }
  }

  async #update({ settings }: OrderOf<'settings.update'>): Promise<void> {
    const approvalPolicy = approvalPolicyOf(settings.approvalPolicy);
    const sandboxPolicy = sandboxPolicyOf(settings.sandboxMode);
    await this.#tell('settings', 'thread/settings/update', {
      ...(approvalPolicy !== null && { approvalPolicy }),
      ...(sandboxPolicy !== null && { sandboxPolicy }),
    });
  }

  async #tell<Method extends 'thread/name/set' | 'thread/settings/update'>(
    what: string,
    method: Method,
    params: Record<string, unknown>,
  ): Promise<void> {
    const threadId = this.#open?.threadId ?? '';
    try {
      await this.#deps.engine.request(method, { threadId, ...params } as never);
    } catch (error) {
      this.#trouble(`Codex did not take the new ${what}: ${reasonOf(error)}`);
    }
  }

  #answer(order: OrderOf<'approval.answer'> | OrderOf<'question.answer'>, open: Open): void {
    const ask = this.#asks.get(order.requestId);
    const result = ask && resultOf(ask, order);
    if (!ask || result === null || result === undefined) {
      this.#trouble('Your answer could not be delivered: Codex does not wait for it any more.');
      return;
    }
    this.#asks.delete(order.requestId);
    this.#deps.engine.respond(ask.id, result);
    const isAbort = order.type === 'approval.answer' && order.decision === 'abort';
    if (isAbort && !ask.abortEndsTurn) void this.#stop(open);
  }

  // ---- what is shown of what went wrong ------------------------------------------------------------

  #forgetEarly(reason: string): void {
    for (const order of this.#early.splice(0)) {
      if ('messageId' in order) this.#show(order.messageId, `failed: ${reason}`, true);
    }
  }

  #undelivered(messageId: string, error: unknown): void {
    // A lost connector says so itself, of all that was on its way.
    if (this.#isOver) return;
    const reason = reasonOf(error);
    // Without an answer nobody knows: it is not sent again by itself.
    const word = /was not answered within/.test(reason) ? 'unknown' : 'failed';
    this.#show(messageId, `${word}: ${reason}`, true);
  }

  #showSteer(
    messageId: string,
    word: 'queued' | 'delivered' | 'fallback' | 'failed',
    why?: string,
  ) {
    const text = why === undefined ? word : `${word}: ${why}`;
    this.#show(messageId, text, word === 'failed');
  }

  #show(messageId: string, tool_output: string, is_error: boolean): void {
    if (this.#isMute) return;
    const changes = { tool_output, ...(is_error && { is_error }) };
    void this.#deps.house.report({ type: 'message.changed', update: { messageId, changes } });
  }

  #trouble(content: string): void {
    const { house, sessionId: session_id } = this.#deps;
    if (this.#isMute) return;
    const timestamp = new Date(house.nowMs()).toISOString();
    const id = `${session_id}:trouble:${crypto.randomUUID()}`;
    const base = { id, session_id, timestamp, content, is_error: true };
    const message = entry({ ...base, message_type: 'assistant' });
    void house.report({ type: 'message.added', message });
  }
}

function resultOf(
  ask: Ask,
  order: OrderOf<'approval.answer'> | OrderOf<'question.answer'>,
): unknown {
  if (order.type === 'approval.answer') return ask.decide(order.decision satisfies Decision);
  const answer = ask.answer(order);
  return 'refusal' in answer ? null : answer.result;
}

function isUnknownThread(error: unknown): boolean {
  return error instanceof OrbitError && /not found|no rollout/i.test(reasonOf(error));
}
