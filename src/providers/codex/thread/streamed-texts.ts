/**
 * Texts of one thread that come in pieces: begun as a message, streamed past the chart, whole in the end, or cut off as
 * far as they came.
 */
import { entry } from '../../../protocol/encode.ts';
import type { OpenText, SessionPort } from '../../provider.ts';
import { messageIdOf } from './items.ts';

/** The commit of what was reported; null when nothing was. */
export type Stored = Promise<boolean> | null;

/** What is needed to send texts. */
interface TextsDeps {
  sessionId: string;
  port: Pick<SessionPort, 'report' | 'stream' | 'nowMs'>;
  /** Others write to the thread as well, and it may have been joined in the middle of a text. */
  isShared: boolean;
  /** The beginning of this item was received. */
  hasBegun(itemId: string): boolean;
}

/** The texts that are being written. */
export class StreamedTexts {
  readonly #deps: TextsDeps;
  readonly #open = new Map<string, OpenText>();

  constructor(deps: TextsDeps) {
    this.#deps = deps;
  }

  /** The next piece of one, by the provider's id of its item. */
  grew(
    type: 'assistant' | 'thinking',
    { itemId, turnId, delta }: { itemId: string; turnId: string; delta: string },
  ): Stored {
    const open = this.#open.get(itemId);
    if (open) {
      open.push(delta);
      return null;
    }
    if (delta === '') return null;
    const { sessionId: session_id, port, isShared, hasBegun } = this.#deps;
    // Joined in the middle of a text: without its beginning it would be another one.
    if (isShared && !hasBegun(itemId)) return null;
    const timestamp = new Date(port.nowMs()).toISOString();
    const base = { id: this.#idOf(itemId), session_id, timestamp };
    const message = entry({ ...base, message_type: type, content: delta });
    const shown = port.report({ type: 'message.added', message, turnId, isOpen: true });
    this.#open.set(itemId, port.stream(message.id, delta, shown));
    return shown;
  }

  /** Its next section begins. */
  part(itemId: string): void {
    this.#open.get(itemId)?.push('\n\n');
  }

  /** The whole of one. @param at  when, for one that was not seen to grow */
  completed(
    itemId: string,
    { type, text }: { type: 'assistant' | 'thinking'; text: string },
    { turnId, at: timestamp }: { turnId: string; at: string },
  ): Stored {
    const { sessionId: session_id, port } = this.#deps;
    const id = this.#idOf(itemId);
    const open = this.#open.get(itemId);
    if (open) {
      this.#open.delete(itemId);
      open.close();
      const content = text === '' ? open.text() : text;
      const update = { messageId: id, changes: { content } };
      return port.report({ type: 'message.changed', update });
    }
    if (text === '') return null;
    const message = entry({ id, session_id, timestamp, message_type: type, content: text });
    return port.report({ type: 'message.added', message, turnId });
  }

  /** Words that join a turn end the answer that is just written: it is kept nowhere, and the model does not see it. */
  drop(): void {
    const messages = [...this.#open.keys()].map((id) => this.#idOf(id));
    if (messages.length === 0) return;
    for (const open of this.#open.values()) open.close();
    this.#open.clear();
    const dropped = { messages, prompts: 0 };
    const about = { witness: 'connector', behind: null, dropped } as const;
    void this.#deps.port.report({ type: 'transcript.read', ...about, messages: [] });
  }

  /** What was shown of them is committed, as far as it came. */
  cut(): void {
    for (const [itemId, open] of this.#open) {
      open.close();
      const update = { messageId: this.#idOf(itemId), changes: { content: open.text() } };
      void this.#deps.port.report({ type: 'message.changed', update });
    }
    this.#open.clear();
  }

  #idOf(itemId: string): string {
    return messageIdOf(this.#deps.sessionId, itemId);
  }
}
