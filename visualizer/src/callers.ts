/** Who did something, as a person reads it: the journal's callers and the history's deciders. Pure. */
import type { InspectCaller, InspectRecord } from '../../src/protocol/inspect.ts';

/** Endpoints, by the beginning of a connection's id. */
const ENDPOINTS: Readonly<Record<string, string>> = {
  ws: 'WebSocket',
  sio: 'socket.io',
  http: 'HTTP',
  inspect: 'this page',
};

/** `a token from 10.0.0.7, by WebSocket (ws-3)`. */
export function callerWords({ kind, address, holder, connection }: InspectCaller): string {
  const endpoint = ENDPOINTS[connection.split('-')[0] ?? ''];
  const way = endpoint === undefined ? connection : `${endpoint} (${connection})`;
  const who = holder === undefined ? WHO[kind] : `token "${holder}"`;
  return `${who} ${placeWords(address)}, by ${way}`;
}

/** The same, as short as a row has room for: `token 10.0.0.7 ws-3`. */
export function shortCaller({ kind, address, holder, connection }: InspectCaller): string {
  return `${holder ?? kind} ${address} ${connection}`;
}

const WHO: Readonly<Record<InspectCaller['kind'], string>> = {
  local: 'a local program',
  token: 'a token',
  anonymous: 'a caller without a token',
};

function placeWords(address: string): string {
  return address === 'unix' ? 'at the socket file' : `from ${address}`;
}

/**
 * Who gave a command, or was refused; null for reports. A hook has a caller as well, the program that reports:
 * naming it in every row would say nothing.
 */
export function commanderOf({
  origin,
  caller,
  accepted,
}: Pick<InspectRecord, 'origin' | 'caller' | 'accepted'>): InspectCaller | null {
  const isCommand = origin === 'client' || origin === 'visualizer';
  return caller && (isCommand || !accepted) ? caller : null;
}
