/**
 * The agent of the demo, in the place of Codex: runs no model and no command, plays a story and waits for the visitor.
 */
import { randomUUID } from 'node:crypto';
import type { ConnectorCommand } from '../../../machines/session-facts.ts';
import { OrbitError } from '../../errors.ts';
import { entry } from '../../protocol/encode.ts';
import type { ApprovalRequest, Message, Question } from '../../protocol/nouns.ts';
import {
  type AnswerRefusal,
  type AttachCommand,
  BLANK_PROVIDER,
  type Connector,
  type ConnectorParts,
  type OpenedThread,
  type Provider,
} from '../provider.ts';
import { AFTER_CRASH, STORIES, type StoryTurn } from './stories.ts';

const CAPABILITIES: ConnectorCommand['type'][] = [
  'turn.run',
  'turn.steer',
  'turn.stop',
  'approval.answer',
  'question.answer',
];
/** A word of a text at a time, ms. */
const WORD_MS = 45;
/** How large its context is, tokens, and how long it takes to compact it, ms. */
const WINDOW = 200_000;
const COMPACT_MS = 2_500;
/** So long words that go with a denial may take, ms. */
const REASON_MS = 500;
/** What was answered is committed and shown before the process ends, ms. */
const CRASH_AFTER_MS = 700;

/** @param speed  times faster than a person */
export function createDemoProvider(speed: number): Provider {
  return {
    ...{ ...BLANK_PROVIDER, id: 'codex', name: 'The demo' },
    steering: {
      takeOver: null,
      capabilities: CAPABILITIES,
      checkSettings: () => {},
      threadOf: (session) => session.thread_id ?? null,
      open: async () => ({ threadId: randomUUID(), fields: { model: 'demo' } }),
      fork: async (id) => {
        throw new OrbitError('fork_failed', { id, reason: 'the demo has one copy only' });
      },
      history: async function* () {},
      connect: (parts, begin) => new DemoConnector(parts, begin, speed),
    },
  };
}

type Command<Type extends ConnectorCommand['type']> = Extract<ConnectorCommand, { type: Type }>;
type Answer = Command<'approval.answer'> | Command<'question.answer'>;

/** The turn was stopped, or its connector let go: the story ends where it is. */
class Stopped extends Error {}

class DemoConnector implements Connector {
  readonly attached: Promise<void>;
  readonly #parts: ConnectorParts;
  readonly #speed: number;
  readonly #steered: string[] = [];
  /** Settles what the story waits for. */
  #waiting: { requestId: string; settle: (answer: Answer) => void } | null = null;
  #turn: { id: string; stop: AbortController } | null = null;
  isOver = false;

  constructor(parts: ConnectorParts, begin: AttachCommand | OpenedThread, speed: number) {
    this.#parts = parts;
    this.#speed = speed;
    this.attached = 'type' in begin ? this.#attach(begin) : Promise.resolve();
  }

  take(command: ConnectorCommand): void {
    if (this.isOver) return;
    if (command.type === 'thread.release') this.#end();
    if (command.type === 'turn.run') this.#confirm(command.messageId, command.content);
    if (command.type === 'turn.steer') this.#confirm(command.messageId, command.content);
    if (command.type === 'turn.stop') this.#stop();
    if (command.type === 'approval.answer' || command.type === 'question.answer') {
      if (this.#waiting?.requestId === command.requestId) this.#waiting.settle(command);
    }
  }

  refusalOf(command: ConnectorCommand): AnswerRefusal | null {
    const isOpen = 'requestId' in command && command.requestId === this.#waiting?.requestId;
    return isOpen ? null : { reason: 'the demo does not wait for it any more', isSettled: true };
  }

  close(reason: string): void {
    if (this.isOver) return;
    this.#end();
    void this.#parts.port.report({ type: 'link.lost', reason });
  }

  #end(): void {
    this.isOver = true;
    this.#turn?.stop.abort();
  }

  async #attach({ threadId, isBlank }: AttachCommand): Promise<void> {
    await this.#parts.port.report({
      type: 'link.attached',
      capabilities: CAPABILITIES,
      threadId: threadId ?? randomUUID(),
    });
    if (!isBlank) void this.#play(({ say }) => say(AFTER_CRASH));
  }

  /** Words of the visitor: they begin a turn, or are read in the one that runs. */
  #confirm(messageId: string, content: string): void {
    if (this.#turn) {
      this.#steered.push(content);
      const { id: turnId } = this.#turn;
      void this.#parts.port.report({ type: 'message.confirmed', messageId, turnId });
      return;
    }
    const story = STORIES.find(({ prompt }) => prompt === content);
    void this.#play(story ? story.play : (stage) => stage.say(answerTo(content)), messageId);
  }

  async #play(story: (stage: StoryTurn) => Promise<void>, messageId?: string): Promise<void> {
    const { port } = this.#parts;
    const turn = { id: randomUUID(), stop: new AbortController() };
    this.#turn = turn;
    const turnId = turn.id;
    void port.report({ type: 'turn.started', promptId: turnId, prompt: null });
    if (messageId) void port.report({ type: 'message.confirmed', messageId, turnId });
    try {
      await story(this.#storyTurnOf(turn));
      void port.report({ type: 'turn.completed', backgroundAgents: [] });
    } catch (cause) {
      if (!(cause instanceof Stopped)) throw cause;
      if (!this.isOver) void port.report({ type: 'turn.aborted', reason: 'interrupted' });
    } finally {
      if (this.#turn === turn) this.#turn = null;
    }
  }

  #stop(): void {
    this.#turn?.stop.abort();
  }

  #storyTurnOf({ id: turnId, stop }: { id: string; stop: AbortController }): StoryTurn {
    const { sessionId, port } = this.#parts;
    const rest = (ms: number): Promise<void> => paused(ms / this.#speed, stop.signal);
    const message = (over: Partial<Message>): Message =>
      entry({
        ...{ id: `${sessionId}:${randomUUID()}`, session_id: sessionId, content: '' },
        ...{ message_type: 'assistant', timestamp: new Date(port.nowMs()).toISOString() },
        ...over,
      } as Parameters<typeof entry>[0]);
    const asked = async (request: Partial<ApprovalRequest>): Promise<Answer> => {
      const requestId = randomUUID();
      await port.report({
        ...{ type: 'approval.requested', tool: null, toolUseId: null, server: null },
        request: {
          ...{ id: requestId, session_id: sessionId, type: 'exec', command: null },
          ...{ file_path: null, diff: null, question: null },
          ...request,
        },
      });
      return await new Promise((resolve, reject) => {
        const end = (): void => reject(new Stopped());
        this.#waiting = {
          requestId,
          settle: (answer) => {
            stop.signal.removeEventListener('abort', end);
            this.#waiting = null;
            resolve(answer);
          },
        };
        stop.signal.addEventListener('abort', end);
      });
    };
    const steered = (): string[] => this.#steered.splice(0);
    const fill = (tokens: number): void => {
      const counted = { output_tokens: 0, cached_tokens: 0, context_window: WINDOW };
      void port.report({ type: 'usage.updated', usage: { input_tokens: tokens, ...counted } });
    };
    return {
      async say(text) {
        const words = text.split(/(?<= )/);
        const open = message({ content: words[0] ?? '' });
        const stored = port.report({ type: 'message.added', message: open, turnId, isOpen: true });
        const stream = port.stream(open.id, words[0] ?? '', stored);
        try {
          for (const word of words.slice(1)) {
            await rest(WORD_MS);
            stream.push(word);
          }
        } finally {
          stream.close();
          const update = { messageId: open.id, changes: { content: stream.text() } };
          void port.report({ type: 'message.changed', update });
        }
      },
      async use({ name, input, output, ms, isError = false }) {
        const tool = { toolUseId: randomUUID(), agentId: null, name, digest: '' };
        void port.report({ type: 'tool.started', tool, agentType: null });
        await rest(ms);
        const shown = message({
          ...{ message_type: 'tool', tool_name: name, tool_input: JSON.stringify(input) },
          ...{ tool_output: output, is_error: isError, duration_ms: ms },
          content: String(Object.values(input)[0] ?? ''),
        });
        void port.report({
          ...{ type: 'tool.finished', tool, agentType: null, launched: null, turnId },
          ...{ outcome: isError ? 'failed' : 'succeeded', message: shown },
        });
      },
      async ask(command, description) {
        const answer = await asked({
          ...{ command, tool_name: 'Bash', tool_input: JSON.stringify({ command, description }) },
          proposed_amendment: command.split(' ').slice(0, 3),
        });
        const isApproved =
          answer.type === 'approval.answer' && answer.decision.startsWith('approved');
        if (answer.type === 'approval.answer' && answer.decision === 'abort') throw new Stopped();
        if (isApproved) return { isApproved, words: '' };
        // Why it was denied follows as words for the turn that runs.
        await rest(REASON_MS);
        return { isApproved, words: steered().join(' ') };
      },
      async question(questions: readonly Question[]) {
        const [first] = questions;
        const answer = await asked({
          ...{ type: 'question', tool_name: 'AskUserQuestion', question: first?.question ?? '' },
          questions: [...questions],
        });
        if (answer.type !== 'question.answer') return {};
        const hasAll = Object.keys(answer.answers).length > 0;
        return hasAll ? answer.answers : { [first?.question ?? '']: answer.text };
      },
      fill,
      async compact(tokens) {
        void port.report({ type: 'compaction.started' });
        await rest(COMPACT_MS);
        void port.report({ type: 'compaction.finished' });
        fill(tokens);
      },
      steered,
      crash: () => void setTimeout(() => process.kill(process.pid, 'SIGKILL'), CRASH_AFTER_MS),
    };
  }
}

function answerTo(content: string): string {
  return `You said: “${content}” I am the agent of a demo and run nothing; a real one would begin to work now.`;
}

/** @throws Stopped when the turn is stopped meanwhile */
function paused(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new Stopped());
    const stop = (): void => {
      clearTimeout(timer);
      reject(new Stopped());
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop);
  });
}
