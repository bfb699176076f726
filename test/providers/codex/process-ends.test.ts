/** How the end of an engine's process is reported: its cause, never what happened to be said before. */
import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { SILENT_LOGGER } from '../../../src/log.ts';
import { startChild } from '../../../src/providers/codex/engine/child.ts';

function run(script: string) {
  const env = { PATH: '/usr/bin:/bin' };
  const spec = { command: '/bin/sh', args: ['-c', script], cwd: tmpdir(), env };
  return startChild(spec, SILENT_LOGGER);
}

it.each([
  [
    'an exit code, with the error it ended on',
    'echo "Error: no disk" >&2; exit 3',
    'sh exited with code 3: Error: no disk',
  ],
  [
    'a panic: where and what, not the advice behind it',
    "echo \"thread 'main' panicked at a.rs:1:\" >&2; echo 'no rows' >&2; echo 'note: run with RUST_BACKTRACE=1' >&2; exit 101",
    "sh exited with code 101: thread 'main' panicked at a.rs:1: no rows",
  ],
  [
    'no warning',
    'echo "2026-11-28T10:00:00Z  WARN codex: Install bubblewrap" >&2; exit 1',
    'sh exited with code 1',
  ],
  [
    'a signal from outside, without words',
    'echo "Install bubblewrap" >&2; kill -9 $$',
    'sh was ended by SIGKILL',
  ],
  [
    'its own crash, with its words',
    'echo "assertion failed" >&2; kill -ABRT $$',
    'sh was ended by SIGABRT: assertion failed',
  ],
])('reports %s', async (_, script, reason) => {
  expect(await (await run(script)).exited).toBe(reason);
});

it('reports that we ended it, and why', async () => {
  const child = await run('echo "Install bubblewrap" >&2; exec sleep 1000');
  child.kill('it hung and answered nothing any more');
  expect(await child.exited).toBe(
    'sh was ended by this server: it hung and answered nothing any more',
  );
});
