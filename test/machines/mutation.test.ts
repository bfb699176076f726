/**
 * The chart is what decides: each of its states, each edge that leads somewhere, its target and its guard matters.
 * One is taken out of a copy of the chart at a time; on some walk a client or a connector then sees another thing:
 * what can happen, facts, commands, or the status.
 */
import { describe, expect, it } from 'vitest';
import { getInitialSnapshot } from 'xstate';
import {
  type SessionEvent,
  type SessionSnapshot,
  sessionMachine,
  summaryOf,
  takeStep,
} from '../../machines/index.ts';
import { session } from '../../machines/session-setup.ts';
import type { Session } from '../../machines/session-types.ts';
import { hookWalk } from './hook-walks.ts';
import { newSession } from './session-after.ts';
import { FIXED_WALKS, randomWalk, type Walk } from './walks.ts';

type Machine = typeof sessionMachine;

/** A state of the chart as data: what createMachine takes. */
interface Config {
  initial?: string;
  type?: string;
  states?: Record<string, Config>;
  on?: Record<string, Edge[]>;
  always?: Edge;
  [other: string]: unknown;
}

interface Edge {
  guard?: unknown;
  target?: string;
  actions?: unknown;
}

const ROOT = sessionMachine.config as unknown as Config;

/** A copy whose states and edges are its own; actions and guards are shared. */
function copyOf(config: Config): Config {
  const copy: Config = { ...config };
  if (config.states) {
    copy.states = Object.fromEntries(
      Object.entries(config.states).map(([key, state]) => [key, copyOf(state)]),
    );
  }
  if (config.on) {
    copy.on = Object.fromEntries(
      Object.entries(config.on).map(([event, edges]) => [
        event,
        edges.map((edge) => ({ ...edge })),
      ]),
    );
  }
  return copy;
}

interface Place {
  path: string[];
  state: Config;
}

/** Every state below the root, outer ones first. */
function placesOf(state: Config, path: string[] = []): Place[] {
  const below = Object.entries(state.states ?? {});
  return below.flatMap(([key, child]) => [
    { path: [...path, key], state: child },
    ...placesOf(child, [...path, key]),
  ]);
}

const at = (root: Config, path: readonly string[]): Config =>
  path.reduce((state, key) => state.states?.[key] as Config, root);

interface Mutant {
  name: string;
  make(): Config;
}

/** The chart without one state, without what leads to it; its first sibling is then the initial one. */
function withoutState(path: string[]): Config {
  const root = copyOf(ROOT);
  const parent = at(root, path.slice(0, -1));
  const key = path.at(-1) as string;
  delete parent.states?.[key];
  if (parent.initial === key) parent.initial = Object.keys(parent.states ?? {})[0] as string;
  for (const { path: source, state } of placesOf(root)) {
    const isLeft = ({ target }: Edge) =>
      target === undefined ||
      !`${[...source.slice(0, -1), target].join('.')}.`.startsWith(`${path.join('.')}.`);
    const on = state.on ?? {};
    for (const [event, edges] of Object.entries(on)) on[event] = edges.filter(isLeft);
    if (state.always && !isLeft(state.always)) delete state.always;
  }
  return root;
}

function changed(path: string[], event: string, index: number, change: (edges: Edge[]) => void) {
  const root = copyOf(ROOT);
  const edges = at(root, path).on?.[event] as Edge[];
  change([edges[index] as Edge]);
  if ((edges[index] as Edge & { isGone?: boolean }).isGone) edges.splice(index, 1);
  return root;
}

function mutants(): Mutant[] {
  const all: Mutant[] = [];
  for (const { path, state } of placesOf(ROOT)) {
    const where = path.join('.');
    const siblings = Object.keys(at(ROOT, path.slice(0, -1)).states ?? {});
    if (siblings.length > 1) all.push({ name: `state ${where}`, make: () => withoutState(path) });
    for (const [event, edges] of Object.entries(state.on ?? {})) {
      for (const [index, { target, guard }] of edges.entries()) {
        if (target === undefined) continue;
        const name = `${where} ${event} -> ${target}`;
        const edit = (change: (edge: Edge & { isGone?: boolean }) => void) => () =>
          changed(path, event, index, ([edge]) => change(edge as Edge));
        all.push({
          name: `edge ${name}`,
          make: edit((edge) => {
            edge.isGone = true;
          }),
        });
        all.push({
          name: `target ${name}`,
          make: edit((edge) => {
            delete edge.target;
          }),
        });
        if (guard === undefined) continue;
        all.push({
          name: `guard ${name}`,
          make: edit((edge) => {
            delete edge.guard;
          }),
        });
      }
    }
  }
  return all;
}

function start(machine: Machine, given: Partial<Session>): SessionSnapshot {
  const input = { session: newSession(given), isNew: false, turnCount: 0 };
  return getInitialSnapshot(machine, input) as SessionSnapshot;
}

/** What is seen of one event: whether it can happen, what it leaves, what is shown then. */
function seen(before: SessionSnapshot, event: SessionEvent, machine: Machine) {
  const can = before.can(event);
  const { snapshot, facts, commands } = takeStep(before, event, machine);
  const { status, work_status, link_state } = summaryOf(snapshot);
  const text = JSON.stringify([can, facts, commands, status, work_status, link_state]);
  return { snapshot, text };
}

interface RecordedWalk extends Walk {
  texts: string[];
}

function record(walk: Walk): RecordedWalk {
  let snapshot = start(sessionMachine, walk.session);
  const texts = walk.events.map((event) => {
    const after = seen(snapshot, event, sessionMachine);
    snapshot = after.snapshot;
    return after.text;
  });
  return { ...walk, texts };
}

/** The walk on which the mutant shows something else; null when none does. */
function killedBy(machine: Machine, walks: readonly RecordedWalk[]): number | null {
  for (const [number, { session: given, events, texts }] of walks.entries()) {
    try {
      let snapshot = start(machine, given);
      for (const [n, event] of events.entries()) {
        const after = seen(snapshot, event, machine);
        if (after.text !== texts[n]) return number;
        snapshot = after.snapshot;
      }
    } catch {
      // A chart that throws where the real one does not is another one for its clients too.
      return number;
    }
  }
  return null;
}

const SEEDS = Number(process.env.WALKS ?? 60);

describe('the chart of a session', () => {
  it('has no state, edge, target or guard that nobody would miss', () => {
    const walks = [
      ...FIXED_WALKS,
      ...Array.from({ length: SEEDS }, (_, seed) => randomWalk(seed, seed % 2 === 0)),
      ...Array.from({ length: 10 }, (_, seed) => ({
        session: {},
        events: hookWalk(seed, 3, seed % 2 === 0, true),
      })),
    ].map(record);
    const survivors: string[] = [];
    const all = mutants();
    for (const { name, make } of all) {
      const machine = session.createMachine(make() as never) as unknown as Machine;
      if (killedBy(machine, walks) === null) survivors.push(name);
    }
    expect(survivors).toEqual([]);
    expect(all.length).toBeGreaterThan(120);
  }, 60_000);
});
