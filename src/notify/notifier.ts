/**
 * Tells people of what sessions need, each need once: also over a restart, for what was told is stored first. Looks at
 * committed sessions only, and nothing of the runtime ever waits for it.
 */
import type { Agent } from 'node:https';
import { OrbitError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Notifications } from '../runtime/runtime-api.ts';
import type { LiveSession } from '../runtime/sessions/live-session.ts';
import type { NamedTokens } from '../runtime/tokens.ts';
import type { Channel, NotifyChange, NotifyState } from '../store/notifications.ts';
import type { Writer } from '../store/writer.ts';
import type { EventItem, ReadResults } from '../store/writer-messages.ts';
import { Devices } from './devices.ts';
import {
  failureOf,
  hoursFrom,
  hoursText,
  isQuiet,
  isResolved,
  longId,
  type Need,
  type Notice,
  requestsOf,
  tagOf,
} from './notices.ts';
import { Outbox } from './outbox.ts';
import { type PushMeans, sendTo, type VapidKeys, vapidKeys } from './senders.ts';

/** What may stand in for parts of the world, in tests. @public named by the composition root */
export interface NotifyParts {
  /** The wall clock, ms since 1970. */
  now?: () => number;
  /** Reaches push services. */
  agent?: Agent;
}

interface NotifierDeps extends NotifyParts {
  writer: Pick<Writer, 'read' | 'submit'>;
  /** A device whose token has ended is notified no more. */
  tokens: Pick<NamedTokens, 'nameOf' | 'revoke'>;
  vapidPath: string;
  /** Pushes may go to this machine and into private networks. */
  isPrivateAllowed: boolean;
  log: Logger;
}

/** A need that is known, and whether it was sent. */
interface Known {
  need: Need;
  /** `waiting`: for the end of quiet hours or of a mute, or for a first recipient. */
  is: 'waiting' | 'sending' | 'sent' | 'reminded';
}

/** How often the database is asked for changes and waiting needs are looked at, ms. */
const LOOK_EVERY_MS = 500;
/** A request that waits longer is sent once more, ms. */
const LONG_MS = 15 * 60_000;
/** A hint is sent when no request has taken its place for so long, ms. */
const HINT_MS = 5_000;
const NONE: NotifyState = { channels: [], open: [], muted: [], quiet: null };

/** The part of the server that notifies. */
export class Notifier implements Notifications {
  readonly devices: Devices;
  readonly #deps: NotifierDeps;
  readonly #now: () => number;
  /** Needs by id, by session. */
  readonly #sessions = new Map<string, Map<string, Known>>();
  readonly #outboxes = new Map<string, Outbox>();
  /** Sent by an earlier process, and not seen since. */
  readonly #earlier = new Map<string, string>();
  #state = NONE;
  #version: number | null = null;
  #vapid: Promise<VapidKeys> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(deps: NotifierDeps) {
    this.#deps = deps;
    this.#now = deps.now ?? Date.now;
    this.devices = new Devices({
      ...{ channels: () => this.#state.channels, change: (change) => this.#changeAndLook(change) },
      ...{ push: this.#push(), tokens: deps.tokens, log: deps.log, now: this.#now },
    });
  }

  /** Reads what was told before, then follows; `sessions` are those that were opened again. */
  async open(sessions: Iterable<LiveSession>): Promise<void> {
    await this.#look();
    for (const { id, session_id } of this.#state.open) this.#earlier.set(id, session_id);
    for (const live of sessions) this.#compare(live);
    for (const [id, sessionId] of this.#earlier) {
      // What was settled while the server was stopped is withdrawn; a bad end stays until it is taken care of.
      if (id.startsWith('request:')) this.#withdraw({ id, sessionId });
    }
    this.#timer = setInterval(
      () => void this.#look().then(() => this.#notifyWaiting()),
      LOOK_EVERY_MS,
    );
    this.#timer.unref();
    this.#notifyWaiting();
  }

  /** A session has moved. Never throws, costs nothing where nothing is needed. */
  onCommitted(live: LiveSession, item: EventItem): void {
    if (this.#isClosed) return;
    this.#compare(live);
    const failure = failureOf(live, item);
    if (failure !== null) this.#addNeed(failure);
    else if (isResolved(live)) this.#settleFailures(live.id);
  }

  /** Sends nothing more. */
  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    for (const outbox of this.#outboxes.values()) outbox.close();
  }

  async state(tokenId: string | null) {
    const { publicKey } = await this.#keys();
    return {
      type: 'notifications' as const,
      public_key: publicKey,
      quiet: this.#state.quiet && hoursText(this.#state.quiet),
      muted: this.#state.muted,
      devices: this.devices.list(tokenId),
    };
  }

  async setQuiet(quiet: { from: string; to: string } | null): Promise<void> {
    await this.#changeAndLook({ type: 'quiet', quiet: quiet && hoursFrom(quiet) });
  }

  async mute(sessionId: string, isMuted: boolean): Promise<void> {
    await this.#changeAndLook({ type: 'mute', sessionId, isMuted });
  }

  #push(): PushMeans {
    const { agent, isPrivateAllowed } = this.#deps;
    return { vapid: () => this.#keys(), agent, isPrivateAllowed };
  }

  #keys(): Promise<VapidKeys> {
    this.#vapid ??= vapidKeys(this.#deps.vapidPath);
    return this.#vapid;
  }

  /** Requests that are open now against those that are known. */
  #compare(live: LiveSession): void {
    const open = requestsOf(live);
    const known = this.#sessions.get(live.id);
    if (open.length === 0 && known === undefined) return;
    const ids = new Set(open.map(({ id }) => id));
    for (const [id, { need }] of known ?? []) {
      if (need.kind !== 'failed' && !ids.has(id)) this.#settle(need);
    }
    for (const need of open) this.#addNeed(need);
  }

  #addNeed(need: Need): void {
    let known = this.#sessions.get(need.sessionId);
    if (known === undefined) {
      known = new Map();
      this.#sessions.set(need.sessionId, known);
    }
    if (known.has(need.id)) return;
    const wasSent = this.#earlier.delete(need.id);
    const wasReminded = this.#earlier.delete(longId(need.id));
    const entry: Known = { need, is: wasReminded ? 'reminded' : wasSent ? 'sent' : 'waiting' };
    known.set(need.id, entry);
    if (entry.is === 'waiting') this.#notify(entry);
  }

  /** Tells of what waited for its hour, and once more of what waits for long. */
  #notifyWaiting(): void {
    if (this.#isClosed) return;
    for (const known of this.#sessions.values()) {
      for (const entry of known.values()) {
        if (entry.is === 'waiting') this.#notify(entry);
        if (entry.is === 'sent') this.#remind(entry);
      }
    }
  }

  #mayNotify({ sessionId }: Need): boolean {
    const { channels, muted, quiet } = this.#state;
    if (channels.length === 0 || muted.includes(sessionId)) return false;
    return quiet === null || !isQuiet(quiet, new Date(this.#now()));
  }

  #notify(entry: Known): void {
    const { need } = entry;
    const isEarly = need.isHint && this.#ageOf(need) < HINT_MS;
    if (isEarly || !this.#mayNotify(need)) return;
    entry.is = 'sending';
    this.#storeThen({ type: 'sent', need: need.id, sessionId: need.sessionId }, (isNew) => {
      entry.is = 'sent';
      if (!this.#isKnown(need)) this.#withdraw(need);
      else if (isNew) this.#send({ state: 'open', tag: tagOf(need.id), need });
    });
  }

  #remind(entry: Known): void {
    const { need } = entry;
    if (need.requestId === null || this.#ageOf(need) < LONG_MS || !this.#mayNotify(need)) return;
    entry.is = 'reminded';
    const change = { type: 'sent', need: longId(need.id), sessionId: need.sessionId } as const;
    this.#storeThen(change, (isNew) => {
      if (isNew && this.#isKnown(need)) {
        this.#send({ state: 'waiting_long', tag: tagOf(need.id), need });
      }
    });
  }

  #ageOf({ since }: Need): number {
    return this.#now() - Date.parse(since);
  }

  #isKnown({ sessionId, id }: Need): boolean {
    return this.#sessions.get(sessionId)?.has(id) ?? false;
  }

  #settleFailures(sessionId: string): void {
    for (const { need } of this.#sessions.get(sessionId)?.values() ?? []) {
      if (need.kind === 'failed') this.#settle(need);
    }
    for (const [id, of] of this.#earlier) {
      if (of === sessionId && id.startsWith('failed:')) this.#withdraw({ id, sessionId });
    }
  }

  #settle(need: Need): void {
    const known = this.#sessions.get(need.sessionId);
    const entry = known?.get(need.id);
    known?.delete(need.id);
    if (known?.size === 0) this.#sessions.delete(need.sessionId);
    if (entry?.is === 'sent' || entry?.is === 'reminded') this.#withdraw(need);
  }

  /** Tells that something which was told is settled. */
  #withdraw(need: Notice['need']): void {
    this.#earlier.delete(need.id);
    if (this.#earlier.delete(longId(need.id)) || need.requestId) {
      this.#storeThen({ type: 'settled', need: longId(need.id) }, () => {});
    }
    this.#storeThen({ type: 'settled', need: need.id }, () => {
      this.#send({ state: 'settled', tag: tagOf(need.id), need });
    });
  }

  #send(notice: Notice): void {
    for (const channel of this.#state.channels) {
      const { token_id } = channel;
      if (token_id === null || this.#deps.tokens.nameOf(token_id) !== null)
        this.#outboxOf(channel).push(notice);
    }
  }

  #outboxOf({ id, name }: Channel): Outbox {
    const there = this.#outboxes.get(id);
    if (there) return there;
    const push = this.#push();
    const outbox = new Outbox({
      name,
      log: this.#deps.log,
      send: async (notice, signal) => {
        // As it is now: it may have been replaced meanwhile.
        const channel = this.#state.channels.find((one) => one.id === id);
        if (!channel) return 'refused';
        return await sendTo(channel.config, notice, { signal, push, now: this.#now });
      },
      gone: () => {
        this.#outboxes.delete(id);
        this.#deps.log.info('notify.device_gone', { channel: name });
        this.#storeThen({ type: 'channel-gone', id }, () => this.#again());
      },
    });
    this.#outboxes.set(id, outbox);
    return outbox;
  }

  /** The next look reads all anew: a change of our own does not show in the version. */
  #again(): void {
    this.#version = null;
    void this.#look();
  }

  async #look(): Promise<void> {
    try {
      const { version, now }: ReadResults['notify'] = await this.#deps.writer.read({
        kind: 'notify',
        seen: this.#version,
      });
      this.#version = version;
      if (now === null) return;
      this.#state = now;
      const ids = new Set(now.channels.map(({ id }) => id));
      for (const [id, outbox] of this.#outboxes) {
        if (ids.has(id)) continue;
        outbox.close();
        this.#outboxes.delete(id);
      }
    } catch (error) {
      if (!(error instanceof OrbitError)) throw error;
      // Storage errors and the end of the server are reported elsewhere.
      this.#deps.log.debug('notify.not_read', { code: error.code });
    }
  }

  async #changeAndLook(change: NotifyChange): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#submit(change, (result) => {
        if (result.outcome !== 'quarantined') return resolve();
        reject(new OrbitError('storage_unavailable', { reason: result.error }));
      });
    });
    this.#version = null;
    await this.#look();
    this.#notifyWaiting();
  }

  /** @param then  whether it changed anything; not called when it could not be stored */
  #storeThen(change: NotifyChange, then: (isNew: boolean) => void): void {
    try {
      this.#submit(change, (result) => {
        if (result.outcome !== 'quarantined') return then(result.outcome === 'committed');
        this.#deps.log.error('notify.not_stored', { what: change.type, reason: result.error });
      });
    } catch (error) {
      if (!(error instanceof OrbitError)) throw error;
      // The server is stopping: the next one finds the need as it stands.
      this.#deps.log.debug('notify.not_stored', { code: error.code });
    }
  }

  #submit(change: NotifyChange, done: Parameters<Writer['submit']>[1]): void {
    const at = new Date(this.#now()).toISOString();
    this.#deps.writer.submit({ kind: 'notify', sessionId: '', key: null, at, change }, done);
  }
}
