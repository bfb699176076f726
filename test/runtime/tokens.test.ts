/** The named tokens while the server runs: who is let in, when that ends, and what is stored of it. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { OrbitError } from '../../src/errors.ts';
import { SILENT_LOGGER } from '../../src/log.ts';
import type { Scope } from '../../src/protocol/scopes.ts';
import { deviceNameOf, NamedTokens } from '../../src/runtime/tokens.ts';
import { mintPairingCode, mintToken } from '../../src/secrets.ts';
import type { PairingRow, TokenRow } from '../../src/store/tokens.ts';
import type { AccessItem, ItemResult } from '../../src/store/writer-messages.ts';

const AT = '2026-03-01T12:00:00.000Z';
const AT_MS = Date.parse(AT);
const DAY_MS = 86_400_000;

let close = () => {};
afterEach(() => {
  close();
  close = () => {};
  vi.useRealTimers();
});

function aToken(more: Partial<TokenRow> = {}): { text: string; row: TokenRow } {
  const { text, id, digest } = mintToken();
  const ends = { expires_at: null, last_used_at: null, revoked_at: null, replaced_at: null };
  const scopes: Scope[] = ['observe'];
  const of = { name: 'phone', scopes, made_by: 'command', created_at: AT } as const;
  return { text, row: { id, digest, ...of, ...ends, ...more } };
}

/** The book over a database of the test's own. */
async function bookOf(tokens: TokenRow[], pairings: PairingRow[] = []) {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  const rows = { tokens, pairings };
  const changes: AccessItem[] = [];
  const logged: string[] = [];
  const state = {
    nowMs: AT_MS,
    version: 1,
    reads: 0,
    storageError: null as string | null,
    failure: null as Error | null,
    outcome: { outcome: 'committed', seq: 0, revision: 0 } as ItemResult,
    onChange: (_: AccessItem) => {},
  };
  const note = (event: string) => void logged.push(event);
  const book = new NamedTokens({
    writer: {
      get storageError() {
        return state.storageError;
      },
      read: (async ({ seen }: { seen: number | null }) => {
        state.reads += 1;
        if (state.failure !== null) throw state.failure;
        return { version: state.version, now: seen === state.version ? null : { ...rows } };
      }) as never,
      submit(item, done) {
        changes.push(item as AccessItem);
        state.onChange(item as AccessItem);
        done(state.outcome);
      },
    },
    log: { ...SILENT_LOGGER, info: note, debug: note },
    nowMs: () => state.nowMs,
  });
  await book.open();
  close = () => book.close();
  let ends = 0;
  book.onEnd(() => {
    ends += 1;
  });
  /** Another process has written. */
  const rewrite = (change: () => void) => {
    change();
    state.version += 1;
  };
  return { book, rows, changes, logged, state, rewrite, ends: () => ends };
}

const revoke = { type: 'revoke' } as const;

describe('the bearer of a token', () => {
  it('may do what it was made for', async () => {
    const { text, row } = aToken({ scopes: ['observe', 'control'] });
    const { book } = await bookOf([row]);
    const rights = book.judge(text);
    expect(rights?.token).toEqual({ id: row.id, name: 'phone' });
    expect(rights?.scopes.has('observe')).toBe(true);
    expect(book.nameOf(row.id)).toBe('phone');
  });

  it('is nobody when the text is another, also under the same id', async () => {
    const { text, row } = aToken();
    const { book } = await bookOf([row]);
    const others = [
      aToken().text,
      `${text.slice(0, -1)}${text.endsWith('A') ? 'E' : 'A'}`,
      '',
      'x',
    ];
    for (const other of others) expect(book.judge(other), other).toBeNull();
    expect(book.nameOf('unknown')).toBeNull();
  });

  it('has no rights from the moment of its end on, and who listens is told once', async () => {
    const { text, row } = aToken({ expires_at: '2026-03-01T12:00:01.000Z' });
    const { book, state, ends } = await bookOf([row]);
    const rights = book.judge(text);
    state.nowMs += 999;
    await book.check();
    expect(rights?.scopes.size).toBe(1);
    expect([book.nameOf(row.id), ends()]).toEqual(['phone', 0]);
    state.nowMs += 1;
    expect([rights?.scopes.size, book.judge(text), book.nameOf(row.id)]).toEqual([0, null, null]);
    await book.check();
    await book.check();
    expect(ends()).toBe(1);
  });

  it('has none within half a second after another process has revoked it', async () => {
    const { text, row } = aToken();
    const { book, rows, rewrite, ends, logged } = await bookOf([row]);
    const rights = book.judge(text);
    rewrite(() => {
      rows.tokens = [];
    });
    await vi.advanceTimersByTimeAsync(499);
    expect(book.judge(text)).not.toBeNull();
    await vi.advanceTimersByTimeAsync(1);
    expect([rights?.scopes.size, book.judge(text), ends()]).toEqual([0, null, 1]);
    expect(logged).toEqual(['token.revoked']);
  });

  it('keeps them while the database cannot be read', async () => {
    const { text, row } = aToken();
    const { book, state, logged } = await bookOf([row]);
    state.failure = new OrbitError('server_busy');
    await book.check();
    expect([book.judge(text)?.token?.id, logged]).toEqual([row.id, ['tokens.not_read']]);
    state.failure = new Error('a bug');
    await expect(book.check()).rejects.toThrow('a bug');
  });

  it('stays the same one when its row changes', async () => {
    const { text, row } = aToken({ expires_at: '2026-03-02T12:00:00.000Z' });
    const { book, rows, rewrite } = await bookOf([row]);
    const rights = book.judge(text);
    rewrite(() => {
      rows.tokens = [{ ...row, expires_at: AT }];
    });
    await book.check();
    expect(rights?.scopes.size).toBe(0);
  });
});

describe('a token that is revoked here', () => {
  it('is over when that is stored', async () => {
    const { text, row } = aToken();
    const { book, rows, changes, state } = await bookOf([row]);
    state.onChange = () => {
      // A change of our own leaves the version as it was.
      rows.tokens = [];
    };
    expect(await book.revoke(row.id)).toBe(true);
    expect(changes).toEqual([
      ...[{ kind: 'access', sessionId: '', key: null, at: AT, change: { ...revoke, id: row.id } }],
    ]);
    expect(book.judge(text)).toBeNull();
  });

  it('was none when the database says so, and stays when nothing could be stored', async () => {
    const { text, row } = aToken();
    const { book, state } = await bookOf([row]);
    state.outcome = { outcome: 'duplicate' } as ItemResult;
    expect(await book.revoke(row.id)).toBe(false);
    state.outcome = { outcome: 'quarantined', error: 'odd' } as ItemResult;
    await expect(book.revoke(row.id)).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(book.judge(text)).not.toBeNull();
  });
});

describe('the use of a token', () => {
  it('is noted once a minute, and at the end', async () => {
    const { text, row } = aToken();
    const { book, changes } = await bookOf([row]);
    book.judge(text);
    book.judge(text);
    await vi.advanceTimersByTimeAsync(59_999);
    expect(changes).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(changes.map(({ change }) => change)).toEqual([{ type: 'used', ids: [row.id] }]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(changes).toHaveLength(1);
    book.judge(text);
    book.close();
    expect(changes).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(changes).toHaveLength(2);
  });

  it('waits while the storage fails, and one that cannot be noted is passed over', async () => {
    const { text, row } = aToken();
    const { book, changes, state, logged } = await bookOf([row]);
    book.judge(text);
    state.storageError = 'disk_full';
    await vi.advanceTimersByTimeAsync(60_000);
    expect(changes).toEqual([]);
    state.storageError = null;
    state.outcome = { outcome: 'quarantined', error: 'odd' } as ItemResult;
    await vi.advanceTimersByTimeAsync(60_000);
    expect([changes.length, logged]).toEqual([1, ['tokens.use_not_noted']]);
  });
});

describe('a pairing code', () => {
  const aCode = (more: Partial<PairingRow> = {}) => {
    const { text, digest } = mintPairingCode();
    const scopes: Scope[] = ['observe'];
    const of = { name: '', scopes, days: 90, created_at: AT };
    const row = { digest, ...of, expires_at: '2026-03-01T12:10:00.000Z', ...more };
    return { text, row };
  };
  const soon = (more: number) => new Date(AT_MS + more).toISOString();

  it('becomes a token for so many days, called as the device calls itself', async () => {
    const { text, row } = aCode();
    const { book, rows, changes, state, logged } = await bookOf([], [row]);
    state.onChange = ({ change }) => {
      if (change.type === 'claim') rows.tokens = [{ ...change.token, name: 'My phone 2' }];
    };
    const paired = await book.claim(text, 'My phone');
    const expires_at = soon(90 * DAY_MS);
    expect(paired).toMatchObject({ name: 'My phone 2', scopes: ['observe'], expires_at });
    expect(book.judge(paired?.token ?? '')?.token?.name).toBe('My phone 2');
    expect(changes[0]?.change).toMatchObject({
      ...{ type: 'claim', code: row.digest },
      token: { name: 'My phone', made_by: 'pair', created_at: AT, expires_at, revoked_at: null },
    });
    expect(logged).toEqual(['token.paired']);
  });

  it('may name its token, which may have no end', async () => {
    const { text, row } = aCode({ name: 'desk', days: null });
    const { book } = await bookOf([], [row]);
    expect(await book.claim(text, 'My phone')).toMatchObject({ name: 'desk', expires_at: null });
  });

  it('is none when it is over, unknown, or was used meanwhile', async () => {
    const { text, row } = aCode({ expires_at: soon(1) });
    const { book, state } = await bookOf([], [row]);
    state.outcome = { outcome: 'duplicate' } as ItemResult;
    expect(await book.claim(text, '')).toBeNull();
    state.outcome = { outcome: 'committed', seq: 0, revision: 0 };
    expect(await book.claim('odp_unknown', '')).toBeNull();
    state.nowMs += 1;
    expect(await book.claim(text, '')).toBeNull();
  });

  it('that was made a moment ago is looked for, and who tries many gets no read for each', async () => {
    const { text, row } = aCode();
    const { book, rows, rewrite, state } = await bookOf([]);
    rewrite(() => {
      rows.pairings = [row];
    });
    const before = state.reads;
    expect(await book.claim(text, '')).toBeNull();
    vi.advanceTimersByTime(100);
    expect(await book.claim(text, '')).toBeNull();
    expect(state.reads).toBe(before);
    vi.advanceTimersByTime(1);
    expect(await book.claim(text, '')).toMatchObject({ name: 'device' });
  });

  it('is not taken while nothing can be stored', async () => {
    const { text, row } = aCode();
    const { book, state, changes } = await bookOf([], [row]);
    state.storageError = 'disk_full';
    await expect(book.claim(text, '')).rejects.toMatchObject({
      ...{ code: 'storage_unavailable', details: { reason: 'disk_full' } },
    });
    expect(changes).toEqual([]);
  });
});

it.each([
  ['My phone (2)', 'My phone (2)'],
  [' a@b_c-d.e ', 'a@b_c-d.e'],
  ['été 雪', 'été 雪'],
  ['<b>\u0007\n', 'b'],
  ['\u202e', 'device'],
  ['', 'device'],
  ['x'.repeat(41), 'x'.repeat(40)],
])('a device that calls itself %j is called %j', (given, name) => {
  expect(deviceNameOf(given)).toBe(name);
});
