/** A proxy that serves a server below a path of its own, and notes what was asked for outside of it. */
import { request as ask, createServer } from 'node:http';
import { connect } from 'node:net';

/** Listens on loopback until `close`. */
export async function startPrefixProxy(prefix: string, port: number) {
  const outside: string[] = [];
  const inner = (url = ''): string | null =>
    url.startsWith(`${prefix}/`) ? url.slice(prefix.length) : null;
  const proxy = createServer((incoming, outgoing) => {
    const path = inner(incoming.url);
    if (path === null) {
      outside.push(incoming.url ?? '');
      outgoing.writeHead(404).end();
      return;
    }
    const { method, headers } = incoming;
    const target = { host: '127.0.0.1', port, path, method, headers };
    incoming.pipe(
      ask(target, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      }),
    );
  });
  proxy.on('upgrade', (incoming, socket) => {
    const path = inner(incoming.url);
    if (path === null) {
      outside.push(incoming.url ?? '');
      socket.end('HTTP/1.1 404 Not Found\r\n\r\n');
      return;
    }
    const upstream = connect(port, '127.0.0.1', () => {
      const { rawHeaders } = incoming;
      const lines = rawHeaders.flatMap((name, at) =>
        at % 2 ? [] : `${name}: ${rawHeaders[at + 1]}`,
      );
      upstream.write(`GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
      socket.pipe(upstream).pipe(socket);
    });
    upstream.on('error', () => socket.destroy());
    socket.on('error', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = proxy.address();
  const listening = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${listening}${prefix}/`,
    /** Paths that were asked for outside of the prefix. */
    outside,
    close() {
      proxy.close();
      proxy.closeAllConnections();
    },
  };
}
