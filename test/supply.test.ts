/** What comes with the package that nobody here wrote: from one registry, few of it at run time, of versions without known holes. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => JSON.parse(readFileSync(ROOT + path, 'utf8'));

interface Locked {
  version?: string;
  resolved?: string;
  integrity?: string;
  hasInstallScript?: true;
  link?: true;
}

const locked = Object.entries(read('package-lock.json').packages as Record<string, Locked>).filter(
  ([path]) => path !== '',
);

/** Whether a version is at least another one. */
function isAtLeast(version: string, least: string): boolean {
  const [one, other] = [version, least].map((text) => text.split(/[.-]/).map(Number));
  const at = [0, 1, 2].find((part) => one?.[part] !== other?.[part]);
  return at === undefined || (one?.[at] ?? 0) > (other?.[at] ?? 0);
}

const REGISTRY = 'https://registry.npmjs.org/';

it('is locked to the bytes of one registry', () => {
  const wrong = locked.filter(
    ([, { resolved, integrity }]) =>
      // Without an address it is that of the registry which npm is configured with.
      !(resolved ?? REGISTRY).startsWith(REGISTRY) || !integrity?.startsWith('sha512-'),
  );
  expect(wrong.map(([path]) => path)).toEqual([]);
});

it('runs nothing when it is installed but what is allowed by name', () => {
  const { allowScripts } = read('package.json') as { allowScripts: Record<string, boolean> };
  const scripts = locked.filter(([, { hasInstallScript }]) => hasInstallScript);
  const names = scripts.map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 13));
  // Those are for macOS only, and are watched with other means elsewhere.
  expect(names.filter((name) => name !== 'fsevents' && !allowScripts[name])).toEqual([]);
});

it('installs two packages with the server: all else is in the bundle', () => {
  const { dependencies, scripts } = read('package.json') as {
    dependencies: Record<string, string>;
    scripts: Record<string, string>;
  };
  expect(Object.keys(dependencies)).toEqual(['arktype', 'better-sqlite3']);
  expect(Object.values(dependencies).filter((range) => !/^[\^~]?\d/.test(range))).toEqual([]);
  // Of a package that is installed from a registry npm runs these.
  expect(Object.keys(scripts).filter((name) => /^(pre|post)?install$/.test(name))).toEqual([]);
});

it.each([
  ['ws', '8.21.0'],
  ['socket.io', '4.8.0'],
])('holds %s of %s or later, in every place', (name, least) => {
  const all = locked.filter(([path]) => path.endsWith(`node_modules/${name}`));
  expect(all.length).toBeGreaterThan(0);
  for (const [path, { version = '0' }] of all) {
    expect(isAtLeast(version, least), `${path} ${version}`).toBe(true);
  }
});

it('holds an SQLite without the bug that two writers of a log could damage a database by', () => {
  const database = new Database(':memory:');
  const version = database.prepare('SELECT sqlite_version()').pluck().get() as string;
  database.close();
  expect(isAtLeast(version, '3.51.3'), version).toBe(true);
});
