/** The words between a group and its load process. Types only. */

/** Which hooks: whole turns as Claude Code reports them, or tool uses alone. */
export type Mix = 'turns' | 'tools';

export type Command =
  /** Posts hooks, each producer the next one once the last is acknowledged. */
  | {
      kind: 'hooks';
      port: number;
      /** A unix socket to post to instead of the port, on a new connection for each hook, as hook.sh does. */
      socketPath?: string;
      producers: number;
      count: number;
      sessions: readonly string[];
      mix: Mix;
      /** Ends each session with its last hook. */
      ends?: boolean;
    }
  /** Watches these sessions on one `/ws`, to see when a hook's message arrives. */
  | { kind: 'watch'; port: number; sessions: readonly string[] }
  /** Subscribes so many clients to one session. */
  | {
      kind: 'subscribe';
      port: number;
      endpoint: 'ws' | 'socket.io';
      clients: number;
      session: string;
    }
  /** Waits until all clients have the same and says what they got since the last time. */
  | { kind: 'delivered' }
  /** Subscribes again and again, to get as many snapshots. */
  | { kind: 'snapshots'; port: number; session: string; count: number }
  /** Asks for the list of sessions on a new `/ws`, again and again; pages of `limit`, the whole list without. */
  | { kind: 'lists'; port: number; count: number; limit?: number }
  | { kind: 'leave' };

/** Milliseconds, but for counts. */
export interface HooksAnswer {
  perSecond: number;
  ackP50: number;
  ackMean: number;
  ackP99: number;
  /** From the start of the POST until its message is parsed by the watcher; NaN without one. */
  seenP50: number;
  seenP99: number;
}

export interface DeliveredAnswer {
  frames: number;
  /** Reads it took: two frames in one write come in one read. */
  reads: number;
  /** On `/ws` only; 0 elsewhere. */
  bytes: number;
}

/** Milliseconds from asking until the last byte is there. */
export interface ListsAnswer {
  firstMs: number;
  /** Without the first. */
  p50: number;
  /** Of one list. */
  bytes: number;
}

export interface Answers {
  hooks: HooksAnswer;
  watch: null;
  subscribe: null;
  delivered: DeliveredAnswer;
  snapshots: { bytes: number };
  lists: ListsAnswer;
  leave: null;
}

export type Reply = { answer: Answers[Command['kind']] } | { error: string };
