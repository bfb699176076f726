/** Child actors of a session: who is there after each event, who never was, and how a life is told. */
import { describe, expect, it } from 'vitest';
import {
  type AnyActorRef,
  createActor,
  fromCallback,
  fromPromise,
  setup,
  transition,
} from 'xstate';
import { MACHINE_VERSION, type SessionEvent } from '../../machines/index.ts';
import { createRoll } from '../../src/runtime/inspection/fold/children.ts';
import { createDummy, createFold, persisted } from '../../src/runtime/inspection/fold/fold.ts';
import { createSegments } from '../../src/runtime/inspection/fold/segments.ts';
import { createHistory } from '../../src/runtime/inspection/history.ts';
import { createLives } from '../../src/runtime/inspection/lives.ts';
import type { Read, ReadResults } from '../../src/store/items.ts';
import type { JournalBase, JournalRow } from '../../src/store/queries/journal.ts';
import { at, steeredSnapshot } from './steered.ts';

const CONNECTOR = { id: 'connector', src: 'connector', kind: 'plain' } as const;
const RUNNING = [{ ...CONNECTOR, status: 'running' }];
const STOPPED = [{ ...CONNECTOR, status: 'stopped' }];

const LIFE: readonly SessionEvent[] = [
  { type: 'name.chosen', at: at(1), name: 'before' },
  { type: 'link.requested', at: at(2) },
  { type: 'link.attached', at: at(3), capabilities: [], threadId: 't1' },
  { type: 'name.chosen', at: at(4), name: 'during' },
  { type: 'link.lost', at: at(5), reason: 'the engine went away' },
  { type: 'name.chosen', at: at(6), name: 'after' },
];

describe('the children of a folded session', () => {
  it('are those that run after an event, and with it those that it ended', () => {
    const fold = createFold(steeredSnapshot());
    const seen = rowsOf(LIFE).map((row) => fold.apply(row).children);
    expect(seen).toEqual([[], RUNNING, RUNNING, RUNNING, STOPPED, []]);
  });

  it('are known after a snapshot in the middle of their life', () => {
    const rows = rowsOf(LIFE);
    const fold = createFold(baseAfter(rows.slice(0, 3)));
    expect(rows.slice(3).map((row) => fold.apply(row).children)).toEqual([RUNNING, STOPPED, []]);
  });

  it('are unknown where nothing folds', () => {
    const [row] = rowsOf(LIFE);
    expect(createFold(null).apply(row as JournalRow).children).toBeNull();
  });
});

describe('the roll', () => {
  const parent = setup({
    actors: {
      call: fromCallback(() => {}),
      // It ends when the test says so: never by itself.
      wait: fromPromise(() => new Promise(() => {})),
    },
  }).createMachine({
    id: 'parent',
    initial: 'empty',
    states: {
      empty: { on: { go: 'full' } },
      full: {
        invoke: [
          { id: 'caller', src: 'call' },
          { id: 'waiter', src: 'wait' },
        ],
        on: { back: 'empty', again: { target: 'full', reenter: true } },
      },
    },
  });

  it('has nobody who did not start', () => {
    const roll = createRoll();
    const [unstarted] = transition(parent, createActor(parent).getSnapshot(), { type: 'go' });
    const children = unstarted.children as Record<string, AnyActorRef>;
    expect(Object.keys(children)).toEqual(['caller', 'waiter']);
    expect(roll.call(children, 'go')).toEqual([]);
  });

  it('tells an actor that took the place of another of its name apart from it', () => {
    const roll = createRoll();
    const actor = createActor(parent, { inspect: roll.note }).start();
    const call = (type: 'go' | 'again' | 'back') => {
      actor.send({ type });
      const children = roll.call(actor.getSnapshot().children, type);
      return children.map(({ id, status }) => `${id} ${status}`);
    };
    expect(call('go')).toEqual(['caller running', 'waiter running']);
    expect(roll.call(actor.getSnapshot().children, 'nothing')).toBe(roll.running);
    expect(call('again')).toEqual([
      'caller stopped',
      'waiter stopped',
      'caller running',
      'waiter running',
    ]);
    expect(call('back')).toEqual(['caller stopped', 'waiter stopped']);
    expect(roll.running).toEqual([]);
  });

  it('says who came to an end by itself, and how', async () => {
    const ending = setup({
      actors: { good: fromPromise(async () => 1), bad: fromPromise(() => Promise.reject(1)) },
    }).createMachine({
      initial: 'both',
      states: {
        both: {
          type: 'parallel',
          states: {
            one: { invoke: { id: 'good', src: 'good' }, initial: 'a', states: { a: {} } },
            two: {
              invoke: { id: 'bad', src: 'bad', onError: '#end' },
              initial: 'a',
              states: { a: {} },
            },
          },
        },
        end: { id: 'end', type: 'final' },
      },
    });
    const roll = createRoll();
    const actor = createActor(ending, { inspect: roll.note }).start();
    roll.call(actor.getSnapshot().children, null);
    const ends: string[] = [];
    const done = new Promise<void>((resolve) => actor.subscribe({ complete: resolve }));
    actor.subscribe(({ children }) => {
      const told = roll.call(children, null).filter(({ status }) => status !== 'running');
      ends.push(...told.map(({ id, status }) => `${id} ${status}`));
    });
    await done;
    expect(ends.sort()).toEqual(['bad error', 'good done']);
  });
});

describe('the life of a child', () => {
  it('has a beginning, an end and a reason, seen from any later moment', async () => {
    const { life } = livesOver(rowsOf(LIFE), [0]);
    const whole = {
      ...CONNECTOR,
      status: 'stopped',
      started: { seq: 2, event: 'link.requested' },
      ended: { seq: 5, event: 'link.lost' },
      reason: 'the engine went away',
    };
    expect(await life(null)).toMatchObject({ ...whole, forMs: 3_000 });
    expect(await life(5)).toMatchObject(whole);
    expect(await life(3)).toMatchObject({
      status: 'running',
      started: { seq: 2 },
      ended: null,
      reason: null,
      forMs: 1_000,
    });
  });

  it('is found behind snapshots of the journal', async () => {
    const { life } = livesOver(rowsOf(LIFE), [0, 2, 3, 5]);
    expect(await life(null)).toMatchObject({ started: { seq: 2 }, ended: { seq: 5 } });
  });

  it('is the newest one where there were several', async () => {
    const events = [...LIFE, ...LIFE.slice(1, 3).map((one) => ({ ...one, at: at(9) }))];
    const { life } = livesOver(rowsOf(events), [0, 5]);
    expect(await life(null)).toMatchObject({ status: 'running', started: { seq: 7 }, ended: null });
    expect(await life(6)).toMatchObject({ status: 'stopped', started: { seq: 2 } });
  });

  it('may begin with the first event of all', async () => {
    const { life } = livesOver(rowsOf(LIFE.slice(1)), [0]);
    expect(await life(null)).toMatchObject({ started: { seq: 1 }, ended: { seq: 4 } });
    expect(await life(1)).toMatchObject({ status: 'running', started: { seq: 1 } });
  });

  it('has no known beginning where retention has cut', async () => {
    const { life } = livesOver(rowsOf(LIFE), [3], 4);
    expect(await life(null)).toMatchObject({ started: null, ended: { seq: 5 }, forMs: null });
  });

  it('is none before it started, or of a stranger', async () => {
    const { life } = livesOver(rowsOf(LIFE), [0]);
    await expect(life(1)).rejects.toMatchObject({ code: 'not_found' });
    await expect(life(null, 'stranger')).rejects.toMatchObject({ code: 'not_found' });
  });
});

/** The events as the journal of a steered session has them. */
function rowsOf(events: readonly SessionEvent[]): JournalRow[] {
  const dummy = createDummy(JSON.parse(steeredSnapshot().snapshot));
  return events.map((event, index) => {
    const { accepted, snapshot } = dummy.tell(event);
    return {
      seq: index + 1,
      at: event.at,
      origin: 'connector',
      event: JSON.stringify(event),
      value: JSON.stringify(snapshot.value),
      accepted,
      revision: index + 1,
    };
  });
}

function baseAfter(rows: readonly JournalRow[]): JournalBase {
  const dummy = createDummy(JSON.parse(steeredSnapshot().snapshot));
  for (const { event } of rows) dummy.tell(JSON.parse(event));
  const snapshot = JSON.stringify(persisted(dummy.snapshot));
  return { seq: rows.length, machineVersion: MACHINE_VERSION, snapshot };
}

/** Lives over a journal with snapshots after these events, that still holds events from `first` on. */
function livesOver(rows: readonly JournalRow[], bases: readonly number[], first = 1) {
  const read = async <R extends Read>(asked: R): Promise<ReadResults[R['kind']]> => {
    if (asked.kind !== 'stretch') throw new Error('Only stretches are read here');
    const last = rows.length;
    const wanted = asked.seq ?? last;
    const from = Math.max(...bases.filter((one) => one < wanted));
    const next = Math.min(...bases.filter((one) => one > from), last);
    const part = rows.filter(({ seq }) => seq > Math.max(from, asked.after) && seq <= next);
    const base = asked.after > from ? null : baseAfter(rows.slice(0, from));
    return { base, rows: part, first, last } as never;
  };
  const segments = createSegments({ read });
  const history = createHistory(segments);
  const lives = createLives({ history, segments, now: () => '2026-03-01T13:00:00.000Z' });
  return { life: (seq: number | null, child = 'connector') => lives.life('s', child, seq) };
}
