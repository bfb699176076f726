/**
 * `POST /api/hook`: what Claude Code's hooks post, through hook.sh or directly. It is the busiest door by
 * far, and Koa would be a fifth of its way: it stands beside Koa, behind the same gate. 204 means that the
 * event is committed; any other status means that it is not, and the sender keeps its file.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { OrbitError } from '../../errors.ts';
import { HookBody, MAX_HOOK_BYTES, parseHookJson } from '../../protocol/hook-body.ts';
import type { Hall, HookMeta } from '../../runtime/hall.ts';
import { readBody, refuseOtherMedia } from './body.ts';
import type { PlainAnswer, PlainDoor } from './plain-door.ts';

const IDEMPOTENCY_KEY = /^[A-Za-z0-9._:-]{1,128}$/;
const HOOK_TYPE = /^[a-z_]{1,64}$/;

const TAKEN: PlainAnswer = { status: 204 };

/** Nanoseconds since 1970. */
const MOMENT = /^\d{19}$/;

/** The door for `HOOK_PATH`; it answers when the hook is committed. */
export function createHookDoor(deps: {
  hall: Pick<Hall, 'takeHook'>;
  maxBodyBytes: number;
}): PlainDoor {
  return async (request, response, { provenHook }) => {
    if (request.method !== 'POST') {
      response.setHeader('Allow', 'POST');
      throw new OrbitError('method_not_allowed', { allow: 'POST' });
    }
    refuseOtherMedia(request);
    const meta = metaOf(request);
    const hash = provenHook === null ? null : createHash('sha256');
    const bytes = new HookBody(deps.maxBodyBytes);
    const text = await readBody(request, MAX_HOOK_BYTES, {
      add(chunk) {
        hash?.update(chunk);
        return bytes.add(chunk);
      },
      bytes: () => bytes.bytes(),
    });
    if (hash !== null && hash.digest('hex') !== provenHook?.digest) {
      const reason = 'The body is not the one that X-OrbitDock-Digest names';
      throw new OrbitError('bad_request', { reason });
    }
    await deps.hall.takeHook(parseHookJson(text), meta);
    if (provenHook !== null) response.setHeader('X-OrbitDock-Stored', provenHook.answer);
    return TAKEN;
  };
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
  const sentNs = headers['x-orbitdock-sent'];
  const isMoment = typeof sentNs === 'string' && MOMENT.test(sentNs);
  return {
    origin: 'hook',
    ...(key !== undefined && { key }),
    ...(type !== undefined && { type }),
    // A wrong moment is no reason to lose the hook: then its delay is not known.
    ...(isMoment && { sentNs }),
  };
}
