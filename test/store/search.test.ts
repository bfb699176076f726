/** Search: what is stored is found by its words, behind each commit, also when it changes or goes. */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { DEFAULT_RETENTION } from '../../src/config.ts';
import type { Message } from '../../src/protocol/nouns.ts';
import { createAnswer } from '../../src/store/queries/run-read.ts';
import { createSearchRead } from '../../src/store/queries/search.ts';
import { createRetention } from '../../src/store/retention.ts';
import { createSearchIndex } from '../../src/store/search-index.ts';
import type { Read, ReadResults } from '../../src/store/writer-messages.ts';
import { AT_MS, appended, created, event, openStore, type Store } from './support.ts';

type Search = Extract<Read, { kind: 'search' }>;

const ANYTHING: Search['filter'] = {
  ...{
    sessionId: null,
    project: null,
    agent: null,
    is: null,
    file: null,
    since: null,
    until: null,
  },
};

function searching(store: Store) {
  const searchIndex = createSearchIndex(store.database);
  const answer = createAnswer({ database: store.database, epoch: store.epoch.id, searchIndex });
  return (text: string, rest: Partial<Search> & { where?: Partial<Search['filter']> } = {}) => {
    const words =
      text === '' ? [] : text.split(' ').map((word) => ({ text: word, isExact: false }));
    const { where, ...other } = rest;
    const read: Search = {
      ...{ kind: 'search', words, before: null, limit: 50, ...other },
      filter: { ...ANYTHING, ...where },
    };
    const hits: ReadResults['search']['hits'] = [];
    for (let rounds = 0; rounds < 10_000; rounds++) {
      const found = answer({ ...read, limit: read.limit - hits.length }) as ReadResults['search'];
      hits.push(...found.hits);
      if (!found.isCut || hits.length >= read.limit) return { ...found, hits };
      read.before = found.next;
    }
    throw new Error('The search never ended');
  };
}

const idsOf = ({ hits }: ReadResults['search']) => hits.map(({ message_id }) => message_id);

function talk(messages: Record<string, Partial<Message>>): Store {
  const store = openStore();
  store.one(created('s'));
  for (const [id, rest] of Object.entries(messages))
    store.one(event('s', [appended('s', id, rest)]));
  return store;
}

/** Rows that change when the index takes in what waits. */
function changesOf({ database }: Store): number {
  const changes = database.prepare<[], number>('SELECT total_changes()').pluck();
  const before = changes.get() ?? 0;
  createSearchIndex(database).slice();
  return (changes.get() ?? 0) - before;
}

describe('messages', () => {
  test('are found by all of their words, the newest first', () => {
    const search = searching(
      talk({
        m1: { content: 'Add a migration for the users table' },
        m2: { content: 'The migration of users is done' },
        m3: { content: 'Users like it' },
      }),
    );
    expect(idsOf(search('migration users'))).toEqual(['m2', 'm1']);
    expect(idsOf(search('nothing'))).toEqual([]);
  });

  test('a word may go on, unless it is short or in quotes', () => {
    const search = searching(talk({ m1: { content: 'A migration to id' } }));
    expect(idsOf(search('migr'))).toEqual(['m1']);
    expect(idsOf(search('', { words: [{ text: 'migr', isExact: true }] }))).toEqual([]);
    expect(idsOf(search('', { words: [{ text: 'migration to', isExact: true }] }))).toEqual(['m1']);
    expect(idsOf(search('i'))).toEqual([]);
    expect(idsOf(search('mig'))).toEqual(['m1']);
    expect(idsOf(search('mi'))).toEqual([]);
  });

  test('are found without regard to case and accents, and signs are no words', () => {
    const search = searching(talk({ m1: { content: 'Le CAFÉ: "fermé" (demain)' } }));
    expect(idsOf(search('cafe'))).toEqual(['m1']);
    // Where the word stands as it is written nowhere, the beginning is shown.
    expect(search('cafe').hits).toMatchObject([{ line: 'Le CAFÉ: "fermé" (demain)', marks: [] }]);
    expect(idsOf(search('café ( )'))).toEqual(['m1']);
    expect(idsOf(search('" AND * NEAR( -'))).toEqual([]);
  });

  test('a hit shows the line and where the words stand in it', () => {
    const search = searching(
      talk({ m1: { content: `${'x '.repeat(400)}\nrun the migration\nend` } }),
    );
    const [hit] = search('migr').hits;
    expect(hit).toMatchObject({ session_id: 's', field: 'content', line: 'run the migration' });
    const [[begin, end] = [0, 0]] = hit?.marks ?? [];
    expect(hit?.line.slice(begin, end)).toBe('migration');
  });

  test('a hit shows 240 letters of a long line, from 60 before the first of the words on', () => {
    const line = `${'b'.repeat(70)} wanted ${'c'.repeat(300)}`;
    const search = searching(talk({ m1: { content: `before\n${line}\nbehind` } }));
    const [hit] = search('wanted').hits;
    expect(hit).toMatchObject({ line: line.slice(11, 251), marks: [[60, 66]] });
  });

  test('a hit marks each of the words, in the order in which they stand', () => {
    const search = searching(talk({ m1: { content: 'one two one' }, m2: { content: 'other' } }));
    const [hit] = search('two one').hits;
    expect(hit).toMatchObject({
      line: 'one two one',
      marks: [
        [0, 3],
        [4, 7],
        [8, 11],
      ],
    });
  });

  test('are as many as are asked for, and the next page goes on behind them', () => {
    const search = searching(talk({ m1: { content: 'a' }, m2: { content: 'a' } }));
    const first = search('a', { limit: 1 });
    expect([idsOf(first), first.isCut]).toEqual([['m2'], false]);
    const second = search('a', { limit: 1, before: first.next });
    expect([idsOf(second), second.next]).toEqual([['m1'], null]);
  });

  test('are looked at fifty at a time on a machine that is too slow for more', () => {
    const store = openStore();
    store.one(created('s'));
    const facts = Array.from({ length: 60 }, (_, n) => appended('s', `m${n}`, { content: 'a' }));
    store.one(event('s', facts));
    const index = createSearchIndex(store.database);
    while (index.slice());
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => {
      now += 100;
      return now;
    });
    onTestFinished(() => void vi.restoreAllMocks());
    const read = createSearchRead(store.database, null);
    const page = (before: number | null) =>
      read({
        ...{ kind: 'search', words: [{ text: 'a', isExact: false }], before, limit: 100 },
        filter: ANYTHING,
      });
    const first = page(null);
    expect([first.hits.length, first.isCut]).toEqual([50, true]);
    const second = page(first.next);
    expect([second.hits.length, second.isCut, second.next]).toEqual([10, false, null]);
  });

  test('name the tool that they are of, and none where they are of none', () => {
    const search = searching(
      talk({
        m1: { content: 'build' },
        t1: { message_type: 'tool', tool_name: 'Bash', content: 'build' },
      }),
    );
    const [tool, words] = search('build').hits;
    expect(tool).toMatchObject({ message_type: 'tool', tool_name: 'Bash', timestamp: AT_MS });
    expect(words).toMatchObject({ message_type: 'assistant', field: 'content' });
    expect(words).not.toHaveProperty('tool_name');
  });

  test('are found by what a tool was given and what it printed', () => {
    const search = searching(
      talk({
        t1: { message_type: 'tool', tool_name: 'Bash', tool_input: '{"command":"npm run build"}' },
        t2: { message_type: 'tool', tool_name: 'Bash', tool_output: 'Build failed: no space left' },
      }),
    );
    expect(search('npm build').hits[0]).toMatchObject({
      ...{ message_id: 't1', tool_name: 'Bash', field: 'tool_input', line: 'npm run build' },
    });
    expect(idsOf(search('command'))).toEqual([]);
    expect(search('no space').hits[0]).toMatchObject({ message_id: 't2', field: 'tool_output' });
  });

  test('a file is one that a tool was given, by its name or the end of its path', () => {
    const search = searching(
      talk({
        m1: { content: 'Look at repository.ts' },
        t1: {
          message_type: 'tool',
          tool_name: 'Edit',
          tool_input: '{"file_path":"/src/repository.ts"}',
        },
        t2: {
          message_type: 'tool',
          tool_name: 'Edit',
          tool_input: '{"file_path":"/src/repository.css"}',
        },
      }),
    );
    expect(idsOf(search('', { where: { file: 'repository.ts' } }))).toEqual(['t1']);
    expect(idsOf(search('', { where: { file: 'src/repository.ts' } }))).toEqual(['t1']);
    const [hit] = search('', { where: { file: 'repository.ts' } }).hits;
    expect(hit).toMatchObject({
      field: 'tool_input',
      line: '/src/repository.ts',
      marks: [[5, 18]],
    });
  });

  test('a file is not looked for by signs alone', () => {
    const search = searching(talk({ m1: { content: 'deploy' } }));
    expect(idsOf(search('deploy', { where: { file: '--' } }))).toEqual(['m1']);
    expect(idsOf(search('', { where: { file: '--' } }))).toEqual([]);
  });

  test('what changed is found by its new words alone, and what is gone not at all', () => {
    const store = talk({ m1: { content: 'the first draft' }, m2: { content: 'another draft' } });
    const search = searching(store);
    expect(idsOf(search('draft'))).toEqual(['m2', 'm1']);
    store.database.prepare("UPDATE messages SET content = 'final words' WHERE id = 'm1'").run();
    store.database.prepare("DELETE FROM messages WHERE id = 'm2'").run();
    expect(idsOf(search('draft'))).toEqual([]);
    expect(idsOf(search('final'))).toEqual(['m1']);
  });

  test('that change while they wait are taken into the index once, as they are by then', () => {
    const messages = { m1: { content: 'the first draft' }, m2: { content: 'another draft' } };
    const store = talk(messages);
    store.database.prepare("UPDATE messages SET content = 'second words' WHERE id = 'm1'").run();
    store.database.prepare("UPDATE messages SET content = 'final words' WHERE id = 'm1'").run();
    const unchanged = changesOf(talk(messages));
    // More than for messages that did not change are only the two places in the queue.
    expect(changesOf(store) - unchanged).toBe(2);
    expect(idsOf(searching(store)('final'))).toEqual(['m1']);
    expect(idsOf(searching(store)('second'))).toEqual([]);
  });

  test('leave no words behind in the index when they are deleted, rewritten or too old', () => {
    const store = talk({
      m1: { content: 'secret draft' },
      m2: { content: 'hidden draft' },
      m3: { content: 'kept draft', timestamp: AT_MS },
    });
    // The index alone: what is found is asked of the messages too, which would hide words left behind.
    const rows = () => {
      const index = createSearchIndex(store.database);
      while (index.slice());
      const all = 'SELECT count(*) FROM search_words_docsize';
      return store.database.prepare<[], number>(all).pluck().get();
    };
    const rowsOf = (word: string) =>
      store.database
        .prepare<[string], number>('SELECT count(*) FROM search_words WHERE search_words MATCH ?')
        .pluck()
        .get(word);
    expect([rows(), rowsOf('draft'), rowsOf('secret')]).toEqual([3, 3, 1]);
    store.database.prepare("DELETE FROM messages WHERE id = 'm1'").run();
    store.database.prepare("UPDATE messages SET content = 'final' WHERE id = 'm2'").run();
    expect([rows(), rowsOf('secret'), rowsOf('hidden'), rowsOf('final')]).toEqual([2, 0, 0, 1]);
    const retention = createRetention({
      ...{ database: store.database, images: store.paths.images },
      limits: DEFAULT_RETENTION,
      now: () => Date.parse(AT_MS) + 10_000 * 86_400_000,
      removed: (id) => store.forget(id),
    });
    store.database.prepare("UPDATE sessions SET status = 'ended'").run();
    while (retention.slice());
    expect([rows(), rowsOf('draft'), rowsOf('final')]).toEqual([0, 0, 0]);
  });

  test('5,000 that were there before the index are all found, page by page, each once', () => {
    const store = openStore();
    store.one(created('s'));
    for (let from = 0; from < 5_000; from += 500) {
      const facts = Array.from({ length: 500 }, (_, at) =>
        appended('s', `m${from + at}`, { content: `line ${from + at}` }),
      );
      store.one(event('s', facts));
    }
    const search = searching(store);
    const ids: (string | null)[] = [];
    for (let before: number | null = null; ; ) {
      const page: ReadResults['search'] = search('line', { before, limit: 700 });
      ids.push(...idsOf(page));
      before = page.next;
      if (before === null) break;
    }
    expect(ids).toEqual(Array.from({ length: 5_000 }, (_, at) => `m${4_999 - at}`));
  });
});

describe('filters', () => {
  const store = () => {
    const both = openStore();
    both.one(created('a', { project_name: 'api', project_path: '/work/api', model: 'opus' }));
    both.one(created('b', { project_name: 'web', provider: 'codex', status: 'ended' }));
    both.one(event('a', [appended('a', 'ma', { content: 'deploy' })]));
    both.one(
      event('b', [
        appended('b', 'mb', { content: 'deploy', timestamp: '2026-02-01T00:00:00.000Z' }),
      ]),
    );
    return both;
  };

  test.each<[Partial<Search['filter']>, string[]]>([
    [{ project: 'AP' }, ['ma']],
    [{ project: '%' }, []],
    [{ agent: 'codex' }, ['mb']],
    [{ agent: 'opus' }, ['ma']],
    [{ is: 'ended' }, ['mb']],
    [{ sessionId: 'a' }, ['ma']],
    [{ since: '2026-02-15T00:00:00.000Z' }, ['ma']],
    [{ since: AT_MS }, ['ma']],
    [{ until: '2026-02-01T00:00:00.000Z' }, []],
    [{ until: '2026-02-01T00:00:00.001Z' }, ['mb']],
    [{ project: 'work/ap' }, ['ma']],
    [{ project: '_' }, []],
    [{ project: '\\' }, []],
    [{ is: 'waiting' }, ['mb', 'ma']],
    [{ until: '2026-02-15T00:00:00.000Z' }, ['mb']],
    [{}, ['mb', 'ma']],
  ])('%j leaves %j', (where, ids) => {
    expect(idsOf(searching(store())('deploy', { where }))).toEqual(ids);
  });

  test('sessions are found by their names, before their messages', () => {
    const named = openStore();
    named.one(created('a', { custom_name: 'Deploy to production', git_branch: 'main' }));
    named.one(event('a', [appended('a', 'm', { content: 'we deploy' })]));
    const { hits } = searching(named)('deploy');
    expect(hits.map(({ field, message_id }) => [field, message_id])).toEqual([
      ['title', null],
      ['content', 'm'],
    ]);
    expect(hits[0]).toMatchObject({ title: 'Deploy to production', timestamp: AT_MS });
  });

  test('sessions are found by what they are called, where they run and which branch they are on', () => {
    const named = openStore();
    named.one(
      created('a', {
        ...{ custom_name: 'Greet people', project_path: '/work/shop', git_branch: 'topic' },
        ...{ project_name: 'shop', last_activity_at: AT_MS },
      }),
    );
    const search = searching(named);
    const [byTitle] = search('people').hits;
    expect(byTitle).toMatchObject({ line: 'Greet people', marks: [[6, 12]], project_name: 'shop' });
    expect(search('topic').hits).toMatchObject([{ line: 'topic', field: 'title' }]);
    expect(search('people topic').hits).toMatchObject([{ line: 'Greet people' }]);
    expect(search('people elsewhere').hits).toEqual([]);
    expect(search('people', { where: { file: 'people' } }).hits).toEqual([]);
    expect(search('people', { before: 5 }).hits).toEqual([]);
    const within = (where: Partial<Search['filter']>) => search('people', { where }).hits.length;
    expect([within({ since: AT_MS }), within({ until: AT_MS })]).toEqual([1, 0]);
    const after = '2026-03-01T12:00:00.124Z';
    expect([within({ since: after }), within({ until: after })]).toEqual([0, 1]);
  });

  test('of sessions found by their names the twenty newest come', () => {
    const named = openStore();
    const at = (n: number) => new Date(Date.parse(AT_MS) + n).toISOString();
    for (let n = 0; n < 21; n += 1)
      named.one(created(`s${n}`, { custom_name: 'deploy', last_activity_at: at(n) }));
    const ids = searching(named)('deploy').hits.map(({ session_id }) => session_id);
    expect(ids).toEqual(Array.from({ length: 20 }, (_, n) => `s${20 - n}`));
  });

  test('a name is shown up to 240 letters', () => {
    const named = openStore();
    named.one(created('a', { custom_name: `deploy ${'x'.repeat(300)}` }));
    const [hit] = searching(named)('deploy').hits;
    expect(hit?.title).toBe(`deploy ${'x'.repeat(233)}`);
  });

  test('a text in quotes of hundreds of words takes no longer than a short one', () => {
    const store = openStore();
    store.one(created('a', { custom_name: `${'a '.repeat(400)}end` }));
    const search = searching(store);
    const quoted = (text: string) => ({ words: [{ text, isExact: true }] });
    const startedAt = performance.now();
    expect(search('', quoted(`${'a '.repeat(400)}end`)).hits).toHaveLength(1);
    expect(search('', quoted('a '.repeat(499))).hits).toEqual([]);
    expect(performance.now() - startedAt).toBeLessThan(200);
  });

  test('a text in quotes is found over signs, and not within other words', () => {
    const named = openStore();
    named.one(created('a', { custom_name: 'Redeploy to: production' }));
    const search = searching(named);
    const marks = (text: string) =>
      search('', { words: [{ text, isExact: true }] }).hits.map((hit) => hit.marks);
    expect(marks('TO (production)')).toEqual([[[9, 23]]]);
    expect(marks('deploy to')).toEqual([]);
    expect(marks('to prod')).toEqual([]);
  });

  test('filters without words find sessions', () => {
    const { hits } = searching(store())('', { where: { agent: 'codex' } });
    expect(hits.map(({ session_id, field }) => [session_id, field])).toEqual([['b', 'title']]);
  });
});
