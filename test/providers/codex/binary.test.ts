import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findCodexBinary, pathWithTools } from '../../../src/providers/codex/engine/binary.ts';

const scratch = mkdtempSync(join(tmpdir(), 'odx-binary-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** A module in a project that has these packages. */
function projectWith(name: string, packages: readonly string[]): string {
  const project = join(scratch, name);
  for (const each of packages) {
    const folder = join(project, 'node_modules', each);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{}');
  }
  return join(project, 'main.js');
}

const LINUX = { env: {}, platform: 'linux', arch: 'x64' };

describe('the codex binary', () => {
  it('is the native one of the SDK, with its tools in front of the PATH', () => {
    const binary = findCodexBinary({ env: {} });
    expect(binary.path).toMatch(/vendor\/[^/]+\/bin\/codex$/);
    expect(pathWithTools(binary, '/bin')).toMatch(/\/codex-path:\/bin$/);
  });

  it('is the one that CODEX_BIN names, and then no other', () => {
    const env = { CODEX_BIN: process.execPath };
    expect(findCodexBinary({ env })).toEqual({ path: process.execPath, toolsDir: null });
    const missing = { CODEX_BIN: '/no/codex' };
    expect(() => findCodexBinary({ env: missing })).toThrow(
      'names /no/codex, which does not exist',
    );
    expect(() => findCodexBinary({ env: { CODEX_BIN: 'codex' } })).toThrow('an absolute path');
  });

  /** Where the SDK has none: another system, not installed at all, or without this machine's package. */
  const WITHOUT = [
    { ...LINUX, platform: 'sunos' },
    { ...LINUX, from: projectWith('bare', []) },
    { ...LINUX, from: projectWith('no-platform', ['@openai/codex-sdk', '@openai/codex']) },
  ];

  it.each(WITHOUT)(
    'is the first on PATH that may be run, where the SDK has none (%#)',
    (source) => {
      const [none, data, program = ''] = ['none', 'data', 'program'].map((name) =>
        join(scratch, name),
      );
      for (const [folder = '', mode] of [
        [data, 0o644],
        [program, 0o755],
      ] as const) {
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, 'codex'), '#!/bin/sh\n', { mode });
      }
      // A relative folder would be another one in each project.
      const env = { PATH: [relative(process.cwd(), program), none, data, program].join(':') };
      const path = join(scratch, 'program', 'codex');
      expect(findCodexBinary({ ...source, env })).toEqual({ path, toolsDir: null });
    },
  );

  it.each(WITHOUT)('is missed with a remedy where there is none on PATH either (%#)', (source) => {
    expect(() => findCodexBinary({ ...source, env: { PATH: scratch } })).toThrow(
      'run `npm install -g @openai/codex`, or set CODEX_BIN',
    );
  });
});
