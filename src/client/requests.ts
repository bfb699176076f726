/** Promises of answers: each is kept by its frame, or broken by an error, a lost line or its deadline. */
import type { ServerMessage } from '../protocol/server.ts';
import type { ServerFrame } from './fold.ts';
import { type ClientTag, replyTagOf } from './replies.ts';

/** Codes that are not the server's: no line, a line lost before the answer, no answer in time. */
type OwnCode = 'offline' | 'connection_lost' | 'timeout' | 'closed';

/** A request that was not answered as hoped; `code` is the server's (see the README) or an `OwnCode`. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: string;
  readonly sessionId: string | null;

  constructor(code: string, message: string, sessionId: string | null = null) {
    super(message);
    this.code = code;
    this.sessionId = sessionId;
  }
}

interface Waiting {
  replyTag: ServerMessage['type'];
  settle(outcome: ServerFrame | ClientError): void;
}

/** Questions that wait for their answers. */
export interface Requests {
  /** Waits for the answer to a message with this id; two of one id are answered in their order. */
  wait(tag: ClientTag, requestId: string): Promise<ServerFrame>;
  /** @returns whether the frame was the answer to something */
  take(frame: ServerFrame): boolean;
  /** Breaks everything that waits. */
  fail(code: OwnCode, message: string): void;
}

/** Requests of one client. @param timeoutMs deadline of an answer */
export function createRequests(timeoutMs: number): Requests {
  const waiting = new Map<string, Waiting[]>();

  function forget(requestId: string, one: Waiting): void {
    const others = (waiting.get(requestId) ?? []).filter((other) => other !== one);
    if (others.length > 0) waiting.set(requestId, others);
    else waiting.delete(requestId);
  }

  function fits(one: Waiting, frame: ServerFrame): boolean {
    // Work that replied nothing is acknowledged; whoever expects more gets that as an odd answer.
    return frame.type === one.replyTag || frame.type === 'error' || frame.type === 'ack';
  }

  return {
    wait(tag, requestId) {
      return new Promise((resolve, reject) => {
        const one: Waiting = {
          replyTag: replyTagOf(tag),
          settle(outcome) {
            clearTimeout(timer);
            forget(requestId, one);
            if (outcome instanceof ClientError) reject(outcome);
            else resolve(outcome);
          },
        };
        const timer = setTimeout(() => {
          one.settle(new ClientError('timeout', `No answer to ${tag} within ${timeoutMs} ms`));
        }, timeoutMs);
        waiting.set(requestId, [...(waiting.get(requestId) ?? []), one]);
      });
    },
    take(frame) {
      const { request_id } = frame as { request_id?: unknown };
      if (typeof request_id !== 'string') return false;
      const one = waiting.get(request_id)?.find((each) => fits(each, frame));
      if (!one) return false;
      one.settle(frame.type === 'error' ? errorOf(frame) : frame);
      return true;
    },
    fail(code, message) {
      for (const one of [...waiting.values()].flat()) one.settle(new ClientError(code, message));
    },
  };
}

function errorOf(frame: Extract<ServerMessage, { type: 'error' }>): ClientError {
  return new ClientError(frame.code, frame.message, frame.session_id);
}
