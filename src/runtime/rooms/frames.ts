/** Frames: a message and its text, each made from the other only when somebody needs it. */
import type { OrbitError } from '../../errors.ts';
import { encode } from '../../protocol/encode.ts';
import type { ServerMessage } from '../../protocol/server.ts';
import type { Frame } from './rooms.ts';

class LazyFrame implements Frame {
  readonly text: string;
  #message: ServerMessage | undefined;

  constructor(text: string) {
    this.text = text;
  }

  get message(): ServerMessage {
    this.#message ??= JSON.parse(this.text) as ServerMessage;
    return this.#message;
  }
}

/**
 * The frame of a message.
 *
 * @param revision the session's, for facts of its room only
 * @param json the message as JSON, where somebody has it already
 */
export function frameOf(message: ServerMessage, revision?: number, json?: string): Frame {
  return new LazyFrame(encode(message, revision, json));
}

/** The frame of a text that the writer finished. */
export function frameOfText(text: string): Frame {
  return new LazyFrame(text);
}

/** What a client is told about a refusal; the only place that words one for the wire. */
export function errorMessage({
  code,
  message,
  sessionId,
}: OrbitError): Extract<ServerMessage, { type: 'error' }> {
  return { type: 'error', code, message, session_id: sessionId };
}
