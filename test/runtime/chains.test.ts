/** The way of events to a disk of the test's own: what is taken together, and what becomes of each. */
import { expect, it } from 'vitest';
import type { SessionEvent } from '../../machines/session-events.ts';
import { FACTS } from '../../machines/session-facts.ts';
import { OrbitError } from '../../src/errors.ts';
import { SILENT_LOGGER } from '../../src/log.ts';
import { createLedger } from '../../src/runtime/ledger/ledger.ts';
import { createReplayBuffer } from '../../src/runtime/ledger/replay-buffer.ts';
import type { LiveSession, PendingEvent } from '../../src/runtime/sessions/live-session.ts';
import type { EventItem, ItemResult } from '../../src/store/writer-messages.ts';
import { asked, prompted, report, toolBegan } from '../machines/events.ts';
import { at, ID } from '../machines/session-after.ts';
import { liveSession } from './live.ts';

interface OnItsWay {
  item: EventItem;
  done: (result: ItemResult) => void;
}

/** A ledger whose writer keeps what it is given until the test says what became of it. */
function ledgerOver({ isClosed = false } = {}) {
  const onItsWay: OnItsWay[] = [];
  const said: string[] = [];
  const listed: string[] = [];
  let revision = 0;
  const replayBuffer = createReplayBuffer();
  const ledger = createLedger({
    writer: {
      submit(item, done) {
        if (isClosed) throw new OrbitError('shutting_down');
        onItsWay.push({ item: item as EventItem, done });
      },
    },
    rooms: { publish: (room, { message }) => said.push(`${room} ${message.type}`) },
    replayBuffer,
    listFeed: { take: ({ type }) => void listed.push(type), hold: () => () => {} },
    onCommitted: (_, item) => said.push(`noted ${JSON.parse(item.event).type}`),
    log: SILENT_LOGGER,
    refresh: (id) => said.push(`refresh ${id}`),
    settled: (id) => said.push(`settled ${id}`),
    release: (_, commands) => said.push(`release ${commands.map(({ type }) => type)}`),
    moved: (live) => said.push(`moved ${live.id}`),
    discard: (live) => said.push(`discard ${live.id}`),
  });
  /** The oldest one is on disk, under the numbers that it takes. */
  const commit = () => {
    const { item, done } = onItsWay.shift() as OnItsWay;
    const facts = JSON.parse(item.facts) as { type: keyof typeof FACTS }[];
    revision += facts.filter(({ type }) => FACTS[type].takesRevision).length;
    done({ outcome: 'committed', seq: 0, revision });
  };
  const results: string[] = [];
  const send = (live: LiveSession, event: SessionEvent, more: Partial<PendingEvent> = {}) => {
    const settle = (error: Error | null) =>
      void results.push(error === null ? 'stored' : ((error as OrbitError).code ?? error.message));
    ledger.send(live, { event, origin: 'hook', key: null, settle, ...more });
  };
  return { onItsWay, said, listed, replayBuffer, results, commit, send };
}

const named = (n: number): SessionEvent => ({ type: 'name.updated', at: at(n), name: `name ${n}` });
const storedLive = (...events: SessionEvent[]): LiveSession => ({
  ...liveSession({}, events),
  // Not null: something of it was committed.
  actor: {} as never,
});

it('what came while an event was on its way goes together behind it, 64 at a time', () => {
  const { onItsWay, commit, send, results } = ledgerOver();
  const live = storedLive();
  for (let n = 0; n <= 70; n += 1) send(live, named(n));
  const chains = () => onItsWay.map(({ item }) => item.chain);
  expect(chains()).toEqual([1]);
  commit();
  expect(chains()).toEqual(Array(64).fill(2));
  for (let n = 0; n < 63; n += 1) commit();
  expect(chains()).toEqual([2]);
  commit();
  expect(chains()).toEqual(Array(6).fill(3));
  while (onItsWay.length > 0) commit();
  expect(results).toEqual(Array(71).fill('stored'));
  expect([live.inFlight, live.waiting]).toEqual([0, []]);
  expect(live.head.snapshot.context.session.custom_name).toBe('name 70');
});

it('what was skipped is taken again, before what came meanwhile, on what is on disk', () => {
  const { onItsWay, commit, send, results } = ledgerOver();
  const live = storedLive();
  send(live, named(0));
  for (const n of [1, 2, 3]) send(live, named(n));
  commit();
  send(live, named(4));
  for (const outcome of ['duplicate', 'skipped', 'skipped'] as const)
    onItsWay.shift()?.done({ outcome } as ItemResult);
  expect(results).toEqual(['stored', 'stored']);
  const names = onItsWay.map(({ item }) => JSON.parse(item.event).name);
  expect(names).toEqual(['name 2', 'name 3', 'name 4']);
  expect(live.head.snapshot.context.session.custom_name).toBe('name 0');
});

it('after its commit an event is shown, noted and acted upon, in this order', () => {
  const { said, listed, replayBuffer, commit, send } = ledgerOver();
  const live = storedLive(prompted(1), toolBegan(2, 't1'));
  send(live, asked(3, 'r1', 't1'));
  expect(said).toEqual([]);
  commit();
  expect(said[0]).toBe(`moved ${ID}`);
  expect(said).toContain(`session:${ID} approval_requested`);
  expect(said).toContain(`deltas:${ID} approval_requested`);
  expect(said.at(-1)).toBe('noted approval.requested');
  expect(listed).toContain('approval_requested');
  expect(replayBuffer.since(ID, 0)?.length).toBeGreaterThan(0);
  expect(said).not.toContain(`settled ${ID}`);
  said.length = 0;
  send(live, report(4, 'turn.aborted', { reason: 'interrupted' }));
  commit();
  expect(said.slice(-2)).toEqual([`settled ${ID}`, 'noted turn.aborted']);
  expect(said).not.toContain(`refresh ${ID}`);
});

it('commands are given away when their event was noted', () => {
  const { said, commit, send } = ledgerOver();
  const direct = {
    ...liveSession({ integration_mode: 'direct', thread_id: 't', provider: 'codex' }, [
      report(1, 'link.requested', {}),
      report(2, 'link.attached', { capabilities: ['turn.stop'], threadId: 't' }),
      prompted(3),
    ]),
    actor: {} as never,
  };
  send(direct, report(4, 'interrupt.requested', {}));
  commit();
  expect(said.slice(-2)).toEqual(['noted interrupt.requested', 'release turn.stop']);
});

it('what was taken back is read from the rows by all, from then on', () => {
  const { said, replayBuffer, commit, send } = ledgerOver();
  const live = storedLive(prompted(1));
  send(live, named(2));
  commit();
  expect(replayBuffer.since(ID, 0)).not.toBeNull();
  const base = { witness: 'transcript' as const, messages: [], behind: null };
  const dropped = { messages: ['user-1'], prompts: 1 };
  send(live, report(3, 'transcript.read', { ...base, dropped }));
  commit();
  expect(said).toContain(`refresh ${ID}`);
  expect(replayBuffer.since(ID, 0)).toBeNull();
});

it('a session of which nothing was ever stored is forgotten, one that is on disk is not', () => {
  const { onItsWay, said, send, results } = ledgerOver();
  const refuse = () => onItsWay.shift()?.done({ outcome: 'quarantined', error: 'odd' });
  const fresh = liveSession();
  send(fresh, named(1));
  refuse();
  expect([said, results]).toEqual([[`discard ${ID}`], ['quarantined']]);
  send(storedLive(), named(1));
  refuse();
  expect(said).toHaveLength(1);
});

it('a refusal by its sender is all that becomes of an event', () => {
  const { onItsWay, said, send, results } = ledgerOver();
  const live = storedLive();
  send(live, named(1), { refusal: () => new OrbitError('server_busy') });
  expect([results, onItsWay, said, live.inFlight]).toEqual([['server_busy'], [], [], 0]);
  send(live, named(2), { refusal: () => null });
  expect(onItsWay).toHaveLength(1);
});

it('what comes after the writer was closed is refused, and the session goes on', () => {
  const { results, send } = ledgerOver({ isClosed: true });
  const live = storedLive();
  for (const n of [1, 2]) send(live, named(n));
  expect(results).toEqual(['shutting_down', 'shutting_down']);
  expect([live.inFlight, live.waiting]).toEqual([0, []]);
});

it('an event that must wait holds up what comes behind it, and not what came before', async () => {
  const { onItsWay, commit, send } = ledgerOver();
  const live = storedLive();
  let stored = () => {};
  const after = new Promise<void>((resolve) => {
    stored = resolve;
  });
  send(live, named(0));
  send(live, named(1));
  send(live, named(2), { after });
  send(live, named(3));
  commit();
  expect(onItsWay.map(({ item }) => JSON.parse(item.event).name)).toEqual(['name 1']);
  commit();
  expect(onItsWay).toEqual([]);
  stored();
  await after;
  await Promise.resolve();
  expect(onItsWay.map(({ item }) => JSON.parse(item.event).name)).toEqual(['name 2', 'name 3']);
});

it('who sent an event is kept as text, and nobody as nothing', () => {
  const { onItsWay, send } = ledgerOver();
  const live = storedLive();
  send(live, named(1), { caller: { kind: 'local' } as never });
  expect(onItsWay[0]?.item.caller).toBe('{"kind":"local"}');
  send({ ...storedLive(), id: 'other' }, named(1), { caller: null });
  expect(onItsWay[1]?.item).toMatchObject({ caller: null, sessionId: 'other', origin: 'hook' });
});
