/**
 * What sources beside the hooks report about a session that runs in a terminal. A report states what a source
 * saw, in neutral words; whether it changes the session is for the chart to decide.
 */
import type { SessionEvent } from '../../machines/session-events.ts';
import type { TailNoted } from '../../machines/session-facts.ts';
import type { Stamp } from '../../machines/session-types.ts';
import type { ImageInput } from '../protocol/nouns.ts';

/** What every report carries. */
export interface ReportOrigin {
  /** The source; the chart ranks it. */
  witness: 'registry' | 'process' | 'transcript' | 'telemetry';
  sessionId: string;
  /** When it happened, in milliseconds since 1970 by the clock of the source's machine. */
  stamp: number;
  /** Equal for equal reports, also after a restart or a second reading: the idempotency key. */
  key: string;
}

/** How many tokens one answer of the model took; `context` is what it had to read in all. */
export interface Tokens {
  input: number;
  output: number;
  cacheRead: number;
  cacheCreation: number;
  /** Part of `output`. */
  thinking: number;
  context: number;
}

/** An image of a message, base64. */
export interface ReportedImage {
  mediaType: string;
  data: string;
}

/** The state of a session as its live registry files give it, all processes of the session together. */
export interface LiveState {
  /** `waiting`: a dialog of the agent is open; what it asks only a hook reports. `idle`: the person's turn. */
  state: 'idle' | 'working' | 'waiting';
  /** What kind of dialog is open; null where none is. */
  asks: 'permission' | 'question' | null;
  /** The registry's own words, for the journal: `busy`, `waiting/permission prompt`. */
  words: string;
  cwd: string | null;
  name: string | null;
  version: string | null;
  /** `bg` for a background session. */
  kind: string | null;
  /** `cli` for a terminal, `sdk-cli` for `claude -p`. */
  entrypoint: string | null;
  /** Milliseconds since 1970. */
  startedAt: number | null;
}

/** A conversation that is going on somewhere, as the beginning of its file describes it. */
interface FoundSession {
  /** Its file: what was said is read from there. */
  path: string;
  cwd: string;
  /** The program that runs it, in its own words. */
  originator: string | null;
  version: string | null;
  branch: string | null;
  commit: string | null;
  /** The provider's id of the conversation that it was copied from. */
  forkedFrom: string | null;
  name: string | null;
  /** A process has taken it up (again): one that was over goes on. */
  isBack: boolean;
  /** Milliseconds since 1970. */
  startedAt: number;
}

/** Why no process of a session is left. `exited`: it removed its registry file. `killed`: the file stayed. */
export type GoneReason = 'exited' | 'killed' | 'stopped' | 'done' | 'failed';

/** What the live registry and the check of processes report. */
export type WatchReport = ReportOrigin &
  (
    | ({ what: 'session.state' } & LiveState)
    /** A session that is read from a file alone: no state, that comes with what is read of the file. */
    | ({ what: 'session.found' } & FoundSession)
    | { what: 'session.named'; name: string }
    /** The same process went on with another session (`/clear`). */
    | { what: 'session.continued'; from: string; pid: number }
    /** The processes that run the session id now, to be stored: they are looked at after a restart too. */
    | { what: 'process.seen'; processes: { pid: number; start: string | null }[] }
    | {
        what: 'process.gone';
        reason: GoneReason;
        pids: number[];
        /** The same for people, where more is known. */
        words?: string;
      }
    /** Every process of the session is stopped by a signal (Ctrl-Z), or one runs again. */
    | { what: 'process.suspended'; suspended: boolean; pids: number[] }
  );

/** How a tool use ended. `refused_or_interrupted`: the transcript of that version does not say which. */
export type ToolOutcome = 'done' | 'failed' | 'refused' | 'interrupted' | 'refused_or_interrupted';

/** Where a transcript's report belongs. */
interface TranscriptOrigin extends ReportOrigin {
  witness: 'transcript';
  /** The subagent whose file it is in; null for the main thread. */
  agent: string | null;
  /** The transcript's id of the line, by which a rewind takes it back; null for lines that have none. */
  message: string | null;
  /** The provider's id of the prompt that it answers; null where the version writes none. */
  turn: string | null;
}

/** What a transcript reports. */
export type TranscriptReport = TranscriptOrigin &
  (
    | {
        what: 'user.text';
        text: string;
        images: ReportedImage[];
        prompt: string | null;
        /** `program`: through `claude -p` or the SDK. `agent`: the task that a subagent got. */
        by: 'person' | 'program' | 'agent';
        /** Typed while the session worked. */
        queued: boolean;
      }
    /** Text that entered as a user's but is not: `task-notification`, `peer`, `summary`. */
    | { what: 'notice'; origin: string; text: string }
    | {
        what: 'assistant.text';
        text: string;
        /** The provider's id of the answer; several texts, thoughts and tools share it. */
        answer: string | null;
        partial: boolean;
      }
    /** `text` is empty where the provider keeps it. `durationMs` null: not known. */
    | { what: 'assistant.thinking'; text: string; answer: string | null; durationMs: number | null }
    | { what: 'tool.started'; tool: string; name: string; input: unknown; answer: string | null }
    | {
        what: 'tool.ended';
        tool: string;
        outcome: ToolOutcome;
        text: string;
        images: ReportedImage[];
        /** The CLI's structured result; null where it has none. */
        result: unknown;
        /** Who decided: `user_temporary`, `user_permanent`, `user_reject`, `hook`, `config`, `rule`; null: not reported. */
        decidedBy: string | null;
        /** What the person said with a refusal. */
        words: string | null;
        /** The subagent that the tool started. */
        started: string | null;
      }
    /** The newest figures of one answer: they replace what was reported for the same `answer`. */
    | { what: 'tokens'; answer: string; model: string | null; tokens: Tokens }
    | { what: 'model'; model: string }
    | { what: 'title'; title: string; by: 'person' | 'model' }
    | { what: 'permission.mode'; mode: string }
    | { what: 'compacted'; trigger: string | null; before: number | null; after: number | null }
    /** The person went back: everything in `gone` left the conversation. `to` null: to the start. */
    | { what: 'rewound'; to: string | null; gone: string[] }
    /** `answer`: the one that was cut off; its texts are partial, also where they did not say so. */
    | { what: 'interrupted'; during: 'text' | 'tool'; answer: string | null }
    /** Words that a hook brought in front of the agent at the end of a turn. */
    | { what: 'hook.words'; text: string }
    /** The queue of words typed while the session works. */
    | { what: 'queue.changed'; change: 'added' | 'taken' | 'removed'; text: string | null }
    | { what: 'command.entered'; command: string; shell: boolean }
    | { what: 'command.output'; text: string; error: string; shell: boolean }
    | { what: 'api.failed'; status: number | null; text: string }
    | { what: 'turn.ended'; durationMs: number | null; agents: number }
    | { what: 'agents.killed' }
    | { what: 'cost'; usd: number; models: Record<string, number> }
  );

/** What an OpenTelemetry log record reports. Never a text of the person or of the model. */
export type TelemetryReport = ReportOrigin & {
  /** Counts from 0 in each process; orders its records, and a gap shows a loss. Null: not reported. */
  sequence: number | null;
  prompt: string | null;
  agent: string | null;
} & (
    | {
        what: 'tool.decided';
        tool: string;
        name: string | null;
        accepted: boolean;
        /** `aborted`: dismissed. `rule`: no person was asked. Unknown sources are given as they are. */
        by: 'person' | 'hook' | 'rule' | 'aborted' | (string & {});
        /** The person said "do not ask again". */
        forGood: boolean;
      }
    | {
        what: 'tool.settled';
        tool: string;
        name: string | null;
        ok: boolean;
        durationMs: number | null;
        error: string | null;
      }
    | {
        what: 'api.answered';
        model: string | null;
        tokens: Tokens;
        usd: number | null;
        durationMs: number | null;
        request: string | null;
        /** `repl_main_thread`, `sdk`, `compact`, `agent:…`, `generate_session_title`. */
        purpose: string | null;
      }
    | { what: 'permission.mode'; from: string | null; mode: string; trigger: string | null }
  );

/** An id that may become a key or a part of a path: letters, digits, `.`, `_`, `:`, `-`. */
export function isSafeId(value: unknown): value is string {
  return typeof value === 'string' && /^(?!\.{1,2}$)[A-Za-z0-9._:-]{1,128}$/.test(value);
}

/** A process that bore a session when the server last knew it. */
export interface KnownProcess {
  sessionId: string;
  /** The provider's id of its conversation, where it is not the session's. */
  threadId?: string | null;
  pid: number;
  start: string | null;
}

/** A thread that others hold and write to, as the provider has it. */
export interface SharedThread {
  threadId: string;
  /** `listed`: it was there when we came; `begun`: it was opened now; `works`: it does something. */
  why: 'listed' | 'begun' | 'works';
  cwd: string;
  /** Milliseconds since 1970. */
  startedAtMs: number;
  activeAtMs: number;
  name: string | null;
  firstPrompt: string | null;
  model: string | null;
  branch: string | null;
  /** The thread that it was copied from. */
  forkedFrom: string | null;
}

/** What the server offers to those who know threads that can be joined. */
export interface JoinPort {
  /** Finds the session of this thread, or makes it, and connects it. Never rejects. */
  join(thread: SharedThread): Promise<void>;
  /** The holder of the thread has released it. */
  closed(threadId: string): void;
  /**
   * Sessions that were believed to go on without us do not, where `isLeft` says so of their thread. With `goesOn` that is
   * not known yet: only the reason is reported.
   *
   * @returns their threads
   */
  left(isLeft: (threadId: string) => boolean, reason: string, goesOn?: true): string[];
}

/** What the server offers to a watch of sessions that run elsewhere. */
export interface WatchPort {
  /** Takes what is known of threads that can be joined. */
  threads: JoinPort;
  /** Processes of sessions that had not ended when the server stopped; those that are gone are reported. */
  known: readonly KnownProcess[];
  /** The session that this conversation of the provider is; its own id where there is none yet. */
  ownerOf(threadId: string): Promise<string>;
  /** Takes the reports of one check, in order. */
  onReports(reports: WatchReport[]): void;
  /** A path that is not read, once each, with the reason. */
  onWarning(path: string, reason: string): void;
  /** A check failed in a way that is not foreseen; the next one is made all the same. */
  onError(error: unknown): void;
}

/** A watch of sessions that run elsewhere. */
export interface Watch {
  /** Looks at this process too: a hook named it, and there may be no file of it. */
  follow?(process: KnownProcess): void;
  /** No report comes after it has resolved. */
  close(): Promise<void>;
}

/** A session whose transcript is read as it grows. */
export interface FollowedSession {
  sessionId: string;
  /** As a hook named it: checked before it is opened. Null: looked for by the session's id. */
  path: string | null;
  cwd: string | null;
  /** What was said in it was reported by other means already. */
  hasHistory?: boolean;
  /** Where reading goes on; null at the start of the file. */
  from: Omit<TailNoted, 'type' | 'session_id' | 'source'> | null;
  /** For a session that a connector has reported: it is read only while others go on with it, from the first part on that was not reported. */
  steered?: {
    threadId: string;
    /** Ids of the turns that the session shows. */
    turnIds(): Promise<readonly string[]>;
  };
}

/** One thing that a transcript reports: an event, once its time on the server's clock is known. */
export interface TranscriptEvent {
  /** Milliseconds since 1970, by the transcript. */
  stamp: number;
  /** Idempotency key; null for what is stored together with the position behind it. */
  key: string | null;
  event(receipt: Pick<HookReceipt, 'at' | 'keep'>): SessionEvent;
}

/** What the server offers to the reading of transcripts. */
export interface TranscriptPort {
  /** Takes what was read, in order; false when it is not stored: then it is to be read again. Never rejects. */
  take(sessionId: string, news: readonly TranscriptEvent[]): Promise<boolean>;
  /** A path, or a part of it, that is not read, once each, with the reason. */
  onWarning(path: string, reason: string): void;
  /** A check failed in a way that is not foreseen; the next one is made all the same. */
  onError(error: unknown): void;
}

/** The transcripts of sessions that run elsewhere. */
export interface Transcripts {
  /** Reads this one from now on; the newest call counts. */
  follow(session: FollowedSession): void;
  follows(sessionId: string): boolean;
  /** Checks at once: something was received about the session. */
  check(sessionId: string): void;
  /** Reads it no more. */
  release(sessionId: string): void;
  /** No news come after it has resolved. */
  close(): Promise<void>;
}

/** Takes the bytes of an image that a tool returned: how a message names it, or why it is not kept. */
export type KeepImage = (bytes: Buffer) => { image: ImageInput } | { refusal: string };

/** When and under which key a hook came: what its reading may not make up itself. */
export interface HookReceipt {
  at: Stamp;
  /** Unique for this hook: ids of what it brings derive from it. */
  key: string;
  keep: KeepImage;
  /** Its process waits for an answer. */
  isAwaited?: boolean;
  /** Whether its process takes words of clients along; absent: not known. */
  words?: 'asked' | 'able' | 'none';
}
