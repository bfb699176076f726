/** One command: what it leaves behind, and that nothing of it is left however it ends. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { type Command, commandEnvironment, startCommand } from '../../src/host/shell-command.ts';
import { createOutput } from '../../src/host/shell-output.ts';
import { processesWith } from '../support/processes.ts';

const SOON = { interval: 20, timeout: 15_000 };
let naps = 0;

/** A sleep that nobody else sleeps. */
function nap(): string {
  naps++;
  return `sleep 9${process.pid}.${naps}`;
}

function run(command: string, more: { timeoutMs?: number; cwd?: string } = {}): Command {
  const env = { PATH: process.env.PATH };
  const started = startCommand({ command, cwd: '/', env, timeoutMs: 20_000, ...more });
  const breath = setInterval(started.resumeReading, 20);
  onTestFinished(() => {
    clearInterval(breath);
    started.end('cancelled');
  });
  return started;
}

it('gives both streams, the exit code and where it ran', async () => {
  expect(await run('pwd; echo oops >&2; exit 3', { cwd: '/usr' }).done).toEqual({
    stdout: '/usr\n',
    stderr: 'oops\n',
    exit_code: 3,
    duration_ms: expect.any(Number),
    outcome: 'finished',
  });
});

it('takes quotes, newlines and dollars as they are, and gives no stdin', async () => {
  const { done } = run(`printf '%s' "a'b"\ncat; echo $((1 + 1)) "$0" "$#"`);
  expect(await done).toMatchObject({ stdout: "a'b2 sh 0\n", exit_code: 0 });
});

it('ends a command and all it started when its time is over, and keeps what it wrote', async () => {
  const [one, other] = [nap(), nap()];
  const command = run(`echo early; ${one} & ${other}`, { timeoutMs: 1_000 });
  await vi.waitFor(() => expect(processesWith(other)).not.toEqual([]), SOON);
  const output = await command.done;
  expect(output).toMatchObject({ stdout: 'early\n', exit_code: null, outcome: 'timed_out' });
  expect(output.stderr).toBe('Command timed out after 1s');
  expect([...processesWith(one), ...processesWith(other)]).toEqual([]);
});

it('kills what does not care about being asked', async () => {
  const one = nap();
  const command = run(`trap '' TERM; echo ready; while :; do ${one}; done`);
  await vi.waitFor(() => expect(command.output.stdout.text()).toBe('ready\n'), SOON);
  command.end('cancelled');
  command.end('interrupted');
  expect(await command.done).toMatchObject({
    outcome: 'cancelled',
    exit_code: null,
    stderr: expect.stringContaining('Command cancelled'),
  });
  expect(processesWith(one)).toEqual([]);
});

it('lets a command end in its own way when it is asked', async () => {
  const command = run(`trap 'echo tidied; exit 0' TERM; echo ready; while :; do sleep 0.05; done`);
  await vi.waitFor(() => expect(command.output.stdout.text()).toBe('ready\n'), SOON);
  command.end('interrupted');
  expect(await command.done).toMatchObject({ stdout: 'ready\ntidied\n', outcome: 'interrupted' });
});

it('ends with its shell: what it left in the background goes too, and is not waited for', async () => {
  const one = nap();
  const { done } = run(`${one} & echo started`);
  expect(await done).toMatchObject({ stdout: 'started\n', exit_code: 0, outcome: 'finished' });
  expect(processesWith(one)).toEqual([]);
});

it('says -1 for a shell that a signal ended, and the failure of one that cannot start', async () => {
  for (const signal of ['KILL', 'TERM', 'INT', 'SEGV']) {
    expect(await run(`echo before; kill -${signal} $$; echo after`).done).toMatchObject({
      stdout: 'before\n',
      stderr: '',
      exit_code: -1,
      outcome: 'finished',
    });
  }
  // A number that only looks like a signal is the command's own.
  expect(await run('exit 137').done).toMatchObject({ exit_code: 137, outcome: 'finished' });
  const failed = await run('echo', { cwd: '/no/such/place' }).done;
  expect(failed).toMatchObject({ exit_code: null, outcome: 'failed' });
  expect(failed.stderr).toContain('Failed to execute command');
});

it('keeps beginning and end of a flood, in little memory, and says what it left out', async () => {
  const before = process.memoryUsage().rss;
  const command = run('echo first; yes | head -c 60000000; echo last');
  const output = await command.done;
  expect(output).toMatchObject({ exit_code: 0, truncated: true });
  expect(output.stdout.startsWith('first\ny\n')).toBe(true);
  expect(output.stdout.endsWith('y\nlast\n')).toBe(true);
  expect(output.stdout).toMatch(/\[\d{8} characters left out\]/);
  expect(Buffer.byteLength(output.stdout)).toBeLessThan(1024 * 1024);
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
});

it('can be stopped in the middle of an endless flood', async () => {
  const command = run('yes');
  await vi.waitFor(() => expect(command.output.stdout.isCut).toBe(true), SOON);
  await pause(0);
  command.end('cancelled');
  expect(await command.done).toMatchObject({ outcome: 'cancelled', truncated: true });
});

it('hands on our environment without what is ours', () => {
  const env = {
    PATH: '/bin',
    ORBITDOCK_AUTH_TOKEN: 'x',
    ORBITDOCK_DATA_DIR: '/d',
    COPY: 'a-s3cret-b',
  };
  expect(commandEnvironment(env, 's3cret')).toEqual({ PATH: '/bin' });
  expect(commandEnvironment({ A: '1', B: undefined }, null)).toEqual({ A: '1' });
});

it('cuts no character, neither between two reads nor at what is kept', () => {
  const output = createOutput();
  const bomb = Buffer.from('\u{1F4A5}');
  for (let n = 0; n < 100_001; n++) for (const byte of bomb) output.push(Buffer.of(byte));
  output.push(Buffer.of(0xf0, 0x9f));
  output.end();
  const [first, last] = output.pieces();
  expect(first?.text).toMatch(/^\u{1F4A5}+$/u);
  expect(last?.text).toMatch(/^\u{1F4A5}+\uFFFD$/u);
  expect((last?.offset ?? 0) + (last?.text.length ?? 0)).toBe(200_003);
});

it('shows the newest that is new, with its place', () => {
  const output = createOutput();
  expect(output.takeNewOutput()).toBeNull();
  output.push(Buffer.from('abc'));
  expect(output.takeNewOutput()).toEqual({ offset: 0, text: 'abc' });
  output.push(Buffer.from('x'.repeat(100_000)));
  output.push(Buffer.from('end'));
  const news = output.takeNewOutput();
  expect(news?.text.endsWith('xend')).toBe(true);
  expect((news?.offset ?? 0) + (news?.text.length ?? 0)).toBe(100_006);
  expect(news?.text.length).toBeLessThan(20_000);
  expect(output.takeNewOutput()).toBeNull();
});
