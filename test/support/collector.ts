/** A collector of OpenTelemetry on loopback, which keeps the spans that it is sent (OTLP over HTTP, as JSON). */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { vi } from 'vitest';

/** A span as it came. Times are nanoseconds since 1970. */
export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: Record<string, unknown>;
  status: { code?: number; message?: string };
}

/** A collector that listens; disposing of it closes it. */
export interface Collector extends AsyncDisposable {
  readonly url: string;
  readonly spans: ReceivedSpan[];
  readonly requests: {
    path: string;
    headers: IncomingHttpHeaders;
    resource: object;
    body: string;
  }[];
  /** What it answers from now on. */
  status: number;
  /** The span of that name, once it has come. */
  span(name: string | RegExp): Promise<ReceivedSpan>;
}

interface Pair {
  key: string;
  value: Record<string, unknown>;
}

/** Starts one on a port of its own, or on the port that one before it had. */
export async function startCollector(port = 0): Promise<Collector> {
  const spans: ReceivedSpan[] = [];
  const requests: Collector['requests'] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => {
      body += part;
    });
    request.once('end', () => {
      const { resource, found } = read(JSON.parse(body));
      requests.push({ path: request.url ?? '', headers: request.headers, resource, body });
      if (collector.status === 200) spans.push(...found);
      response.writeHead(collector.status, { 'Content-Type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const collector: Collector = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    requests,
    status: 200,
    async span(name) {
      return await vi.waitFor(
        () => {
          const found = spans.find((span) =>
            typeof name === 'string' ? span.name === name : name.test(span.name),
          );
          if (!found) throw new Error(`no ${name} among ${spans.map((span) => span.name)}`);
          return found;
        },
        { timeout: 10_000, interval: 20 },
      );
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return collector;
}

function read(body: {
  resourceSpans: {
    resource: { attributes: Pair[] };
    scopeSpans: { spans: (Omit<ReceivedSpan, 'attributes'> & { attributes: Pair[] })[] }[];
  }[];
}) {
  const found = body.resourceSpans.flatMap(({ scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({ ...span, attributes: valuesOf(span.attributes) })),
    ),
  );
  return { resource: valuesOf(body.resourceSpans[0]?.resource.attributes ?? []), found };
}

function valuesOf(pairs: Pair[]): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, Object.values(value)[0]]));
}
