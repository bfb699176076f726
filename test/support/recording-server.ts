/**
 * A server in a process of its own that notes which functions run. Started by walks.ts with the data
 * directory; takes the messages `begin` and `end` of its parent and answers `end` with what V8 counted in
 * between on this thread. What goes on by itself belongs to no walk: the homes of Claude are not watched,
 * and what already repeated itself before a recording pauses until its end.
 */
import { Session } from 'node:inspector/promises';
import { dataPaths, resolveConfig } from '../../src/config.ts';
import { openDataDirectory } from '../../src/files.ts';
import { startServer } from '../../src/server.ts';

let recordings = 0;
let isRecording = false;
const startInterval = globalThis.setInterval;
const pausing = (callback: () => void, ms?: number): NodeJS.Timeout => {
  const begunIn = isRecording ? recordings : null;
  return startInterval(() => {
    if (!isRecording || begunIn === recordings) callback();
  }, ms);
};
globalThis.setInterval = pausing as typeof setInterval;

const [dir = ''] = process.argv.slice(2);
openDataDirectory(dataPaths(dir));
const flags = { dataDir: dir, bind: '127.0.0.1:0', watchClaude: false };
const server = await startServer(resolveConfig({ flags, env: process.env, home: dir }));

const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });

/** Counting begins anew with each look at what was counted. */
async function take(word: 'begin' | 'end'): Promise<void> {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  isRecording = word === 'begin';
  if (isRecording) recordings++;
  process.send?.({ result: isRecording ? [] : result });
}

process.on('message', (word: 'begin' | 'end') => void take(word));
process.once('disconnect', () => void server.close().then(() => process.exit(0)));
process.send?.({ port: server.port });
