/** Which transcripts are read, and for how long. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SILENT_LOGGER } from '../../src/log.ts';
import type { FollowedSession, Transcripts } from '../../src/providers/reports.ts';
import { createStampClock } from '../../src/runtime/clock.ts';
import type { LiveSession } from '../../src/runtime/sessions/live-session.ts';
import { TranscriptReading } from '../../src/runtime/transcripts.ts';
import { over, prompted, report } from '../machines/events.ts';
import { ID } from '../machines/session-after.ts';
import { liveSession, receive } from './live.ts';

let reading: TranscriptReading;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
});
afterEach(() => {
  reading.stop();
  vi.useRealTimers();
});

const tailOf = (sessionId: string, source = '') => ({
  ...{ sessionId, source, provider: 'claude', path: `/files/${sessionId}.jsonl` },
  ...{ file: '1:2', offset: 30, mark: 'm' },
});

/** Reading of transcripts over these live sessions, with a reader that notes its calls. */
function attached(lives: LiveSession[], opened: { tails?: object[]; unread?: object[] } = {}) {
  const followed: FollowedSession[] = [];
  /** Those that the reader has now. */
  const has = new Set<string>();
  const calls: string[] = [];
  const reader: Transcripts = {
    follow(session) {
      followed.push(session);
      has.add(session.sessionId);
      calls.push(`follow ${session.sessionId}`);
    },
    follows: (id) => has.has(id),
    check: (id) => void calls.push(`check ${id}`),
    release: (id) => {
      has.delete(id);
      calls.push(`release ${id}`);
    },
    close: async () => {},
  };
  const stored: { tails: object[] } = { tails: [] };
  reading = new TranscriptReading({
    writer: {
      read: (async ({ kind }: { kind: string }) =>
        kind === 'tails' ? stored.tails : ['turn-1']) as never,
      opened: { tails: [], unread: [], ...opened } as never,
    },
    registry: {
      enter: (() => {}) as never,
      peek: (id) => lives.find((live) => live.id === id) ?? null,
      live: () => lives,
    },
    ledger: { send: () => {} },
    images: { keep: () => ({ refusal: 'none' }) },
    clock: createStampClock(),
    log: SILENT_LOGGER,
  });
  const attach = () => reading.attach('claude', reader);
  return { followed, has, calls, stored, attach };
}

const STEERED = { integration_mode: 'direct', thread_id: 'thread-1' } as const;
const wanted = report(1, 'link.requested', {});
const ready = report(2, 'link.attached', { capabilities: [], threadId: 'thread-1' });

describe('at the start', () => {
  it('files are read on where they were read before, and those that were never read from their beginning', () => {
    const { followed, attach } = attached([], {
      tails: [
        tailOf('read'),
        tailOf('of an agent', 'agent-1'),
        { ...tailOf('x'), provider: 'codex' },
      ],
      unread: [
        {
          sessionId: 'unread',
          provider: 'claude',
          path: '/files/u.jsonl',
          cwd: '/',
          hasHistory: 1,
        },
        { sessionId: 'empty', provider: 'claude', path: '/files/e.jsonl', cwd: '/', hasHistory: 0 },
        { sessionId: 'read', provider: 'claude', path: '/files/r.jsonl', cwd: '/', hasHistory: 0 },
        { sessionId: 'y', provider: 'codex', path: '/files/y.jsonl', cwd: '/', hasHistory: 0 },
      ],
    });
    attach();
    const from = { path: '/files/read.jsonl', file: '1:2', offset: 30, mark: 'm' };
    expect(followed).toEqual([
      { sessionId: 'read', path: '/files/read.jsonl', from, cwd: null, hasHistory: true },
      { sessionId: 'unread', path: '/files/u.jsonl', from: null, cwd: '/', hasHistory: true },
      { sessionId: 'empty', path: '/files/e.jsonl', from: null, cwd: '/', hasHistory: false },
    ]);
  });

  it('the files of sessions that are live already are read', async () => {
    const live = liveSession({ transcript_path: '/files/s.jsonl' });
    const { followed, attach } = attached([live]);
    attach();
    await vi.waitFor(() =>
      expect(followed).toEqual([
        {
          ...{ sessionId: ID, path: '/files/s.jsonl', cwd: '/home/dev/shop', from: null },
          hasHistory: false,
        },
      ]),
    );
  });
});

describe('a session of which something is reported', () => {
  it('is followed once, and checked from then on', async () => {
    const live = liveSession();
    const { calls, attach } = attached([]);
    attach();
    reading.reported(live);
    reading.reported(live);
    await vi.waitFor(() => expect(calls).toEqual([`follow ${ID}`]));
    reading.onCommitted(live, { origin: 'hook' });
    expect(calls).toEqual([`follow ${ID}`, `check ${ID}`]);
    reading.onCommitted(live, { origin: 'transcript' });
    expect(calls).toHaveLength(2);
  });

  it('is followed again when its reader has given it up', async () => {
    const live = liveSession();
    const { has, calls, attach } = attached([live]);
    attach();
    await vi.waitFor(() => expect(calls).toEqual([`follow ${ID}`]));
    has.clear();
    reading.reported(live);
    await vi.waitFor(() => expect(calls).toEqual([`follow ${ID}`, `follow ${ID}`]));
  });

  it('is read on where it was read before', async () => {
    const live = liveSession();
    const { followed, stored, attach } = attached([live]);
    stored.tails = [tailOf('agent', 'agent-1'), tailOf(ID)];
    attach();
    await vi.waitFor(() =>
      expect(followed).toMatchObject([
        { path: `/files/${ID}.jsonl`, from: { path: `/files/${ID}.jsonl`, offset: 30 } },
      ]),
    );
    expect(followed[0]).not.toHaveProperty('steered');
  });

  it('of a provider without a reader is not followed', () => {
    const { calls, attach } = attached([]);
    attach();
    reading.reported(liveSession({ provider: 'codex' }));
    expect(calls).toEqual([]);
  });

  it('that is steered is read only while no connector holds it, from what was not reported on', async () => {
    const live = liveSession(STEERED);
    const { followed, calls, attach } = attached([live]);
    attach();
    await vi.waitFor(() => expect(calls).toEqual([`follow ${ID}`]));
    expect(followed[0]?.steered?.threadId).toBe('thread-1');
    expect(await followed[0]?.steered?.turnIds()).toEqual(['turn-1']);
    receive(live, wanted);
    receive(live, ready);
    reading.reported(live);
    expect(calls).toEqual([`follow ${ID}`, `release ${ID}`]);
    reading.reported(live);
    expect(calls).toHaveLength(2);
  });
});

describe('a session that is over', () => {
  it('is read for more than fifteen seconds on, and no longer', async () => {
    const live = liveSession();
    const { calls, attach } = attached([live]);
    attach();
    await vi.waitFor(() => expect(calls).toEqual([`follow ${ID}`]));
    vi.advanceTimersByTime(60_000);
    receive(live, over(3));
    vi.advanceTimersByTime(20_000);
    expect(calls).toEqual([`follow ${ID}`]);
    vi.advanceTimersByTime(5_000);
    expect(calls).toEqual([`follow ${ID}`, `release ${ID}`]);
    reading.reported(live);
    await vi.waitFor(() => expect(calls).toHaveLength(3));
    expect(calls[2]).toBe(`follow ${ID}`);
  });

  it('and comes back meanwhile is read on', async () => {
    const live = liveSession({}, [over(3)]);
    const { calls, attach } = attached([live]);
    attach();
    await vi.waitFor(() => expect(calls).toEqual([`follow ${ID}`]));
    vi.advanceTimersByTime(20_000);
    receive(live, prompted(4));
    vi.advanceTimersByTime(60_000);
    expect(calls).toEqual([`follow ${ID}`]);
  });
});

it('nothing is let go any more once reading was stopped', async () => {
  const live = liveSession({}, [over(3)]);
  const { calls, attach } = attached([live]);
  attach();
  await vi.waitFor(() => expect(calls).toEqual([`follow ${ID}`]));
  reading.stop();
  vi.advanceTimersByTime(60_000);
  reading.reported(live);
  expect(calls).toEqual([`follow ${ID}`]);
});
