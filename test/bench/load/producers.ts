/**
 * Producers: each posts a hook, waits for its 204, posts the next. Bytes are written and read by hand: a
 * client library would be the bottleneck of what is measured.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { quantile } from '../measure.ts';
import type { Command, HooksAnswer } from './commands.ts';
import { createHooks, endOf, type MadeHook } from './hooks.ts';
import type { Watcher } from './watcher.ts';

type HooksCommand = Extract<Command, { kind: 'hooks' }>;

/** Posts all hooks and returns how long that took. @throws Error when one is not answered with 204 */
export async function produce(
  command: HooksCommand,
  watcher: Watcher | null,
): Promise<HooksAnswer> {
  const { port, socketPath, producers, count, sessions, mix, ends = false } = command;
  const sockets = await Promise.all(Array.from({ length: producers }, () => open(port)));
  const acks: number[] = [];
  let left = count;
  const began = performance.now();
  await Promise.all(
    sockets.map(async (socket, at) => {
      // Sessions are shared out, so that the order within a session is kept.
      const own = sessions.filter((_, index) => index % producers === at);
      const next = createHooks(own.length > 0 ? own : sessions, mix);
      while (left-- > 0) {
        acks.push(
          socketPath === undefined
            ? await post(socket, port, next(), watcher)
            : await postOnce(socketPath, port, next(), watcher),
        );
      }
      if (ends) for (const session of own) await post(socket, port, endOf(session), null);
      socket.destroy();
    }),
  );
  const wallMs = performance.now() - began;
  const seen = (await watcher?.taken()) ?? [];
  return {
    perSecond: (count / wallMs) * 1000,
    ackP50: quantile(acks),
    ackMean: acks.reduce((sum, ms) => sum + ms, 0) / acks.length,
    ackP99: quantile(acks, 0.99),
    seenP50: quantile(seen),
    seenP99: quantile(seen, 0.99),
  };
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  return socket;
}

/** On a connection of its own. @returns milliseconds until the acknowledgement, from before it is opened */
async function postOnce(
  socketPath: string,
  port: number,
  hook: MadeHook,
  watcher: Watcher | null,
): Promise<number> {
  const began = performance.now();
  const socket = connect({ path: socketPath });
  await once(socket, 'connect');
  const connected = performance.now() - began;
  const waited = await post(socket, port, hook, watcher);
  socket.destroy();
  return connected + waited;
}

/** @returns milliseconds until the acknowledgement */
function post(
  socket: Socket,
  port: number,
  { body, key, mark }: MadeHook,
  watcher: Watcher | null,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    let answer = '';
    const read = (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      if (!answer.endsWith('\r\n\r\n') && answer.startsWith('HTTP/1.1 204')) return;
      socket.off('data', read);
      if (answer.startsWith('HTTP/1.1 204')) resolve(performance.now() - began);
      else reject(new Error(`A hook was answered ${answer}`));
    };
    socket.on('data', read);
    if (mark !== null) watcher?.expect(mark, began);
    socket.write(
      `POST /api/hook HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n` +
        `Idempotency-Key: ${key}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  });
}
