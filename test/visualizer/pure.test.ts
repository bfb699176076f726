/** The page's pure parts: history without holes, differences, values, and characters made visible. */
import { describe, expect, it } from 'vitest';
import type { ChildStatus, InspectRecord, InspectRow } from '../../src/protocol/inspect.ts';
import { visible, visibleText } from '../../src/visible-text.ts';
import { childrenAt } from '../../visualizer/src/child-actors.ts';
import { linesOf } from '../../visualizer/src/json-difference.ts';
import { inOrder, ORDERS, type Order } from '../../visualizer/src/list-order.ts';
import {
  EMPTY_HISTORY,
  extended,
  historyFrom,
  MAX_RECORDS,
  prepended,
  recordAt,
} from '../../visualizer/src/loaded-records.ts';
import { headlineOf } from '../../visualizer/src/session-labels.ts';
import { activeStates, leavesOf, phaseOf } from '../../visualizer/src/state-value.ts';
import { clockWords, gapWords } from '../../visualizer/src/ui/format.ts';

function records(from: number, to: number): InspectRecord[] {
  return Array.from({ length: to - from + 1 }, (_, index) => ({
    v: 1,
    session: 's',
    seq: from + index,
    at: '',
    origin: 'hook',
    event: { type: 'hook.observed' },
    value: { phase: 'idle', link: 'passive' },
    accepted: true,
    changed: false,
    edges: [],
    facts: [],
    children: [],
    revision: 0,
  }));
}

describe('history', () => {
  const start = historyFrom({ records: records(11, 20), first: 1, last: 20, cut: false });

  it('grows at both ends and finds its records by number', () => {
    const grown = prepended(extended(start, records(21, 25)), {
      records: records(1, 10),
      first: 1,
      last: 20,
    });
    expect(grown.records.map(({ seq }) => seq)).toEqual(
      Array.from({ length: 25 }, (_, index) => index + 1),
    );
    expect(recordAt(grown, 17)?.seq).toBe(17);
    expect(recordAt(grown, 26)).toBeUndefined();
    expect(grown.last).toBe(25);
  });

  it('takes nothing twice', () => {
    expect(extended(start, records(15, 20))).toBe(start);
    expect(extended(start, records(15, 22)).records).toHaveLength(12);
  });

  it('drops what lies before a hole, because a step over it would lie', () => {
    expect(extended(start, records(30, 31)).records.map(({ seq }) => seq)).toEqual([30, 31]);
  });

  it('is bounded', () => {
    expect(extended(EMPTY_HISTORY, records(1, MAX_RECORDS + 50)).records).toHaveLength(MAX_RECORDS);
  });
});

describe('children', () => {
  const child = { id: 'connector', src: 'connector', kind: 'plain' } as const;
  const history = (...statuses: (ChildStatus | null)[]) =>
    records(11, 10 + statuses.length).map((record, index) => {
      const status = statuses[index];
      return { ...record, children: status ? [{ ...child, status }] : [] };
    });

  it('appear with their first record, and stay known after they ended', () => {
    const known = history(null, 'running', 'running', 'stopped', null);
    expect(childrenAt(known, null)).toEqual([
      { ...child, status: 'stopped', started: 12, ended: 14 },
    ]);
    expect(childrenAt(known, 13)).toMatchObject([{ status: 'running', started: 12, ended: null }]);
    expect(childrenAt(known, 11)).toEqual([]);
  });

  it('have no known beginning before the oldest record', () => {
    expect(childrenAt(history('running', 'running'), null)).toMatchObject([{ started: null }]);
    expect(childrenAt(history('error'), null)).toMatchObject([{ started: null, ended: 11 }]);
  });

  it('begin anew with a later one of the same name', () => {
    expect(childrenAt(history('running', 'stopped', null, 'running'), null)).toMatchObject([
      { status: 'running', started: 14, ended: null },
    ]);
  });
});

describe('history', () => {
  const value = { phase: { awaitingApproval: 'question' }, link: 'attached' } as const;

  it('names every active state of journals of earlier versions', () => {
    expect(leavesOf(value)).toEqual(['phase.awaitingApproval.question', 'link.attached']);
    expect([...activeStates(value, 'session')]).toEqual([
      'session',
      'session.phase',
      'session.phase.awaitingApproval',
      'session.phase.awaitingApproval.question',
      'session.link',
      'session.link.attached',
    ]);
  });

  it('puts attention above everything', () => {
    expect(phaseOf(['phase.awaitingApproval.question', 'link.failed'])).toBe('attention');
    expect(phaseOf(['phase.active.requests.permission', 'link.failed'])).toBe('attention');
    expect(phaseOf(['phase.active.turn.open', 'link.failed'])).toBe('failed');
    expect(phaseOf(['phase.ended', 'link.passive'])).toBe('ended');
  });
});

it('marks what an event changed in a context', () => {
  const lines = linesOf(
    { a: 1, b: { c: [1, 2], e: 1 }, n: 0 },
    { a: 1, b: { c: [1], d: true, e: 2 } },
  );
  expect(lines.map(({ path, change, before }) => [path, change, before])).toEqual([
    ['a', 'same', undefined],
    ['b', 'inside', undefined],
    ['b.c', 'inside', undefined],
    ['b.c.0', 'same', undefined],
    ['b.c.1', 'added', undefined],
    ['b.e', 'changed', 2],
    ['b.d', 'removed', undefined],
    ['n', 'added', undefined],
  ]);
});

describe('visible text', () => {
  it.each([
    ['\u001b]52;c;ZXZpbA==\u0007', '\u241b]52;c;ZXZpbA==\u2407'],
    ['rm \u202Efr- /', 'rm <U+202E>fr- /'],
    ['a\u200bb\ufeffc', 'a<U+200B>b<U+FEFF>c'],
    ['\u001b[2J', '\u241b[2J'],
    ['del\u007f', 'del\u2421'],
    ['tag\u{e0041}', 'tag<U+E0041>'],
    ['cr\rlf\n\ttab', 'cr\u240dlf\n\ttab'],
  ])('%j is shown as %j', (text, shown) => {
    expect(visibleText(text)).toBe(shown);
  });

  it('marks only what stands for a hidden character', () => {
    expect(visible('a\u0000b')).toEqual([
      { text: 'a', hidden: false },
      { text: '\u2400', hidden: true },
      { text: 'b', hidden: false },
    ]);
  });
});

describe('the order of the list', () => {
  /** A row that counts how often it is asked for a name. */
  function counted(count: { asked: number }, index: number): InspectRow {
    const row = {
      id: `od-${index}`,
      project: `project ${(index * 7919) % 1000}`,
      name: 'folder',
      started_at: '2030-01-01T00:00:00.000Z',
      at: `2030-01-01T00:00:00.${String((index * 31) % 1000).padStart(3, '0')}Z`,
      work_status: index % 2 === 0 ? 'working' : 'reply',
      link: null,
      waiting: null,
      eventsPerSecond: index % 3,
      get title() {
        count.asked += 1;
        return null;
      },
    };
    return row as unknown as InspectRow;
  }

  it.each(Object.keys(ORDERS) as Order[])(
    'asks each of a thousand sessions for its name once, %s',
    (order) => {
      const count = { asked: 0 };
      const rows = Array.from({ length: 1000 }, (_, index) => counted(count, index));
      expect(new Set(inOrder(rows, order)).size).toBe(1000);
      expect(count.asked).toBe(1000);
    },
  );

  it('has pinned ones on top, and sessions of one name by their start, whatever the hour is called', () => {
    const at = (id: string, started_at: string, title: string | null): InspectRow =>
      ({
        ...({ project: 'shop', name: 'shop', at: null, waiting: null, link: null } as const),
        ...{ id, started_at, title, work_status: 'reply', eventsPerSecond: 0 },
      }) as unknown as InspectRow;
    const rows = [
      at('c', '2030-01-01T14:00:00.000Z', null),
      at('a', '2030-01-01T09:00:00.000Z', null),
      at('z', '2030-01-01T08:00:00.000Z', 'zebra'),
      at('b', '2030-01-02T01:00:00.000Z', null),
    ];
    expect(inOrder(rows, 'name').map(({ id }) => id)).toEqual(['a', 'c', 'b', 'z']);
    expect(inOrder(rows, 'name', new Set(['z'])).map(({ id }) => id)).toEqual(['z', 'a', 'c', 'b']);
  });
});

describe('what a row says of its session', () => {
  const row = (over: Partial<InspectRow>): InspectRow => over as unknown as InspectRow;
  const asked = (over: object) =>
    row({
      waiting: { type: 'exec', tool: 'Bash', questions: 0, text: 'ls --all', since: null, ...over },
    } as unknown as Partial<InspectRow>);

  it('an idle session without a prompt says so, and one with a reply says its last one', () => {
    const idle = {
      work_status: 'waiting',
      waiting: null,
      link: 'passive',
      lastEvent: null,
    } as const;
    expect(headlineOf(row({ ...idle, title: null, last_message: null })).verb).toBe(
      'Idle. No prompt seen yet.',
    );
    expect(headlineOf(row({ ...idle, title: 'Tidy', last_message: null })).verb).toBe('Idle.');
    expect(headlineOf(row({ ...idle, title: 'Tidy', last_message: 'Done.' })).verb).toBe(
      'Idle. Last:',
    );
  });

  it('a command is shown as code, and a question as prose', () => {
    expect(headlineOf(asked({})).isCode).toBe(true);
    expect(headlineOf(asked({ type: 'question', tool: 'AskUserQuestion' })).isCode).toBe(false);
  });
});

describe('times', () => {
  it('what carries no time has none, and no distance to its neighbours', () => {
    const [none, some] = ['1970-01-01T00:00:00.000000Z', '2026-03-01T12:00:00.250000Z'];
    expect(clockWords(none)).toBe('no time');
    expect([gapWords(none, some), gapWords(some, none)]).toEqual(['', '']);
    expect(gapWords('2026-03-01T12:00:00.000000Z', some)).toBe(' +250 ms');
  });
});
