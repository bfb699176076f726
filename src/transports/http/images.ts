/**
 * `GET /images/<sha256>`: images of messages for clients that are not on this machine. Behind the gate like
 * everything that tells of a session; the type is the stored one, and no browser may think otherwise.
 */
import type { Middleware } from 'koa';
import { OrbitError } from '../../errors.ts';
import type { Hall } from '../../runtime/hall.ts';

const PATH = /^\/images\/([0-9a-f]{64})$/;

/** The middleware for images; passes everything else on. Refusals are thrown as `OrbitError`. */
export function createImageDoor({ hall }: { hall: Pick<Hall, 'image'> }): Middleware {
  return async (ctx, next) => {
    const sha256 = PATH.exec(ctx.path)?.[1];
    if (sha256 === undefined) return next();
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      ctx.set('Allow', 'GET, HEAD');
      throw new OrbitError('method_not_allowed', { allow: 'GET' });
    }
    const picture = await hall.image(sha256);
    if (!picture) throw new OrbitError('not_found', { what: 'Image', id: sha256 });
    ctx.set({
      'Content-Security-Policy': "default-src 'none'; sandbox",
      // The name is the digest of the bytes: they never change, and they are nobody else's.
      'Cache-Control': 'private, max-age=31536000, immutable',
    });
    ctx.type = picture.media_type;
    ctx.body = picture.bytes;
  };
}
