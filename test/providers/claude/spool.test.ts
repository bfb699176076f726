/** In which order hooks are taken out of the spool. */
import { rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openDataDirectory } from '../../../src/files.ts';
import { SILENT_LOGGER } from '../../../src/log.ts';
import { createSpool } from '../../../src/providers/claude/hooks/spool.ts';
import { temporaryDataPaths } from '../../support/server.ts';

/** A spool with these files: name without ending, and when it was written, in seconds. */
function spoolOf(files: ReadonlyArray<readonly [string, number]>) {
  const paths = temporaryDataPaths();
  openDataDirectory(paths);
  onTestFinished(() => rmSync(paths.dir, { recursive: true, force: true }));
  for (const [key, written] of files) {
    const path = join(paths.spool, `${key}.json`);
    writeFileSync(path, '{"session_id":"s"}');
    utimesSync(path, written, written);
  }
  const taken: string[] = [];
  const { spool: directory, quarantine } = paths;
  const take = async (_: unknown, { key }: { key: string }) => void taken.push(key);
  const knownKeys = async () => [];
  const spool = createSpool({ directory, quarantine, take, knownKeys, log: SILENT_LOGGER });
  return { taken, spool };
}

const SECOND = '1700000000000000000';

it('takes hooks of one second as they were written, whatever their process ids', async () => {
  const { taken, spool } = spoolOf([
    [`${SECOND}-99-7`, 1_700_000_000.3],
    [`${SECOND}-1000-7`, 1_700_000_000.4],
    [`${SECOND}-31000-7`, 1_700_000_000.1],
    [`${SECOND}-2-7.claude_session_end`, 1_700_000_000.6],
  ]);
  await spool.drain(0);
  const pids = taken.map((key) => key.split('-')[1]);
  expect(pids).toEqual(['31000', '99', '1000', '2']);
});

it('goes by the moment a hook began first, and by the process id where nothing else shows the order', async () => {
  const { taken, spool } = spoolOf([
    ['1700000000000000002-5-0', 1_700_000_000],
    ['1700000000000000001-6-0', 1_700_000_009],
    [`${SECOND}-1000-0`, 1_700_000_001],
    [`${SECOND}-999-0`, 1_700_000_001],
  ]);
  await spool.drain(0);
  expect(taken.map((key) => key.split('-')[1])).toEqual(['999', '1000', '6', '5']);
});
