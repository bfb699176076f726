/** doctor, through a real nginx in front of a real server: what passes, what does not, and what to do about it. */
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { openDataDirectory } from '../../src/files.ts';
import { createToken } from '../../src/secrets.ts';
import { readTokens } from '../../src/store/tokens.ts';
import { freePort, makePair, OWN, README_LINES, runNginx } from '../support/nginx.ts';
import { startTestServer } from '../support/server.ts';
import { Home } from './support.ts';

vi.setConfig({ testTimeout: 60_000 });

interface Finding {
  state: string;
  text: string;
  remedy?: string;
}

let home: Home;
beforeEach(() => {
  home = new Home();
  // Without the agents of this machine, which take seconds to say their version.
  home.env.PATH = '/usr/bin:/bin';
});
afterEach(() => home.remove());

/** A server behind an nginx of these lines. @returns where clients come in, and how to ask doctor */
async function behind(
  lines: string,
  { trustedProxies = ['127.0.0.1'], allowHosts = ['localhost'], location = '/dock/' } = {},
) {
  openDataDirectory(home.paths);
  const flags = { authToken: createToken(), allowHosts, trustedProxies, basePath: '/dock' };
  const server = await startTestServer({ paths: home.paths, flags });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const port = await freePort();
  const proxied = lines.replaceAll('UPSTREAM', `http://127.0.0.1:${server.port}`);
  await runNginx(OWN, `server { listen 127.0.0.1:${port}; location ${location} { ${proxied} } }`);
  const url = `http://localhost:${port}/dock`;
  await vi.waitFor(() => fetch(url), { timeout: 10_000, interval: 20 });
  return { url, server };
}

async function front(...words: string[]): Promise<Record<string, Finding>> {
  const { stdout, stderr } = await home.run('doctor', '--json', ...words);
  expect(stderr).toBe('');
  const { findings } = JSON.parse(stdout) as { findings: (Finding & { about: string })[] };
  const ours = findings.filter(({ about }) => about.startsWith('proxy in front'));
  return Object.fromEntries(
    ours.map(({ about, ...finding }) => [about.replace(/^proxy in front(, )?/, ''), finding]),
  );
}

it('finds nothing wrong with nginx as the README has it, and leaves no token', async () => {
  const { url } = await behind(`proxy_pass UPSTREAM; ${README_LINES}`);
  expect(await front('--url', url)).toMatchObject({
    '': { state: 'ok', text: `${url} leads to this server` },
    pages: { state: 'ok' },
    callers: { state: 'ok', text: expect.stringContaining('this one is 127.0.0.1') },
    WebSockets: { state: 'ok' },
  });
  expect(readTokens(home.paths.database)).toEqual([]);
});

it('says of a bare proxy_pass that WebSockets, pages and callers are lost, and which lines help', async () => {
  const { url } = await behind('proxy_pass UPSTREAM;');
  expect(await front('--url', url)).toMatchObject({
    '': { state: 'ok' },
    pages: { state: 'problem', remedy: expect.stringContaining('Host $http_host') },
    callers: { state: 'note', remedy: expect.stringContaining('X-Forwarded-For') },
    WebSockets: {
      state: 'problem',
      text: expect.stringContaining('does not pass the upgrade on'),
      remedy: expect.stringContaining('Upgrade $http_upgrade'),
    },
  });
});

it('says that a proxy which is not trusted hides its clients', async () => {
  const { url } = await behind(`proxy_pass UPSTREAM; ${README_LINES}`, { trustedProxies: [] });
  expect((await front('--url', url)).callers).toMatchObject({
    state: 'note',
    remedy: expect.stringContaining('--trusted-proxy 127.0.0.1'),
  });
});

it('says that a proxy which names the wrong scheme has every page refused', async () => {
  const lines = README_LINES.replace('$scheme', 'https');
  const { url } = await behind(`proxy_pass UPSTREAM; ${lines}`);
  expect((await front('--url', url)).pages).toMatchObject({
    state: 'problem',
    text: expect.stringContaining('the proxy says that clients come by https'),
    remedy: expect.stringContaining('X-Forwarded-Proto'),
  });
});

it.each([
  [
    'a name that is not ours',
    README_LINES,
    { allowHosts: ['dock.example'] },
    /--allow-host localhost/,
  ],
  ['a token taken off', `${README_LINES} proxy_set_header Authorization "";`, {}, /Authorization/],
  ['another place', 'return 302 https://elsewhere.example/;', {}, /address at its end/],
  [
    'a path that is cut',
    `rewrite ^/dock/(.*) /x/$1 break; ${README_LINES}`,
    {},
    /--base-path \/dock/,
  ],
] as const)('names %s, and what to do about it', async (_, lines, options, remedy) => {
  const to = lines.startsWith('return') ? '' : 'proxy_pass UPSTREAM;';
  const { url } = await behind(`${to} ${lines}`, options as { allowHosts?: string[] });
  const found = await front('--url', url);
  expect(Object.keys(found)).toEqual(['']);
  expect(found['']).toMatchObject({ state: 'problem', remedy: expect.stringMatching(remedy) });
});

it('says that the proxy reaches no server, that nobody listens, and that a certificate is not trusted', async () => {
  const nobody = await freePort();
  const { url } = await behind(`proxy_pass http://127.0.0.1:${nobody}; ${README_LINES}`);
  expect((await front('--url', url))['']).toMatchObject({
    state: 'problem',
    text: 'the proxy does not reach the server (502)',
  });
  expect((await front('--url', `http://localhost:${nobody}`))['']).toMatchObject({
    state: 'problem',
    text: expect.stringContaining('ECONNREFUSED'),
  });
  const pair = makePair();
  const port = await freePort();
  await runNginx(
    OWN,
    `server { listen 127.0.0.1:${port} ssl; ssl_certificate ${pair.cert}; ssl_certificate_key ${pair.key}; }`,
  );
  await vi.waitFor(async () => {
    expect((await front('--url', `https://localhost:${port}`))['']?.text).toContain(
      'does not trust the certificate',
    );
  });
});

it('tries the names of the server by itself, and nothing where it has none', async () => {
  await behind(`proxy_pass UPSTREAM; ${README_LINES}`, {
    allowHosts: ['localhost', 'dock.invalid'],
  });
  const tried = await front();
  expect(tried['']).toMatchObject({
    state: 'problem',
    text: expect.stringContaining('dock.invalid is not known here'),
  });
  home.remove();
  home = new Home();
  home.env.PATH = '/usr/bin:/bin';
  expect((await front())['']).toEqual({ state: 'ok', text: 'none is configured' });
});
