/**
 * Incident bundles: a session's journal as one file, written for a report and replayed by `replay`.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { MACHINE_VERSION, type SessionEvent } from '../../machines/index.ts';
import { isSameValue, upgraded } from '../../machines/upgrade.ts';
import type { InspectMachine } from '../protocol/inspect.ts';
import type { JournalRange, JournalRow } from '../store/queries/journal.ts';
import type { Writer } from '../store/writer.ts';
import { createDummy, type Dummy, inspectedMachines } from './fold.ts';
import { redactText } from './redact.ts';

/** First line of a bundle. */
interface BundleHeader {
  kind: 'orbitdock.incident';
  format: 1;
  server: string;
  machine: InspectMachine;
  session: string;
  /** Numbers of the oldest and newest event, and whether older ones are beyond retention. */
  journal: { first: number; last: number; cut: boolean };
  clock: {
    exported_at: string;
    uptime_ms: number;
    first_at: string | null;
    last_at: string | null;
  };
}

/** Any further line. */
type BundleEntry =
  | { kind: 'base'; seq: number; machine_version: number; snapshot: unknown }
  | {
      kind: 'event';
      seq: number;
      at: string;
      origin: string;
      event: unknown;
      value: unknown;
      accepted: boolean;
      revision: number;
    };

/** Keys whose words the chart decides by, or that only name things. */
const KEPT_KEYS = new Set(
  `type at source reason hook kind outcome decision order agentType status work_status provider
   session_id id toolUseId agentId requestId messageId promptId request_id message_type tool_name
   model effort permission_mode approval_policy sandbox_mode integration_mode
   codex_integration_mode claude_integration_mode started_at last_activity_at timestamp startedAt settledAt server
   forked_from_session_id capabilities src phase link awaitingApproval working`.split(/\s+/),
);

/** Words, ids and times; a sentence, a path or a command is none of them. */
const PLAIN = /^[\w.:+-]{1,200}$/;

/**
 * The incident of one session as JSON lines.
 *
 * @returns null when its journal is empty
 * @throws OrbitError what the writer's reads throw
 */
export async function bundleOf(
  writer: Pick<Writer, 'read'>,
  session: string,
  about: { server: string; machine: InspectMachine; now: string },
): Promise<string | null> {
  const scrub = createScrub(randomBytes(32));
  const lines: BundleEntry[] = [];
  let until = null as number | null;
  let ends = { first: 0, last: 0 };
  for (;;) {
    const { base, rows, first, last }: JournalRange = await writer.read({
      kind: 'stretch',
      sessionId: session,
      seq: until,
      after: 0,
    });
    if (until === null) ends = { first, last };
    const newest = until ?? last;
    const events = rows.filter(({ seq }) => seq <= newest).map((row) => eventEntry(row, scrub));
    lines.unshift(...events);
    if (base) lines.unshift(baseEntry(base, scrub));
    const oldest: number = base?.seq ?? 0;
    if (oldest < Math.max(first, 1) || (until !== null && oldest >= until)) break;
    until = oldest;
  }
  if (ends.last === 0) return null;
  const times = lines.flatMap((line) => (line.kind === 'event' ? [line.at] : []));
  const header: BundleHeader = {
    kind: 'orbitdock.incident',
    format: 1,
    server: about.server,
    machine: about.machine,
    session,
    journal: { ...ends, cut: ends.first > 1 },
    clock: {
      exported_at: about.now,
      uptime_ms: Math.round(performance.now()),
      first_at: times[0] ?? null,
      last_at: times.at(-1) ?? null,
    },
  };
  return [header, ...lines].map((line) => `${JSON.stringify(line)}\n`).join('');
}

type Scrub = (value: unknown) => unknown;

function eventEntry(row: JournalRow, scrub: Scrub): BundleEntry {
  const { seq, at, origin, accepted, revision } = row;
  const event = scrub(JSON.parse(row.event));
  const value: unknown = JSON.parse(row.value);
  return { kind: 'event', seq, at, origin, event, value, accepted, revision };
}

function baseEntry(
  { seq, machineVersion, snapshot }: { seq: number; machineVersion: number; snapshot: string },
  scrub: Scrub,
): BundleEntry {
  const { value, ...rest } = JSON.parse(snapshot) as { value: unknown };
  const scrubbed = { ...(scrub(rest) as object), value };
  return { kind: 'base', seq, machine_version: machineVersion, snapshot: scrubbed };
}

/** Replaces every text that is not known to be harmless by its pseudonym. */
function createScrub(key: Buffer): Scrub {
  const pseudonym = (text: string): string =>
    `~${createHmac('sha256', key).update(text).digest('hex').slice(0, 12)}`;

  function scrub(value: unknown, isKept: boolean): unknown {
    if (typeof value === 'string') {
      if (value === '') return value;
      return isKept && PLAIN.test(value) && redactText(value) === value ? value : pseudonym(value);
    }
    if (Array.isArray(value)) return value.map((item) => scrub(item, isKept));
    if (typeof value !== 'object' || value === null) return value;
    // A tool's name decides; a session's name is a person's words.
    const isTool = 'digest' in value;
    const entries = Object.entries(value).map(([name, inner]) => [
      name,
      scrub(inner, KEPT_KEYS.has(name) || (isTool && name === 'name')),
    ]);
    return Object.fromEntries(entries);
  }
  return (value) => scrub(value, false);
}

/** Where journal and chart part. */
interface Difference {
  seq: number;
  event: string;
  journal: string;
  machine: string;
}

/** An export that was replayed, and where it differs. */
export interface Replay {
  header: BundleHeader;
  events: number;
  /** Events that were folded: fewer when the bundle begins before its first snapshot. */
  folded: number;
  difference: Difference | null;
  /** What one should know besides, in sentences. */
  remarks: string[];
}

/**
 * @param text  the bundle, JSON lines
 * @throws Error with a sentence for people when it is no bundle
 */
export function replay(text: string): Replay {
  const [first, ...lines] = text.split('\n').filter((line) => line.trim() !== '');
  const header = parse(first ?? '', 1) as BundleHeader;
  if (header?.kind !== 'orbitdock.incident' || header.format !== 1) {
    throw new Error(
      'This is not an incident bundle of OrbitDock: its first line says nothing of it',
    );
  }
  const result: Replay = {
    header,
    events: 0,
    folded: 0,
    difference: null,
    remarks: remarksOn(header),
  };
  let dummy: Dummy | null = null;
  for (const [at, line] of lines.entries()) {
    const part = parse(line, at + 2) as BundleEntry;
    if (part.kind === 'base') {
      dummy ??= begin(part, result.remarks);
    } else if (part.kind === 'event') {
      result.events += 1;
      if (!dummy || result.difference) continue;
      result.difference = compare(dummy, part);
      result.folded += 1;
    }
  }
  if (result.folded < result.events && !result.difference) {
    const left = result.events - result.folded;
    result.remarks.push(
      `${left} events stand before the first usable snapshot and were not folded`,
    );
  }
  return result;
}

function remarksOn({ machine, journal }: BundleHeader): string[] {
  const remarks: string[] = [];
  const ours = inspectedMachines().find(({ id }) => id === machine.id);
  if (ours && ours.hash !== machine.hash) {
    remarks.push(`Recorded with chart ${machine.hash}, folded with chart ${ours.hash}`);
  }
  if (journal.cut) remarks.push(`Events before ${journal.first} are beyond retention`);
  return remarks;
}

function begin(base: Extract<BundleEntry, { kind: 'base' }>, remarks: string[]): Dummy | null {
  const { seq, machine_version: version } = base;
  if (version !== MACHINE_VERSION) {
    remarks.push(
      `The snapshot at ${seq} is of version ${version} of the chart; this is ${MACHINE_VERSION}`,
    );
  }
  try {
    const snapshot = upgraded(base.snapshot, version);
    return snapshot === null ? null : createDummy(snapshot);
  } catch (error) {
    remarks.push(`The snapshot at ${seq} does not restore: ${(error as Error).message}`);
    return null;
  }
}

function compare(
  dummy: Dummy,
  { seq, event, value, accepted }: Extract<BundleEntry, { kind: 'event' }>,
): Difference | null {
  const { type } = event as SessionEvent;
  const journal = outcome(accepted, value);
  let machine: string;
  try {
    const moved = dummy.take(event as SessionEvent);
    if (moved.accepted === accepted && isSameValue(moved.snapshot.value, value)) return null;
    machine = outcome(moved.accepted, moved.snapshot.value);
  } catch (error) {
    machine = `fails: ${error instanceof Error ? error.message : String(error)}`;
  }
  return { seq, event: type, journal, machine };
}

function outcome(accepted: boolean, value: unknown): string {
  return `${accepted ? 'taken' : 'refused'}, then ${JSON.stringify(value)}`;
}

function parse(line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new Error(`Line ${number} is not JSON: the file is damaged or is no bundle`);
  }
}
