import { describe, expect, it } from 'vitest';
import { cut, encode, MAX_FRAME_BYTES, TRUNCATED } from '../../src/protocol/encode.ts';
import type { Message } from '../../src/protocol/nouns.ts';

function message(content: string, tool_output: string | null = null): Message {
  return {
    id: 's:1',
    session_id: 's',
    message_type: 'tool',
    content,
    tool_name: 'Bash',
    tool_input: '{}',
    tool_output,
    is_error: false,
    timestamp: '2026-11-22T10:00:00.000Z',
    duration_ms: null,
  };
}

const appended = (content: string, output?: string) =>
  encode({ type: 'message_appended', session_id: 's', message: message(content, output) }, 7);

describe('encoding', () => {
  it('puts the revision beside the type, and leaves it out where none is given', () => {
    expect(JSON.parse(appended('x'))).toMatchObject({ type: 'message_appended', revision: 7 });
    expect(encode({ type: 'context_compacted', session_id: 's' })).not.toContain('revision');
  });

  it('writes the time of a delta the only way the app reads it', () => {
    const changes = { last_activity_at: '2026-11-22T10:00:00.999Z' };
    const text = encode({ type: 'session_delta', session_id: 's', changes }, 1);
    expect(JSON.parse(text).changes.last_activity_at).toBe('1795341600Z');
  });

  it.each([
    ['current_plan', '[]'],
    ['current_diff', ''],
  ])('says of a %s that is over that it is empty: the app passes over null', (field, empty) => {
    const over = encode({ type: 'session_delta', session_id: 's', changes: { [field]: null } }, 1);
    expect(JSON.parse(over).changes).toEqual({ [field]: empty });
    const kept = encode({ type: 'session_delta', session_id: 's', changes: { [field]: '+1' } }, 1);
    expect(JSON.parse(kept).changes).toEqual({ [field]: '+1' });
  });

  it('passes null in a delta on: it clears', () => {
    const text = encode(
      { type: 'session_delta', session_id: 's', changes: { pending_approval: null } },
      1,
    );
    expect(JSON.parse(text).changes).toEqual({ pending_approval: null });
  });

  it.each([
    ['ascii', 'x'.repeat(2_000_000)],
    ['three bytes a character', '…'.repeat(700_000)],
    ['four bytes a character', '🚀'.repeat(400_000)],
    ['six bytes a character when escaped', '\u0001'.repeat(500_000)],
  ])('keeps a frame below its limit and valid: %s', (_, text) => {
    const frame = appended(text, text);
    expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(MAX_FRAME_BYTES);
    expect(JSON.parse(frame).message.content.endsWith(TRUNCATED)).toBe(true);
  });

  it('leaves a frame alone that fits', () => {
    const text = 'x'.repeat(800_000);
    expect(JSON.parse(appended(text)).message.content).toBe(text);
  });

  it('never cuts through a character', () => {
    expect(cut('ab🚀', 3)).toBe(`ab${TRUNCATED}`);
  });
});
