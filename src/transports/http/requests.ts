/**
 * What every HTTP endpoint shares: which path leads where, bodies (read whole, within a limit, JSON by their type), and
 * how a refusal looks.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { hasTextError, OrbitError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { Endpoint } from '../../protocol/scopes.ts';
import { STATELY_PATH } from '../admission/credential.ts';
import { errorFrom } from '../dependencies.ts';

/** Answers whether the server is well. */
export const HEALTH_PATH = '/health';
/** Where WebSocket clients connect; other requests are refused with that reason. */
export const WS_PATH = '/ws';
/** Where hooks are posted to. */
export const HOOK_PATH = '/api/hook';
/** Where a CLI exports its telemetry to, as OpenTelemetry names it. */
export const LOGS_PATH = '/v1/logs';
/** Where the process of a hook waits for an answer. */
export const ANSWER_PATH = '/api/hook/answer';

/** Where a pairing code is exchanged for a token. */
export const PAIR_PATH = '/api/pair';
/** What Prometheus reads. */
export const METRICS_PATH = '/metrics';
/** Answers whether the server can take work now. */
export const READY_PATH = '/ready';
/** Below it are the images of messages. */
const IMAGES = '/images/';

const ENDPOINTS = new Map<string, Endpoint>([
  [HEALTH_PATH, 'health'],
  [READY_PATH, 'ready'],
  [METRICS_PATH, 'metrics'],
  [HOOK_PATH, 'hook'],
  [ANSWER_PATH, 'hook'],
  [LOGS_PATH, 'hook'],
  [PAIR_PATH, 'pair'],
  [WS_PATH, 'ws'],
  [STATELY_PATH, 'stately'],
  ['/socket.io', 'socket.io'],
  ['/socket.io/', 'socket.io'],
]);

/** Which endpoint a path leads to, for the gate. Exact: `/ws/` is not `/ws`. */
export function endpointOf(path: string): Endpoint {
  const endpoint = ENDPOINTS.get(path);
  if (endpoint !== undefined) return endpoint;
  if (isPagePath(path)) return 'page';
  return path.startsWith(IMAGES) ? 'image' : 'http';
}

/** Whether a path belongs to the page, or is one of its addresses without the page's folder. */
export function isPagePath(path: string): boolean {
  const isFolder = path === '/' || path === '/visualizer' || path.startsWith('/visualizer/');
  return isFolder || SHORT_ADDRESS.test(path);
}

/** `/s/ID` and `/inbox`, as a person writes or shortens them: a browser is led to the page (page-files.ts). */
export const SHORT_ADDRESS = /^\/(?:inbox|s\/(?:[\w.:-]|%3A){1,200})$/;

/** Whether the bridge answers this path. */
export function isBridgePath(path: string): boolean {
  return path.startsWith('/api/') && endpointOf(path) === 'http';
}

/** A page of another origin may send text/plain without a preflight; JSON it may not. And nothing is unpacked here. */
export function refuseOtherMedia({ headers }: IncomingMessage): void {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new OrbitError('unsupported_media_type', { reason: 'Send the body without compression' });
  }
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    throw new OrbitError('unsupported_media_type', { reason: 'Send application/json' });
  }
}

/** What collects the chunks of a body. */
interface Collector {
  /** @returns false when this is more than can be kept */
  add(chunk: Buffer): boolean;
  bytes(): Buffer;
}

/**
 * The whole body.
 *
 * @param body collects it; without one, all bytes are kept as they are
 * @throws OrbitError `too_large` as soon as that is known; Node reads and discards the rest, so that the
 *   sender gets to see the answer. `bad_request` when the sender goes away.
 */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
  body: Collector = collectorOf(maxBytes),
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let isKept = true;
    let isWhole = false;
    // Refusals are made when they are needed: their stack traces cost more than all of this.
    const tooLarge = (): void => reject(new OrbitError('too_large', { limit: maxBytes }));
    const gone = (): void => {
      // `close` comes after every request, also after one that was read to its end.
      if (isWhole) return;
      reject(new OrbitError('bad_request', { reason: 'The request ended before its body did' }));
    };
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) return tooLarge();
    request.on('data', (chunk: Buffer) => {
      if (!isKept) return;
      isKept = body.add(chunk);
      if (!isKept) tooLarge();
    });
    request.once('end', () => {
      isWhole = true;
      resolve(body.bytes());
    });
    request.once('error', gone);
    request.once('close', gone);
  });
}

function collectorOf(maxBytes: number): Collector {
  const chunks: Buffer[] = [];
  let length = 0;
  return {
    add(chunk) {
      length += chunk.length;
      if (length <= maxBytes) chunks.push(chunk);
      else chunks.length = 0;
      return length <= maxBytes;
    },
    bytes: () => Buffer.concat(chunks),
  };
}

/** Seconds after which asking again makes sense, by refusal; written in `Retry-After`. */
const RETRY_AFTER_SECONDS: Readonly<Record<string, number>> = {
  server_busy: 1,
  storage_unavailable: 5,
  shutting_down: 5,
};

/** What an endpoint threw, as a refusal; a bug is logged and becomes `internal_error`. */
export function refusalFrom(thrown: unknown, log: Logger, path: string): OrbitError {
  if (thrown instanceof OrbitError) return thrown;
  log.error('http.failed', { path: path.slice(0, 200), error: errorFrom(thrown) });
  return new OrbitError('internal_error', {}, { cause: thrown });
}

/**
 * Answers a request with a refusal; an answer that has begun is cut off instead, for it cannot be taken
 * back.
 *
 * @param path  of the request: see `hasTextError`
 */
export function answerRefusal(
  response: ServerResponse,
  error: OrbitError,
  { path, headers }: { path: string; headers: Readonly<Record<string, string>> },
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = JSON.stringify(refusalBody(error, path));
  const seconds = RETRY_AFTER_SECONDS[error.code];
  response.writeHead(error.status, {
    ...headers,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    ...(seconds !== undefined && { 'Retry-After': String(seconds) }),
  });
  response.end(body);
}

/** The body of a refusal for a path. */
export function refusalBody(
  { code, message }: Pick<OrbitError, 'code' | 'message'>,
  path = '',
): object {
  return hasTextError(path) ? { error: message, code } : { error: { code, message } };
}

/** A browser that asks whether it may ask. */
export function isPreflight(
  { method }: Pick<IncomingMessage, 'method'>,
  headers: Map<string, string[]>,
): boolean {
  return method === 'OPTIONS' && headers.has('access-control-request-method');
}

/**
 * A browser that follows a link, maybe on a page of another site: the page's files may be opened so, since they
 * are the same for every caller, are shown in no frame, and ask for everything else from their own origin.
 */
export function isNavigation(
  { method }: Pick<IncomingMessage, 'method'>,
  headers: Map<string, string[]>,
): boolean {
  const only = (name: string, value: string) =>
    (headers.get(name) ?? []).every((given) => given === value);
  return (
    method === 'GET' &&
    !headers.has('origin') &&
    headers.has('sec-fetch-mode') &&
    only('sec-fetch-mode', 'navigate') &&
    only('sec-fetch-dest', 'document')
  );
}

/** Names in lower case with all their values: Node's own `headers` drops or joins repetitions. */
export function fieldsOf(rawHeaders: readonly string[]): Map<string, string[]> {
  const fields = new Map<string, string[]>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    const value = rawHeaders[at + 1] ?? '';
    const values = fields.get(name);
    if (values) values.push(value);
    else fields.set(name, [value]);
  }
  return fields;
}
