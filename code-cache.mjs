// Writes the code caches of a built program: starts it once on a directory of its own, as a user would,
// asks whether it serves, and keeps what V8 has compiled by then, of the program and of its thread.
// src/launch.ts reads them. Run by build.mjs: `node code-cache.mjs DIST`.
import { on, once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { isMainThread, MessageChannel, SHARE_ENV, Worker, workerData } from 'node:worker_threads';
import { WebSocket } from 'ws';

/** What does not serve by then does not serve, ms. */
const GIVE_UP_AFTER_MS = 20_000;

if (isMainThread) await writeCaches(process.argv[2]);
else runThread(workerData);

async function writeCaches(dist) {
  const directory = mkdtempSync(join(tmpdir(), 'orbitdock-build-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  // As launch.ts: V8 takes a cache only under the flags that it was written under.
  setFlagsFromString('--no-parallel-scavenge');
  const thread = startThread(dist);
  process.argv = [process.execPath, join(dist, 'main.js')];
  process.argv.push('--data-dir', directory, 'start', '--bind', '127.0.0.1:0');
  const writeCache = run(dist, 'program.js');
  await useProgram(directory);
  writeCache();
  thread.postMessage('write');
  await once(thread, 'message');
  // The program ends the process when it has stopped.
  process.kill(process.pid, 'SIGTERM');
}

/** Has it do what the first hook and the first client after a start run, and nothing before them has run. */
async function useProgram(directory) {
  const card = join(directory, 'server.json');
  const deadline = performance.now() + GIVE_UP_AFTER_MS;
  while (!existsSync(card)) {
    if (performance.now() > deadline) throw new Error('The program did not start');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const { port } = JSON.parse(readFileSync(card, 'utf8'));
  const health = await fetch(`http://127.0.0.1:${port}/health`);
  if (health.status !== 200) throw new Error(`The program does not serve: ${health.status}`);
  const hook = {
    session_id: 'build',
    hook_event_name: 'UserPromptSubmit',
    cwd: directory,
    prompt: '?',
  };
  const taken = await fetch(`http://127.0.0.1:${port}/api/hook`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(hook),
  });
  if (taken.status !== 204) throw new Error(`The program takes no hook: ${taken.status}`);
  const client = new WebSocket(`ws://127.0.0.1:${port}/ws`);
  client.once('open', () => client.send('{"type":"subscribe_list"}'));
  for await (const [data] of on(client, 'message')) {
    if (JSON.parse(String(data)).type === 'sessions_list') break;
  }
  client.terminate();
}

/** Runs a built file; the function that is returned writes what V8 has compiled of it by then. */
function run(dist, name) {
  const file = join(dist, name);
  // The very text that launch.ts compiles: V8 compares.
  const script = new Script(Module.wrap(readFileSync(file, 'latin1')), { filename: file });
  script.runInThisContext()({}, createRequire(file), { exports: {} }, file, dirname(file));
  return () => {
    writeFileSync(`${file}.cache`, script.createCachedData());
    // The program has made new files its owner's only; this one belongs to all users who may run it.
    chmodSync(`${file}.cache`, 0o644);
  };
}

/** Starts the thread that the program will take (src/store/thread/start.ts). @returns the way to ask it for its cache */
function startThread(dist) {
  const { port1, port2 } = new MessageChannel();
  globalThis[Symbol.for('orbitdock.warm-thread')] = new Worker(fileURLToPath(import.meta.url), {
    workerData: { dist, port: port2 },
    transferList: [port2],
    env: SHARE_ENV,
  });
  port1.unref();
  return port1;
}

function runThread({ dist, port }) {
  const writeCache = run(dist, 'writer-thread.js');
  port.on('message', () => {
    writeCache();
    port.postMessage('written');
  });
  port.unref();
}
