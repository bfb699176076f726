/**
 * One event as it goes to the disk: what the chart made of it, as text. Called by the ledger alone.
 */

import type { Fact } from '../../../machines/session-facts.ts';
import { MACHINE_VERSION } from '../../../machines/session-types.ts';
import type { EventItem } from '../../store/items.ts';
import type { LiveSession, Told } from '../sessions/live-session.ts';
import { journalForm } from './journal.ts';
import type { SessionActor } from './moment.ts';
import { foldsOn, type Moment, momentOf } from './moment.ts';

/** A fact and its JSON: written once, for the disk and for its frame. */
export interface Piece {
  fact: Fact;
  text: string;
}

/** What an actor shows of itself. */
type SessionSnapshot = ReturnType<SessionActor['getSnapshot']>;

/** A fact with its JSON. */
export function pieceOf(fact: Fact): Piece {
  return { fact, text: JSON.stringify(fact) };
}

function textOf(pieces: readonly Piece[]): string {
  return `[${pieces.map(({ text }) => text).join(',')}]`;
}

/**
 * What is stored of an event that the actor has taken, and the machine after it: null when the event did
 * nothing. Notes in `live` what the next event has to know.
 *
 * @param before  the actor before the event
 */
export function itemOf(
  live: LiveSession,
  { event, key, origin }: Told,
  { before, happened }: { before: SessionSnapshot; happened: readonly Piece[] },
): { item: EventItem; moment: Moment | null } {
  const snapshot = live.actor.getSnapshot();
  // The chart gives the same snapshot back when it has no transition for an event; to ask it first
  // (`can`) would look for them twice.
  const accepted = snapshot !== before;
  const moment = accepted || live.birth.length > 0 ? momentOf(live.actor) : null;
  const needsSnapshot = moment !== null && !foldsOn(event, moment, live.tail);
  if (moment) live.latest = moment;
  if (needsSnapshot) live.tail = 0;
  else if (accepted) live.tail++;
  const item: EventItem = {
    kind: 'event',
    sessionId: live.id,
    generation: live.generation,
    key,
    at: event.at,
    origin,
    event: journalForm(event, before.context.session),
    accepted,
    value: JSON.stringify(snapshot.value),
    facts: textOf(happened),
    snapshot: needsSnapshot ? JSON.stringify(moment.persist()) : null,
    machineVersion: MACHINE_VERSION,
    base: live.base,
  };
  live.birth = [];
  live.base = null;
  return { item, moment };
}
