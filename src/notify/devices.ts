/**
 * The browsers that are notified by Web Push: they subscribe, and every client that may steer can try one out or end it. A device
 * answers by the named token that it subscribed with; that token may be ended here too.
 */
import { randomUUID } from 'node:crypto';
import { OrbitError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { PushDevice as ListedDevice } from '../protocol/reply-nouns.ts';
import type { Sender } from '../runtime/rooms/rooms.ts';
import type { PushDevice, PushDevices } from '../runtime/runtime-api.ts';
import type { NamedTokens } from '../runtime/tokens.ts';
import type { Channel, NotifyChange } from '../store/notifications.ts';
import { type PushMeans, tryOut } from './senders.ts';

interface DevicesDeps {
  /** As they are stored now. */
  channels: () => readonly Channel[];
  /** Resolves when it is stored and in force. */
  change: (change: NotifyChange) => Promise<void>;
  push: PushMeans;
  tokens: Pick<NamedTokens, 'nameOf' | 'revoke'>;
  log: Logger;
  now: () => number;
}

/** All devices of the server. */
export class Devices implements PushDevices {
  readonly #deps: DevicesDeps;

  constructor(deps: DevicesDeps) {
    this.#deps = deps;
  }

  /** For clients. @param tokenId  of the asker's token */
  list(tokenId: string | null): ListedDevice[] {
    const devices = this.#deps.channels().filter(({ config }) => config.kind === 'push');
    return devices.map(({ id, name, token_id, created_at }) => {
      const token = token_id === null ? null : this.#deps.tokens.nameOf(token_id);
      return {
        ...{ id, name, created_at },
        ...(token_id === tokenId && { is_mine: true as const }),
        ...(token !== null && { token }),
      };
    });
  }

  async subscribe({ endpoint, p256dh, auth, name, tokenId }: PushDevice): Promise<string> {
    if (!/^https:\/\/[^\s@]+$/.test(endpoint) || !URL.canParse(endpoint)) {
      throw new OrbitError('invalid_argument', {
        reason: 'The endpoint of a push subscription is an https address',
      });
    }
    // Loaded for the first device: a start needs none of it.
    const { refusalOfEndpoint } = await import('./public-addresses.ts');
    const wrong = this.#deps.push.isPrivateAllowed ? null : refusalOfEndpoint(new URL(endpoint));
    if (wrong !== null) {
      const remedy = 'start the server with --allow-private-push to send pushes there';
      throw new OrbitError('invalid_argument', { reason: `${wrong}; ${remedy}` });
    }
    const config = { kind: 'push' as const, endpoint, p256dh, auth };
    const id = this.#deviceOf(endpoint)?.id ?? randomUUID();
    const created_at = new Date(this.#deps.now()).toISOString();
    const channel = {
      ...{ id, config, token_id: tokenId, created_at },
      name: `${name} ${id.slice(0, 8)}`,
    };
    await this.#deps.change({ type: 'channel', channel });
    return id;
  }

  async unsubscribe(endpoint: string): Promise<void> {
    const device = this.#deviceOf(endpoint);
    if (device) await this.#deps.change({ type: 'channel-gone', id: device.id });
  }

  async remove(deviceId: string, by: Sender): Promise<void> {
    const { id, name } = this.#deviceWith(deviceId);
    await this.#deps.change({ type: 'channel-gone', id });
    this.#deps.log.info('notify.device_removed', { channel: name, ...by });
  }

  async revoke(deviceId: string, by: Sender): Promise<void> {
    const { id, name, token_id } = this.#deviceWith(deviceId);
    if (token_id === null) {
      const reason = `${name} subscribed without a named token, so there is none to revoke`;
      throw new OrbitError('invalid_argument', { reason: `${reason}; remove the device` });
    }
    // First: what the device may do by its token matters more than what it is sent.
    await this.#deps.tokens.revoke(token_id);
    await this.#deps.change({ type: 'channel-gone', id });
    this.#deps.log.info('notify.device_revoked', { channel: name, token: token_id, ...by });
  }

  async test(deviceId: string): Promise<void> {
    const { name, config } = this.#deviceWith(deviceId);
    const reason = await tryOut(config, this.#deps.push);
    if (reason !== null) throw new OrbitError('not_delivered', { device: name, reason });
  }

  #deviceOf(endpoint: string): Channel | undefined {
    return this.#deps
      .channels()
      .find(({ config }) => config.kind === 'push' && config.endpoint === endpoint);
  }

  /** @throws OrbitError `not_found` */
  #deviceWith(id: string): Channel {
    const channels = this.#deps.channels();
    const device = channels.find((one) => one.id === id && one.config.kind === 'push');
    if (device) return device;
    throw new OrbitError('not_found', { what: 'Device', id });
  }
}
