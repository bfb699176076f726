import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { TranscriptWatch } from '../../../src/providers/claude/transcript-watch.ts';

const SESSION = 'a5e1f0de-0000-4000-8000-000000000001';
const OTHER = 'a5e1f0de-0000-4000-8000-000000000002';
/** No regular look falls into a test: what is read then was asked for. */
const NEVER_MS = 600_000;

const opened: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const close of opened.splice(0)) await close();
});

describe('A transcript that is not there yet', () => {
  it('is found without another hook once it is written', async () => {
    const { watch, path, taken, errors } = watchOne();
    watch.follow({ sessionId: SESSION, path, cwd: null, from: null });
    // Asks within the pause that follows the first search in vain, as hooks do.
    watch.check(SESSION);
    writeFileSync(path, `${JSON.stringify(PROMPT)}\n`);
    await vi.waitFor(() => expect(taken).toEqual([SESSION]), { timeout: 5000 });
    expect(errors).toEqual([]);
  });

  it('is no mistake of the program when a hook gives it a name that no file can have', async () => {
    const { watch, path, taken, errors } = watchOne();
    watch.follow({ sessionId: SESSION, path: 'a\0b', cwd: 'c\0d', from: null });
    writeFileSync(path, `${JSON.stringify({ ...PROMPT, sessionId: OTHER })}\n`);
    watch.follow({ sessionId: OTHER, path, cwd: null, from: null });
    await vi.waitFor(() => expect(taken).toEqual([OTHER]), { timeout: 5000 });
    expect(errors).toEqual([]);
  });

  it('is searched for less and less often, however many hooks come', async () => {
    const { watch, searches, errors } = watchOne();
    watch.follow({ sessionId: SESSION, path: null, cwd: null, from: null });
    const began = performance.now();
    let asked = 0;
    while (performance.now() - began < 400) {
      watch.check(SESSION);
      asked += 1;
      await new Promise(setImmediate);
    }
    // At once, then after 50, 100 and 200 ms: a machine that is slow has fewer.
    expect(searches()).toBeLessThanOrEqual(4);
    expect(searches()).toBeGreaterThanOrEqual(2);
    expect(asked).toBeGreaterThan(searches());
    expect(errors).toEqual([]);
  });
});

/** A line as the CLI writes it. */
const PROMPT = {
  type: 'user',
  uuid: 'u-1',
  parentUuid: null,
  sessionId: SESSION,
  timestamp: '2026-01-01T00:00:00.000Z',
  promptId: 'p-1',
  message: { role: 'user', content: 'Look at the ledger.' },
};

function watchOne() {
  const home = mkdtempSync(join(tmpdir(), 'transcript-watch-'));
  const folder = join(home, 'projects', '-work');
  mkdirSync(folder, { recursive: true });
  const taken: string[] = [];
  const errors: unknown[] = [];
  let searches = 0;
  // Each search goes through the homes once.
  const homes = {
    *[Symbol.iterator]() {
      searches += 1;
      yield home;
    },
    map: <Made>(make: (home: string) => Made) => [make(home)],
  } as unknown as readonly string[];
  const watch = new TranscriptWatch({
    homes,
    everyMs: NEVER_MS,
    take: async (sessionId) => taken.push(sessionId) > 0,
    onWarning: () => {},
    onError: (error) => void errors.push(error),
  });
  opened.push(async () => {
    await watch.close();
    rmSync(home, { recursive: true });
  });
  return { watch, path: join(folder, `${SESSION}.jsonl`), taken, errors, searches: () => searches };
}
