/** The order of messages that are reported later than what follows them, however many they are, and each once. */
import { describe, expect, test } from 'vitest';
import { type Fact, NO_RESULT } from '../../machines/session-facts.ts';
import type { Message } from '../../src/protocol/nouns.ts';
import { AT_MS, appended, created, event, openStore, type Store } from './support.ts';

test('messages that come one by one at the beginning keep their order, with numbers that can be counted', () => {
  const store = openStore();
  store.one(created('s'));
  for (let n = 0; n < 40; n += 1) {
    // Each a moment earlier: it stands in front of those that were reported before it.
    const timestamp = new Date(Date.parse(AT_MS) - n).toISOString();
    const fact = { ...appended('s', `m${n}`, { timestamp }), after: null };
    store.one(event('s', [fact], { origin: 'transcript' }));
  }
  const shown = store.snapshot('s').messages.map(({ id }) => id);
  expect(shown).toEqual(Array.from({ length: 40 }, (_, n) => `m${39 - n}`));
  const rows = store.database.prepare('SELECT sequence FROM messages').pluck().all() as number[];
  expect(rows.every(Number.isSafeInteger)).toBe(true);
});

const at = (ms: number) => new Date(Date.parse(AT_MS) + ms).toISOString();
/** A message at that moment; `after`: the one before it in its source, null at the start, undefined where none is reported. */
const received = (id: string, ms: number, after?: string | null, more: Partial<Message> = {}) => {
  const fact = appended('s', id, { timestamp: at(ms), ...more });
  return (after === undefined ? fact : { ...fact, after }) as Fact;
};
const begun = (...facts: Fact[]) => {
  const store = openStore();
  store.commit(created('s'), ...facts.map((fact) => event('s', [fact], { origin: 'hook' })));
  return store;
};
const order = (store: Store) => store.snapshot('s').messages.map(({ id }) => id);
const numbers = ({ database }: Store) =>
  database.prepare('SELECT sequence FROM messages ORDER BY sequence').pluck().all() as number[];

describe('a message that is reported late', () => {
  test('by its time alone stands between the two that it was said between', () => {
    const store = begun(received('m1', 0), received('m2', 20), received('late', 10));
    expect(order(store)).toEqual(['m1', 'late', 'm2']);
    expect(new Set(numbers(store)).size).toBe(3);
  });

  test("and is earlier than all stands first, with a number of the others' kind", () => {
    const byTime = begun(received('m1', 10), received('first', 0));
    expect(order(byTime)).toEqual(['first', 'm1']);
    const byPlace = begun(received('m1', 10), received('first', 0, null));
    expect(order(byPlace)).toEqual(['first', 'm1']);
    for (const store of [byTime, byPlace]) expect(numbers(store)[0]).toBeGreaterThanOrEqual(0);
  });

  test('has subscribers receive which message it stands behind', () => {
    const store = begun(received('m1', 0), received('m2', 20));
    const result = store.one(event('s', [received('late', 10, 'm1')], { origin: 'transcript' }));
    expect(result).not.toHaveProperty('known');
    const byTime = store.one(event('s', [received('later', 15)], { origin: 'hook' }));
    expect(byTime).toMatchObject({ known: [{ fact: expect.stringContaining('"after":"late"') }] });
    expect(order(store)).toEqual(['m1', 'late', 'later', 'm2']);
  });

  test('stands at the end when the message before it is not there', () => {
    const store = begun(received('m1', 0), received('m2', 20));
    const result = store.one(event('s', [received('late', 10, 'gone')], { origin: 'transcript' }));
    expect(result).toMatchObject({ outcome: 'committed' });
    expect(order(store)).toEqual(['m1', 'm2', 'late']);
  });

  test('by a source whose order is the order stays at the end, whatever its clock says', () => {
    const store = begun(received('m1', 0), received('m2', 20));
    store.one(event('s', [received('m3', 10)], { origin: 'connector' }));
    expect(order(store)).toEqual(['m1', 'm2', 'm3']);
    expect(numbers(store)).toEqual([0, 1, 2]);
  });
});

test('a message under the id of another session is stored there alone, and shown nowhere else', () => {
  const store = begun(received('m1', 0));
  store.one(created('other'));
  const stolen = appended('other', 'm1', { content: 'not of this session' });
  const result = store.one(event('other', [stolen], { origin: 'transcript' }));
  expect(result).toMatchObject({ outcome: 'committed', known: [{ fact: null }] });
  expect(store.snapshot('other').messages).toEqual([]);
  expect(order(store)).toEqual(['m1']);
});

describe('a message that two sources report', () => {
  const rows = (store: Store) =>
    store.snapshot('s').messages.map(({ content, tool_output, is_in_progress }) => ({
      content,
      tool_output,
      is_in_progress: is_in_progress ?? false,
    }));
  const again = (store: Store, origin: string, more: Partial<Message>) =>
    store.one(event('s', [received('m1', 0, undefined, more)], { origin }));

  test('has the words of the transcript where the hook reported a part of them', () => {
    const store = begun(received('m1', 0, undefined, { content: 'the beginning' }));
    again(store, 'transcript', { content: 'the beginning and the end' });
    expect(rows(store)).toMatchObject([{ content: 'the beginning and the end' }]);
    again(store, 'hook', { content: 'the beginning' });
    expect(rows(store)).toMatchObject([{ content: 'the beginning and the end' }]);
  });

  test('runs on until one of them reports what came out', () => {
    const tool = { message_type: 'tool', is_in_progress: true } as const;
    const store = begun(received('m1', 0, undefined, tool));
    again(store, 'transcript', tool);
    expect(rows(store)).toMatchObject([{ tool_output: null, is_in_progress: true }]);
    again(store, 'transcript', { ...tool, tool_output: 'done' });
    expect(rows(store)).toMatchObject([{ tool_output: 'done', is_in_progress: false }]);
  });

  /** What the second report of m1 changes, as subscribers receive it; null: nothing. */
  const changesOf = (first: Partial<Message>, origin: string, second: Partial<Message>) => {
    const result = again(begun(received('m1', 0, undefined, first)), origin, second);
    const known = result.outcome === 'committed' ? result.known?.[0]?.fact : undefined;
    return known ? (JSON.parse(known) as { changes: object }).changes : known;
  };
  const TOOL = { message_type: 'tool', tool_name: 'Bash', content: 'ls' } as const;
  const printed = (tool_output: string | null, more: Partial<Message> = {}) => ({
    ...{ ...TOOL, tool_output, ...more },
  });

  test.each<[string, Message['message_type'], boolean]>([
    ['transcript', 'user', true],
    ['transcript', 'assistant', true],
    ['transcript', 'thinking', true],
    ['transcript', 'tool', false],
    ['connector', 'user', false],
    ['connector', 'assistant', true],
    ['connector', 'thinking', true],
    ['connector', 'tool', false],
    ['hook', 'assistant', false],
    ['spool', 'assistant', false],
  ])('has the words of a %s for the type %s: %s', (origin, message_type, isBetter) => {
    const said = (content: string) => ({ message_type, content });
    const better = isBetter ? { content: 'whole' } : null;
    expect(changesOf(said('part'), origin, said('whole'))).toEqual(better);
    expect(changesOf(said(''), origin, said('whole'))).toEqual({ content: 'whole' });
    expect(changesOf(said('part'), origin, said(''))).toBeNull();
  });

  test('has what a tool printed from whoever says it first, the whole from the transcript', () => {
    const done = { tool_output: 'done' };
    expect(changesOf(printed(null), 'hook', printed('done'))).toEqual(done);
    expect(changesOf(printed('early'), 'transcript', printed('done'))).toBeNull();
    for (const first of ['do…', '']) {
      expect(changesOf(printed(first), 'transcript', printed('done'))).toEqual(done);
      expect(changesOf(printed(first), 'hook', printed('done'))).toBeNull();
    }
    expect(changesOf(printed(''), 'transcript', printed(''))).toBeNull();
    expect(changesOf(printed(NO_RESULT), 'hook', printed('done'))).toEqual(done);
    expect(changesOf(printed('do…'), 'transcript', printed(null))).toBeNull();
  });

  test('has failed where what it printed comes with that, and not without', () => {
    const failed = { is_error: true };
    expect(changesOf(printed(null), 'hook', printed('no', failed))).toEqual({
      ...{ tool_output: 'no', is_error: true },
    });
    expect(changesOf(printed('no'), 'hook', printed('no', failed))).toBeNull();
    expect(changesOf(printed('no…'), 'transcript', printed('no…', failed))).toEqual(failed);
  });

  test('takes how long it ran and its images from the second when the first had none', () => {
    const ran = (duration_ms: number | null) => printed('done', { duration_ms });
    expect(changesOf(ran(null), 'hook', ran(1500))).toEqual({ duration_ms: 1500 });
    expect(changesOf(ran(1000), 'hook', ran(1500))).toBeNull();
    const IMAGE = { input_type: 'path', value: '/images/1.png' } as const;
    const shows = (...images: (typeof IMAGE)[]) => printed('done', { images });
    expect(changesOf(printed('done'), 'hook', shows(IMAGE))).toEqual({ images: [IMAGE] });
    expect(changesOf(printed('done'), 'hook', shows())).toBeNull();
    expect(changesOf(shows(IMAGE), 'hook', shows(IMAGE, IMAGE))).toBeNull();
  });

  test('is what it was where the second is of a source that reports once', () => {
    const store = begun(received('m1', 0, undefined, printed(null)));
    const result = again(store, 'ws', printed('done'));
    expect(result).not.toHaveProperty('known');
    expect(rows(store)).toMatchObject([{ tool_output: null }]);
  });

  test('is one also where the hook had to make an id for it', () => {
    const words = { content: 'the same' };
    const store = begun(received('s:key:1', 0, undefined, words));
    store.one(event('s', [received('m1', 10, null, words)], { origin: 'transcript' }));
    expect(order(store)).toEqual(['s:key:1']);
  });

  test('is one within five seconds, before and behind, and two beyond them', () => {
    const words = { content: 'the same' };
    const after = (ms: number) => {
      const store = begun(received('s:key:1', 10_000, undefined, words));
      store.one(event('s', [received('m1', 10_000 + ms, null, words)], { origin: 'transcript' }));
      return store.snapshot('s').messages.length;
    };
    expect([-5_001, -5_000, 5_000, 5_001].map(after)).toEqual([2, 1, 1, 2]);
  });

  test('is one also behind many tools of the same moment, and two where they are of other types', () => {
    const words = { content: 'the same' };
    const tools = Array.from({ length: 90 }, (_, n) =>
      received(`t${n}`, n, undefined, { message_type: 'tool' }),
    );
    const store = begun(received('s:key:1', 0, undefined, words), ...tools);
    store.one(event('s', [received('m1', 100, null, words)], { origin: 'transcript' }));
    expect(order(store)).not.toContain('m1');
    const answer = { ...words, message_type: 'user' } as const;
    store.one(event('s', [received('m2', 100, null, answer)], { origin: 'transcript' }));
    expect(order(store)).toContain('m2');
  });
});

describe('the same words under an id that a hook had to make and under their own', () => {
  const MADE = 's:key:1';
  const words = (more: Partial<Message> = {}) => ({ content: 'the same', ...more });
  /** What stands there after the one was stored, and then the other by that source. */
  const ordered = (first: Fact, second: Fact, origin: string) => {
    const store = begun(first);
    store.one(event('s', [second], { origin }));
    return order(store);
  };
  const MADE_FIRST = received(MADE, 0, undefined, words());

  test.each(['hook', 'spool'])('are one, also when a %s comes behind the transcript', (origin) => {
    for (const message_type of ['user', 'assistant'] as const) {
      const own = received('m1', 0, null, words({ message_type }));
      expect(ordered(own, received(MADE, 10, undefined, words({ message_type })), origin)).toEqual([
        'm1',
      ]);
    }
  });

  test('are one within five seconds, whichever was the earlier, and two from then on', () => {
    const own = (ms: number) => received('m1', ms, null, words());
    for (const ms of [5000, -5000])
      expect(ordered(MADE_FIRST, own(ms), 'transcript')).toEqual([MADE]);
    expect(ordered(MADE_FIRST, own(5001), 'transcript')).toEqual([MADE, 'm1']);
    expect(ordered(MADE_FIRST, own(-5001), 'transcript')).toEqual(['m1', MADE]);
  });

  test('are one whatever blanks stand around them', () => {
    const blank = words({ content: ' the same\n' });
    expect(ordered(MADE_FIRST, received('m1', 0, null, blank), 'transcript')).toEqual([MADE]);
    const made = received(MADE, 0, undefined, blank);
    expect(ordered(made, received('m1', 0, null, words()), 'transcript')).toEqual([MADE]);
  });

  test('are two where they are other words, or words of another', () => {
    const other = received('m1', 0, null, { content: 'another' });
    expect(ordered(MADE_FIRST, other, 'transcript')).toEqual([MADE, 'm1']);
    const byUser = received('m1', 0, null, words({ message_type: 'user' }));
    expect(ordered(MADE_FIRST, byUser, 'transcript')).toEqual([MADE, 'm1']);
  });

  test('are two where no hook makes an id: a thought, a tool', () => {
    for (const message_type of ['thinking', 'tool'] as const) {
      const [made, own] = [MADE, 'm1'].map((id, n) =>
        received(id, n, n === 0 ? undefined : null, words({ message_type })),
      ) as [Fact, Fact];
      expect(ordered(made, own, 'transcript')).toEqual([MADE, 'm1']);
    }
  });

  test('are two where both ids are made, or none: they were said twice', () => {
    const madeToo = received('s:key:2', 10, undefined, words());
    expect(ordered(MADE_FIRST, madeToo, 'hook')).toEqual([MADE, 's:key:2']);
    const own = received('m1', 0, undefined, words());
    expect(ordered(own, received('m2', 10, 'm1', words()), 'transcript')).toEqual(['m1', 'm2']);
  });

  test('are two where the second source names its ids, or is not the file of a conversation', () => {
    const own = (place?: null) => received('m1', 10, place, words());
    expect(ordered(MADE_FIRST, own(null), 'hook')).toEqual([MADE, 'm1']);
    expect(ordered(MADE_FIRST, own(), 'transcript')).toEqual([MADE, 'm1']);
    expect(ordered(received('m1', 0, null, words()), MADE_FIRST, 'connector')).toContain(MADE);
  });
});
