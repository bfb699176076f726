/** Named tokens and pairing codes: on a real database, with times that the test gives. */
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import {
  applyTokenChange,
  changeTokens,
  createTokensRead,
  forgetToken,
  insertPairing,
  insertToken,
  isTokenGood,
  keepTokens,
  listTokens,
  readTokens,
  revokeToken,
  rotateToken,
  type TokenRow,
} from '../../src/store/tokens.ts';
import { openStore, openTestWriter, tempPaths } from './support.ts';

const NOW = '2026-03-01T12:00:00.000Z';
const later = (ms: number) => new Date(Date.parse(NOW) + ms).toISOString();
const days = (count: number) => count * 24 * 60 * 60 * 1_000;

function token(name: string, rest: Partial<TokenRow> = {}): TokenRow {
  return {
    ...{ id: `id-${name}`, name, digest: `digest-${name}`, scopes: ['observe', 'control'] },
    ...{ made_by: 'command', created_at: NOW, expires_at: null },
    ...{ last_used_at: null, revoked_at: null, replaced_at: null },
    ...rest,
  };
}

const pairing = (digest: string, expires_at: string) => ({
  ...{ digest, name: '', scopes: ['observe' as const], days: null, created_at: NOW, expires_at },
});

function tokens() {
  const { database } = openStore();
  const add = (name: string, rest: Partial<TokenRow> = {}, at = NOW) =>
    insertToken(database, token(name, rest), at);
  const names = () => listTokens(database).map(({ name }) => name);
  const one = (name: string) => listTokens(database).find((each) => each.name === name);
  return { database, add, names, one };
}

describe('a token', () => {
  test('is good until the moment of its end, or until it is revoked', () => {
    const good = { revoked_at: null, expires_at: null };
    expect(isTokenGood(good, NOW)).toBe(true);
    expect(isTokenGood({ ...good, expires_at: later(1) }, NOW)).toBe(true);
    expect(isTokenGood({ ...good, expires_at: NOW }, NOW)).toBe(false);
    expect(isTokenGood({ ...good, revoked_at: NOW }, NOW)).toBe(false);
  });

  test('is kept as it was made', () => {
    const { add, one } = tokens();
    add('phone', { made_by: 'pair', expires_at: later(days(30)) });
    expect(one('phone')).toEqual(token('phone', { made_by: 'pair', expires_at: later(days(30)) }));
  });

  test('has a name that no other good one has', () => {
    const { add } = tokens();
    add('phone');
    expect(() => add('phone', { id: 'second', digest: 'second' })).toThrow(
      expect.objectContaining({
        exitCode: 64,
        message: expect.stringContaining('"phone" already'),
      }),
    );
  });

  test('leaves its name to others once it is over', () => {
    const { add, one } = tokens();
    add('phone', { expires_at: later(1_000) });
    add('phone', { id: 'second', digest: 'second' }, later(1_000));
    expect(one('phone')).toBeDefined();
  });

  test('is listed for 180 days after its end, the newest first', () => {
    const { database, add, names } = tokens();
    add('old');
    add('new', { created_at: later(1_000) });
    revokeToken(database, 'old', NOW);
    add('day 180', { created_at: later(days(180)) }, later(days(180)));
    expect(names()).toEqual(['day 180', 'new', 'old']);
    add('later', { created_at: later(days(180) + 1) }, later(days(180) + 1));
    expect(names()).toEqual(['later', 'day 180', 'new']);
  });

  test('is revoked by its name or its id, once', () => {
    const { database, add, one } = tokens();
    add('phone');
    add('tablet');
    add('over', { expires_at: later(5) });
    expect(revokeToken(database, 'phone', later(5))).toBe(1);
    expect(revokeToken(database, 'phone', later(6))).toBe(0);
    expect(revokeToken(database, 'id-tablet', later(5))).toBe(1);
    expect(revokeToken(database, 'over', later(5))).toBe(0);
    expect(one('phone')?.revoked_at).toBe(later(5));
  });

  test('that nobody was given can be taken away', () => {
    const { database, add, names } = tokens();
    add('phone');
    add('tablet');
    forgetToken(database, 'id-phone');
    expect(names()).toEqual(['tablet']);
  });
});

describe('a token with a new secret', () => {
  const rotate = (database: Database.Database, name: string, at = later(10)) =>
    rotateToken(database, name, { id: 'new', digest: 'new' }, { at, until: later(1_000) });

  test('is good for as long as the old one was made for, which ends soon', () => {
    const { database, add } = tokens();
    add('phone', { expires_at: later(5_000) });
    expect(rotate(database, 'phone')).toEqual(
      token('phone', { id: 'new', digest: 'new', created_at: later(10), expires_at: later(5_010) }),
    );
    const [, old] = listTokens(database);
    expect(old).toMatchObject({ id: 'id-phone', replaced_at: later(10), expires_at: later(1_000) });
  });

  test('never lets the old one live longer than it would have', () => {
    const { database, add } = tokens();
    add('phone', { expires_at: later(500) });
    rotate(database, 'phone');
    expect(listTokens(database)[1]).toMatchObject({ id: 'id-phone', expires_at: later(500) });
  });

  test('has no end where the old one had none', () => {
    const { database, add } = tokens();
    add('phone');
    expect(rotate(database, 'phone')?.expires_at).toBe(null);
  });

  test('is none where there is no good one of that name', () => {
    const { database, add } = tokens();
    add('over', { expires_at: later(10) });
    add('revoked');
    revokeToken(database, 'revoked', NOW);
    expect(['over', 'revoked', 'unknown'].map((name) => rotate(database, name))).toEqual([
      null,
      null,
      null,
    ]);
  });

  test('is revoked together with the old one', () => {
    const { database, add } = tokens();
    add('phone');
    rotate(database, 'phone');
    expect(revokeToken(database, 'phone', later(20))).toBe(2);
  });
});

describe('a code', () => {
  const claim = (code: string, name: string) => ({
    ...{ type: 'claim' as const, code, token: token(name, { id: code, digest: code }) },
  });

  test('becomes a token once, and only before its end', () => {
    const { database, names } = tokens();
    insertPairing(database, pairing('code', later(10)), NOW);
    insertPairing(database, pairing('late', later(10)), NOW);
    expect(applyTokenChange(database, claim('code', 'phone'), later(9))).toBe(true);
    expect(applyTokenChange(database, claim('code', 'phone'), later(9))).toBe(false);
    expect(applyTokenChange(database, claim('late', 'phone'), later(10))).toBe(false);
    expect(applyTokenChange(database, claim('unknown', 'phone'), NOW)).toBe(false);
    expect(names()).toEqual(['phone']);
  });

  test('gives a device that is called like others the next number', () => {
    const { database, names } = tokens();
    for (const code of ['a', 'b', 'c']) {
      insertPairing(database, pairing(code, later(10)), NOW);
      applyTokenChange(database, claim(code, 'phone'), later(1));
    }
    expect(names().sort()).toEqual(['phone', 'phone 2', 'phone 3']);
  });

  test('is forgotten once it was used or is over', () => {
    const { database } = tokens();
    const read = createTokensRead(database);
    const codes = () => new Set(read(null).now?.pairings.map(({ digest }) => digest));
    insertPairing(database, pairing('used', later(10)), NOW);
    insertPairing(database, pairing('short', later(5)), NOW);
    insertPairing(database, pairing('long', later(1_000)), NOW);
    expect(codes()).toEqual(new Set(['used', 'short', 'long']));
    applyTokenChange(database, claim('used', 'phone'), later(1));
    expect(codes()).toEqual(new Set(['short', 'long']));
    insertPairing(database, pairing('another', later(1_000)), later(5));
    expect(codes()).toEqual(new Set(['long', 'another']));
    expect(database.prepare('SELECT count(*) FROM pairings').pluck().get()).toBe(2);
  });
});

describe('the server', () => {
  test('reads what is good, and nothing while no other connection changes it', () => {
    const { database, add } = tokens();
    add('phone');
    add('revoked');
    revokeToken(database, 'revoked', NOW);
    const read = createTokensRead(database);
    const first = read(null);
    expect(first.now?.tokens).toEqual([token('phone')]);
    expect(read(first.version)).toEqual({ version: first.version, now: null });
    const other = new Database(database.name);
    insertToken(other, token('tablet'), NOW);
    other.close();
    expect(read(first.version).now?.tokens.map(({ name }) => name)).toEqual(['phone', 'tablet']);
  });

  test('reads nothing from a database that is older than tokens', () => {
    const old = new Database(':memory:');
    expect(createTokensRead(old)(null)).toEqual({ version: 0, now: { tokens: [], pairings: [] } });
    old.close();
  });

  test('notes the use of a token to the minute', () => {
    const { database, add, one } = tokens();
    add('phone');
    add('tablet');
    const at = '2026-03-01T12:34:56.789Z';
    expect(applyTokenChange(database, { type: 'used', ids: ['id-phone'] }, at)).toBe(true);
    expect(one('phone')?.last_used_at).toBe('2026-03-01T12:34:00.000Z');
    expect(one('tablet')?.last_used_at).toBe(null);
  });

  test('says whether there was something to revoke', () => {
    const { database, add } = tokens();
    add('phone');
    expect(applyTokenChange(database, { type: 'revoke', id: 'id-phone' }, NOW)).toBe(true);
    expect(applyTokenChange(database, { type: 'revoke', id: 'id-phone' }, NOW)).toBe(false);
  });
});

describe('a change by a command', () => {
  test('makes the database where there is none, and is all or nothing', async () => {
    const paths = tempPaths();
    await changeTokens(paths, (database) => insertToken(database, token('phone'), NOW));
    const failed = changeTokens(paths, (database) => {
      insertToken(database, token('tablet'), NOW);
      throw new Error('a bug');
    });
    await expect(failed).rejects.toThrow('a bug');
    expect(readTokens(paths.database)?.map(({ name }) => name)).toEqual(['phone']);
  });

  test('is on disk when it is done, beside a server or without one', async () => {
    const FULL = 2;
    const durability = (database: Database.Database) =>
      database.pragma('synchronous', { simple: true });
    const paths = tempPaths();
    expect(await changeTokens(paths, durability)).toBe(FULL);
    const writer = await openTestWriter(paths);
    expect(await changeTokens(paths, durability)).toBe(FULL);
    await writer.close();
  });

  test('that SQLite refuses for another reason than waiting is not tried again', async () => {
    let tries = 0;
    const refused = changeTokens(tempPaths(), (database) => {
      tries += 1;
      database.exec('no statement');
    });
    await expect(refused).rejects.toThrow('syntax error');
    expect(tries).toBe(1);
  });

  test('waits while another connection writes', async () => {
    const { paths, database } = openStore();
    database.exec('BEGIN IMMEDIATE');
    const changed = changeTokens(paths, (other) => insertToken(other, token('phone'), NOW));
    database.exec('COMMIT');
    await changed;
    expect(listTokens(database)).toHaveLength(1);
  });
});

describe('a backup that is restored', () => {
  test('has the tokens of today, not those of then', () => {
    const [then, now] = [openStore(), openStore()];
    insertToken(then.database, token('revoked since'), NOW);
    insertToken(now.database, token('phone'), NOW);
    insertPairing(now.database, pairing('code', later(10)), NOW);
    then.database.close();
    keepTokens(now.paths.database, then.paths.database);
    expect(readTokens(then.paths.database)).toEqual([token('phone')]);
    const copy = new Database(then.paths.database, { readonly: true });
    expect(copy.prepare('SELECT digest FROM pairings').pluck().all()).toEqual(['code']);
    copy.close();
  });

  test('has none where those of today cannot be read', () => {
    const then = openStore();
    insertToken(then.database, token('revoked since'), NOW);
    then.database.close();
    keepTokens(tempPaths().database, then.paths.database);
    expect(readTokens(then.paths.database)).toEqual([]);
  });
});
