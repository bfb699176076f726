/**
 * A machine as plain facts: its states and every transition, also those that XState's own definition
 * leaves out (`always`). The layout, the inspection and the README read this, so that they never show
 * another chart than the one that runs. Pure, and free of Node: the visualizer bundles it.
 */
import type { AnyTransitionDefinition } from 'xstate';
import { type AnyStateMachine, type AnyStateNode, and, not, or, stateIn } from 'xstate';

/** A state of a chart, in words. */
export interface StateDescription {
  id: string;
  key: string;
  /** Id of the state around it; null for the root. */
  parent: string | null;
  type: AnyStateNode['type'];
  tags: string[];
  entry: string[];
  exit: string[];
  /** Id of the state that is entered with it, for a compound state. */
  initial: string | null;
  description?: string;
}

/** A transition of a chart, in words. */
export interface EdgeDescription {
  /** Derived from source, event, index and targets: the same in every process and every build. */
  id: string;
  source: string;
  /** Ids; empty for a transition without a target. */
  targets: string[];
  /** The descriptor as the chart has it (`tool.*`); empty for `always`, XState's own name for the others. */
  event: string;
  guard: string | null;
  actions: string[];
  kind: 'event' | 'always' | 'after' | 'done' | 'error';
  /** Does not leave its source: no exit and no entry of it. */
  internal: boolean;
  targetless: boolean;
  /** Leads to where it comes from. */
  self: boolean;
  /** For `after`: milliseconds or the name of the delay. */
  delay?: number | string;
  description?: string;
}

/** A chart, in words. */
export interface MachineDescription {
  id: string;
  /** Parents before children, in the chart's order. */
  states: StateDescription[];
  /** By source in the order of the states, and in the order in which XState tries them. */
  edges: EdgeDescription[];
}

/** What XState keeps as functions with a type and details as properties. */
type Built = ((...of: never[]) => unknown) & { type?: string } & Record<string, unknown>;

const ids = new WeakMap<AnyTransitionDefinition, string>();

/** All states and transitions of a machine. Never throws for a machine that XState accepts. */
export function describeMachine(machine: AnyStateMachine): MachineDescription {
  const nodes = nodesBelow(machine.root);
  return {
    id: machine.id,
    states: nodes.map(describeState),
    edges: nodes.flatMap((state) =>
      transitionsOf(state).map(({ definition, id }) => describeEdge(definition, id)),
    ),
  };
}

/**
 * The id of a transition's edge, as inspection meets it in a microstep; null for what is no edge (the
 * first step of an actor).
 */
export function edgeIdOf(definition: AnyTransitionDefinition): string | null {
  const known = ids.get(definition);
  if (known !== undefined) return known;
  // `provide()` makes new definitions of the same chart: look its state through once.
  if (definition.source?.transitions) transitionsOf(definition.source);
  return ids.get(definition) ?? null;
}

function nodesBelow(state: AnyStateNode): AnyStateNode[] {
  return [state, ...Object.values(state.states).flatMap((child) => nodesBelow(child))];
}

function transitionsOf(
  state: AnyStateNode,
): Array<{ definition: AnyTransitionDefinition; id: string }> {
  const groups = [...state.transitions.values(), state.always ?? []];
  return groups.flatMap((group) =>
    group.map((definition: AnyTransitionDefinition, index: number) => {
      const event = definition.eventType === '' ? 'always' : definition.eventType;
      const to = targetsOf(definition).join(',');
      const id = `${state.id}/${event}/${index}${to && `>${to}`}`;
      ids.set(definition, id);
      return { definition, id };
    }),
  );
}

function targetsOf({ target }: AnyTransitionDefinition): string[] {
  return (target ?? []).map((state: AnyStateNode) => state.id);
}

function describeState(state: AnyStateNode): StateDescription {
  const [initial] = state.type === 'compound' ? targetsOf(state.initial) : [];
  return {
    id: state.id,
    key: state.key,
    parent: state.parent?.id ?? null,
    type: state.type,
    tags: [...state.tags],
    entry: state.entry.filter((action) => !isTimer(action)).map(actionText),
    exit: state.exit.filter((action) => !isTimer(action)).map(actionText),
    initial: initial ?? null,
    ...(state.description !== undefined && { description: state.description }),
  };
}

function describeEdge(definition: AnyTransitionDefinition, id: string): EdgeDescription {
  const source = definition.source.id;
  const targets = targetsOf(definition);
  const { delay, description } = definition as { delay?: number | string; description?: string };
  return {
    id,
    source,
    targets,
    event: definition.eventType,
    guard: definition.guard === undefined ? null : guardText(definition.guard),
    actions: definition.actions.map(actionText),
    kind: kindOf(definition.eventType),
    internal:
      !definition.reenter &&
      (definition.target ?? []).every((state: AnyStateNode) => isWithin(state, definition.source)),
    targetless: targets.length === 0,
    self: targets.includes(source),
    ...(delay !== undefined && { delay }),
    ...(description !== undefined && { description }),
  };
}

function kindOf(eventType: string): EdgeDescription['kind'] {
  if (eventType === '') return 'always';
  if (eventType.startsWith('xstate.after.')) return 'after';
  if (eventType.startsWith('xstate.done.')) return 'done';
  return eventType.startsWith('xstate.error.') ? 'error' : 'event';
}

function isWithin(state: AnyStateNode | undefined, around: AnyStateNode): boolean {
  return state !== undefined && (state === around || isWithin(state.parent, around));
}

/** The timer that XState itself starts and cancels for `after`: the edge shows it already. */
function isTimer(action: unknown): boolean {
  const { type, id, sendId } = action as Built;
  return (
    (type === 'xstate.raise' && String(id).startsWith('xstate.after.')) ||
    (type === 'xstate.cancel' && String(sendId).startsWith('xstate.after.'))
  );
}

// Guards that combine others are known by their check, not by its name: bundlers shorten names.
const checkOf = (guard: unknown) => (guard as Built).check;
const COMBINED = new Map<unknown, string>([
  [checkOf(and([])), 'and'],
  [checkOf(or([])), 'or'],
  [checkOf(not('')), 'not'],
]);
const STATE_IN = checkOf(stateIn(''));

function guardText(guard: unknown): string {
  if (typeof guard === 'string') return guard;
  if (typeof guard === 'object') return named(guard as { type: string; params?: unknown });
  const built = guard as Built;
  const word = COMBINED.get(built.check);
  if (word) return `${word}(${(built.guards as unknown[]).map(guardText).join(', ')})`;
  if (built.check === STATE_IN) return `stateIn(${text(built.stateValue)})`;
  return built.name || 'inline';
}

/** The details that distinguish one built action from another of its type. */
const DETAILS: Record<string, (action: Built) => unknown> = {
  'xstate.assign': ({ assignment }) =>
    typeof assignment === 'function' ? undefined : Object.keys(assignment as object).join(', '),
  'xstate.raise': ({ event }) => nameOf(event),
  'xstate.emit': ({ event }) => nameOf(event),
  'xstate.sendTo': ({ to, event }) => [nameOf(to), nameOf(event)].filter(Boolean).join(', '),
  'xstate.spawnChild': ({ src }) => nameOf(src),
  'xstate.stopChild': ({ actorRef }) => nameOf(actorRef),
  'xstate.cancel': ({ sendId }) => nameOf(sendId),
};

function actionText(action: unknown): string {
  if (typeof action === 'string') return action;
  if (typeof action === 'object') return named(action as { type: string; params?: unknown });
  const built = action as Built;
  if (built.type === undefined) return built.name || 'inline';
  const detail = DETAILS[built.type]?.(built);
  return `${built.type.replace('xstate.', '')}${detail ? `(${detail})` : ''}`;
}

/** `type` of an event, name of a thing; nothing for what is only known when it happens. */
function nameOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  const type = (value as { type?: unknown } | null | undefined)?.type;
  return typeof type === 'string' ? type : undefined;
}

/** `connectorCan("turn.run")`; parameters that are computed from the event are left out. */
function named({ type, params }: { type: string; params?: unknown }): string {
  return params === undefined || typeof params === 'function' ? type : `${type}(${text(params)})`;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Ids of the edges of one microstep, in order; null when XState does not say. */
export function takenEdges(microstep: unknown): string[] | null {
  const { type, _transitions: taken } = microstep as { type?: string; _transitions?: unknown };
  if (type !== '@xstate.microstep') return [];
  if (!Array.isArray(taken) || !taken.every(isTransition)) return null;
  return taken.flatMap((transition) => edgeIdOf(transition) ?? []);
}

function isTransition(value: unknown): value is AnyTransitionDefinition {
  const { source, eventType } = (value ?? {}) as { source?: unknown; eventType?: unknown };
  return typeof eventType === 'string' && typeof source === 'object' && source !== null;
}
