/**
 * `POST /api/hook`: what Claude Code's hooks post, through hook.sh or directly. It stands before the
 * router because it is the busiest door by far. 204 means that the event is committed; any other status
 * means that it is not, and the sender keeps its file.
 */
import type { IncomingMessage } from 'node:http';
import type { Middleware } from 'koa';
import { OrbitError } from '../../errors.ts';
import { parseJson } from '../../protocol/scan.ts';
import type { Hall, HookMeta } from '../../runtime/hall.ts';

/** Where hooks are posted to. */
export const HOOK_PATH = '/api/hook';

const IDEMPOTENCY_KEY = /^[A-Za-z0-9._:-]{1,128}$/;
const HOOK_TYPE = /^[a-z_]{1,64}$/;

/** The middleware for `HOOK_PATH`; passes everything else on. Refusals are thrown as `OrbitError`. */
export function createHookDoor(deps: { hall: Hall; maxBodyBytes: number }): Middleware {
  return async (ctx, next) => {
    if (ctx.path !== HOOK_PATH) return next();
    if (ctx.method !== 'POST') {
      ctx.set('Allow', 'POST');
      throw new OrbitError('method_not_allowed', { allow: 'POST' });
    }
    refuseOtherMedia(ctx.req);
    const meta = metaOf(ctx.req);
    const body = parseJson(await readBody(ctx.req, deps.maxBodyBytes));
    await deps.hall.takeHook(body, meta);
    ctx.status = 204;
  };
}

/** A page may send text/plain without asking anybody; JSON it may not. And nothing is unpacked here. */
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

function metaOf({ headers }: IncomingMessage): HookMeta {
  const key = headers['idempotency-key'];
  const type = headers['x-orbitdock-hook'];
  if (key !== undefined && (typeof key !== 'string' || !IDEMPOTENCY_KEY.test(key))) {
    const reason = 'Idempotency-Key is 1 to 128 of the characters A-Z a-z 0-9 . _ : -';
    throw new OrbitError('bad_request', { reason });
  }
  if (type !== undefined && (typeof type !== 'string' || !HOOK_TYPE.test(type))) {
    const reason = 'X-OrbitDock-Hook is a message type such as claude_tool_event';
    throw new OrbitError('bad_request', { reason });
  }
  return { origin: 'hook', ...(key !== undefined && { key }), ...(type !== undefined && { type }) };
}

/**
 * The whole body.
 *
 * @throws OrbitError `too_large` as soon as that is known; Node reads and discards the rest, so that the
 *   sender gets to see the answer. `bad_request` when the sender goes away.
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
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
      length += chunk.length;
      if (length <= maxBytes) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      tooLarge();
    });
    request.once('end', () => {
      isWhole = true;
      resolve(Buffer.concat(chunks));
    });
    request.once('error', gone);
    request.once('close', gone);
  });
}
