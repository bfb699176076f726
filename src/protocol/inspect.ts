/**
 * What the page and the server say to each other on the socket.io namespace `/inspect`, protocol 1.
 * Types only: the server answers with them, the visualizer imports them. A moment is named by session
 * and journal number (`seq`), so it means the same before and after a restart. Nothing is told before
 * it is committed, and everything that leaves is redacted.
 *
 * The page connects with `io('/inspect', { auth: { token } })`; without a token it must be local. Each
 * request below is an event of that name with one argument, answered through socket.io's
 * acknowledgement. The pictures are not sent: geometry is built with the page (`machines[].hash` says
 * whether it is the picture of this very machine).
 */

/** Grows with a change that an older page would misread. */
export type InspectProtocol = 1;

/** A state of the chart as XState writes it: `{"phase": {"awaitingApproval": "permission"}, "link": "passive"}`. */
export type StateValue = string | { [region: string]: StateValue };

/** What JSON can say; redacted texts read `[redacted]`, cut ones end in `…`. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Where an event came from. */
export type InspectOrigin = 'hook' | 'spool' | 'client' | 'connector' | 'house' | 'visualizer';

// ---- server to page --------------------------------------------------------------------------------

/** First on every connection, also on every reconnection. Another `boot` or `epoch`: forget everything. */
export interface InspectHello {
  protocol: InspectProtocol;
  /** Version of the server. */
  version: string;
  /** Id of this run of the server. */
  boot: string;
  /** Changes only with a new or restored database: a `seq` of another epoch means nothing. */
  epoch: string;
  /** Version of XState. */
  xstate: string;
  machines: InspectMachine[];
  /** What this caller may do: look, and with `control` also `send`. */
  scopes: InspectScope[];
  /** Event types that `send` takes; empty without `control`. */
  sendable: string[];
  limits: InspectLimits;
  /** ISO 8601 UTC with milliseconds, to measure ages by the server's clock. */
  now: string;
  /** All sessions, the newest first, at most `limits.rows`. */
  rows: InspectRow[];
  /** Sessions in all. */
  sessions: number;
}

export type InspectScope = 'read' | 'control';

/** A chart the server runs. */
export interface InspectMachine {
  id: string;
  /**
   * First twelve hex digits of SHA-256 over `JSON.stringify(describeMachine(machine))`; the built geometry
   * carries the same.
   */
  hash: string;
  /** `machine_version` of the snapshots it writes. */
  version: number;
}

export interface InspectLimits {
  /** Sessions in `hello`. */
  rows: number;
  /** Sessions one connection may watch at once. */
  watches: number;
  /** Records of one page of history. */
  page: number;
  /** Journal events kept of a session at least, and for how many days. */
  journalRows: number;
  journalDays: number;
  /** Texts are cut to so many characters, lists to so many items, trees to so many levels. */
  textChars: number;
  listItems: number;
  depth: number;
}

/** One session in the list. */
export interface InspectRow {
  id: string;
  name: string;
  provider: string;
  /** The newest committed state; null for a session of which no event was ever journalled. */
  value: StateValue | null;
  /** Innermost active states, one a region: `["phase.awaitingApproval.permission", "link.passive"]`. */
  path: string[];
  work_status: string;
  /** Value of region `link`: passive, detached, attaching, attached, failed. */
  link: string | null;
  /** Type of the newest journalled event. */
  lastEvent: string | null;
  /** Whether that event was possible. */
  lastAccepted: boolean;
  /** When it happened, ISO 8601 UTC; of a session without events: its last activity. */
  at: string | null;
  seq: number;
  /** Over the last ten seconds, to one decimal; 0 when nobody was looking so long. */
  eventsPerSecond: number;
  /** Whether it has an actor right now. */
  live: boolean;
}

/** One committed macrostep: one row of the journal. */
export interface InspectRecord {
  v: 1;
  session: string;
  seq: number;
  /** When it happened, ISO 8601 UTC with microseconds. */
  at: string;
  origin: InspectOrigin;
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
  /** The session's revision after it. */
  revision: number;
}

/** What the server tells by itself, by name of the socket.io event. */
export interface InspectServerEvents {
  hello: (hello: InspectHello) => void;
  /** Rows that changed, each whole, at most every 100 ms; volatile: a slow page gets the next ones. */
  rows: (rows: InspectRow[]) => void;
  /** Records of watched sessions in order, every 50 ms; never dropped while the connection stands. */
  records: (session: string, records: InspectRecord[]) => void;
  /** This page is too slow: it watches nothing any more until it asks again (`watch` with `sinceSeq`). */
  lag: (lag: { sessions: string[] }) => void;
}

// ---- page to server --------------------------------------------------------------------------------

export type InspectRefusalCode =
  | 'bad_request'
  | 'not_found'
  /** Retention took it away; `detail.first` is the oldest event still there. */
  | 'cut'
  /** No base of this version of the chart: states are known, contexts and edges are not. */
  | 'no_snapshot'
  | 'forbidden'
  | 'too_many_subscriptions'
  | 'rate_limited'
  | 'server_busy'
  | 'storage_unavailable'
  | 'quarantined'
  | 'shutting_down'
  | 'internal_error';

/** Every acknowledgement. */
export type Answer<Result extends object> =
  | ({ ok: true } & Result)
  | { ok: false; code: InspectRefusalCode; message: string; detail?: { [key: string]: Json } };

/** A stretch of a session's journal. */
export interface HistoryPage {
  /** Oldest first. */
  records: InspectRecord[];
  /** Numbers of the oldest and the newest event the journal holds; 0 and 0 when it holds none. */
  first: number;
  last: number;
  /** The page ends where retention has cut: older events (1 to first - 1) are gone for good. */
  cut: boolean;
}

/** A moment: the state right after event `seq`. */
export interface Moment {
  session: string;
  seq: number;
  at: string;
  origin: InspectOrigin;
  value: StateValue;
  accepted: boolean;
  changed: boolean;
  edges: string[];
  facts: string[];
  revision: number;
  /** Redacted projection of the chart's context: ids, kinds, counts; no texts, no file contents. */
  context: Json;
  /** The same before the event, for a difference. */
  previous: { value: StateValue; context: Json };
  /** The event in the journal's form, redacted: its shape, without message bodies. */
  event: { type: string; [key: string]: Json };
}

/** What a guard says in a state. `depends`: it reads fields that only a real event has. */
export type GuardVerdict = 'holds' | 'refuses' | 'depends';

export interface GuardView {
  /** `connectorCan(turn.run)`, `not(isBusy)`. */
  name: string;
  verdict: GuardVerdict;
  /** With `depends`: the fields of the event that decide. */
  reads: string[];
}

/** One edge an event could take from the active states. */
export interface Way {
  edge: string;
  /** Id of the state the edge leaves, and of those it leads to (none: it stays). */
  source: string;
  targets: string[];
  /** Null: unguarded. */
  guard: GuardView | null;
}

/** An event, and whether it is possible in a state. */
export interface NextEvent {
  /** Event type, or a family such as `message.*`. */
  event: string;
  /** `depends`: the payload decides (see the guards). */
  verdict: 'possible' | 'refused' | 'depends';
  /** Edges from active states in the order they are asked; the first whose guard holds is taken. */
  ways: Way[];
  /** Why it is refused, in words: names the guard that says no, or the states that would take it. */
  reason: string | null;
  /** With no way from here: states that take it. */
  takenIn: string[];
}

export interface NextEvents {
  seq: number;
  value: StateValue;
  events: NextEvent[];
}

/** Why a session is, or was, in a state. */
export interface WhyState {
  seq: number;
  state: string;
  active: boolean;
  /** When the session came into the state; for one that is not active: when it was last in it. */
  entered: {
    seq: number;
    at: string;
    event: string;
    origin: InspectOrigin;
    edges: Array<{ edge: string; source: string; event: string; guard: string | null }>;
  } | null;
  /** For a state that is not active: the event that led out of it. */
  left: { seq: number; at: string; event: string; origin: InspectOrigin } | null;
  /** Since `entered` (until `left`), ms, up to `seq` or to now for the newest. */
  forMs: number | null;
  /** Said when `entered` is null: retention cut, born in it, or never there. */
  reason: string | null;
  /** For an active state: what can happen now, and what cannot and why. */
  events: NextEvent[];
}

/** What an event would do. Nothing moves, nothing is stored. */
export type DryRun =
  | {
      possible: true;
      value: StateValue;
      changed: boolean;
      edges: string[];
      /** Named actions of those edges, then orders, as the chart names them. */
      actions: string[];
      facts: string[];
      context: Json;
    }
  | { possible: false; reason: string; ways: Way[] };

/** What became of an event that was sent. It is committed when this is answered. */
export interface Sent {
  accepted: boolean;
  /** Why the chart refused it. */
  reason: string | null;
  /** The state after it. */
  value: StateValue;
}

export interface InspectStats {
  /** Pages connected, sessions watched, `/inspect/stately` consumers. */
  pages: number;
  watched: number;
  stately: number;
  /** Since the start: records told, rows told, errors swallowed. */
  records: number;
  rows: number;
  errors: number;
  /** Events a second over the last ten, all sessions. */
  eventsPerSecond: number;
  /** Folded stretches of journals in memory, and how many steps they hold. */
  segments: number;
  steps: number;
  liveSessions: number;
  /** Resident memory of the server, bytes. */
  rss: number;
  uptimeMs: number;
}

/** What the page asks, by name of the socket.io event: argument and answer. */
export interface InspectRequests {
  /**
   * Records of a session from now on. Answers with what came after `sinceSeq`; without it, or when too
   * much came, with the newest page and `gap: true` where something lies between.
   */
  watch: [
    { session: string; sinceSeq?: number },
    Answer<HistoryPage & { row: InspectRow; gap: boolean }>,
  ];
  unwatch: [{ session: string }, Answer<object>];
  /** The page of records before `beforeSeq` (without it: the newest). */
  history: [{ session: string; beforeSeq?: number; limit?: number }, Answer<HistoryPage>];
  at: [{ session: string; seq: number }, Answer<Moment>];
  /** `state` is a state's id as `machines/describe.ts` gives it; without `seq`: the newest moment. */
  why: [{ session: string; state: string; seq?: number }, Answer<WhyState>];
  next: [{ session: string; seq?: number }, Answer<NextEvents>];
  dryRun: [
    { session: string; seq?: number; event: { type: string; [key: string]: Json } },
    Answer<DryRun>,
  ];
  /**
   * An event told to the live session, by a caller with `control`: one of `hello.sendable`, checked against
   * its schema, stamped by the server, journalled with origin `visualizer` also when the chart refuses it.
   */
  send: [{ session: string; event: { type: string; [key: string]: Json } }, Answer<Sent>];
  /** An incident bundle: JSONL for `orbitdock-server replay`. */
  export: [{ session: string }, Answer<{ filename: string; jsonl: string }>];
  /** A chart as text. */
  chart: [
    { machine: string; format: 'mermaid' | 'scxml' | 'json' },
    Answer<{ filename: string; text: string }>,
  ];
  stats: [Record<string, never>, Answer<InspectStats>];
  /** A 60-second, single-use way into `/inspect/stately`, for consumers that can only pass a URL. */
  ticket: [{ session?: string }, Answer<{ path: string }>];
}

/** The same as socket.io's typed client wants it. */
export type InspectClientEvents = {
  [Name in keyof InspectRequests]: (
    request: InspectRequests[Name][0],
    answer: (answer: InspectRequests[Name][1]) => void,
  ) => void;
};
