/** A real nginx in front of the server, configured as its manual shows it and with no field added. */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  afterThis,
  DOORS,
  type Header,
  knockEverywhere,
  openDoors,
  raw,
  requestText,
  TOKEN,
  until,
} from './support.ts';

const NGINX = ['/usr/sbin/nginx', '/usr/local/bin/nginx', '/opt/homebrew/bin/nginx'].find(
  existsSync,
);
const NOBODY = 65_534;
const OWN = process.getuid?.() ?? -1;

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

/** With these the doors that need a token at once are shut; the others show a stranger nothing. */
const SHUT = ['POST /api/hook', '/ws'];
/** Of nginx run by the owner, what no rule can tell from the owner's own programs is left out. */
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
            const { port, runtime } = await openDoors({ config });
            const nginx = await startNginx(user, port, lines);
            const host: Header = ['Host', `127.0.0.1:${nginx}`];
            const answers = await knockEverywhere(nginx, [host]);
            for (const door of SHUT)
              expect([door, answers[door]]).toEqual([door, expect.any(Number)]);
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
    const { port } = await openDoors({ config: { token: TOKEN, localTrust: true } });
    const nginx = await startNginx(OWN, port, WEBSOCKET);
    const answers = await knockEverywhere(nginx, [
      ['Host', `127.0.0.1:${nginx}`],
      ['Authorization', `Bearer ${TOKEN}`],
    ]);
    expect(Object.keys(answers)).toHaveLength(DOORS.length);
    expect(new Set(Object.values(answers))).toEqual(new Set(['in']));
  });
});

/** Runs nginx on loopback as a user until the test ends; resolves with its port once it answers. */
async function startNginx(uid: number, upstream: number, lines: string): Promise<number> {
  if (NGINX === undefined)
    throw new Error('nginx is missing; install it (Debian: apt-get install nginx)');
  const directory = mkdtempSync(join(tmpdir(), 'orbitdock-nginx-'));
  chmodSync(directory, 0o777);
  const port = await freePort();
  const file = join(directory, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  writeFileSync(
    file,
    `daemon off; master_process off; pid ${directory}/pid; error_log stderr crit;
    events {}
    http {
      access_log off;
      ${temporary.map((name) => `${name}_temp_path ${directory}/${name};`).join('\n')}
      map $http_upgrade $connection_upgrade { default upgrade; '' close; }
      server {
        listen 127.0.0.1:${port};
        location / { proxy_pass http://127.0.0.1:${upstream}; ${lines} }
      }
    }`,
  );
  // The umask may be narrow: another user reads it.
  chmodSync(file, 0o644);
  const child = spawn(NGINX, ['-c', file, '-p', directory, '-e', 'stderr'], {
    ...(uid !== OWN && { uid, gid: uid }),
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (bytes) => {
    said += String(bytes);
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  afterThis(async () => {
    child.kill('SIGTERM');
    await ended;
    rmSync(directory, { recursive: true, force: true });
  });
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}: ${said}`);
    const answer = await raw(port, requestText('GET', '/health', [['Host', `127.0.0.1:${port}`]]));
    expect(answer.status).toBe(200);
  });
  return port;
}

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
