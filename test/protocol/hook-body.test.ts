/** The bytes of a hook: whatever is wrong in one field, the event and its other fields are read. */
import { describe, expect, it } from 'vitest';
import { HookBody, MAX_HOOK_BYTES, parseHookJson } from '../../src/protocol/hook-body.ts';
import { createRandom } from '../support/random.ts';

const LIMIT = 8 * 1024 * 1024;

/** What is read of a body that arrives in chunks of this size; null when it is refused. */
function read(body: Buffer, chunkBytes: number): unknown {
  const collector = new HookBody(LIMIT);
  for (let at = 0; at < body.length; at += chunkBytes) {
    if (!collector.add(body.subarray(at, at + chunkBytes))) return null;
  }
  return parseHookJson(collector.bytes());
}

describe('the JSON of a hook', () => {
  it('may begin with a byte order mark', () => {
    expect(parseHookJson(Buffer.from('\uFEFF{"session_id":"s"}'))).toEqual({ session_id: 's' });
  });

  it.each([
    ['a byte of Latin-1', [0xe9]],
    ['half of a character', [0xe2, 0x82]],
    ['a surrogate in UTF-8', [0xed, 0xa0, 0xbd]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a byte that no encoding has', [0xff]],
  ])('keeps the words around %s', (_, bad) => {
    const [before, after] = JSON.stringify({ session_id: 's', prompt: 'caf@ now' }).split('@');
    const body = Buffer.concat([
      Buffer.from(`${before}`),
      Buffer.from(bad),
      Buffer.from(`${after}`),
    ]);
    expect(parseHookJson(body)).toMatchObject({
      session_id: 's',
      prompt: expect.stringMatching(/^caf\uFFFD+ now$/),
    });
  });

  const deep = `${'['.repeat(500)}"}"${']'.repeat(500)}`;
  const many = `[${'1,'.repeat(210_000)}1]`;
  it.each([
    ['nested too deep', deep],
    ['with too much structure', many],
    ['with a key that changes prototypes', '{"a":{"\\u005f_proto__":{"x":1}}}'],
  ])('is read without a field %s', (_, value) => {
    const rest = { session_id: 's', cwd: '/a "b" \\', tool_use_id: 't', last: [{ a: '}' }] };
    const text = JSON.stringify(rest, null, 2);
    for (const body of [
      `{"tool_input":${value},${text.slice(1)}`,
      `${text.slice(0, -1)} , "tool_input" : ${value} }`,
      text.replace('"tool_use_id"', `"tool_input":${value},\r\n\t"tool_use_id"`),
    ]) {
      expect(parseHookJson(Buffer.from(body))).toEqual(rest);
    }
  });

  it.each([
    '',
    '{',
    '[',
    'x',
    '{"a":1',
    '{"a":1}}',
    '{,}',
    `{"a":${deep}`,
    `{"a":${deep},`,
    `${deep}x`,
  ])('is refused when it is none: %.12s', (text) => {
    expect(() => parseHookJson(Buffer.from(text))).toThrow();
  });
});

describe('a hook that is too large', () => {
  const rest = { session_id: 's', hook_event_name: 'PostToolUse', tool_use_id: 't1' };

  it.each([1, 7, 65_536, LIMIT])(
    'is read with its long texts cut, in chunks of %i bytes',
    (chunkBytes) => {
      const size = chunkBytes < 100 ? 8.1 : 20;
      const long = 'é\\"\u0001😀'.repeat((size * 1024 * 1024) / 14);
      const body = JSON.stringify({
        ...rest,
        tool_response: { stdout: long, stderr: 'short' },
        tail: 'x',
      });
      const hook = read(Buffer.from(body), chunkBytes) as { tool_response: { stdout: string } };
      expect(hook).toMatchObject({ ...rest, tool_response: { stderr: 'short' }, tail: 'x' });
      const { stdout } = hook.tool_response;
      const kept = stdout.slice(0, stdout.indexOf('… (cut'));
      expect(kept.length).toBeGreaterThan(100_000);
      expect(long.startsWith(kept)).toBe(true);
    },
  );

  it('keeps its names when it has very many texts', () => {
    const lines = Array.from({ length: 60_000 }, (_, n) => `${n}`.padEnd(200, 'x'));
    const hook = read(Buffer.from(JSON.stringify({ tool_response: { lines }, ...rest })), 65_536);
    expect(hook).toMatchObject(rest);
  });

  it('is refused where cutting does not help, and above 64 MiB', () => {
    expect(read(Buffer.alloc(LIMIT + 1, 0x20), 65_536)).toBeNull();
    const body = Buffer.from(`{"a":"${'x'.repeat(MAX_HOOK_BYTES)}"}`);
    expect(read(body, 1024 * 1024)).toBeNull();
  });

  it('keeps a body that fits byte for byte', () => {
    const random = createRandom(7);
    const bytes = Buffer.from(Array.from({ length: 5_000 }, () => random.between(0, 255)));
    const collector = new HookBody(LIMIT);
    for (let at = 0; at < bytes.length; at += 13) collector.add(bytes.subarray(at, at + 13));
    expect(collector.bytes()).toEqual(bytes);
  });
});
