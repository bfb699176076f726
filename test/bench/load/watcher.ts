/** One `/ws` client that parses all it gets, to see when the message of a hook arrives. */
import { once } from 'node:events';
import { WebSocket } from 'ws';

export interface Watcher {
  /** A hook was posted whose message will carry this tool use. @param began  monotonic ms */
  expect(toolUse: string, began: number): void;
  /** Milliseconds it took each since the last time; waits for those still missing. */
  taken(): Promise<number[]>;
  close(): void;
}

/** What has not come by then is lost, ms. */
const GIVE_UP_AFTER_MS = 5000;

export async function openWatcher(watch: {
  port: number;
  sessions: readonly string[];
}): Promise<Watcher> {
  const socket = new WebSocket(`ws://127.0.0.1:${watch.port}/ws`);
  const expected = new Map<string, number>();
  let taken: number[] = [];
  let snapshots = 0;
  socket.on('message', (data) => {
    const frame = JSON.parse(String(data));
    if (frame.type === 'session_snapshot') snapshots++;
    if (frame.type === 'error') throw new Error(`The watcher was refused: ${String(data)}`);
    if (frame.type !== 'message_appended') return;
    const toolUse = String(frame.message.id).split(':').at(-1) ?? '';
    const began = expected.get(toolUse);
    if (began === undefined) return;
    expected.delete(toolUse);
    taken.push(performance.now() - began);
  });
  await once(socket, 'open');
  for (const session_id of watch.sessions) {
    socket.send(JSON.stringify({ type: 'subscribe_session', session_id }));
  }
  await until(() => snapshots === watch.sessions.length, 'snapshots of the watched sessions');
  return {
    expect: (toolUse, began) => void expected.set(toolUse, began),
    async taken() {
      await until(() => expected.size === 0, 'messages of the posted hooks');
      const result = taken;
      taken = [];
      return result;
    },
    close: () => socket.terminate(),
  };
}

/** Polls: what is waited for comes from many places, and nothing is measured meanwhile. */
export async function until(isTrue: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + GIVE_UP_AFTER_MS;
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error(`Not all came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
