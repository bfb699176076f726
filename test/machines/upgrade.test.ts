/** Snapshots that the version before has stored: the same status, and the session goes on. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { snapshotOf, takeStep, workStatusOf } from '../../machines/index.ts';
import type { SessionSnapshot } from '../../machines/session-status.ts';
import { upgraded } from '../../machines/upgrade.ts';
import { over, prompted, stopped } from './events.ts';
import { linkOf } from './session-after.ts';

interface Stored {
  name: string;
  status: string;
  link: string;
  snapshot: { context: { session: object; turn: object } };
}

const FILE = new URL('../fixtures/machine-snapshots/version-3.json', import.meta.url);
const STORED = JSON.parse(readFileSync(FILE, 'utf8')) as Stored[];

describe('a snapshot of version 3', () => {
  it.each(STORED.map((one) => [one.name, one] as const))('with %s', (_, stored) => {
    const snapshot = snapshotOf(upgraded(stored.snapshot, 3));
    expect(snapshot.status).toBe('active');
    expect(workStatusOf(snapshot)).toBe(stored.status);
    expect(linkOf(snapshot.value)).toBe(stored.link);
    const { session, turn } = snapshot.context as unknown as Stored['snapshot']['context'];
    expect(Object.keys({ ...session, ...turn })).not.toEqual(
      expect.arrayContaining(['work_status']),
    );
    const words = [prompted(50), stopped(51), over(52)].reduce<[string[], SessionSnapshot]>(
      ([said, before], event) => {
        const after = takeStep(before, event).snapshot;
        return [[...said, workStatusOf(after)], after];
      },
      [[], snapshot],
    );
    expect(words[0]).toEqual(['working', 'waiting', 'ended']);
  });

  it('is not read when it is older than that: its session goes on from its row', () => {
    expect(upgraded({ value: {}, context: {} }, 2)).toBe(null);
  });
});

describe('a snapshot of version 4', () => {
  it.each<[string, object, object]>([
    [
      'of a thread that we steer',
      { codex_integration_mode: 'direct', codex_thread_id: 'thread-1' },
      { integration_mode: 'direct', thread_id: 'thread-1' },
    ],
    [
      'of a session that we steer, whatever its other field says',
      { claude_integration_mode: 'direct', codex_integration_mode: 'passive' },
      { integration_mode: 'direct' },
    ],
    [
      'of a session that is watched',
      { claude_integration_mode: 'passive' },
      { integration_mode: 'passive' },
    ],
    ['of a session that names neither', {}, {}],
  ])('%s says the same in the words of today', (_, old, now) => {
    const stored = { value: 'kept', context: { session: { id: 's', ...old }, turn: { count: 3 } } };
    expect(upgraded(stored, 4)).toEqual({
      value: 'kept',
      context: { session: { id: 's', ...now }, turn: { count: 3 } },
    });
  });
});
