// Writes the code cache of a built program: starts it once on a directory of its own, as a user would,
// asks whether it serves, and keeps what V8 has compiled by then. src/launch.ts reads it. Run by
// build.mjs: `node code-cache.mjs DIST`.
import { on } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';
import { WebSocket } from 'ws';

/** What does not serve by then does not serve, ms. */
const GIVE_UP_AFTER_MS = 20_000;

const dist = process.argv[2];
const file = join(dist, 'program.js');
const directory = mkdtempSync(join(tmpdir(), 'orbitdock-build-'));
process.once('exit', () => rmSync(directory, { recursive: true, force: true }));

// The very text that launch.ts compiles: V8 compares.
const script = new Script(Module.wrap(readFileSync(file, 'latin1')), { filename: file });
process.argv = [process.execPath, join(dist, 'main.js')];
process.argv.push('--data-dir', directory, 'start', '--bind', '127.0.0.1:0');
script.runInThisContext()({}, createRequire(file), { exports: {} }, file, dirname(file));

const card = join(directory, 'server.json');
const deadline = performance.now() + GIVE_UP_AFTER_MS;
while (!existsSync(card)) {
  if (performance.now() > deadline) throw new Error('The program did not start');
  await new Promise((resolve) => setTimeout(resolve, 5));
}
const { port } = JSON.parse(readFileSync(card, 'utf8'));
const health = await fetch(`http://127.0.0.1:${port}/health`);
if (health.status !== 200) throw new Error(`The program does not serve: ${health.status}`);
// What the first hook and the first client after a start run, and nothing before them has run.
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
writeFileSync(`${file}.cache`, script.createCachedData());
// The program has made new files its owner's only; this one belongs to all users who may run it.
chmodSync(`${file}.cache`, 0o644);
// The program ends the process when it has stopped.
process.kill(process.pid, 'SIGTERM');
