/** What a person types into the search: words and filters. */
import { describe, expect, test } from 'vitest';
import { parseQuery } from '../../src/runtime/handlers/search.ts';

/** One hour and a half past midnight in Berlin; in UTC it is still the day before. */
const BERLIN = { nowMs: Date.parse('2026-03-09T23:30:00.000Z'), offsetMinutes: 120 };

const wordsOf = (query: string) => parseQuery(query, BERLIN).words;
const filterOf = (query: string) => {
  const given = Object.entries(parseQuery(query, BERLIN).filter);
  return Object.fromEntries(given.filter(([, value]) => value !== null));
};

describe('words', () => {
  test('stand for themselves, and a text in quotes stands as it is', () => {
    expect(wordsOf('users "add a table"')).toEqual([
      { text: 'users', isExact: false },
      { text: 'add a table', isExact: true },
    ]);
  });

  test('what only looks like a filter is a word', () => {
    expect(wordsOf('http://localhost:80/x')).toEqual([
      { text: 'http://localhost:80/x', isExact: false },
    ]);
  });

  test('what every object has is no filter', () => {
    expect(filterOf('constructor:shop')).toEqual({});
    expect(wordsOf('constructor:shop')).toEqual([{ text: 'constructor:shop', isExact: false }]);
  });

  test('signs alone are none', () => {
    expect(wordsOf('a - ( "..."')).toEqual([{ text: 'a', isExact: false }]);
  });

  test.each(['', '   ', '-- ()', Array(17).fill('w').join(' ')])('%j is refused', (query) => {
    expect(() => parseQuery(query, BERLIN)).toThrow(/Search takes/);
  });
});

describe('filters', () => {
  test('name project, file, agent and state', () => {
    expect(filterOf('project:"my api" FILE:src/a.ts agent:codex is:Ended')).toEqual({
      ...{ project: 'my api', file: 'src/a.ts', agent: 'codex', is: 'ended' },
    });
  });

  test.each([
    ['when:today', { since: '2026-03-09T22:00:00.000Z' }],
    ['when:yesterday', { since: '2026-03-08T22:00:00.000Z', until: '2026-03-09T22:00:00.000Z' }],
    ['when:3h', { since: '2026-03-09T20:30:00.000Z' }],
    ['when:2w', { since: '2026-02-23T23:30:00.000Z' }],
    ['when:2026-03-01', { since: '2026-02-28T22:00:00.000Z', until: '2026-03-01T22:00:00.000Z' }],
    [
      'when:2026-03-01..2026-03-05',
      { since: '2026-02-28T22:00:00.000Z', until: '2026-03-05T22:00:00.000Z' },
    ],
  ])("%s is a period of the asker's own days", (query, period) => {
    expect(filterOf(query)).toEqual(period);
  });

  test.each(['when:tomorrow', 'when:2026-13-01', 'is:happy'])('%s is refused', (query) => {
    expect(() => parseQuery(query, BERLIN)).toThrow(/Search takes/);
  });
});
