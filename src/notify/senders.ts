/**
 * How a notice is said on each kind of channel: a signed webhook as the Standard Webhooks write it, ntfy, Web Push.
 * Nothing of it holds more than the list shows.
 */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Agent } from 'node:https';
import { writeFileAtomically } from '../files.ts';
import type { ChannelConfig } from '../store/notifications.ts';
import { type Notice, tagOf, whereToAnswer } from './notices.ts';
import type { Delivery } from './outbox.ts';

type ConfigOf<Kind extends ChannelConfig['kind']> = Extract<ChannelConfig, { kind: Kind }>;

/** What pushes are sent with. */
export interface PushMeans {
  vapid: () => Promise<VapidKeys>;
  /** Who may be trusted and how it is reached, in tests; unless given, what Node trusts. */
  agent?: Agent | undefined;
  /** Also to this machine and private networks. */
  isPrivateAllowed: boolean;
}

/** Push services keep a message for a device that is off so long, s. */
const TTL_S = 24 * 3600;
const PUSH_MS = 10_000;

/** Sends one notice. @throws Error where no answer came */
export function sendTo(
  config: ChannelConfig,
  notice: Notice,
  { signal, push, now }: { signal: AbortSignal; push: PushMeans; now: () => number },
): Promise<Delivery> {
  switch (config.kind) {
    case 'webhook':
      return sendWebhook(config, notice, { signal, now });
    case 'ntfy':
      return sendNtfy(config, notice, signal);
    case 'push':
      return sendPush(config, notice, push);
  }
}

/** The notice as programs read it. */
function bodyOf({ state, tag, need }: Notice) {
  const { id, sessionId, kind, title, project, text, requestId, canAnswer, isWhole, since } = need;
  const about = { need: id, tag, session_id: sessionId };
  if (state === 'settled') return { type: 'settled', ...about };
  const answer = {
    ...{ request_id: requestId, can_answer: canAnswer, is_whole: isWhole },
    where: whereToAnswer(need),
  };
  return { type: state, ...about, kind, title, project, text, ...answer, since };
}

async function sendWebhook(
  { url, secret }: ConfigOf<'webhook'>,
  notice: Notice,
  { signal, now }: { signal: AbortSignal; now: () => number },
): Promise<Delivery> {
  const body = JSON.stringify(bodyOf(notice));
  // The same at every try, so that the receiver takes it once.
  const id = `msg_${notice.tag}_${notice.state}`;
  const timestamp = String(Math.floor(now() / 1000));
  const headers = {
    'Content-Type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatureOf(secret, `${id}.${timestamp}.${body}`),
  };
  return await post(url, { headers, body, signal });
}

/** @param secret  `whsec_` and base64 */
function signatureOf(secret: string, content: string): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  return `v1,${createHmac('sha256', key).update(content).digest('base64')}`;
}

async function sendNtfy(
  { server, topic, token }: ConfigOf<'ntfy'>,
  notice: Notice,
  signal: AbortSignal,
): Promise<Delivery> {
  const { state, need } = notice;
  const { title, text, kind } = need;
  const where = whereToAnswer({ ...need, canAnswer: false });
  const said =
    state === 'settled'
      ? { title: title ?? 'OrbitDock', message: 'settled', priority: 1, tags: ['white_check_mark'] }
      : {
          title: state === 'waiting_long' ? `${title} still waits` : title,
          message: [text, where].filter(Boolean).join('\n'),
          priority: 4,
          tags: [kind === 'failed' ? 'x' : 'raised_hand'],
        };
  const headers = {
    'Content-Type': 'application/json',
    ...(token !== null && { Authorization: `Bearer ${token}` }),
  };
  return await post(server, { headers, body: JSON.stringify({ topic, ...said }), signal });
}

async function post(url: string, request: RequestInit): Promise<Delivery> {
  // A redirect would carry the message to an address that is not configured.
  const answer = await fetch(url, { ...request, method: 'POST', redirect: 'manual' });
  await answer.body?.cancel();
  return deliveryOf(answer.status);
}

function deliveryOf(status: number): Delivery {
  if (status >= 200 && status < 300) return 'sent';
  return status >= 500 || status === 408 || status === 429 ? 'again' : 'refused';
}

async function sendPush(
  { endpoint, p256dh, auth }: ConfigOf<'push'>,
  notice: Notice,
  { vapid, agent, isPrivateAllowed }: PushMeans,
): Promise<Delivery> {
  const { publicAgent, refusalOfEndpoint } = await import('./public-addresses.ts');
  // Also one that was stored when private addresses were allowed.
  if (!isPrivateAllowed && refusalOfEndpoint(new URL(endpoint)) !== null) return 'refused';
  const way = agent ?? (isPrivateAllowed ? undefined : publicAgent());
  const [{ default: webPush }, keys] = await Promise.all([import('web-push'), vapid()]);
  try {
    await webPush.sendNotification(
      { endpoint, keys: { p256dh, auth } },
      JSON.stringify(bodyOf(notice)),
      {
        ...{ vapidDetails: keys, TTL: TTL_S, urgency: 'high', topic: notice.tag },
        ...{ timeout: PUSH_MS, ...(way && { agent: way }) },
      },
    );
    return 'sent';
  } catch (error) {
    if (!(error instanceof webPush.WebPushError)) throw error;
    const { statusCode } = error;
    return statusCode === 404 || statusCode === 410 ? 'gone' : deliveryOf(statusCode);
  }
}

/**
 * Sends a test message once.
 *
 * @returns why it was not taken; null when it was
 */
export async function tryOut(config: ChannelConfig, push: PushMeans): Promise<string | null> {
  const since = new Date().toISOString();
  const need = {
    ...{ id: `test:${since}`, sessionId: '', kind: 'failed' as const, title: 'OrbitDock' },
    ...{ project: null, text: 'A test: nothing needs you', requestId: null, canAnswer: false },
    ...{ since, isHint: false, isWhole: true },
  };
  const notice: Notice = { state: 'open', tag: tagOf(need.id), need };
  try {
    const signal = AbortSignal.timeout(PUSH_MS);
    const end = await sendTo(config, notice, { signal, push, now: Date.now });
    return end === 'sent' ? null : `it answered that it ${WORDS[end]}`;
  } catch (error) {
    const { cause, message } = error as Error;
    return cause instanceof Error ? cause.message : message;
  }
}

const WORDS = {
  again: 'cannot take it now',
  refused: 'does not take it',
  gone: 'is not there any more',
} as const;

/* The key pair by which push services know this server: made once, 0600 in the data directory. */

/** The keys as web-push takes them, base64url. A device's subscription holds for one public key only. */
export interface VapidKeys {
  subject: string;
  publicKey: string;
  privateKey: string;
}

/** Whom a push service may write to; it must look like an address, and the server has none. */
const SUBJECT = 'mailto:orbitdock-server@example.org';

/** Reads the keys, or makes them where there are none. @throws Error for a file that cannot be used */
export async function vapidKeys(path: string): Promise<VapidKeys> {
  const stored = read(path);
  if (stored !== null) return { subject: SUBJECT, ...stored };
  const { default: webPush } = await import('web-push');
  const made = webPush.generateVAPIDKeys();
  writeFileAtomically(path, `${JSON.stringify(made)}\n`, { mode: 0o600 });
  return { subject: SUBJECT, ...made };
}

function read(path: string): { publicKey: string; privateKey: string } | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const { publicKey, privateKey } = JSON.parse(text) as Record<string, unknown>;
    if (typeof publicKey === 'string' && typeof privateKey === 'string') {
      return { publicKey, privateKey };
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new Error(
    `${path} holds no keys; remove it, and have each device subscribe to notifications again`,
  );
}
