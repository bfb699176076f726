/**
 * Disorder for the way of an event: bursts of hooks, repeated keys, events that can never be stored, errors
 * in the chart, commands, reads of every kind, passivation and restarts, in random order and without waiting
 * for each other. At rest what subscribers were sent, what is stored and what lives must be equal.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SessionEvent } from '../../machines/session-events.ts';
import { storedForm } from '../../machines/step.ts';
import { OWNER } from '../../src/access.ts';
import type { SessionState } from '../../src/protocol/nouns.ts';
import type { Connection, Frame } from '../../src/runtime/rooms/rooms.ts';
import { savedOf } from '../../src/runtime/sessions/registry.ts';
import type { Read } from '../../src/store/writer-messages.ts';
import type { Received } from '../support/clients.ts';
import { sessionDifferences } from '../support/compare.ts';
import { foldJournal, rowsOf } from '../support/database.ts';
import { createModel, type SubscriberModel } from '../support/model.ts';
import type { Random } from '../support/random.ts';
import { hook, openTestRuntime, poison, type TestRuntime } from './test-runtime.ts';

const SESSIONS = ['disorder-1', 'disorder-2', 'disorder-3'];
/** Rounds between two restarts. */
const RESTART_EVERY = 9;
const FAR = '2099-01-01T00:00:00.000000Z';

/** What happened so far, to see that a run met everything it is for. */
interface Counts {
  acknowledged: number;
  repeated: number;
  refused: number;
  reads: number;
  restarts: number;
}

/** A server in disorder. */
export interface Disorder extends AsyncDisposable {
  readonly counts: Counts;
  /** One burst, then rest; returns one line for each thing that is wrong. */
  round(): Promise<string[]>;
}

/** Starts a server, in this process, that disorder comes over. */
export async function createDisorder(random: Random): Promise<Disorder> {
  const disorder = new RandomDisorder(random, await openTestRuntime());
  disorder.connect();
  return disorder;
}

class RandomDisorder implements Disorder {
  readonly counts: Counts = { acknowledged: 0, repeated: 0, refused: 0, reads: 0, restarts: 0 };
  readonly #random: Random;
  #test: TestRuntime;
  #subscribers: Subscriber[] = [];
  /** Keys that were acknowledged, with the session they belong to. */
  readonly #stored: Array<{ id: string; key: string }> = [];
  readonly #wrong: string[] = [];
  #made = 0;
  #rounds = 0;

  constructor(random: Random, test: TestRuntime) {
    this.#random = random;
    this.#test = test;
  }

  connect(): void {
    const models = this.#subscribers.map(({ model }) => model);
    this.#subscribers = [0, 1].map((at) => createSubscriber(this.#test, models[at]));
    const subscribers = this.#subscribers;
    this.#test.runtime.rooms.attach({
      publish(room, frame) {
        for (const subscriber of subscribers) subscriber.publish(room, frame);
      },
    });
  }

  async round(): Promise<string[]> {
    this.#rounds += 1;
    const waiting: Promise<unknown>[] = [];
    const actions = this.#random.between(1, 14);
    for (let at = 0; at < actions; at += 1) {
      waiting.push(this.#act());
      if (this.#random.chance(0.3)) await nextTurn();
    }
    await Promise.all(waiting);
    if (this.#rounds % RESTART_EVERY === 0) await this.#restart();
    for (const id of SESSIONS) await this.#inspect(id);
    this.#wrong.push(...lostKeys(this.#test, this.#stored));
    return this.#wrong;
  }

  #act(): Promise<unknown> {
    const random = this.#random;
    const id = random.pick(SESSIONS);
    const draw = random.next();
    if (draw < 0.45) return this.#hook(id);
    if (draw < 0.6) return this.#repeat();
    if (draw < 0.72) return this.#refused(id);
    if (draw < 0.82) return this.#read(id);
    if (draw < 0.9) return random.pick(this.#subscribers).subscribe(id);
    if (draw < 0.97) return this.#command(id);
    this.#test.runtime.rest(0);
    return Promise.resolve();
  }

  /** A hook with a new key is acknowledged, once it is stored. */
  async #hook(id: string): Promise<void> {
    this.#made += 1;
    const key = `key-${this.#random.seed}-${this.#made}`;
    await this.#test.runtime.api.takeHook(this.#hookBody(id), { origin: 'hook', key });
    this.counts.acknowledged += 1;
    this.#stored.push({ id, key });
  }

  #hookBody(id: string): object {
    const random = this.#random;
    const at = this.#made;
    const tool_use_id = `tool-${random.between(1, 4)}`;
    const tool = { tool_name: 'Bash', tool_input: { command: `run ${tool_use_id}` } };
    const bodies: Record<string, object> = {
      UserPromptSubmit: { prompt: `prompt ${at}`, prompt_id: `p${at}` },
      PreToolUse: { ...tool, tool_use_id },
      PostToolUse: { ...tool, tool_use_id, tool_response: { stdout: `${at}`, stderr: '' } },
      PermissionRequest: tool,
      Stop: { last_assistant_message: `reply ${at}` },
      SubagentStart: { agent_id: `agent-${at % 3}`, agent_type: 'general' },
      SubagentStop: { agent_id: `agent-${at % 3}`, agent_type: 'general' },
      SessionStart: { source: 'resume' },
      SessionEnd: { reason: 'other' },
    };
    const name = random.pick(Object.keys(bodies));
    return hook(id, name, bodies[name]);
  }

  /** The key of an event that is stored, with another event: past the memory of recent keys. */
  #repeat(): Promise<void> {
    if (this.#stored.length === 0) return Promise.resolve();
    const { id, key } = this.#random.pick(this.#stored);
    this.counts.repeated += 1;
    return this.#send(id, { type: 'name.updated', at: FAR, name: `repeated ${key}` }, key).then(
      () => {},
    );
  }

  /** An event that SQLite cannot take, or one on which the chart throws. */
  async #refused(id: string): Promise<void> {
    this.#made += 1;
    const bug = { type: 'tools.settled', at: FAR, tools: null } as unknown as SessionEvent;
    const event = this.#random.chance(0.6) ? unstorable(id, this.#made) : bug;
    try {
      const isTaken = await this.#send(id, event, null);
      if (isTaken) this.#wrong.push(`${id}: ${event.type} was taken`);
    } catch (error) {
      this.counts.refused += 1;
      const { code } = error as { code?: string };
      if (code !== 'quarantined') this.#wrong.push(`${id}: ${event.type} came to ${String(error)}`);
    }
  }

  /** False for a session that does not exist. */
  #send(id: string, event: SessionEvent, key: string | null): Promise<boolean> {
    const { registry, ledger } = this.#test.runtime;
    return registry.enter(id, ({ live }) => {
      if (!live) return false;
      return new Promise<boolean>((resolve, reject) => {
        const settle = (error: Error | null) => (error ? reject(error) : resolve(true));
        ledger.send(live, { event, origin: 'connector', key, settle });
      });
    });
  }

  #read(id: string): Promise<unknown> {
    this.counts.reads += 1;
    const reads: Read[] = [
      { kind: 'actor', sessionId: id },
      { kind: 'catch-up', sessionId: id, since: null, epoch: null },
      { kind: 'known-keys', keys: this.#stored.slice(-3).map(({ key }) => key) },
      { kind: 'stretch', sessionId: id, seq: null, after: 0 },
      { kind: 'approvals', sessionId: id, limit: 10 },
    ];
    return this.#test.writer.read(this.#random.pick(reads));
  }

  #command(id: string): Promise<void> {
    this.#made += 1;
    const commands = [
      { type: 'rename_session', session_id: id, name: `name ${this.#made}` },
      { type: 'list_skills', session_id: id },
      { type: 'list_mcp_tools', session_id: id },
      { type: 'end_session', session_id: id },
      { type: 'subscribe_list' },
    ];
    return this.#random.pick(this.#subscribers).ask(this.#random.pick(commands));
  }

  async #restart(): Promise<void> {
    this.counts.restarts += 1;
    this.#test = await this.#test.restart();
    this.connect();
  }

  async #inspect(id: string): Promise<void> {
    const { writer, runtime, paths } = this.#test;
    const { stored } = await writer.read({ kind: 'actor', sessionId: id });
    if (stored === null) return;
    for (const subscriber of this.#subscribers) await subscriber.subscribe(id);
    const read = { kind: 'catch-up', sessionId: id, since: null, epoch: null } as const;
    const [text = ''] = (await writer.read(read))?.frames ?? [];
    const { session } = JSON.parse(text) as { session: SessionState };
    for (const { model } of this.#subscribers) {
      this.#wrong.push(...model.complaints, ...sessionDifferences(model, session));
    }
    const live = runtime.registry.peek(id);
    if (live !== null) {
      if (live.actor?.getSnapshot() !== live.head.snapshot) {
        this.#wrong.push(`${id}: its actor does not show what is committed`);
      }
      const saved = savedOf(stored);
      const [onDisk, inMemory] = [saved, live.head.snapshot].map(
        (snapshot) => snapshot && JSON.stringify(storedForm(snapshot)),
      );
      if (onDisk !== inMemory) this.#wrong.push(`${id}: stored ${onDisk}, live ${inMemory}`);
    }
    this.#wrong.push(...foldJournal(paths, id));
    if (text.includes('unstorable') || text.includes('repeated')) {
      this.#wrong.push(`${id}: shows what was refused`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#test[Symbol.asyncDispose]();
  }
}

function unstorable(id: string, at: number): SessionEvent {
  const event = poison(id) as SessionEvent & { message: { id: string } };
  return { ...event, message: { ...event.message, id: `${id}:unstorable:${at}` } } as SessionEvent;
}

/** Acknowledged keys that are not on the disk. */
function lostKeys({ paths }: TestRuntime, stored: ReadonlyArray<{ key: string }>): string[] {
  const kept = new Set(
    rowsOf<{ key: string }>(paths, 'SELECT key FROM hook_keys').map((r) => r.key),
  );
  return stored.filter(({ key }) => !kept.has(key)).map(({ key }) => `${key} is lost`);
}

interface Subscriber {
  readonly model: SubscriberModel;
  publish(room: string, frame: Frame): void;
  ask(message: object): Promise<void>;
  /** From the newest revision it has on. */
  subscribe(id: string): Promise<void>;
}

let connections = 0;

/** @param former what it remembers from before a restart */
function createSubscriber({ runtime }: TestRuntime, former?: SubscriberModel): Subscriber {
  const model = former ?? createModel();
  const rooms = new Set<string>();
  connections += 1;
  /** Drops each frame whose revision it has: live frames and an answer's may say the same. */
  const take = (frame: Received): void => {
    const { session_id = '', revision } = frame as { session_id?: string; revision?: number };
    const has = model.sessions.get(session_id)?.revision ?? null;
    const isKnown = has !== null && revision !== undefined && revision <= has;
    if (!isKnown) model.take(frame);
  };
  const connection: Connection = {
    id: `disorder-${connections}`,
    caller: { kind: 'local', address: '127.0.0.1', rights: OWNER },
    rooms,
    send: ({ message }) => take(message as Received),
    join: (room) => void rooms.add(room),
    leave: (room) => void rooms.delete(room),
    backlogBytes: 0,
    close() {},
  };
  const ask = (message: object) => runtime.api.receive(connection, { value: message });
  runtime.api.opened(connection);
  let subscribing = Promise.resolve();
  return {
    model,
    ask,
    publish(room, frame) {
      if (rooms.has(room)) take(frame.message as Received);
    },
    subscribe(session_id) {
      subscribing = subscribing.then(async () => {
        const { revision = null } = model.sessions.get(session_id) ?? {};
        model.subscribing(session_id);
        const since = revision === null ? {} : { since_revision: revision, epoch: model.epoch };
        await ask({ type: 'subscribe_session', session_id, ...since });
        model.caughtUp(session_id);
      });
      return subscribing;
    },
  };
}
