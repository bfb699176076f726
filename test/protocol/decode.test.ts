import { describe, expect, it } from 'vitest';
import { OrbitError } from '../../src/errors.ts';
import { CLIENT_TYPES } from '../../src/protocol/client.ts';
import { decode, decodeHook } from '../../src/protocol/codec.ts';
import { CLIENT_MESSAGES } from '../support/client-messages.ts';

function refusal(value: unknown): OrbitError {
  const decoded = decode(value);
  if (!(decoded instanceof OrbitError)) throw new Error('was accepted');
  return decoded;
}

describe('decoding a client message', () => {
  it('knows the 43 types of the protocol, and six of its own', () => {
    const own = [
      'cancel_shell',
      'get_messages',
      'get_sessions',
      'get_text',
      'get_turn_diffs',
      'ping',
    ];
    expect(CLIENT_TYPES).toEqual(expect.arrayContaining(own));
    expect(CLIENT_TYPES).toHaveLength(43 + own.length);
  });

  it.each(Object.entries(CLIENT_MESSAGES))(
    'accepts %s as clients send it, unknown keys and all',
    (type, body) => {
      expect(decode({ type, ...body, future_field: { a: 1 } })).toMatchObject({ type, ...body });
    },
  );

  it('takes null for an optional field as absence', () => {
    const message = { type: 'subscribe_session', session_id: 's', since_revision: null };
    expect(decode(message)).toMatchObject({ session_id: 's' });
  });

  it('names the known types to whom sends an unknown one', () => {
    const error = refusal({ type: 'subscribe_lists' });
    expect(error.code).toBe('parse_error');
    for (const type of CLIENT_TYPES) expect(error.message).toContain(type);
  });

  it.each([
    ['no object', 7],
    ['an array', [{ type: 'subscribe_list' }]],
    ['null', null],
    ['no type', { session_id: 's' }],
    ['a type that is no text', { type: ['subscribe_list'] }],
    ['a type that is a property of every object', { type: 'constructor' }],
    ['a missing id', { type: 'subscribe_session' }],
    ['a negative revision', { type: 'subscribe_session', session_id: 's', since_revision: -1 }],
    ['a fraction', { type: 'subscribe_session', session_id: 's', since_revision: 1.5 }],
  ])('refuses %s with parse_error', (_, value) => {
    expect(refusal(value).code).toBe('parse_error');
  });

  it('names the field and what it must be, never what it was', () => {
    const { message } = refusal({ type: 'subscribe_session', session_id: { secret: 'sk-live-1' } });
    expect(message).toContain('session_id');
    expect(message).not.toContain('sk-live-1');
  });

  it('says every alternative of a field that has several, and not what was in it', () => {
    const { message } = refusal({
      type: 'send_message',
      session_id: 's',
      content: 'look',
      images: [{ secret: 'sk-live-1' }],
      skills: 'sk-live-2',
    });
    expect(message).toContain('images[0].input_type must be a string');
    expect(message).toContain('images must be null');
    expect(message).not.toContain('sk-live');
  });
});

describe('decoding a hook', () => {
  it('accepts a tool event without cwd, and a model that is an object', () => {
    const { cwd: _, ...raw } = { session_id: 's', hook_event_name: 'PreToolUse', cwd: '/x' };
    expect(decodeHook(raw)).toMatchObject({ session_id: 's' });
    expect(decodeHook({ ...raw, model: { id: 'opus' } })).not.toBeInstanceOf(OrbitError);
  });

  it.each(['..', '.', '', 'a/b', 'a b', 'x'.repeat(129), '\u0000'])(
    'refuses the session id %j, which would go into names of files and rooms',
    (session_id) => {
      expect(decodeHook({ session_id, hook_event_name: 'Stop' })).toMatchObject({
        code: 'parse_error',
      });
    },
  );
});
