/** What clients may say to a session, and what becomes of it. */
import { describe, expect, it } from 'vitest';
import { createTurnsHandlers, steered } from '../../src/runtime/handlers/turns.ts';
import type { LiveSession } from '../../src/runtime/sessions/live-session.ts';
import type { EventToSend } from '../../src/runtime/sessions/sessions.ts';
import { ID } from '../machines/session-after.ts';
import { liveSession } from './live.ts';

const DIRECT = { integration_mode: 'direct', thread_id: 'thread-1', provider: 'codex' } as const;
const LONGEST = 1_000_000;

/** The handlers over one session, with what it is sent. */
function handlers(live: LiveSession, opening: Promise<void> | null = null) {
  const sent: Array<[EventToSend, string]> = [];
  const replies: unknown[] = [];
  const acknowledged: unknown[] = [];
  const sessions = {
    as: () => sessions,
    visit: async (_: string, visitor: (live: LiveSession) => unknown) => visitor(live),
    command: async (_: LiveSession, wish: EventToSend, what: string) =>
      void sent.push([wish, what]),
    commandWithLink: async (_: string, what: string, make: (live: LiveSession) => EventToSend) =>
      void sent.push([make(live), what]),
  };
  const taken: unknown[] = [];
  const images = {
    take: async (given: unknown[]) => {
      taken.push(...given);
      return given;
    },
  };
  const made = createTurnsHandlers({
    sessions: sessions as never,
    images: images as never,
    connectors: { opening: () => opening } as never,
    providers: [{ id: 'claude', takesWords: true } as never, { id: 'codex' } as never],
  });
  const asker = {
    sender: { origin: 'ws' },
    reply: (message: unknown) => void replies.push(message),
    acknowledge: (id?: string) => void acknowledged.push(id),
  } as never;
  type Tag = keyof typeof made;
  const ask = async (type: Tag, more: object = {}) =>
    made[type]({ type, session_id: ID, ...more } as never, asker);
  return { ask, sent, replies, acknowledged, taken };
}

const refused = (reason: string | RegExp) => ({
  ...{ code: 'invalid_argument', message: expect.stringMatching(reason) },
});

describe('words for a running turn', () => {
  it('are kept as words that steer, under the id of their order', () => {
    const event = steered(ID, 'go left');
    expect(event).toMatchObject({
      ...{ type: 'steer.submitted', message: { session_id: ID, message_type: 'steer' } },
      order: { type: 'turn.steer', content: 'go left' },
    });
    const { message, order } = event as { message: { id: string }; order: { messageId: string } };
    expect(order.messageId).toBe(message.id);
    expect(message.id).toMatch(/^steer-/);
  });

  it('are not empty, and no longer than Codex takes', () => {
    expect(() => steered(ID, ' \n')).toThrow(expect.objectContaining(refused('empty')));
    expect(() => steered(ID, 'x'.repeat(LONGEST))).not.toThrow();
    expect(() => steered(ID, 'x'.repeat(LONGEST + 1))).toThrow(
      expect.objectContaining(refused('longer than 1000000 characters')),
    );
  });

  it('are checked before anything is asked of the session', async () => {
    const { ask, sent } = handlers(liveSession(DIRECT));
    await expect(ask('steer_turn', { content: '' })).rejects.toMatchObject(refused('empty'));
    expect(sent).toEqual([]);
    await ask('steer_turn', { content: 'go left' });
    expect(sent).toMatchObject([[{ type: 'steer.submitted' }, 'type']]);
  });
});

describe('a message to a session with a connector', () => {
  it('brings all that was chosen with it', async () => {
    const { ask, sent, taken } = handlers(liveSession(DIRECT));
    const images = [{ input_type: 'path', value: '/a.png' }];
    const chosen = { model: 'gpt', effort: 'high' };
    const given = { skills: ['s'], mentions: ['m'] };
    await ask('send_message', { content: 'go', images, ...chosen, ...given });
    expect(taken).toEqual(images);
    const [event, what] = sent[0] as [{ message: { id: string } }, string];
    expect(what).toBe('type');
    expect(event).toMatchObject({
      type: 'message.submitted',
      message: { id: expect.stringMatching(/^user-/), message_type: 'user', content: 'go', images },
      order: { type: 'turn.run', content: 'go', ...chosen, ...given, images },
      fields: chosen,
    });
    expect(event).toMatchObject({ order: { messageId: event.message.id } });
  });

  it('is one of words alone where nothing was chosen', async () => {
    const { ask, sent, taken } = handlers(liveSession(DIRECT));
    await ask('send_message', { content: 'go' });
    expect(taken).toEqual([]);
    const [event] = sent[0] as unknown as [{ message: object; order: object; fields: object }];
    expect(event.fields).toEqual({});
    expect(event.message).not.toHaveProperty('images');
    expect(event.order).toMatchObject({ skills: [], images: [], mentions: [] });
    expect(event.order).not.toHaveProperty('model');
    expect(event.order).not.toHaveProperty('effort');
  });

  it('is not empty, unless it brings a picture or a skill', async () => {
    const { ask, sent } = handlers(liveSession(DIRECT));
    await expect(ask('send_message', { content: ' ' })).rejects.toMatchObject(refused('empty'));
    await ask('send_message', { content: '', skills: ['s'] });
    await ask('send_message', { content: '', images: [{ input_type: 'path', value: '/a' }] });
    expect(sent).toHaveLength(2);
    const tooLong = ask('send_message', { content: 'x'.repeat(LONGEST + 1) });
    await expect(tooLong).rejects.toMatchObject(refused('longer than'));
  });

  it('says so later when the connector cannot start', async () => {
    const { ask, replies } = handlers(liveSession(DIRECT), Promise.reject(new Error('no codex')));
    await ask('send_message', { content: 'go' });
    await expect
      .poll(() => replies)
      .toMatchObject([
        { type: 'error', code: 'no_connector', message: expect.stringContaining('no codex') },
      ]);
  });
});

describe('a message to a session in a terminal', () => {
  it('waits for the end of the turn, and the asker is given its id', async () => {
    const { ask, sent, acknowledged } = handlers(liveSession());
    await ask('send_message', { content: 'go' });
    await ask('steer_turn', { content: 'on' });
    expect(sent).toMatchObject([
      [{ type: 'words.submitted', message: { message_type: 'steer', content: 'go' } }, 'type'],
      [{ type: 'words.submitted', message: { message_type: 'steer', content: 'on' } }, 'type'],
    ]);
    const ids = sent.map(([event]) => (event as unknown as { message: { id: string } }).message.id);
    expect(acknowledged).toEqual(ids);
  });

  it('has words only: the refusal names what else was given', async () => {
    const { ask, sent } = handlers(liveSession());
    const more = { images: [], skills: ['s'], model: 'opus', effort: 'high' };
    await expect(ask('send_message', { content: 'go', ...more })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('Sending skills, model, effort to a session in a terminal'),
    });
    expect(sent).toEqual([]);
  });

  it('is no longer than its hook can bring', async () => {
    const { ask, sent } = handlers(liveSession());
    await ask('send_message', { content: 'x'.repeat(9_000) });
    expect(sent).toHaveLength(1);
    await expect(ask('send_message', { content: 'x'.repeat(9_001) })).rejects.toMatchObject(
      refused('not longer than 9000 characters'),
    );
  });

  it('is refused where no hook of its provider takes words', async () => {
    const { ask } = handlers(liveSession({ provider: 'codex' }));
    await expect(ask('send_message', { content: 'go' })).rejects.toMatchObject({
      code: 'watched_only',
    });
  });
});

describe('other wishes', () => {
  it('go to the session as they are', async () => {
    const { ask, sent } = handlers(liveSession(DIRECT));
    await ask('withdraw_message', { message_id: 'm' });
    await ask('interrupt_session');
    await ask('compact_context');
    await ask('undo_last_turn');
    await ask('rollback_turns', { num_turns: 1 });
    expect(sent).toEqual([
      [{ type: 'words.withdrawn', messageId: 'm' }, 'take the message back'],
      [{ type: 'interrupt.requested' }, 'interrupt it'],
      [{ type: 'compaction.requested' }, 'compact it'],
      [{ type: 'undo.requested' }, 'undo'],
      [{ type: 'rollback.requested', turns: 1 }, 'roll back'],
    ]);
  });

  it('to take back no turn at all are refused', async () => {
    const { ask, sent } = handlers(liveSession(DIRECT));
    const none = ask('rollback_turns', { num_turns: 0 });
    await expect(none).rejects.toMatchObject(refused('num_turns must be >= 1'));
    expect(sent).toEqual([]);
  });
});
