/**
 * The smallest provider that does both: it shows a session that runs elsewhere, and runs sessions that answer
 * each message with the same words. Written from CONTRIBUTING.md; begin a new one with a copy of it.
 */
import { randomUUID } from 'node:crypto';
import type { ConnectorCommand } from '../../machines/session-facts.ts';
import { OrbitError } from '../../src/errors.ts';
import { entry } from '../../src/protocol/encode.ts';
import {
  type AttachCommand,
  BLANK_PROVIDER,
  type Connector,
  type ConnectorParts,
  type OpenedThread,
  type Provider,
  type Steering,
} from '../../src/providers/provider.ts';
import type { WatchPort } from '../../src/providers/reports.ts';

/** What connectors of the toy can be asked to do; every other command is refused by the chart. */
const CAPABILITIES: ConnectorCommand['type'][] = ['turn.run'];

/** The session that the toy saw running elsewhere. */
export const SEEN_ELSEWHERE = 'toy-in-a-terminal';

/** A toy; it takes the place of Codex, because the id is a word of the wire. */
export function createToyProvider(): Provider {
  return { ...BLANK_PROVIDER, id: 'codex', name: 'Toy', steering: STEERING, watch };
}

const STEERING: Steering = {
  takeOver: null,
  capabilities: CAPABILITIES,
  checkSettings: () => {},
  threadOf: (session) => session.thread_id ?? null,
  open: async () => ({ threadId: randomUUID(), fields: { model: 'toy-1' } }),
  fork: async (id) => {
    throw new OrbitError('fork_failed', { id, reason: 'a toy has one copy only' });
  },
  history: async function* () {},
  connect: (parts, begin) => new ToyConnector(parts, begin),
};

/** Reports once; a real one looks at files or listens to a process until it is closed. */
async function watch(port: WatchPort): Promise<{ close(): Promise<void> }> {
  const stamp = Date.now();
  const unknown = { name: null, version: null, kind: null, entrypoint: null, startedAt: null };
  port.onReports([
    {
      what: 'session.state',
      witness: 'registry',
      sessionId: SEEN_ELSEWHERE,
      stamp,
      key: `${SEEN_ELSEWHERE}:${stamp}`,
      state: 'idle',
      asks: null,
      words: 'idle',
      cwd: '/toys',
      ...unknown,
    },
  ]);
  return { close: async () => {} };
}

class ToyConnector implements Connector {
  readonly attached: Promise<void>;
  readonly #parts: ConnectorParts;
  isOver = false;

  constructor(parts: ConnectorParts, begin: AttachCommand | OpenedThread) {
    this.#parts = parts;
    this.attached = 'type' in begin ? this.#attach(begin) : Promise.resolve();
  }

  take(command: ConnectorCommand): void {
    if (command.type === 'thread.release') this.isOver = true;
    if (command.type === 'turn.run' && !this.isOver) this.#answer(command.content);
  }

  refusalOf() {
    return { reason: 'a toy asks nothing', isSettled: false };
  }

  close(reason: string): void {
    if (this.isOver) return;
    this.isOver = true;
    void this.#parts.port.report({ type: 'link.lost', reason });
  }

  async #attach({ threadId }: AttachCommand): Promise<void> {
    const thread = threadId ?? randomUUID();
    await this.#parts.port.report({
      type: 'link.attached',
      capabilities: CAPABILITIES,
      threadId: thread,
    });
  }

  /** One turn: begun, one message, over. */
  #answer(words: string): void {
    const { sessionId, port } = this.#parts;
    const turnId = randomUUID();
    const message = entry({
      id: `${sessionId}:${turnId}`,
      session_id: sessionId,
      message_type: 'assistant',
      content: `You said: ${words}`,
      timestamp: new Date(port.nowMs()).toISOString(),
    });
    void port.report({ type: 'turn.started', promptId: turnId, prompt: null });
    void port.report({ type: 'message.added', message, turnId });
    void port.report({ type: 'turn.completed', backgroundAgents: [] });
  }
}
