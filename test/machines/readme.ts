/**
 * machines/README.md, written from the charts: states and edges from their description, what an event
 * does from the sentence above its step. Nothing in it is kept by hand but the words in this file.
 *
 * After a change of a chart: `UPDATE_DOCS=1 npx vitest run --config test/vitest.config.ts test/machines/readme`
 */
import { readdirSync, readFileSync } from 'node:fs';
import {
  describeMachine,
  type EdgeDescription,
  type SessionEvent,
  type StateDescription,
  sessionMachine,
  supervisorMachine,
} from '../../machines/index.ts';
import { drawing } from './drawing.ts';
import { SENDERS } from './senders.ts';
import { type Phase, WIRE_WORD } from './stage.ts';

const MACHINES = new URL('../../machines/', import.meta.url);
const { states, edges } = describeMachine(sessionMachine);

export function readme(): string {
  return `${[
    '<!-- Written by test/machines/readme.ts from the charts; a test fails when it is stale. Do not edit:',
    '     UPDATE_DOCS=1 npx vitest run --config test/vitest.config.ts test/machines/readme -->',
    '# The charts',
    INTRODUCTION,
    '## Phase: whom the session waits for',
    drawing({ states, edges }, 'session.phase'),
    'Both arrows out of `awaitingApproval` lead to what is still true: while other requests are open it stays,',
    'while a turn or an agent runs the session works again, else it waits for its user.\n',
    '## Link: how the house reaches the provider',
    drawing({ states, edges }, 'session.link'),
    '## States',
    stateTable(),
    '## Events',
    'An event that is accepted nowhere is refused: `can()` is false, nothing is recorded. Reports older than',
    'what settled their thread still bring their content.\n',
    eventTable(),
    '## Supervisor',
    supervisorTable(),
  ].join('\n')}`;
}

const INTRODUCTION = `
One actor of \`sessionMachine\` per live session, all children of \`supervisorMachine\`. Pure: no clock, no
random, no I/O; time is \`event.at\`, ids arrive in events, messages live in the database.

- \`session.ts\` says when what applies; \`steps/\` says what it means: pure functions from context and event
  to the next context, the facts to record and the orders to give.
- Two ports: the action \`record\` takes facts (the wire's own messages and private notes), the actor
  \`connector\` takes orders. Both do nothing here; the runtime provides them.
- The phase follows what is open (a turn, an agent, a request), not the order in which reports arrive: a
  report older than what settled its thread brings content and nothing else.
`;

function stateTable(): string {
  const rows = states
    .filter(({ parent }) => parent !== null)
    .map((state) => [
      `\`${pathOf(state)}\``,
      wireWord(state),
      state.tags.map((tag) => `\`${tag}\``).join(' '),
      state.description ?? '',
    ]);
  return table(['state', 'wire `work_status`', 'tags', 'meaning'], rows);
}

function pathOf({ id }: StateDescription): string {
  return id.slice(id.indexOf('.') + 1);
}

function wireWord({ key, type, id }: StateDescription): string {
  const isPhase = id.startsWith('session.phase.') && type === 'atomic';
  return isPhase ? `\`${WIRE_WORD[key as Phase]}\`` : '';
}

function eventTable(): string {
  const meanings = meaningsOfActions();
  const rows = Object.entries(SENDERS).map(([event, sender]) => {
    const own = edges.filter((edge) => edge.kind === 'event' && matches(edge.event, event));
    return [`\`${event}\``, sender, acceptedIn(event), effects(own, meanings)];
  });
  return table(['event', 'from', 'accepted in', 'what it does'], rows);
}

/** The leaves of each region in which the event is a transition, in as few words as possible. */
function acceptedIn(event: string): string {
  return ['phase', 'link']
    .map((region) => {
      const leaves = states.filter(
        ({ id, type }) => id.startsWith(`session.${region}.`) && type === 'atomic',
      );
      const taking = leaves.filter((leaf) => takes(leaf, event));
      const refusing = leaves.filter((leaf) => !taking.includes(leaf));
      if (taking.length === 0) return '';
      if (refusing.length === 0) return 'always';
      const isMost = region === 'phase' && refusing.length === 1;
      const listed = (isMost ? refusing : taking).map(({ key }) => `\`${key}\``).join(', ');
      return isMost ? `all but ${listed}` : listed;
    })
    .filter(Boolean)
    .join('; ');
}

/** XState asks the leaf first, then what is around it; an empty transition swallows the event. */
function takes(leaf: StateDescription, event: string): boolean {
  const own = edges.filter(
    ({ source, kind, event: name }) =>
      source === leaf.id && kind === 'event' && matches(name, event),
  );
  if (own.some(({ actions, targets }) => actions.length + targets.length > 0)) return true;
  const parent = states.find(({ id }) => id === leaf.parent);
  return own.length === 0 && parent !== undefined && takes(parent, event);
}

function matches(descriptor: string, event: SessionEvent['type'] | string): boolean {
  if (descriptor === event || descriptor === '*') return true;
  return descriptor.endsWith('.*') && event.startsWith(descriptor.slice(0, -1));
}

/** What the event does, in the words of its steps; a way that only some take says when. */
function effects(own: EdgeDescription[], meanings: Map<string, string>): string {
  const said = own.flatMap(({ actions, guard }) =>
    actions.flatMap((action) => {
      const meaning = meanings.get(action);
      if (meaning === undefined) return [];
      return guard?.startsWith('connectorCan') ? `${meaning} Needs \`${guard}\`.` : meaning;
    }),
  );
  const led = own.flatMap(({ targets, source }) =>
    targets.map((target) => `\`${lastOf(source)}\` to \`${lastOf(target)}\``),
  );
  return [...new Set(said), ...(led.length > 0 ? [`Leads from ${led.join(', ')}.`] : [])].join(' ');
}

function lastOf(id: string): string {
  return id.slice(id.lastIndexOf('.') + 1);
}

/** Action of the chart -> first sentence above the step that it takes. */
function meaningsOfActions(): Map<string, string> {
  const sentences = new Map<string, string>();
  const folder = new URL('steps/', MACHINES);
  for (const file of readdirSync(folder)) {
    const source = readFileSync(new URL(file, folder), 'utf8');
    for (const [, comment = '', name = ''] of source.matchAll(
      /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport function (\w+)/g,
    )) {
      const plain = comment.replace(/\s*\n?\s*\*?\s+/g, ' ').trim();
      sentences.set(name, `${plain.split(/(?<=[.:!?]) (?=[A-Z@])/)[0]}`);
    }
  }
  const ports = readFileSync(new URL('session-ports.ts', MACHINES), 'utf8');
  return new Map(
    [...ports.matchAll(/(\w+): step\(\w+\.(\w+)\)/g)].map(([, action = '', step = '']) => [
      action,
      sentences.get(step) ?? '',
    ]),
  );
}

function supervisorTable(): string {
  const rows = describeMachine(supervisorMachine).edges.map((edge) => [
    `\`${edge.source}\``,
    `\`${edge.event}\``,
    edge.actions.map((action) => `\`${action}\``).join(', '),
    edge.targets.map((target) => `\`${lastOf(target)}\``).join(', '),
  ]);
  return table(['in', 'event', 'does', 'leads to'], rows);
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n');
}
