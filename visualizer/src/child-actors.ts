/**
 * The child actors of the watched session at a moment, read from the records the page holds: a record
 * names those that run after it and those that ended with it, so an end stays known as long as its record
 * is held. Pure.
 */
import type { ChildStatus, InspectChild, InspectRecord } from '../../src/protocol/inspect.ts';

/** A child actor as it stood at the moment. */
export interface ShownChild extends InspectChild {
  /** Number of the event it appeared with; null when that is older than the records. */
  started: number | null;
  /** Number of the event it ended with; null while it runs. */
  ended: number | null;
}

/** What a status is called. */
export const STATUS_WORDS: Record<ChildStatus, string> = {
  running: 'running',
  stopped: 'stopped',
  done: 'done',
  error: 'failed',
};

/**
 * Every child that started up to event `seq`, in the order of appearance.
 *
 * @param records  oldest first, gap-free
 * @param seq      null: up to the newest
 */
export function childrenAt(
  records: readonly InspectRecord[],
  seq: number | null,
): readonly ShownChild[] {
  const known = new Map<string, ShownChild>();
  const oldest = records[0];
  for (const record of records) {
    if (seq !== null && record.seq > seq) break;
    for (const child of record.children ?? []) {
      const before = known.get(child.id);
      // Who is in the oldest record may have been there before, unless nothing was.
      const isUnsure = (record === oldest && record.seq > 1) || child.status !== 'running';
      const isSame = before?.ended === null;
      known.set(child.id, {
        ...child,
        started: isSame ? before.started : isUnsure ? null : record.seq,
        ended: child.status === 'running' ? null : record.seq,
      });
    }
  }
  return known.size === 0 ? NONE : [...known.values()];
}

const NONE: readonly ShownChild[] = [];
