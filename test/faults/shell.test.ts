/** The server is killed while commands run: nothing of them is left, and the record says what became of them. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { ask } from '../support/asking.ts';
import { type Build, build } from '../support/build.ts';
import { wsClient } from '../support/clients.ts';
import { differences, snapshotOf } from '../support/compare.ts';
import { rowsOf } from '../support/database.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { barrier, observe } from '../support/observer.ts';
import { processesWith } from '../support/processes.ts';
import { spawnServer } from '../support/spawned.ts';

const SOON = { interval: 20, timeout: 15_000 };

let program: Build;
beforeAll(async () => {
  program = await build();
});
afterAll(() => program[Symbol.dispose]());

it('leaves no process after a kill, says interrupted, and runs nothing twice', async () => {
  await using server = await spawnServer(program.main);
  const directory = join(server.paths.dir, 'shop');
  mkdirSync(directory);
  await deliver(server.url, scriptOf('s', directory).prompt('Go'));
  await deliver(server.url, scriptOf('s', directory).stop());
  const observer = await observe(wsClient(server.url));
  await observer.settle();
  const nap = `sleep 6${process.pid}.5`;
  const commands = [
    `echo run >> runs; echo early; ${nap}`,
    `trap '' TERM HUP; ${nap} & ${nap} | cat`,
    `(${nap} & ${nap}); ${nap}`,
  ];
  for (const command of commands) {
    const request = { type: 'execute_shell', session_id: 's', command, timeout_secs: 600 };
    expect(await ask(observer.client, request)).toMatchObject({ type: 'ack' });
  }
  await vi.waitFor(() => expect(processesWith(nap).length).toBeGreaterThan(5), SOON);
  const kept = 'SELECT count(*) AS n FROM messages WHERE tool_output IS NOT NULL';
  await vi.waitFor(() => expect(rowsOf(server.paths, kept)).toEqual([{ n: 1 }]), SOON);
  await server.kill('SIGKILL');
  await vi.waitFor(() => expect(processesWith(nap)).toEqual([]), SOON);
  const running = 'SELECT count(*) AS n FROM messages WHERE is_in_progress <> 0';
  expect(rowsOf(server.paths, running)).toEqual([{ n: 3 }]);
  await server.start();
  await vi.waitFor(() => expect(rowsOf(server.paths, running)).toEqual([{ n: 0 }]), SOON);
  await using client = await wsClient(server.url);
  const { messages, work_status } = await snapshotOf(client, 's');
  expect(work_status).toBe('waiting');
  expect(messages.slice(-3)).toMatchObject(
    commands.map((content, at) => ({
      content,
      is_error: true,
      duration_ms: null,
      tool_output: `${at === 0 ? 'early\n\n' : ''}Command interrupted: the server stopped while it ran`,
    })),
  );
  await using back = await observe(wsClient(server.url), observer.model);
  expect(await differences(server.url, back)).toEqual([]);
  await barrier(client);
  expect(processesWith(nap)).toEqual([]);
});
