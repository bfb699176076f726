/** The server that ships, as a process of its own, and hooks for it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';

const MAIN = new URL('../../../dist/main.js', import.meta.url).pathname;

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address ? address.port : 0;
}

/** A data directory that goes with the test. */
export function dataDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'orbit-page-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Starts the built server and waits until it answers. */
export async function start(
  directory: string,
  port: number,
  ...flags: string[]
): Promise<ChildProcess> {
  const words = [MAIN, '--data-dir', directory, 'start', '--bind', `127.0.0.1:${port}`, ...flags];
  const child = spawn(process.execPath, words, {
    stdio: 'ignore',
    env: { PATH: process.env.PATH, HOME: directory },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await expect
    .poll(
      () =>
        fetch(`http://127.0.0.1:${port}/health`).then(
          ({ status }) => status,
          () => 0,
        ),
      { timeout: 10_000 },
    )
    .toBe(200);
  return child;
}

/** Posts one hook; it must be taken. */
export async function post(
  port: number,
  session_id: string,
  hook_event_name: string,
  more: object,
  token: string | null = null,
): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/hook`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      ...(token !== null && { Authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ session_id, hook_event_name, cwd: '/home/dev/shop', ...more }),
  });
  expect([hook_event_name, answer.status]).toEqual([hook_event_name, 204]);
}

const COMMAND = {
  tool_name: 'Bash',
  tool_input: { command: 'npm test \u202Elive' },
  tool_use_id: 'toolu_1',
};

/** Session `real-1`: a turn that ends up waiting for a permission. */
export async function ask(port: number, token: string | null = null): Promise<void> {
  await post(
    port,
    'real-1',
    'SessionStart',
    { source: 'startup', model: 'claude-sonnet-4-5' },
    token,
  );
  await post(port, 'real-1', 'UserPromptSubmit', { prompt: 'Make the tests pass' }, token);
  await post(port, 'real-1', 'PreToolUse', COMMAND, token);
  await post(port, 'real-1', 'PermissionRequest', COMMAND, token);
}

/** Runs another command of the built program on that data directory. @returns what it prints */
export function command(directory: string, ...words: string[]): string {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [MAIN, '--data-dir', directory, ...words],
    { encoding: 'utf8', env: { PATH: process.env.PATH, HOME: directory } },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}
