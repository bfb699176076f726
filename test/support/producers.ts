/**
 * Claude sessions as they would run for hours: each producer is one CLI that reports hook after hook, in
 * order, and repeats one until it is acknowledged. What was acknowledged goes into a ledger only then.
 */
import type { HookBody } from './fixtures.ts';
import { hookKey, postHook, scriptOf } from './hooks.ts';
import type { Random } from './random.ts';

/** One hook that was acknowledged. */
export interface Acknowledged {
  session: string;
  key: string;
  event: string;
  /** When the answer came, milliseconds since 1970. */
  answeredMs: number;
}

export interface Producer {
  readonly session: string;
  /** In the order they were sent, which is the order they must have taken effect in. */
  readonly acknowledged: readonly Acknowledged[];
  /** Requests that repeated a key and were informed that all is well. */
  readonly repeated: number;
  /** Answers that were neither 204 nor 503; there should be none. */
  readonly surprises: readonly string[];
  /** Keys of hooks that were sent and not answered yet. */
  readonly unanswered: readonly string[];
  /** Runs until `stop`; the last hook is acknowledged then. */
  readonly done: Promise<void>;
  stop(): void;
}

export interface ProducerOptions {
  url: string;
  session: string;
  random: Random;
  /** Share of hooks that are sent more than once. */
  duplicates: number;
  /** Settles when the server can be reached; asked after every failure. */
  whenUp: () => Promise<void>;
  /** Called before each hook; a test may slow the producers down with it. */
  pace?: () => Promise<void>;
}

/** A client that was asked to come again later comes again after this, ms. */
const COME_AGAIN_MS = 20;

/** Keys of this many newest hooks may be repeated. */
const REMEMBERED = 200;

/** Starts one producer. */
export function startProducer(options: ProducerOptions): Producer {
  return new Cli(options);
}

class Cli implements Producer {
  readonly session: string;
  readonly acknowledged: Acknowledged[] = [];
  readonly surprises: string[] = [];
  repeated = 0;
  readonly done: Promise<void>;
  readonly #options: ProducerOptions;
  readonly #open = new Set<string>();
  readonly #sent: { key: string; body: HookBody }[] = [];
  #isStopping = false;

  constructor(options: ProducerOptions) {
    this.#options = options;
    this.session = options.session;
    this.done = this.#run();
  }

  get unanswered(): string[] {
    return [...this.#open];
  }

  stop(): void {
    this.#isStopping = true;
  }

  async #run(): Promise<void> {
    const { session, random, duplicates, pace } = this.#options;
    for (const body of sessionHooks(session, random)) {
      if (this.#isStopping) return;
      await pace?.();
      const key = hookKey();
      const isTwice = random.chance(duplicates / 2);
      await Promise.all([this.#insist(key, body), isTwice && this.#insist(key, body)]);
      const event = body.hook_event_name ?? '';
      this.acknowledged.push({ session, key, event, answeredMs: Date.now() });
      if (isTwice) this.repeated++;
      if (random.chance(duplicates / 2)) await this.#repeatAnOldOne();
    }
  }

  async #repeatAnOldOne(): Promise<void> {
    const { key, body } = this.#options.random.pick(this.#sent);
    await this.#insist(key, body);
    this.repeated++;
  }

  /** Sends until it is acknowledged. */
  async #insist(key: string, body: HookBody): Promise<void> {
    this.#sent.push({ key, body });
    if (this.#sent.length > REMEMBERED) this.#sent.shift();
    for (;;) {
      const status = await this.#attempt(key, body);
      if (status === 204) return;
      if (status === 503) await new Promise((resolve) => setTimeout(resolve, COME_AGAIN_MS));
    }
  }

  /** @returns null when nothing is known about the attempt: gone, or not yet back */
  async #attempt(key: string, body: HookBody): Promise<number | null> {
    this.#open.add(key);
    try {
      const { status, body: words } = await postHook(this.#options.url, body, { key });
      if (status === 204 || status === 503) return status;
      this.surprises.push(`${status} ${words}`);
      return 204;
    } catch {
      await this.#options.whenUp();
      return null;
    } finally {
      this.#open.delete(key);
    }
  }
}

/** The hooks of a session that never comes to rest: turns, tools, requests, agents, ends and returns. */
function* sessionHooks(session: string, random: Random): Generator<HookBody, never> {
  const script = scriptOf(session, '/nowhere/shop');
  let tools = 0;
  yield script.start();
  for (;;) {
    yield script.prompt(`Round ${tools}`);
    for (let left = random.between(1, 5); left > 0; left--) {
      tools++;
      yield* toolHooks(`tool-${tools}`, `make ${tools}`);
    }
    if (random.chance(0.2)) yield* agentHooks(`agent-${tools}`);
    yield script.stop(`Done with ${tools}`);
    if (!random.chance(0.1)) continue;
    yield script.end();
    yield script.start('resume');
  }

  function* toolHooks(id: string, command: string): Generator<HookBody> {
    yield script.toolStarts(id, command);
    if (random.chance(0.3)) yield script.asks(command);
    // Now and then a person says no: no hook reports it, the next prompt does.
    if (random.chance(0.05)) return;
    yield script.toolEnds(id, 'y'.repeat(random.between(1, 400)), command);
  }

  function* agentHooks(agent_id: string): Generator<HookBody> {
    const base = { session_id: session, agent_id, agent_type: 'general-purpose' };
    yield { ...base, hook_event_name: 'SubagentStart' };
    yield { ...script.toolStarts(`${agent_id}-tool`), agent_id };
    yield { ...script.toolEnds(`${agent_id}-tool`), agent_id };
    yield { ...base, hook_event_name: 'SubagentStop' };
  }
}
