/**
 * Random walks of a watched CLI, as its hooks would report them: prompts, tools one by one and side by
 * side, permissions, agents in the background, compactions, Esc without a word. Seeded: a walk that
 * fails is found again by its number.
 */
import type { SessionEvent } from '../../machines/index.ts';
import {
  agentBegan,
  agentEnded,
  asked,
  began,
  elicited,
  noticed,
  over,
  prompted,
  report,
  stopped,
  toolBegan,
  toolEnded,
  use,
} from './events.ts';
import { at } from './session-after.ts';

export type Dice = (sides: number) => number;

/** A small generator of numbers below `sides`; the same seed gives the same numbers. */
export function diceOf(seed: number): Dice {
  let state = (seed + 1) * 0x9e3779b9;
  return (sides) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides;
  };
}

interface Walk {
  events: SessionEvent[];
  /** Milliseconds since the beginning; every report has its own. */
  now: number;
  dice: Dice;
  names: number;
  /** Agents in the background that the next `Stop` lists. */
  agents: string[];
  hasDialogs: boolean;
}

/** A walk of so many strides that ends with everything settled: waiting for its user, or ended. */
export function hookWalk(
  seed: number,
  strides: number,
  endsSession: boolean,
  hasDialogs = false,
): SessionEvent[] {
  const walk: Walk = { events: [], now: 0, dice: diceOf(seed), names: 0, agents: [], hasDialogs };
  for (let n = 0; n < strides; n++) turn(walk);
  for (const agent of walk.agents.splice(0)) finishAgent(walk, agent);
  if (endsSession) send(walk, (n) => over(n));
  return walk.events;
}

/** The same walk with some hooks lost for ever; a last turn follows whose end is received. */
export function withLosses(events: SessionEvent[], dice: Dice): SessionEvent[] {
  const last = Date.parse(events.at(-1)?.at ?? '') - Date.parse(at(0));
  const received = events.filter(() => dice(4) > 0);
  return [...received, prompted(last + 10), toolBegan(last + 20, 'last'), stopped(last + 30)];
}

/** Delivers a walk with delays of up to so many milliseconds; the stamps stay. */
export function delayed(events: SessionEvent[], dice: Dice, maxDelayMs: number): SessionEvent[] {
  return events
    .map((event) => ({ event, heardAt: Date.parse(event.at) + dice(maxDelayMs + 1) }))
    .sort((one, other) => one.heardAt - other.heardAt)
    .map(({ event }) => event);
}

function send(walk: Walk, event: (n: number) => SessionEvent): void {
  walk.now += 1 + walk.dice(40);
  walk.events.push(event(walk.now));
}

function turn(walk: Walk): void {
  const { dice } = walk;
  if (dice(8) === 0) compaction(walk);
  send(walk, (n) => prompted(n));
  for (let n = dice(4); n > 0; n--) stride(walk);
  // Esc: no hook at all, the next prompt is the first that is received.
  if (dice(6) === 0) send(walk, (n) => prompted(n));
  if (dice(10) === 0) {
    send(walk, (n) => report(n, 'turn.failed', { error: 'unknown' }));
    return;
  }
  const left = [...walk.agents];
  send(walk, (n) => stopped(n, left));
  if (left.length > 0 && dice(2) === 0) endAgentAtRest(walk);
  if (dice(4) === 0) send(walk, (n) => noticed(n, 'idle'));
}

function stride(walk: Walk): void {
  const kind = walk.dice(walk.hasDialogs ? 7 : 6);
  const agent = walk.agents[0];
  if (kind === 0) launch(walk);
  else if (kind === 1) sideBySide(walk);
  else if (kind === 2) compaction(walk);
  else if (kind === 6) dialog(walk);
  else tool(walk, kind === 3 && agent !== undefined ? `@${agent}` : '');
}

/** One tool: asked for, maybe allowed by a person, over. */
function tool(walk: Walk, of: string): void {
  const id = `t${walk.names++}${of}`;
  send(walk, (n) => toolBegan(n, id));
  if (walk.dice(3) === 0) {
    send(walk, (n) => asked(n, `r-${id}`, id));
    if (walk.dice(2) === 0) send(walk, (n) => noticed(n, 'permission'));
  }
  send(walk, (n) => toolEnded(n, id, { outcome: walk.dice(4) === 0 ? 'failed' : 'succeeded' }));
  if (walk.dice(2) === 0) send(walk, (n) => report(n, 'tools.settled', { tools: [use(id)] }));
}

function sideBySide(walk: Walk): void {
  const ids = [`t${walk.names++}`, `t${walk.names++}`];
  for (const id of ids) send(walk, (n) => toolBegan(n, id));
  for (const id of ids) if (walk.dice(2) === 0) send(walk, (n) => asked(n, `r-${id}`, id));
  if (walk.dice(2) === 0) ids.reverse();
  for (const id of ids) send(walk, (n) => toolEnded(n, id));
}

/** A tool of an MCP server, whose server asks the user something by itself. */
function dialog(walk: Walk): void {
  const id = `t${walk.names++}`;
  const name = { name: 'mcp__elic__askme' };
  send(walk, (n) => toolBegan(n, id, name));
  if (walk.dice(2) === 0) send(walk, (n) => asked(n, `r-${id}`, id, 'exec', name));
  send(walk, (n) => elicited(n, `q-${id}`));
  if (walk.dice(2) === 0) send(walk, (n) => noticed(n, 'question'));
  send(walk, (n) =>
    report(n, 'approval.resolved', { requestId: null, server: 'elic', decision: 'answered' }),
  );
  send(walk, (n) => toolEnded(n, id, name));
}

function launch(walk: Walk): void {
  const id = `t${walk.names++}`;
  const agent = `a${walk.names++}`;
  send(walk, (n) => toolBegan(n, id, { name: 'Agent' }));
  send(walk, (n) => agentBegan(n, agent));
  const launched = { id: agent, type: 'general-purpose' };
  send(walk, (n) => toolEnded(n, id, { name: 'Agent', launched }));
  walk.agents.push(agent);
}

/** An agent ends while the main thread rests, and the CLI informs the model by a prompt of its own. */
function endAgentAtRest(walk: Walk): void {
  finishAgent(walk, walk.agents.shift() as string);
  const left = [...walk.agents];
  send(walk, (n) => prompted(n, null));
  send(walk, (n) => stopped(n, left));
}

function finishAgent(walk: Walk, agent: string): void {
  if (walk.dice(2) === 0) tool(walk, `@${agent}`);
  send(walk, (n) => agentEnded(n, agent));
}

function compaction(walk: Walk): void {
  send(walk, (n) => report(n, 'compaction.started', {}));
  send(walk, (n) => began(n, 'compact'));
  send(walk, (n) => report(n, 'compaction.finished', {}));
}
