/**
 * A Responses API on loopback, so that the real `codex` runs offline. What it says is written in the
 * user's words (responses-script.ts). It also stands in as the proxy of the emptied environment:
 * whatever Codex wants from another host is refused and noted in `strays`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { nextAnswer, type Part, type ResponsesBody } from './responses-script.ts';
import { openResponsesStream, type ResponsesStream } from './responses-stream.ts';

/** A running fake API. */
export interface FakeResponsesApi extends AsyncDisposable {
  /** Origin, without the `/v1`. */
  readonly url: string;
  /** Bodies of all model calls, in the order they came. */
  readonly requests: readonly ResponsesBody[];
  /** Hosts other than ours that were asked for; a hermetic run leaves this empty. */
  readonly strays: readonly string[];
  /** Answers under way at this moment. */
  readonly active: number;
  /** What answers of a model carry besides. */
  readonly headers: Record<string, string>;
  /** Lets every `!wait NAME` go on, those to come as well. */
  open(name: string): void;
  /** Cuts the network: connections break and new ones are refused until `up`. */
  down(): void;
  up(): void;
  close(): Promise<void>;
}

/** Starts a fake API on a free port of 127.0.0.1. */
export async function startFakeResponsesApi(): Promise<FakeResponsesApi> {
  const requests: ResponsesBody[] = [];
  const strays: string[] = [];
  const headers: Record<string, string> = {};
  const gates = createGates();
  const sockets = new Set<Socket>();
  let isDown = false;
  let active = 0;

  const server = createServer((request, response) => {
    active += 1;
    response.once('close', () => {
      active -= 1;
    });
    answer(request, response).catch((error) => response.destroy(error));
  });
  server.on('connection', (socket) => {
    if (isDown) return void socket.destroy();
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('connect', (request, socket) => {
    strays.push(request.url ?? '');
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    // An absolute URL is how a client addresses a proxy.
    if (!url.startsWith('/')) strays.push(url);
    const text = await bodyOf(request);
    const path = url.split('?')[0];
    if (method === 'GET' && path === '/v1/models') {
      return json(response, 200, { object: 'list', data: [], models: [] });
    }
    if (method !== 'POST' || path !== '/v1/responses') {
      return json(response, 404, { error: { message: `No ${method} ${path} here` } });
    }
    const body = JSON.parse(text) as ResponsesBody;
    requests.push(body);
    const parts = nextAnswer(body);
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const refusal = parts.find((part) => part.kind === 'http');
    if (refusal) return json(response, refusal.status, { error: { message: 'scripted refusal' } });
    await play(parts, openResponsesStream(response), response, gates.passed);
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
    headers,
    get active() {
      return active;
    },
    open: gates.open,
    down() {
      isDown = true;
      for (const socket of sockets) socket.destroy();
    },
    up() {
      isDown = false;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function play(
  parts: readonly Part[],
  stream: ResponsesStream,
  response: ServerResponse,
  gate: (name: string) => Promise<void>,
): Promise<void> {
  for (const part of parts) {
    switch (part.kind) {
      case 'think':
        stream.reasoning(part.text);
        break;
      case 'say':
        await stream.text(part.text.match(/\S+\s*/g) ?? ['']);
        break;
      case 'slow':
        await stream.text(slowly(part.count, part.ms, stream.hungUp));
        break;
      case 'wait':
        await Promise.race([gate(part.name), stream.hungUp]);
        break;
      case 'call':
        stream.call(part.name, part.args, part.namespace);
        break;
      case 'custom':
        stream.custom(part.name, part.input);
        break;
      case 'hang':
        return stream.hungUp;
      case 'cut':
        return void response.destroy();
      case 'http':
        throw new Error('A refusal is no part of a stream');
    }
  }
  stream.complete();
}

/** `w0 w1 w2 …` */
async function* slowly(count: number, ms: number, hungUp: Promise<void>): AsyncGenerator<string> {
  let isGone = false;
  void hungUp.then(() => {
    isGone = true;
  });
  for (let at = 0; at < count && !isGone; at++) {
    yield `w${at} `;
    if (ms > 0) await pause(ms);
  }
}

/** Gates by name that open once and stay open. */
function createGates(): { open: (name: string) => void; passed: (name: string) => Promise<void> } {
  const gates = new Map<string, { promise: Promise<void>; open: () => void }>();
  const gate = (name: string) => {
    const known = gates.get(name);
    if (known) return known;
    let open = (): void => {};
    const promise = new Promise<void>((resolve) => {
      open = resolve;
    });
    const made = { promise, open };
    gates.set(name, made);
    return made;
  };
  return { open: (name) => gate(name).open(), passed: (name) => gate(name).promise };
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
