/**
 * The types of the binary's protocol: asked of the binary itself, cut down to what our code names and
 * what those name. `npm run codex-types` writes them; a test compares, which is the alarm when an
 * upgrade of the SDK changes what we use.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findCodexBinary } from '../../src/providers/codex/engine/binary.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Where the types lie in the repository. */
export const GENERATED = join(ROOT, 'src/providers/codex/protocol/generated');

/** A type's file below `generated` -> its text. */
export type TypeFiles = ReadonlyMap<string, string>;

/** What the binary says today, for the types that the code uses. */
export function generateTypes(): TypeFiles {
  const scratch = mkdtempSync(join(tmpdir(), 'orbitdock-codex-types-'));
  try {
    execFileSync(
      findCodexBinary().path,
      ['app-server', 'generate-ts', '--experimental', '--out', scratch],
      { env: { HOME: scratch, CODEX_HOME: join(scratch, 'home') }, stdio: 'pipe' },
    );
    return closure(scratch, typesInUse());
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** What the repository holds. */
export function committedTypes(): TypeFiles {
  return new Map(
    filesBelow(GENERATED).map((name) => [name, readFileSync(join(GENERATED, name), 'utf8')]),
  );
}

/** Types that hand-written files import. */
function typesInUse(): string[] {
  const used = new Set<string>();
  for (const folder of ['src', 'test']) {
    for (const name of filesBelow(join(ROOT, folder))) {
      if (name.includes('generated/')) continue;
      const text = readFileSync(join(ROOT, folder, name), 'utf8');
      for (const [, type] of text.matchAll(/from '[^']*\/generated\/([^']+)\.ts'/g)) {
        used.add(`${type}.ts`);
      }
    }
  }
  return [...used];
}

/** The types named, those they name, and so on; their imports get the ending that Node wants. */
function closure(folder: string, roots: readonly string[]): TypeFiles {
  const files = new Map<string, string>();
  const open = [...roots];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (files.has(name)) continue;
    const text = readFileSync(join(folder, name), 'utf8');
    for (const [, target] of text.matchAll(/from "([^"]+)"/g)) {
      open.push(join(dirname(name), `${target}.ts`));
    }
    files.set(name, text.replace(/from "([^"]+)"/g, 'from "$1.ts"'));
  }
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .sort();
}

function write(files: TypeFiles): void {
  rmSync(GENERATED, { recursive: true, force: true });
  for (const [name, text] of files) {
    mkdirSync(dirname(join(GENERATED, name)), { recursive: true });
    writeFileSync(join(GENERATED, name), text);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const files = generateTypes();
  write(files);
  console.log(`${files.size} types in ${GENERATED}`);
}
