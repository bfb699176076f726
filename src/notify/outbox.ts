/**
 * Messages on their way to one channel: sent in order, tried again after a while, given up after some tries. Nothing
 * waits for them, and a channel that does not answer holds up no other.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.ts';
import type { Notice } from './notices.ts';

/** What became of a try. `gone`: the channel does not exist any more. */
export type Delivery = 'sent' | 'again' | 'refused' | 'gone';

interface OutboxDeps {
  name: string;
  /** One try; rejects where no answer came. */
  send: (notice: Notice, signal: AbortSignal) => Promise<Delivery>;
  gone: () => void;
  log: Logger;
  /** Waits between tries, ms. */
  waits?: readonly number[];
}

/** No more than this waits: the oldest goes. */
const MOST = 100;
/** One try at most, ms. */
const TRY_MS = 10_000;
const WAITS: readonly number[] = [1_000, 5_000, 30_000, 120_000];

/** A queue to one channel. */
export class Outbox {
  readonly #deps: OutboxDeps;
  readonly #queue: Notice[] = [];
  readonly #end = new AbortController();
  #isRunning = false;
  /** It was said that it drops the oldest; said again once it has been empty. */
  #isFull = false;

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
  }

  /** Queues a message. What is settled before it was sent is not sent. Never throws. */
  push(notice: Notice): void {
    if (this.#end.signal.aborted) return;
    // The first may be on its way.
    const from = this.#isRunning ? 1 : 0;
    const unsent = this.#queue.findIndex(({ tag }, at) => at >= from && tag === notice.tag);
    if (unsent >= 0) {
      const [{ state } = notice] = this.#queue.splice(unsent, 1);
      if (notice.state === 'settled' && state === 'open') return;
    }
    if (this.#queue.length >= MOST) {
      this.#queue.splice(from, 1);
      if (!this.#isFull) {
        this.#deps.log.warn('notify.queue_full', { channel: this.#deps.name, limit: MOST });
      }
      this.#isFull = true;
    }
    this.#queue.push(notice);
    if (!this.#isRunning) void this.#run();
  }

  /** Sends nothing more, and breaks off what is on its way. */
  close(): void {
    this.#end.abort();
    this.#queue.length = 0;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const end = await this.#deliver(next);
      if (this.#end.signal.aborted) break;
      this.#queue.shift();
      if (end !== 'gone') continue;
      this.close();
      this.#deps.gone();
    }
    this.#isRunning = false;
    this.#isFull = false;
  }

  async #deliver(notice: Notice): Promise<Delivery> {
    const { name, send, log, waits = WAITS } = this.#deps;
    const about = { channel: name, state: notice.state, session_id: notice.need.sessionId };
    for (let tries = 0; ; tries += 1) {
      let reason = 'it asks to try again';
      try {
        const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(TRY_MS)]);
        const end = await send(notice, signal);
        if (end !== 'again') {
          log.info('notify.delivered', { ...about, end });
          return end;
        }
      } catch (error) {
        // The message of a failed request may hold its address, and that the secret of the channel.
        reason = (error as NodeJS.ErrnoException).code ?? (error as Error).name;
      }
      if (this.#end.signal.aborted) return 'refused';
      const wait = waits[tries];
      if (wait === undefined) {
        log.warn('notify.given_up', { ...about, tries: tries + 1, reason });
        return 'refused';
      }
      // Its rejection says that the outbox was closed, which the loop sees.
      await sleep(wait, null, { signal: this.#end.signal, ref: false }).catch(() => null);
    }
  }
}
