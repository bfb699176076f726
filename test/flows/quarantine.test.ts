/** The spool's quarantine: never silent, never without end. */
import { existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { DataPaths } from '../../src/config.ts';
import { openDataDirectory } from '../../src/files.ts';
import { SILENT_LOGGER } from '../../src/log.ts';
import { createSpool } from '../../src/providers/claude/hooks/spool.ts';
import { temporaryDataPaths } from '../support/server.ts';

/** As many bad files as are kept. */
const KEPT = 1000;

let paths: DataPaths;
beforeEach(() => {
  paths = temporaryDataPaths();
  openDataDirectory(paths);
});
afterEach(() => rmSync(paths.dir, { recursive: true, force: true }));

function spool() {
  const { spool: directory, quarantine } = paths;
  const knownKeys = async () => [];
  return createSpool({
    directory,
    quarantine,
    take: async () => {},
    knownKeys,
    log: SILENT_LOGGER,
  });
}

it('keeps the newest thousand, whatever kind the older ones are of', async () => {
  const { quarantine } = paths;
  mkdirSync(join(quarantine, '0000-folder', 'inside'), { recursive: true });
  writeFileSync(join(quarantine, '0000-folder.reason'), 'not a regular file\n');
  for (let at = 1; at < KEPT; at++) writeFileSync(join(quarantine, `1000-${at}`), '');
  for (const name of ['2000-newer', '2000-newest']) writeFileSync(join(paths.spool, name), 'junk');
  expect(await spool().drain(0)).toEqual({ drained: 0, quarantined: 2, kept: 0 });
  const left = readdirSync(quarantine).filter((name) => !name.endsWith('.reason'));
  expect(left).toHaveLength(KEPT);
  expect(left).toEqual(expect.arrayContaining(['2000-newer', '2000-newest']));
  expect(existsSync(join(quarantine, '0000-folder.reason'))).toBe(false);
});

it('leaves a file in the spool until its reason is written', async () => {
  const name = '2000-junk';
  writeFileSync(join(paths.spool, name), 'junk');
  utimesSync(join(paths.spool, name), 1, 1);
  // A folder where the reason should go: it cannot be written.
  mkdirSync(join(paths.quarantine, `${name}.reason`));
  await spool().drain(0);
  expect(existsSync(join(paths.spool, name))).toBe(true);
  rmSync(join(paths.quarantine, `${name}.reason`), { recursive: true });
  await spool().drain(0);
  expect(readdirSync(paths.quarantine).sort()).toEqual([name, `${name}.reason`]);
});
