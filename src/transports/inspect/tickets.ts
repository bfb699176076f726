/**
 * Tickets: a way in for consumers that can only pass a URL. Given to somebody who is inside already,
 * good once and for a minute, so that one in a log or a history is worth nothing.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../ports.ts';

/** The one door that takes tickets. */
export const STATELY_PATH = '/inspect/stately';

const GOOD_FOR_MS = 60_000;
/** Tickets that are out at once; the oldest is void beyond. */
const MAX_TICKETS = 1_000;

/** Passes of one use, for pages that cannot send a header. */
export interface Tickets {
  issue(): string;
  /** Whether it was good; it is not any more. */
  take(ticket: string): boolean;
}

/** A book of tickets. */
export function createTickets({ clock }: { clock: Clock }): Tickets {
  const until = new Map<string, number>();
  return {
    issue() {
      const ticket = randomBytes(24).toString('base64url');
      until.set(ticket, clock.now() + GOOD_FOR_MS);
      if (until.size > MAX_TICKETS) until.delete(until.keys().next().value as string);
      return ticket;
    },
    take(ticket) {
      const limit = until.get(ticket);
      until.delete(ticket);
      return limit !== undefined && clock.now() <= limit;
    },
  };
}
