/**
 * Where this page and its server are reached, which may be below a path that a proxy adds: found from the
 * address of the page's own script, which is in a folder of the page's folder.
 */

const SCRIPT = import.meta.url;

/** Path of the page, such as `/visualizer/`. */
export const PAGE_PATH: string = new URL('..', SCRIPT).pathname;
/** Address of the server, with a slash at its end. */
export const SERVER_URL: string = new URL('../..', SCRIPT).href;
/** Path of the server's socket.io. */
export const SOCKET_PATH: string = new URL('socket.io', SERVER_URL).pathname;
