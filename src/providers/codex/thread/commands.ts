/**
 * What a session commands its thread to do, as requests of the engine. Requests about turns go one after the
 * other; words go to the provider once at most. What fails is said in the conversation.
 */
import type { ConnectorCommand } from '../../../../machines/session-facts.ts';
import { entry } from '../../../protocol/encode.ts';
import type { SessionPort } from '../../provider.ts';
import type { Engine } from '../engine/engine.ts';
import type { UserInput } from '../protocol/generated/v2/UserInput.ts';
import { approvalPolicyOf, cutBeforeTurns, sandboxPolicyOf } from './threads.ts';
import { reasonOf, type TurnControl } from './turn-control.ts';

type CommandOf<Type extends ConnectorCommand['type']> = Extract<ConnectorCommand, { type: Type }>;

/** What became of a client's words, as the app shows it beside them. */
type Fate = 'queued' | 'delivered' | 'fallback' | 'failed' | 'unknown';

/** The commands of one open thread, and what they show. */
export interface ThreadCommands {
  take(command: ConnectorCommand): void;
  /** The model has read a client's message. */
  confirmed(messageId: string): void;
  /** The turn is over: what was steered into it and not read is lost. */
  turnEnded(): void;
  /** Says in the conversation what went wrong. */
  reportError(words: string): void;
  /** Turns are being taken back from here. */
  readonly isTakingBack: boolean;
  /** From here on nothing more is said or done. */
  mute(): void;
}

interface ThreadCommandsDeps {
  sessionId: string;
  engine: Pick<Engine, 'request'>;
  port: Pick<SessionPort, 'report' | 'nowMs'>;
  threadId: string;
  turns: TurnControl;
}

/** Commands over one thread. */
export function createThreadCommands(deps: ThreadCommandsDeps): ThreadCommands {
  return new CodexThreadCommands(deps);
}

class CodexThreadCommands implements ThreadCommands {
  readonly #deps: ThreadCommandsDeps;
  /** Steered messages that the model has not read yet. */
  readonly #steers = new Set<string>();
  isTakingBack = false;
  #chain: Promise<void> = Promise.resolve();
  #isMute = false;

  constructor(deps: ThreadCommandsDeps) {
    this.#deps = deps;
  }

  mute(): void {
    this.#isMute = true;
  }

  confirmed(messageId: string): void {
    if (this.#steers.delete(messageId)) this.#show(messageId, 'delivered');
  }

  turnEnded(): void {
    for (const id of this.#steers) this.#show(id, 'failed', 'the turn ended before it was read');
    this.#steers.clear();
  }

  take(command: ConnectorCommand): void {
    switch (command.type) {
      case 'turn.run':
        this.#queue(() => this.#run(command));
        break;
      case 'turn.steer':
        this.#queue(() => this.#steer(command));
        break;
      case 'turn.stop':
        // Not behind the others: it is about what they are doing.
        void this.#stop();
        break;
      case 'turn.undo':
        this.#queue(() => this.#undo());
        break;
      case 'turns.rollBack':
        this.#queue(() => this.#rollBack(command.turns));
        break;
      case 'context.compact':
        this.#queue(() => this.#compact());
        break;
      case 'thread.rename':
        this.#queue(() => this.#rename(command));
        break;
      case 'settings.update':
        this.#queue(() => this.#update(command));
    }
  }

  #queue(act: () => Promise<void>): void {
    this.#chain = this.#chain.then(async () => {
      if (!this.#isMute) await act();
    });
  }

  // ---- words ---------------------------------------------------------------------------------------

  /** Begins a turn, or joins the one that runs: Codex takes both for the same. */
  async #start(command: CommandOf<'turn.run'>): Promise<void> {
    await this.#deps.turns.calm();
    const expected = this.#deps.turns.expect();
    const { messageId: clientUserMessageId, model, effort } = command;
    try {
      const { turn } = await this.#deps.engine.request('turn/start', {
        threadId: this.#deps.threadId,
        clientUserMessageId,
        input: inputOf(command),
        ...(model !== undefined && { model }),
        ...(effort !== undefined && { effort }),
      });
      expected.isTurn(turn.id);
    } catch (error) {
      expected.isOff();
      throw error;
    }
  }

  async #run(command: CommandOf<'turn.run'>): Promise<void> {
    try {
      await this.#start(command);
    } catch (error) {
      this.#undelivered(command.messageId, error);
    }
  }

  async #steer({ messageId, content }: CommandOf<'turn.steer'>): Promise<void> {
    await this.#deps.turns.calm();
    await this.#deps.turns.begun();
    const turnId = this.#deps.turns.activeId;
    try {
      if (turnId === null) {
        const bare = { skills: [], images: [], mentions: [] };
        await this.#start({ type: 'turn.run', messageId, content, ...bare });
        this.#show(messageId, 'fallback');
        return;
      }
      this.#steers.add(messageId);
      await this.#deps.engine.request('turn/steer', {
        threadId: this.#deps.threadId,
        expectedTurnId: turnId,
        clientUserMessageId: messageId,
        input: [textInput(content)],
      });
      if (this.#steers.has(messageId)) this.#show(messageId, 'queued');
    } catch (error) {
      // A turn that ended meanwhile has said so already.
      if (this.#steers.delete(messageId) || turnId === null) this.#undelivered(messageId, error);
    }
  }

  async #stop(): Promise<void> {
    try {
      await this.#deps.turns.stop();
    } catch (error) {
      this.reportError(`The turn could not be stopped: ${reasonOf(error)}`);
    }
  }

  // ---- what is taken back --------------------------------------------------------------------------

  async #undo(): Promise<void> {
    void this.#deps.port.report({ type: 'undo.started', text: null });
    const refusal = await this.#takeBack(1);
    const text = refusal ?? 'The last turn is taken back; files on disk stay as they are';
    void this.#deps.port.report({ type: 'undo.completed', succeeded: refusal === null, text });
  }

  async #rollBack(count: number): Promise<void> {
    const refusal = await this.#takeBack(count);
    if (refusal !== null) this.reportError(`Nothing was taken back: ${refusal}`);
  }

  /** Null when it worked, else why not. */
  async #takeBack(count: number): Promise<string | null> {
    this.isTakingBack = true;
    try {
      if (this.#deps.turns.isBusy) await this.#deps.turns.stop();
      const cut = await cutBeforeTurns(this.#deps.engine, this.#deps.threadId, count);
      if (!cut) return `the thread has fewer than ${count} turns`;
      const { beforeTurnId, turnIds, lastMessage } = cut;
      await this.#deps.engine.request('thread/revert', {
        threadId: this.#deps.threadId,
        beforeTurnId,
      });
      void this.#deps.port.report({
        type: 'thread.rolledBack',
        turns: count,
        turnIds,
        lastMessage,
      });
      return null;
    } catch (error) {
      return reasonOf(error);
    } finally {
      this.isTakingBack = false;
    }
  }

  // ---- the rest ------------------------------------------------------------------------------------

  /** Words cannot join a compaction: those that are sent meanwhile wait for its end in the chain. */
  async #compact(): Promise<void> {
    const expected = this.#deps.turns.expect();
    await this.#attempt('The context was not compacted', async () => {
      try {
        await this.#deps.engine.request('thread/compact/start', { threadId: this.#deps.threadId });
        await this.#deps.turns.over();
      } catch (error) {
        expected.isOff();
        throw error;
      }
    });
  }

  async #update({ settings }: CommandOf<'settings.update'>): Promise<void> {
    const approvalPolicy = approvalPolicyOf(settings.approvalPolicy);
    const sandboxPolicy = sandboxPolicyOf(settings.sandboxMode);
    await this.#attempt('Codex did not take the new settings', () =>
      this.#deps.engine.request('thread/settings/update', {
        threadId: this.#deps.threadId,
        ...(approvalPolicy !== null && { approvalPolicy }),
        ...(sandboxPolicy !== null && { sandboxPolicy }),
      }),
    );
  }

  async #rename({ name }: CommandOf<'thread.rename'>): Promise<void> {
    await this.#attempt('Codex did not take the new name', () =>
      this.#deps.engine.request('thread/name/set', { threadId: this.#deps.threadId, name }),
    );
  }

  async #attempt(failure: string, act: () => Promise<unknown>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.reportError(`${failure}: ${reasonOf(error)}`);
    }
  }

  // ---- what is shown -------------------------------------------------------------------------------

  #undelivered(messageId: string, error: unknown): void {
    const reason = reasonOf(error);
    // Without an answer it is unknown whether it arrived: it is not sent again by itself.
    this.#show(messageId, /was not answered within/.test(reason) ? 'unknown' : 'failed', reason);
  }

  #show(messageId: string, fate: Fate, why?: string): void {
    // A lost connector says so itself, of all that was on its way.
    if (this.#isMute) return;
    const tool_output = why === undefined ? fate : `${fate}: ${why}`;
    const changes = { tool_output, ...(why !== undefined && { is_error: true }) };
    void this.#deps.port.report({ type: 'message.changed', update: { messageId, changes } });
  }

  reportError(content: string): void {
    if (this.#isMute) return;
    const message = entry({
      id: `${this.#deps.sessionId}:trouble:${crypto.randomUUID()}`,
      session_id: this.#deps.sessionId,
      message_type: 'assistant',
      content,
      timestamp: new Date(this.#deps.port.nowMs()).toISOString(),
      is_error: true,
    });
    void this.#deps.port.report({ type: 'message.added', message });
  }
}

/* A client's words as Codex takes them: text, pictures, skills, mentions. Pure. */

/**
 * The input of a turn. Codex keeps a mention but does not show it to the model, so its path
 * is in the text too, unless the words name it already.
 */
function inputOf(command: Extract<ConnectorCommand, { type: 'turn.run' }>): UserInput[] {
  const { content, images, skills, mentions } = command;
  const unnamed = mentions.filter(({ path }) => !content.includes(path));
  const text = [content, ...unnamed.map(({ path }) => path)].filter(Boolean).join('\n');
  return [
    ...(text === '' ? [] : [textInput(text)]),
    ...images.map(
      ({ input_type, value }): UserInput =>
        input_type === 'path' ? { type: 'localImage', path: value } : { type: 'image', url: value },
    ),
    ...skills.map(({ name, path }): UserInput => ({ type: 'skill', name, path })),
    ...mentions.map(({ name, path }): UserInput => ({ type: 'mention', name, path })),
  ];
}

/** Plain words. */
function textInput(text: string): UserInput {
  return { type: 'text', text, text_elements: [] };
}
