import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileTail, type TailBatch, TailError } from '../../../src/providers/shared/lines.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tail-'));
  path = join(folder, 'log.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Reads until nothing is left. */
async function all(tail: FileTail): Promise<Pick<TailBatch, 'lines' | 'skipped' | 'restarted'>> {
  const lines: string[] = [];
  const skipped: TailBatch['skipped'] = [];
  let restarted: TailBatch['restarted'] = null;
  for (;;) {
    const batch = await tail.read();
    lines.push(...batch.lines);
    skipped.push(...batch.skipped);
    restarted ??= batch.restarted;
    if (!batch.more) return { lines, skipped, restarted };
  }
}

describe('a tail', () => {
  it('waits for a file that is not there yet', async () => {
    const tail = new FileTail(path);
    expect(await tail.read()).toMatchObject({ lines: [], position: null });
    writeFileSync(path, 'one\n');
    expect((await all(tail)).lines).toEqual(['one']);
  });

  it('gives the same lines whatever the pieces in which they are written', async () => {
    const lines = ['{"a":"ü€𝄞"}', '', '日本語', 'x'.repeat(300), '{"b":1}\r'];
    const bytes = Buffer.from(`${lines.join('\n')}\n`);
    for (const piece of [1, 2, 3, 7, 64, bytes.length]) {
      writeFileSync(path, '');
      const tail = new FileTail(path, null, { batch: 50 });
      const seen: string[] = [];
      for (let at = 0; at < bytes.length; at += piece) {
        appendFileSync(path, bytes.subarray(at, at + piece));
        seen.push(...(await all(tail)).lines);
      }
      expect(seen, `pieces of ${piece}`).toEqual(lines);
    }
  });

  it('goes on after a restart exactly where it stopped, at every byte', async () => {
    const text = 'eins\nzwölf\n日本\nend\n';
    const bytes = Buffer.from(text);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      writeFileSync(path, bytes.subarray(0, cut));
      const first = new FileTail(path);
      const { lines, position } = await first.read();
      appendFileSync(path, bytes.subarray(cut));
      const second = await all(new FileTail(path, position));
      expect([...lines, ...second.lines], `cut at ${cut}`).toEqual([
        'eins',
        'zwölf',
        '日本',
        'end',
      ]);
      expect(second.restarted).toBeNull();
    }
  });

  it('begins again when the file was cut, replaced, or cut and grown past the old end', async () => {
    writeFileSync(path, 'one\ntwo\n');
    const tail = new FileTail(path);
    await all(tail);
    truncateSync(path, 4);
    expect(await all(tail)).toMatchObject({ lines: ['one'], restarted: 'cut' });
    writeFileSync(join(folder, 'new'), 'three\n');
    renameSync(join(folder, 'new'), path);
    expect(await all(tail)).toMatchObject({ lines: ['three'], restarted: 'replaced' });
    writeFileSync(path, 'four\nand five\n');
    expect(await all(tail)).toMatchObject({ lines: ['four', 'and five'], restarted: 'cut' });
    expect(await all(tail)).toEqual({ lines: [], skipped: [], restarted: null });
  });

  it('begins again when the unfinished line was cut away', async () => {
    writeFileSync(path, 'one\nunfinished');
    const tail = new FileTail(path);
    await all(tail);
    truncateSync(path, 6);
    appendFileSync(path, 'x\n');
    expect(await all(tail)).toMatchObject({ lines: ['one', 'unx'], restarted: 'cut' });
  });

  it('passes over a line of 100 MB and reads each of its bytes once', async () => {
    const piece = Buffer.alloc(10 * 1024 * 1024, 'x');
    writeFileSync(path, 'before\n');
    const tail = new FileTail(path);
    const lines: string[] = [];
    const skipped: TailBatch['skipped'] = [];
    for (let written = 0; written < 10; written += 1) {
      appendFileSync(path, piece);
      const batch = await all(tail);
      lines.push(...batch.lines);
      skipped.push(...batch.skipped);
    }
    appendFileSync(path, '\nafter\n');
    const last = await all(tail);
    expect([...lines, ...last.lines]).toEqual(['before', 'after']);
    expect([...skipped, ...last.skipped]).toEqual([{ offset: 7, bytes: 10 * piece.length }]);
  });

  it('keeps a line of exactly the limit and passes over one byte more', async () => {
    writeFileSync(path, `${'a'.repeat(10)}\n${'b'.repeat(11)}\nc\n`);
    for (const batch of [1, 4, 100]) {
      const seen = await all(new FileTail(path, null, { line: 10, batch }));
      expect(seen.lines, `batches of ${batch}`).toEqual(['a'.repeat(10), 'c']);
      expect(seen.skipped).toEqual([{ offset: 11, bytes: 11 }]);
    }
  });

  it('refuses links, FIFOs, devices and folders without waiting', async () => {
    writeFileSync(join(folder, 'secret'), 'x\n');
    symlinkSync(join(folder, 'secret'), path);
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    for (const odd of [path, join(folder, 'fifo'), '/dev/zero', folder]) {
      await expect(new FileTail(odd).read(), odd).rejects.toThrow(TailError);
    }
  });
});
