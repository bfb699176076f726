/**
 * The endpoints beside Koa, for what is asked most often and first: `POST /api/hook` and `GET /health`. A server that
 * only watches never loads Koa.
 */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { SeenRequest } from '../../address.ts';
import { OrbitError } from '../../errors.ts';
import { HookBody, MAX_HOOK_BYTES, parseHookJson } from '../../protocol/hook-body.ts';
import { parseJson } from '../../protocol/json-scan.ts';
import type { HookMeta, RuntimeApi } from '../../runtime/runtime-api.ts';
import type { NamedTokens } from '../../runtime/tokens.ts';
import { createLazy } from '../dependencies.ts';
import type { Admission, Gate } from '../gate.ts';
import type { Counts, MetricsDeps } from '../metrics.ts';
import { readBody, refuseOtherMedia } from './requests.ts';

/** What a plain endpoint answers. */
interface PlainAnswer {
  status: number;
  body?: string;
  /** Of the body; JSON unless said. */
  type?: string;
}

/**
 * Answers a request that was let in. What it refuses it throws as `OrbitError`; headers of its own it sets
 * on the response before.
 */
export type PlainEndpoint = (
  request: IncomingMessage,
  response: ServerResponse,
  admission: Admission,
) => Promise<PlainAnswer>;

interface HealthDeps {
  runtime: Pick<RuntimeApi, 'health'>;
  version: string;
  /** Whether every caller of the network is admitted (`--allow-insecure-no-auth`). */
  isInsecure: boolean;
  tokens?: Pick<NamedTokens, 'check'> | undefined;
}

/** A command of this machine that has changed tokens asks with it that they are looked at now. */
const LOOK_FIELD = 'x-orbitdock-look';

/** Fields by which a proxy says who has asked it, and how. */
const FORWARDED_FIELDS = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'] as const;

function seenOf(headers: IncomingHttpHeaders, { caller, forwarded }: Admission): SeenRequest {
  return {
    address: caller.address,
    host: forwarded?.host ?? headers.host ?? '',
    scheme: forwarded?.scheme ?? null,
    is_trusted: forwarded !== null,
    fields: FORWARDED_FIELDS.filter((name) => headers[name] !== undefined),
  };
}

/** The endpoint for `HEALTH_PATH`; who is anonymous does not learn the version, who brings a token learns what arrived. */
export function createHealthEndpoint({
  runtime,
  version,
  isInsecure,
  tokens,
}: HealthDeps): PlainEndpoint {
  return async ({ method, headers }, response, admission) => {
    const { caller } = admission;
    refuseUnlessRead(method, response);
    if (tokens && admission.isLocal && headers[LOOK_FIELD] !== undefined) {
      await tokens.check();
      response.setHeader('X-OrbitDock-Looked', '1');
    }
    const health = {
      ...runtime.health(),
      ...(isInsecure && { insecure: true }),
      ...(caller.kind !== 'anonymous' && { version }),
      ...(caller.kind === 'token' && { seen: seenOf(headers, admission) }),
    };
    return { status: 200, body: JSON.stringify(health) };
  };
}

/** The endpoint for `READY_PATH`: 503 while hooks cannot be stored, for those who send work elsewhere then. */
export function createReadyEndpoint({ runtime }: Pick<HealthDeps, 'runtime'>): PlainEndpoint {
  return async ({ method }, response) => {
    refuseUnlessRead(method, response);
    const { degraded } = runtime.health();
    const body = JSON.stringify({ ready: degraded === undefined, ...(degraded && { degraded }) });
    return { status: degraded === undefined ? 200 : 503, body };
  };
}

/** The endpoint for `METRICS_PATH`, in the text format of Prometheus. */
export function createMetricsEndpoint(deps: MetricsDeps): PlainEndpoint {
  const metrics = createLazy(async () => {
    const { createMetrics } = await import('../metrics.ts');
    return createMetrics(deps);
  });
  return async ({ method }, response) => {
    refuseUnlessRead(method, response);
    const scrape = await metrics.get();
    return { status: 200, body: await scrape(), type: 'text/plain; version=0.0.4; charset=utf-8' };
  };
}

function refuseUnlessRead(method: string | undefined, response: ServerResponse): void {
  if (method === 'GET' || method === 'HEAD') return;
  response.setHeader('Allow', 'GET, HEAD');
  throw new OrbitError('method_not_allowed', { allow: 'GET' });
}

const IDEMPOTENCY_KEY = /^[A-Za-z0-9._:-]{1,128}$/;
const HOOK_TYPE = /^[a-z_]{1,64}$/;

const TAKEN: PlainAnswer = { status: 204 };

/** Nanoseconds since 1970. */
const MOMENT = /^\d{19}$/;

/** Silence after which the system asks whether the process that waits is still there. */
const KEEP_ALIVE_MS = 60_000;

/** The endpoint for `HOOK_PATH`; it answers when the hook is committed. */
export function createHookEndpoint(deps: HookEndpointDeps): PlainEndpoint {
  return async (request, response, { provenHook }) => {
    await takeHook(deps, { request, response, provenHook });
    if (provenHook !== null) response.setHeader('X-OrbitDock-Stored', provenHook.answer);
    return TAKEN;
  };
}

/**
 * The endpoint for `ANSWER_PATH`: takes the hook like the other one, then answers when a client has decided, with the
 * text that the hook's process prints, or with nothing (204) once no client here can decide any more.
 */
export function createAnswerEndpoint(deps: HookEndpointDeps): PlainEndpoint {
  return async (request, response, { provenHook }) => {
    const key = keyOfWaiting(request);
    await takeHook(deps, { request, response, provenHook }, { isAwaited: true });
    const line = deps.runtime.awaitAnswer(key);
    const closed = (): void => {
      if (!response.writableFinished) line.lost();
    };
    // It may have gone while its hook was stored: then no `close` comes any more.
    if (response.closed) closed();
    else response.once('close', closed);
    // It may wait for hours: a machine that is gone says nothing.
    request.socket.setKeepAlive(true, KEEP_ALIVE_MS);
    const text = await line.answer;
    if (text === null) return TAKEN;
    if (provenHook !== null) response.setHeader('X-OrbitDock-Answer', provenHook.proofOf(text));
    return { status: 200, body: text };
  };
}

/** Sent before anything is stored. @throws OrbitError `bad_request` without one */
function keyOfWaiting({ method, headers }: IncomingMessage): string {
  const key = headers['idempotency-key'];
  if (typeof key === 'string' || method !== 'POST') return String(key);
  const reason = 'Idempotency-Key is missing: it names the hook that waits';
  throw new OrbitError('bad_request', { reason });
}

/** More than a code and the name of a device. */
const MAX_PAIR_BYTES = 2048;
const PAIRING_CODE = /^odp_[\w-]{43}$/;

/**
 * The endpoint for `PAIR_PATH`: `{ "code", "device" }` becomes `{ "token", "name", "scopes", "expires_at" }`, once. A
 * wrong code counts as a wrong token does.
 */
export function createPairEndpoint({ tokens, gate }: PairEndpointDeps): PlainEndpoint {
  return async (request, response, admission) => {
    if (request.method !== 'POST') {
      response.setHeader('Allow', 'POST');
      throw new OrbitError('method_not_allowed', { allow: 'POST' });
    }
    refuseOtherMedia(request);
    const body = parseJson(await readBody(request, MAX_PAIR_BYTES));
    const { code, device } = (body ?? {}) as { code?: unknown; device?: unknown };
    const isCode = typeof code === 'string' && PAIRING_CODE.test(code);
    const named = typeof device === 'string' ? device : '';
    const paired = isCode && tokens ? await tokens.claim(code, named) : null;
    if (paired) return { status: 200, body: JSON.stringify(paired) };
    const { error, headers } = gate.wrongCode(admission);
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    throw error;
  };
}

interface PairEndpointDeps {
  tokens?: Pick<NamedTokens, 'claim'> | undefined;
  gate: Pick<Gate, 'wrongCode'>;
}

/** More than a CLI sends at once, bytes: some 20 records of 1 kB. */
const MAX_LOGS_BYTES = 4 * 1024 * 1024;

/**
 * The endpoint for `LOGS_PATH`: takes log records of OpenTelemetry as JSON. It answers at once, because an exporter
 * that waits delays the end of its CLI, and judges afterwards what they say.
 */
export function createLogsEndpoint({
  runtime,
}: {
  runtime: Pick<RuntimeApi, 'takeTelemetry'>;
}): PlainEndpoint {
  return async (request, response, { provenHook }) => {
    if (request.method !== 'POST') {
      response.setHeader('Allow', 'POST');
      throw new OrbitError('method_not_allowed', { allow: 'POST' });
    }
    // A proof is one of a hook's body.
    if (provenHook !== null) throw new OrbitError('unauthorized');
    refuseOtherMedia(request);
    const body = parseJson(await readBody(request, MAX_LOGS_BYTES));
    setImmediate(() => runtime.takeTelemetry(body));
    return { status: 200, body: '{}' };
  };
}

interface HookEndpointDeps {
  runtime: Pick<RuntimeApi, 'takeHook' | 'awaitAnswer'>;
  counts: Counts;
  maxBodyBytes: number;
}

/** Reads a hook, and gives it to the runtime; settles when it is committed. */
async function takeHook(
  deps: HookEndpointDeps,
  {
    request,
    response,
    provenHook,
  }: { request: IncomingMessage; response: ServerResponse } & Pick<Admission, 'provenHook'>,
  more: Partial<HookMeta> = {},
): Promise<HookMeta> {
  if (request.method !== 'POST') {
    response.setHeader('Allow', 'POST');
    throw new OrbitError('method_not_allowed', { allow: 'POST' });
  }
  refuseOtherMedia(request);
  const meta = { ...metaOf(request), ...more };
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
  await deps.runtime.takeHook(parseHookJson(text), meta);
  deps.counts.hooks.taken++;
  return meta;
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
  const isTimestamp = typeof sentNs === 'string' && MOMENT.test(sentNs);
  return {
    origin: 'hook',
    ...(key !== undefined && { key }),
    ...(type !== undefined && { type }),
    // A wrong moment is no reason to lose the hook: then its delay is not known.
    ...(isTimestamp && { sentNs }),
    ...(headers['x-orbitdock-awaits'] === '1' && { isAwaited: true }),
    ...(headers['x-orbitdock-words'] === '1' && { takesWords: true }),
  };
}
