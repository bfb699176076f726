/**
 * Folds an incident bundle through this version's chart with effects stubbed, and finds the first event
 * at which the chart does something else than it did when it was journalled.
 */
import { MACHINE_VERSION, type SessionEvent } from '../../../../machines/index.ts';
import { MACHINES } from '../chart.ts';
import type { BundleHeader, BundleLine } from './bundle.ts';
import { createDummy, type Dummy } from './fold.ts';

/** Where journal and chart part. */
interface Difference {
  seq: number;
  event: string;
  journal: string;
  machine: string;
}

/** An export told again, and where it differs. */
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
    const part = parse(line, at + 2) as BundleLine;
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
  const ours = MACHINES.find(({ id }) => id === machine.id);
  if (ours && ours.hash !== machine.hash) {
    remarks.push(`Recorded with chart ${machine.hash}, folded with chart ${ours.hash}`);
  }
  if (journal.cut) remarks.push(`Events before ${journal.first} are beyond retention`);
  return remarks;
}

function begin(base: Extract<BundleLine, { kind: 'base' }>, remarks: string[]): Dummy | null {
  if (base.machine_version !== MACHINE_VERSION) {
    remarks.push(
      `The snapshot at ${base.seq} is of version ${base.machine_version} of the chart; this is ${MACHINE_VERSION}`,
    );
    return null;
  }
  try {
    return createDummy(base.snapshot);
  } catch (error) {
    remarks.push(`The snapshot at ${base.seq} does not restore: ${(error as Error).message}`);
    return null;
  }
}

function compare(
  dummy: Dummy,
  { seq, event, value, accepted }: Extract<BundleLine, { kind: 'event' }>,
): Difference | null {
  const { type } = event as SessionEvent;
  const journal = outcome(accepted, value);
  let machine: string;
  try {
    const moved = dummy.tell(event as SessionEvent);
    machine = outcome(moved.accepted, moved.snapshot.value);
  } catch (error) {
    machine = `fails: ${error instanceof Error ? error.message : String(error)}`;
  }
  return journal === machine ? null : { seq, event: type, journal, machine };
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
