/**
 * Where spans are sent: the collector that flags or environment name, and what it wants to know of the sender. The
 * names of the variables are those of OpenTelemetry; ours come first.
 */
import { EXIT, ExitError } from './exit.ts';

/** A collector that takes OTLP over HTTP. */
export interface OtlpConfig {
  /** Of its traces. */
  readonly url: string;
  /** What it wants with each request, such as a credential. */
  readonly headers: Readonly<Record<string, string>>;
  /** What it calls this server. */
  readonly serviceName: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The collector; null where none is named, or OpenTelemetry is switched off.
 *
 * @throws ExitError 64 for what is no address of http or https, or holds a credential: logs and lists of
 * processes would show it
 */
export function otlpOf(endpoint: string | undefined, env: Env): OtlpConfig | null {
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return null;
  const url = urlOf(endpoint, env);
  if (url === null) return null;
  const headers = {
    ...headersFrom(env.OTEL_EXPORTER_OTLP_HEADERS),
    ...headersFrom(env.OTEL_EXPORTER_OTLP_TRACES_HEADERS),
  };
  return { url, headers, serviceName: env.OTEL_SERVICE_NAME || 'orbitdock-server' };
}

/** A base address gets the path of the traces; one of the traces is taken as it is. */
function urlOf(endpoint: string | undefined, env: Env): string | null {
  const ours = endpoint ?? env.ORBITDOCK_OTLP_ENDPOINT;
  if (ours) return below('--otlp-endpoint', ours);
  const exact = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  if (exact) return parsed('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', exact).href;
  const base = env.OTEL_EXPORTER_OTLP_ENDPOINT;
  return base ? below('OTEL_EXPORTER_OTLP_ENDPOINT', base) : null;
}

function below(name: string, text: string): string {
  const url = parsed(name, text);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/traces`;
  return url.href;
}

function parsed(name: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    // The text itself stays out of it: it may hold a credential.
    throw new ExitError(EXIT.usage, `${name} is an http or https address of a collector`);
  }
  if (url.username !== '' || url.password !== '') {
    const where = 'put it into OTEL_EXPORTER_OTLP_HEADERS';
    throw new ExitError(EXIT.usage, `${name} holds a credential; ${where}`);
  }
  return url;
}

/** `name=value,name=value`, percent-encoded; what is no pair is passed over. */
function headersFrom(text: string | undefined): Record<string, string> {
  const pairs = (text ?? '').matchAll(/(?:^|,)\s*([^=,\s]+)\s*=([^,]*)/g);
  return Object.fromEntries(
    [...pairs].map(([, name, value = '']) => [name, decoded(value.trim())]),
  );
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    // A lone percent sign: it was meant as it is.
    return value;
  }
}
