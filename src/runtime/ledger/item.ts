/**
 * One event as it goes to the disk: what the chart made of it, as text. Called by the ledger alone.
 */

import type { SessionEvent } from '../../../machines/session-events.ts';
import type { Fact } from '../../../machines/session-facts.ts';
import { MACHINE_VERSION } from '../../../machines/session-types.ts';
import { type Step, storedForm } from '../../../machines/step.ts';
import type { EventItem } from '../../store/items.ts';
import type { SessionHead } from '../sessions/live-session.ts';
import { journalForm } from './journal.ts';

/** A fact and its JSON: written once, for the disk and for its frame. */
export interface Piece {
  fact: Fact;
  text: string;
}

/** A fact with its JSON. */
export function pieceOf(fact: Fact): Piece {
  return { fact, text: JSON.stringify(fact) };
}

/**
 * Events that change a machine in the same way without the texts that the journal leaves out: most of
 * what happens in a session. Their texts go into messages, and the machine does not know those.
 */
const FOLDS = new Set<SessionEvent['type']>([
  'tool.started',
  'tool.finished',
  'tools.settled',
  'agent.started',
  'agent.finished',
  'message.changed',
  'usage.updated',
  'hook.observed',
  'witness.busy',
  'witness.idle',
  'process.seen',
  'process.suspended',
]);

/** Messages whose first words the machine remembers. */
const SPEAKERS = new Set<string>(['user', 'assistant']);

/** Most events folded into a stored snapshot: far below a millisecond's work. */
export const MAX_TAIL = 32;

/** Whether the state after this event folds from the snapshot that is stored and the journal. */
function foldsOn(event: SessionEvent, tail: number): boolean {
  const speaks = event.message !== undefined && SPEAKERS.has(event.message.message_type);
  // A streamed text that is whole now: the machine may quote it.
  const rewords = event.update?.changes.content !== undefined;
  return tail < MAX_TAIL && FOLDS.has(event.type) && !speaks && !rewords;
}

/** What is stored of an event and its step, and how many events then follow the stored snapshot. */
export function itemOf(
  about: Pick<EventItem, 'sessionId' | 'chain' | 'key' | 'origin' | 'caller'>,
  {
    head,
    step: { snapshot, accepted },
    event,
    pieces,
  }: { head: SessionHead; step: Step; event: SessionEvent; pieces: readonly Piece[] },
): { item: EventItem; tail: number } {
  const isNew = head.birth.length > 0;
  const needsSnapshot = (accepted || isNew) && !foldsOn(event, head.tail);
  const item: EventItem = {
    kind: 'event',
    ...about,
    at: event.at,
    event: journalForm(event, head.snapshot.context.session),
    accepted,
    value: JSON.stringify(snapshot.value),
    facts: `[${pieces.map(({ text }) => text).join(',')}]`,
    snapshot: needsSnapshot ? JSON.stringify(storedForm(snapshot)) : null,
    machineVersion: MACHINE_VERSION,
    base: head.base,
  };
  const tail = needsSnapshot ? 0 : head.tail + (accepted ? 1 : 0);
  return { item, tail };
}
