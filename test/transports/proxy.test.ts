/** A real nginx in front of the server: as its manual shows it with no field added, and as our README shows it. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { io } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { freePort, makePair, NGINX, OWN, README_LINES, runNginx } from '../support/nginx.ts';
import { startTestServer } from '../support/server.ts';
import {
  afterThis,
  ENDPOINTS,
  type Header,
  knockEverywhere,
  openTransports,
  raw,
  requestText,
  TOKEN,
  until,
} from './support.ts';

const NOBODY = 65_534;

const STOCK = '';
const WEBSOCKET = `proxy_http_version 1.1;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection "upgrade";`;
const MAPPED_WEBSOCKET = `proxy_http_version 1.1;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection $connection_upgrade;`;
const KEPT_OPEN = `proxy_http_version 1.1;
  proxy_set_header Connection "";`;
const TRUE_CLIENT_IP = `${KEPT_OPEN} proxy_set_header True-Client-IP $remote_addr;`;

/** With these the endpoints that need a token at once refuse; the others show a client without a token nothing. */
const SHUT = ['POST /api/hook', '/ws'];
/** Of nginx run by the owner, what no rule can distinguish from the owner's own programs is left out. */
const CASES: [name: string, lines: string, users: number[]][] = [
  ['proxy_pass alone', STOCK, [NOBODY, OWN]],
  ['the lines for WebSockets', WEBSOCKET, [NOBODY, OWN]],
  ['the mapped lines for WebSockets', MAPPED_WEBSOCKET, [NOBODY]],
  ['kept connections', KEPT_OPEN, [NOBODY]],
  ['kept connections and an address in a field', TRUE_CLIENT_IP, [NOBODY, OWN]],
];

describe('nginx in front', () => {
  it('is installed, because these tests need it (Debian: apt-get install nginx)', () => {
    expect(NGINX).toBeDefined();
  });

  for (const [name, lines, users] of CASES) {
    for (const user of users) {
      // Only root can run a process as another user.
      it.skipIf(user === NOBODY && OWN !== 0)(
        `makes nobody local: ${name}, run by ${user === OWN ? 'the owner' : 'another user'}`,
        async () => {
          for (const config of [{}, { token: TOKEN, localTrust: true }]) {
            const { port, runtime } = await openTransports({ config });
            const nginx = await startNginx(user, port, lines);
            const host: Header = ['Host', `127.0.0.1:${nginx}`];
            const answers = await knockEverywhere(nginx, [host]);
            for (const endpoint of SHUT)
              expect([endpoint, answers[endpoint]]).toEqual([endpoint, expect.any(Number)]);
            expect([runtime.hooks.length, runtime.connections.length]).toEqual([0, 0]);
            const api = await raw(nginx, requestText('GET', '/api/sessions', [host]));
            expect(api.status).toBe(401);
            const health = await raw(nginx, requestText('GET', '/health', [host]));
            expect(health.body).not.toContain('version');
          }
        },
      );
    }
  }

  it('lets in whoever has the token', async () => {
    const { port } = await openTransports({ config: { token: TOKEN, localTrust: true } });
    const nginx = await startNginx(OWN, port, WEBSOCKET);
    const answers = await knockEverywhere(nginx, [
      ['Host', `127.0.0.1:${nginx}`],
      ['Authorization', `Bearer ${TOKEN}`],
    ]);
    expect(Object.keys(answers)).toHaveLength(ENDPOINTS.length);
    expect(new Set(Object.values(answers))).toEqual(new Set(['in']));
  });
});

/** As `generate-token` makes them; the other one of these tests would be refused by a whole server. */
const SECRET = randomBytes(32).toString('base64url');

describe('nginx that ends TLS and shows the server below a path', () => {
  for (const [name, base, upstreamPath] of [
    ['passes the path on', '/dock', ''],
    ['takes the path off', '', '/'],
  ] as const) {
    it(`serves page, requests and both sockets where it ${name}`, async () => {
      const pair = makePair();
      await using server = await startTestServer({
        flags: {
          ...{ authToken: SECRET, allowHosts: ['localhost'], trustedProxies: ['127.0.0.1'] },
          ...{ basePath: base, requireTls: true },
        },
      });
      const port = await freePort();
      const tls = `ssl_certificate ${pair.cert}; ssl_certificate_key ${pair.key};`;
      await runNginx(
        OWN,
        `server {
          listen 127.0.0.1:${port} ssl; ${tls}
          location /dock/ {
            proxy_pass http://127.0.0.1:${server.port}${upstreamPath}; ${README_LINES}
          }
        }`,
      );
      const ca = readFileSync(pair.cert);
      const origin = `https://localhost:${port}`;
      const get = (path: string, headers: Record<string, string> = {}) => {
        const asked = request({ host: '127.0.0.1', servername: 'localhost', port, path, ca });
        asked.setHeader('Host', `localhost:${port}`);
        for (const [field, value] of Object.entries(headers)) asked.setHeader(field, value);
        return new Promise<{ status: number; text: string }>((resolve, reject) => {
          asked.once('error', reject);
          asked.once('response', (answer) => {
            let text = '';
            answer.on('data', (part) => (text += part));
            answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
          });
          asked.end();
        });
      };
      await until(async () => expect((await get('/dock/health')).status).toBe(200));
      const mine = { Authorization: `Bearer ${SECRET}`, Origin: origin };
      expect((await get('/dock/api/sessions', mine)).status).toBe(200);
      expect((await get('/dock/api/sessions')).status).toBe(401);
      const evil = { ...mine, Origin: 'https://evil.example' };
      expect((await get('/dock/api/sessions', evil)).status).toBe(403);
      const unencrypted = { ...mine, Origin: origin.replace('https', 'http') };
      expect((await get('/dock/api/sessions', unencrypted)).status).toBe(403);

      const page = await get('/dock/');
      const script = /src="([^"]+\.js)"/.exec(page.text)?.[1] ?? '';
      const at = new URL(script, `${origin}/dock/`).pathname;
      expect(at).toMatch(/^\/dock\/visualizer\/assets\//);
      expect((await get(at)).status).toBe(200);
      for (const file of ['push-worker.js', 'manifest.webmanifest']) {
        expect([file, (await get(`/dock/visualizer/${file}`)).status]).toEqual([file, 200]);
      }

      const options = { ca, headers: mine };
      const ws = new WebSocket(`wss://localhost:${port}/dock/ws`, options);
      afterThis(() => ws.terminate());
      const hello = await new Promise((resolve, reject) => {
        ws.once('message', resolve);
        ws.once('error', reject);
      });
      expect(JSON.parse(String(hello)).type).toBe('hello');
      for (const transport of ['polling', 'websocket'] as const) {
        const socket = io(origin, {
          ...{ path: '/dock/socket.io', transports: [transport], auth: { token: SECRET } },
          ...{ ca: ca as never, reconnection: false, extraHeaders: { Origin: origin } },
        });
        afterThis(() => socket.disconnect());
        await new Promise<void>((resolve, reject) => {
          socket.once('connect', resolve);
          socket.once('connect_error', reject);
        });
      }
    });
  }
});

/** Runs nginx on loopback as a user until the test ends; resolves with its port once it answers. */
async function startNginx(uid: number, upstream: number, lines: string): Promise<number> {
  const port = await freePort();
  const child = await runNginx(
    uid,
    `server {
      listen 127.0.0.1:${port};
      location / { proxy_pass http://127.0.0.1:${upstream}; ${lines} }
    }`,
  );
  await until(async () => {
    child.expectAlive();
    const answer = await raw(port, requestText('GET', '/health', [['Host', `127.0.0.1:${port}`]]));
    expect(answer.status).toBe(200);
  });
  return port;
}
