/** Who is notified, as doubles on loopback: a receiver of webhooks and ntfy, and a push service that checks VAPID. */
import { execFileSync } from 'node:child_process';
import {
  createDecipheriv,
  createECDH,
  createPublicKey,
  hkdfSync,
  randomBytes,
  verify,
} from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { Agent, createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';

/** A request as it came. */
export interface Received {
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** A server that writes down what it is sent. */
export interface Receiver extends AsyncDisposable {
  url: string;
  received: Received[];
  /** What the next requests are answered with; then 200. */
  answers: number[];
  /** Resolves with all when there are so many. */
  count(so: number): Promise<Received[]>;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

function receiverOver(
  server: ReturnType<typeof createServer>,
  scheme: string,
  usual: number,
): Promise<Receiver> {
  const received: Received[] = [];
  const answers: number[] = [];
  server.on('request', async (request, response) => {
    received.push({ headers: request.headers, body: await bodyOf(request) });
    response.writeHead(answers.shift() ?? usual).end();
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      resolve({
        url: `${scheme}://127.0.0.1:${port}`,
        received,
        answers,
        count: (so) =>
          vi.waitFor(
            () => {
              if (received.length < so) throw new Error(`${received.length} of ${so} came`);
              return received;
            },
            { timeout: 8000, interval: 20 },
          ),
        async [Symbol.asyncDispose]() {
          server.closeAllConnections();
          await new Promise((closed) => server.close(closed));
        },
      });
    });
  });
}

/** A receiver of webhooks, or a server of ntfy. */
export const openReceiver = (): Promise<Receiver> => receiverOver(createServer(), 'http', 200);

/** A push service, and an agent that trusts it. */
export async function openPushService(): Promise<Receiver & { agent: Agent }> {
  const folder = mkdtempSync(join(tmpdir(), 'push-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const words = '-nodes -subj /CN=push -addext subjectAltName=IP:127.0.0.1 -days 2';
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
      ...words.split(' '),
      ...['-keyout', key, '-out', cert],
    ],
    { stdio: 'ignore' },
  );
  const pair = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
  const service = await receiverOver(createTlsServer(pair), 'https', 201);
  return Object.assign(service, { agent: new Agent({ ca: pair.cert }) });
}

/** A browser's half of a subscription. */
export function createDevice(endpoint: string) {
  const ecdh = createECDH('prime256v1');
  ecdh.generateKeys();
  const auth = randomBytes(16);
  return {
    subscription: {
      endpoint,
      p256dh: ecdh.getPublicKey().toString('base64url'),
      auth: auth.toString('base64url'),
    },
    /** What a message says: RFC 8291 over RFC 8188. */
    decrypt({ body }: Received) {
      const salt = body.subarray(0, 16);
      const idLength = body.readUInt8(20);
      const serverKey = body.subarray(21, 21 + idLength);
      const text = body.subarray(21 + idLength);
      const info = Buffer.concat([Buffer.from('WebPush: info\0'), ecdh.getPublicKey(), serverKey]);
      const ikm = Buffer.from(hkdfSync('sha256', ecdh.computeSecret(serverKey), auth, info, 32));
      const part = (name: string, size: number) =>
        Buffer.from(hkdfSync('sha256', ikm, salt, `Content-Encoding: ${name}\0`, size));
      const open = createDecipheriv('aes-128-gcm', part('aes128gcm', 16), part('nonce', 12));
      open.setAuthTag(text.subarray(-16));
      const padded = Buffer.concat([open.update(text.subarray(0, -16)), open.final()]);
      const end = padded.lastIndexOf(2);
      return JSON.parse(padded.subarray(0, end).toString());
    },
  };
}

/** Claims of the JWT, once its signature holds for that key. @throws Error when it does not */
export function checkVapid({ headers }: Received, publicKey: string) {
  const [, jwt = '', key] = /^vapid t=([^,]+), ?k=(.+)$/.exec(headers.authorization ?? '') ?? [];
  if (key !== publicKey) throw new Error('signed with another key than devices subscribed with');
  const [head, claims, signature] = jwt.split('.') as [string, string, string];
  const point = Buffer.from(publicKey, 'base64url');
  const half = (from: number) => point.subarray(from, from + 32).toString('base64url');
  const jwk = { kty: 'EC', crv: 'P-256', x: half(1), y: half(33) };
  const isRight = verify(
    'sha256',
    Buffer.from(`${head}.${claims}`),
    { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  );
  if (!isRight) throw new Error('the signature does not hold');
  return JSON.parse(Buffer.from(claims, 'base64url').toString());
}
