/**
 * How a refusal looks over HTTP, on every door: the one place that makes HTTP errors.
 */
import type { ServerResponse } from 'node:http';
import { hasTextError, OrbitError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import { errorFrom } from '../ports.ts';

/** Seconds after which asking again makes sense, by refusal; written in `Retry-After`. */
const RETRY_AFTER_SECONDS: Readonly<Record<string, number>> = {
  server_busy: 1,
  storage_unavailable: 5,
  shutting_down: 5,
};

/** What a door threw, as a refusal; a bug is logged and becomes `internal_error`. */
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
