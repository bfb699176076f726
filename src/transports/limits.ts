/**
 * Every bound of the transports in one place, with its default and unit. They are parameters so that tests and
 * operators can move them; the code has no other numbers of this kind.
 */

const KIB = 1024;
const MIB = 1024 * KIB;

/** When a connection counts as slow, and for how long it may be. */
export interface SlowConsumerLimits {
  /** A connection with more than this waiting has fallen behind: it leaves its rooms. */
  readonly highBytes: number;
  /** The same, counted in frames. */
  readonly highFrames: number;
  /** Below this it gets fresh snapshots and its rooms back. */
  readonly lowBytes: number;
  /** Above this it is closed at once. */
  readonly maxBytes: number;
  /** Behind for longer than this it is closed. */
  readonly maxBehindMs: number;
  /** How often backlogs are looked at. */
  readonly sweepMs: number;
}

/** How much the transports take, keep and wait. */
export interface TransportLimits {
  /** One incoming message, on every transport. */
  readonly maxMessageBytes: number;
  /** Fragments of one WebSocket message; a storm of empty ones costs memory, not bytes. */
  readonly maxFragments: number;
  /** Outgoing frames stay below this: Apple's URLSessionWebSocketTask fails on longer ones. */
  readonly maxFrameBytes: number;
  /** Messages per second and connection, and how many may come at once. */
  readonly messageRate: number;
  readonly messageBurst: number;
  /** Messages of one connection that wait for the runtime; then its socket is not read any more. */
  readonly inboxMessages: number;
  readonly inboxBytes: number;
  readonly pingMs: number;
  /** Unanswered pings after which a connection counts as lost. */
  readonly missedPings: number;
  /** How long a client may take to answer a close. */
  readonly closeGraceMs: number;
  /** Budget of `close()`, after which what is left is cut off. */
  readonly stopMs: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** How often Node looks for requests that are over their time. */
  readonly timeoutCheckMs: number;
  readonly maxHeaderBytes: number;
  readonly maxHeaderFields: number;
  /** Sockets in all; must fit the file descriptors of the service (`LimitNOFILE`). */
  readonly maxConnections: number;
  /** Clients that stay connected; the other sockets are left for hooks and requests. */
  readonly maxClients: number;
  /** Sockets of one address that is not this machine. */
  readonly maxPerAddress: number;
  /** Sockets from elsewhere that have not got past the gate yet. */
  readonly maxUnauthenticated: number;
  /** A socket.io client must join within this. */
  readonly connectTimeoutMs: number;
  readonly slowConsumer: SlowConsumerLimits;
}

/** The limits of a server with so many sockets; an eighth of them is left for hooks and requests. */
export function limitsFor(maxConnections: number): TransportLimits {
  const maxClients = maxConnections - Math.ceil(maxConnections / 8);
  return { ...DEFAULT_LIMITS, maxConnections, maxClients };
}

/** The limits of a server; tests hand in their own. */
export const DEFAULT_LIMITS: TransportLimits = {
  maxMessageBytes: 8 * MIB,
  maxFragments: 1024,
  maxFrameBytes: MIB - 1,
  messageRate: 50,
  messageBurst: 200,
  inboxMessages: 256,
  inboxBytes: 16 * MIB,
  pingMs: 20_000,
  missedPings: 2,
  closeGraceMs: 2000,
  stopMs: 5000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 20_000,
  timeoutCheckMs: 2000,
  maxHeaderBytes: 16 * KIB,
  maxHeaderFields: 64,
  maxConnections: 4096,
  maxClients: 3584,
  maxPerAddress: 32,
  maxUnauthenticated: 16,
  connectTimeoutMs: 5000,
  slowConsumer: {
    highBytes: 4 * MIB,
    highFrames: 1000,
    lowBytes: 256 * KIB,
    maxBytes: 8 * MIB,
    maxBehindMs: 30_000,
    sweepMs: 250,
  },
};
