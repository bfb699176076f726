/**
 * Who is notified when a session needs a person: a webhook, a topic of ntfy and a device with Web Push, as doubles on
 * loopback that check signatures and decrypt. Requests are a hook's that waits, so that they can be answered from here.
 */
import { createHmac } from 'node:crypto';
import { statSync } from 'node:fs';
import { request } from 'node:http';
import { get } from 'node:https';
import { Writable } from 'node:stream';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { runCli } from '../../src/cli/index.ts';
import { Outbox } from '../../src/notify/outbox.ts';
import { isPublicAddress, publicAgent } from '../../src/notify/public-addresses.ts';
import { sendTo, vapidKeys } from '../../src/notify/senders.ts';
import { createToken } from '../../src/secrets.ts';
import { hookKey } from '../support/hooks.ts';
import {
  checkVapid,
  createDevice,
  openPushService,
  openReceiver,
  type Received,
  type Receiver,
} from '../support/notified.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let receiver: Receiver;
let pushes: Awaited<ReturnType<typeof openPushService>>;
/** The clock of notifications. */
let now: number;
let hangUps: Array<() => void>;
const OWNER = createToken();

beforeEach(async () => {
  now = Date.now();
  hangUps = [];
  receiver = await openReceiver();
  pushes = await openPushService();
  server = await startTestServer({
    flags: { requireAuth: true, authToken: OWNER, allowPrivatePush: true },
    notify: { now: () => now, agent: pushes.agent },
  });
});
afterEach(async () => {
  for (const hangUp of hangUps) hangUp();
  await server[Symbol.asyncDispose]();
  await Promise.all([receiver[Symbol.asyncDispose](), pushes[Symbol.asyncDispose]()]);
});

async function cli(...words: string[]): Promise<string> {
  let out = '';
  const sink = new Writable({
    write(chunk, _encoding, done) {
      out += String(chunk);
      done();
    },
  });
  const env = { HOME: server.paths.dir, PATH: process.env.PATH ?? '' };
  const argv = ['--data-dir', server.paths.dir, ...words];
  expect(await runCli(argv, { env, stdout: sink, stderr: sink }), out).toBe(0);
  return out.trim();
}

interface Answer {
  public_key: string;
  devices: object[];
  muted: string[];
}

async function ask(path: string, body: object, token = OWNER, at = server) {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
  const init = { method: 'POST', headers, body: JSON.stringify(body) };
  const answer = await fetch(`${at.url}${path}`, init);
  return { status: answer.status, body: (await answer.json()) as Answer };
}

const say = (message: object, token = OWNER) => ask('/api/messages', message, token);

/** A CLI that asks whether it may run a command, and waits for the answer. */
function askPermission(session_id: string, command = 'npm test'): { answer: Promise<string> } {
  const body = JSON.stringify({
    ...{ session_id, hook_event_name: 'PermissionRequest', cwd: '/home/dev/shop' },
    ...{ tool_name: 'Bash', tool_input: { command } },
  });
  const headers = {
    ...{ 'Content-Type': 'application/json', 'X-OrbitDock-Awaits': '1' },
    ...{ 'Idempotency-Key': hookKey(), Authorization: `Bearer ${OWNER}` },
  };
  const options = { socketPath: server.paths.socket, path: '/api/hook/answer', method: 'POST' };
  const asked = request({ ...options, agent: false, headers });
  hangUps.push(() => asked.destroy());
  const answer = new Promise<string>((resolve) => {
    asked.once('error', () => resolve(''));
    asked.once('response', (response) => {
      let text = '';
      response.on('data', (part) => (text += part));
      response.on('end', () => resolve(text));
    });
  });
  asked.end(body);
  return { answer };
}

/** A hook that does not wait. */
async function postHook(body: object): Promise<void> {
  const headers = { Authorization: `Bearer ${OWNER}`, 'Idempotency-Key': hookKey() };
  const init = { method: 'POST', headers: { ...headers, 'Content-Type': 'application/json' } };
  const answer = await fetch(`${server.url}/api/hook`, { ...init, body: JSON.stringify(body) });
  expect(answer.status).toBe(204);
}

const jsonOf = ({ body }: Received) => JSON.parse(body.toString());
const approve = (session: string, requestId: string, token = OWNER) =>
  ask(`/api/sessions/${session}/approve`, { request_id: requestId, decision: 'approved' }, token);

/** Adds the webhook, and settles when the running server has noticed it. */
async function addWebhook(): Promise<string> {
  const secret = await cli('notify', 'add', 'webhook', `${receiver.url}/hook`, '-q');
  await hasLooked();
  return secret;
}

/**
 * Settles when the server has looked at what other programs have written by now: a session that is muted beside it
 * is read in the same look as the channels.
 */
async function hasLooked(): Promise<void> {
  const marker = `looked-${crypto.randomUUID()}`;
  const database = new Database(server.paths.database, { fileMustExist: true, timeout: 10_000 });
  database.prepare('INSERT INTO notify_muted (session_id) VALUES (?)').run(marker);
  database.close();
  const look = async () => {
    const { body } = await say({ type: 'get_notifications' });
    expect(body.muted).toContain(marker);
  };
  await vi.waitFor(look, { timeout: 10_000, interval: 20 });
}

async function subscribe(token = OWNER) {
  const device = createDevice(`${pushes.url}/device`);
  expect(await say({ type: 'subscribe_push', ...device.subscription }, token)).toMatchObject({
    status: 200,
  });
  return device;
}

it('notifies a webhook once, signed as the Standard Webhooks say, and once more when it is settled', async () => {
  const secret = await addWebhook();
  askPermission('hooked');
  const [notified] = await receiver.count(1);
  if (!notified) throw new Error('nothing came');
  const notice = jsonOf(notified);
  expect(notice).toMatchObject({
    ...{ type: 'open', kind: 'permission', session_id: 'hooked', project: 'shop' },
    ...{ text: 'npm test', can_answer: true },
  });
  const { headers, body } = notified;
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const mac = createHmac('sha256', key).update(signed).digest('base64');
  expect(headers['webhook-signature']).toBe(`v1,${mac}`);
  expect(await approve('hooked', notice.request_id)).toMatchObject({ status: 200 });
  const [, settled] = await receiver.count(2);
  expect(settled && jsonOf(settled)).toMatchObject({ type: 'settled', tag: notice.tag });
});

it('tries a webhook again that answers 503, under the same id', async () => {
  await addWebhook();
  receiver.answers.push(503);
  askPermission('again');
  const [first, second] = await receiver.count(2);
  expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
});

it('notifies a topic of ntfy, without a way to answer', async () => {
  await cli('notify', 'add', 'ntfy', `${receiver.url}/my-topic`);
  await hasLooked();
  askPermission('topic');
  const [notified] = await receiver.count(1);
  expect(notified && jsonOf(notified)).toMatchObject({ topic: 'my-topic', priority: 4 });
  expect(notified && jsonOf(notified).message).toContain('npm test');
});

it('says of what cannot be answered from here where to answer', async () => {
  await addWebhook();
  const asked = { hook_event_name: 'PermissionRequest', tool_name: 'Bash', cwd: '/home/dev/shop' };
  await postHook({ session_id: 'watched', ...asked, tool_input: { command: 'ls' } });
  const [notified] = await receiver.count(1);
  expect(notified && jsonOf(notified)).toMatchObject({
    ...{ can_answer: false, where: 'Answer in the terminal it runs in' },
  });
});

it('does not notify again after a restart', async () => {
  await addWebhook();
  askPermission('kept');
  await receiver.count(1);
  await server.restart();
  // What comes later is reported after it.
  askPermission('next');
  await vi.waitFor(() => expect(receiver.received.map(jsonOf).at(-1).session_id).toBe('next'));
  const opened = receiver.received.map(jsonOf).filter(({ type }) => type === 'open');
  expect(opened.map(({ session_id }) => session_id)).toEqual(['kept', 'next']);
});

it('pushes to a device, encrypted for it and signed with keys that only the owner can read', async () => {
  const device = await subscribe();
  const { body } = await say({ type: 'get_notifications' });
  expect(body.devices).toMatchObject([{ is_mine: true }]);
  askPermission('pushed');
  const [notified] = await pushes.count(1);
  if (!notified) throw new Error('nothing came');
  expect(checkVapid(notified, body.public_key)).toMatchObject({ aud: pushes.url });
  expect(notified.headers).toMatchObject({ 'content-encoding': 'aes128gcm', urgency: 'high' });
  const notice = device.decrypt(notified);
  expect(notice).toMatchObject({ type: 'open', session_id: 'pushed', can_answer: true });
  expect(notified.headers.topic).toBe(notice.tag);
  expect(statSync(server.paths.vapid).mode & 0o777).toBe(0o600);
});

it('is answered from a push exactly once, and the push is withdrawn', async () => {
  const device = await subscribe();
  const cliOfSession = askPermission('once');
  const [notified] = await pushes.count(1);
  const notice = notified && device.decrypt(notified);
  const answers = await Promise.all([
    approve('once', notice.request_id),
    approve('once', notice.request_id),
  ]);
  expect(answers.map(({ status }) => status).sort()).not.toEqual([200, 200]);
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(await cliOfSession.answer).toContain('allow');
  const [, settled] = await pushes.count(2);
  expect(settled && device.decrypt(settled)).toMatchObject({ type: 'settled', tag: notice.tag });
});

it('offers no approval in a notification that does not show all of it', async () => {
  await addWebhook();
  const long = `npm run deploy -- ${'--yes '.repeat(60)}`;
  for (const [id, command] of [
    ['short', 'npm test'],
    ['long', long],
    ['lines', 'npm test\nrm -rf build'],
    ['turned', 'rm \u202etset mpn'],
  ] as const) {
    askPermission(id, command);
  }
  const notified = (await receiver.count(4)).map(jsonOf);
  const wholeness = Object.fromEntries(notified.map((one) => [one.session_id, one.is_whole]));
  // What would show nothing is shown, so that the last one is whole as well.
  expect(wholeness).toEqual({ short: true, long: false, lines: false, turned: true });
  const turned = notified.find(({ session_id }) => session_id === 'turned');
  expect(turned?.text).toBe('rm <U+202E>tset mpn');
});

it('lets a device whose token is revoked approve nothing, and sends it nothing more', async () => {
  const token = await cli('tokens', 'create', 'phone', '--scope', 'control', '-q');
  const device = await subscribe(token);
  askPermission('revoked');
  const [notified] = await pushes.count(1);
  const notice = notified && device.decrypt(notified);
  await cli('tokens', 'revoke', 'phone');
  expect(await approve('revoked', notice.request_id, token)).toMatchObject({ status: 401 });
  await addWebhook();
  askPermission('later');
  await receiver.count(1);
  expect(pushes.received).toHaveLength(1);
});

it('forgets a device that its push service does not know any more', async () => {
  await subscribe();
  pushes.answers.push(410);
  askPermission('gone');
  await pushes.count(1);
  await vi.waitFor(async () => {
    const { body } = await say({ type: 'get_notifications' });
    expect(body.devices).toEqual([]);
  });
});

it('refuses an endpoint that is not https', async () => {
  const { subscription } = createDevice('http://192.168.0.1/x');
  expect(await say({ type: 'subscribe_push', ...subscription })).toMatchObject({ status: 422 });
});

describe('the address of a push service', () => {
  it.each([...['8.8.8.8', '2a00:1450:4001::1', '64:ff9b::808:808', '172.32.0.1', '100.128.0.1']])(
    '%s is public',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  it.each([
    ...['127.0.0.1', '10.1.2.3', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1'],
    ...[
      '0.0.0.0',
      '224.0.0.1',
      '255.255.255.255',
      '::1',
      '::',
      'fe80::1',
      'fd00::1',
      '::ffff:1.1.1.1',
    ],
    ...['64:ff9b::7f00:1', '64:ff9b::a', '2001:db8::1', '2002:7f00:1::', 'fe80::1%eth0', 'x', ''],
  ])('%s is not', (address) => expect(isPublicAddress(address)).toBe(false));

  it.each([
    ...['127.0.0.1', '[::1]', '10.0.0.1:8443', '2130706433', '0x7f.1', 'localhost', 'localhost.'],
    ...['router', 'nas.local', 'x.internal', '[::ffff:127.0.0.1]', '169.254.169.254'],
  ])('https://%s/ is refused unless it is allowed, and nothing is sent there', async (host) => {
    await using other = await startTestServer({ flags: { requireAuth: true, authToken: OWNER } });
    const { subscription } = createDevice(`https://${host}/x`);
    const notified = await ask(
      '/api/messages',
      { type: 'subscribe_push', ...subscription },
      OWNER,
      other,
    );
    expect(notified.status).toBe(422);
    expect(JSON.stringify(notified.body)).toContain('--allow-private-push');
  });

  it('is looked at again when a name resolves', async () => {
    const agent = publicAgent();
    // A name that every resolver has, and that stands for this machine.
    const failed = await new Promise<Error>((resolve) => {
      get({ host: 'localhost', port: 9, agent }).once('error', resolve);
    });
    expect(failed.message).toMatch(/localhost is at the private address/);
  });

  it('that was stored before counts no more', async () => {
    const { subscription } = createDevice(`${pushes.url}/device`);
    const { endpoint, p256dh, auth } = subscription;
    const config = { kind: 'push' as const, endpoint, p256dh, auth };
    const notice = { state: 'settled' as const, tag: 't', need: { id: 'n', sessionId: 's' } };
    const push = {
      vapid: () => vapidKeys(server.paths.vapid),
      ...{ agent: pushes.agent, isPrivateAllowed: false },
    };
    const about = { signal: AbortSignal.timeout(1000), push, now: () => now };
    expect(await sendTo(config, notice, about)).toBe('refused');
    expect(
      await sendTo(config, notice, { ...about, push: { ...push, isPrivateAllowed: true } }),
    ).toBe('sent');
  });
});

it('calls a device by what a terminal can show of its name', async () => {
  const { subscription } = createDevice(`${pushes.url}/device`);
  await say({ type: 'subscribe_push', ...subscription, device: '\u001b[2J\u202ePixel 9' });
  const { body } = await say({ type: 'get_notifications' });
  expect(body.devices).toMatchObject([{ name: expect.stringMatching(/^2JPixel 9 [0-9a-f]{8}$/) }]);
});

it('says once that a channel which takes nothing drops the oldest, however many come', async () => {
  const { log, lines } = recordedLog();
  const never = new Promise<never>(() => {});
  const outbox = new Outbox({ name: 'slow', log, send: () => never, gone: () => {} });
  for (let at = 0; at < 300; at++) {
    const id = `request:${at}`;
    outbox.push({ state: 'open', tag: id, need: { id, sessionId: 's' } });
  }
  outbox.close();
  expect(lines.items.map(({ event }) => event)).toEqual(['notify.queue_full']);
});

it('is silent in quiet hours, and notifies at their end of what still waits', async () => {
  await addWebhook();
  now = new Date(2026, 4, 5, 23, 30).getTime();
  await say({ type: 'set_quiet_hours', quiet: { from: '22:00', to: '07:00' } });
  askPermission('night');
  await vi.waitFor(async () => {
    const headers = { Authorization: `Bearer ${OWNER}` };
    const answer = await fetch(`${server.url}/api/sessions/night`, { headers });
    expect(await answer.json()).toMatchObject({ work_status: 'permission' });
  });
  // What the first look reports has come by the second.
  await hasLooked();
  await hasLooked();
  expect(receiver.received).toEqual([]);
  now = new Date(2026, 4, 6, 7, 0).getTime();
  const [notified] = await receiver.count(1);
  expect(notified && jsonOf(notified)).toMatchObject({ type: 'open', session_id: 'night' });
});

it('notifies of no muted session, and of a long wait once', async () => {
  await addWebhook();
  const start = { session_id: 'muted', hook_event_name: 'UserPromptSubmit', cwd: '/home/dev/shop' };
  await postHook({ ...start, prompt: 'go on' });
  const mute = { type: 'mute_session', session_id: 'muted', is_muted: true };
  expect(await say(mute)).toMatchObject({ status: 200 });
  askPermission('muted');
  askPermission('long');
  await receiver.count(1);
  now += 16 * 60_000;
  const all = await receiver.count(2);
  now += 16 * 60_000;
  await hasLooked();
  await hasLooked();
  expect(all.map(jsonOf).map(({ type, session_id }) => [type, session_id])).toEqual([
    ['open', 'long'],
    ['waiting_long', 'long'],
  ]);
});

describe('a device of the list', () => {
  const only = async (token = OWNER) => {
    const { body } = await say({ type: 'get_notifications' }, token);
    const [device] = body.devices as { id: string; token?: string }[];
    if (!device) throw new Error('no device');
    return device;
  };

  it('is sent a test, and what its push service says against that is said', async () => {
    const device = await subscribe();
    const { id } = await only();
    expect(await say({ type: 'test_notification', device_id: id })).toMatchObject({ status: 200 });
    const [notified] = await pushes.count(1);
    expect(notified && device.decrypt(notified)).toMatchObject({
      text: 'A test: nothing needs you',
    });
    pushes.answers.push(410);
    const refused = await say({ type: 'test_notification', device_id: id });
    expect(refused.status).toBe(502);
    expect(JSON.stringify(refused.body)).toContain('is not there any more');
    const unknown = await say({ type: 'test_notification', device_id: 'nobody' });
    expect(unknown.status).toBe(404);
  });

  it('is removed by another client, and keeps its token', async () => {
    const token = await cli('tokens', 'create', 'tablet', '--scope', 'control', '-q');
    await subscribe(token);
    const { id, token: name } = await only();
    expect(name).toBe('tablet');
    expect(await say({ type: 'remove_device', device_id: id })).toMatchObject({ status: 200 });
    const { status, body } = await say({ type: 'get_notifications' }, token);
    expect({ status, devices: body.devices }).toEqual({ status: 200, devices: [] });
  });

  it('loses its token too where the asker may end tokens, and approves nothing from an old push', async () => {
    const token = await cli('tokens', 'create', 'phone', '--scope', 'control', '-q');
    const device = await subscribe(token);
    askPermission('lost');
    const [notified] = await pushes.count(1);
    const notice = notified && device.decrypt(notified);
    const { id } = await only();
    const request = { type: 'revoke_device', device_id: id };
    expect(await say(request, token), 'control ends no tokens').toMatchObject({ status: 403 });
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/ws`, [
      'orbitdock',
      `orbitdock.token.${Buffer.from(token).toString('base64url')}`,
    ]);
    await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }));
    const closed = new Promise<number>((resolve) => {
      socket.addEventListener('close', ({ code }) => resolve(code), { once: true });
    });
    expect(await say(request)).toMatchObject({ status: 200 });
    expect(await closed).toBe(4401);
    expect(await approve('lost', notice.request_id, token)).toMatchObject({ status: 401 });
    expect(await cli('tokens', 'list')).toMatch(/phone .* revoked/);
    expect((await say({ type: 'get_notifications' })).body.devices).toEqual([]);
  });

  it('that subscribed without a named token has none to revoke', async () => {
    await subscribe();
    const { id } = await only();
    expect(await say({ type: 'revoke_device', device_id: id })).toMatchObject({ status: 422 });
  });
});
