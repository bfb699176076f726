/**
 * Notifications that arrive while no page is open: the browser's Web Push, shown and answered by push-worker.js. Nothing
 * is asked of the browser before a person has pressed the switch.
 */
import { signal } from '@preact/signals';
import { storedSignal } from './local-storage.ts';
import { askRecipients, subscribePush, unsubscribePush } from './notification-recipients.ts';
import { PAGE_PATH } from './server-url.ts';
import { deviceName, readToken } from './token.ts';

/** Whether this device was subscribed. */
export const isPushed = storedSignal('pushed', false, (stored) => stored === true || undefined);
/** The server's id of this device, while it is subscribed. */
export const deviceId = storedSignal<string | null>('device', null, (stored) =>
  typeof stored === 'string' ? stored : undefined,
);
/** Why the last command could not be carried out, as a sentence. */
export const pushFailure = signal<string | null>(null);

/** Push needs https or this machine, and on some phones an installed page. */
export function mayPush(): boolean {
  return 'serviceWorker' in navigator && 'PushManager' in window;
}

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL(url: string): string },
  ): { createScriptURL(url: string): string };
}

let worker: Promise<ServiceWorkerRegistration> | null = null;

/** Gives the worker of a subscribed device the token as it is now; called once. */
export function startPushWorker(): void {
  if (!isPushed.peek() || !mayPush()) return;
  startWorker().catch((error: Error) => {
    pushFailure.value = `Notifications cannot be answered on this device: ${error.message}`;
  });
}

/** The worker, with the token of this page: it answers with it when no page is open. */
async function startWorker(): Promise<ServiceWorkerRegistration> {
  worker ??= register();
  const registration = await worker;
  const running = registration.active ?? registration.waiting ?? registration.installing;
  running?.postMessage({ type: 'token', token: readToken() });
  return registration;
}

async function register(): Promise<ServiceWorkerRegistration> {
  const { trustedTypes } = window as { trustedTypes?: TrustedTypes };
  const own = `${PAGE_PATH}push-worker.js`;
  // The page's policy takes addresses of scripts from a policy of its own only.
  const policy = trustedTypes?.createPolicy('push-worker', { createScriptURL: (url) => url });
  return await navigator.serviceWorker.register(policy?.createScriptURL(own) ?? own, {
    scope: PAGE_PATH,
  });
}

/** Subscribes this device; the browser asks the person itself. Never rejects: `pushFailure` says what went wrong. */
export async function startPush(): Promise<void> {
  pushFailure.value = null;
  try {
    if ((await Notification.requestPermission()) !== 'granted') {
      pushFailure.value = 'This browser does not let the page notify you.';
      return;
    }
    const recipients = await askRecipients();
    if (typeof recipients === 'string') throw new Error(recipients);
    const applicationServerKey = recipients.public_key;
    const registration = await startWorker();
    const subscription = await registration.pushManager.subscribe({
      userVisibleOnly: true,
      applicationServerKey,
    });
    const { endpoint = '', keys = {} } = subscription.toJSON();
    const device = { p256dh: keys.p256dh ?? '', auth: keys.auth ?? '' };
    const answer = await subscribePush({
      endpoint,
      ...device,
      device: deviceName(navigator.userAgent),
    });
    if (typeof answer === 'string') pushFailure.value = answer;
    else deviceId.value = answer.id;
    isPushed.value = typeof answer !== 'string';
  } catch (error) {
    pushFailure.value = `This device was not subscribed: ${(error as Error).message}`;
  }
}

/** Ends the subscription of this device. Never rejects. */
export async function stopPush(): Promise<void> {
  isPushed.value = false;
  deviceId.value = null;
  try {
    const registration = await startWorker();
    const subscription = await registration.pushManager.getSubscription();
    if (!subscription) return;
    pushFailure.value = await unsubscribePush(subscription.endpoint);
    await subscription.unsubscribe();
  } catch (error) {
    pushFailure.value = `This device was not unsubscribed: ${(error as Error).message}`;
  }
}
