/** Who is notified, and when not: the messages of devices and of the page. */
import { OrbitError } from '../../errors.ts';
import type { Asker, Handlers, Notifications } from '../runtime-api.ts';
import type { Registry } from '../sessions/registry.ts';
import { deviceNameOf } from '../tokens.ts';

type Tag =
  | 'get_notifications'
  | 'subscribe_push'
  | 'unsubscribe_push'
  | 'remove_device'
  | 'revoke_device'
  | 'test_notification'
  | 'set_quiet_hours'
  | 'mute_session';

/** Handlers of this group. @param notifications  null where notifications are off */
export function createNotificationHandlers(
  notifications: Notifications | null,
  registry: Pick<Registry, 'enter'>,
): Handlers<Tag> {
  const port = (): Notifications => {
    if (notifications !== null) return notifications;
    throw new OrbitError('invalid_argument', { reason: 'This server sends no notifications' });
  };
  const tokenOf = ({ connection }: Asker): string | null =>
    connection.caller.rights.token?.id ?? null;
  return {
    async get_notifications(_message, asker) {
      asker.reply(await port().state(tokenOf(asker)));
    },
    async subscribe_push({ endpoint, p256dh, auth, device }, asker) {
      const id = await port().devices.subscribe({
        ...{ endpoint, p256dh, auth },
        name: deviceNameOf(device ?? ''),
        tokenId: tokenOf(asker),
      });
      asker.acknowledge(id);
    },
    unsubscribe_push: ({ endpoint }) => port().devices.unsubscribe(endpoint),
    remove_device: ({ device_id }, { sender }) => port().devices.remove(device_id, sender),
    revoke_device: ({ device_id }, { sender }) => port().devices.revoke(device_id, sender),
    test_notification: ({ device_id }) => port().devices.test(device_id),
    set_quiet_hours: ({ quiet }) => port().setQuiet(quiet),
    async mute_session({ session_id, is_muted }) {
      const isThere = await registry.enter(session_id, ({ live }) => live !== null);
      if (isThere) return port().mute(session_id, is_muted);
      const sessionId = session_id;
      throw new OrbitError('not_found', { what: 'Session', id: sessionId }, { sessionId });
    },
  };
}
