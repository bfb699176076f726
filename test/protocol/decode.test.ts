import { describe, expect, it } from 'vitest';
import { OrbitError } from '../../src/errors.ts';
import { CLIENT_TYPES } from '../../src/protocol/client.ts';
import { decode } from '../../src/protocol/codec.ts';
import { Hook } from '../../src/protocol/hook.ts';
import { decodeHook } from '../../src/protocol/hook-body.ts';
import { CLIENT_MESSAGES } from '../support/client-messages.ts';

function refusal(value: unknown): OrbitError {
  const decoded = decode(value);
  if (!(decoded instanceof OrbitError)) throw new Error('was accepted');
  return decoded;
}

describe('decoding a client message', () => {
  it('knows the 43 types of the protocol, and twenty-two of its own', () => {
    const own = [
      'cancel_shell',
      'get_messages',
      'get_notifications',
      'get_sessions',
      'get_text',
      'get_turn_diffs',
      'list_past_sessions',
      'list_worktrees',
      'merge_worktree',
      'open_past_session',
      'ping',
      'remove_worktree',
      'search',
      'get_usage',
      'withdraw_message',
      'mute_session',
      'set_quiet_hours',
      'subscribe_push',
      'unsubscribe_push',
      'remove_device',
      'revoke_device',
      'test_notification',
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
      const hook = { session_id, hook_event_name: 'Stop' };
      expect(decodeHook(hook)).toMatchObject({ code: 'parse_error' });
      expect(Hook.allows(hook)).toBe(false);
    },
  );

  const whole = {
    session_id: 's',
    hook_event_name: 'PostToolUse',
    type: 'claude_tool_event',
    cwd: '/home/dev/shop',
    transcript_path: '/home/dev/t.jsonl',
    permission_mode: 'plan',
    prompt_id: 'p1',
    agent_id: 'a1',
    agent_type: 'tester',
    effort: { level: 'high' },
    model: 'opus',
    source: 'startup',
    reason: 'other',
    context_label: 'x',
    terminal_session_id: 't',
    terminal_app: 'iTerm',
    prompt: 'go',
    session_title: 'billing',
    tool_name: 'Bash',
    tool_input: { command: 'ls' },
    tool_response: { stdout: 'a' },
    tool_use_id: 'toolu_1',
    tool_calls: [{ tool_name: 'Bash', tool_use_id: 'toolu_1', tool_response: 'a' }],
    error: 'e',
    duration_ms: 3,
    is_interrupt: true,
    notification_type: 'idle_prompt',
    message: 'm',
    last_assistant_message: 'done',
    background_tasks: [{ id: 'b1', type: 'shell', status: 'running' }],
    mcp_server_name: 'db',
    requested_schema: {},
    action: 'accept',
    to_model: 'opus',
    new_cwd: '/x',
    trigger: 'auto',
  };
  const odd = [7, -1.5, 1e308, '7', true, {}, { text: 'x' }, [], ['b1'], [null], [[{}]], null];
  const optional = Object.keys(whole).filter(
    (name) => !/^(session_id|hook_event_name)$/.test(name),
  );

  it.each(optional)(
    'is never lost for a %s of another type, and keeps all other fields',
    (name) => {
      for (const value of odd) {
        const { [name]: _, ...rest } = whole as Record<string, unknown>;
        const decoded = decodeHook({ ...rest, [name]: value });
        expect(decoded, JSON.stringify(value)).not.toBeInstanceOf(OrbitError);
        expect(decoded).toMatchObject(rest);
        expect(Hook.allows(decoded), JSON.stringify(value)).toBe(true);
        expect(
          decode({ ...rest, type: 'claude_tool_event', [name === 'type' ? 'x' : name]: value }),
        ).toMatchObject({ session_id: 's' });
      }
    },
  );

  it.each([
    [
      'blocks of content',
      { prompt: [{ type: 'text', text: 'one' }, { type: 'image' }, { type: 'text', text: 'two' }] },
      { prompt: 'one\ntwo' },
    ],
    ['an object with a text', { message: { text: 'wait' } }, { message: 'wait' }],
    ['a number as id', { tool_use_id: 7 }, { tool_use_id: '7' }],
    ['a time as text', { duration_ms: '12' }, { duration_ms: 12 }],
    ['a flag as text', { is_interrupt: 'true' }, { is_interrupt: true }],
    [
      'an id inside a list',
      { background_tasks: [{ id: 3, type: 'shell' }, 'b2'] },
      { background_tasks: [{ id: '3', type: 'shell' }] },
    ],
    ['what cannot be converted', { permission_mode: { mode: 'plan' } }, { permission_mode: null }],
  ])('reads %s', (_, odd, read) => {
    expect(decodeHook({ session_id: 's', hook_event_name: 'Stop', ...odd })).toMatchObject(read);
  });
});
