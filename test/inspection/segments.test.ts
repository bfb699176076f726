/** Folded stretches in memory: bounded in all, whatever is watched and however long it goes on. */
import { expect, it } from 'vitest';
import { createSegments } from '../../src/inspection/segments.ts';
import type { JournalRow } from '../../src/store/queries/journal.ts';
import type { Read, ReadResults } from '../../src/store/writer-messages.ts';

function row(seq: number): JournalRow {
  return {
    seq,
    at: '2026-03-01T12:00:00.000000Z',
    origin: 'hook',
    caller: null,
    event: '{"type":"hook.observed"}',
    value: '{"phase":"idle","link":"passive"}',
    accepted: true,
    revision: seq,
  };
}

/** A database in which every session has 100 events. */
const writer = {
  read: async <R extends Read>(read: R): Promise<ReadResults[R['kind']]> => {
    const after = read.kind === 'stretch' ? read.after : 0;
    const rows = Array.from({ length: 100 - after }, (_, index) => row(after + index + 1));
    return { base: null, rows, first: 1, last: 100 } as never;
  },
};

it('keeps so many steps of all that was looked at, the newest ones', async () => {
  const segments = createSegments(writer, { maxSteps: 1000 });
  for (let session = 0; session < 200; session += 1) await segments.load(`s${session}`, null);
  expect(segments.size.steps).toBeLessThanOrEqual(1000);
  expect(segments.size.segments).toBe(10);
});

it('keeps so many steps of sessions that are watched and go on for ever', async () => {
  const segments = createSegments(writer, { maxSteps: 1000, maxSegmentSteps: 50 });
  const { segment } = await segments.load('s', null);
  segments.follow(segment);
  for (let seq = 101; seq <= 20_000; seq += 1) segments.extend('s', row(seq));
  await segments.load('other', null);
  expect(segments.size.steps).toBeLessThanOrEqual(1000);
});
