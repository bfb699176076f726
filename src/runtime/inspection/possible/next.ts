/**
 * What can happen in a state, and what cannot and why: every event the chart knows, the edges it could
 * take from the active states in the order XState asks them, and what each guard says.
 */
import { type AnyStateNode, type AnyTransitionDefinition, getStateNodes } from 'xstate';
import { edgeIdOf, sessionMachine } from '../../../../machines/index.ts';
import type { NextEvent, Way } from '../../../protocol/inspect.ts';
import { edgeOf } from '../chart.ts';
import type { SessionSnapshot } from '../fold/fold.ts';
import { askGuard, type Probe } from './guards.ts';

/** Events and families (`message.*`) that the chart names, in the order of their names. */
const EVENTS = [...new Set(sessionMachine.events as readonly string[])]
  .filter((event) => event !== '*' && !event.startsWith('xstate.'))
  .sort();

const NODES = [...nodesBelow(sessionMachine.root)];

/**
 * Every event the chart knows, judged in a state.
 *
 * @param at  the time a probing event carries: now, or of the moment that is looked at
 */
export function nextEvents(snapshot: SessionSnapshot, at: string): NextEvent[] {
  return EVENTS.map((event) => judge(snapshot, { type: event, at })).filter(
    ({ event, ways }) => ways.length > 0 || !isFamilyOfNamed(event),
  );
}

/** One event, judged in a state. */
export function judge(snapshot: SessionSnapshot, probe: Probe): NextEvent {
  const asked = askedIn(snapshot, probe);
  const ways = asked.map(({ way }) => way);
  const effective = asked.filter(({ isEmpty }) => !isEmpty).map(({ way }) => way);
  const open = effective.filter(({ guard }) => guard?.verdict !== 'refuses');
  const isSure = open.some(({ guard }) => guard === null || guard.verdict === 'holds');
  const verdict = isSure ? 'possible' : open.length > 0 ? 'depends' : 'refused';
  const takenIn = ways.length > 0 ? [] : statesThatTake(probe.type);
  const reason = verdict === 'refused' ? whyRefused(probe.type, effective, asked, takenIn) : null;
  return { event: probe.type, verdict, ways, reason, takenIn };
}

interface Asked {
  way: Way;
  /** An edge that leads nowhere and does nothing: it keeps the event from the states above. */
  isEmpty: boolean;
}

/** The edges XState would ask, region by region, inner states first, up to the first that is taken. */
function askedIn(snapshot: SessionSnapshot, probe: Probe): Asked[] {
  const asked = new Map<AnyTransitionDefinition, Asked>();
  const active = getStateNodes(sessionMachine.root as AnyStateNode, snapshot.value);
  const leaves = active.filter(({ type }) => type === 'atomic' || type === 'final');
  for (const leaf of leaves) {
    upward: for (let node: AnyStateNode | undefined = leaf; node; node = node.parent) {
      for (const transition of candidates(node, probe.type)) {
        const edge = edgeIdOf(transition) ?? '';
        const guard = askGuard(transition, snapshot, probe, edgeOf(edge)?.guard ?? 'guard');
        asked.set(transition, {
          way: {
            edge,
            source: node.id,
            targets: (transition.target ?? []).map(({ id }) => id),
            guard,
          },
          isEmpty: transition.target === undefined && transition.actions.length === 0,
        });
        if (guard === null || guard.verdict === 'holds') break upward;
      }
    }
  }
  return [...asked.values()];
}

/** Transitions of one state for an event, the exact name first, then families, the longest first. */
function candidates(node: AnyStateNode, event: string): AnyTransitionDefinition[] {
  return [...node.transitions.keys()]
    .filter((descriptor) => matches(descriptor, event))
    .sort((a, b) => Number(b === event) - Number(a === event) || b.length - a.length)
    .flatMap((descriptor) => node.transitions.get(descriptor) ?? []);
}

function matches(descriptor: string, event: string): boolean {
  if (descriptor === event || descriptor === '*') return true;
  return descriptor.endsWith('.*') && event.startsWith(descriptor.slice(0, -1));
}

function statesThatTake(event: string): string[] {
  return NODES.filter((node) =>
    candidates(node, event).some(({ target, actions }) => target || actions.length > 0),
  ).map(({ id }) => id);
}

function whyRefused(event: string, effective: Way[], asked: Asked[], takenIn: string[]): string {
  const guards = [...new Set(effective.map(({ guard }) => guard?.name))];
  if (guards.length > 0) return `${guards.join(', ')} ${guards.length > 1 ? 'say' : 'says'} no`;
  const [ignored] = asked;
  if (ignored) return `${ignored.way.source} ignores it on purpose`;
  if (takenIn.length > 0) return `No active state takes ${event}; ${takenIn.join(', ')} would`;
  return `No state of this chart takes ${event}`;
}

/** `tool.*` beside `tool.started`: a family says nothing new where its members are named. */
function isFamilyOfNamed(event: string): boolean {
  if (!event.endsWith('.*')) return false;
  return EVENTS.some((other) => other !== event && other.startsWith(event.slice(0, -1)));
}

function* nodesBelow(node: AnyStateNode): Generator<AnyStateNode> {
  yield node;
  for (const child of Object.values(node.states)) yield* nodesBelow(child as AnyStateNode);
}
