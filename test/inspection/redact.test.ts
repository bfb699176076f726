/** Redaction: secrets never leave, whatever holds them; and no value breaks or delays the serialiser. */
import { describe, expect, it } from 'vitest';
import { redact, redactText } from '../../src/inspection/redact.ts';
import { contextView, eventView } from '../../src/inspection/redacted-view.ts';
import { REDACTED } from '../../src/secrets.ts';

describe('redaction', () => {
  it('takes out secrets by key and by pattern, nested, in maps, sets and errors', () => {
    const secrets = [
      'sk-ant-api03-AAAAAAAAAAAAAAAAAAAA',
      'ghp_AAAAAAAAAAAAAAAAAAAAAAAAAAAA',
      'github_pat_AAAAAAAAAAAAAAAAAAAAAA',
      'xoxb-1234567890-abcdef',
      'AKIAABCDEFGHIJKLMNOP',
      'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl',
      'hunter2-the-password',
      'od_0123456789abcdefghijklmnopqrstuvwxyz',
      'Bearer abcdefghijklmnopqrstuvwx',
      'AIzaSyA1234567890abcdefghijklmnopqrstuv',
      'npm_abcdefghijklmnopqrstuvwxyz0123456789',
      'cookie-monster-value',
    ];
    const [sk, ghp, pat, slack, aws, jwt, word, ours, bearer, google, npm, cookie] = secrets;
    const error = Object.assign(new Error(`failed with ${sk}`), { response: { body: ghp } });
    const shown = JSON.stringify(
      redact({
        error,
        map: new Map([['env', { GITHUB: pat }]]),
        set: new Set([slack]),
        list: [[[aws]]],
        text: `curl -H "Authorization: ${bearer}" https://user:${word}@host/ ${jwt}`,
        password: word,
        nested: { api_key: { value: ours }, cookies: [cookie] },
        command: `export TOKEN=${google}; npm config set ${npm}`,
      }),
    );
    for (const secret of secrets) expect(shown).not.toContain(secret);
    expect(shown).toContain(REDACTED);
  });

  it('leaves counts, flags and harmless words readable', () => {
    const value = {
      tokens: 120,
      token_usage: { input_tokens: 5, output_tokens: 7 },
      hasPassword: true,
      secret: null,
      text: 'The token was counted; skating is fun.',
    };
    expect(redact(value)).toEqual(value);
  });

  it('is total: circles, big integers, getters that throw, proxies, functions, depth and width', () => {
    const circular: Record<string, unknown> = { big: 10n, run: () => 1, none: undefined };
    circular.self = circular;
    Object.defineProperty(circular, 'broken', {
      enumerable: true,
      get() {
        throw new Error('no');
      },
    });
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    let deep: unknown = 'bottom';
    for (let at = 0; at < 10_000; at++) deep = { deep };
    const shown = redact({
      circular,
      proxy,
      deep,
      wide: Array.from({ length: 5000 }, (_, at) => at),
      keys: Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`k${at}`, at])),
      text: 'x'.repeat(5_000_000),
      bytes: Buffer.alloc(1_000_000),
      odd: [Number.NaN, Symbol('s'), new Date(Number.NaN), new Date(0), -0],
      ['__proto__']: 'kept',
    });
    const text = JSON.stringify(shown);
    expect(text.length).toBeLessThan(30_000);
    expect(shown).toMatchObject({
      circular: { big: '10n', self: '[circular]', broken: '[unreadable]', run: '[function]' },
      proxy: '[unreadable]',
      odd: ['NaN', '[symbol]', null, '1970-01-01T00:00:00.000Z', -0],
    });
    expect(text).toContain('4900 more');
    expect(text).toContain('[too deep]');
  });

  it('takes no longer for hostile texts than for long ones', () => {
    const hostile = [
      'eyJ-'.repeat(5000),
      'eyJabcdefgh.'.repeat(5000),
      `token${' '.repeat(20_000)}=`,
      '://a:'.repeat(5000),
      'sk-'.repeat(20_000),
      '-----BEGIN PRIVATE KEY-----'.repeat(500),
    ];
    const start = performance.now();
    for (const text of hostile) redactText(text);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

describe('the allow-list', () => {
  it('shows ids, kinds and counts of a context, and nothing that somebody wrote', () => {
    const view = contextView({
      session: { id: 's', provider: 'claude', first_prompt: 'my words', project_path: '/home/me' },
      turn: { open: true, count: 3 },
      tools: [{ toolUseId: 't', agentId: null, name: 'Bash', digest: 'abc' }],
      approvals: [{ request: { id: 'r', type: 'exec', command: 'rm' }, server: null }],
      brandNew: 'not named in the list',
    });
    expect(view).toEqual({
      session: { id: 's', provider: 'claude' },
      turn: { open: true, count: 3 },
      tools: [{ toolUseId: 't', agentId: null, name: 'Bash' }],
      approvals: [{ request: { id: 'r', type: 'exec' }, server: null }],
    });
  });

  it('shows the shape of an event without its texts', () => {
    const view = eventView(
      JSON.stringify({ type: 'turn.started', at: 'now', prompt: 'my words', promptId: 'p' }),
    );
    expect(view).toEqual({ type: 'turn.started', at: 'now', promptId: 'p' });
  });
});
