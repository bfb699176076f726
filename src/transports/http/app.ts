/**
 * All of HTTP but the plain endpoints: Koa with one middleware each for the image, the bridge and the page,
 * then a router. Requests here have passed the gate (http.ts); no route has to ask who is calling.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import Router from '@koa/router';
import Koa, { type Context, type Middleware } from 'koa';
import { OrbitError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { RuntimeApi } from '../../runtime/runtime-api.ts';
import { createLazy } from '../dependencies.ts';
import type { Admission } from '../gate.ts';
import { answerRefusal, endpointOf, isBridgePath, refusalFrom, WS_PATH } from './requests.ts';

/** Answers a request that was let in. It never throws. */
export type App = (
  request: IncomingMessage,
  response: ServerResponse,
  admission: Admission,
) => void;

/** What the app leads to. */
export interface AppDeps {
  runtime: RuntimeApi;
  log: Logger;
  version: string;
  /** Whether every caller of the network is admitted (`--allow-insecure-no-auth`). */
  isInsecure: boolean;
  maxBodyBytes: number;
  /** Answers one request of socket.io's polling transport. */
  poll: (request: IncomingMessage, response: ServerResponse, admission: Admission) => Promise<void>;
  isClosing: () => boolean;
  /** The page, where there is one. */
  page?: Middleware | null;
  /** The port that is bound, for those who ask over it. */
  port: () => number;
}

/** @param headersFor  the headers of every answer to such a caller, as they are at that moment */
export function createApp(
  deps: AppDeps,
  headersFor: (admission: Admission) => Readonly<Record<string, string>>,
): App {
  const admissions = new WeakMap<IncomingMessage, Admission>();
  const app = new Koa();
  app.use(answerRefusals(deps));
  app.use(async (ctx, next) => {
    const admission = admissions.get(ctx.req) as Admission;
    const { path, query } = admission.target;
    ctx.set(headersFor(admission));
    // From here on an absolute-form target is a path like any other.
    ctx.url = query === '' ? path : `${path}?${query}`;
    ctx.state.admission = admission;
    if (endpointOf(path) === 'socket.io') await passOn(ctx, admission, deps);
    else await next();
    if (deps.isClosing() && !ctx.headerSent) ctx.set('Connection', 'close');
  });
  app.use(createImageEndpoint(deps));
  app.use(passToBridge(deps));
  if (deps.page) app.use(deps.page);
  app.use(createRouter().routes());
  app.use((ctx) => {
    throw new OrbitError('not_found', { what: 'The path', id: ctx.path.slice(0, 200) });
  });
  // Sockets that break while an answer is written; everything else ends in `answerRefusals`.
  app.on('error', (error: Error) => deps.log.debug('http.broken', { reason: error.message }));
  const respond = app.callback();
  return (request, response, admission) => {
    admissions.set(request, admission);
    void respond(request, response);
  };
}

function answerRefusals({ log, isClosing }: AppDeps): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (cause) {
      const error = refusalFrom(cause, log, ctx.path);
      const headers: Record<string, string> = isClosing() ? { Connection: 'close' } : {};
      ctx.respond = false;
      answerRefusal(ctx.res, error, { path: ctx.path, headers });
    }
  };
}

async function passOn(ctx: Context, admission: Admission, deps: AppDeps): Promise<void> {
  ctx.respond = false;
  await deps.poll(ctx.req, ctx.res, admission);
}

/** Loads the bridge at the first request: the schemas come along. */
function passToBridge({ runtime, version, port, maxBodyBytes }: AppDeps): Middleware {
  const bridge = createLazy(async () => {
    const { createBridge } = await import('./bridge.ts');
    return createBridge({ runtime, version, port, maxBodyBytes });
  });
  return async (ctx, next) => {
    if (!isBridgePath(ctx.path)) return next();
    await (await bridge.get())(ctx, ctx.state.admission as Admission);
  };
}

function createRouter(): Router {
  const router = new Router({ strict: true, sensitive: true });
  router.all(WS_PATH, (ctx) => {
    ctx.set('Upgrade', 'websocket');
    throw new OrbitError('upgrade_required');
  });
  return router;
}

/*
 * `GET /images/<sha256>`: images of messages for clients that are not on this machine. Behind the gate like
 * everything that shows something of a session; the type is the stored one, and no browser may think otherwise.
 */

const PATH = /^\/images\/([0-9a-f]{64})$/;

/** The middleware for images; passes everything else on. Refusals are thrown as `OrbitError`. */
function createImageEndpoint({ runtime }: { runtime: Pick<RuntimeApi, 'image'> }): Middleware {
  return async (ctx, next) => {
    const sha256 = PATH.exec(ctx.path)?.[1];
    if (sha256 === undefined) return next();
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      ctx.set('Allow', 'GET, HEAD');
      throw new OrbitError('method_not_allowed', { allow: 'GET' });
    }
    const picture = await runtime.image(sha256);
    if (!picture) throw new OrbitError('not_found', { what: 'Image', id: sha256 });
    ctx.set({
      'Content-Security-Policy': "default-src 'none'; sandbox",
      // The name is the digest of the bytes: they never change, and no other image has that name.
      'Cache-Control': 'private, max-age=31536000, immutable',
    });
    ctx.type = picture.media_type;
    ctx.body = picture.bytes;
  };
}
