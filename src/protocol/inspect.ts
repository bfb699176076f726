/**
 * What the page and the server say to each other on the socket.io namespace `/inspect`, protocol 1.
 * Types only: the server answers with them, the visualizer imports them. A moment is named by session
 * and journal number (`seq`), so it means the same before and after a restart. Nothing is sent before
 * it is committed, and everything that leaves is redacted.
 *
 * The page connects with `io('/inspect', { auth: { token } })`; without a token it must be local. Each
 * request below is an event of that name with one argument, answered through socket.io's
 * acknowledgement. The pictures are not sent: geometry is built with the page (`machines[].hash` says
 * whether it is the picture of this very machine).
 */
import type {
  ChildLifetime,
  DryRun,
  HistoryPage,
  InspectRecord,
  InspectStats,
  JournalTimeline,
  Json,
  Moment,
  NextEvents,
  Sent,
  StateValue,
  WhyState,
} from './inspect-answers.ts';

export type * from './inspect-answers.ts';

/** Grows with a change that an older page would misread. */
type InspectProtocol = 1;

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

/** What of the server is looked at. */
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

/** How much of everything is shown at most. */
interface InspectLimits {
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
  /** What a person named it, else its project, else its id; redacted, as all texts of a row. */
  name: string;
  /**
   * What it is about: the name that a person chose, else the provider's title, else the first sentence of
   * its first prompt; null where there is none of them.
   */
  title: string | null;
  project: string | null;
  branch: string | null;
  model: string | null;
  provider: string;
  /** Whether it obeys this server; any other is only watched. */
  steered: boolean;
  started_at: string | null;
  /** The beginning of what was said last, as plain text: marks of Markdown are taken out. */
  last_message: string | null;
  /**
   * What it works on: the newest tool that runs. Null while none does; absent where that is not known, as of a
   * session of which nothing was committed since the page connected.
   */
  doing?: InspectDoing | null;
  /** Subagents that run; absent where that is not known. */
  agents?: number;
  /** Part of the model's context that is used, 0 to 1; null where the provider does not report it. */
  context?: number | null;
  /** When the turn that runs began, ISO 8601 UTC; null while none runs, absent where that is not known. */
  working_since?: string | null;
  /** The request that waits for a person; null while none does. */
  waiting: InspectWaiting | null;
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
  /** Over the last ten seconds, to one decimal; 0 when no client was looking so long. */
  eventsPerSecond: number;
  /** Whether it has an actor right now. */
  live: boolean;
}

/** A tool that runs. */
export interface InspectDoing {
  tool: string;
  /** Its headline, such as the command or the file, redacted; empty where it is not known. */
  text: string;
}

/** The oldest open request of a session, in short. */
export interface InspectWaiting {
  request: string;
  type: 'exec' | 'patch' | 'question';
  tool: string | null;
  /** The command, the question, the plan or the file; prose without marks of Markdown. */
  text: string;
  /** Lines that a change of a file adds and takes away; absent for everything else. */
  lines?: { added: number; removed: number };
  /** How many questions it asks; 1 for everything else. */
  questions: number;
  /** When it was asked, ISO 8601 UTC with milliseconds. */
  since: string;
}

/** What the server sends by itself, by name of the socket.io event. */
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

/** Why a request was refused. */
type InspectRefusalCode =
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

/** What the page asks, by name of the socket.io event: argument and answer. */
export interface InspectRequests {
  /**
   * Records of a session from now on. Answers with what came after `sinceSeq`; without it, or when too
   * much came, with the newest page and `gap: true` where something is between.
   */
  watch: [
    { session: string; sinceSeq?: number },
    Answer<HistoryPage & { row: InspectRow; gap: boolean }>,
  ];
  unwatch: [{ session: string }, Answer<object>];
  /** The page of records before `beforeSeq` (without it: the newest). */
  history: [{ session: string; beforeSeq?: number; limit?: number }, Answer<HistoryPage>];
  /** The whole journal in real time, without payloads. */
  timeline: [{ session: string }, Answer<JournalTimeline>];
  at: [{ session: string; seq: number }, Answer<Moment>];
  /** `state` is a state's id as `machines/describe.ts` gives it; without `seq`: the newest moment. */
  why: [{ session: string; state: string; seq?: number }, Answer<WhyState>];
  next: [{ session: string; seq?: number }, Answer<NextEvents>];
  /** The newest life of a child actor up to `seq` (without it: now); `not_found` for one that never started. */
  child: [{ session: string; child: string; seq?: number }, Answer<ChildLifetime>];
  dryRun: [
    { session: string; seq?: number; event: { type: string; [key: string]: Json } },
    Answer<DryRun>,
  ];
  /**
   * An event sent to the live session, by a caller with `control`: one of `hello.sendable`, checked against
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
