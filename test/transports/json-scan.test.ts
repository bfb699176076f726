import { describe, expect, it } from 'vitest';
import { parseJson, scanJson } from '../../src/protocol/json-scan.ts';

const scan = (text: string) => scanJson(Buffer.from(text));

describe('scanJson', () => {
  it('lets ordinary JSON pass, whatever its strings look like', () => {
    const texts = [
      '{}',
      '"\\\\"',
      '{"a":"}}}[[[[\\"{{","b":["\\\\\\"",1.5e3,null]}',
      JSON.stringify({ text: `${'x'.repeat(31)}\\"${'['.repeat(500)}`, more: '"'.repeat(300) }),
      JSON.stringify({ text: '[[['.repeat(1000), __proto: 1, proto__: 2 }),
      'not json at all',
      '"never closed [[[[',
      '',
    ];
    for (const text of texts)
      expect([text.slice(0, 20), scan(text)]).toEqual([text.slice(0, 20), null]);
  });

  it('agrees with the parser about where strings end, for every length around its shortcut', () => {
    for (let length = 0; length < 80; length++) {
      for (const tail of ['', '\\', '\\\\', '"', '\\"', '\\\\"']) {
        const text = JSON.stringify({ key: 'x'.repeat(length) + tail, deep: '['.repeat(100) });
        expect(scan(text)).toBeNull();
        expect(scan(text.replace(/"deep":"(\[+)"/, '"deep":$1'))).toBe('too_deep');
      }
    }
  });

  it('takes 64 levels and refuses 65', () => {
    expect(scan('['.repeat(64) + ']'.repeat(64))).toBeNull();
    expect(scan('['.repeat(65) + ']'.repeat(65))).toBe('too_deep');
    expect(scan('{"a":'.repeat(65))).toBe('too_deep');
  });

  it('refuses more than 200,000 structural tokens before it has read on', () => {
    expect(scan(`[${'1,'.repeat(199_000)}1]`)).toBeNull();
    expect(scan(`[${'1,'.repeat(200_001)}1]`)).toBe('too_many_tokens');
    const huge = Buffer.from(`[${'{},'.repeat(5_000_000)}{}]`);
    const { bytes, looks } = counted(huge);
    expect(scanJson(bytes)).toBe('too_many_tokens');
    expect(looks()).toBeLessThan(500_000);
  });

  it('finds a key __proto__ however it is spelled, but not the same text as a value', () => {
    expect(scan('{"__proto__":{"polluted":true}}')).toBe('forbidden_key');
    expect(scan('{"a":[{"__proto__" \n:1}]}')).toBe('forbidden_key');
    expect(scan('{"\\u005f_proto__":1}')).toBe('forbidden_key');
    const escaped = [...'__proto__']
      .map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join('');
    expect(scan(`{"${escaped}":1}`)).toBe('forbidden_key');
    expect(scan('{"session_id":"__proto__","list":["__proto__"]}')).toBeNull();
    expect(scan('{"constructor":1,"prototype":2}')).toBeNull();
    expect(scan('{"\\uZZZZ_proto__":1}')).toBeNull();
  });

  it('looks at no byte more than a few times, whatever backslashes and quotes there are', () => {
    for (const unit of ['\\\\', '\\"', '"', '"\\', '\\\\"']) {
      const { bytes, looks } = counted(Buffer.from(`"${unit.repeat(50_000)}`));
      scanJson(bytes);
      expect(looks(), unit).toBeLessThan(5 * bytes.length);
    }
  });
});

describe('parseJson', () => {
  it('distinguishes bad text (400) from text that is dangerous to parse (422), quoting neither', () => {
    const statusOf = (bytes: Buffer): unknown => {
      try {
        return parseJson(bytes);
      } catch (error) {
        expect(String(error)).not.toContain('secret');
        return (error as { status: number }).status;
      }
    };
    expect(statusOf(Buffer.from('{"a":1}'))).toEqual({ a: 1 });
    expect(statusOf(Buffer.from('{"secret"'))).toBe(400);
    expect(statusOf(Buffer.from([0x22, 0xff, 0x22]))).toBe(400);
    expect(statusOf(Buffer.from(`${'['.repeat(65)}"secret"`))).toBe(422);
    expect(statusOf(Buffer.from('{"__proto__":1}'))).toBe(422);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

/** Bytes that count how many of them were looked at, one by one or in a search. */
function counted(from: Buffer): { bytes: Buffer; looks: () => number } {
  let looks = 0;
  const bytes = new Proxy(from, {
    get(target, key) {
      if (key === 'indexOf') {
        return (value: number, at: number) => {
          const found = target.indexOf(value, at);
          looks += (found === -1 ? target.length : found) - at + 1;
          return found;
        };
      }
      if (typeof key === 'string' && /^\d+$/.test(key)) looks += 1;
      const value = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { bytes, looks: () => looks };
}
