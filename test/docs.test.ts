/**
 * What the documents say of the repository is so: decisions name tests that exist, paths lead somewhere, and
 * nothing points to a page that a reader does not have.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** All files that are in the repository or will be with the next commit. */
const FILES = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(ROOT, file)));

/** Files that people wrote. Generated types and recordings carry words of other programs. */
const WRITTEN = FILES.filter(
  (file) =>
    /\.(ts|tsx|mjs|md|sql|sh|css|html|ya?ml)$/.test(file) &&
    !/^test\/fixtures\/|\/generated\//.test(file),
);

const DECISIONS = readdirSync(join(ROOT, 'src/decisions'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `src/decisions/${name}`);

describe('comments and documents', () => {
  // Skills and instructions of agents are such files too.
  const known = new Set([...FILES.map((file) => basename(file)), 'SKILL.md', 'CLAUDE.md']);

  /** Names of pages in the text that no file of the repository has. */
  function lostPages(text: string): string[] {
    const named = [...text.matchAll(/[\w-]+\.md\b/g)].map(([name]) => name);
    return named.filter((name) => !known.has(name));
  }

  it('name no page that is not in the repository: they state the fact', () => {
    const wrong = WRITTEN.filter((file) => file !== 'test/docs.test.ts').flatMap((file) =>
      lostPages(read(file)).map((page) => `${file} -> ${page}`),
    );
    expect(wrong).toEqual([]);
  });

  it('are found out when they do', () => {
    expect(lostPages('(see contract.md 9.4) and README.md')).toEqual(['contract.md']);
  });

  it('carry no numbers of such a page, as `(T14)` or `no. 8`', () => {
    const NUMBER =
      /\bcontract \d|\((?:[A-Z]\d{1,2})(?:, [A-Z]\d{1,2})*\)|\bno\. \d+\b|\b(?:shared|spec)\/[a-z]/;
    const wrong = WRITTEN.filter((file) => file !== 'test/docs.test.ts').flatMap((file) =>
      read(file)
        .split('\n')
        .filter((line) => /^\s*(\/?\*|\/\/|#|--|[A-Z|-])|\/\/ | (it|describe)\(/.test(line))
        .filter((line) => NUMBER.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('documents', () => {
  const PAGES = FILES.filter((file) => file.endsWith('.md') && !file.startsWith('test/'));

  it.each(PAGES)('%s links only to files that are there', (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(
      ([, target = '']) => target,
    );
    expect(links.filter((target) => !existsSync(join(ROOT, dirname(page), target)))).toEqual([]);
  });

  /** Where a path of a page may begin. */
  const STARTS = [
    '',
    'src',
    'src/runtime',
    'src/transports',
    'src/protocol',
    'src/providers/codex',
  ];

  it.each(['CONTRIBUTING.md', 'SECURITY.md', 'README.md', 'src/README.md', ...DECISIONS])(
    '%s names only files of the repository that are there',
    (page) => {
      const named = [...read(page).matchAll(/`((?:[\w.-]+\/)*[\w.-]+\.(?:ts|tsx|mjs|sh|sql))`/g)];
      const isThere = (path: string) =>
        [...STARTS, dirname(page)].some((start) => existsSync(join(ROOT, start, path)));
      const inText = [...read(page).matchAll(/(?<![\w./-])(?:src|test)\/[\w./-]*\w/g)];
      const paths = [...named.map(([, path = '']) => path), ...inText.map(([path]) => path)];
      expect(paths.filter((path) => !isThere(path) && path !== 'hook.sh')).toEqual([]);
    },
  );
});

describe('a decision', () => {
  const index = read('src/README.md').split('## Decisions')[1]?.split('## Dependencies')[0] ?? '';
  const numbers = [...index.matchAll(/^(\d+)\. /gm)].map(([, number]) => Number(number));

  it('has a number of its own, in order, which comments may refer to', () => {
    expect(numbers.length).toBeGreaterThan(100);
    expect(numbers).toEqual([...new Set(numbers)].sort((one, other) => one - other));
  });

  it.each(DECISIONS)(
    '%s is dated, complete, listed under its number and held by a test',
    (file) => {
      const text = read(file);
      const number = Number(/\/(\d+)-/.exec(file)?.[1]);
      const [, title] = /^# \d+\. (.+)$/m.exec(text) ?? [];
      expect(text).toMatch(new RegExp(`^# ${number}\\. `));
      expect(text).toMatch(/^Date: \d{4}-\d\d-\d\d$/m);
      const sections = [...text.matchAll(/^## (.+)\n\n(.+)/gm)].map(([, name]) => name);
      expect(sections).toEqual(['Context', 'Decision', 'Price', 'What would change it', 'Held by']);
      const [, tests = ''] = text.split('## Held by');
      expect(tests).toMatch(/`test\/[\w/.-]+\.test\.ts`/);
      const flat = index.replace(/\s+/g, ' ');
      expect(flat).toContain(`${number}. [${title}](decisions/${basename(file)}): `);
    },
  );
});
