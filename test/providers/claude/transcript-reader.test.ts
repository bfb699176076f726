import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TranscriptParser } from '../../../src/providers/claude/transcript-parser.ts';
import { TranscriptReader } from '../../../src/providers/claude/transcript-reader.ts';
import type { TranscriptReport } from '../../../src/providers/reports.ts';
import type { TailPosition } from '../../../src/providers/shared/lines.ts';

const FIXTURE = new URL(
  '../../fixtures/claude-transcripts/interactive-permissions.jsonl',
  import.meta.url,
);
const BYTES = readFileSync(FIXTURE);

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'transcript-'));
  path = join(folder, 's-1.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function expected(): TranscriptReport[] {
  const parser = new TranscriptParser('s-1');
  return BYTES.toString('utf8')
    .trimEnd()
    .split('\n')
    .flatMap((line) => parser.line(line));
}

async function all(reader: TranscriptReader) {
  const reports: TranscriptReport[] = [];
  let position: TailPosition | null = null;
  let restarted: string | null = null;
  for (;;) {
    const batch = await reader.read();
    reports.push(...batch.reports);
    restarted ??= batch.restarted;
    position = batch.position;
    if (!batch.more) return { reports, position, restarted };
  }
}

describe('a transcript that is followed', () => {
  it('gives the same reports in one piece and in small ones', async () => {
    const reader = new TranscriptReader(path, 's-1');
    const reports: TranscriptReport[] = [];
    for (let at = 0; at < BYTES.length; at += 997) {
      appendFileSync(path, BYTES.subarray(at, at + 997));
      reports.push(...(await all(reader)).reports);
    }
    expect(reports).toEqual(expected());
  });

  it('goes on after a restart of the server at any place, with nothing twice and nothing lost', async () => {
    for (let cut = 0; cut <= BYTES.length; cut += 1511) {
      writeFileSync(path, BYTES.subarray(0, cut));
      const first = await all(new TranscriptReader(path, 's-1'));
      appendFileSync(path, BYTES.subarray(cut));
      const second = await all(new TranscriptReader(path, 's-1', null, first.position));
      expect(second.restarted, `cut at ${cut}`).toBeNull();
      expect([...first.reports, ...second.reports], `cut at ${cut}`).toEqual(expected());
    }
  });

  it('is reported from its start, with the same keys, when it was replaced or cut, also while we were down', async () => {
    writeFileSync(path, BYTES);
    const reader = new TranscriptReader(path, 's-1');
    const { position } = await all(reader);
    writeFileSync(join(folder, 'copy'), BYTES);
    renameSync(join(folder, 'copy'), path);
    for (const of of [reader, new TranscriptReader(path, 's-1', null, position)]) {
      expect(await all(of)).toMatchObject({ reports: expected(), restarted: 'replaced' });
    }
    const now = (await all(new TranscriptReader(path, 's-1'))).position;
    const short = BYTES.subarray(0, BYTES.indexOf(10, 5000) + 1);
    writeFileSync(path, short);
    const after = await all(new TranscriptReader(path, 's-1', null, now));
    expect(after.restarted).toBe('cut');
    expect(after.reports).toEqual(expected().slice(0, after.reports.length));
    expect(after.reports.length).toBeGreaterThan(0);
  });

  it('waits while the file is not there, and goes on where it was', async () => {
    writeFileSync(path, BYTES);
    const { position } = await all(new TranscriptReader(path, 's-1'));
    renameSync(path, join(folder, 'away'));
    const reader = new TranscriptReader(path, 's-1', null, position);
    expect((await all(reader)).reports).toEqual([]);
    renameSync(join(folder, 'away'), path);
    appendFileSync(path, '{"type":"custom-title","customTitle":"Late"}\n{torn');
    expect(await all(reader)).toMatchObject({
      reports: [{ what: 'title', title: 'Late' }],
      restarted: null,
    });
    appendFileSync(path, '\n');
    expect(await reader.read()).toMatchObject({ reports: [], junk: 1 });
  });
});
