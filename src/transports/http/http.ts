/**
 * The HTTP transport: every request is judged by the gate, then goes to one of the plain endpoints or to the app,
 * which is loaded for the first that needs it. Nothing behind the gate has to ask who is calling. Query
 * strings and headers are never logged: they may hold a token.
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { OrbitError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { NamedTokens } from '../../runtime/tokens.ts';
import { createLazy } from '../dependencies.ts';
import { type Admission, type Gate, isRefusal } from '../gate.ts';
import type { MetricsDeps } from '../metrics.ts';
import type { AppDeps } from './app.ts';
import type { PlainEndpoint } from './endpoints.ts';
import {
  createAnswerEndpoint,
  createHealthEndpoint,
  createHookEndpoint,
  createLogsEndpoint,
  createMetricsEndpoint,
  createPairEndpoint,
  createReadyEndpoint,
} from './endpoints.ts';
import {
  ANSWER_PATH,
  answerRefusal,
  endpointOf,
  HEALTH_PATH,
  HOOK_PATH,
  LOGS_PATH,
  METRICS_PATH,
  PAIR_PATH,
  READY_PATH,
  refusalFrom,
} from './requests.ts';

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

/** What the HTTP transport leads to. */
export interface HttpDeps extends AppDeps, Omit<MetricsDeps, 'runtime'> {
  gate: Gate;
  /** Who makes tokens of pairing codes, and looks at what a command has changed. */
  tokens?: Pick<NamedTokens, 'claim' | 'check'> | undefined;
  admitted: (request: IncomingMessage, response: ServerResponse, admission: Admission) => void;
  refused: (request: IncomingMessage, error: OrbitError) => void;
}

/** The listener for `request` events of an HTTP server. It never throws. */
export function createHttp(
  deps: HttpDeps,
): (request: IncomingMessage, response: ServerResponse) => void {
  const headersFor = createHeaders(deps.isClosing);
  const endpoints = new Map<string, PlainEndpoint>([
    [HOOK_PATH, createHookEndpoint(deps)],
    [ANSWER_PATH, createAnswerEndpoint(deps)],
    [LOGS_PATH, createLogsEndpoint(deps)],
    [HEALTH_PATH, createHealthEndpoint(deps)],
    [READY_PATH, createReadyEndpoint(deps)],
    [METRICS_PATH, createMetricsEndpoint(deps)],
    [PAIR_PATH, createPairEndpoint(deps)],
  ]);
  const app = createLazy(async () => {
    const { createApp } = await import('./app.ts');
    return createApp(deps, headersFor);
  });
  return (request, response) => {
    logRequest(deps.log, request, response);
    const admission = passGate(deps, headersFor, { request, response });
    if (admission === null) return;
    const { path, isBareBase } = admission.target;
    if (isBareBase) return leadIntoBase(request, response, headersFor(admission));
    const endpoint = endpoints.get(path);
    const answered =
      endpoint === undefined
        ? app.get().then((answer) => answer(request, response, admission))
        : endpoint(request, response, admission).then(({ status, body, type }) => {
            response
              .writeHead(status, { ...headersFor(admission), ...bodyHeaders(body, type) })
              .end(body);
          });
    answered.catch((cause: unknown) => {
      if (endpointOf(path) === 'hook') deps.counts.hooks.refused++;
      const error = refusalFrom(cause, deps.log, path);
      answerRefusal(response, error, { path, headers: headersFor(admission) });
    });
  };
}

/** From `/dock` to `/dock/`, relative: from there the page finds its files. */
function leadIntoBase(
  request: IncomingMessage,
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
): void {
  const [path = '', query] = (request.url ?? '').split('?', 2);
  const Location = `${path.slice(path.lastIndexOf('/') + 1)}/${query === undefined ? '' : `?${query}`}`;
  response.writeHead(308, { ...headers, Location }).end();
}

function bodyHeaders(
  body: string | undefined,
  type = 'application/json; charset=utf-8',
): OutgoingHttpHeaders {
  if (body === undefined) return {};
  return { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) };
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

/** The headers of every answer to a caller; an answer given while the server closes is the last on its socket. */
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
  const verdict = deps.gate.judge(request, endpointOf);
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
  deps.admitted(request, response, verdict);
  if (!deps.isClosing()) return verdict;
  answerRefusal(response, new OrbitError('shutting_down'), { path, headers });
  return null;
}
