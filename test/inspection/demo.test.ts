/** The demo: recorded sessions over HTTP, and nothing left behind. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { io } from 'socket.io-client';
import { expect, it, onTestFinished } from 'vitest';
import { ownRecordings, play } from '../../src/cli/demo.ts';
import type { InspectHello, InspectRow } from '../../src/protocol/inspect.ts';
import { createInbox } from '../support/inbox.ts';
import { openStage } from './stage.ts';

it('plays every recording, each round under an id of its own, and the chart follows', async () => {
  const { house, take } = await openStage();
  const pauses: number[] = [];
  const rounds = 2;
  let rests = 0;
  const recordings = ownRecordings();
  await play({
    recordings,
    speed: 2,
    post: (body) => take(JSON.parse(body)),
    async pause(ms) {
      pauses.push(ms);
      // The longest pauses part rounds; after the second round of all tracks the play is over.
      if (ms >= 3000 && ++rests > recordings.length * rounds) throw new Error('over');
    },
  }).catch((error: Error) => expect(error.message).toBe('over'));
  expect(recordings.length).toBeGreaterThanOrEqual(5);
  expect(Math.max(...pauses.filter((ms) => ms < 3000))).toBeLessThanOrEqual(2000);
  const { rows } = await house.inspection.hello(['read']);
  expect(rows.length).toBeGreaterThanOrEqual(recordings.length * rounds);
  expect(new Set(rows.map(({ name }) => name)).size).toBe(recordings.length);
  const kinds = new Set<string>();
  for (const { id } of rows) {
    const { records } = await house.inspection.history(id, null);
    for (const { value } of records) kinds.add(JSON.stringify(value));
  }
  const values = [...kinds].join();
  for (const state of [
    '"turn":"open"',
    '"turn":"closed"',
    '"permission"',
    '"question"',
    '"ended"',
  ]) {
    expect(values).toContain(state);
  }
});

it('shows a page alive, and takes its directory away', async () => {
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
  const before = demoFolders();
  const words = ['--import', 'tsx', main, 'demo', '--bind', '127.0.0.1:0', '--speed', '10'];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const lines = createInbox<string>('demo');
  createInterface({ input: child.stdout }).on('line', (line) => lines.add(line));
  const said = await lines.waitFor((line) => line.startsWith('Open http'));
  const url = said.slice('Open '.length).replace(/\/$/, '');
  const socket = io(`${url}/inspect`, { transports: ['websocket'], forceNew: true });
  onTestFinished(() => void socket.disconnect());
  const rows = createInbox<InspectRow>('rows');
  const add = (some: InspectRow[]) => some.forEach((row) => void rows.add(row));
  socket.on('hello', (hello: InspectHello) => add(hello.rows));
  socket.on('rows', add);
  await rows.waitFor(({ id, work_status }) => id.startsWith('demo-') && work_status === 'working');
  const folder = demoFolders().find((name) => !before.includes(name)) ?? '';
  expect(existsSync(`${tmpdir()}/${folder}/orbitdock.db`)).toBe(true);
  child.kill('SIGINT');
  expect(await ended).toBe(0);
  expect(existsSync(`${tmpdir()}/${folder}`)).toBe(false);
});

function demoFolders(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('orbitdock-demo-'));
}
