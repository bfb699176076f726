/**
 * The wire of one answer of the Messages API: server-sent events, or one JSON body for requests that do not
 * stream. Used by fake-messages-api.ts only; it knows nothing of scripts.
 */
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';

/** A content block of an answer, whole. */
type Content =
  | { readonly type: 'text'; readonly text: string }
  | {
      readonly type: 'tool_use';
      readonly id: string;
      readonly name: string;
      readonly input: Readonly<Record<string, unknown>>;
    };

/** An answer under way. */
export interface AnswerStream {
  /** Sends one block; a client that does not stream gets it at the end. */
  add(content: Content): void;
  end(): void;
  /** Settles when the connection is gone, answered or not. */
  readonly hungUp: Promise<void>;
}

const USAGE = { input_tokens: 100, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };

/** Opens an answer; the head and `message_start` leave at once. */
export function startStream(
  response: ServerResponse,
  { model, stream }: { readonly model: string; readonly stream?: boolean },
): AnswerStream {
  const blocks: Content[] = [];
  const id = `msg_${randomUUID().replaceAll('-', '')}`;
  const message = { id, type: 'message', role: 'assistant', model, stop_sequence: null };
  const hungUp = new Promise<void>((resolve) => response.once('close', resolve));
  const send = (event: { type: string; [key: string]: unknown }): void => {
    if (stream) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  };
  response.writeHead(200, {
    'content-type': stream ? 'text/event-stream' : 'application/json',
    'request-id': `req_${id.slice(4)}`,
  });
  const start = {
    ...message,
    content: [],
    stop_reason: null,
    usage: { ...USAGE, output_tokens: 1 },
  };
  send({ type: 'message_start', message: start });
  return {
    hungUp,
    add(content) {
      const index = blocks.push(content) - 1;
      const { opening, delta } = partsOf(content);
      send({ type: 'content_block_start', index, content_block: opening });
      send({ type: 'content_block_delta', index, delta });
      send({ type: 'content_block_stop', index });
    },
    end() {
      const stopReason = blocks.some(({ type }) => type === 'tool_use') ? 'tool_use' : 'end_turn';
      const delta = { stop_reason: stopReason, stop_sequence: null };
      const usage = { ...USAGE, output_tokens: 20 };
      send({ type: 'message_delta', delta, usage });
      send({ type: 'message_stop' });
      response.end(stream ? '' : JSON.stringify({ ...message, ...delta, content: blocks, usage }));
    },
  };
}

/** Answers with the API's own error shape. */
export function refuse(response: ServerResponse, status: number, message: string): void {
  const type = status === 400 ? 'invalid_request_error' : 'api_error';
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ type: 'error', error: { type, message } }));
}

/** A block opens empty and its content follows: text as text, a tool's input as JSON text. */
function partsOf(content: Content): { opening: object; delta: object } {
  if (content.type === 'text') {
    const delta = { type: 'text_delta', text: content.text };
    return { opening: { type: 'text', text: '' }, delta };
  }
  const delta = { type: 'input_json_delta', partial_json: JSON.stringify(content.input) };
  return { opening: { ...content, input: {} }, delta };
}
