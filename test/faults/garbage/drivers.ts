/** Brings garbage to an endpoint, a handful to each connection, and counts the refusals: one for each. */
import { Agent } from 'node:http';
import { WebSocket } from 'ws';
import { postHook } from '../../support/hooks.ts';
import type { Random } from '../../support/random.ts';
import { brokenObject, brokenText } from './texts.ts';

/** Below the burst that a connection may send at once: the limit of messages is not what is tested. */
export const PER_CONNECTION = 150;

const GIVE_UP_AFTER_MS = 30_000;

/** What an endpoint answers with, as far as counting goes. */
interface Refusal {
  type?: string;
  code?: string;
}

const EXPECTED_CODES = new Set(['parse_error', 'not_found']);

/** Sends broken texts over one `/ws` connection. @returns what was not as it should be */
export function abuseWs(port: number, random: Random): Promise<string[]> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
  const texts = Array.from({ length: PER_CONNECTION }, () => brokenText(random));
  return countRefusals({
    socket,
    greeting: (frame) => (JSON.parse(frame) as Refusal).type === 'hello',
    begin: () => {
      for (const text of texts) socket.send(text);
    },
    refusalIn: (frame) => JSON.parse(frame) as Refusal,
    describe: (at) => texts[at] ?? '',
  });
}

/** Sends broken objects over one socket.io connection. */
export function abuseSocketIo(port: number, random: Random): Promise<string[]> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
  const packets = Array.from(
    { length: PER_CONNECTION },
    () => `42["message",${JSON.stringify(brokenObject(random))}]`,
  );
  socket.once('open', () => socket.send('40'));
  return countRefusals({
    socket,
    greeting: (frame) => frame.startsWith('42["message",{"type":"hello"'),
    begin: () => {
      for (const packet of packets) socket.send(packet);
    },
    refusalIn: (frame) =>
      frame.startsWith('42') ? (JSON.parse(frame.slice(2)) as [string, Refusal])[1] : null,
    describe: (at) => packets[at] ?? '',
  });
}

interface Abuse {
  socket: WebSocket;
  greeting: (frame: string) => boolean;
  begin: () => void;
  /** Null for a frame that is no answer. */
  refusalIn: (frame: string) => Refusal | null;
  describe: (at: number) => string;
}

function countRefusals(abuse: Abuse): Promise<string[]> {
  const { socket } = abuse;
  return new Promise((resolve) => {
    const wrong: string[] = [];
    let isGreeted = false;
    let refused = 0;
    const done = (words?: string): void => {
      clearTimeout(timer);
      socket.terminate();
      resolve(words === undefined ? wrong : [...wrong, words]);
    };
    const timer = setTimeout(
      () => done(`${refused} of ${PER_CONNECTION} refused; then ${abuse.describe(refused)}`),
      GIVE_UP_AFTER_MS,
    );
    socket.on('error', () => {});
    socket.once('close', (code) => done(`closed with ${code} after ${refused} refusals`));
    socket.on('message', (bytes) => {
      const frame = String(bytes);
      if (!isGreeted) {
        if (!abuse.greeting(frame)) return;
        isGreeted = true;
        abuse.begin();
        return;
      }
      const refusal = abuse.refusalIn(frame);
      if (refusal === null) return;
      const isRefusal = refusal.type === 'error' && EXPECTED_CODES.has(refusal.code ?? '');
      if (!isRefusal) wrong.push(`${abuse.describe(refused)} -> ${frame}`.slice(0, 600));
      refused++;
      if (refused === PER_CONNECTION) done();
    });
  });
}

/** Packets that are none of socket.io's: each may end its connection, and nothing else. */
const BROKEN_PACKETS: readonly string[] = [
  ...['', '9', '4', '42', '42[', '42{}', '42[]', '42[7]', '42["message"', '43[]', '44{"x":1}'],
  ...['451-["message",{"_placeholder":true,"num":0}]', '452-["message"]', '45-1-[]', '4599999-[]'],
  ...['40/other,', '42/other,["message",{}]', '429999999999999999999["message",{}]'],
  `42["message",${'['.repeat(10_000)}${']'.repeat(10_000)}]`,
  '42["message",{"__proto__":{"polluted":1}}]',
  ...['42["connect",{}]', '42["disconnect"]', '42["__proto__",{}]', '42["newListener",{}]'],
  ...['2probe', '3', '5', '6', 'b////', 'garbage', '\u0000', '4\u0000', '40{"token":7}'],
];

/** Joins socket.io, or does not, and sends one broken packet. */
export function abusePacket(port: number, random: Random): Promise<string | null> {
  const packet = random.pick(BROKEN_PACKETS);
  const joins = random.chance(0.7);
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
  return new Promise((resolve) => {
    const done = (words: string | null): void => {
      clearTimeout(timer);
      socket.terminate();
      resolve(words);
    };
    // Some are simply ignored: the connection is then still there and answers a real message.
    const timer = setTimeout(() => done(`no word about ${packet.slice(0, 80)}`), GIVE_UP_AFTER_MS);
    socket.on('error', () => {});
    socket.once('close', () => done(null));
    socket.once('open', () => {
      if (joins) socket.send('40');
      else socket.send(packet);
      if (!joins) socket.send('40');
    });
    socket.on('message', (bytes) => {
      const frame = String(bytes);
      if (frame.startsWith('42["message",{"type":"hello"')) {
        if (joins) socket.send(packet);
        socket.send('42["message",{"type":"no_such_message","request_id":"still-there"}]');
      } else if (frame.includes('still-there')) done(null);
    });
  });
}

const agent = new Agent({ keepAlive: true, maxSockets: 16 });
const REFUSED = new Set([400, 413, 415, 422]);

/** Posts one broken hook. */
export async function abusePost(url: string, random: Random): Promise<string | null> {
  const text = brokenText(random);
  const { status } = await postHook(url, text, { agent, key: null });
  return REFUSED.has(status) ? null : `POST ${text.slice(0, 300)} -> ${status}`;
}
