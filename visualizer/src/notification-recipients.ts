/**
 * Who is notified when no page is open, and when no one is: kept by the server for all browsers. What this browser alone
 * does while the page is open is in browser-notifications.ts.
 */
import type { ClientMessage, ReplyTo } from '../../src/client/index.ts';
import { request, sendCommand } from './session-client.ts';

/** Devices, quiet hours and muted sessions. */
export type Recipients = ReplyTo<'get_notifications'>;

/** All of it, or why it cannot be had. */
export function askRecipients(): Promise<Recipients | string> {
  return request({ type: 'get_notifications' });
}

/** Has this browser notified. @returns the id of the device, or why the server does not take it */
export async function subscribePush(
  device: Omit<Extract<ClientMessage, { type: 'subscribe_push' }>, 'type'>,
): Promise<{ id: string } | string> {
  const answer = await request({ type: 'subscribe_push', ...device });
  return typeof answer === 'string' ? answer : { id: answer.id ?? '' };
}

/** Has this browser notified no more; null when the server took it, else its words. */
export function unsubscribePush(endpoint: string): Promise<string | null> {
  return sendCommand({ type: 'unsubscribe_push', endpoint });
}

/** Sends no notifications between these times of the day, by the server's clock; null: at any time. */
export function setQuietHours(quiet: Recipients['quiet']): Promise<string | null> {
  return sendCommand({ type: 'set_quiet_hours', quiet });
}

/** Sends no notifications about a session, or again. */
export function muteSession(session_id: string, is_muted: boolean): Promise<string | null> {
  return sendCommand({ type: 'mute_session', session_id, is_muted });
}

/** What may be done with a device of the list. */
export type DeviceCommand = 'test_notification' | 'remove_device' | 'revoke_device';

/** Tries a device out, has it notified no more, or also ends its token. */
export function sendDeviceCommand(type: DeviceCommand, device_id: string): Promise<string | null> {
  return sendCommand({ type, device_id });
}
