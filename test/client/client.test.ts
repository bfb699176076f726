/** The typed client against the real server: answers, folded sessions, lines that break and come back. */
import { rmSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { pauseBefore } from '../../src/client/connection.ts';
import { ClientError, type SessionView } from '../../src/client/index.ts';
import { resolveConfig } from '../../src/config.ts';
import { openDataDirectory } from '../../src/files.ts';
import { startServer } from '../../src/server.ts';
import { canonicalSession } from '../support/canonical.ts';
import { wsClient } from '../support/clients.ts';
import { snapshotOf } from '../support/compare.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { startTestServer, type TestServer, temporaryDataPaths } from '../support/server.ts';
import { typedClient } from '../support/typed-client.ts';

let server: TestServer;
let id = '';
let script = scriptOf(id);
let sessions = 0;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => {
  sessions++;
  id = `typed-${sessions}`;
  script = scriptOf(id);
});

const says = (content: string) => (view: SessionView) =>
  view.messages.some((message) => message.content === content);

/** What a new client receives must be what the client has. */
async function expectServerState(view: SessionView | null): Promise<void> {
  await using newcomer = await wsClient(server.url);
  const snapshot = await snapshotOf(newcomer, id);
  expect(canonicalSession(view ?? {})).toEqual(canonicalSession(snapshot));
}

describe('asking', () => {
  it('gets each question its own answer, however they are mixed', async () => {
    using client = typedClient(server.url);
    await client.online();
    await deliver(server.url, script.prompt('Go'));
    const answers = await Promise.all([
      client.request({ type: 'ping' }),
      client.request({ type: 'subscribe_session', session_id: id }),
      client.request({ type: 'subscribe_session', session_id: 'nobody' }).catch((error) => error),
      client.request({ type: 'ping' }),
    ]);
    expect(answers[0].type).toBe('ack');
    expect(answers[1].type).toBe('ack');
    expect(answers[2]).toMatchObject({ code: 'not_found', sessionId: 'nobody' });
    expect(answers[3].type).toBe('ack');
  });

  it('says what the server says about a message of the wrong shape', async () => {
    using client = typedClient(server.url);
    await client.online();
    const wrong = { type: 'subscribe_session', session_id: '' } as const;
    const error = await client.request(wrong).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(ClientError);
    expect(error).toMatchObject({ code: 'parse_error' });
  });

  it('answers two requests that name the same approval in their order', async () => {
    using client = typedClient(server.url);
    await client.online();
    const decide = (decision: string) =>
      client
        .request({ type: 'approve_tool', session_id: 'nobody', request_id: 'r', decision })
        .catch((error: ClientError) => error.code);
    const [first, second] = await Promise.all([decide('approved'), decide('denied')]);
    expect(typeof first).toBe('string');
    expect(typeof second).toBe('string');
  });

  it('waits for the line that is being made', async () => {
    using client = typedClient(server.url);
    await expect(client.request({ type: 'ping' })).resolves.toMatchObject({ type: 'ack' });
  });

  it('refuses when no line can be made', async () => {
    using client = typedClient('http://127.0.0.1:1');
    await expect(client.request({ type: 'ping' })).rejects.toMatchObject({ code: 'offline' });
    await expect(client.request({ type: 'ping' })).rejects.toMatchObject({ code: 'offline' });
  });

  it('breaks what waits when the line breaks', async () => {
    using client = typedClient(server.url);
    await client.online();
    const asked = client.request({ type: 'ping' });
    client.close();
    await expect(asked).rejects.toMatchObject({ code: 'closed' });
  });

  it('is not refused for asking faster than the server listens', async () => {
    using client = typedClient(server.url);
    await client.online();
    const asked = Array.from({ length: 230 }, () => client.request({ type: 'ping' }));
    await Promise.all(asked);
    expect(client.frames.items.filter(({ type }) => type === 'error')).toEqual([]);
  });
});

describe('watching', () => {
  it('folds a session to what a new subscriber receives, at every step', async () => {
    using client = typedClient(server.url);
    client.watchList();
    await client.online();
    await deliver(server.url, script.prompt('Go'));
    client.watch(id);
    const steps = [
      script.toolStarts('t1'),
      script.asks(),
      script.toolEnds('t1', 'done'),
      script.stop('Bye'),
      script.end(),
    ];
    for (const step of steps) {
      await deliver(server.url, step);
      await client.rest();
      await expectServerState(client.session(id));
      const { work_status } = client.session(id) ?? {};
      expect(client.list.get(id)?.work_status).toBe(work_status);
    }
    expect(client.session(id)?.status).toBe('ended');
  });

  it('watches once for many readers, and no longer than the last of them', async () => {
    using client = typedClient(server.url);
    await client.online();
    await deliver(server.url, script.prompt('Go'));
    const stops = [client.watch(id), client.watch(id)];
    await client.until(id, says('Go'));
    for (const stop of stops) {
      stop();
      stop();
    }
    expect(client.session(id)).toBeNull();
    await client.rest();
    const from = client.frames.items.length;
    await deliver(server.url, script.stop());
    await client.rest();
    const facts = client.frames.items.slice(from).filter(({ revision }) => revision !== undefined);
    expect(facts).toEqual([]);
  });

  it('reports that a session cannot be had', async () => {
    using client = typedClient(server.url);
    const failed = new Promise((resolve) =>
      client.on('unavailable', (sessionId, { code }) => resolve({ sessionId, code })),
    );
    client.watch('nobody');
    expect(await failed).toEqual({ sessionId: 'nobody', code: 'not_found' });
  });
});

describe('a line that breaks', () => {
  it('comes back over a restart with what it has and loses nothing', async () => {
    using client = typedClient(server.url);
    client.watchList();
    await deliver(server.url, script.prompt('Before'));
    client.watch(id);
    await client.until(id, says('Before'));
    const { revision } = client.session(id) ?? {};
    const from = client.frames.items.length;
    await server.stop();
    await client.links.waitFor((kind) => kind === 'offline');
    await server.start();
    await deliver(server.url, script.stop('While away'));
    await client.until(id, says('While away'));
    await deliver(server.url, script.prompt('And on'));
    await client.until(id, says('And on'));
    await client.rest();
    await expectServerState(client.session(id));
    const since = client.frames.items.slice(from);
    expect(since.map(({ type }) => type)).not.toContain('session_snapshot');
    const revisions = since.flatMap((frame) => frame.revision ?? []);
    expect(Math.min(...revisions)).toBeGreaterThanOrEqual(revision ?? 0);
    expect(client.list.get(id)?.work_status).toBe('working');
  });

  it('keeps watching what it was asked to while there was no server', async () => {
    await deliver(server.url, script.prompt('Go'));
    await server.stop();
    using client = typedClient(server.url);
    client.watch(id);
    await client.links.waitFor((kind) => kind === 'offline');
    await server.start();
    await client.until(id, says('Go'));
  });

  it('asks again when a fact is missing', async () => {
    await deliver(server.url, script.prompt('Go'));
    let isDeaf = false;
    // A line that loses facts for a while, as no good one does.
    class Leaky extends (await import('ws')).WebSocket {
      override emit(name: string | symbol, ...args: unknown[]): boolean {
        const isFact = name === 'message' && String(args[0]).includes('"revision"');
        return isDeaf && isFact ? true : super.emit(name, ...args);
      }
    }
    using client = typedClient(server.url, { WebSocket: Leaky });
    client.watch(id);
    await client.until(id, says('Go'));
    isDeaf = true;
    await deliver(server.url, script.stop('Unheard'));
    await client.rest();
    isDeaf = false;
    await deliver(server.url, script.prompt('Heard'));
    await client.until(id, (view) => says('Unheard')(view) && says('Heard')(view));
    await client.rest();
    await expectServerState(client.session(id));
  });

  it('notices that nobody is there any more, and finds another way', async () => {
    let lines = 0;
    class Dumb extends (await import('ws')).WebSocket {
      readonly #isDead = ++lines === 1;
      override send(...args: Parameters<InstanceType<typeof WebSocket>['send']>): void {
        if (!this.#isDead) super.send(...(args as [string]));
      }
    }
    using client = typedClient(server.url, { WebSocket: Dumb, silenceMs: 50, timeoutMs: 50 });
    await client.links.waitFor((kind) => kind === 'offline');
    await client.online();
    await client.rest();
    expect(lines).toBe(2);
  });
});

describe('a token', () => {
  it('sends the token as a subprotocol, and a wrong one is reported and not tried again', async () => {
    const paths = temporaryDataPaths();
    onTestFinished(() => rmSync(paths.dir, { recursive: true, force: true }));
    openDataDirectory(paths);
    const flags = {
      dataDir: paths.dir,
      bind: '127.0.0.1:0',
      authToken: 'od_right-token-012345678901234567',
    };
    await using locked = await startServer(resolveConfig({ flags, env: {}, home: paths.dir }));
    const url = `http://127.0.0.1:${locked.port}`;
    let token = 'od_wrong-token-0123456789012345678';
    using client = typedClient(url, { token: () => token });
    await client.links.waitFor((kind) => kind === 'refused');
    expect(client.link).toEqual({ kind: 'refused', reason: 'unauthorized' });
    token = flags.authToken;
    client.retry();
    await client.online();
    await client.rest();
  });
});

describe('when to come back', () => {
  it('doubles up to ten seconds, half of it by chance', () => {
    const pauses = (random: number) => [0, 1, 2, 3, 4, 9].map((n) => pauseBefore(n, null, random));
    expect(pauses(0)).toEqual([500, 1000, 2000, 4000, 5000, 5000]);
    expect(pauses(1)).toEqual([1000, 2000, 4000, 8000, 10_000, 10_000]);
  });

  it('does after a restart as the server says', () => {
    const received = { code: 1012, reason: 'restarting, come back within 6000 ms' };
    expect([0, 0.5, 1].map((random) => pauseBefore(0, received, random))).toEqual([
      1000, 4000, 7000,
    ]);
    expect(pauseBefore(0, { code: 1012, reason: 'within 500 ms' }, 1)).toBe(750);
    expect(pauseBefore(0, { code: 1012, reason: '' }, 1)).toBe(5833);
    expect(pauseBefore(1, received, 1)).toBe(2000);
  });
});

it('is small enough for every page, and brings nothing along', async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [new URL('../../src/client/index.ts', import.meta.url).pathname],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'neutral',
    write: false,
    metafile: true,
  });
  expect(gzipSync(outputFiles[0]?.contents ?? '').length).toBeLessThan(8 * 1024);
  const foreign = Object.keys(metafile.inputs).filter((path) => !path.includes('src/client/'));
  expect(foreign).toEqual([]);
});

vi.setConfig({ testTimeout: 30_000 });
