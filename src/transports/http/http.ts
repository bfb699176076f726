/**
 * The HTTP door: every request is judged by the gate, then goes to the hook door or to the app. Nothing
 * behind the gate has to ask who is calling. Query strings and headers are never logged: they may hold a
 * token.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { OrbitError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import { type Admission, type Gate, isRefusal } from '../gate.ts';
import { errorFrom } from '../ports.ts';
import { type AppDeps, createApp } from './app.ts';
import { createHookDoor } from './hook-door.ts';
import { doorOf, HOOK_PATH } from './paths.ts';
import { answerRefusal } from './refusals.ts';

const SECURITY_HEADERS = {
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
};

const CORS_PREFLIGHT_HEADERS = {
  'Access-Control-Allow-Methods': 'GET, POST',
  'Access-Control-Allow-Headers': 'Authorization, Content-Type, Idempotency-Key, X-OrbitDock-Hook',
  'Access-Control-Max-Age': '600',
};

/** What the HTTP door leads to. */
export interface HttpDeps extends AppDeps {
  gate: Gate;
  admitted: (request: IncomingMessage, admission: Admission) => void;
  refused: (request: IncomingMessage, error: OrbitError) => void;
}

/** The listener for `request` events of an HTTP server. It never throws. */
export function createHttp(
  deps: HttpDeps,
): (request: IncomingMessage, response: ServerResponse) => void {
  const headersFor = createHeaders(deps.isClosing);
  const takeHook = createHookDoor(deps);
  const answer = createApp(deps, headersFor);
  return (request, response) => {
    logRequest(deps.log, request, response);
    const admission = passGate(deps, headersFor, { request, response });
    if (admission === null) return;
    if (admission.target.path !== HOOK_PATH) {
      answer(request, response, admission);
      return;
    }
    takeHook(request, response).then(
      () => response.writeHead(204, headersFor(admission)).end(),
      (cause: unknown) => {
        if (!(cause instanceof OrbitError))
          deps.log.error('http.failed', { path: HOOK_PATH, error: errorFrom(cause) });
        const error =
          cause instanceof OrbitError ? cause : new OrbitError('internal_error', {}, { cause });
        answerRefusal(response, error, { path: HOOK_PATH, headers: headersFor(admission) });
      },
    );
  };
}

function logRequest(log: Logger, request: IncomingMessage, response: ServerResponse): void {
  const start = performance.now();
  // A poll of socket.io is answered much later.
  response.once('close', () => {
    log.debug('http.request', {
      method: request.method ?? '',
      path: pathOf(request).slice(0, 200),
      status: response.statusCode,
      ms: Math.round(performance.now() - start),
    });
  });
}

/** Of an absolute target nothing is shown: it may hold a password. */
function pathOf({ url = '' }: IncomingMessage): string {
  return url.startsWith('/') ? (url.split('?', 1)[0] ?? '') : '';
}

/** The headers of every answer to a caller; an answer given while the doors close is the last on its socket. */
function createHeaders(isClosing: () => boolean) {
  return (admission: Admission | null): Readonly<Record<string, string>> => {
    const corsOrigin = admission?.corsOrigin ?? null;
    if (corsOrigin === null && !isClosing()) return SECURITY_HEADERS;
    return {
      ...SECURITY_HEADERS,
      ...(corsOrigin !== null && { 'Access-Control-Allow-Origin': corsOrigin, Vary: 'Origin' }),
      ...(isClosing() && { Connection: 'close' }),
    };
  };
}

/** Who is let in; null when the request is answered already. */
function passGate(
  deps: HttpDeps,
  headersFor: ReturnType<typeof createHeaders>,
  { request, response }: { request: IncomingMessage; response: ServerResponse },
): Admission | null {
  const verdict = deps.gate.judge(request, doorOf);
  const path = pathOf(request);
  if (isRefusal(verdict)) {
    const headers = { ...headersFor(null), ...verdict.headers };
    deps.refused(request, verdict.error);
    answerRefusal(response, verdict.error, { path, headers });
    return null;
  }
  const headers = headersFor(verdict);
  if (verdict.isPreflight) {
    response.writeHead(204, { ...headers, ...CORS_PREFLIGHT_HEADERS }).end();
    return null;
  }
  deps.admitted(request, verdict);
  if (!deps.isClosing()) return verdict;
  answerRefusal(response, new OrbitError('shutting_down'), { path, headers });
  return null;
}
