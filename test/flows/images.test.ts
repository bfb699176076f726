/** Images of messages over HTTP: for those who may see the message, as pictures and as nothing else. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PNG } from '../support/pictures.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const DIGEST = createHash('sha256').update(PNG).digest('hex');

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  writeFileSync(join(server.paths.images, `${DIGEST}.png`), PNG);
});
afterAll(() => server[Symbol.asyncDispose]());

/** A request that no client library tidies. */
function get(path: string, { method = 'GET', headers = {} } = {}) {
  return new Promise<{ status: number; headers: Record<string, unknown>; body: Buffer }>(
    (resolve, reject) => {
      const ask = request(
        { host: '127.0.0.1', port: server.port, path, method, headers },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('end', () => {
            const { statusCode: status = 0, headers } = answer;
            resolve({ status, headers, body: Buffer.concat(chunks) });
          });
        },
      );
      ask.once('error', reject);
      ask.end();
    },
  );
}

it('serves an image with its own type, to be kept, and to run nothing', async () => {
  const answer = await get(`/images/${DIGEST}`);
  expect(answer.status).toBe(200);
  expect(answer.body.equals(PNG)).toBe(true);
  expect(answer.headers).toMatchObject({
    'content-type': 'image/png',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cache-control': expect.stringMatching(/^private.*immutable/),
  });
  const head = await get(`/images/${DIGEST}`, { method: 'HEAD' });
  expect(head).toMatchObject({ status: 200, body: Buffer.alloc(0) });
});

it('knows images by their digest only', async () => {
  const paths = [
    '/images/',
    `/images/${DIGEST}.png`,
    `/images/${'0'.repeat(64)}`,
    '/images/../orbitdock.db',
    '/images/%2e%2e%2forbitdock.db',
  ];
  for (const path of paths) expect((await get(path)).status, path).toBe(404);
  expect((await get(`/images/${DIGEST}`, { method: 'POST' })).status).toBe(405);
});

it('asks everybody who comes through a proxy or from another page for more than the address', async () => {
  const proxied = { headers: { 'X-Forwarded-For': '127.0.0.1' } };
  expect((await get(`/images/${DIGEST}`, proxied)).status).toBe(401);
  const foreign = { headers: { Origin: 'https://evil.example' } };
  expect((await get(`/images/${DIGEST}`, foreign)).status).toBe(403);
});
