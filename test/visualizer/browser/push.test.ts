/**
 * A push as far as it can be without the vendors: the server sends it to a double of a push service, which decrypts it
 * with the keys that the page's (stubbed) subscription gave; its bytes are delivered to the real worker in Chromium.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { chromium } from 'playwright-core';
import { expect, it, onTestFinished } from 'vitest';
import { runCli } from '../../../src/cli/index.ts';
import { createToken } from '../../../src/secrets.ts';
import { hookKey } from '../../support/hooks.ts';
import { createDevice, openPushService } from '../../support/notified.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { findChromium } from '../support/chromium.ts';

const OWNER = createToken();

async function tokenFor({ paths }: TestServer, name: string): Promise<string> {
  let out = '';
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      out += String(chunk);
      done();
    },
  });
  const argv = ['--data-dir', paths.dir, 'tokens', 'create', name, '--scope', 'control', '-q'];
  await runCli(argv, { env: { HOME: paths.dir }, stdout, stderr: stdout });
  return out.trim();
}

/** A CLI that asks and waits; resolves with what it is answered. */
function askPermission({ paths }: TestServer, session_id: string): Promise<string> {
  const body = JSON.stringify({
    ...{ session_id, hook_event_name: 'PermissionRequest', cwd: '/home/dev/shop' },
    ...{ tool_name: 'Bash', tool_input: { command: 'npm test' } },
  });
  const headers = {
    ...{ 'Content-Type': 'application/json', 'X-OrbitDock-Awaits': '1' },
    ...{ 'Idempotency-Key': hookKey(), Authorization: `Bearer ${OWNER}` },
  };
  const options = { socketPath: paths.socket, path: '/api/hook/answer', method: 'POST' };
  const asked = request({ ...options, agent: false, headers });
  onTestFinished(() => void asked.destroy());
  return new Promise((resolve, reject) => {
    asked.once('error', reject);
    asked.once('response', (response) => {
      let text = '';
      response.on('data', (part) => (text += part));
      response.on('end', () => resolve(text));
    });
    asked.end(body);
  });
}

it('a push whose subscription is stubbed is shown by the real worker, approved from it once, and withdrawn', async () => {
  const pushes = await openPushService();
  const server = await startTestServer({
    flags: { requireAuth: true, authToken: OWNER, allowPrivatePush: true },
    notify: { agent: pushes.agent },
  });
  const profile = mkdtempSync(join(tmpdir(), 'push-profile-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: await findChromium(),
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run'],
    ignoreDefaultArgs: ['--disable-notifications'],
  });
  onTestFinished(async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
    await server[Symbol.asyncDispose]();
    await pushes[Symbol.asyncDispose]();
  });
  const device = createDevice(`${pushes.url}/device`);
  const { endpoint, ...keys } = device.subscription;
  await context.grantPermissions(['notifications'], { origin: server.url });
  await context.addInitScript(
    ({ token, subscription }) => {
      localStorage.setItem('orbitdock.token', token);
      PushManager.prototype.subscribe = async () =>
        ({ toJSON: () => subscription }) as unknown as PushSubscription;
    },
    { token: await tokenFor(server, 'phone'), subscription: { endpoint, keys } },
  );
  const [page = await context.newPage()] = context.pages();
  const faults: string[] = [];
  page.on('console', (line) => line.type() === 'error' && faults.push(line.text()));
  await page.goto(`${server.url}/visualizer/`);
  const debug = await context.newCDPSession(page);
  let registrationId = '';
  debug.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
    registrationId = registrations.at(-1)?.registrationId ?? registrationId;
  });
  await debug.send('ServiceWorker.enable');
  expect(context.serviceWorkers(), 'nothing before the switch is pressed').toEqual([]);
  await page.getByRole('button', { name: 'Menu and keys' }).click();
  await page.getByText('Notify this device, also when no page is open').click();
  await expect.poll(() => context.serviceWorkers().length, { message: faults.join() }).toBe(1);
  const [worker] = context.serviceWorkers();
  if (!worker) throw new Error('no worker');
  const devicesOf = async () => {
    const headers = { Authorization: `Bearer ${OWNER}`, 'Content-Type': 'application/json' };
    const body = JSON.stringify({ type: 'get_notifications' });
    const answer = await fetch(`${server.url}/api/messages`, { method: 'POST', headers, body });
    return ((await answer.json()) as { devices: object[] }).devices.length;
  };
  await expect.poll(devicesOf).toBe(1);

  const answered = askPermission(server, 'pushed');
  const deliver = async (at: number) => {
    const notified = (await pushes.count(at + 1))[at];
    const data = JSON.stringify(notified && device.decrypt(notified));
    await debug.send('ServiceWorker.deliverPushMessage', {
      ...{ origin: server.url, registrationId, data },
    });
  };
  const shown = () =>
    worker.evaluate(async () => {
      const { registration } = self as unknown as { registration: ServiceWorkerRegistration };
      const all = await registration.getNotifications();
      return all.map((one) => ({
        title: one.title,
        body: one.body,
        actions: (one as unknown as { actions: { action: string }[] }).actions.map(
          ({ action }) => action,
        ),
      }));
    });
  await deliver(0);
  await expect.poll(shown).toMatchObject([{ body: 'npm test', actions: ['approved', 'denied'] }]);

  // Pressed twice at once, as a nervous finger does.
  await worker.evaluate(async () => {
    const scope = self as unknown as { registration: ServiceWorkerRegistration } & EventTarget;
    const [notification] = await scope.registration.getNotifications();
    const Press = (self as unknown as { NotificationEvent: new (...words: unknown[]) => Event })
      .NotificationEvent;
    for (let press = 0; press < 2; press += 1) {
      scope.dispatchEvent(new Press('notificationclick', { notification, action: 'approved' }));
    }
  });
  expect(await answered).toContain('allow');
  await expect.poll(shown).toMatchObject([{ title: 'Not answered' }]);

  await deliver(1);
  await expect.poll(shown).toEqual([]);
  expect(faults).toEqual([]);
});
