/** Notifications in the database: channels, needs that were sent, muted sessions and quiet hours. */
import { describe, expect, test } from 'vitest';
import {
  applyNotifyChange,
  type Channel,
  createNotifyRead,
  listChannels,
  type NotifyChange,
  putChannel,
  removeChannel,
} from '../../src/store/notifications.ts';
import { created, openStore } from './support.ts';

const AT = '2026-03-01T12:00:00.000Z';
const DAY_MS = 86_400_000;
const later = (ms: number) => new Date(Date.parse(AT) + ms).toISOString();

const channel = (id: string, more: Partial<Channel> = {}): Channel => ({
  ...{ id, name: `name of ${id}`, token_id: null, created_at: AT },
  config: { kind: 'webhook', url: `https://example.org/${id}`, secret: 'whsec_x' },
  ...more,
});

/** A database, the server's read of it, and its changes. */
function opened() {
  const store = openStore();
  const { database } = store;
  const read = createNotifyRead(database);
  const now = () => read(null).now;
  const change = (what: NotifyChange, at = AT) => applyNotifyChange(database, what, at);
  return { store, database, read, now, change };
}

describe('channels', () => {
  test('are listed as they were added, the oldest first', () => {
    const { database, now } = opened();
    const [a, b, c] = [channel('a', { created_at: later(1) }), channel('b'), channel('c')];
    for (const one of [a, c, b]) putChannel(database, one);
    expect(listChannels(database)).toEqual([b, c, a]);
    expect(now()?.channels).toEqual([b, c, a]);
  });

  test('of an id that is known are changed, but for their name and their age', () => {
    const { database, change } = opened();
    putChannel(database, channel('a'));
    const config = { kind: 'webhook', url: 'https://example.org/new', secret: 's' } as const;
    const again = { config, token_id: 't', name: 'other', created_at: later(1) };
    expect(change({ type: 'channel', channel: channel('a', again) })).toBe(true);
    expect(listChannels(database)).toEqual([channel('a', { config, token_id: 't' })]);
  });

  test('have names of their own', () => {
    const { database } = opened();
    putChannel(database, channel('a', { name: 'desk' }));
    expect(() => putChannel(database, channel('b', { name: 'desk' }))).toThrow(
      expect.objectContaining({
        exitCode: 64,
        message: expect.stringMatching(/a channel "desk" already; choose another name/),
      }),
    );
    database.close();
    expect(() => putChannel(database, channel('c'))).toThrow(/not open/);
  });

  test('are removed by name or id, and whoever removes none is told', () => {
    const { database, change } = opened();
    for (const id of ['a', 'b', 'c']) putChannel(database, channel(id));
    expect(removeChannel(database, 'name of a')).toBe(1);
    expect(change({ type: 'channel-gone', id: 'b' })).toBe(true);
    expect(change({ type: 'channel-gone', id: 'b' })).toBe(false);
    expect(listChannels(database)).toEqual([channel('c')]);
  });
});

describe('a need', () => {
  const sent = (need: string) => ({ type: 'sent', need, sessionId: 's' }) as const;

  test('is sent once and open until it is settled', () => {
    const { now, change } = opened();
    expect([change(sent('n1')), change(sent('n1')), change(sent('n2'))]).toEqual([
      ...[true, false, true],
    ]);
    expect(now()?.open).toEqual([
      { id: 'n1', session_id: 's' },
      { id: 'n2', session_id: 's' },
    ]);
    expect(change({ type: 'settled', need: 'n1' })).toBe(true);
    expect(change({ type: 'settled', need: 'unknown' })).toBe(false);
    expect(now()?.open).toEqual([{ id: 'n2', session_id: 's' }]);
    expect(change(sent('n1'))).toBe(false);
  });

  test('is remembered for thirty days behind its end, and for ever before', () => {
    const { change } = opened();
    change(sent('open'));
    change(sent('settled'));
    change({ type: 'settled', need: 'settled' });
    expect(change(sent('settled'), later(30 * DAY_MS))).toBe(false);
    expect(change(sent('settled'), later(30 * DAY_MS + 1))).toBe(true);
    expect(change(sent('open'), later(300 * DAY_MS))).toBe(false);
  });
});

test('a session is muted until it is not, or is gone', () => {
  const { store, database, now, change } = opened();
  store.commit(created('s'), created('t'));
  const mute = (sessionId: string, isMuted: boolean) =>
    change({ type: 'mute', sessionId, isMuted });
  expect([mute('s', true), mute('s', true), mute('t', true)]).toEqual([true, false, true]);
  expect(now()?.muted).toEqual(['s', 't']);
  expect([mute('s', false), mute('s', false)]).toEqual([true, false]);
  expect(now()?.muted).toEqual(['t']);
  database.exec("UPDATE notify_muted SET session_id = 'gone'");
  mute('s', true);
  expect(now()?.muted).toEqual(['s']);
});

test('quiet hours are those that were set last, or none', () => {
  const { now, change } = opened();
  expect(now()?.quiet).toBeNull();
  expect(change({ type: 'quiet', quiet: null })).toBe(false);
  for (const from of [60, 1320])
    expect(change({ type: 'quiet', quiet: { from, to: 420 } })).toBe(true);
  expect(now()?.quiet).toEqual({ from: 1320, to: 420 });
  expect(change({ type: 'quiet', quiet: null })).toBe(true);
  expect(now()?.quiet).toBeNull();
});

test('the server reads them anew only when another connection has written', () => {
  const { store, read } = opened();
  const first = read(null);
  expect(first.now).toEqual({ channels: [], open: [], muted: [], quiet: null });
  expect(read(first.version)).toEqual({ version: first.version, now: null });
  const other = openStore(store.paths);
  putChannel(other.database, channel('a'));
  const second = read(first.version);
  expect(second.now?.channels).toEqual([channel('a')]);
  expect(second.version).not.toBe(first.version);
});

test('a database that is older than notifications has none', () => {
  const { database } = openStore();
  database.exec('DROP TABLE notify_channels');
  expect(createNotifyRead(database)(null)).toEqual({
    ...{ version: 0, now: { channels: [], open: [], muted: [], quiet: null } },
  });
});
