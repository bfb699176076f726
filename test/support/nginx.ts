/** A real nginx for tests, on loopback, until the test ends. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';

export const NGINX = ['/usr/sbin/nginx', '/usr/local/bin/nginx', '/opt/homebrew/bin/nginx'].find(
  existsSync,
);
/** Who runs the tests. */
export const OWN = process.getuid?.() ?? -1;

/** As the README has it. */
export const README_LINES = `proxy_http_version 1.1;
  proxy_set_header Host $http_host;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection $connection_upgrade;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Host $http_host;
  proxy_set_header X-Forwarded-Proto $scheme;`;

/** A certificate for `localhost` and 127.0.0.1, signed by itself. */
export function makePair(): { cert: string; key: string } {
  const directory = mkdtempSync(join(tmpdir(), 'orbitdock-pair-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const pair = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') };
  const { status, stderr } = spawnSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-subj', '/CN=dock', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
      ...['-keyout', pair.key, '-out', pair.cert],
    ],
    { encoding: 'utf8' },
  );
  expect(status, stderr).toBe(0);
  return pair;
}

/** Runs nginx with these servers as a user until the test ends. */
export async function runNginx(uid: number, servers: string): Promise<{ expectAlive(): void }> {
  if (NGINX === undefined)
    throw new Error('nginx is missing; install it (Debian: apt-get install nginx)');
  const directory = mkdtempSync(join(tmpdir(), 'orbitdock-nginx-'));
  chmodSync(directory, 0o777);
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
      ${servers}
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
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended;
    rmSync(directory, { recursive: true, force: true });
  });
  return {
    expectAlive() {
      if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}: ${said}`);
    },
  };
}

/** A port that nobody has now. */
export function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
