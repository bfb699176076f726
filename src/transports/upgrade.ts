/**
 * What happens to a request for a WebSocket: the gate, then the door of its path. A refusal is plain
 * HTTP before any 101, so that a web page learns nothing but the status.
 */
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { OrbitError } from '../errors.ts';
import { type Admission, type Gate, isRefusal } from './gate.ts';
import { doorOf } from './http/paths.ts';
import { refusalBody } from './http/refusals.ts';
import type { StatelyDoor } from './inspect/inspect-stately.ts';
import type { Lazy } from './lazy.ts';
import type { SocketIoDoor } from './socketio.ts';
import type { WsDoor } from './ws.ts';

/** The listener for `upgrade` events: gate, then the door of the path, else 404. */
export function createUpgrade(deps: {
  gate: Gate;
  ws: WsDoor;
  socketIo: Lazy<SocketIoDoor>;
  /** `/inspect/stately`, where there is inspection. */
  stately: Lazy<StatelyDoor> | null;
  isClosing: () => boolean;
  /** Why nobody more can stay connected; null while there is room. */
  full: () => OrbitError | null;
  admitted: (request: IncomingMessage, admission: Admission) => void;
  refused: (request: IncomingMessage, error: OrbitError) => void;
}): (request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void> {
  return async (request, socket, head) => {
    const verdict = deps.gate.judge(request, doorOf);
    if (isRefusal(verdict)) {
      deps.refused(request, verdict.error);
      return refuseUpgrade(socket, verdict.error, verdict.headers);
    }
    if (deps.isClosing()) return refuseUpgrade(socket, new OrbitError('shutting_down'));
    const full = deps.full();
    if (full) return refuseUpgrade(socket, full, { 'Retry-After': '5' });
    const { path, query } = verdict.target;
    request.url = query === '' ? path : `${path}?${query}`;
    deps.admitted(request, verdict);
    const door = doorOf(path);
    if (door === 'ws') return deps.ws.accept(request, socket, head, verdict.caller);
    if (door === 'socket.io') {
      return (await deps.socketIo.get()).upgrade(request, socket, head, verdict);
    }
    if (door === 'stately' && deps.stately) {
      try {
        return await (await deps.stately.get()).accept(request, socket, head, verdict);
      } catch (error) {
        if (error instanceof OrbitError) return refuseUpgrade(socket, error);
        throw error;
      }
    }
    const id = path.slice(0, 200);
    refuseUpgrade(socket, new OrbitError('not_found', { what: 'The path', id }));
  };
}

/** Answers an upgrade in plain HTTP and hangs up. */
function refuseUpgrade(
  socket: Duplex,
  error: OrbitError,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = JSON.stringify(refusalBody(error));
  const fields = {
    Connection: 'close',
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(body)),
    ...headers,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const status = `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}\r\n`;
  socket.end(`${status}${lines.join('')}\r\n${body}`, () => socket.destroy());
}
