/** Whether more can be taken in right now. */
import { describe, expect, it } from 'vitest';
import { refusalOf } from '../../src/runtime/ledger/ledger.ts';

const NONE = { items: 0, bytes: 0, oldestAgeMs: 0 };

/** The word of the refusal; null when there is room. */
const asked = (trouble: string | null, backlog: Partial<typeof NONE> = {}) =>
  refusalOf({ storageError: trouble, backlog: { ...NONE, ...backlog } })?.code ?? null;

describe('something that comes', () => {
  it('is taken until five thousand items or sixteen megabytes wait', () => {
    expect(asked(null, { items: 5_000, bytes: 16 * 1024 * 1024 })).toBe(null);
    expect(asked(null, { items: 5_001 })).toBe('server_busy');
    expect(asked(null, { bytes: 16 * 1024 * 1024 + 1 })).toBe('server_busy');
  });

  it('waits with the others while the storage fails for up to two seconds, then it is refused', () => {
    expect(asked('disk_full', { items: 1, oldestAgeMs: 2_000 })).toBe(null);
    expect(asked('disk_full', { items: 1, oldestAgeMs: 2_001 })).toBe('storage_unavailable');
    expect(asked(null, { items: 1, oldestAgeMs: 60_000 })).toBe(null);
  });

  it('is refused at once over a damaged database', () => {
    expect(asked('corrupt')).toBe('database_damaged');
  });
});
