/** Sessions as they begin, and what a fork brings of its past. */
import { describe, expect, it } from 'vitest';
import type { SessionInput } from '../../machines/session-types.ts';
import type { Message } from '../../src/protocol/nouns.ts';
import { newSession, watchedSession } from '../../src/runtime/sessions/live-session.ts';
import type { EventToSend } from '../../src/runtime/sessions/sessions.ts';
import { createForks } from '../../src/runtime/steering/forks.ts';
import { messageOf } from '../machines/events.ts';
import { ID } from '../machines/session-after.ts';
import { liveSession } from './live.ts';

const SETTINGS = {
  ...{ cwd: '/home/dev/shop', model: 'gpt', effort: null },
  ...{ approvalPolicy: null, sandboxMode: null },
};

describe('a session', () => {
  it('that is watched is called like its directory, and began now', () => {
    const before = new Date().toISOString();
    const session = watchedSession({ id: 's', provider: 'claude', cwd: '/home/dev/shop/' });
    expect(session).toMatchObject({
      ...{ id: 's', provider: 'claude', project_path: '/home/dev/shop/', project_name: 'shop' },
      ...{ model: null, current_cwd: '/home/dev/shop/' },
      token_usage: { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 },
    });
    expect(session.started_at).toBe(session.last_activity_at);
    expect(String(session.started_at) >= before).toBe(true);
    expect(watchedSession({ id: 's', provider: 'claude', cwd: '/' }).project_name).toBe(null);
  });

  it('that is steered has its thread and its settings', () => {
    const which = { id: 's', provider: 'codex', threadId: 't' } as const;
    expect(newSession(which, { ...SETTINGS, effort: 'high' })).toMatchObject({
      ...{ id: 's', provider: 'codex', integration_mode: 'direct', thread_id: 't' },
      ...{ model: 'gpt', effort: 'high', project_name: 'shop' },
    });
    expect(newSession(which, SETTINGS)).not.toHaveProperty('effort');
  });
});

describe('a fork', () => {
  const PAST = [
    {
      id: 'turn-1',
      messages: [messageOf('m1', 'assistant'), messageOf('m2', 'user', 'p'.repeat(300))],
    },
    { id: 'turn-2', messages: [messageOf('m3', 'user', 'later')] },
  ];

  /** Forks of a session whose provider gives this past, with what is asked and made. */
  function forks(past: Array<{ id: string; messages: Message[] }>, threadOf: string | null = 't') {
    const asked: unknown[] = [];
    const made: SessionInput[] = [];
    const sent: EventToSend[] = [];
    const told: string[] = [];
    const steering = {
      threadOf: () => threadOf,
      fork: async (id: string, how: object) => {
        asked.push(id, how);
        return { threadId: 'forked', fields: { git_branch: 'main' } };
      },
      async *history() {
        yield* past;
      },
    };
    const live = liveSession();
    const forked = createForks({
      providers: {
        of: (provider: string) =>
          provider === 'codex' ? { steering, name: 'Codex' } : { name: 'Claude' },
      } as never,
      connectors: { attach: () => [{ type: 'link.requested' }] },
      registry: {
        create: (input) => {
          made.push(input);
          return live;
        },
      },
      listFeed: {
        hold: (id) => {
          told.push(`hold ${id}`);
          return () => void told.push(`announce ${id}`);
        },
      },
    });
    let failure: Error | null = null;
    const sessions = {
      send: async (_: unknown, event: EventToSend) => {
        if (failure) throw failure;
        sent.push(event);
      },
    };
    const fail = () => {
      failure = new Error('the disk is full');
    };
    return { forked, asked, made, sent, told, sessions, fail };
  }

  const DIRECT = { integration_mode: 'direct', provider: 'codex', thread_id: 't' } as const;

  it('has the settings of its source unless others are given, and is a session of its own', async () => {
    const { forked, asked, made, sessions } = forks(PAST);
    const source = liveSession({ ...DIRECT, model: 'old', effort: 'low', sandbox_mode: 'strict' });
    const result = await forked.fork(source, { nth: 1, given: { model: 'new' }, sessions });
    const settings = { cwd: '/home/dev/shop', model: 'new', effort: 'low', sandboxMode: 'strict' };
    expect(asked).toEqual([
      't',
      { beforeMessage: 1, isBlank: true, settings: { ...settings, approvalPolicy: null } },
    ]);
    expect(result).toMatchObject({ sessionId: made[0]?.session.id, fromThreadId: 't' });
    expect(made).toMatchObject([
      {
        ...{ isNew: true, turnCount: 2 },
        session: {
          ...{ thread_id: 'forked', forked_from_session_id: ID, model: 'new', effort: 'low' },
          ...{ git_branch: 'main', first_prompt: 'p'.repeat(200) },
        },
      },
    ]);
  });

  it('receives its past in its order, behind its connector', async () => {
    const { forked, sent, sessions } = forks(PAST);
    await forked.fork(liveSession(DIRECT), { nth: null, given: {}, sessions });
    expect(
      sent.map((event) =>
        event.type === 'message.added' ? [event.message.id, event.turnId] : event.type,
      ),
    ).toEqual(['link.requested', ['m1', 'turn-1'], ['m2', 'turn-1'], ['m3', 'turn-2']]);
  });

  it('in which no person has said anything has no first words', async () => {
    const { forked, made, sessions } = forks([
      { id: 'turn-1', messages: [messageOf('m1', 'assistant')] },
    ]);
    await forked.fork(liveSession(DIRECT), { nth: null, given: {}, sessions });
    expect(made[0]?.session).not.toHaveProperty('first_prompt');
  });

  it('is announced when its asker says so, and also when its past cannot be stored', async () => {
    const { forked, told, sessions, fail } = forks(PAST);
    const { announce, sessionId } = await forked.fork(liveSession(DIRECT), {
      ...{ nth: null, given: {}, sessions },
    });
    expect(told).toEqual([`hold ${sessionId}`]);
    announce();
    expect(told).toEqual([`hold ${sessionId}`, `announce ${sessionId}`]);
    fail();
    const failed = forked.fork(liveSession(DIRECT), { nth: null, given: {}, sessions });
    await expect(failed).rejects.toThrow('the disk is full');
    expect(told).toHaveLength(4);
    expect(told[3]).toBe(told[2]?.replace('hold', 'announce'));
  });

  it('is refused where the provider has none, or the thread is not known', async () => {
    const { forked, sessions } = forks(PAST, null);
    const how = { nth: null, given: {}, sessions };
    await expect(forked.fork(liveSession(), how)).rejects.toMatchObject({
      ...{ code: 'fork_failed', details: { id: ID, reason: 'Claude offers no forks' } },
    });
    await expect(forked.fork(liveSession(DIRECT), how)).rejects.toMatchObject({
      ...{ code: 'fork_failed', details: { id: ID, reason: 'its Codex thread is not known' } },
    });
  });
});
