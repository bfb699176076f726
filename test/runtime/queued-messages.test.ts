/** For which sessions words wait: what hook.sh reads of it, and when words that nobody asks for expire. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { SessionEvent } from '../../machines/session-events.ts';
import { OrbitError } from '../../src/errors.ts';
import { SILENT_LOGGER } from '../../src/log.ts';
import { QueuedMessages } from '../../src/runtime/waiting-hooks.ts';
import { messageOf, prompted, report } from '../machines/events.ts';
import { liveSession, receive } from './live.ts';

const WRITTEN: SessionEvent[] = [
  prompted(1),
  report(2, 'words.submitted', { message: messageOf('w1', 'steer') }),
];
/** A live session under this id; `words`: with some that wait. */
const session = (id: string, words: boolean) => ({
  ...liveSession({ agent_pid: 4711 }, words ? WRITTEN : []),
  id,
});

const NOW = Date.parse('2026-03-02T12:00:00.000Z') * 1000;

/** Waiting words in this file; `refuse` is what becomes of their expiring. */
function waitingIn(path: string | null, refuse: Error | null = null) {
  const expired: [string, string][] = [];
  const logged: string[] = [];
  const note = (event: string) => void logged.push(event);
  const words = new QueuedMessages({
    path,
    async sendExpired(...what) {
      expired.push(what);
      if (refuse !== null) throw refuse;
    },
    clock: { now: () => NOW },
    log: { ...SILENT_LOGGER, warn: note, error: note },
  });
  return { words, expired, logged };
}

function inFolder(text?: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'dock-words-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'waiting');
  if (text !== undefined) writeFileSync(path, text);
  return path;
}

it('the file names each session for which words wait, one a line, for its owner alone', () => {
  const path = inFolder();
  const { words } = waitingIn(path);
  words.onCommitted(session('none', false));
  expect(() => statSync(path)).toThrow('ENOENT');
  for (const id of ['a', 'b']) words.onCommitted(session(id, true));
  expect(readFileSync(path, 'utf8')).toBe('a\nb\n');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  words.onCommitted(session('a', false));
  expect(readFileSync(path, 'utf8')).toBe('b\n');
});

it('the file is written when that changes, and not at every event', () => {
  const path = inFolder();
  const { words } = waitingIn(path);
  const live = session('a', true);
  words.onCommitted(live);
  rmSync(path);
  receive(live, prompted(3));
  words.onCommitted(live);
  expect(() => statSync(path)).toThrow('ENOENT');
});

it('words that have waited for a day expire in each session for which some wait, also after a restart', () => {
  const before = '2026-03-01T12:00:00.000000Z';
  const { words, expired } = waitingIn(inFolder('a\n\nb\n'));
  words.expire();
  expect(expired).toEqual([
    ['a', before],
    ['b', before],
  ]);
  words.onCommitted(session('a', false));
  words.expire();
  expect(expired.slice(2)).toEqual([['b', before]]);
});

it('nothing expires where no words wait, and no file is needed', () => {
  const { words, expired, logged } = waitingIn(null);
  words.expire();
  words.onCommitted(session('a', true));
  expect([expired, logged]).toEqual([[], []]);
  words.expire();
  expect(expired).toHaveLength(1);
});

it('a session that was deleted leaves the file, one that could not be stored stays there', async () => {
  const gone = inFolder('a\n');
  const deleted = waitingIn(gone, new OrbitError('not_found', { what: 'Session', id: 'a' }));
  deleted.words.expire();
  await expect.poll(() => readFileSync(gone, 'utf8')).toBe('');

  const kept = inFolder('a\n');
  for (const error of [new Error('disk full'), new OrbitError('server_busy')]) {
    const { words, expired, logged } = waitingIn(kept, error);
    words.expire();
    await expect.poll(() => logged).toEqual(['words.not_expired']);
    words.expire();
    expect(expired).toHaveLength(2);
  }
  expect(readFileSync(kept, 'utf8')).toBe('a\n');
});

it('a file that cannot be written is logged, and the next change writes it', () => {
  const path = inFolder();
  mkdirSync(path);
  const { words, logged } = waitingIn(path);
  words.onCommitted(session('a', true));
  expect(logged).toEqual(['words.not_told']);
  rmSync(path, { recursive: true });
  words.onCommitted(session('b', true));
  expect(readFileSync(path, 'utf8')).toBe('a\nb\n');
});
