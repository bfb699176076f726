/** One line for each session: from the database for all of them, from a commit for the one that moved. */
import type { InspectRow } from '../../protocol/inspect.ts';
import type { EventItem, InspectedSession } from '../../store/items.ts';
import type { LiveSession } from '../sessions/live-session.ts';
import { typeOf } from './history.ts';
import { redactText } from './redact.ts';
import { linkOf, pathsOf, valueFrom } from './value.ts';

/** Longest name in a row, characters. */
const NAME_CHARS = 120;

/** The row of a session that has just moved. */
export function rowOf(
  live: LiveSession,
  item: EventItem,
  seq: number,
  eventsPerSecond: number,
): InspectRow {
  // The newest state on disk; the actor itself may be ahead of it.
  const { session } = live.committed?.context ?? live.input;
  const value = valueFrom(item.value);
  return {
    id: live.id,
    name: nameOf(session.custom_name ?? session.project_name ?? live.id),
    provider: session.provider,
    value,
    path: pathsOf(value),
    work_status: session.work_status,
    link: linkOf(value),
    lastEvent: typeOf(item.event),
    lastAccepted: item.accepted,
    at: item.at,
    seq,
    eventsPerSecond,
    live: true,
  };
}

/** The row of a session as the database has it. */
export function storedRow(
  { id, name, provider, work_status, at, seq, value, event, accepted }: InspectedSession,
  now: { live: boolean; eventsPerSecond: number },
): InspectRow {
  const state = value === null ? null : valueFrom(value);
  return {
    id,
    name: nameOf(name),
    provider,
    value: state,
    path: state === null ? [] : pathsOf(state),
    work_status,
    link: state === null ? null : linkOf(state),
    lastEvent: event,
    lastAccepted: accepted,
    at,
    seq,
    ...now,
  };
}

/** A name is chosen by people and may hold anything. */
function nameOf(name: string): string {
  return redactText(name, NAME_CHARS);
}
