import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { createCodexHome } from '../../support/codex-home.ts';
import { startFakeResponsesApi } from '../../support/fake-responses-api.ts';
import { processesWith } from '../../support/processes.ts';

const HOST = fileURLToPath(new URL('./engine-host.ts', import.meta.url));

it('leaves nothing running when our own process is killed', async () => {
  await using api = await startFakeResponsesApi();
  await using home = await createCodexHome(api);
  const marker = `5${process.pid}`;
  const host = spawn(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), HOST, home.project, marker],
    { env: home.env, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    await once(host.stdout, 'data');
    // One in the sandbox, one outside. A sandbox is seen here before it is set up: killed then, it would
    // go on by itself in one of four runs.
    await expect.poll(() => processesWith(`sleep ${marker}1`)).not.toEqual([]);
    await expect.poll(() => processesWith(`sleep ${marker}2`)).not.toEqual([]);
  } finally {
    host.kill('SIGKILL');
    await once(host, 'exit');
  }
  await expect.poll(() => processesWith(marker), { timeout: 10_000 }).toEqual([]);
});
