/** The paths of the house, and which door each leads to. */
import type { Door } from '../gate.ts';
import { STATELY_PATH } from '../inspect/tickets.ts';

/** Tells whether the server is well. */
export const HEALTH_PATH = '/health';
/** Where WebSocket clients come in; other requests are told so. */
export const WS_PATH = '/ws';
/** Where hooks are posted to. */
export const HOOK_PATH = '/api/hook';

/** Which door a path leads to, for the gate. Exact: `/ws/` is not `/ws`. */
export function doorOf(path: string): Door {
  if (path === HEALTH_PATH) return 'health';
  if (path === HOOK_PATH) return 'hook';
  if (path === WS_PATH) return 'ws';
  if (path === STATELY_PATH) return 'stately';
  if (isPagePath(path)) return 'page';
  return path === '/socket.io/' || path === '/socket.io' ? 'socket.io' : 'http';
}

/** Whether a path belongs to the page. */
export function isPagePath(path: string): boolean {
  return path === '/' || path === '/visualizer' || path.startsWith('/visualizer/');
}

/** Whether the bridge answers this path. */
export function isBridgePath(path: string): boolean {
  return path.startsWith('/api/') && path !== HOOK_PATH;
}
