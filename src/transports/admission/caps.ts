/**
 * How many sockets strangers may hold. Sockets of this machine are not counted: the owner's own hooks
 * and clients, or a proxy behind which every address looks alike. The total is `server.maxConnections`.
 */
import type { Socket } from 'node:net';
import { isLoopbackAddress, plainAddress } from './names.ts';

type Peer = Pick<Socket, 'remoteAddress' | 'once' | 'destroy'>;

/** Counts who is inside. */
export interface Caps {
  /**
   * Counts a new socket until it closes; destroys it when its address has too many. When too many have
   * not got past the gate, the one waiting longest goes, as it is the least likely to be somebody.
   *
   * @returns false when it was destroyed
   */
  opened(socket: Peer): boolean;
  /** The gate has let in a request on this socket. */
  admitted(socket: Peer): void;
}

/** Begins to count. */
export function createCaps(deps: { maxPerAddress: number; maxUnauthenticated: number }): Caps {
  const perAddress = new Map<string, number>();
  const unauthenticated = new Set<Peer>();

  function closed(socket: Peer, address: string): void {
    unauthenticated.delete(socket);
    const left = (perAddress.get(address) ?? 1) - 1;
    if (left > 0) perAddress.set(address, left);
    else perAddress.delete(address);
  }

  return {
    opened(socket) {
      // Unknown means it is gone already.
      const address = plainAddress(socket.remoteAddress ?? '');
      if (address === '' || isLoopbackAddress(address)) return true;
      const count = (perAddress.get(address) ?? 0) + 1;
      if (count > deps.maxPerAddress) {
        socket.destroy();
        return false;
      }
      perAddress.set(address, count);
      unauthenticated.add(socket);
      socket.once('close', () => closed(socket, address));
      if (unauthenticated.size > deps.maxUnauthenticated) {
        const [oldest] = unauthenticated;
        oldest?.destroy();
        if (oldest) unauthenticated.delete(oldest);
      }
      return true;
    },
    admitted: (socket) => void unauthenticated.delete(socket),
  };
}
