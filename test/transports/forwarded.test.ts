/** Who is behind a proxy: believed of the proxies that the owner names, and of nobody else. */
import { describe, expect, it } from 'vitest';
import type { TransportsDeps } from '../../src/transports/listen.ts';
import {
  ENDPOINTS,
  type Header,
  knockEverywhere,
  openTransports,
  openWs,
  probe,
  raw,
  requestText,
  TOKEN,
} from './support.ts';

type TransportsConfig = Partial<TransportsDeps['config']>;

const everywhere = (answer: number | 'in') =>
  Object.fromEntries(ENDPOINTS.map(({ endpoint }) => [endpoint, answer]));
const bearer: Header = ['Authorization', `Bearer ${TOKEN}`];
const PROXIED: TransportsConfig = {
  token: TOKEN,
  localTrust: false,
  allowHosts: ['dock.example'],
  trustedProxies: ['127.0.0.2/32', '10.0.0.0/8', '2001:db8::/32'],
};
const PROXY = { localAddress: '127.0.0.2' };

/** The address that the log names for a wrong token that came with these fields. */
async function addressLogged(
  fields: readonly Header[],
  localAddress: string,
  config = PROXIED,
): Promise<unknown> {
  const { port, log } = await openTransports({ config });
  const headers: Header[] = [
    ['Host', 'dock.example'],
    ['Authorization', 'Bearer wrong'],
    ...fields,
  ];
  const answer = await raw(port, requestText('GET', '/ws', headers), { localAddress });
  expect(answer.status).toBe(401);
  return log.lines.find(({ event }) => event === 'gate.refused')?.fields.address;
}

describe('the client behind a trusted proxy', () => {
  const CASES: [title: string, value: string, client: string][] = [
    ['is the one that the proxy names', '203.0.113.7', '203.0.113.7'],
    ['is not whom the client names before itself', '127.0.0.1, 203.0.113.7', '203.0.113.7'],
    ['is the one before other trusted proxies', '203.0.113.7, 10.1.2.3, 10.9.9.9', '203.0.113.7'],
    ['may stand there with a port', '203.0.113.7:51234', '203.0.113.7'],
    ['may have IPv6', '2001:4860::1', '2001:4860::1'],
    [
      'may have IPv6 in brackets with a port',
      '[2001:4860::1]:443, [2001:db8::2]:1',
      '2001:4860::1',
    ],
    ['may have IPv4 written as IPv6', '::ffff:203.0.113.7', '203.0.113.7'],
    ['is the last proxy that can be read', '203.0.113.7, unknown, 10.1.2.3', '10.1.2.3'],
    ['is the proxy where nothing can be read', '<script>', '127.0.0.2'],
    ['is the proxy where there is nothing', '', '127.0.0.2'],
  ];
  for (const [title, value, client] of CASES) {
    it(`${title}: ${JSON.stringify(value)}`, async () => {
      expect(await addressLogged([['X-Forwarded-For', value]], PROXY.localAddress)).toBe(client);
    });
  }

  it('stands in the last of several fields of the name', async () => {
    const fields: Header[] = [
      ['X-Forwarded-For', '127.0.0.1'],
      ['x-forwarded-for', '203.0.113.7'],
    ];
    expect(await addressLogged(fields, PROXY.localAddress)).toBe('203.0.113.7');
  });

  it('is believed of nobody else', async () => {
    const fields: Header[] = [['X-Forwarded-For', '203.0.113.7']];
    expect(await addressLogged(fields, '127.0.0.3')).toBe('127.0.0.3');
    const none = { ...PROXIED, trustedProxies: [] };
    expect(await addressLogged(fields, '127.0.0.2', none)).toBe('127.0.0.2');
  });

  it('is who a command is done by', async () => {
    const { port, runtime } = await openTransports({
      config: { ...PROXIED, trustedProxies: ['127.0.0.0/8'] },
    });
    const headers = {
      Host: 'dock.example',
      Authorization: `Bearer ${TOKEN}`,
      'X-Forwarded-For': '203.0.113.7',
    };
    await openWs(port, { headers });
    expect(runtime.connections[0]?.caller).toMatchObject({ address: '203.0.113.7', kind: 'token' });
  });

  it('is alone locked out for wrong tokens, not all who come through the proxy', async () => {
    const { port } = await openTransports({ config: PROXIED });
    const guess = async (client: string) => {
      const headers: Header[] = [
        ['Host', 'dock.example'],
        ['Authorization', 'Bearer wrong'],
        ['X-Forwarded-For', client],
      ];
      return (await raw(port, requestText('GET', '/ws', headers), PROXY)).status;
    };
    for (let tries = 0; tries < 10; tries++) expect(await guess('203.0.113.7')).toBe(401);
    expect(await guess('203.0.113.7')).toBe(429);
    // What he writes before himself makes nobody else of him.
    expect(await guess('198.51.100.1, 203.0.113.7')).toBe(429);
    expect(await guess('203.0.113.8')).toBe(401);
  });

  it('is never local, also where the proxy says nothing of anybody', async () => {
    const config = { ...PROXIED, token: null, localTrust: true };
    const { port } = await openTransports({ config: { ...config, trustedProxies: ['127.0.0.1'] } });
    const answers = await knockEverywhere(port, []);
    expect([answers['/ws'], answers['POST /api/hook']]).toEqual([401, 401]);
    const { port: other } = await openTransports({ config });
    expect(await knockEverywhere(other, [])).toEqual(everywhere('in'));
  });
});

describe('the name under which a trusted proxy was asked', () => {
  const ask = async (fields: readonly Header[], localAddress = '127.0.0.2') => {
    const { port } = await openTransports({ config: PROXIED });
    // As nginx sends it unless configured otherwise: its own name for us.
    const host: Header = ['Host', `127.0.0.1:${port}`];
    const endpoint = ENDPOINTS[2];
    return (await probe(port, endpoint, [host, bearer, ...fields], { localAddress })).status;
  };

  it('is the one that the page of the browser has to come from', async () => {
    const received: Header[] = [
      ['X-Forwarded-Host', 'dock.example'],
      ['X-Forwarded-Proto', 'https'],
    ];
    const from = (origin: string): Header[] => [...received, ['Origin', origin]];
    expect(await ask(received)).toBe(101);
    expect(await ask(from('https://dock.example'))).toBe(101);
    expect(await ask(from('http://dock.example'))).toBe(403);
    expect(await ask(from('https://dock.example.'))).toBe(403);
    expect(await ask(from('https://dock.example:8443'))).toBe(403);
    expect(await ask(from('https://evil.example'))).toBe(403);
    expect(await ask(from('null'))).toBe(403);
    expect(await ask(from('http://127.0.0.1:80'))).toBe(403);
  });

  it('has to be one of --allow-host', async () => {
    const wrong = [
      ...['evil.example', 'dock.example.', 'user@dock.example', 'dock.example, evil.example'],
      ...['127.0.0.1', 'localhost', '', 'xn--dck-7na.example', 'döck.example', '[::1]'],
    ];
    for (const host of wrong) {
      expect([host, await ask([['X-Forwarded-Host', host]])]).toEqual([host, 403]);
    }
    expect(await ask([['X-Forwarded-Host', 'DOCK.example:8443']])).toBe(101);
  });

  it('counts for nothing from anybody else', async () => {
    const fields: Header[] = [
      ['X-Forwarded-Host', 'dock.example'],
      ['Origin', 'https://dock.example'],
    ];
    expect(await ask(fields, '127.0.0.3')).toBe(403);
    expect(await ask([['X-Forwarded-Host', 'evil.example']], '127.0.0.3')).toBe(101);
  });
});

describe('--require-tls', () => {
  const needsTls: TransportsConfig = { ...PROXIED, requireTls: true };
  const host: Header = ['Host', 'dock.example'];

  it('lets in whom a trusted proxy says to have come encrypted, and nobody else', async () => {
    const { port } = await openTransports({ config: needsTls });
    const via = async (fields: readonly Header[], localAddress: string) =>
      (await probe(port, ENDPOINTS[2], [host, bearer, ...fields], { localAddress })).status;
    expect(await via([['X-Forwarded-Proto', 'https']], '127.0.0.2')).toBe(101);
    expect(await via([['X-Forwarded-Proto', 'http']], '127.0.0.2')).toBe(403);
    expect(await via([['X-Forwarded-Proto', 'https, http']], '127.0.0.2')).toBe(403);
    expect(await via([], '127.0.0.2')).toBe(403);
    // A proxy that nobody named.
    expect(await via([['X-Forwarded-Proto', 'https']], '127.0.0.3')).toBe(403);
  });

  it('says what to do, before it looks at a token', async () => {
    const { port } = await openTransports({ config: needsTls });
    const fields: Header[] = [host, ['X-Forwarded-Proto', 'http']];
    const { body } = await probe(port, ENDPOINTS[0], fields, PROXY);
    expect(JSON.parse(body).error.message).toMatch(/--require-tls.*https.*--trusted-proxy/);
  });

  it('leaves the programs of this machine alone', async () => {
    const { port } = await openTransports({ config: needsTls });
    expect((await probe(port, ENDPOINTS[2], [bearer])).status).toBe(101);
  });
});

describe('--base-path', () => {
  const config: TransportsConfig = { basePath: '/tools/dock' };

  it('is taken off at every endpoint, and need not be there', async () => {
    const { port } = await openTransports({ config });
    for (const endpoint of ENDPOINTS) {
      for (const target of [endpoint.path, `/tools/dock${endpoint.path}`]) {
        const { status } = await probe(port, endpoint, [], { target });
        expect([target, status]).toEqual([target, endpoint.success]);
      }
    }
    const { messages } = await openWs(port, { path: '/tools/dock/ws' });
    await expect.poll(() => messages[0]?.type).toBe('hello');
  });

  it('is taken off once, and only as a whole', async () => {
    const { port } = await openTransports({ config });
    const status = async (path: string) =>
      (await raw(port, requestText('GET', path, [['Host', `127.0.0.1:${port}`]]))).status;
    for (const path of [
      ...['/tools/health', '/tools/dockhealth', '/TOOLS/dock/health', '/tools//dock/health'],
      ...['/tools/dock/tools/dock/health', '/tools%2Fdock/health', '/tools/dock//health'],
    ]) {
      expect([path, await status(path)]).toEqual([path, 404]);
    }
  });

  it('does not open an endpoint that needs a token', async () => {
    const { port } = await openTransports({
      config: { ...config, token: TOKEN, localTrust: false },
    });
    const status = async (path: string) =>
      (await raw(port, requestText('GET', path, [['Host', `127.0.0.1:${port}`]]))).status;
    expect(await status('/tools/dock/api/sessions')).toBe(401);
    expect(await status('/tools/dock/metrics')).toBe(401);
  });

  it('leads from its bare name to the one with a slash, whence the page finds its files', async () => {
    const { port } = await openTransports({ config });
    const host: Header = ['Host', `127.0.0.1:${port}`];
    const answer = await raw(port, requestText('GET', '/tools/dock?tab=context', [host]));
    expect([answer.status, answer.headers.location]).toEqual([308, 'dock/?tab=context']);
  });
});
