/**
 * Reads what this page exports: incident bundles, whose events are folded through the chart again to show the
 * conversation that they make, and conversations as JSON lines. Loaded when a file is opened. Pure.
 */
import {
  createTimelineBuilder,
  inspectStep,
  MACHINE_VERSION,
  type SessionEvent,
  snapshotOf,
  takenEdges,
} from '../../machines/index.ts';
import type { SessionView } from '../../src/client/index.ts';
import type {
  InspectOrigin,
  InspectRecord,
  InspectRow,
  JournalTimeline,
  Json,
  StateValue,
} from '../../src/protocol/inspect.ts';
import type { Message } from '../../src/protocol/nouns.ts';
import { leavesOf } from './state-value.ts';

/** What was read out of a file. */
export interface Imported {
  row: InspectRow;
  /** Oldest first; none in a file that holds a conversation alone. */
  records: readonly InspectRecord[];
  /** Each event as the file has it, by its number. */
  events: ReadonlyMap<number, { type: string; [key: string]: Json }>;
  timeline: JournalTimeline;
  talk: SessionView;
  /** What a reader should know of the file, in sentences. */
  remarks: readonly string[];
}

/** A line of a bundle behind its first one. */
interface Entry {
  kind: 'base' | 'event';
  seq: number;
  machine_version?: number;
  snapshot?: unknown;
  at: string;
  origin: InspectOrigin;
  event: { type: string; [key: string]: Json };
  value: StateValue;
  accepted: boolean;
  revision: number;
}

/** What is known of the session of a file. */
type About = { id: string; file: string; session: Partial<SessionView> };

/**
 * Reads an export.
 *
 * @param id    the id that stands for the file in the page
 * @param file  its name
 * @throws Error in words when it is none
 */
export function readExport(text: string, id: string, file: string): Imported {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const head = parsed(lines[0], 1, file);
  if (head.kind === 'orbitdock.incident' && head.format === 1) {
    return readBundle(lines, { id, file, session: { id: String(head.session) } });
  }
  if (head.type === 'session' && typeof head.session === 'object') {
    return readConversation(lines, { id, file, session: head.session as Partial<SessionView> });
  }
  throw new Error(
    `${file} is no export of OrbitDock. It takes the journal of a session and a conversation as JSON lines.`,
  );
}

function parsed(line: string | undefined, number: number, file: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line ?? '');
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below, in words.
  }
  throw new Error(`Line ${number} of ${file} is damaged, or the file is no export of OrbitDock.`);
}

function readConversation(lines: readonly string[], about: About): Imported {
  const messages = lines.slice(1).map((line, index) => {
    const { type, message } = parsed(line, index + 2, about.file);
    if (type !== 'message') throw new Error(`Line ${index + 2} of ${about.file} is no message.`);
    return { ...(message as Message), session_id: about.id };
  });
  return imported(about, { records: [], events: new Map(), messages, remarks: [] });
}

function readBundle(lines: readonly string[], about: About): Imported {
  const fold = createFold();
  const records: InspectRecord[] = [];
  const events = new Map<number, { type: string; [key: string]: Json }>();
  for (const [index, line] of lines.slice(1).entries()) {
    const entry = parsed(line, index + 2, about.file) as unknown as Entry;
    if (entry.kind === 'base') fold.begin(entry);
    if (entry.kind !== 'event') continue;
    const { seq, at, origin, event, value, accepted, revision } = entry;
    const before = records.at(-1)?.value;
    events.set(seq, event);
    records.push({
      ...{ v: 1, session: about.id, seq, at, origin, value, accepted, revision },
      event: { type: event.type },
      changed: before !== undefined && JSON.stringify(before) !== JSON.stringify(value),
      ...fold.take(entry),
      children: null,
    });
  }
  const remarks = fold.isCurrent()
    ? ['All words in this file are replaced by stand-ins, as in every journal that is exported.']
    : ['This file is of another version of the chart: its conversation cannot be shown.'];
  return imported(about, { records, events, messages: fold.messages, remarks });
}

/** The chart, given one event after the other from the newest base that it can be restored from. */
function createFold() {
  let snapshot: ReturnType<typeof snapshotOf> | null = null;
  let hasBegun = false;
  const messages: Message[] = [];
  const places = new Map<string, number>();
  const put = (message: Message): void => {
    const at = places.get(message.id);
    if (at !== undefined) messages[at] = message;
    else places.set(message.id, messages.push(message) - 1);
  };
  return {
    messages,
    isCurrent: () => hasBegun,
    begin({ machine_version: version, snapshot: stored }: Entry): void {
      if (version !== MACHINE_VERSION) return;
      try {
        const found = snapshotOf(stored);
        if (found.status === 'active') snapshot = found;
        hasBegun = true;
      } catch {
        // Events up to the next base are shown with the states that the journal names.
        snapshot = null;
      }
    },
    take({ event, accepted, value }: Entry): Pick<InspectRecord, 'edges' | 'facts'> {
      const none = { edges: null, facts: null };
      if (!snapshot || !accepted) return snapshot ? { edges: [], facts: [] } : none;
      let edges: string[] | null = [];
      try {
        const step = inspectStep(snapshot, event as unknown as SessionEvent, (microstep) => {
          const taken = takenEdges(microstep);
          edges = edges && taken && [...edges, ...taken];
        });
        // Where chart and journal part, only the journal is shown.
        snapshot =
          JSON.stringify(step.snapshot.value) === JSON.stringify(value) ? step.snapshot : null;
        for (const fact of step.facts) if (fact.type === 'message_appended') put(fact.message);
        return { edges, facts: step.facts.map(({ type }) => type) };
      } catch {
        // A very large event is kept without what a step needs of it.
        snapshot = null;
        return none;
      }
    },
  };
}

interface Read {
  records: InspectRecord[];
  events: Imported['events'];
  messages: Message[];
  remarks: string[];
}

function imported(about: About, { records, events, messages, remarks }: Read): Imported {
  const { id, file, session } = about;
  const builder = createTimelineBuilder((text) => text);
  for (const { seq, at, value, accepted } of records) {
    const event = JSON.stringify(events.get(seq) ?? { type: '' });
    const row = { seq, at: Date.parse(at), accepted };
    builder.add({ ...row, event, value: JSON.stringify(value) });
  }
  const newest = records.at(-1) ?? null;
  const [first, last] = [records[0]?.seq ?? 0, newest?.seq ?? 0];
  const talk = {
    ...{ provider: 'claude', project_path: '', model: null, message_count: messages.length },
    ...session,
    ...{ id, messages, has_older: false, status: 'ended', work_status: 'ended' },
    ...{ pending_approval: null, integration_mode: 'passive', subagents: [] },
  } as unknown as SessionView;
  return {
    row: {
      ...{ id, name: file, title: `File: ${file}`, project: 'Opened files', branch: null },
      ...{ model: talk.model ?? null, provider: talk.provider, steered: false },
      started_at: session.started_at ?? records[0]?.at ?? null,
      last_message: null,
      ...{ waiting: null, work_status: 'ended', live: false, eventsPerSecond: 0 },
      value: newest?.value ?? null,
      path: newest ? leavesOf(newest.value) : [],
      link: null,
      lastEvent: newest?.event.type ?? null,
      lastAccepted: newest?.accepted ?? true,
      at: newest?.at ?? messages.at(-1)?.timestamp ?? null,
      seq: last,
    },
    records,
    events,
    timeline: builder.view({ first, last }),
    talk,
    remarks,
  };
}
