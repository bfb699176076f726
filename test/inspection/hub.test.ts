/** The hub: called after the commit only, never in anybody's way, and free of cost while nobody looks. */
import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../machines/index.ts';
import { DEFAULT_RETENTION } from '../../src/config.ts';
import { type CommitListener, createHub } from '../../src/inspection/hub.ts';
import { createSegments } from '../../src/inspection/segments.ts';
import { SILENT_LOGGER } from '../../src/log.ts';
import { createLedger, type Ledger } from '../../src/runtime/ledger/ledger.ts';
import { createRegistry } from '../../src/runtime/sessions/registry.ts';
import type { EventItem, ItemResult } from '../../src/store/writer-messages.ts';
import { scriptOf } from '../support/hooks.ts';
import { openInspection } from './setup.ts';

describe('the hub', () => {
  it('never lets a fault of an outlet reach the session or another outlet', async () => {
    const { runtime, take } = await openInspection();
    const seen: string[] = [];
    runtime.inspection.attach({
      committed: () => {
        throw new Error('an outlet broke');
      },
    });
    runtime.inspection.attach({ committed: (_, { event }) => seen.push(event) });
    await take(scriptOf('s1').prompt('go'), scriptOf('s1').stop());
    expect(seen).toHaveLength(2);
    expect(runtime.inspection.stats({ pages: 0, stately: 0 }).errors).toBe(2);
  });

  it('sends nothing of an event that could not be stored', () => {
    const { send, results, seen } = ledgerWithHub();
    send({ type: 'turn.started', at: stamp(2), promptId: null, prompt: null });
    expect(seen).toEqual([]);
    results.shift()?.({ outcome: 'committed', seq: 1, revision: 1 });
    expect(seen).toEqual(['turn.started']);
    send({ type: 'turn.completed', at: stamp(3), backgroundAgents: null });
    results.shift()?.({ outcome: 'quarantined', error: 'trial' });
    expect(seen).toEqual(['turn.started']);
  });

  it('does not even look at what was committed while nobody looks at it', () => {
    const read = () => Promise.reject(new Error('nobody reads here'));
    const hub = createHub({ segments: createSegments({ read }), log: SILENT_LOGGER });
    const { untouched, touches } = untouchable();
    for (let seq = 1; seq <= 3; seq++)
      hub.onCommitted(untouched, untouched, { seq, revision: seq });
    expect(touches).toEqual([]);
    expect(hub.counts).toEqual({ outlets: 0, followed: 0, records: 0, rows: 0, errors: 0 });
    const detach = hub.attach({});
    hub.onCommitted(untouched, untouched, { seq: 4, revision: 4 });
    expect(touches).not.toEqual([]);
    const before = touches.length;
    detach();
    hub.onCommitted(untouched, untouched, { seq: 5, revision: 5 });
    expect(touches).toHaveLength(before);
  });

  it('makes the row of a session that moves again and again once, when it is sent', async () => {
    const { runtime, take } = await openInspection();
    const all: Parameters<CommitListener>[] = [];
    runtime.inspection.attach({ committed: (...one) => all.push(one) });
    await take(scriptOf('s1').prompt('go'));
    const [live, item, committed] = all[0] ?? expect.fail('nothing was committed');
    let made = 0;
    const counted = new Proxy(item, {
      get(target, name) {
        if (name === 'value') made += 1;
        return Reflect.get(target, name, target);
      },
    });
    let send = () => {};
    const hub = createHub({
      segments: createSegments({ read: () => Promise.reject(new Error('nobody reads here')) }),
      log: SILENT_LOGGER,
      after: (_, callback) => {
        send = callback;
      },
    });
    const sent: number[][] = [];
    hub.attach({ rows: (rows) => sent.push(rows.map(({ seq }) => seq)) });
    for (const seq of [1, 2, 3]) hub.onCommitted(live, counted, { ...committed, seq });
    const before = made;
    send();
    expect(sent).toEqual([[3]]);
    expect(made - before).toBe(1);
  });
});

/** Stands for any object and notes what is read of it. */
function untouchable(): { untouched: never; touches: PropertyKey[] } {
  const touches: PropertyKey[] = [];
  const untouched = new Proxy(
    {},
    {
      get(_, key) {
        touches.push(key);
        throw new Error('there is nothing here');
      },
    },
  );
  return { untouched: untouched as never, touches };
}

function stamp(us: number): string {
  return `2026-03-01T12:00:00.${String(us).padStart(6, '0')}Z`;
}

/** A ledger whose writer answers when the test says so. */
function ledgerWithHub() {
  const seen: string[] = [];
  const results: Array<(result: ItemResult) => void> = [];
  const hub = createHub({
    segments: createSegments({ read: () => Promise.reject(new Error('no reads')) }),
    log: SILENT_LOGGER,
  });
  hub.attach({ committed: (_, { event }) => seen.push(JSON.parse(event).type) });
  const { send } = openLedger(hub.onCommitted, (_, done) => results.push(done));
  return { send, results, seen };
}

function openLedger(
  onCommitted: CommitListener | null,
  submit: (item: EventItem, done: (result: ItemResult) => void) => void,
) {
  const nothing = () => {};
  const ledger: Ledger = createLedger({
    writer: { submit: (item, done) => submit(item as EventItem, done) },
    rooms: { publish: nothing },
    replayBuffer: { push: nothing, since: () => null, drop: nothing },
    listFeed: { take: nothing, hold: () => nothing },
    release: nothing,
    refresh: nothing,
    settled: nothing,
    ...(onCommitted && { onCommitted }),
    log: SILENT_LOGGER,
    moved: (live) => registry.moved(live),
    discard: (live) => registry.discard(live),
  });
  const registry = createRegistry({
    writer: {
      opened: {
        epoch: 'e',
        interrupted: [],
        working: [],
        sessions: 0,
        wasDirty: false,
        foreign: [],
        damage: null,
        retention: DEFAULT_RETENTION,
        processes: [],
        bearers: [],
        tails: [],
        unread: [],
        commands: [],
      },
      read: () => Promise.reject(new Error('no reads')),
    },
    log: SILENT_LOGGER,
  });
  const live = registry.create({
    session: {
      id: 's1',
      provider: 'claude',
      project_path: '/p',
      project_name: 'p',
      model: null,
      token_usage: { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 },
      started_at: null,
      last_activity_at: null,
    },
    isNew: true,
    turnCount: 0,
  });
  const send = (event: SessionEvent) =>
    ledger.send(registry.peek('s1') ?? live, { event, origin: 'hook', key: null, settle: nothing });
  return { send, stop: () => registry.stop() };
}
