/**
 * A Messages API on loopback that says what a test scripted, so that the real `claude` runs offline.
 *
 * It keeps no place in a script: which step comes next is read from the conversation in the request (how many
 * answers follow the prompt), so retries, subagents and a second session cannot push it out of step.
 * Requests without tools (titles, summaries) are asides: answered, never counted.
 * It also stands in as the proxy of the emptied environment: whatever the CLI wants from another
 * host is refused and noted in `strays`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { refuse, startStream } from './messages-stream.ts';

/** One call of a tool; `input` has the shape of the CLI's own tool. */
interface ToolCall {
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** What the model says in one answer. Several tools in one answer are called in parallel. */
interface Answer {
  readonly text?: string;
  readonly tools?: readonly ToolCall[];
  /** The stream stays open after the text until this settles, or until the CLI hangs up (Esc). */
  readonly until?: Promise<unknown>;
}

/** The API refuses: 400 ends the turn at once, 5xx and 429 are retried by the CLI. */
interface Refusal {
  readonly error: { readonly status: number; readonly message: string };
}

type Step = Answer | Refusal;

/** A request as it came in and what was made of it. */
interface SeenRequest {
  readonly method: string;
  readonly path: string;
  /** `step`: an answer of a script; `aside`: a side request; `unscripted`: a turn nobody scripted. */
  readonly kind: 'step' | 'aside' | 'unscripted' | 'other';
  readonly body: MessagesBody | null;
}

interface Block {
  readonly type: string;
  readonly text?: string;
}

/** The part of a request's body that is read here. */
interface MessagesBody {
  readonly model: string;
  readonly stream?: boolean;
  readonly tools?: readonly { readonly name: string }[];
  readonly messages: readonly { readonly role: string; readonly content: string | Block[] }[];
}

/** A running fake API. */
export interface FakeMessagesApi extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  /** Hosts other than ours that the CLI asked for; a hermetic run leaves this empty. */
  readonly strays: readonly string[];
  /**
   * Answers the conversation whose newest scripted prompt contains `prompt`, one step per request.
   * A subagent is a conversation of its own: script the prompt that its parent hands it.
   */
  script(prompt: string, steps: readonly Step[]): void;
  close(): Promise<void>;
}

interface Script {
  readonly prompt: string;
  readonly steps: readonly Step[];
}

/** Starts a fake API on a free port of 127.0.0.1. */
export async function startFakeMessagesApi(): Promise<FakeMessagesApi> {
  const scripts: Script[] = [];
  const requests: SeenRequest[] = [];
  const strays: string[] = [];
  let calls = 0;

  const server = createServer((request, response) => {
    answer(request, response).catch((error) => response.destroy(error));
  });
  server.on('connect', (request, socket) => {
    strays.push(request.url ?? '');
    // A tool that hangs up at the refusal must not end the test.
    socket.on('error', () => {});
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    // An absolute URL is how a client addresses a proxy.
    if (!url.startsWith('/')) strays.push(url);
    const path = url.split('?')[0] ?? '';
    const text = await textOf(request);
    if (method !== 'POST' || path !== '/v1/messages') {
      requests.push({ method, path, kind: 'other', body: null });
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(path.endsWith('/count_tokens') ? '{"input_tokens":100}' : '{}');
      return;
    }
    const body = JSON.parse(text) as MessagesBody;
    const { kind, step } = nextStep(scripts, body);
    requests.push({ method, path, kind, body });
    if ('error' in step) return refuse(response, step.error.status, step.error.message);
    const stream = startStream(response, body);
    if (step.text !== undefined) stream.add({ type: 'text', text: step.text });
    if (step.until) await Promise.race([step.until, stream.hungUp]);
    for (const tool of step.tools ?? []) {
      calls += 1;
      stream.add({ type: 'tool_use', id: `toolu_${String(calls).padStart(24, '0')}`, ...tool });
    }
    stream.end();
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    strays,
    script: (prompt, steps) => void scripts.push({ prompt, steps }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The step a conversation has come to: the newest prompt that has a script, and the answers after it. */
function nextStep(
  scripts: readonly Script[],
  body: MessagesBody,
): Pick<SeenRequest, 'kind'> & { step: Step } {
  if (!body.tools?.length) return { kind: 'aside', step: { text: 'Aside' } };
  let answers = 0;
  for (const message of body.messages.toReversed()) {
    if (message.role === 'assistant') {
      answers += 1;
      continue;
    }
    const words = wordsOf(message.content);
    // Prompts that no answer stands between come as one message: the newest stands last in it.
    const [script] = scripts
      .filter(({ prompt }) => words.includes(prompt))
      .toSorted((one, other) => words.lastIndexOf(other.prompt) - words.lastIndexOf(one.prompt));
    if (!script) continue;
    const step = script.steps[answers];
    return step ? { kind: 'step', step } : unscripted(`after the last step of "${script.prompt}"`);
  }
  return unscripted('for this prompt');
}

/** Answered all the same: a turn that ends shows in the test as what it is, a hanging one does not. */
function unscripted(where: string): { kind: 'unscripted'; step: Step } {
  return { kind: 'unscripted', step: { text: `No script ${where}` } };
}

/** The text of a message without what tools returned, so that a tool's output cannot name a script. */
function wordsOf(content: string | Block[]): string {
  if (typeof content === 'string') return content;
  return content.map((block) => (block.type === 'text' ? (block.text ?? '') : '')).join('\n');
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
