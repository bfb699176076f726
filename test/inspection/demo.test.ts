/** The demo: recorded sessions over HTTP, and nothing left behind. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { io } from 'socket.io-client';
import { expect, it, onTestFinished } from 'vitest';
import { ownRecordings, play } from '../../src/cli/demo-player.ts';
import type { InspectHello, InspectRow } from '../../src/protocol/inspect.ts';
import { createInbox } from '../support/inbox.ts';
import { openInspection } from './setup.ts';

it('plays every recording once, and the chart follows', async () => {
  const { runtime, take } = await openInspection();
  const pauses: number[] = [];
  const recordings = ownRecordings();
  await play({
    recordings,
    speed: 2,
    post: (body) => take(JSON.parse(body)),
    pause: async (ms) => void pauses.push(ms),
  });
  expect(recordings.length).toBeGreaterThanOrEqual(5);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(2000);
  const { rows } = await runtime.inspection.hello(['read']);
  expect(rows.length).toBeGreaterThanOrEqual(recordings.length);
  expect(new Set(rows.map(({ name }) => name)).size).toBe(recordings.length);
  const kinds = new Set<string>();
  for (const { id } of rows) {
    const { records } = await runtime.inspection.history(id, null);
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

/** A demo that plays ten times as fast, and a client of it. */
async function startDemo() {
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
  const before = demoFolders();
  const words = ['--import', 'tsx', main, 'demo', '--bind', '127.0.0.1:0', '--speed', '10'];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGINT'));
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
  const folder = demoFolders().find((name) => !before.includes(name)) ?? '';
  const post = async (message: object) => {
    const answer = await fetch(`${url}/api/messages`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(message),
    });
    expect(await answer.text()).not.toContain('"error"');
  };
  /** The row of a story, once it waits for the visitor. */
  const asking = (title: string) =>
    rows.waitFor((row) => row.title === title && row.waiting !== null);
  const contents = async (id: string): Promise<string[]> => {
    const answer = await fetch(`${url}/api/sessions/${id}/snapshot`);
    const { session } = (await answer.json()) as { session: { messages: { content: string }[] } };
    return session.messages.map(({ content }) => content);
  };
  const last = async (id: string): Promise<string> => (await contents(id)).at(-1) ?? '';
  const whole = async (id: string): Promise<string> => (await contents(id)).join('\n');
  return { child, ended, lines, rows, folder, post, asking, last, whole };
}

it('shows a page alive, and takes its directory away', async () => {
  const { child, ended, rows, folder } = await startDemo();
  await rows.waitFor(({ id, work_status }) => id.startsWith('demo-') && work_status === 'working');
  expect(existsSync(`${tmpdir()}/${folder}/orbitdock.db`)).toBe(true);
  child.kill('SIGINT');
  expect(await ended).toBe(0);
  expect(existsSync(`${tmpdir()}/${folder}`)).toBe(false);
});

it('waits for the visitor, goes on with what was said, and comes back after a crash', async () => {
  const { asking, post, last, whole, lines, rows } = await startDemo();
  const first = await asking('Approve me, deny me, or steer me');
  await post({
    ...{ type: 'approve_tool', session_id: first.id, request_id: first.waiting?.request },
    ...{ decision: 'denied', message: 'only on a copy' },
  });
  await expect.poll(() => last(first.id), PATIENT).toContain('The dry run would change one row');
  expect(await whole(first.id)).toContain('You denied it and said: “only on a copy”');
  const second = await asking('Answer my two questions');
  await post({
    ...{ type: 'answer_question', session_id: second.id, request_id: second.waiting?.request },
    answer: 'UTC',
    answers: {
      'Which time zone do the old orders belong to?': 'UTC',
      'Which reports shall I build again?': 'Tax export',
    },
  });
  await expect.poll(() => last(second.id), PATIENT).toContain('UTC · Tax export');
  const traveller = await asking('Travel back in time');
  const replyTo = async (row: InspectRow, words: string): Promise<void> =>
    post({
      ...{ type: 'answer_question', session_id: row.id, request_id: row.waiting?.request },
      answer: words,
    });
  expect(traveller.context).toBeCloseTo(0.91);
  await replyTo(traveller, 'Compact it');
  const lost = await rows.waitFor(
    ({ id, waiting }) => id === traveller.id && waiting?.text.startsWith('How full') === true,
  );
  expect(lost.context).toBeCloseTo(0.12);
  await replyTo(lost, '62 %');
  const again = await rows.waitFor(
    ({ id, waiting }) =>
      id === lost.id &&
      waiting !== null &&
      ![traveller.waiting?.request, lost.waiting?.request].includes(waiting.request),
  );
  await replyTo(again, '91 %');
  await expect.poll(() => last(lost.id), PATIENT).toContain('Right: 91 %');
  const third = await asking('Crash the server');
  await post({
    ...{ type: 'answer_question', session_id: third.id, request_id: third.waiting?.request },
    answer: 'Kill the server now',
  });
  await lines.waitFor((line) => line.includes('The server was killed, and runs again'));
  await expect.poll(() => last(third.id), PATIENT).toContain('What was acknowledged is never lost');
  expect(await last(second.id)).toContain('UTC · Tax export');
}, 60_000);

const PATIENT = { timeout: 20_000 };

function demoFolders(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('orbitdock-demo-'));
}
