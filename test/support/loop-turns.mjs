/**
 * Loaded into a server with `--import`: notes in the file that `LOOP_TURNS` names how much processor time the longest
 * turn of its main thread took, in milliseconds. Processor time, because on a busy machine every turn waits. Linux only.
 */
import { openSync, readSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = process.env.LOOP_TURNS;
if (isMainThread && file !== undefined) {
  const stat = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  const bytes = Buffer.alloc(64);
  const used = () => {
    readSync(stat, bytes, 0, bytes.length, 0);
    return Number.parseInt(bytes.toString('latin1'), 10) / 1e6;
  };
  let last = used();
  let longest = 0;
  const turn = () => {
    const now = used();
    // The first moments load the program.
    if (process.uptime() > 3) longest = Math.max(longest, now - last);
    last = now;
    setTimeout(turn, 0);
  };
  turn();
  setInterval(() => writeFileSync(file, String(longest)), 200).unref();
}
