/** What the server answers on `/inspect`, request by request (inspect.ts). Types only. */

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

/** A whole journal in real time: complete before any record of it is loaded. */
export interface JournalTimeline {
  /** Number of the first event of `times`; 0 when the journal holds none. The others follow without a gap. */
  first: number;
  last: number;
  /** Older events are gone for good. */
  cut: boolean;
  /** When each event happened, ms since 1970, in the order of their numbers. */
  times: number[];
  /** What each was: place in `types`; -1 minus that place for one that was refused. */
  kinds: number[];
  types: string[];
  /** What lasted, in the order in which it began. */
  spans: TimelineSpan[];
  /** Part of the model's context in use, 0 to 1, at moments in ms since 1970. */
  context: [at: number, share: number][];
}

/** Something that lasted from one event of a journal to another. */
export interface TimelineSpan {
  /** `state`: the innermost states of region `phase`; `request`: something waited for a person. */
  row: 'state' | 'request' | 'turn' | 'tool' | 'agent' | 'compaction' | 'link';
  /** Id of the request, the tool use or the agent; empty for everything else. */
  id: string;
  /**
   * State paths with blanks between, type of the request, name of the tool, kind of the agent, state of the link;
   * redacted. The journal holds no words: those of a request are in its history (`list_approvals`).
   */
  text: string;
  /** Ms since 1970, and number of the event that began it. */
  from: number;
  seq: number;
  /** Null while it lasts. */
  to: number | null;
  endSeq: number | null;
  failed?: true;
}

/** A moment: the state right after event `seq`. */
export interface Moment {
  session: string;
  seq: number;
  at: string;
  origin: InspectOrigin;
  /** Who sent it; absent for what no connection asked for. */
  caller?: InspectCaller;
  value: StateValue;
  accepted: boolean;
  changed: boolean;
  edges: string[];
  facts: string[];
  children: readonly InspectChild[];
  revision: number;
  /** Redacted projection of the chart's context: ids, kinds, counts; no texts, no file contents. */
  context: Json;
  /** The same before the event, for a difference. */
  previous: { value: StateValue; context: Json };
  /** The event in the journal's form, redacted: its shape, without message bodies. */
  event: { type: string; [key: string]: Json };
}

/** What a guard says in a state. `depends`: it reads fields that only a real event has. */
type GuardVerdict = 'holds' | 'refuses' | 'depends';

/** A guard, and what it said. */
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

/** What could happen next, by what it would do. */
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
  entered:
    | (Cause & {
        edges: Array<{ edge: string; source: string; event: string; guard: string | null }>;
      })
    | null;
  /** For a state that is not active: the event that led out of it. */
  left: Cause | null;
  /** Since `entered` (until `left`), ms, up to `seq` or to now for the newest. */
  forMs: number | null;
  /** Said when `entered` is null: retention cut, begun in it, or never there. */
  reason: string | null;
  /** For an active state: what can happen now, and what cannot and why. */
  events: NextEvent[];
}

/** An event of the journal, as an explanation names it. */
export interface Cause {
  seq: number;
  at: string;
  event: string;
  origin: InspectOrigin;
  /** Who sent it; absent for what no connection asked for. */
  caller?: InspectCaller;
}

/** A child actor from its start to its end, as far as the journal goes. */
export interface ChildLifetime extends InspectChild {
  /** Null: before the oldest event that is kept or can be shown. */
  started: Cause | null;
  /** Null while it runs. */
  ended: Cause | null;
  /** Why it ended, where the session knows. */
  reason: string | null;
  /** How long it has lived (until `seq`, or until now for the newest); null without a known start. */
  forMs: number | null;
}

/** What an event would do. Nothing moves, nothing is stored. */
export type DryRun =
  | {
      possible: true;
      value: StateValue;
      changed: boolean;
      edges: string[];
      /** Named actions of those edges, then connector commands, as the chart names them. */
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

/** What inspection itself costs and has done. */
export interface InspectStats {
  /** Pages connected, sessions watched, `/inspect/stately` consumers. */
  pages: number;
  watched: number;
  stately: number;
  /** Since the start: records sent, rows sent, errors caught. */
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

/* A record of the inspection (inspect.ts): one event of a session and what it did. Types only. */

/** A state of the chart as XState writes it: `{"phase": {"awaitingApproval": "permission"}, "link": "passive"}`. */
export type StateValue = string | { [region: string]: StateValue };

/** What JSON can say; redacted texts read `[redacted]`, cut ones end in `…`. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Where an event came from; `watch`: from a check of registries and processes. */
export type InspectOrigin =
  | 'hook'
  | 'spool'
  | 'client'
  | 'connector'
  | 'watch'
  | 'transcript'
  | 'telemetry'
  | 'server'
  | 'visualizer';

/** Who sent an event over a connection. */
export interface InspectCaller {
  /** `local`: trusted because of where it comes from; `token`: showed a token. */
  kind: 'local' | 'token' | 'anonymous';
  address: string;
  /** Name of its token; absent for the one that is configured. */
  holder?: string;
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
   * Edges taken, in order, eventless ones too: ids of `machines/describe.ts`. Null when it is not known:
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
