/**
 * Two clients as users have them, one per transport: raw JSON text frames at `/ws`, and socket.io. Both use the
 * same objects, so a test can hold one against the other. Every frame that any test receives must be one
 * that its schema allows, and every error one that src/protocol/README.md names for what was sent.
 */
import { once } from 'node:events';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { validationErrorOf } from '../../src/protocol/schemas.ts';
import type { ServerMessage } from '../../src/protocol/server.ts';
import { createInbox, type Inbox } from './inbox.ts';
import { type Answers, createAnswers } from './protocol-page/answers.ts';

/** A message as it came over the wire; frames of a session carry their revision beside the message. */
export type Received = ServerMessage & { readonly revision?: number };

/** A connected client. */
export interface TestClient extends AsyncDisposable {
  /** All that came, in order, `hello` first. */
  readonly messages: readonly Received[];
  send(message: { readonly type: string; readonly [field: string]: unknown }): void;
  readonly waitFor: Inbox<Received>['waitFor'];
  close(): Promise<void>;
}

/** Connects to `/ws` of a server, `url` being its http address. */
export async function wsClient(url: string): Promise<TestClient> {
  const inbox = createInbox<Received>('/ws');
  const answers = createAnswers();
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`);
  // Subscribed before the connection opens, so that the hello is not missed.
  socket.on('message', (text) => {
    const frame = JSON.parse(String(text)) as Received;
    inbox.add(frame);
    check(frame, answers);
  });
  await once(socket, 'open');
  const close = async (): Promise<void> => {
    if (socket.readyState === WebSocket.CLOSED) return;
    const closed = once(socket, 'close');
    socket.close();
    await closed;
  };
  return {
    messages: inbox.items,
    waitFor: inbox.waitFor,
    send: (message) => {
      answers.sent(message);
      socket.send(JSON.stringify(message));
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Connects by socket.io, on the websocket transport only: polling would hide a lost upgrade. */
export async function ioClient(url: string): Promise<TestClient> {
  const inbox = createInbox<Received>('socket.io');
  const answers = createAnswers();
  const socket = io(url, { transports: ['websocket'], reconnection: false, forceNew: true });
  socket.on('message', (frame: Received) => {
    inbox.add(frame);
    check(frame, answers);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  const close = async (): Promise<void> => void socket.disconnect();
  return {
    messages: inbox.items,
    waitFor: inbox.waitFor,
    send: (message) => {
      answers.sent(message);
      socket.emit('message', message);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * Fails whatever test runs when the server sent what it never said it would. Thrown beside the handler: a
 * socket whose handler throws receives nothing any more, and each wait would take its whole time.
 */
function check(frame: Received, answers: Answers): void {
  const flaw = validationErrorOf(frame) ?? answers.flawOf(frame);
  if (!flaw) return;
  setImmediate(() => {
    throw new Error(`a frame against the protocol: ${flaw}`);
  });
}
