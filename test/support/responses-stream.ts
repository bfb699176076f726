/**
 * The wire of one answer of the Responses API: server-sent events. Used by fake-responses-api.ts only;
 * it knows nothing of scripts.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/** An answer under way. */
export interface ResponsesStream {
  /** A message, opened empty and filled by deltas. */
  text(deltas: AsyncIterable<string> | Iterable<string>): Promise<void>;
  reasoning(text: string): void;
  call(name: string, args: object, namespace?: string): void;
  custom(name: string, input: string): void;
  /** The rest of the protocol's life of an answer. */
  complete(): void;
  /** Settles when the connection is gone, answered or not. */
  readonly hungUp: Promise<void>;
}

/** What every model call is said to have cost. */
const USAGE = {
  input_tokens: 1000,
  input_tokens_details: { cached_tokens: 100 },
  output_tokens: 20,
  output_tokens_details: { reasoning_tokens: 5 },
  total_tokens: 1020,
};

type Item = { type: string; id: string; [key: string]: unknown };

/** Opens an answer; the head and `response.created` leave at once. */
export function openResponsesStream(response: ServerResponse): ResponsesStream {
  const id = named('resp');
  const output: Item[] = [];
  let sequence = 0;
  const hungUp = once(response, 'close').then(() => {});
  response.writeHead(200, { 'content-type': 'text/event-stream' });

  function send(type: string, fields: object): boolean {
    const event = { type, sequence_number: sequence++, ...fields };
    return response.write(`event: ${type}\ndata: ${JSON.stringify(event)}\n\n`);
  }

  function open(item: Item): number {
    send('response.output_item.added', { output_index: output.length, item });
    return output.length;
  }

  function done(item: Item): void {
    send('response.output_item.done', { output_index: output.length, item });
    output.push(item);
  }

  send('response.created', { response: { id } });
  return {
    hungUp,
    async text(deltas) {
      const base = { type: 'message', id: named('msg'), role: 'assistant' };
      const output_index = open({ ...base, status: 'in_progress', content: [] });
      const address = { item_id: base.id, output_index, content_index: 0 };
      let text = '';
      for await (const delta of deltas) {
        text += delta;
        const hasRoom = send('response.output_text.delta', { ...address, delta });
        if (!hasRoom) await Promise.race([once(response, 'drain'), hungUp]);
      }
      const content = [{ type: 'output_text', text, annotations: [] }];
      done({ ...base, status: 'completed', content });
    },
    reasoning(text) {
      const base = { type: 'reasoning', id: named('rs') };
      const output_index = open({ ...base, summary: [] });
      const address = { item_id: base.id, output_index, summary_index: 0 };
      const part = { type: 'summary_text', text };
      send('response.reasoning_summary_part.added', { ...address, part: { ...part, text: '' } });
      send('response.reasoning_summary_text.delta', { ...address, delta: text });
      done({ ...base, summary: [part], encrypted_content: 'x' });
    },
    call(name, args, namespace) {
      const base = { type: 'function_call', id: named('fc'), call_id: named('call'), name };
      const item = { ...base, ...(namespace !== undefined && { namespace }) };
      open({ ...item, arguments: '' });
      done({ ...item, arguments: JSON.stringify(args) });
    },
    custom(name, input) {
      const base = { type: 'custom_tool_call', id: named('ctc'), call_id: named('call'), name };
      open({ ...base, input: '' });
      done({ ...base, input });
    },
    complete() {
      send('response.completed', { response: { id, output, usage: USAGE } });
      response.end();
    },
  };
}

function named(prefix: string): string {
  return `${prefix}_${randomUUID().replaceAll('-', '')}`;
}
