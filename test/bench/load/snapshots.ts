/** Subscribes again and again: every time without a revision gives a whole snapshot. */
import { RawWs } from './raw-ws.ts';
import { until } from './watcher.ts';

/** Snapshots on one connection; well below the messages one may send at once. */
const PER_CONNECTION = 20;

/** @returns bytes of one snapshot */
export async function readSnapshots(command: {
  port: number;
  session: string;
  count: number;
}): Promise<{ bytes: number }> {
  const { port, session, count } = command;
  let bytes = 0;
  for (let done = 0; done < count; done += PER_CONNECTION) {
    const client = await RawWs.open(port);
    await until(() => client.frames >= 1, 'the hello');
    for (let frames = 2; frames < PER_CONNECTION + 2; frames++) {
      const before = client.bytes;
      client.send({ type: 'subscribe_session', session_id: session });
      // One at a time: identical reads that wait together count as one.
      await until(() => client.frames >= frames, 'a snapshot');
      bytes = client.bytes - before;
    }
    client.close();
  }
  return { bytes };
}
