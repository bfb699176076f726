/** A record of the inspection (inspect.ts): one event of a session and what it did. Types only. */

/** A state of the chart as XState writes it: `{"phase": {"awaitingApproval": "permission"}, "link": "passive"}`. */
export type StateValue = string | { [region: string]: StateValue };

/** What JSON can say; redacted texts read `[redacted]`, cut ones end in `…`. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Where an event came from; `watch`: from a look at registries and processes. */
export type InspectOrigin =
  | 'hook'
  | 'spool'
  | 'client'
  | 'connector'
  | 'watch'
  | 'server'
  | 'visualizer';

/** Who sent an event over a connection. */
export interface InspectCaller {
  /** `local`: trusted because of where it comes from; `token`: showed the configured token. */
  kind: 'local' | 'token' | 'anonymous';
  address: string;
  /** Id of the connection, as in the log: its transport and a number, such as `ws-12`. */
  connection: string;
}

/** One committed macrostep: one row of the journal. */
export interface InspectRecord {
  v: 1;
  session: string;
  seq: number;
  /** When it happened, ISO 8601 UTC with microseconds. */
  at: string;
  origin: InspectOrigin;
  /** Who sent it; absent for what no connection asked for. */
  caller?: InspectCaller;
  event: { type: string };
  /** The state after it. */
  value: StateValue;
  /** False: refused, nothing moved. */
  accepted: boolean;
  /** Whether `value` differs from the one before. */
  changed: boolean;
  /**
   * Edges taken, in order, eventless ones too: ids of `machines/describe.ts`. Null when it cannot be told:
   * no base to fold from, or another version of the chart wrote it.
   */
  edges: string[] | null;
  /** Types of the facts it recorded, in order; null as above. */
  facts: string[] | null;
  /**
   * Child actors that run after it, and those that ended with it; one that has not started is not there.
   * Null as above.
   */
  children: readonly InspectChild[] | null;
  /** The session's revision after it. */
  revision: number;
}

/** How a child actor stands: `stopped` by its session, or come to an end by itself. */
export type ChildStatus = 'running' | 'stopped' | 'done' | 'error';

/** A child actor of a session. */
export interface InspectChild {
  /** Its name in the session. */
  id: string;
  /** Name of what it runs, as the chart calls it. */
  src: string;
  /** `plain`: a callback, a promise or the like, without states of its own. */
  kind: 'chart' | 'plain';
  status: ChildStatus;
}
