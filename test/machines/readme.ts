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
import { type Phase, WIRE_WORD } from './session-after.ts';

const MACHINES = new URL('../../machines/', import.meta.url);
const { states, edges } = describeMachine(sessionMachine);

export function readme(): string {
  return `${[
    '<!-- Written by test/machines/readme.ts from the charts; a test fails when it is stale. Do not edit:',
    '     UPDATE_DOCS=1 npx vitest run --config test/vitest.config.ts test/machines/readme -->',
    '# The charts',
    INTRODUCTION,
    '## Phase: whom the session waits for',
    "The README's phases are read from the active states, the first that applies: `ended`; `awaitingApproval` while",
    'region `requests` is not in `none`; `working` while the turn is open or an agent runs; else `idle`.\n',
    drawing({ states, edges }, 'session.phase'),
    '### What the main thread does',
    drawing({ states, edges }, 'session.phase.active.turn'),
    '### Whether subagents run',
    drawing({ states, edges }, 'session.phase.active.agents'),
    '### What is asked of a person',
    drawing({ states, edges }, 'session.phase.active.requests'),
    '## Link: how the server reaches the provider',
    drawing({ states, edges }, 'session.link'),
    '## States',
    stateTable(),
    '## Events',
    'An event that is accepted nowhere is refused: `can()` is false, nothing changes. Reports older than',
    'what settled their thread still bring their content.\n',
    eventTable(),
    '## Supervisor',
    supervisorTable(),
  ].join('\n')}`;
}

const INTRODUCTION = `
One actor of \`sessionMachine\` per live session, all children of \`supervisorMachine\`. Pure: no clock, no
random, no I/O; time is \`event.at\`, ids arrive in events, messages live in the database.

- \`session.ts\` and \`session-turn.ts\` say when what applies; \`session-setup.ts\` binds guards and actions to events;
  \`steps/\` says what an action changes; \`evidence.ts\` compares stamps and sources.
- Two actions are what an event comes to: \`leave\` (pieces of facts, to persist) and \`command\` (work for the
  connector). \`step.ts\` takes one event and returns both as data; the spawned actor (\`sessionActor\` there) gets
  the snapshot after the commit.
- \`session-status.ts\` reads the wire's words from the tags of the active states; \`refusals.ts\` says why a client's
  command is not possible now.
- Signals (\`agents.began\`, \`permission.pending\`, ...) are raised by the chart itself when a report changed a
  queue. They are not journalled.
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

function wireWord({ tags }: StateDescription): string {
  const word = tags.find((tag) => tag in WIRE_WORD);
  return word === undefined ? '' : `\`${WIRE_WORD[word as Phase]}\``;
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

/** XState asks the leaf first, then what is around it; an empty transition takes the event and does nothing. */
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
  const ports = readFileSync(new URL('session-setup.ts', MACHINES), 'utf8');
  return new Map(
    [...ports.matchAll(/^ {2}(\w+): \w+\.(\w+),$/gm)].map(([, action = '', step = '']) => [
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
