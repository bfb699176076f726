/**
 * The page: built files held in memory under their exact paths, so that no path of a request ever reaches
 * the file system. Hashed files may be kept by a browser for ever; the index is asked for each time. The
 * files are the same for every caller and hold no secret, so they are served without a credential.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Context, Middleware } from 'koa';
import { OrbitError } from '../../errors.ts';
import { insideBytes, insideText, isStandalone } from '../../standalone.ts';
import { isPagePath, SHORT_ADDRESS } from './requests.ts';

/** Nothing but our own scripts, styles and sockets; no markup from text. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "connect-src 'self'",
  "img-src 'self' blob:",
  "manifest-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
  '.png': 'image/png',
  '.txt': 'text/plain; charset=utf-8',
};

/** Where the page's own router shows something; an id of a session is of these characters only. */
const CLIENT_ROUTE =
  /^\/visualizer(?:\/|\/(?:grid|about|inbox|search|board|sessions|machines(?:\/[\w-]{1,64})?|s\/(?:[\w.:-]|%3A){1,200}(?:\/[\w.:-]{1,128})?))?$/;

interface Asset {
  type: string;
  body: Buffer;
  /** Null where compressing gains nothing. */
  gzip: Buffer | null;
  isHashed: boolean;
}

type Assets = ReadonlyMap<string, Asset>;

/**
 * Serves the page.
 *
 * @param directory  where it was built, if not beside or inside the program; read at the first request, and again while it is not there
 */
export function createPage(directory?: string): Middleware {
  let loaded: Assets | null = null;
  return async (ctx, next) => {
    if (!isPagePath(ctx.path)) return next();
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      ctx.set('Allow', 'GET, HEAD');
      throw new OrbitError('method_not_allowed', { allow: 'GET' });
    }
    if (SHORT_ADDRESS.test(ctx.path)) return leadToPage(ctx);
    loaded ??= load(directory === undefined ? ownFiles() : filesIn(directory));
    if (!loaded) throw new OrbitError('page_not_built');
    const isIndex = ctx.path === '/' || CLIENT_ROUTE.test(ctx.path);
    const asset = loaded.get(isIndex ? indexName(wayToPage(ctx.path)) : ctx.path);
    if (!asset) throw new OrbitError('not_found', { what: 'The path', id: ctx.path.slice(0, 200) });
    const isZipped = asset.gzip !== null && ctx.acceptsEncodings('gzip') === 'gzip';
    ctx.set({
      'Content-Security-Policy': PAGE_POLICY,
      'X-Frame-Options': 'DENY',
      'Cache-Control': asset.isHashed ? 'public, max-age=31536000, immutable' : 'no-cache',
      Vary: 'Accept-Encoding',
      ...(isZipped && { 'Content-Encoding': 'gzip' }),
    });
    ctx.type = asset.type;
    ctx.body = isZipped ? asset.gzip : asset.body;
  };
}

/** A browser is sent on to the page; a program, which does not ask for HTML, gets 404. */
function leadToPage(ctx: Context): void {
  const { path, search } = ctx;
  if (ctx.accepts(['json', 'html']) !== 'html') {
    throw new OrbitError('not_found', { what: 'The path', id: path.slice(0, 200) });
  }
  ctx.set('Cache-Control', 'no-store');
  // Relative, for a proxy may serve all of this below a path of its own.
  ctx.redirect(`${'../'.repeat(path.split('/').length - 2)}visualizer${path}${search}`);
}

/**
 * The relative way from an address of the page to the folder of its files, `../` for `/visualizer/s/ID`.
 * Relative, because a proxy may serve all of this below a path of its own.
 */
export function wayToPage(path: string): string {
  const depth = path.split('/').length - 2;
  return depth === 0 ? 'visualizer/' : '../'.repeat(depth - 1);
}

/** The index is kept once for each way, with the addresses of its files changed to it. */
function indexName(way: string): string {
  return `index by ${way}`;
}

/** Deepest address of the page: `/visualizer/s/ID/CHILD`. */
const MAX_DEPTH = 3;

/** The index as it is at an address from which the page's folder is reached by `way`. */
export function indexAt(html: string, way: string): string {
  return html.replaceAll('"./', `"${way}`);
}

/** Beside the bundle when built; in the build's folder when run from the sources. */
function builtPage(): string {
  const isSource = import.meta.url.endsWith('.ts');
  const where = isSource ? '../../../dist/visualizer' : './visualizer/';
  return fileURLToPath(new URL(where, import.meta.url));
}

/** The files of the page. */
interface PageFiles {
  names: readonly string[];
  read(name: string): Buffer;
}

function ownFiles(): PageFiles {
  if (!isStandalone()) return filesIn(builtPage());
  const names = JSON.parse(insideText('visualizer.json')) as string[];
  return { names, read: (name) => insideBytes(`visualizer/${name}`) };
}

function filesIn(directory: string): PageFiles {
  // Where nothing was built there are none, and the request gets an error.
  const names = existsSync(directory)
    ? readdirSync(directory, { recursive: true, encoding: 'utf8' })
    : [];
  return { names, read: (name) => readFileSync(join(directory, name)) };
}

function load({ names, read }: PageFiles): Assets | null {
  const assets = new Map<string, Asset>();
  for (const name of names) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const body = read(name);
    const isText = !/font|png/.test(type);
    const path = name.replaceAll('\\', '/');
    const isHashed = path.startsWith('assets/');
    const keep = (as: string, content: Buffer): void => {
      const gzip = isText && content.length > 1024 ? gzipSync(content) : null;
      assets.set(as, { type, body: content, gzip, isHashed });
    };
    keep(`/visualizer/${path}`, body);
    if (path !== 'index.html') continue;
    for (let depth = 0; depth <= MAX_DEPTH; depth += 1) {
      const way = wayToPage('/x'.repeat(depth + 1));
      keep(indexName(way), Buffer.from(indexAt(body.toString(), way)));
    }
  }
  return assets.has('/visualizer/index.html') ? assets : null;
}
