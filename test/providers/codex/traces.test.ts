/** Empty folders that Codex leaves in projects: removed by us, or by the process after us. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SILENT_LOGGER } from '../../../src/log.ts';
import {
  createSandboxLeftovers,
  removeOldSandboxLeftovers,
} from '../../../src/providers/codex/engine/supervisor.ts';

let scratch = '';
let project = '';
let list = '';

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'odx-traces-'));
  project = join(scratch, 'shop');
  list = join(scratch, 'list.json');
  mkdirSync(project);
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

it('removes at the next start what a killed process left empty, and nothing that was there or is used', async () => {
  mkdirSync(join(project, '.aws'));
  createSandboxLeftovers(list, SILENT_LOGGER).worksIn('thread', [project]);
  // The process is killed here; the sandbox had made these, and somebody used one of them since.
  for (const name of ['.git', '.codex', '.agents']) mkdirSync(join(project, name));
  writeFileSync(join(project, '.agents', 'notes'), 'mine');
  await removeOldSandboxLeftovers(list, SILENT_LOGGER);
  const left = ['.git', '.codex', '.agents', '.aws'].filter((name) =>
    existsSync(join(project, name)),
  );
  expect(left).toEqual(['.agents', '.aws']);
  expect(existsSync(list)).toBe(false);
});

it('lists nothing once everything has ended', async () => {
  const traces = createSandboxLeftovers(list, SILENT_LOGGER);
  traces.worksIn('thread', [project]);
  expect(JSON.parse(readFileSync(list, 'utf8'))).toContain(join(project, '.git'));
  mkdirSync(join(project, '.git'));
  await traces.allEnded();
  expect(existsSync(list)).toBe(false);
  expect(existsSync(join(project, '.git'))).toBe(false);
});

it('starts all the same with a list that cannot be read', async () => {
  writeFileSync(list, '{broken');
  await removeOldSandboxLeftovers(list, SILENT_LOGGER);
  const traces = createSandboxLeftovers(list, SILENT_LOGGER);
  traces.worksIn('thread', [project]);
  expect(JSON.parse(readFileSync(list, 'utf8'))).toContain(join(project, '.git'));
});
