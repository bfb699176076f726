/** Who did what, out of the journal and the tokens. */
import { expect, test } from 'vitest';
import { type AuditFilter, readAudit } from '../../src/store/queries/journal.ts';
import { insertToken, revokeToken, rotateToken, type TokenRow } from '../../src/store/tokens.ts';
import { created, event, openStore } from './support.ts';

const at = (minute: number) => `2026-03-01T12:${String(minute).padStart(2, '0')}:00.000000Z`;
const CALLER = { name: 'phone', origin: 'ws' };
const ALL: AuditFilter = { session: null, since: null, until: null, limit: 100 };

function done(sessionId: string, minute: number, more: object = {}, accepted = true) {
  const text = JSON.stringify({ type: 'name.updated', name: 'a secret', ...more });
  return event(sessionId, [], {
    ...{ at: at(minute), event: text, accepted, caller: JSON.stringify(CALLER) },
  });
}

function token(name: string, rest: Partial<TokenRow> = {}): TokenRow {
  return {
    ...{ id: name, name, digest: name, scopes: ['observe', 'control'], made_by: 'command' },
    ...{ created_at: at(0), expires_at: null, last_used_at: null },
    ...{ revoked_at: null, replaced_at: null, ...rest },
  };
}

/** Two sessions in which a person did something, and something of a hook. */
function store() {
  const opened = openStore();
  opened.commit(created('a'), created('b'), done('a', 1), done('b', 3), done('a', 5));
  const times = (filter: Partial<AuditFilter> = {}) =>
    readAudit(opened.database, { ...ALL, ...filter }).map((row) => Number(row.at.slice(14, 16)));
  return { ...opened, times };
}

test('the newest is first, of all sessions or of one, and as many as are wanted', () => {
  const { times } = store();
  expect(times()).toEqual([5, 3, 1]);
  expect(times({ session: 'a' })).toEqual([5, 1]);
  expect(times({ limit: 2 })).toEqual([5, 3]);
});

test('a time frame holds its beginning and not its end', () => {
  const { times } = store();
  expect(times({ since: at(3) })).toEqual([5, 3]);
  expect(times({ until: at(3) })).toEqual([1]);
});

test('a row says who did what and about what, and no words of a person', () => {
  const opened = store();
  const more = { type: 'approval.decided', requestId: 'r', decision: 'denied', turns: 2 };
  opened.one(done('a', 7, more, false));
  expect(readAudit(opened.database, { ...ALL, limit: 1 })).toEqual([
    {
      ...{ at: at(7), session: 'a', what: 'approval.decided', accepted: false, caller: CALLER },
      about: { requestId: 'r', decision: 'denied', turns: 2 },
    },
  ]);
});

test('what became of tokens stands between what was done, unless one session is asked for', () => {
  const { database, times } = store();
  insertToken(database, token('phone', { created_at: at(2), made_by: 'pair' }), at(2));
  insertToken(database, token('tablet', { created_at: at(4) }), at(4));
  rotateToken(database, 'tablet', { id: 'new', digest: 'new' }, { at: at(6), until: at(9) });
  revokeToken(database, 'phone', at(8));
  const rows = readAudit(database, ALL).filter(({ session }) => session === null);
  expect(rows.map((row) => `${row.at.slice(14, 16)} ${row.what} ${row.about.id}`)).toEqual([
    '08 token.revoked phone',
    expect.stringMatching(/^06 token\.(created new|rotated tablet)$/),
    expect.stringMatching(/^06 token\.(created new|rotated tablet)$/),
    '04 token.created tablet',
    '02 token.paired phone',
  ]);
  expect(rows[0]).toMatchObject({
    ...{ accepted: true, caller: null },
    about: { token: 'phone', scopes: 'observe control' },
  });
  expect(times()).toEqual([8, 6, 6, 5, 4, 3, 2, 1]);
  expect(times({ since: at(4), until: at(8) })).toEqual([6, 6, 5, 4]);
  expect(times({ session: 'b' })).toEqual([3]);
});

test('a token that ended by the calendar was revoked by nobody', () => {
  const { database } = store();
  insertToken(database, token('phone', { expires_at: at(2) }), at(0));
  insertToken(database, token('tablet', { created_at: at(4) }), at(4));
  const what = readAudit(database, ALL).map((row) => row.what);
  expect(what.filter((word) => word.startsWith('token.'))).toEqual([
    'token.created',
    'token.created',
  ]);
});
