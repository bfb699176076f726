/** The whole history in pages: nothing that is stored is out of reach, whatever a frame can hold. */
import { describe, expect, test } from 'vitest';
import { MAX_FRAME_BYTES } from '../../src/protocol/encode.ts';
import type { Message, SessionSummary } from '../../src/protocol/nouns.ts';
import { pageOf as pageInMemory } from '../../src/store/queries/pages.ts';
import { createAnswer } from '../../src/store/queries/run-read.ts';
import type { Read, ReadResults } from '../../src/store/writer-messages.ts';
import { AT_MS, appended, created, event, openStore, type Store } from './support.ts';

function asking(store: Store) {
  const answer = createAnswer({ database: store.database, epoch: store.epoch.id });
  return <R extends Read>(read: R) => answer(read) as ReadResults[R['kind']];
}

function conversation(count: number, rest: (at: number) => Partial<Message> = () => ({})): Store {
  const store = openStore();
  store.one(created('s'));
  for (let from = 0; from < count; from += 500) {
    const facts = Array.from({ length: Math.min(500, count - from) }, (_, at) =>
      appended('s', `m${from + at}`, rest(from + at)),
    );
    store.one(event('s', facts));
  }
  return store;
}

type Page = Exclude<ReadResults['messages'], { missing: string }>;

function pageOf(
  store: Store,
  read: Omit<Extract<Read, { kind: 'messages' }>, 'kind' | 'sessionId'>,
) {
  const page = asking(store)({ kind: 'messages', sessionId: 's', ...read });
  if ('missing' in page) throw new Error(`${page.missing} is missing`);
  return page as Page;
}

const idsOf = ({ messages }: Page) => messages.map(({ id }) => id);
const range = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => `m${from + at}`);

describe('messages', () => {
  test('all of 10,000 are reached backwards from a snapshot, in order and each once', () => {
    const store = conversation(10_000);
    const snapshot = store.snapshot('s');
    expect(snapshot.has_older).toBe(true);
    let ids = snapshot.messages.map(({ id }) => id);
    for (let hasOlder = true; hasOlder; ) {
      const page = pageOf(store, { place: { at: 'before', messageId: ids[0] ?? '' }, limit: 1000 });
      expect(page.message_count).toBe(10_000);
      expect(page.has_newer).toBe(true);
      ids = [...idsOf(page), ...ids];
      hasOlder = page.has_older;
    }
    expect(ids).toEqual(range(0, 10_000));
  });

  test('the newest, those after one, and those around one', () => {
    const store = conversation(50);
    const newest = pageOf(store, { place: { at: 'newest' }, limit: 5 });
    expect(idsOf(newest)).toEqual(range(45, 50));
    expect(newest).toMatchObject({ has_older: true, has_newer: false });
    const after = pageOf(store, { place: { at: 'after', messageId: 'm45' }, limit: 3 });
    expect(idsOf(after)).toEqual(range(46, 49));
    expect(after).toMatchObject({ has_older: true, has_newer: true });
    const around = pageOf(store, { place: { at: 'around', messageId: 'm20' }, limit: 6 });
    expect(idsOf(around)).toEqual(range(17, 23));
    expect(around).toMatchObject({ has_older: true, has_newer: true });
    const first = pageOf(store, { place: { at: 'around', messageId: 'm0' }, limit: 100 });
    expect(idsOf(first)).toEqual(range(0, 50));
    expect(first).toMatchObject({ has_older: false, has_newer: false });
  });

  test('a page of large messages fits a frame and goes on where it ends, in both directions', () => {
    const bad = '\u0001漢'.repeat(40_000);
    const store = conversation(60, () => ({ content: bad, tool_input: bad, tool_output: bad }));
    const ids: string[] = [];
    for (let place: Parameters<typeof pageOf>[1]['place'] = { at: 'newest' }; ; ) {
      const page = pageOf(store, { place, limit: 1000 });
      expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(MAX_FRAME_BYTES);
      expect(page.messages.length).toBeGreaterThan(0);
      ids.unshift(...idsOf(page));
      if (!page.has_older) break;
      place = { at: 'before', messageId: ids[0] ?? '' };
    }
    expect(ids).toEqual(range(0, 60));
  });

  test('an unknown session, an unknown message and a message of another session are distinguished', () => {
    const store = conversation(1);
    store.one(created('other'));
    const ask = asking(store);
    const place = { at: 'before', messageId: 'm0' } as const;
    const read = { kind: 'messages', limit: 10 } as const;
    expect(ask({ ...read, sessionId: 'nobody', place })).toEqual({ missing: 'Session' });
    expect(ask({ ...read, sessionId: 'other', place })).toEqual({ missing: 'Message' });
    const text = { kind: 'text', of: { messageId: 'm0', field: 'content' }, offset: 0 } as const;
    expect(ask({ ...text, sessionId: 'nobody' })).toEqual({ missing: 'Session' });
    expect(ask({ ...text, sessionId: 'other' })).toEqual({ missing: 'Message' });
    const newest = ask({ ...read, sessionId: 'other', place: { at: 'newest' } });
    expect(newest).toEqual({ messages: [], has_older: false, has_newer: false, message_count: 0 });
  });
});

describe('long texts', () => {
  test('a snapshot marks what it cuts, and the parts of the text make it whole', () => {
    const text = `${'\u0001😀é'.repeat(100_000)}end`;
    const store = conversation(1, () => ({ tool_output: text }));
    const [shown] = store.snapshot('s').messages;
    expect(shown?.truncated).toEqual({ tool_output: text.length });
    const ask = asking(store);
    let whole = '';
    while (whole.length < text.length) {
      const of = { messageId: 'm0', field: 'tool_output' } as const;
      const part = ask({ kind: 'text', sessionId: 's', of, offset: whole.length });
      if ('missing' in part) throw new Error(part.missing);
      expect(part.length).toBe(text.length);
      expect(part.text).not.toBe('');
      expect(Buffer.byteLength(JSON.stringify(part))).toBeLessThan(MAX_FRAME_BYTES);
      whole += part.text;
    }
    expect(whole).toBe(text);
  });

  test.each([
    ['one long text', { file_path: '/a/b.ts', content: 'x"\\\n'.repeat(40_000) }],
    ['a long text that is stored cut', { content: '漢'.repeat(800_000), file_path: '/a/b.ts' }],
    [
      'many edits',
      { file_path: '/a/b.ts', edits: Array(5_000).fill({ old: 'a'.repeat(50), new: 'b' }) },
    ],
    ['many keys', Object.fromEntries(Array.from({ length: 9_000 }, (_, at) => [`key${at}`, at]))],
    ['deep', JSON.parse(`${'['.repeat(900)}"${'x'.repeat(20_000)}"${']'.repeat(900)}`)],
    ['a list of texts', Array(200).fill('y'.repeat(5_000))],
  ])('a tool input that is cut is still JSON: %s', (_, input) => {
    const tool_input = JSON.stringify(input);
    const store = conversation(1, () => ({ message_type: 'tool', tool_input }));
    const [shown] = store.snapshot('s').messages;
    const text = shown?.tool_input ?? '';
    expect(text.length).toBeLessThanOrEqual(16_000);
    const parsed = JSON.parse(text) as { file_path?: string };
    if ('file_path' in input) expect(parsed.file_path).toBe('/a/b.ts');
    expect(shown?.truncated?.tool_input).toBeGreaterThan(16_000);
    const stored = store.database
      .prepare('SELECT tool_input FROM messages')
      .pluck()
      .get() as string;
    expect(() => JSON.parse(stored) as unknown).not.toThrow();
  });
});

test('the diffs of all turns are reached, and one that is cut is read whole', () => {
  const store = openStore();
  store.one(created('s'));
  const diffs = Array.from({ length: 14 }, (_, at) => `+${at}\n`.repeat(60_000));
  for (const [at, diff] of diffs.entries()) {
    const turn_id = `turn-${at + 1}`;
    store.one(event('s', [{ type: 'turn_diff_snapshot', session_id: 's', turn_id, diff }]));
  }
  const ask = asking(store);
  const turns: string[] = [];
  for (let before: string | null = null; ; before = turns[0] ?? null) {
    const page: ReadResults['turn-diffs'] = ask({
      kind: 'turn-diffs',
      sessionId: 's',
      before,
      limit: 100,
    });
    if ('missing' in page) throw new Error(page.missing);
    expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(MAX_FRAME_BYTES);
    turns.unshift(...page.turn_diffs.map(({ turn_id }) => turn_id));
    for (const turn of page.turn_diffs) expect(turn.truncated?.diff).toBeGreaterThan(120_000);
    if (!page.has_older) break;
  }
  expect(turns).toEqual(diffs.map((_, at) => `turn-${at + 1}`));
  const of = { turnId: 'turn-3' };
  const first = ask({ kind: 'text', sessionId: 's', of, offset: 0 });
  const second = ask({ kind: 'text', sessionId: 's', of, offset: 128 * 1024 });
  expect((first as { text: string }).text + (second as { text: string }).text).toBe(diffs[2]);
});

describe('the list of sessions', () => {
  function many(count: number): Store {
    const store = openStore();
    for (let at = 0; at < count; at += 1) {
      const time = at % 50 === 0 ? null : new Date(Date.parse(AT_MS) + (at % 400) * 1000);
      const rest: Partial<SessionSummary> = {
        status: at % 10 === 0 ? 'active' : 'ended',
        last_activity_at: time?.toISOString() ?? null,
        first_prompt: 'x'.repeat(400),
      };
      store.one(created(`s${at}`, rest));
    }
    return store;
  }

  test('says how many there are, that it is cut, and where it goes on', () => {
    const store = many(2_000);
    const frame = JSON.parse(store.list().text);
    expect(frame).toMatchObject({ type: 'sessions_list', total: 2_000, truncated: true });
    const ids: string[] = frame.sessions.map(({ id }: SessionSummary) => id);
    const ask = asking(store);
    for (let after: string | null = frame.next; after !== null; ) {
      const page: ReadResults['sessions'] = ask({
        kind: 'sessions',
        after,
        status: null,
        limit: 300,
      });
      if (page === null) throw new Error('The cursor was refused');
      expect(page.total).toBe(2_000);
      expect(page.sessions.length).toBeLessThanOrEqual(300);
      ids.push(...page.sessions.map(({ id }) => id));
      after = page.next;
    }
    expect(ids).toHaveLength(2_000);
    expect(new Set(ids).size).toBe(2_000);
  });

  test('a list that is whole says so, and pages of one status hold only that', () => {
    const store = many(30);
    const frame = JSON.parse(store.list().text);
    expect(frame).toMatchObject({ total: 30 });
    expect(frame).not.toHaveProperty('truncated');
    expect(frame).not.toHaveProperty('next');
    const page = asking(store)({ kind: 'sessions', after: null, status: 'active', limit: 2 });
    expect(page).toMatchObject({ total: 3 });
    expect(page?.sessions.map(({ status }) => status)).toEqual(['active', 'active']);
    const rest = asking(store)({
      ...{ kind: 'sessions', status: 'active', limit: 2 },
      after: page?.next ?? '',
    } as const);
    expect(rest).toMatchObject({ next: null, sessions: [{ status: 'active' }] });
    const wrong = { kind: 'sessions', after: 'nonsense', status: null, limit: 2 } as const;
    expect(asking(store)(wrong)).toBeNull();
  });
});

describe('messages that are not in the database', () => {
  test('have the same pages as those that are', () => {
    const store = conversation(9);
    const all = store.snapshot('s').messages;
    const places = (['before', 'after', 'around'] as const).flatMap((at) =>
      all.map(({ id: messageId }) => ({ at, messageId })),
    );
    for (const limit of [1, 2, 4, 20]) {
      for (const place of [{ at: 'newest' } as const, ...places]) {
        expect(pageInMemory(all, { place, limit }), JSON.stringify({ place, limit })).toEqual(
          pageOf(store, { place, limit }),
        );
      }
    }
    const nowhere = { at: 'around', messageId: 'unknown' } as const;
    expect(pageInMemory(all, { place: nowhere, limit: 5 })).toBe(null);
  });
});
