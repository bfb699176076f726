/** What a killed process was writing into the data directory when it ended. */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';

it('is removed at the next start, and what a living process writes or a person keeps is not', async () => {
  await using server = await startTestServer();
  await server.stop();
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  const [left, written, kept] = [
    `.tmp-${pid}-0123456789ab`,
    `.tmp-${process.pid}-0123456789ab`,
    `.tmp-${pid}-notes`,
  ].map((name) => join(server.paths.dir, name)) as [string, string, string];
  for (const path of [left, written, kept]) writeFileSync(path, '');
  await server.start();
  expect([left, written, kept].map((path) => existsSync(path))).toEqual([false, true, true]);
});
