/** Holds the errors that a connection gets against those that the page of the protocol names. */
import type { ErrorCode } from '../../../src/errors.ts';
import type { ClientMessage } from '../../../src/protocol/client.ts';
import type { ServerMessage } from '../../../src/protocol/server.ts';
import { ANY_MESSAGE, CLIENT_WORDS } from './client-words.ts';

/** What one connection asked and was answered. */
export interface Answers {
  /** Remembers the type of a message that has a `request_id`. */
  sent(message: { readonly type?: unknown; readonly [field: string]: unknown }): void;
  /** What is wrong with an answer, in words; null for one that the page names. */
  flawOf(frame: ServerMessage): string | null;
}

/** Answers of a new connection. */
export function createAnswers(): Answers {
  const asked = new Map<unknown, ClientMessage['type']>();
  return {
    sent(message) {
      const { type, request_id: id } = message ?? {};
      if (typeof id !== 'string') return;
      if (typeof type === 'string' && Object.hasOwn(CLIENT_WORDS, type)) {
        asked.set(id, type as ClientMessage['type']);
      } else asked.delete(id);
    },
    flawOf(frame) {
      if (frame.type !== 'error') return null;
      const type = asked.get((frame as { request_id?: string }).request_id);
      const code = frame.code as ErrorCode;
      if (type === undefined || ANY_MESSAGE.includes(code)) return null;
      if (CLIENT_WORDS[type].errors.includes(code)) return null;
      return `${type} was refused with ${code}, which test/support/protocol-page/client-words.ts does not name`;
    },
  };
}
