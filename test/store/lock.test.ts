import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { prepareDatabase } from '../../src/store/database.ts';
import { acquireLock, isLocked } from '../../src/store/lock.ts';
import { tempPaths } from './support.ts';

test('is held by one only, and free again after its release', () => {
  const paths = tempPaths();
  expect(isLocked(paths.lock)).toBe(false);
  const lock = acquireLock(paths);
  expect(isLocked(paths.lock)).toBe(true);
  expect(() => acquireLock(paths)).toThrow(expect.objectContaining({ exitCode: 75 }));
  expect(isLocked(paths.lock)).toBe(true);
  lock.release();
  expect(isLocked(paths.lock)).toBe(false);
  acquireLock(paths).release();
});

test('is waited for only as long as a check takes', () => {
  const paths = tempPaths();
  const lock = acquireLock(paths);
  const since = performance.now();
  expect(() => acquireLock(paths)).toThrow(expect.objectContaining({ exitCode: 75 }));
  // SQLite by itself would wait for five seconds.
  expect(performance.now() - since).toBeLessThan(4500);
  lock.release();
});

test('is not taken where its file cannot be used, which is named', () => {
  const paths = tempPaths();
  mkdirSync(paths.lock);
  expect(() => acquireLock(paths)).toThrow(
    expect.objectContaining({
      exitCode: 78,
      message: expect.stringContaining(`Cannot lock ${paths.lock}: `),
    }),
  );
});

test('is asked about without creating anything', () => {
  const paths = tempPaths();
  expect(isLocked(paths.lock)).toBe(false);
  expect(existsSync(paths.lock)).toBe(false);
});

test('names its holder where server.json says who it is', () => {
  const paths = tempPaths();
  const lock = acquireLock(paths);
  writeFileSync(paths.server, JSON.stringify({ pid: 4711, address: '127.0.0.1', port: 4000 }));
  expect(() => acquireLock(paths)).toThrow(/pid 4711, 127\.0\.0\.1 port 4000/);
  writeFileSync(paths.server, '{ broken');
  expect(() => acquireLock(paths)).toThrow(/Another server runs/);
  lock.release();
  expect(statSync(paths.lock).mode & 0o777).toBe(0o600);
});

test('keeps init out while it is held', () => {
  const paths = tempPaths();
  const lock = acquireLock(paths);
  expect(() => prepareDatabase(paths)).toThrow(expect.objectContaining({ exitCode: 75 }));
  expect(existsSync(paths.database)).toBe(false);
  lock.release();
  expect(prepareDatabase(paths)).toEqual({ path: paths.database });
  expect(isLocked(paths.lock)).toBe(false);
});

test('ends with the process that held it', async () => {
  const paths = tempPaths();
  const script = `
    const Database = require('better-sqlite3');
    new Database(${JSON.stringify(paths.lock)}).exec('BEGIN EXCLUSIVE');
    console.log('held');
    setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  expect(isLocked(paths.lock)).toBe(true);
  expect(() => acquireLock(paths)).toThrow(expect.objectContaining({ exitCode: 75 }));
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  expect(isLocked(paths.lock)).toBe(false);
  acquireLock(paths).release();
});
