/** Asks for lists of sessions and takes the time until their last byte is there; nothing is parsed meanwhile. */
import { quantile } from '../measure.ts';
import type { ListsAnswer } from './commands.ts';
import { RawWs } from './raw-ws.ts';
import { until } from './watcher.ts';

/** Below the number of messages that one client may send at once. */
const PER_CONNECTION = 20;

export async function readLists(command: {
  port: number;
  count: number;
  limit?: number;
}): Promise<ListsAnswer> {
  const { port, count, limit } = command;
  const message =
    limit === undefined ? { type: 'subscribe_list' } : { type: 'get_sessions', limit };
  const taken: number[] = [];
  let bytes = 0;
  while (taken.length < count) {
    const client = await RawWs.open(port);
    await until(() => client.frames >= 1, 'the hello');
    for (let asked = 0; asked < PER_CONNECTION && taken.length < count; asked++) {
      const before = client.bytes;
      const began = performance.now();
      const arrived = client.nextFrame();
      client.send(message);
      taken.push((await arrived) - began);
      bytes = client.bytes - before;
    }
    client.close();
  }
  return { firstMs: taken[0] ?? Number.NaN, p50: quantile(taken.slice(1)), bytes };
}
