/** The page's files on a real port, and who may use the endpoints of inspection. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { io } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { SILENT_LOGGER } from '../../src/log.ts';
import { createRuntime } from '../../src/runtime/runtime.ts';
import { openWriter } from '../../src/store/writer.ts';
import { PAGE_POLICY } from '../../src/transports/http/page-files.ts';
import { createTransports, type TransportsDeps } from '../../src/transports/listen.ts';
import { BARE } from '../support/bare-runtime.ts';
import { noCodex } from '../support/no-codex.ts';
import { temporaryDataPaths } from '../support/server.ts';
import { raw, requestText, TOKEN } from './support.ts';

const SCRIPT = `console.log(1);${' '.repeat(2000)}`;

function buildPage(): string {
  const directory = mkdtempSync(join(tmpdir(), 'orbit-page-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(join(directory, 'assets'));
  writeFileSync(
    join(directory, 'index.html'),
    '<!doctype html><title>OrbitDock</title><script src="./assets/main-abc123.js"></script>',
  );
  writeFileSync(join(directory, 'assets/main-abc123.js'), SCRIPT);
  writeFileSync(join(directory, 'assets/font-abc.woff2'), Buffer.alloc(3000));
  writeFileSync(join(directory, '.env'), 'SECRET=1');
  return directory;
}

/** Transports with inspection over a real store; `config` is merged over a local, tokenless one. */
async function openTestRuntime(
  pageDirectory: string,
  config: Partial<TransportsDeps['config']> = {},
): Promise<number> {
  const paths = temporaryDataPaths();
  const writer = await openWriter({ paths, durability: 'normal', log: SILENT_LOGGER });
  const runtime = createRuntime({
    writer,
    ...BARE,
    ...noCodex(),
    log: SILENT_LOGGER,
    version: '9.9.9',
  });
  const transports = createTransports({
    config: {
      bind: { host: '127.0.0.1', port: 0, isLoopback: true },
      token: null,
      localTrust: true,
      allowInsecureNoAuth: false,
      allowHosts: [],
      allowOrigins: [],
      ...config,
    },
    runtime: runtime.api,
    rooms: runtime.rooms,
    inspection: runtime.inspection,
    pageDirectory,
    log: SILENT_LOGGER,
    version: '9.9.9',
  });
  const { port } = await transports.listen();
  onTestFinished(async () => {
    await transports.close();
    await writer.close();
    runtime.registry.stop();
    rmSync(paths.dir, { recursive: true, force: true });
  });
  return port;
}

function get(port: number, target: string, headers: [string, string][] = []) {
  const host: [string, string] = ['Host', `127.0.0.1:${port}`];
  return raw(port, requestText('GET', target, [host, ['Connection', 'close'], ...headers]));
}

describe('the page', () => {
  it('is served at /, at /visualizer/ and at every route of its own, with a strict policy', async () => {
    const port = await openTestRuntime(buildPage());
    for (const path of [
      '/',
      '/visualizer',
      '/visualizer/',
      '/visualizer/grid',
      '/visualizer/about',
      '/visualizer/machines/session',
      '/visualizer/s/4f2a-11:b',
      '/visualizer/s/4f2a/x:0?seq=12',
    ]) {
      const { status, headers, body } = await get(port, path);
      expect([path, status, body]).toEqual([path, 200, expect.stringContaining('OrbitDock')]);
      // Relative, so that it is found below whatever path a proxy adds.
      const [, script = ''] = /src="([^"/][^"]*)"/.exec(body) ?? [];
      for (const prefix of ['', '/orbit', '/a/b']) {
        const found = new URL(script, `http://dock.test${prefix}${path}`).pathname;
        expect([path, found]).toEqual([path, `${prefix}/visualizer/assets/main-abc123.js`]);
      }
      expect(headers['content-security-policy']).toBe(PAGE_POLICY);
      expect(headers['content-type']).toBe('text/html; charset=utf-8');
      expect(headers['cache-control']).toBe('no-cache');
    }
    expect(PAGE_POLICY).not.toMatch(/unsafe|http|\*|data:/);
  });

  it('leads a browser from a short address to the page, and answers a program that nothing is there', async () => {
    const port = await openTestRuntime(buildPage());
    const html: [string, string][] = [['Accept', 'text/html,application/xhtml+xml,*/*;q=0.8']];
    for (const [path, target] of [
      ['/s/4f2a-11:b?at=9', '../visualizer/s/4f2a-11:b?at=9'],
      ['/inbox', 'visualizer/inbox'],
    ] as const) {
      const { status, headers } = await get(port, path, html);
      expect([path, status, headers.location]).toEqual([path, 302, target]);
      for (const accept of [[], [['Accept', '*/*']], [['Accept', 'application/json']]]) {
        const answer = await get(port, path, accept as [string, string][]);
        expect([path, answer.status]).toEqual([path, 404]);
        expect(answer.body).toContain('"not_found"');
      }
    }
    expect((await get(port, '/s/..%2f..', html)).status).toBe(404);
  });

  it('lets hashed files be kept for ever, compressed for whoever takes that', async () => {
    const port = await openTestRuntime(buildPage());
    const plain = await get(port, '/visualizer/assets/main-abc123.js');
    expect(plain).toMatchObject({ status: 200, body: SCRIPT });
    expect(plain.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(plain.headers['x-content-type-options']).toBe('nosniff');
    const zipped = await get(port, '/visualizer/assets/main-abc123.js', [
      ['Accept-Encoding', 'gzip, br'],
    ]);
    expect(zipped.headers['content-encoding']).toBe('gzip');
    expect(zipped.body.length).toBeLessThan(200);
    const font = await get(port, '/visualizer/assets/font-abc.woff2');
    expect(font.headers['content-type']).toBe('font/woff2');
  });

  it('answers 404 to everything that is not one of its files', async () => {
    const port = await openTestRuntime(buildPage());
    for (const path of [
      '/../../etc/passwd',
      '/visualizer/../../etc/passwd',
      '/visualizer/%2e%2e%2f%2e%2e%2fetc/passwd',
      '/visualizer/..%5c..%5cetc',
      '/visualizer/%00',
      '/visualizer/assets/..;/index.html',
      '/visualizer/assets/',
      '/visualizer/.env',
      '/visualizer//index.html',
      '/visualizer/s/%2e%2e%2f',
      '/visualizer/nowhere',
      '/visualizerx',
      '//etc/passwd',
    ]) {
      expect([path, (await get(port, path)).status]).toEqual([path, 404]);
    }
    const host: [string, string] = ['Host', `127.0.0.1:${port}`];
    expect((await raw(port, requestText('POST', '/', [host]))).status).toBe(405);
  });

  it('says what to do while it has not been built, and is there once it is', async () => {
    const directory = join(buildPage(), 'later');
    const port = await openTestRuntime(directory);
    const missing = await get(port, '/');
    expect(missing.status).toBe(503);
    expect(missing.body).toContain('npm run build');
    mkdirSync(directory);
    writeFileSync(join(directory, 'index.html'), 'here');
    expect((await get(port, '/')).body).toBe('here');
  });
});

describe('with a token asked of everybody', () => {
  const strict = { token: TOKEN, localTrust: false };

  it('the page itself is public, the namespace behind it is not', async () => {
    const port = await openTestRuntime(buildPage(), strict);
    expect((await get(port, '/visualizer/')).status).toBe(200);
    expect(await connect(port)).toBe('unauthorized');
    expect(await connect(port, 'wrong')).toBe('unauthorized');
    expect(await connect(port, TOKEN)).toBe('in');
  });

  it('a ticket opens /inspect/stately once', async () => {
    const port = await openTestRuntime(buildPage(), strict);
    const socket = io(`http://127.0.0.1:${port}/inspect`, {
      auth: { token: TOKEN },
      transports: ['websocket'],
      forceNew: true,
    });
    onTestFinished(() => void socket.disconnect());
    const { path } = await socket.emitWithAck('ticket', {});
    expect(await statusOf(`ws://127.0.0.1:${port}/inspect/stately`)).toBe(401);
    expect(await statusOf(`ws://127.0.0.1:${port}/inspect/stately?ticket=guess`)).toBe(401);
    expect(await statusOf(`ws://127.0.0.1:${port}${path}`)).toBe(101);
    expect(await statusOf(`ws://127.0.0.1:${port}${path}`)).toBe(401);
  });

  it('a foreign page reaches neither', async () => {
    const port = await openTestRuntime(buildPage(), strict);
    const evil: [string, string][] = [['Origin', 'https://evil.example']];
    expect((await get(port, '/', evil)).status).toBe(403);
    expect((await get(port, '/', [['Sec-Fetch-Site', 'cross-site']])).status).toBe(403);
    expect((await get(port, '/socket.io/?EIO=4&transport=polling', evil)).status).toBe(403);
  });
});

describe('a link to the page on another site', () => {
  const link: [string, string][] = [
    ['Sec-Fetch-Site', 'cross-site'],
    ['Sec-Fetch-Mode', 'navigate'],
    ['Sec-Fetch-Dest', 'document'],
  ];
  const changed = (name: string, value: string): [string, string][] => [
    ...link.filter(([given]) => given !== name),
    [name, value],
  ];

  it('opens it, in no frame', async () => {
    const port = await openTestRuntime(buildPage());
    for (const path of ['/', '/visualizer/', '/visualizer/s/one?x=1']) {
      const answer = await get(port, path, link);
      expect([path, answer.status]).toEqual([path, 200]);
      expect(answer.headers['x-frame-options']).toBe('DENY');
    }
    expect((await get(port, '/', changed('Sec-Fetch-Site', 'same-site'))).status).toBe(200);
  });

  it('opens nothing else, and is no way in for what is not a navigation', async () => {
    const port = await openTestRuntime(buildPage());
    for (const path of ['/health', '/api/sessions', '/ws', '/socket.io/?EIO=4&transport=polling']) {
      expect([path, (await get(port, path, link)).status]).toEqual([path, 403]);
    }
    for (const headers of [
      changed('Sec-Fetch-Mode', 'no-cors'),
      changed('Sec-Fetch-Mode', 'cors'),
      changed('Sec-Fetch-Dest', 'iframe'),
      changed('Origin', 'https://evil.example'),
      [...link, ['Sec-Fetch-Mode', 'cors'] as [string, string]],
    ]) {
      expect([headers, (await get(port, '/', headers)).status]).toEqual([headers, 403]);
    }
  });
});

function connect(port: number, token?: string): Promise<string> {
  const socket = io(`http://127.0.0.1:${port}/inspect`, {
    auth: token === undefined ? {} : { token },
    transports: ['websocket'],
    reconnection: false,
    forceNew: true,
  });
  onTestFinished(() => void socket.disconnect());
  return new Promise((resolve) => {
    socket.once('hello', () => resolve('in'));
    socket.once('connect_error', (error) => {
      resolve((error as Error & { data?: { code: string } }).data?.code ?? error.message);
    });
  });
}

/** The status a WebSocket handshake ends with. */
function statusOf(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url);
    onTestFinished(() => ws.terminate());
    ws.once('open', () => resolve(101));
    ws.once('unexpected-response', (_, response) => resolve(response.statusCode ?? 0));
    ws.once('error', reject);
  });
}
