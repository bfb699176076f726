/**
 * The HTTP door: Koa with one middleware each for the log, for refusals, for the gate and for the hook,
 * then a router. Nothing behind the gate has to ask who is calling. Query strings and headers are never
 * logged: they may hold a token.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import Router from '@koa/router';
import Koa, { type Context, type Middleware } from 'koa';
import { OrbitError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { Hall } from '../../runtime/hall.ts';
import { type Admission, type Door, type Gate, isRefusal } from '../gate.ts';
import { STATELY_PATH } from '../inspect/tickets.ts';
import { createLazy } from '../lazy.ts';
import { errorFrom } from '../ports.ts';
import { createHookDoor, HOOK_PATH } from './hook-door.ts';
import { createImageDoor } from './images.ts';
import { isPagePath } from './page.ts';

const HEALTH_PATH = '/health';
const WS_PATH = '/ws';
/** Seconds after which asking again makes sense, by refusal; written in `Retry-After`. */
const RETRY_AFTER_SECONDS = { server_busy: 1, storage_unavailable: 5, shutting_down: 5 };

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

/** Which door a path leads to, for the gate. Exact: `/ws/` is not `/ws`. */
export function doorOf(path: string): Door {
  if (path === HEALTH_PATH) return 'health';
  if (path === WS_PATH) return 'ws';
  if (path === STATELY_PATH) return 'stately';
  if (isPagePath(path)) return 'page';
  return path === '/socket.io/' || path === '/socket.io' ? 'socket.io' : 'http';
}

/** What the HTTP door leads to. */
export interface HttpDeps {
  hall: Hall;
  gate: Gate;
  log: Logger;
  version: string;
  /** Whether anybody on the network gets in (`--allow-insecure-no-auth`). */
  isInsecure: boolean;
  maxBodyBytes: number;
  /** Answers one request of socket.io's polling transport. */
  poll: (request: IncomingMessage, response: ServerResponse, admission: Admission) => Promise<void>;
  admitted: (request: IncomingMessage, admission: Admission) => void;
  refused: (request: IncomingMessage, error: OrbitError) => void;
  isClosing: () => boolean;
  /** The page, where there is one. */
  page?: Middleware | null;
  /** The port that is bound, for those who ask over it. */
  port: () => number;
}

/** The listener for `request` events of an HTTP server. It never throws. */
export function createHttp(
  deps: HttpDeps,
): (request: IncomingMessage, response: ServerResponse) => void {
  const app = new Koa();
  const router = createRouter(deps);
  app.use(logRequests(deps.log));
  app.use(hangUp(deps.isClosing));
  app.use(answerRefusals(deps.log));
  app.use(passGate(deps));
  app.use(createHookDoor({ hall: deps.hall, maxBodyBytes: deps.maxBodyBytes }));
  app.use(createImageDoor(deps));
  app.use(passToBridge(deps));
  if (deps.page) app.use(deps.page);
  app.use(router.routes());
  app.use((ctx) => {
    throw new OrbitError('not_found', { what: 'The path', id: ctx.path.slice(0, 200) });
  });
  // Sockets that break while an answer is written; everything else ends in `answerRefusals`.
  app.on('error', (error: Error) => deps.log.debug('http.broken', { reason: error.message }));
  const respond = app.callback();
  return (request, response) => void respond(request, response);
}

function logRequests(log: Logger): Middleware {
  return async (ctx, next) => {
    const start = performance.now();
    // Not after `next`: a poll of socket.io is answered much later, and not by Koa.
    ctx.res.once('close', () => {
      log.debug('http.request', {
        method: ctx.method,
        path: ctx.path.slice(0, 200),
        status: ctx.res.statusCode,
        ms: Math.round(performance.now() - start),
      });
    });
    await next();
  };
}

/** An answer given while the doors close is the last one on its socket. */
function hangUp(isClosing: () => boolean): Middleware {
  return async (ctx, next) => {
    await next();
    if (isClosing()) ctx.set('Connection', 'close');
  };
}

function answerRefusals(log: Logger): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (cause) {
      const isRefused = cause instanceof OrbitError;
      if (!isRefused)
        log.error('http.failed', { path: ctx.path.slice(0, 200), error: errorFrom(cause) });
      const error = isRefused ? cause : new OrbitError('internal_error', {}, { cause });
      ctx.status = error.status;
      ctx.body = isBridgePath(ctx.path) ? bridgeRefusal(error) : refusalBody(error);
      const seconds = (RETRY_AFTER_SECONDS as Record<string, number>)[error.code];
      if (seconds !== undefined) ctx.set('Retry-After', String(seconds));
    }
  };
}

/** How a refusal looks over HTTP, on every door. */
export function refusalBody(error: OrbitError): { error: { code: string; message: string } } {
  return { error: { code: error.code, message: error.message } };
}

/** Its clients print `error` as it is. */
function bridgeRefusal({ code, message }: OrbitError): { error: string; code: string } {
  return { error: message, code };
}

function isBridgePath(path: string): boolean {
  return path.startsWith('/api/') && path !== HOOK_PATH;
}

/** Loads the bridge when somebody first comes: the schemas come along. */
function passToBridge({ hall, version, port, maxBodyBytes }: HttpDeps): Middleware {
  const bridge = createLazy(async () => {
    const { createBridge } = await import('../bridge/bridge.ts');
    return createBridge({ hall, version, port, maxBodyBytes });
  });
  return async (ctx, next) => {
    if (!isBridgePath(ctx.path)) return next();
    await (await bridge.get())(ctx, ctx.state.admission as Admission);
  };
}

function passGate(deps: HttpDeps): Middleware {
  return async (ctx, next) => {
    ctx.set(SECURITY_HEADERS);
    const verdict = deps.gate.judge(ctx.req, doorOf);
    if (isRefusal(verdict)) {
      ctx.set(verdict.headers);
      deps.refused(ctx.req, verdict.error);
      throw verdict.error;
    }
    if (verdict.corsOrigin !== null) {
      ctx.set('Access-Control-Allow-Origin', verdict.corsOrigin);
      ctx.set('Vary', 'Origin');
    }
    if (verdict.isPreflight) {
      ctx.set(CORS_PREFLIGHT_HEADERS);
      ctx.status = 204;
      return;
    }
    deps.admitted(ctx.req, verdict);
    const { path, query } = verdict.target;
    // From here on an absolute-form target is a path like any other.
    ctx.url = query === '' ? path : `${path}?${query}`;
    if (deps.isClosing()) throw new OrbitError('shutting_down');
    ctx.state.admission = verdict;
    if (doorOf(path) === 'socket.io') await passOn(ctx, verdict, deps);
    else await next();
  };
}

async function passOn(ctx: Context, admission: Admission, deps: HttpDeps): Promise<void> {
  ctx.respond = false;
  await deps.poll(ctx.req, ctx.res, admission);
}

function createRouter({ hall, version, isInsecure }: HttpDeps): Router {
  const router = new Router({ strict: true, sensitive: true });
  router.get(HEALTH_PATH, (ctx) => {
    const { caller } = ctx.state.admission as Admission;
    ctx.body = {
      ...hall.health(),
      ...(isInsecure && { insecure: true }),
      ...(caller.kind !== 'anonymous' && { version }),
    };
  });
  router.all(HEALTH_PATH, (ctx) => {
    ctx.set('Allow', 'GET, HEAD');
    throw new OrbitError('method_not_allowed', { allow: 'GET' });
  });
  router.all(WS_PATH, (ctx) => {
    ctx.set('Upgrade', 'websocket');
    throw new OrbitError('upgrade_required');
  });
  return router;
}
