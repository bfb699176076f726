/** Sessions whose threads others hold as well: each thread gets its one session, and learns when it does not go on. */
import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../machines/session-events.ts';
import type { SessionInput } from '../../machines/session-types.ts';
import type { SharedThread } from '../../src/providers/reports.ts';
import type { LiveSession } from '../../src/runtime/sessions/live-session.ts';
import { SharedThreads } from '../../src/runtime/steering/shared-threads.ts';
import { over } from '../machines/events.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { liveSession } from './live.ts';

const SHARED = { integration_mode: 'direct', provider: 'codex', engine: 'shared' } as const;

const thread = (more: Partial<SharedThread> = {}): SharedThread => ({
  ...{ threadId: 't', why: 'begun', cwd: '/home/dev/shop', startedAtMs: 1_000, activeAtMs: 2_000 },
  ...{ name: null, firstPrompt: null, model: null, branch: null, forkedFrom: null },
  ...more,
});

/** Joins over these sessions; threads belong to those that name them, and to `stored` of the database. */
function joins(lives: LiveSession[] = [], stored: Record<string, string> = {}) {
  const { log, lines } = recordedLog();
  const connected = new Set<string>();
  const made: SessionInput[] = [];
  const sent: Array<[string, SessionEvent]> = [];
  const failing = new Set<string>();
  const port = new SharedThreads({
    writer: {
      read: (async ({ threadId }: { threadId: string }) => {
        if (failing.has(threadId)) throw new Error('the disk is gone');
        const sessionId = stored[threadId];
        return sessionId === undefined ? null : { sessionId };
      }) as never,
    },
    registry: {
      enter: (async (id: string, visit: (found: object) => unknown) =>
        visit({ live: lives.find((live) => live.id === id) ?? null })) as never,
      create: (input) => {
        made.push(input);
        const live = liveSession(input.session);
        lives.push(live);
        return live;
      },
      live: () => lives,
    },
    sessions: { send: async ({ id }, event) => void sent.push([id, event as SessionEvent]) },
    connectors: { isConnected: (id) => connected.has(id) },
    threads: { sessionOf: (id) => lives.find((live) => threadOf(live) === id)?.id ?? null },
    log,
  }).port('codex');
  const types = () => sent.map(([id, { type }]) => `${id} ${type}`);
  return { port, made, sent, types, connected, failing, lines };
}

const threadOf = ({ head }: LiveSession) => head.snapshot.context.session.thread_id;

describe('a thread that nobody knows', () => {
  it('becomes a session that says all that is known of the thread, and is connected', async () => {
    const { port, made, types } = joins([], { origin: 'source' });
    const known = { name: 'mine', branch: 'main', model: 'gpt', forkedFrom: 'origin' };
    await port.join(thread({ ...known, firstPrompt: ` go  \n on${' x'.repeat(200)}` }));
    expect(made).toMatchObject([{ isNew: true, turnCount: 0 }]);
    expect(made[0]?.session).toMatchObject({
      ...{ id: 't', provider: 'codex', thread_id: 't', project_path: '/home/dev/shop' },
      ...{ custom_name: 'mine', git_branch: 'main', model: 'gpt' },
      ...{ forked_from_session_id: 'source', integration_mode: 'direct' },
      ...{ started_at: '1970-01-01T00:00:01.000Z', last_activity_at: '1970-01-01T00:00:02.000Z' },
    });
    expect(made[0]?.session.first_prompt).toMatch(/^go on x x/);
    expect(made[0]?.session.first_prompt).toHaveLength(200);
    expect(types()).toEqual(['t link.requested']);
  });

  it('says nothing that is not known', async () => {
    const { port, made } = joins();
    await port.join(thread({ forkedFrom: null }));
    for (const field of ['custom_name', 'first_prompt', 'git_branch', 'forked_from_session_id']) {
      expect(made[0]?.session).not.toHaveProperty(field);
    }
  });

  it('is one session also when it is reported twice at once', async () => {
    const { port, made, connected } = joins();
    await Promise.all([
      port.join(thread()).then(() => void connected.add('t')),
      port.join(thread()),
    ]);
    expect(made).toHaveLength(1);
  });
});

describe('a thread of a session that is known', () => {
  it('is connected', async () => {
    const { port, made, types } = joins([liveSession({ ...SHARED, id: 's', thread_id: 't' })]);
    await port.join(thread());
    expect([made, types()]).toEqual([[], ['s link.requested']]);
  });

  it('is found by what is stored of it', async () => {
    const known = liveSession({ ...SHARED, id: 's' });
    const { port, types } = joins([known], { t: 's' });
    await port.join(thread());
    expect(types()).toEqual(['s link.requested']);
  });

  it('is left alone where it has its connector', async () => {
    const { port, connected, sent } = joins([liveSession({ ...SHARED, id: 's', thread_id: 't' })]);
    connected.add('s');
    await port.join(thread());
    expect(sent).toEqual([]);
  });

  it('that was only watched can be steered from now on', async () => {
    const watched = liveSession({ provider: 'codex', id: 't' });
    const { port, sent, types } = joins([watched]);
    await port.join(thread());
    expect(types()).toEqual(['t link.offered', 't link.requested']);
    expect(sent[0]?.[1]).toEqual({ type: 'link.offered', threadId: 't' });
  });

  it('that was over goes on, unless it was only listed', async () => {
    const ended = () => liveSession({ ...SHARED, id: 's', thread_id: 't' }, [over(3)]);
    const again = joins([ended()]);
    await again.port.join(thread({ why: 'works' }));
    expect(again.types()).toEqual(['s link.requested', 's session.started']);
    expect(again.sent[1]?.[1]).toMatchObject({ source: 'resume' });
    const listed = joins([ended()]);
    await listed.port.join(thread({ why: 'listed' }));
    expect(listed.sent).toEqual([]);
  });
});

describe('a thread that its holder has closed', () => {
  it('ends its session, behind what is being joined', async () => {
    const { port, types } = joins();
    const joined = port.join(thread());
    port.closed('t');
    await joined;
    await expect.poll(types).toEqual(['t link.requested', 't session.ended']);
  });

  it('changes nothing of one that is over, or that nobody knows', async () => {
    const ended = liveSession({ ...SHARED, id: 's', thread_id: 't' }, [over(3)]);
    const { port, sent } = joins([ended]);
    port.closed('t');
    port.closed('unknown');
    await port.join(thread({ why: 'listed' }));
    await port.join(thread({ threadId: 'unknown', why: 'listed' }));
    expect(sent.map(([, { type }]) => type)).toEqual(['link.requested']);
  });
});

describe('threads that do not go on', () => {
  it('are lost to their sessions, and each receives that once', () => {
    const lost = liveSession({ ...SHARED, id: 'a', thread_id: 'ta' });
    const known = liveSession({ ...SHARED, id: 'b', thread_id: 'tb', link_reason: 'the end' });
    const { port, sent } = joins([lost, known]);
    expect(port.left(() => true, 'the end', undefined)).toEqual(['ta', 'tb']);
    expect(sent).toEqual([['a', { type: 'link.lost', reason: 'the end' }]]);
    port.left(() => true, 'another', true);
    expect(sent.slice(1)).toEqual([
      ['a', { type: 'link.lost', reason: 'another', goesOn: true }],
      ['b', { type: 'link.lost', reason: 'another', goesOn: true }],
    ]);
  });

  it('are those that are meant, that others hold, and that have no connector', () => {
    const { port, connected } = joins([
      liveSession({ ...SHARED, id: 'meant', thread_id: 'meant' }),
      liveSession({ ...SHARED, id: 'not meant', thread_id: 'not meant' }),
      liveSession({ ...SHARED, id: 'connected', thread_id: 'connected' }),
      liveSession({ ...SHARED, id: 'other', thread_id: 'other', provider: 'claude' }),
      liveSession({ ...SHARED, id: 'alone', thread_id: 'alone', engine: undefined as never }),
      liveSession({ ...SHARED, id: 'without thread' }),
    ]);
    connected.add('connected');
    expect(port.left((id) => id !== 'not meant', 'the end', undefined)).toEqual(['meant']);
  });
});

it('a thread that cannot be joined is reported, and the next report of it is heard', async () => {
  const { port, failing, lines, types } = joins();
  failing.add('t');
  await port.join(thread());
  expect(lines.items).toMatchObject([{ event: 'join.failed', fields: { thread_id: 't' } }]);
  failing.clear();
  await port.join(thread());
  expect(types()).toEqual(['t link.requested']);
});
