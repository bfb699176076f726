/**
 * Which transcripts are read, and the way of what they say into their sessions. A session is followed from the
 * moment on at which something is reported of it; the position comes from the database.
 */
import type { Session, Stamp } from '../../machines/session-types.ts';
import { OrbitError } from '../errors.ts';
import type { Images } from '../host/images.ts';
import type { Logger } from '../log.ts';
import type {
  FollowedSession,
  KeepImage,
  TranscriptEvent,
  TranscriptPort,
  Transcripts,
} from '../providers/reports.ts';
import type { Writer } from '../store/writer.ts';
import type { EventItem, StoredTail } from '../store/writer-messages.ts';
import { CLOCKS_OF_MACHINE, happenedAt, type StampClock, stampFromMicroseconds } from './clock.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { LiveSession } from './sessions/live-session.ts';
import type { Registry } from './sessions/registry.ts';

interface TranscriptReadingDeps {
  writer: Pick<Writer, 'read' | 'opened'>;
  registry: Pick<Registry, 'enter' | 'peek' | 'live'>;
  ledger: Pick<Ledger, 'send'>;
  images: Pick<Images, 'keep'>;
  clock: StampClock;
  log: Logger;
}

/** A session that is over or rests is read for so long, ms: the last lines come after the last hook. */
const LINGER_MS = 15_000;
const SWEEP_EVERY_MS = 5_000;

/** What has transcripts read. */
export class TranscriptReading {
  readonly #deps: TranscriptReadingDeps;
  readonly #readers = new Map<Session['provider'], Transcripts>();
  /** Sessions that are followed, and since when nothing is to be expected of them, monotonic ms. */
  readonly #quietSince = new Map<string, number | null>();
  /** Sessions whose position is being looked up. */
  readonly #opening = new Set<string>();
  #timer: NodeJS.Timeout | null = null;

  constructor(deps: TranscriptReadingDeps) {
    this.#deps = deps;
  }

  /** What a provider's reading of transcripts is given. */
  port(): Pick<TranscriptPort, 'take'> {
    return { take: (sessionId, news) => this.#take(sessionId, news) };
  }

  /** From now on transcripts of this provider are read, those first that were read before. */
  attach(provider: Session['provider'], reader: Transcripts): void {
    this.#readers.set(provider, reader);
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_EVERY_MS).unref();
    for (const tail of this.#deps.writer.opened.tails) {
      const isOurs = tail.provider === provider && tail.source === '';
      if (!isOurs || this.#quietSince.has(tail.sessionId)) continue;
      this.#follow(reader, { ...ofTail(tail), cwd: null, hasHistory: true });
    }
    // A session may be over before the first line of its file was stored: nothing would be reported of it again.
    for (const { provider: id, hasHistory, ...unread } of this.#deps.writer.opened.unread) {
      if (id !== provider || this.#quietSince.has(unread.sessionId)) continue;
      this.#follow(reader, { ...unread, from: null, hasHistory: hasHistory === 1 });
    }
    for (const live of this.#deps.registry.live()) this.reported(live);
  }

  /** Something was stored of a session. Cheap: called for every event. */
  onCommitted(live: LiveSession, { origin }: Pick<EventItem, 'origin'>): void {
    if (origin !== 'transcript') this.reported(live);
  }

  /** Reads the session's transcript, and looks at it now. */
  reported({ id, head }: LiveSession): void {
    const { snapshot } = head;
    const { session } = snapshot.context;
    const reader = this.#readers.get(session.provider);
    if (reader === undefined) return;
    const isReported = snapshot.hasTag('linked') || session.thread_id === undefined;
    if (snapshot.hasTag('steered') && isReported) {
      // Its connector reports all that its file would; without one another process may go on with it.
      if (this.#quietSince.delete(id)) reader.release(id);
      return;
    }
    if (reader.follows(id) && this.#quietSince.has(id)) {
      this.#quietSince.set(id, null);
      reader.check(id);
      return;
    }
    if (this.#opening.has(id)) return;
    this.#opening.add(id);
    this.#open(id, reader)
      .catch((error: Error) =>
        this.#deps.log.warn('transcript.not_followed', { session_id: id, error }),
      )
      .finally(() => this.#opening.delete(id));
  }

  /** Nothing more is begun. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#readers.clear();
  }

  async #open(sessionId: string, reader: Transcripts): Promise<void> {
    const tails = await this.#deps.writer.read({ kind: 'tails', sessionId });
    const session = this.#deps.registry.peek(sessionId)?.head.snapshot.context.session;
    const tail = tails.find(({ source }) => source === '');
    const path = session?.transcript_path ?? tail?.path ?? null;
    const cwd = session?.project_path ?? null;
    const from = tail === undefined ? null : ofTail(tail).from;
    const hasHistory = session?.last_message !== undefined;
    const followed = { sessionId, path, cwd, from, hasHistory };
    const live = this.#deps.registry.peek(sessionId);
    if (live === null || !live.head.snapshot.hasTag('steered')) this.#follow(reader, followed);
    else this.#followSteered(reader, followed, live);
  }

  /** Unless a connector has taken it meanwhile. */
  #followSteered(reader: Transcripts, followed: FollowedSession, { head }: LiveSession): void {
    const { thread_id: threadId } = head.snapshot.context.session;
    if (head.snapshot.hasTag('linked') || threadId === undefined) return;
    const { sessionId } = followed;
    const turnIds = () => this.#deps.writer.read({ kind: 'turns', sessionId });
    this.#follow(reader, { ...followed, steered: { threadId, turnIds } });
  }

  #follow(reader: Transcripts, session: FollowedSession): void {
    this.#quietSince.set(session.sessionId, null);
    reader.follow(session);
  }

  /** Lets go of what has been over or resting for a while. */
  #sweep(): void {
    const now = performance.now();
    for (const [id, since] of this.#quietSince) {
      const live = this.#deps.registry.peek(id);
      const isQuiet = live === null || live.head.snapshot.hasTag('ended');
      if (!isQuiet) this.#quietSince.set(id, null);
      else if (since === null) this.#quietSince.set(id, now);
      else if (now - since > LINGER_MS) {
        this.#quietSince.delete(id);
        for (const reader of this.#readers.values()) reader.release(id);
      }
    }
  }

  async #take(sessionId: string, news: readonly TranscriptEvent[]): Promise<boolean> {
    try {
      return await this.#deps.registry.enter(sessionId, async ({ live }) => {
        if (live === null) return false;
        await Promise.all(news.map((one) => this.#send(live, one)));
        return true;
      });
    } catch (error) {
      this.#deps.log.warn('transcript.not_stored', {
        session_id: sessionId,
        error: error as Error,
      });
      return false;
    }
  }

  #send(live: LiveSession, news: TranscriptEvent): Promise<void> {
    const writes: Promise<void>[] = [];
    const keep: KeepImage = (bytes) => {
      const kept = this.#deps.images.keep(bytes);
      if ('stored' in kept) writes.push(kept.stored);
      return kept;
    };
    const event = news.event({ at: this.#stampOf(news.stamp), keep });
    // Mostly a hook or the registry has reported it before.
    const isKnown = news.key !== null && live.inFlight === 0 && !live.head.snapshot.can(event);
    if (isKnown) return Promise.resolve();
    const after = writes.length > 0 ? Promise.all(writes) : null;
    return new Promise((resolve, reject) => {
      const settle = (error: Error | null) => {
        // What can never be stored was set aside: the file is read on behind it.
        const isOver =
          error === null || (error instanceof OrbitError && error.code === 'quarantined');
        return isOver ? resolve() : reject(error);
      };
      this.#deps.ledger.send(live, { event, after, origin: 'transcript', key: news.key, settle });
    });
  }

  /**
   * Lines are stamped by this machine's wall clock, which the server's clock may be ahead of. What carries no time
   * (0), such as a title, is as old as its reading.
   */
  #stampOf(stamp: number): Stamp {
    const stampUs = stamp > 0 ? Math.floor(stamp * 1000) : null;
    const report = { stampUs, sentUs: null, isLive: false };
    const arrival = { arrivedMs: performance.now(), clocks: CLOCKS_OF_MACHINE };
    return stampFromMicroseconds(happenedAt(this.#deps.clock, arrival, report));
  }
}

function ofTail({ sessionId, path, file, offset, mark }: StoredTail) {
  return { sessionId, path, from: { path, file, offset, mark } };
}
