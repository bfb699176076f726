/**
 * Starts the store's threads: the one place that knows how. Called by writer.ts.
 */
import { Worker } from 'node:worker_threads';
import type { ThreadStart } from './traffic.ts';

/**
 * Starts a thread of writer-thread.ts. Built, it is a bundle beside ours. From the sources Node 20 cannot
 * start a worker in TypeScript, not even under tsx, so a line of JavaScript registers tsx in it first.
 */
export function startThread(start: ThreadStart): Worker {
  if (!import.meta.url.endsWith('.ts')) {
    return new Worker(new URL('./writer-thread.js', import.meta.url), { workerData: start });
  }
  const tsx = import.meta.resolve('tsx/esm/api');
  const file = new URL('../writer-thread.ts', import.meta.url).href;
  const bootstrap = `import(${JSON.stringify(tsx)}).then(({ register }) => {
    register();
    return import(${JSON.stringify(file)});
  });`;
  return new Worker(bootstrap, { eval: true, workerData: start });
}
