/** What a look into a directory shows, and what it will not do whatever it is asked. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createBrowse } from '../../src/host/directory.ts';

function stage(roots: string[] = []) {
  const top = realpathSync(mkdtempSync(join(tmpdir(), 'orbit-browse-')));
  onTestFinished(() => rmSync(top, { recursive: true, force: true }));
  const home = join(top, 'home');
  mkdirSync(home);
  return { top, home, browse: createBrowse({ home, roots: [home, ...roots] }) };
}

const refusal = (reason: string) =>
  expect.objectContaining({ code: 'browse_error', message: expect.stringContaining(reason) });

it('shows directories first, by name whatever its case, and says which are repositories', async () => {
  const { home, browse } = stage();
  for (const name of ['beta/.git', 'Alpha', 'gamma/.git', 'tree'])
    mkdirSync(join(home, name), { recursive: true });
  writeFileSync(join(home, 'beta/.git/HEAD'), 'ref: refs/heads/main\n');
  // The `.git` of a worktree is a file; one that is empty was left behind by a sandbox.
  writeFileSync(join(home, 'tree/.git'), `gitdir: ${join(home, 'beta/.git')}\n`);
  for (const name of ['Zoo.txt', 'ant.txt']) writeFileSync(join(home, name), '');
  const { path, entries, truncated } = await browse(null);
  expect(path).toBe(home);
  expect(truncated).toBe(false);
  expect(entries).toEqual([
    { name: 'Alpha', is_dir: true, is_git: false },
    { name: 'beta', is_dir: true, is_git: true },
    { name: 'gamma', is_dir: true, is_git: false },
    { name: 'tree', is_dir: true, is_git: true },
    { name: 'ant.txt', is_dir: false, is_git: false },
    { name: 'Zoo.txt', is_dir: false, is_git: false },
  ]);
});

it('takes "", ~ and paths from home, and nobody else’s home', async () => {
  const { home, browse } = stage();
  mkdirSync(join(home, 'a/b'), { recursive: true });
  for (const same of ['', '~', '~/', '.', home, `${home}/a/..`]) {
    expect((await browse(same)).path, same).toBe(home);
  }
  for (const below of ['~/a/b', 'a/b', `${home}/a//b/`]) {
    expect((await browse(below)).path, below).toBe(join(home, 'a/b'));
  }
  await expect(browse('~bob')).rejects.toEqual(refusal('~bob'));
});

it('shows no hidden name and looks into none', async () => {
  const { home, browse } = stage();
  mkdirSync(join(home, '.ssh/keys'), { recursive: true });
  symlinkSync(join(home, '.ssh'), join(home, 'open'));
  expect((await browse('~')).entries).toEqual([{ name: 'open', is_dir: false, is_git: false }]);
  for (const path of ['~/.ssh', '~/.ssh/keys', '~/open', '~/open/keys']) {
    await expect(browse(path), path).rejects.toEqual(refusal('--browse-root'));
  }
});

it('stays below its roots, by links and by dots', async () => {
  const { top, home, browse } = stage();
  mkdirSync(join(top, 'secrets'));
  symlinkSync(join(top, 'secrets'), join(home, 'link'));
  symlinkSync('loop', join(home, 'loop'));
  for (const path of ['/', '/proc', '/etc', '..', '~/..', '~/../secrets', '~/link', `${home}x`]) {
    await expect(browse(path), path).rejects.toEqual(refusal('outside'));
  }
  // Whether something exists there is nobody's business either.
  await expect(browse(join(top, 'nothing'))).rejects.toEqual(refusal('outside'));
  await expect(browse('~/loop')).rejects.toEqual(refusal('circle'));
  await expect(browse('~/no\0thing')).rejects.toEqual(refusal('NUL'));
});

it('looks where a root was added', async () => {
  const other = realpathSync(mkdtempSync(join(tmpdir(), '.orbit-root-')));
  onTestFinished(() => rmSync(other, { recursive: true, force: true }));
  const { browse } = stage([other, '/proc']);
  writeFileSync(join(other, 'x'), '');
  expect((await browse(other)).entries).toMatchObject([{ name: 'x' }]);
  expect((await browse('/proc')).entries.length).toBeGreaterThan(10);
});

it('answers about a FIFO, a file, what is not there and what it may not read', async () => {
  const { home, browse } = stage();
  execFileSync('mkfifo', [join(home, 'fifo')]);
  writeFileSync(join(home, 'file'), '');
  mkdirSync(join(home, 'denied'));
  await expect(browse('~/fifo')).rejects.toEqual(refusal('no directory'));
  await expect(browse('~/file')).rejects.toEqual(refusal('no directory'));
  await expect(browse('~/nothing')).rejects.toEqual(refusal('does not exist'));
  if (process.getuid?.() === 0) return;
  chmodSync(join(home, 'denied'), 0);
  await expect(browse('~/denied')).rejects.toEqual(refusal('denied'));
});

it('shows two thousand names of six thousand, the directories first', async () => {
  const { home, browse } = stage();
  const names = Array.from({ length: 6_000 }, (_, n) => join(home, `file-${n}`));
  execFileSync('xargs', ['touch'], { input: names.join('\n') });
  mkdirSync(join(home, 'project'));
  const { entries, truncated } = await browse('~');
  expect(truncated).toBe(true);
  expect(entries).toHaveLength(2_000);
  expect(entries[0]).toEqual({ name: 'project', is_dir: true, is_git: false });
});

it('keeps names that JSON blows up below a frame', async () => {
  const { home, browse } = stage();
  for (let n = 0; n < 1_000; n++) {
    writeFileSync(join(home, `${String(n).padStart(4, '0')}${'\u0001'.repeat(250)}`), '');
  }
  const { entries, truncated } = await browse('~');
  expect(truncated).toBe(true);
  expect(Buffer.byteLength(JSON.stringify(entries))).toBeLessThan(900 * 1024);
});
