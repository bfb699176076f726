/**
 * The session chart alone: what an event costs before anything is stored or sent. Beside it the smallest
 * machine XState can run, so that the figure says how much of it is ours.
 */
import { type ActorRefFrom, assign, createActor, setup } from 'xstate';
import { type SessionEvent, sessionMachine } from '../../../machines/index.ts';
import { OrbitError } from '../../../src/errors.ts';
import { decodeHook } from '../../../src/protocol/hook-body.ts';
import { eventFromHook } from '../../../src/providers/claude/hooks/events.ts';
import { sessionFromHooks } from '../../../src/providers/claude/provider.ts';
import { stampFromMicroseconds } from '../../../src/runtime/clock.ts';
import { KEEP_NONE } from '../../support/pictures.ts';
import type { Bench } from '../bench.ts';
import { createHooks } from '../load/hooks.ts';
import { inTurns, medianOf, ratioOf, type Sample } from '../measure.ts';
import type { Report } from '../report.ts';

const EVENTS = 4000;
const WARM_UP_EVENTS = 10_000;

type SessionActor = ActorRefFrom<typeof sessionMachine>;

export async function machine({ rounds, share }: Bench): Promise<Report> {
  const next = createEvents();
  const session = openSession(next());
  const counter = openCounter();
  const variants = {
    chart: (events: number) => cpuUsOf(events, next, (event) => session.send(event)),
    asked: (events: number) =>
      cpuUsOf(events, next, (event) => session.getSnapshot().can(event) && session.send(event)),
    persisted: (events: number) => {
      return cpuUsOf(events, next, () => JSON.stringify(session.getPersistedSnapshot()));
    },
    counter: (events: number) => cpuUsOf(events, next, () => counter.send({ type: 'counted' })),
  };
  for (const run of Object.values(variants)) run(WARM_UP_EVENTS * share);
  const samples = await inTurns(rounds, {
    chart: async () => variants.chart(EVENTS),
    asked: async () => variants.asked(EVENTS),
    persisted: async () => variants.persisted(EVENTS),
    counter: async () => variants.counter(EVENTS),
  });
  const row = (what: string, of: Sample[]) => {
    return { cells: [what, medianOf(of, 'cpuUs'), ratioOf(of, samples.counter, 'cpuUs')] };
  };
  const bytes = JSON.stringify(session.getPersistedSnapshot()).length;
  return {
    title: 'The chart alone',
    columns: ['one event', 'CPU us', 'x smallest machine'],
    rows: [
      row('session chart', samples.chart),
      row('session chart, asked first whether it can', samples.asked),
      row(`its snapshot as JSON (${bytes} bytes)`, samples.persisted),
      row('smallest machine: one state, one assign', samples.counter),
    ],
    notes: [
      'Events of whole turns, nine tool uses each. To compare with itself over time; no budget.',
    ],
  };
}

/** The machine events of an endless row of hooks of one session. */
function createEvents(): () => SessionEvent {
  const next = createHooks(['11111111-2222-4333-8444-555555555555'], 'turns');
  let us = Date.now() * 1000;
  return () => {
    const { body, key } = next();
    us += 1000;
    return eventFromHook(hookFrom(body), { at: stampFromMicroseconds(us), key, keep: KEEP_NONE });
  };
}

function hookFrom(body: string) {
  const hook = decodeHook(JSON.parse(body));
  if (hook instanceof OrbitError) throw hook;
  return hook;
}

function openSession(first: SessionEvent): SessionActor {
  const hook = hookFrom(createHooks(['11111111-2222-4333-8444-555555555555'], 'turns')().body);
  const session = sessionFromHooks(hook, first.at, null, null);
  return createActor(sessionMachine, { input: { session, isNew: true, turnCount: 0 } }).start();
}

function openCounter() {
  const smallest = setup({
    types: { context: {} as { count: number }, events: {} as { type: 'counted' } },
  }).createMachine({
    context: { count: 0 },
    on: { counted: { actions: assign({ count: ({ context }) => context.count + 1 }) } },
  });
  return createActor(smallest).start();
}

/** The events are made before the clock runs. */
function cpuUsOf(count: number, next: () => SessionEvent, take: (event: SessionEvent) => void) {
  const events = Array.from({ length: count }, next);
  const before = process.cpuUsage();
  for (const event of events) take(event);
  const { user, system } = process.cpuUsage(before);
  return { cpuUs: (user + system) / count };
}
