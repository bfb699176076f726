/** Which sessions are live, and who goes when another comes. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SILENT_LOGGER } from '../../src/log.ts';
import type { LiveSession } from '../../src/runtime/sessions/live-session.ts';
import { createRegistry, type Registry } from '../../src/runtime/sessions/registry.ts';
import type { StoredActor } from '../../src/store/writer-messages.ts';
import { newSession } from '../machines/session-after.ts';

/** As many sessions are live at once, unless more have to stay. */
const MAX_LIVE = 1000;

/** A session at work as its row has it, which no snapshot restores. */
const storedWaiting = (requests: string[]): StoredActor => ({
  summary: {
    ...newSession({ id: 'stored' }),
    ...{ status: 'active', work_status: 'permission', has_pending_approval: true },
  },
  ...{ snapshot: null, tail: [], machineVersion: null, turnCount: 3, revision: 9 },
  ...{ threadId: null, requests },
});

let nowMs: number;
let registry: Registry;
let interrupted: StoredActor[];
let working: string[];
/** Reads of rows that nobody has answered yet. */
let reads: Array<{
  sessionId: string;
  answer(stored?: StoredActor): void;
  fail(error: Error): void;
}>;
beforeEach(() => {
  nowMs = 0;
  reads = [];
  interrupted = [];
  working = [];
  const read = ({ sessionId }: { sessionId: string }) =>
    new Promise((resolve, reject) => {
      const answer = (stored: StoredActor | null = null) => resolve({ stored, pendingStart: null });
      reads.push({ sessionId, answer, fail: reject });
    });
  const writer = { read: read as never, opened: { interrupted, working } as never };
  registry = createRegistry({ writer, log: SILENT_LOGGER, nowMs: () => nowMs });
});
afterEach(() => registry.stop());

const begin = (id: string): LiveSession =>
  registry.create({ session: newSession({ id }), isNew: false, turnCount: 0 });
const beginMany = (count: number) => Array.from({ length: count }, (_, n) => begin(`s${n}`));
const isLive = (id: string) => registry.peek(id) !== null;

describe('a session that comes to a thousand', () => {
  it('takes the place of the one that was used longest ago', async () => {
    beginMany(MAX_LIVE);
    await registry.enter('s0', () => {});
    begin('another');
    expect(registry.liveCount).toBe(MAX_LIVE);
    expect([isLive('s0'), isLive('s1'), isLive('s2')]).toEqual([true, false, true]);
  });

  it('takes no place of one that has something on its way to the disk', () => {
    for (const busy of beginMany(MAX_LIVE).slice(0, 7)) busy.inFlight = 1;
    begin('another');
    expect(registry.liveCount).toBe(MAX_LIVE);
    expect([isLive('s0'), isLive('s6'), isLive('s7')]).toEqual([true, true, false]);
  });

  it('is one more where the next eight have to stay, and those are looked at last from then on', () => {
    for (const busy of beginMany(MAX_LIVE).slice(0, 8)) busy.inFlight = 1;
    begin('another');
    expect(registry.liveCount).toBe(MAX_LIVE + 1);
    begin('one more');
    expect(registry.liveCount).toBe(MAX_LIVE + 1);
    expect([isLive('s0'), isLive('s8')]).toEqual([true, false]);
  });

  it('takes no place before they are a thousand', () => {
    beginMany(MAX_LIVE);
    expect(registry.liveCount).toBe(MAX_LIVE);
    expect(isLive('s0')).toBe(true);
  });
});

describe('sessions that were idle for long', () => {
  it('become rows, but for those that were used meanwhile and those with something on its way', async () => {
    const [first] = [begin('busy'), begin('idle'), begin('used'), begin('idle too')];
    first.inFlight = 1;
    nowMs = 1_000;
    await registry.enter('used', () => {});
    nowMs = 1_500;
    registry.passivate(500);
    expect([...registry.live()].map(({ id }) => id)).toEqual(['busy', 'used']);
  });

  it('that are rows again have no actor any more', () => {
    const live = begin('s');
    registry.moved(live);
    let isOver = false;
    live.actor?.subscribe({
      complete: () => {
        isOver = true;
      },
    });
    registry.passivate(500);
    expect(isOver).toBe(false);
    nowMs = 1_000;
    registry.passivate(500);
    expect(isOver).toBe(true);
  });
});

describe('a session that is not live', () => {
  it('is read once for all that ask meanwhile, who enter in the order in which they asked', async () => {
    const entered: number[] = [];
    const visits = [1, 2, 3].map((n) =>
      registry.enter('s', ({ live }) => {
        entered.push(n);
        return live;
      }),
    );
    expect(reads).toHaveLength(1);
    reads[0]?.answer();
    expect(await Promise.all(visits)).toEqual([null, null, null]);
    expect(entered).toEqual([1, 2, 3]);
  });

  it('is read anew for who asks later', async () => {
    for (const time of [1, 2]) {
      const visit = registry.enter('s', () => 'entered');
      expect(reads).toHaveLength(time);
      reads.at(-1)?.answer();
      expect(await visit).toBe('entered');
    }
  });

  it('cannot be entered when the read fails; the next one may', async () => {
    const visits = [registry.enter('s', () => 1), registry.enter('s', () => 2)];
    reads[0]?.fail(new Error('the disk is gone'));
    for (const visit of visits) await expect(visit).rejects.toThrow('the disk is gone');
    const next = registry.enter('s', () => 'entered');
    reads[1]?.answer();
    expect(await next).toBe('entered');
  });

  it('lets the others in when a visit throws', async () => {
    const visits = [
      registry.enter('s', () => {
        throw new Error('a bug');
      }),
      registry.enter('s', () => 'entered'),
    ];
    reads[0]?.answer();
    await expect(visits[0]).rejects.toThrow('a bug');
    expect(await visits[1]).toBe('entered');
  });

  it('that began while it was read is entered as it is', async () => {
    const visit = registry.enter('s', ({ live }) => live);
    const begun = begin('s');
    reads[0]?.answer();
    expect(await visit).toBe(begun);
  });
});

it('a session that is live is entered at once, behind those that wait for it', async () => {
  begin('live');
  let isEntered = false;
  void registry.enter('live', () => {
    isEntered = true;
  });
  expect(isEntered).toBe(true);
  const entered: string[] = [];
  const first = registry.enter('s', () => void entered.push('first'));
  begin('s');
  const second = registry.enter('s', () => void entered.push('second'));
  expect(entered).toEqual([]);
  reads[0]?.answer();
  await Promise.all([first, second]);
  expect(entered).toEqual(['first', 'second']);
});

it('a session that waited is live from the start on, with those of its requests that can be read', () => {
  const request = { id: 'r1', session_id: 'stored', type: 'exec', command: 'ls' };
  interrupted.push(storedWaiting([JSON.stringify(request), '{"id', 'null', '{"id":5}']));
  registry.openInterrupted();
  const live = registry.peek('stored');
  expect(live?.actor).not.toBe(null);
  const { context } = live?.head.snapshot ?? {};
  expect(context?.approvals.map(({ request: { id } }) => id)).toEqual(['r1']);
  expect(live?.head.snapshot.hasTag('needsYou')).toBe(true);
});

describe('sessions that were at work', () => {
  const stored = (id: string): StoredActor => {
    const { summary, ...rest } = storedWaiting([]);
    return { ...rest, summary: { ...summary, id, work_status: 'working' } };
  };

  it('become live one after the other, behind those that are asked for meanwhile', async () => {
    working.push('s1', 's2');
    const opened = registry.openWorking();
    expect(reads.map(({ sessionId }) => sessionId)).toEqual(['s1']);
    const entered = registry.enter('s2', ({ live }) => live?.id);
    expect(reads.map(({ sessionId }) => sessionId)).toEqual(['s1', 's2']);
    reads[0]?.answer(stored('s1'));
    reads[1]?.answer(stored('s2'));
    expect(await entered).toBe('s2');
    await opened;
    expect([...registry.live()].map(({ id }) => id).sort()).toEqual(['s1', 's2']);
    expect(reads).toHaveLength(2);
  });

  it('become live also where one before them cannot be read', async () => {
    working.push('s1', 's2');
    const opened = registry.openWorking();
    reads[0]?.fail(new Error('disk I/O error'));
    await vi.waitFor(() => expect(reads).toHaveLength(2));
    reads[1]?.answer(stored('s2'));
    await opened;
    expect([...registry.live()].map(({ id }) => id)).toEqual(['s2']);
  });
});
