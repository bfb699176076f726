import { request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { TransportsDeps } from '../../src/transports/listen.ts';
import {
  ENCODED_TOKEN,
  ENDPOINTS,
  type Header,
  knockEverywhere,
  ManualClock,
  openTransports,
  openWs,
  probe,
  raw,
  requestText,
  TOKEN,
  UPGRADE_HEADERS,
} from './support.ts';

const everywhere = (answer: number | 'in') =>
  Object.fromEntries(ENDPOINTS.map(({ endpoint }) => [endpoint, answer]));

const ORIGIN_VECTORS: [headers: Header[], answer: number | 'in'][] = [
  [[['Origin', 'http://127.0.0.1:PORT']], 'in'],
  [[['Origin', 'http://localhost:PORT']], 'in'],
  [[['Origin', 'http://[::1]:PORT']], 'in'],
  [[['Origin', 'https://evil.example']], 403],
  [[['Origin', 'null']], 403],
  [[['Origin', '']], 403],
  [[['Origin', 'http://localhost:3000']], 403],
  [[['Origin', 'http://127.0.0.1']], 403],
  [[['Origin', 'https://127.0.0.1:PORT']], 403],
  [[['Origin', 'ws://127.0.0.1:PORT']], 403],
  [[['Origin', 'http://127.0.0.1:PORT.evil.example']], 403],
  [[['Origin', 'http://127.0.0.1:PORT@evil.example']], 403],
  [[['Origin', 'http://127.0.0.1:PORT/']], 403],
  [[['Origin', 'http://evil.example/http://127.0.0.1:PORT']], 403],
  [[['Origin', 'chrome-extension://abcdef']], 403],
  [[['Origin', 'http://user@127.0.0.1:PORT']], 403],
  [[['Origin', 'http://localhost.:PORT']], 403],
  [[['Origin', 'HTTP://127.0.0.1:PORT']], 403],
  [[['Origin', 'http://127.0.0.1:PORT http://evil.example']], 403],
  [[['Origin', 'http://[0:0:0:0:0:0:0:1]:PORT']], 403],
  [[['Origin', 'http://xn--lcalhost-4db:PORT']], 403],
  [[['Origin', 'file://']], 403],
  [[['Origin', 'http://127.0.0.1.nip.io:PORT']], 403],
  [[['Origin', 'http://app.localhost:PORT']], 403],
  [[['Origin', 'http://LOCALHOST:PORT']], 403],
  [[['Origin', 'http://[::ffff:127.0.0.1]:PORT']], 403],
  [[['Origin', 'blob:http://127.0.0.1:PORT/x']], 403],
  [[['Origin', 'tauri://localhost']], 403],
  [[['Origin', 'vscode-webview://localhost:PORT']], 403],
  [
    [
      ['Origin', 'http://127.0.0.1:PORT'],
      ['Origin', 'http://127.0.0.1:PORT'],
    ],
    403,
  ],
  [[['Sec-Fetch-Site', 'same-origin']], 'in'],
  [[['Sec-Fetch-Site', 'none']], 'in'],
  [[['Sec-Fetch-Site', 'cross-site']], 403],
  [[['Sec-Fetch-Site', 'same-site']], 403],
  [
    [
      ['Origin', 'http://127.0.0.1:PORT'],
      ['Sec-Fetch-Site', 'same-site'],
    ],
    403,
  ],
];

const HOST_VECTORS: [host: string, answer: number | 'in'][] = [
  ['127.0.0.1:PORT', 'in'],
  ['localhost:PORT', 'in'],
  ['LocalHost:PORT', 'in'],
  ['[::1]:PORT', 'in'],
  ['evil.example:PORT', 403],
  ['127.0.0.1', 403],
  ['localhost', 403],
  ['127.0.0.1:80', 403],
  ['127.0.0.1:', 403],
  ['127.0.0.1:PORT0', 403],
  ['127.0.0.1:0PORT', 403],
  ['0.0.0.0:PORT', 403],
  ['[::]:PORT', 403],
  ['127.1:PORT', 403],
  ['127.0.0.2:PORT', 403],
  ['2130706433:PORT', 403],
  ['0x7f.0.0.1:PORT', 403],
  ['localhost.:PORT', 403],
  ['127.0.0.1.:PORT', 403],
  ['user@127.0.0.1:PORT', 403],
  ['127.0.0.1:PORT@evil.example', 403],
  ['127.0.0.1:PORT,evil.example', 403],
  ['xn--lcalhost-4db.example:PORT', 403],
  ['[::1%25lo]:PORT', 403],
  ['[0:0:0:0:0:0:0:1]:PORT', 403],
  ['[::ffff:127.0.0.1]:PORT', 403],
  ['[0:0:0:0:0:0:0:1]:PORT', 403],
  ['::1', 403],
  ['localhost.evil.example:PORT', 403],
  ['127.0.0.1.nip.io:PORT', 403],
  ['7f000001.rbndr.us:PORT', 403],
  ['app.localhost:PORT', 403],
  ['host.docker.internal:PORT', 403],
  ['ip6-localhost:PORT', 403],
  ['[::ffff:7f00:1]:PORT', 403],
  ['127.000.000.001:PORT', 403],
  ['0177.0.0.1:PORT', 403],
  ['localhost%00:PORT', 403],
  ['127.0.0.1\\:PORT', 403],
  ['127.0.0.1:+PORT', 403],
  ['127.0.0.1:PORT#', 403],
  ['http://127.0.0.1:PORT', 403],
  ['evil@127.0.0.1:PORT', 403],
  ['127.0.0.1:PORT,evil.example', 403],
  ['127.0.0.1:PORT evil.example', 403],
  ['', 403],
];

describe('names', () => {
  it('lets in our own origins and no other, at every endpoint alike', async () => {
    const { port, runtime } = await openTransports();
    for (const [vector, answer] of ORIGIN_VECTORS) {
      const headers = vector.map(([k, v]): Header => [k, v.replace('PORT', String(port))]);
      const answers = await knockEverywhere(port, headers);
      expect({ headers, ...answers }).toEqual({ headers, ...everywhere(answer) });
    }
    const allowed = ORIGIN_VECTORS.filter(([, answer]) => answer === 'in').length;
    expect(runtime.hooks).toHaveLength(allowed);
  });

  it('answers to our own names and no other, at every endpoint alike', async () => {
    const { port } = await openTransports();
    for (const [vector, answer] of HOST_VECTORS) {
      const host = vector.replace('PORT', String(port));
      const answers = await knockEverywhere(port, [['Host', host]]);
      expect({ host, ...answers }).toEqual({ host, ...everywhere(answer) });
    }
  });

  it('wants exactly one Host header', async () => {
    const { port } = await openTransports();
    const own: Header = ['Host', `127.0.0.1:${port}`];
    expect(await knockEverywhere(port, [own, own])).toEqual(everywhere(400));
    const evil: Header = ['hOST', 'evil.example'];
    expect(await knockEverywhere(port, [own, evil])).toEqual(everywhere(400));
    expect((await raw(port, 'GET /health HTTP/1.0\r\n\r\n')).status).toBe(400);
    expect((await raw(port, 'GET /health HTTP/1.1\r\n\r\n')).status).toBe(400);
  });

  it('holds absolute-form targets to the same rule', async () => {
    const { port } = await openTransports();
    for (const endpoint of ENDPOINTS) {
      const at = (authority: string) =>
        probe(port, endpoint, [], { target: `http://${authority}${endpoint.path}` });
      expect((await at(`127.0.0.1:${port}`)).status).toBe(endpoint.success);
      expect((await at('evil.example')).status).toBe(403);
      expect((await at(`evil@127.0.0.1:${port}`)).status).toBe(403);
    }
    expect((await probe(port, ENDPOINTS[0], [], { target: 'evil.example:443' })).status).toBe(400);
  });

  it('takes paths literally', async () => {
    const { port } = await openTransports();
    for (const target of ['/health/', '//health', '/HEALTH', '/./health', '/%68ealth', '/']) {
      expect([target, (await probe(port, ENDPOINTS[0], [], { target })).status]).toEqual([
        target,
        404,
      ]);
    }
    for (const target of ['/ws/', '/wss', '/', '/socket.io/x', '/socket.iox']) {
      expect([target, (await probe(port, ENDPOINTS[2], [], { target })).status]).toEqual([
        target,
        404,
      ]);
    }
  });

  it('lets in origins of --allow-origin, with CORS headers for them only', async () => {
    const origin = 'https://dock.example';
    const { port } = await openTransports({ config: { allowOrigins: [origin] } });
    const headers: Header[] = [
      ['Origin', origin],
      ['Sec-Fetch-Site', 'cross-site'],
    ];
    expect(await knockEverywhere(port, headers)).toEqual(everywhere('in'));
    const answer = await probe(port, ENDPOINTS[0], headers);
    expect(answer.headers['access-control-allow-origin']).toBe(origin);
    expect(answer.headers.vary).toContain('Origin');
    expect(await knockEverywhere(port, [['Origin', `${origin}:8443`]])).toEqual(everywhere(403));
    const plain = await probe(port, ENDPOINTS[0], []);
    expect(plain.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('answers preflights of allowed origins only', async () => {
    const { port } = await openTransports({ config: { allowOrigins: ['https://dock.example'] } });
    const preflight = (origin: string) =>
      raw(
        port,
        requestText('OPTIONS', '/api/hook', [
          ['Host', `127.0.0.1:${port}`],
          ['Origin', origin],
          ['Access-Control-Request-Method', 'POST'],
        ]),
      );
    const allowed = await preflight('https://dock.example');
    expect(allowed.status).toBe(204);
    expect(allowed.headers['access-control-allow-methods']).toContain('POST');
    const refused = await preflight('https://evil.example');
    expect(refused.status).toBe(403);
    expect(Object.keys(refused.headers).filter((name) => name.startsWith('access-'))).toEqual([]);
  });
});

const tokenMode: Partial<TransportsDeps['config']> = { token: TOKEN, localTrust: false };
const bearer = (token: string): Header => ['Authorization', `Bearer ${token}`];
/** socket.io lets every request begin, because its token comes one packet later. */
const untrusted = {
  'GET /health': 'in',
  'POST /api/hook': 401,
  '/ws': 401,
  'socket.io polling': 'in',
  'socket.io websocket': 'in',
};

describe('credentials', () => {
  it('needs none from this machine, unless a proxy has left a trace', async () => {
    const { port } = await openTransports();
    expect(await knockEverywhere(port, [])).toEqual(everywhere('in'));
    const traces: Header[] = [
      ['X-Forwarded-For', '127.0.0.1'],
      ['x-forwarded-host', 'x'],
      ['X-FORWARDED-ANYTHING', ''],
      ['Forwarded', 'for=127.0.0.1'],
      ['X-Real-IP', '127.0.0.1'],
      ['Via', '1.1 proxy'],
      ['CF-Connecting-IP', '127.0.0.1'],
      ['Tailscale-User-Login', 'me'],
      ['True-Client-IP', '127.0.0.1'],
      ['X-Client-IP', '127.0.0.1'],
      ['X_Forwarded_For', '127.0.0.1'],
      ['X-Original-URL', '/'],
      ['X-Original-Forwarded-For', '127.0.0.1'],
      ['X-ProxyUser-IP', '127.0.0.1'],
      ['X-Cluster-Client-IP', '127.0.0.1'],
      ['X-Remote-User', 'me'],
      ['X-Scheme', 'https'],
      ['X-SSL-Client-Verify', 'SUCCESS'],
      ['Remote-User', 'me'],
      ['Fastly-Client-IP', '127.0.0.1'],
      ['Fly-Client-IP', '127.0.0.1'],
      ['CF-Ray', '1'],
      ['CDN-Loop', 'cloudflare'],
      ['X-Envoy-External-Address', '127.0.0.1'],
      ['X-Amzn-Trace-Id', 'Root=1'],
      ['Z-Forwarded-For', '127.0.0.1'],
      ['X-Forward-For', '127.0.0.1'],
      ['X-Goog-IAP-JWT-Assertion', 'eyJ'],
      ['X-MS-Client-Principal', 'me'],
      ['X-WebAuth-User', 'me'],
      ['X-Auth-Request-User', 'me'],
      ['X-Authentik-Username', 'me'],
      ['X-Tunnel-Id', '1'],
      ['X-NginX-Proxy', 'true'],
      ['X-TS-User', 'me'],
      ['X-Coming-From', '127.0.0.1'],
      ['X-HTTP-Host-Override', 'localhost'],
      ['Front-End-Https', 'on'],
      ['Connection', 'upgrade'],
    ];
    for (const trace of traces) {
      expect({ trace, ...(await knockEverywhere(port, [trace])) }).toEqual({ trace, ...untrusted });
    }
  });

  it('needs none for fields that clients and browsers send themselves', async () => {
    const { port } = await openTransports();
    const plain: Header[] = [
      ['X-Requested-With', 'XMLHttpRequest'],
      ['X-Request-Id', '1'],
      ['Idempotency-Key', 'k'],
      ['traceparent', '00-1-1-00'],
      ['Sec-Fetch-Mode', 'cors'],
      ['Accept-Language', 'de'],
      ['Cache-Control', 'no-cache'],
      ['Proxied', 'no'],
    ];
    for (const header of plain) {
      const answers = await knockEverywhere(port, [header]);
      expect({ header, ...answers }).toEqual({ header, ...everywhere('in') });
    }
  });

  it('asks for the token in token mode but for hooks of the same user, and shows the version to nobody else', async () => {
    const { port } = await openTransports({ config: tokenMode });
    expect(await knockEverywhere(port, [])).toEqual({ ...untrusted, 'POST /api/hook': 'in' });
    expect(await knockEverywhere(port, [['Via', '1.1 proxy']])).toEqual(untrusted);
    expect(await knockEverywhere(port, [bearer(TOKEN)])).toEqual(everywhere('in'));
    const anonymous = await probe(port, ENDPOINTS[0], []);
    expect(JSON.parse(anonymous.body)).toEqual({ status: 'ok' });
    const known = await probe(port, ENDPOINTS[0], [bearer(TOKEN)]);
    const seen = { address: '127.0.0.1', host: `127.0.0.1:${port}`, scheme: null };
    expect(JSON.parse(known.body)).toEqual({
      ...{ status: 'ok', version: '9.9.9' },
      seen: { ...seen, is_trusted: false, fields: [] },
    });
    const refused = await probe(port, ENDPOINTS[1], [['Via', '1.1 proxy']]);
    expect(refused.headers['www-authenticate']).toBe('Bearer');
    expect(JSON.parse(refused.body).error.code).toBe('unauthorized');
    expect((await probe(port, ENDPOINTS[2], [])).headers['www-authenticate']).toBe('Bearer');
  });

  it('lets locals in without the token where local trust was kept, and others not', async () => {
    const { port, runtime } = await openTransports({ config: { token: TOKEN, localTrust: true } });
    expect(await knockEverywhere(port, [])).toEqual(everywhere('in'));
    expect(await knockEverywhere(port, [['Via', '1.1 proxy']])).toEqual(untrusted);
    await openWs(port, { headers: { Authorization: `bEARER ${TOKEN}` } });
    expect(runtime.connections.at(-1)?.caller).toMatchObject({
      kind: 'token',
      address: '127.0.0.1',
    });
    await openWs(port);
    expect(runtime.connections.at(-1)?.caller).toMatchObject({
      kind: 'local',
      address: '127.0.0.1',
    });
  });

  it('judges a wrong token even from a local caller who would need none', async () => {
    const wrong: Header[] = [
      bearer('garbage'),
      ['Authorization', 'Basic eDp5'],
      ['Authorization', ''],
    ];
    for (const config of [{}, { token: TOKEN, localTrust: true }, tokenMode]) {
      for (const header of wrong) {
        const { port } = await openTransports({ config });
        const answers = await knockEverywhere(port, [header]);
        expect({ header, ...answers }).toEqual({ header, ...everywhere(401) });
      }
    }
  });

  it('refuses two Authorization headers, even equal ones', async () => {
    const { port } = await openTransports({ config: tokenMode });
    const answers = await knockEverywhere(port, [bearer(TOKEN), bearer(TOKEN)]);
    expect(answers).toEqual(everywhere(400));
  });

  it('takes a token among the subprotocols of /ws, which browsers can offer, and never says it back', async () => {
    const { port, log } = await openTransports({ config: tokenMode });
    const offer = (token: string): Header => [
      'Sec-WebSocket-Protocol',
      `orbitdock, orbitdock.token.${Buffer.from(token).toString('base64url')}`,
    ];
    const ws = (headers: Header[], target = '/ws') =>
      probe(port, ENDPOINTS[2], headers, { target });
    const { status, headers } = await ws([offer(TOKEN)]);
    expect(status).toBe(101);
    expect(headers['sec-websocket-protocol']).toBe('orbitdock');
    expect((await ws([offer('wrong')])).status).toBe(401);
    expect((await ws([offer('')])).status).toBe(401);
    expect((await ws([['Sec-WebSocket-Protocol', 'orbitdock']])).status).toBe(401);
    expect((await ws([offer(TOKEN), bearer('other')])).status).toBe(400);
    expect((await probe(port, ENDPOINTS[1], [offer(TOKEN)])).status).toBe(401);
    expect(JSON.stringify(log.lines)).not.toContain(Buffer.from(TOKEN).toString('base64url'));
  });

  it('takes ?token= on the /ws upgrade only, percent-decoded, and refuses contradictions', async () => {
    const { port, log } = await openTransports({ config: tokenMode });
    const ws = (query: string, headers: Header[] = []) =>
      probe(port, ENDPOINTS[2], headers, { target: `/ws?${query}` }).then(({ status }) => status);
    expect(await ws(`token=${ENCODED_TOKEN}`)).toBe(101);
    expect(await ws(`a=b&token=${ENCODED_TOKEN}&c`)).toBe(101);
    expect(await ws(`token=${ENCODED_TOKEN}&token=${ENCODED_TOKEN}`)).toBe(101);
    expect(await ws(`token=${ENCODED_TOKEN}`, [bearer(TOKEN)])).toBe(101);
    expect(await ws(`token=${ENCODED_TOKEN}`, [bearer('other')])).toBe(400);
    expect(await ws(`token=${ENCODED_TOKEN}&token=x`)).toBe(400);
    expect(await ws('token=%zz')).toBe(400);
    expect(await ws('token=wrong')).toBe(401);
    expect(await ws('token=')).toBe(401);
    expect(await ws(`Token=${ENCODED_TOKEN}`)).toBe(401);
    const target = `/api/hook?token=${ENCODED_TOKEN}`;
    expect((await probe(port, ENDPOINTS[1], [], { target })).status).toBe(401);
    const io = { target: `/socket.io/?EIO=4&transport=polling&token=${ENCODED_TOKEN}` };
    expect((await probe(port, ENDPOINTS[3], [], io)).status).toBe(200);
    expect(JSON.stringify(log.lines)).not.toContain(TOKEN.slice(0, 20));
  });

  it('makes guessers wait, longer each time, and never locks out the valid token', async () => {
    const clock = new ManualClock();
    const { port } = await openTransports({ config: tokenMode, clock });
    const guess = (localAddress: string) =>
      probe(port, ENDPOINTS[2], [bearer('x')], { localAddress });
    const statuses: number[] = [];
    for (let n = 0; n < 20; n++) statuses.push((await guess('127.0.0.3')).status);
    expect(statuses).toEqual([...Array(10).fill(401), ...Array(10).fill(429)]);
    expect((await guess('127.0.0.3')).headers['retry-after']).toBe('60');
    expect((await guess('127.0.0.4')).status).toBe(401);
    const valid = await probe(port, ENDPOINTS[2], [bearer(TOKEN)], { localAddress: '127.0.0.3' });
    expect(valid.status).toBe(101);
    clock.advance(61_000);
    for (let n = 0; n < 10; n++) expect((await guess('127.0.0.3')).status).toBe(401);
    expect((await guess('127.0.0.3')).headers['retry-after']).toBe('120');
  });

  it('never makes a trusted local caller wait', async () => {
    const { port } = await openTransports({ config: { token: TOKEN, localTrust: true } });
    for (let n = 0; n < 15; n++) {
      expect((await probe(port, ENDPOINTS[1], [bearer('stale')])).status).toBe(401);
    }
  });

  it('refuses an empty configured token outright', async () => {
    await expect(openTransports({ config: { token: '' } })).rejects.toThrow(/empty/);
  });

  it('sees headers that Node would have dropped: more than 64 are refused', async () => {
    const { port } = await openTransports();
    const filler = Array.from({ length: 70 }, (_, n): Header => [`X-${n}`, 'x']);
    const answers = await knockEverywhere(port, [...filler, ['Via', '1.1 proxy']]);
    expect(answers).toEqual(everywhere(431));
    const big: Header = ['X-Big', 'x'.repeat(1024 * 1024)];
    expect((await probe(port, ENDPOINTS[0], [big])).status).toBe(431);
  });
});

describe('on a wide bind', () => {
  const wide = { bind: { host: '0.0.0.0', port: 0, isLoopback: false }, localTrust: false };

  it('trusts nobody for being local', async () => {
    const { port } = await openTransports({ config: { ...wide, token: TOKEN } });
    expect(await knockEverywhere(port, [])).toEqual(untrusted);
    expect(await knockEverywhere(port, [bearer(TOKEN)])).toEqual(everywhere('in'));
  });

  it('fails closed when there is no token to ask for', async () => {
    const { port } = await openTransports({ config: { ...wide, token: null } });
    expect(await knockEverywhere(port, [])).toEqual(untrusted);
  });

  it('lets in everybody when its configuration says so, warns that it is insecure, and still checks names', async () => {
    const { port, runtime } = await openTransports({
      config: { ...wide, token: null, allowInsecureNoAuth: true },
    });
    expect(await knockEverywhere(port, [])).toEqual(everywhere('in'));
    expect(runtime.connections.every(({ caller }) => caller.kind === 'anonymous')).toBe(true);
    const { body } = await probe(port, ENDPOINTS[0], []);
    expect(JSON.parse(body)).toEqual({ status: 'ok', insecure: true });
    expect(await knockEverywhere(port, [['Host', 'evil.example']])).toEqual(everywhere(403));
    const rebound = await knockEverywhere(port, [['Origin', 'https://evil.example']]);
    expect(rebound).toEqual(everywhere(403));
  });

  it('answers to the address a connection came to and to --allow-host', async () => {
    const config = { ...wide, token: TOKEN, allowHosts: ['dock.example'] };
    const { port } = await openTransports({ config });
    const via = (host: string, origin?: string) =>
      knockEverywhere(port, [
        ['Host', host],
        bearer(TOKEN),
        ...(origin === undefined ? [] : [['Origin', origin] as const]),
      ]);
    expect(await via('dock.example')).toEqual(everywhere('in'));
    expect(await via('dock.example:8443')).toEqual(everywhere('in'));
    expect(await via('dock.example', 'https://dock.example')).toEqual(everywhere('in'));
    expect(await via('dock.example', 'https://dock.example:1')).toEqual(everywhere(403));
    expect(await via('dock.example', `http://127.0.0.1:${port}`)).toEqual(everywhere(403));
    expect(await via('other.example')).toEqual(everywhere(403));
    const outside = Object.values(networkInterfaces())
      .flat()
      .find((one) => one?.family === 'IPv4' && !one.internal)?.address;
    if (outside === undefined) return;
    const status = await new Promise((resolve, reject) => {
      const options = { host: outside, port, path: '/health' };
      request(options, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(200);
    // The same name on a connection that came to another address is not ours.
    expect(await via(`${outside}:${port}`)).toEqual(everywhere(403));
  });
});

it('does not negotiate compression', async () => {
  const { port } = await openTransports();
  const answer = await raw(
    port,
    requestText('GET', '/ws', [
      ['Host', `127.0.0.1:${port}`],
      ...UPGRADE_HEADERS,
      ['Sec-WebSocket-Extensions', 'permessage-deflate; client_max_window_bits'],
    ]),
  );
  expect(answer.status).toBe(101);
  expect(answer.headers['sec-websocket-extensions']).toBeUndefined();
});
