/**
 * What a provider of agents is to the server, and the server to a provider. The runtime knows this file and
 * registry.ts; nothing of a provider's own folder is imported outside it but by the composition root.
 */
import type { SeenFields, SessionEvent } from '../../machines/session-events.ts';
import type { ConnectorCommand, ThreadSettings } from '../../machines/session-facts.ts';
import type { SeenProcess, Session, Stamp } from '../../machines/session-types.ts';
import type { Logger } from '../log.ts';
import type { Hook } from '../protocol/hook.ts';
import type { ImageInput, Message, TokenUsage } from '../protocol/nouns.ts';
import type {
  CodexAccountStatus,
  CodexLoginCancelStatus,
  CodexModelOption,
  McpInventory,
  PastSession,
  RateLimit,
  SkillsListEntry,
  SubagentTool,
} from '../protocol/reply-nouns.ts';
import type { TransientListMessage, TransientSessionMessage } from '../protocol/server.ts';
import type {
  HookReceipt,
  KeepImage,
  TelemetryReport,
  TranscriptPort,
  Transcripts,
  Watch,
  WatchPort,
} from './reports.ts';

type WithoutTime<Event> = Event extends unknown ? Omit<Event, 'at'> : never;

/** An event as a connector reports it: the server stamps it. */
export type Report = WithoutTime<SessionEvent>;

/** A text that is still coming; see runtime/rooms/streamed-texts.ts. */
export interface OpenText {
  push(text: string): void;
  /** Everything so far. */
  text(): string;
  close(): void;
}

/** What the server offers to the connector of one session. */
export interface SessionPort {
  /**
   * Sends the event to the session, in the order of the calls. Settles with the commit, false when the event could not
   * be stored; never rejects.
   *
   * @param atMs  milliseconds since 1970 for what happened long ago; now unless given
   */
  report(event: Report, atMs?: number): Promise<boolean>;
  /** Goes on with the text of a message that was just reported open; nothing of it is sent before that. */
  stream(messageId: string, first: string, stored: Promise<boolean>): OpenText;
  /** Keeps an image that a tool returned; `stored` settles when it is on disk, and never rejects. */
  keep(bytes: Buffer): { image: ImageInput; stored: Promise<boolean> } | { refusal: string };
  /** Ids of the provider's turns whose messages the session shows, after what is committed. */
  turnIds(): Promise<string[]>;
  /** Wall clock, ms: for what a message shows as its time when the provider names none. */
  nowMs(): number;
}

/** Why an answer cannot be given. */
export interface AnswerRefusal {
  reason: string;
  /** The request is settled already, and the report of that is on its way. */
  isSettled: boolean;
}

/**
 * The connector of one session: commands in, events out. It is made when the session needs one and is of no use
 * once it was released, lost or could not start; the next one is a new one.
 */
export interface Connector {
  /** Does what a stored command says; what goes wrong becomes a report. Never throws. */
  take(command: ConnectorCommand): void;
  /** Why the provider could not take this answer to an open request; null when it can. */
  refusalOf(command: ConnectorCommand): AnswerRefusal | null;
  /** Settles when it is ready. @throws OrbitError why it could not start */
  readonly attached: Promise<void>;
  /** True once it is of no use any more. */
  readonly isOver: boolean;
  /** Lets go because the server closes: what runs is lost, and said to be. */
  close(reason: string): void;
}

/** What a session knows of its thread when its connector is made. */
export interface KnownThread {
  /** The provider's id of the newest turn; null when it has seen none. */
  turnId: string | null;
  /** It has not seen the end of that turn. */
  isTurnOpen: boolean;
  /** Nothing was ever reported of the session: its past is reported with its own times. */
  isNew: boolean;
  /** Words of clients that were on their way. */
  outbox: readonly string[];
}

/** What a connector of one session works with. */
export interface ConnectorParts {
  sessionId: string;
  known: KnownThread;
  port: SessionPort;
  log: Logger;
}

/** The command that a connector is made for. */
export type AttachCommand = Extract<ConnectorCommand, { type: 'thread.attach' }>;

/** A thread (the provider's own conversation) that is open, and the settings it applies. */
export interface OpenedThread {
  threadId: string;
  fields: SeenFields;
}

/** One turn of a thread's past, as messages of a session. */
export interface PastTurn {
  id: string;
  messages: Message[];
}

/** How a thread is copied. */
export interface ForkPlan {
  /** Before this message of a user (0 = the first); null copies all. */
  beforeMessage: number | null;
  /** Nothing was ever said in it. */
  isBlank: boolean;
  settings: ThreadSettings;
}

/** Sessions that are run by us: opened, copied, sent commands to. */
export interface Steering {
  /** The commands that a connector takes. */
  readonly capabilities: readonly ConnectorCommand['type'][];
  /** Refuses settings that would mean nothing. @throws OrbitError `invalid_argument` */
  checkSettings(settings: { approval_policy?: unknown; sandbox_mode?: unknown }): void;
  /** The thread of a session, also of one that is only watched; null when it is not known. */
  threadOf(session: Session): string | null;
  /** Begins a thread that no session has yet. @throws OrbitError */
  open(settings: ThreadSettings): Promise<OpenedThread>;
  /** Copies a thread. @throws OrbitError `fork_failed` with the reason */
  fork(threadId: string, plan: ForkPlan): Promise<OpenedThread>;
  /**
   * Opens a thread that ran elsewhere, as it is; null where a provider cannot.
   *
   * @throws OrbitError `thread_busy` while another process holds it, or why the provider cannot
   */
  takeOver: ((threadId: string) => Promise<OpenedThread>) | null;
  /** What was said in a thread, oldest first. @throws OrbitError */
  history(threadId: string, sessionId: string): AsyncIterable<PastTurn>;
  /** Connects a session with a thread that is open already, or as the command says. Never throws. */
  connect(parts: ConnectorParts, begin: AttachCommand | OpenedThread): Connector;
}

/** Models, skills and MCP servers. All methods @throws OrbitError. */
export interface Catalog {
  models(): Promise<CodexModelOption[]>;
  skills(directories: string[], options: { reload: boolean }): Promise<SkillsListEntry[]>;
  /** @param threadId  the thread whose servers are meant; null: those of the configuration */
  mcpServers(threadId: string | null): Promise<McpInventory>;
  reloadMcpServers(): Promise<void>;
}

/** Who is signed in, and the one login that may be under way. */
export interface Account {
  /** Who is signed in; says so when that cannot be found out. Never rejects. */
  status(options?: { refresh?: boolean }): Promise<CodexAccountStatus>;
  /** Begins a login in the browser; one that is under way is over. @throws OrbitError */
  startLogin(): Promise<{ loginId: string; authUrl: string }>;
  cancelLogin(loginId: string): Promise<CodexLoginCancelStatus>;
  /** Signs out, and cancels a login that is under way. @throws OrbitError */
  signOut(): Promise<void>;
  /** Signs in with a key. @throws OrbitError `already_signed_in`, `codex_error` */
  useApiKey(key: string): Promise<void>;
}

/** Tool uses of a subagent, oldest first, or why there are none to show. */
export type SubagentTools = { tools: SubagentTool[]; truncated: boolean } | { unavailable: string };

/** All that a subagent did and said, oldest first, and the tokens that it took; null where it has not answered. */
export interface SubagentBranch {
  messages: Message[];
  usage: TokenUsage | null;
}

/** A place in the list of past sessions: all that are behind it are older, or as old with a greater id. */
export interface PastPlace {
  /** Milliseconds since 1970, a whole number. */
  at: number;
  id: string;
}

/** Conversations as the provider keeps them on disk. Read-only; nothing is kept in memory between two calls. */
export interface PastSessions {
  /**
   * At most `limit`, the newest change first (`comesBefore`), behind `after` or from the newest on. Looks into no
   * file but those that it gives. Never rejects for a file that cannot be read: that one is left out.
   */
  list(options: { after: PastPlace | null; limit: number }): Promise<PastSession[]>;
  /**
   * All messages of one, the oldest first, under ids that stay the same; null when there is none of this id.
   *
   * @param keep  keeps its images; what it refuses is left out
   */
  read(id: string, keep: KeepImage): Promise<{ session: PastSession; messages: Message[] } | null>;
}

/** The order of lists of past sessions: the newest first. */
export function comesBefore(one: PastPlace, other: PastPlace): boolean {
  return one.at > other.at || (one.at === other.at && one.id < other.id);
}

/** Makes names for sessions. */
export interface Namer {
  /**
   * A name of a few words; null when the model gave none that could be one.
   *
   * @throws Error no binary, no login, no network, aborted
   */
  name(prompt: string, signal: AbortSignal): Promise<string | null>;
}

/** Which thread is which session, for as long as a connector holds it. */
export interface Threads {
  sessionOf(threadId: string): string | null;
  threadOf(sessionId: string): string | null;
  /** All sessions that are bound. */
  sessions(): Iterable<string>;
  /** Calls the listener for every binding, after it is made. */
  onBound(listener: (sessionId: string, threadId: string) => void): void;
}

/** What the server offers to a provider as a whole. */
export interface ServerPort {
  threads: Threads;
  /** Sends to the subscribers of a session. Nothing of it is stored. */
  send(message: TransientSessionMessage): void;
  /** Sends to the subscribers of the list. */
  sendToList(message: TransientListMessage): void;
  /** Has this asked for every new subscriber of a session: what still holds. Synchronous. */
  keep(standing: (sessionId: string) => TransientSessionMessage[]): void;
  /** Takes what is known of rate limits, as it becomes known. */
  sendLimits(limits: readonly RateLimit[]): void;
}

/** A hook that began a session, kept until the session does something. */
export interface PendingStart {
  hook: Hook;
  at: Stamp;
  agentPid: number | null;
  /** The session that ended in the same process when this one began. */
  forkedFrom: string | null;
  /** The end of the session, when it came before anything else of it: what it overtook may still come. */
  end?: { hook: Hook; at: Stamp; agentPid: number | null };
}

/** The text for a hook that waits, or why the CLI would not take this answer. */
export type HookAnswer = { text: string } | { refusal: string };

/** What a hook means. */
export interface HookReading {
  /**
   * `start` opens a session that has not done anything yet, `end` closes it. `beside`: another source shows the
   * session, this one adds to it; a session that is steered needs no such word.
   */
  role: 'start' | 'end' | 'beside' | 'other';
  /** The session goes on in the process of another one, which is over. */
  replaces: boolean;
  /** The provider's id of the prompt that it belongs to. */
  promptId: string | undefined;
  /** The process that ran it, by its id; null where that names none that this machine knows, or another user's. */
  processOf(pid: number): SeenProcess | null;
  event(receipt: HookReceipt): SessionEvent;
  /** What its process prints to decide as a client did; null for a hook that decides nothing. */
  answer: ((order: ConnectorCommand) => HookAnswer) | null;
  /** The session that a first hook reveals. */
  session(at: Stamp, pending: PendingStart | null, agentPid: number | null): Session;
}

/** A provider: what it cannot do is null. */
export interface Provider {
  /** As the wire names it. */
  readonly id: Session['provider'];
  /** As people call it. */
  readonly name: string;
  readonly steering: Steering | null;
  readonly catalog: Catalog | null;
  readonly account: Account | null;
  readonly namer: Namer | null;
  /** Reads a hook of its command line tool; null for one that is not its own. */
  readonly readHook: ((hook: Hook) => HookReading | null) | null;
  /** Reads what an exporter of its telemetry sends, a parsed body; null where it has none. Never throws. */
  readonly readTelemetry: ((body: unknown) => TelemetryReport[]) | null;
  /** Whether the hook that reports the end of a turn can bring words of clients to the agent. */
  readonly takesWords: boolean;
  /** Reads what a subagent did from the file of its session; null where there is no such file. */
  readonly subagentTools:
    | ((transcriptPath: string | null, id: string) => Promise<SubagentTools>)
    | null;
  /** Reads the conversation of a subagent, or why it is not to be had; null where it has none of its own. */
  readonly subagentBranch:
    | ((
        of: { transcript: string | null; sessionId: string; agent: string },
        keep: KeepImage,
      ) => Promise<SubagentBranch | { unavailable: string }>)
    | null;
  /** Watches sessions that run in terminals, from the first check on; null where nothing is to be looked at. */
  readonly watch: ((port: WatchPort) => Promise<Watch>) | null;
  /** Conversations of before; null where none can be read. */
  readonly past: PastSessions | null;
  /** Reads the transcripts of such sessions; null where there are none. */
  readonly transcripts: ((port: TranscriptPort) => Promise<Transcripts>) | null;
  /** Begins to send what is not asked for. Called once, before all else. */
  start(port: ServerPort): void;
  /** Ends its processes; settles when nothing is left, within 6 s. */
  close(): Promise<void>;
}

/** A provider that can do nothing: spread it, then replace what yours can do. */
export const BLANK_PROVIDER: Readonly<Omit<Provider, 'id' | 'name'>> = {
  steering: null,
  catalog: null,
  account: null,
  namer: null,
  readHook: null,
  readTelemetry: null,
  takesWords: false,
  subagentTools: null,
  subagentBranch: null,
  watch: null,
  past: null,
  transcripts: null,
  start: () => {},
  close: async () => {},
};
