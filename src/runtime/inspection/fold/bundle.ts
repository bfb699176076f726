/**
 * An incident as one file of JSON lines: a header (machine, clock, what retention left), then the
 * journal's snapshots and events. `replay.ts` folds it on any machine, so everything that moves the chart
 * is in it: ids, kinds, times. Everything else is a pseudonym that is the same wherever the same text
 * stood, because the chart compares texts; its key is forgotten with the export, so nobody can guess back.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { InspectMachine } from '../../../protocol/inspect.ts';
import type { JournalStretch } from '../../../store/items.ts';
import type { JournalRow } from '../../../store/queries/journal.ts';
import type { Writer } from '../../../store/writer.ts';
import { redactText } from '../redact.ts';

/** First line of a bundle. */
export interface BundleHeader {
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
export type BundleLine =
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
   model effort permission_mode approval_policy sandbox_mode codex_integration_mode
   claude_integration_mode started_at last_activity_at timestamp startedAt settledAt server
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
  const lines: BundleLine[] = [];
  let until = null as number | null;
  let ends = { first: 0, last: 0 };
  for (;;) {
    const { base, rows, first, last }: JournalStretch = await writer.read({
      kind: 'stretch',
      sessionId: session,
      seq: until,
      after: 0,
    });
    if (until === null) ends = { first, last };
    const newest = until ?? last;
    const events = rows.filter(({ seq }) => seq <= newest).map((row) => eventLine(row, scrub));
    lines.unshift(...events);
    if (base) lines.unshift(baseLine(base, scrub));
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

function eventLine(row: JournalRow, scrub: Scrub): BundleLine {
  const { seq, at, origin, accepted, revision } = row;
  const event = scrub(JSON.parse(row.event));
  const value: unknown = JSON.parse(row.value);
  return { kind: 'event', seq, at, origin, event, value, accepted, revision };
}

function baseLine(
  { seq, machineVersion, snapshot }: { seq: number; machineVersion: number; snapshot: string },
  scrub: Scrub,
): BundleLine {
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
    // A tool's name decides; a session's name is somebody's words.
    const isTool = 'digest' in value;
    const entries = Object.entries(value).map(([name, inner]) => [
      name,
      scrub(inner, KEPT_KEYS.has(name) || (isTool && name === 'name')),
    ]);
    return Object.fromEntries(entries);
  }
  return (value) => scrub(value, false);
}
