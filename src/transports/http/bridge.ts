/**
 * The HTTP interface under `/api`, for scripts that want no socket: finds the operation, checks its body, asks the
 * runtime as a client would, and answers what that client would have received. Imported at the first request for it.
 */
import type { Context } from 'koa';
import { refusalOf } from '../../access.ts';
import { OrbitError, statusOf } from '../../errors.ts';
import { BODIES, checkBody, checkQuery, OPERATIONS, type OperationId } from '../../protocol/api.ts';
import { parseJson, wellFormed } from '../../protocol/json-scan.ts';
import type { AnswerOf } from '../../protocol/schemas.ts';
import { OPERATION_SCOPES } from '../../protocol/scopes.ts';
import type { RuntimeApi } from '../../runtime/runtime-api.ts';
import type { Admission } from '../gate.ts';
import { type Asked, createAsk, type Operations, QUESTIONS, Refused } from './operations.ts';
import { readBody, refusalBody, refuseOtherMedia } from './requests.ts';

/** What the bridge leads to. */
export interface BridgeDeps {
  runtime: RuntimeApi;
  version: string;
  port: () => number;
  maxBodyBytes: number;
}

/** Answers one request for a path under `/api`. @throws OrbitError what the caller must know */
export type Bridge = (ctx: Context, admission: Admission) => Promise<void>;

interface Route {
  id: OperationId;
  method: string;
  pattern: RegExp;
}

const ROUTES: readonly Route[] = Object.entries(OPERATIONS).map(([id, { method, path }]) => ({
  id: id as OperationId,
  method: method.toUpperCase(),
  pattern: new RegExp(`^${path.replace('.', '\\.').replace(':id', '([^/]{1,384})')}$`),
}));

/** The bridge over the runtime. */
export function createBridge({ runtime, version, port, maxBodyBytes }: BridgeDeps): Bridge {
  const operations = createOperations({ version, port, health: runtime.health });
  return async (ctx, { caller }) => {
    const { id, params } = routeOf(ctx);
    const refusal = refusalOf(caller.rights, OPERATION_SCOPES[id], `${ctx.method} ${ctx.path}`);
    if (refusal) throw refusal;
    const body = await bodyOf(ctx, id, maxBodyBytes);
    const query = checkQuery(id, Object.fromEntries(new URLSearchParams(ctx.querystring)));
    const asked = { ask: createAsk(runtime, caller), id: params, body, query };
    try {
      // The id picks the operation of just this body; the compiler cannot follow it through the map.
      ctx.body = await (operations[id] as (asked: Asked<OperationId>) => Promise<object>)(
        asked as Asked<OperationId>,
      );
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      ctx.status = statusOf(error.code);
      ctx.body = refusalBody(error, ctx.path);
    }
  };
}

function routeOf(ctx: Context): { id: OperationId; params: string } {
  const here = ROUTES.flatMap((route) => {
    const match = route.pattern.exec(ctx.path);
    return match ? [{ ...route, params: decoded(match[1] ?? '') }] : [];
  });
  const method = ctx.method === 'HEAD' ? 'GET' : ctx.method;
  const route = here.find((each) => each.method === method);
  if (route) return route;
  if (here.length === 0) {
    throw new OrbitError('not_found', { what: 'The path', id: ctx.path.slice(0, 200) });
  }
  const allow = here.map((each) => each.method).join(', ');
  ctx.set('Allow', allow);
  throw new OrbitError('method_not_allowed', { allow });
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw new OrbitError('bad_request', { reason: 'The path is badly encoded' }, { cause });
  }
}

/** An empty body stands for an empty object; an operation without one reads nothing. */
async function bodyOf({ req }: Context, id: OperationId, maxBytes: number): Promise<unknown> {
  if (!(id in BODIES)) return null;
  const bytes = await readBody(req, maxBytes);
  if (bytes.length > 0) refuseOtherMedia(req);
  return wellFormed(checkBody(id, bytes.length > 0 ? parseJson(bytes) : {}));
}

/* The operations: what the server knows of itself, and what the runtime is asked. */

/** What is known beside the runtime. */
interface ServerFacts {
  version: string;
  port: () => number;
  health: () => { degraded?: string; remedy?: string };
}

/** All operations. */
function createOperations({ version, port, health: healthOf }: ServerFacts): Operations {
  let document: AnswerOf<'openapi'> | null = null;
  let ofSocket: AnswerOf<'asyncapi'> | null = null;
  return {
    ...QUESTIONS,
    async health() {
      return { ...healthOf(), status: 'ok', port: port() };
    },
    async openapi() {
      const { openApiDocument } = await import('../../protocol/documents.ts');
      document ??= openApiDocument(version);
      return document;
    },
    async asyncapi() {
      const { asyncApiDocument } = await import('../../protocol/documents.ts');
      ofSocket ??= asyncApiDocument(version);
      return ofSocket;
    },
  };
}
