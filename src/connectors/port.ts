/**
 * What a connector is to the house: orders in, events out. A connector knows one session's provider and
 * nothing of ledgers, rooms or SQL. It is made when the session wants one and dead once it was released,
 * lost or could not start; the next one is a new one.
 */

import type { SessionEvent } from '../../machines/session-events.ts';
import type { ConnectorCommand } from '../../machines/session-facts.ts';

type WithoutTime<Event> = Event extends unknown ? Omit<Event, 'at'> : never;

/** An event as a connector reports it: the house stamps it. */
export type Report = WithoutTime<SessionEvent>;

/** A text that is still coming; see runtime/rooms/streams.ts. */
export interface OpenText {
  push(text: string): void;
  /** Everything so far. */
  text(): string;
  close(): void;
}

/** What the house offers to the connector of one session. */
export interface House {
  /**
   * Tells the session, in the order of the calls. Settles with the commit, false when the event could not
   * be stored; never rejects.
   */
  report(event: Report): Promise<boolean>;
  /** Goes on with the text of a message that was just reported open; nothing of it is told before that. */
  stream(messageId: string, first: string, stored: Promise<boolean>): OpenText;
  /** Wall clock, ms: for what a message shows as its time when the provider names none. */
  nowMs(): number;
}

/** The connector of one session. */
export interface Connector {
  /** Does what a stored order says; what goes wrong becomes a report. Never throws. */
  take(order: ConnectorCommand): void;
  /** Why the provider could not take this answer to an open request; null when it can. */
  refusalOf(order: ConnectorCommand): string | null;
  /** Settles when it is ready. @throws OrbitError why it could not start */
  readonly attached: Promise<void>;
  /** True once it is of no use any more. */
  readonly isOver: boolean;
  /** Lets go because the house closes: what runs is lost, and said to be. */
  close(reason: string): void;
}
