/**
 * Two clients, one at each transport, say whatever the protocol allows, at random, about watched and direct
 * sessions, while hooks come in. Each message gets its answer, in words of the catalogue, that the
 * desktop app can read; nothing breaks inside; and in the end everybody shows what the server says.
 *
 * A minute; `FUZZ_SECONDS=600` for ten, `SEED` to repeat.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { replyTagOf } from '../../src/client/requests.ts';
import { CODES } from '../../src/errors.ts';
import type { ClientMessage } from '../../src/protocol/client.ts';
import { type Build, build } from '../support/build.ts';
import { canonicalSession } from '../support/canonical.ts';
import { ioClient, type Received, type TestClient, wsClient } from '../support/clients.ts';
import { createCodexHome } from '../support/codex-home.ts';
import { snapshotOf } from '../support/compare.ts';
import { watchAsDesktop } from '../support/desktop/desktop.ts';
import { ADDITIVE, decodeAsApp } from '../support/desktop/frames.ts';
import { startFakeResponsesApi } from '../support/fake-responses-api.ts';
import { deliver, postHook, scriptOf } from '../support/hooks.ts';
import { createRandom, type Random, seedOfRun } from '../support/random.ts';
import { type SpawnedServer, spawnServer } from '../support/spawned.ts';
import { type TypedClient, typedClient } from '../support/typed-client.ts';
import { type Pools, randomMessage } from './fuzz/generate.ts';

const SECONDS = Number(process.env.FUZZ_SECONDS) || 60;
/** Each client; the server takes 50. */
const PER_SECOND = 25;
/** Within this the last answer must have come, and everybody be at rest. */
const SETTLED_WITHIN_MS = 60_000;
const WATCHED = ['fuzz-1', 'fuzz-2', 'fuzz-3', 'fuzz-4'];
const NAMES_REQUEST = new Set(['approve_tool', 'answer_question', 'cancel_shell']);

let program: Build;
beforeAll(async () => {
  program = await build();
});
afterAll(() => program[Symbol.dispose]());

/** One client that talks nonsense, and what it makes of the answers. */
class Babbler {
  readonly wrong: string[] = [];
  readonly codes = new Map<string, number>();
  said = 0;
  readonly #waiting = new Map<string, { type: string; frame: string }>();
  readonly #client: TestClient;
  readonly #pools: Pools;
  #read = 0;

  constructor(client: TestClient, pools: Pools) {
    this.#client = client;
    this.#pools = pools;
  }

  say(message: { type: string; request_id?: unknown }): void {
    this.said++;
    // An approval's or a command's name comes back from many; those are not counted one by one.
    const isNamed = NAMES_REQUEST.has(message.type);
    const request_id = isNamed ? message.request_id : `fuzz-${this.said}`;
    const frame = { ...message, request_id };
    if (!isNamed) {
      const frameText = JSON.stringify(frame).slice(0, 300);
      this.#waiting.set(String(request_id), { type: message.type, frame: frameText });
    }
    this.#client.send(frame);
  }

  /** Looks at all that came since the last look. */
  read(): void {
    for (; this.#read < this.#client.messages.length; this.#read++) {
      this.#take(this.#client.messages[this.#read] as Received);
    }
  }

  unanswered(): string[] {
    this.read();
    return [...this.#waiting.values()].map(({ frame }) => `unanswered: ${frame}`);
  }

  #take(frame: Received): void {
    const decoded = decodeAsApp(JSON.stringify(frame));
    const isAdditive = (ADDITIVE as readonly string[]).includes(frame.type);
    if (decoded.kind !== 'known' && !isAdditive) this.wrong.push(JSON.stringify(decoded));
    if (frame.type === 'error') this.#takeError(frame);
    const { request_id } = frame as { request_id?: string };
    const asked = request_id === undefined ? undefined : this.#waiting.get(request_id);
    const isAnswer =
      asked &&
      ['ack', 'error', replyTagOf(asked.type as ClientMessage['type'])].includes(frame.type);
    if (isAnswer) this.#waiting.delete(request_id ?? '');
    learn(frame, this.#pools);
  }

  #takeError({ code, message }: Extract<Received, { type: 'error' }>): void {
    this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
    const isBug = !(CODES as readonly string[]).includes(code) || code === 'internal_error';
    // Everything is valid by its schema; a rate that is kept to is not refused.
    if (isBug || code === 'parse_error' || code === 'rate_limited') {
      this.wrong.push(`${code}: ${message}`);
    }
  }
}

/** Remembers what can be named in later messages. */
function learn(frame: Received, pools: Pools): void {
  const add = <Item>(pool: Item[], item: Item): void => {
    if (!pool.includes(item)) pool.push(item);
    if (pool.length > 40) pool.splice(0, 20);
  };
  if (frame.type === 'session_snapshot') add(pools.session_id, frame.session.id);
  if (frame.type === 'approval_requested') add(pools.request_id, frame.request.id);
  if (frame.type === 'review_comment_created') add(pools.comment_id, frame.comment.id);
  if (frame.type === 'shell_started') add(pools.request_id, frame.request_id);
  if (frame.type === 'approvals_list') {
    for (const { id } of frame.approvals.slice(0, 5)) add(pools.approval_id, id);
  }
}

/** Hooks of watched sessions, as they come while a CLI works. */
async function hook(url: string, random: Random): Promise<void> {
  const script = scriptOf(random.pick(WATCHED));
  const tool = random.pick(['t1', 't2', 't3']);
  const body = random.pick([
    script.prompt('Go on'),
    script.toolStarts(tool),
    script.asks(),
    script.toolEnds(tool, 'o'.repeat(random.between(0, 50_000))),
    script.stop(),
  ]);
  const { status, body: words } = await postHook(url, body);
  if (status !== 204) throw new Error(`a hook was answered ${status}: ${words}`);
}

async function babble(server: SpawnedServer, babblers: Babbler[], pools: Pools, random: Random) {
  const until = performance.now() + SECONDS * 1000;
  while (performance.now() < until) {
    for (const babbler of babblers) babbler.say(randomMessage(random, pools));
    await Promise.all([hook(server.url, random), pause(1000 / PER_SECOND)]);
    for (const babbler of babblers) babbler.read();
  }
}

/** Where a client's folded sessions differ from what a new client receives now. */
async function differences(client: TypedClient, url: string): Promise<string[]> {
  await client.rest();
  const wrong: string[] = [];
  await using newcomer = await wsClient(url);
  for (const id of [...client.list.keys()].slice(0, 50)) {
    const received = canonicalSession(await snapshotOf(newcomer, id));
    await client.rest();
    const view = client.session(id);
    if (!view) continue;
    const messages = received.messages as unknown[];
    const newest = messages.length > 0 ? view.messages.slice(-messages.length) : [];
    const mine = canonicalSession({ ...view, messages: newest });
    for (const field of new Set([...Object.keys(received), ...Object.keys(mine)])) {
      if (isDeepStrictEqual(mine[field], received[field])) continue;
      const [left, right] = [mine[field], received[field]].map(
        (value) => JSON.stringify(value) ?? '',
      );
      wrong.push(`${id}.${field}: ${left?.slice(-300)} is ${right?.slice(-300)}`);
    }
  }
  return wrong;
}

it(
  `answers ${SECONDS} s of whatever the protocol allows, and everybody agrees in the end`,
  async () => {
    const random = createRandom(seedOfRun());
    await using api = await startFakeResponsesApi();
    await using home = await createCodexHome(api);
    await using server = await spawnServer(program.main, { env: home.env });
    for (const id of WATCHED) await deliver(server.url, scriptOf(id, home.project).prompt('Go'));
    const pools: Pools = {
      session_id: [...WATCHED, 'nobody'],
      request_id: ['no-request'],
      comment_id: ['no-comment'],
      approval_id: [999],
      path: [home.project, `${home.project}/sub`, '/no/such', '~', 'a.ts'],
    };
    const raw = await wsClient(server.url);
    const sio = await ioClient(server.url);
    await using desktop = await watchAsDesktop(server.url);
    using deltas = typedClient(server.url);
    using whole = typedClient(server.url, { deltas: false });
    for (const client of [deltas, whole]) {
      client.watchList();
      client.on('list', (list) => {
        for (const id of list.keys()) if (!client.session(id)) client.watch(id);
      });
      await client.online();
    }
    const babblers = [new Babbler(raw, pools), new Babbler(sio, pools)];
    await babble(server, babblers, pools, random);

    const report = (words: string[]) => `SEED=${random.seed}\n${words.slice(0, 20).join('\n')}`;
    const within = { timeout: SETTLED_WITHIN_MS, interval: 500 };
    const unanswered = () => babblers.flatMap((babbler) => babbler.unanswered());
    await expect.poll(unanswered, { ...within, message: report(unanswered()) }).toEqual([]);
    await expect.poll(() => desktop.disagreements(), within).toEqual([]);
    for (const client of [deltas, whole]) {
      await expect.poll(() => differences(client, server.url), within).toEqual([]);
    }
    const wrong = babblers.flatMap((babbler) => babbler.wrong);
    expect(wrong, report(wrong)).toEqual([]);
    const log = readFileSync(server.paths.log, 'utf8').split('\n');
    // A refusal may be called `fork_failed`: that is an answer.
    const bugs = log.filter(
      (line) =>
        /dispatch\.failed|unhandled|crashed|_failed/.test(line) &&
        !/"command.refused"|"session.resume.connector_failed"/.test(line),
    );
    expect(bugs, report(bugs)).toEqual([]);
    await raw.close();
    await sio.close();
    const { code } = await server.kill('SIGTERM');
    expect(code, server.output).toBe(0);
    const said = babblers.reduce((sum, { said: each }) => sum + each, 0);
    const codes = babblers.map(({ codes: each }) => JSON.stringify(Object.fromEntries(each)));
    console.info(
      `${said} messages in ${SECONDS} s; refusals: ${codes.join(' ')}; SEED=${random.seed}`,
    );
  },
  SECONDS * 1000 + 4 * SETTLED_WITHIN_MS,
);
