/** Requests that no HTTP client would make: handshakes for nothing, smuggled bodies, heads without an end. */
import { connect } from 'node:net';
import type { Random } from '../../support/random.ts';

interface Wrong {
  text: (port: number, random: Random) => string;
  /** What a good server may answer. */
  statuses: readonly number[];
  /** Whether the server may hang up without an answer. */
  maySilentlyClose?: boolean;
}

const upgrade = (port: number, changes: Record<string, string | null> = {}): string => {
  const fields: Record<string, string | null> = {
    Host: `127.0.0.1:${port}`,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...changes,
  };
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    value === null ? [] : [`${name}: ${value}\r\n`],
  );
  return `GET /ws HTTP/1.1\r\n${lines.join('')}\r\n`;
};

const post = (port: number, fields: string, body: string): string =>
  `POST /api/hook HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n${fields}\r\n${body}`;

const JSON_TYPE = 'Content-Type: application/json\r\n';

/** Every kind, by name. */
export const WRONG_REQUESTS: Record<string, Wrong> = {
  'foreign host': { text: (port) => upgrade(port, { Host: 'evil.example' }), statuses: [403] },
  'no host': { text: (port) => upgrade(port, { Host: null }), statuses: [400] },
  'foreign origin': {
    text: (port) => upgrade(port, { Origin: 'https://evil.example' }),
    statuses: [403],
  },
  'no key': { text: (port) => upgrade(port, { 'Sec-WebSocket-Key': null }), statuses: [400] },
  'bad key': { text: (port) => upgrade(port, { 'Sec-WebSocket-Key': 'short' }), statuses: [400] },
  'old version': {
    text: (port) => upgrade(port, { 'Sec-WebSocket-Version': '7' }),
    statuses: [400, 426],
  },
  'other protocol': { text: (port) => upgrade(port, { Upgrade: 'h2c' }), statuses: [400, 426] },
  'upgrade by POST': {
    text: (port) => upgrade(port).replace('GET', 'POST'),
    statuses: [400, 405, 426],
  },
  'upgrade elsewhere': {
    text: (port) => upgrade(port).replace('/ws', '/ws/../api/hook'),
    statuses: [400, 404],
  },
  'two hosts': {
    text: (port) => upgrade(port).replace('\r\n', `\r\nHost: 127.0.0.1:${port}\r\n`),
    statuses: [400],
  },
  'HTTP/1.0': { text: () => 'GET /health HTTP/1.0\r\n\r\n', statuses: [400, 403] },
  'no HTTP': {
    text: (_, random) => `${'\u0000\u0001\u00ff'.repeat(random.between(1, 50))}\r\n\r\n`,
    statuses: [400],
    maySilentlyClose: true,
  },
  'TLS hello': {
    text: () => '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
    statuses: [400],
    maySilentlyClose: true,
  },
  'endless header': {
    text: (port) => upgrade(port, { 'X-Long': 'x'.repeat(40_000) }),
    statuses: [431],
    maySilentlyClose: true,
  },
  'too many headers': {
    text: (port) => upgrade(port).replace('\r\n', `\r\n${'X-A: b\r\n'.repeat(100)}`),
    statuses: [431, 400],
  },
  'split header': {
    text: (port) => upgrade(port, { 'X-Split': 'a\r\n\tb\r\nbroken line' }),
    statuses: [400],
  },
  'two lengths': {
    text: (port) => post(port, `${JSON_TYPE}Content-Length: 2\r\nContent-Length: 50\r\n`, '{}'),
    statuses: [400],
  },
  'length and chunks': {
    text: (port) =>
      post(port, `${JSON_TYPE}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n`, '0\r\n\r\nX'),
    statuses: [400],
  },
  'bad chunk': {
    text: (port) => post(port, `${JSON_TYPE}Transfer-Encoding: chunked\r\n`, 'zz\r\n{}\r\n'),
    statuses: [400],
  },
  'negative length': {
    text: (port) => post(port, `${JSON_TYPE}Content-Length: -1\r\n`, '{}'),
    statuses: [400],
  },
  'announced too large': {
    text: (port) => post(port, `${JSON_TYPE}Content-Length: 99999999999\r\n`, '{'),
    statuses: [413],
  },
  'other media': {
    text: (port) => post(port, 'Content-Type: text/plain\r\nContent-Length: 2\r\n', '{}'),
    statuses: [415],
  },
  compressed: {
    text: (port) => post(port, `${JSON_TYPE}Content-Encoding: gzip\r\nContent-Length: 2\r\n`, '{}'),
    statuses: [415],
  },
  'bad key of a hook': {
    text: (port) => post(port, `${JSON_TYPE}Idempotency-Key: a b\r\nContent-Length: 2\r\n`, '{}'),
    statuses: [400],
  },
  'unknown engine': {
    text: (port) => upgrade(port).replace('/ws', '/socket.io/?EIO=9&transport=pigeon'),
    statuses: [400, 404],
  },
  'session of nobody': {
    text: (port) =>
      `GET /socket.io/?EIO=4&transport=polling&sid=nobody HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n` +
      'Connection: close\r\n\r\n',
    statuses: [400],
  },
};

/** Makes one wrong request. @returns what was not as it should be, or null */
export function misask(port: number, name: string, random: Random): Promise<string | null> {
  const { text, statuses, maySilentlyClose = false } = WRONG_REQUESTS[name] as Wrong;
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    const done = (words: string | null): void => {
      socket.destroy();
      resolve(words && `${name}: ${words}`);
    };
    const judge = (): void => {
      const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(answer) ?? [];
      if (status === undefined) done(maySilentlyClose ? null : 'closed without an answer');
      else done(statuses.includes(Number(status)) ? null : `answered ${status}`);
    };
    socket.setTimeout(15_000, () => done('no answer in 15 s'));
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (answer.includes('\r\n\r\n')) judge();
    });
    socket.once('close', judge);
    socket.write(Buffer.from(text(port, random), 'latin1'));
  });
}
