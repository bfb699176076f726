/**
 * The CLI's OpenTelemetry log events (`POST /v1/logs`, OTLP as JSON) as reports. Only named attributes are
 * read: whatever identifies the person or the organization never gets further than this file.
 */
import { isSafeId, type ReportOrigin, type TelemetryReport, type Tokens } from '../reports.ts';

type Attributes = ReadonlyMap<string, string>;
type What = TelemetryReport extends infer R ? (R extends R ? Omit<R, keyof Common> : never) : never;
interface Common extends ReportOrigin {
  sequence: number | null;
  prompt: string | null;
  agent: string | null;
}

/** What a request brought. */
export interface LogsRequest {
  reports: TelemetryReport[];
  /** Records of other events, of other programs, or without a session: they say nothing about a session. */
  ignored: number;
}

/**
 * Reads the parsed body of one request, oldest record first as sent. Anything that is not of the expected
 * shape is counted as ignored; never throws.
 */
export function parseLogs(body: unknown): LogsRequest {
  const reports: TelemetryReport[] = [];
  let ignored = 0;
  for (const resource of list(body, 'resourceLogs')) {
    for (const scope of list(resource, 'scopeLogs')) {
      for (const record of list(scope, 'logRecords')) {
        const report = reportOf(record);
        if (report === null) ignored += 1;
        else reports.push(report);
      }
    }
  }
  return { reports, ignored };
}

function reportOf(record: unknown): TelemetryReport | null {
  const attributes = attributesOf(record);
  const sessionId = attributes.get('session.id');
  const name = nameOf(record, attributes);
  const stamp = stampOf(record, attributes);
  if (!isSafeId(sessionId) || stamp === null) return null;
  const what = READERS.get(name)?.(attributes) ?? null;
  if (what === null) return null;
  const sequence = numberOf(attributes, 'event.sequence');
  return {
    witness: 'telemetry',
    sessionId,
    stamp,
    // The sequence starts again in each process of the session, so the time belongs to the key.
    key: `telemetry:${sessionId}:${sequence ?? name}:${stamp}`,
    sequence,
    prompt: textOf(attributes, 'prompt.id'),
    agent: textOf(attributes, 'agent_id'),
    ...what,
  };
}

/** How each event becomes a report; an event without a row says nothing about a session. */
const READERS = new Map<string, (attributes: Attributes) => What | null>(
  Object.entries<(attributes: Attributes) => What | null>({
    tool_decision: (of) => {
      const tool = of.get('tool_use_id');
      const decision = of.get('decision');
      if (!isSafeId(tool) || (decision !== 'accept' && decision !== 'reject')) return null;
      const source = of.get('source') ?? '';
      return {
        what: 'tool.decided',
        tool,
        name: textOf(of, 'tool_name'),
        accepted: decision === 'accept',
        by: DECIDERS.get(source) ?? source,
        forGood: source === 'user_permanent',
      };
    },
    tool_result: (of) => {
      const tool = of.get('tool_use_id');
      const success = of.get('success');
      if (!isSafeId(tool) || (success !== 'true' && success !== 'false')) return null;
      return {
        what: 'tool.settled',
        tool,
        name: textOf(of, 'tool_name'),
        ok: success === 'true',
        durationMs: numberOf(of, 'duration_ms'),
        error: textOf(of, 'error_type'),
      };
    },
    api_request: (of) => ({
      what: 'api.answered',
      model: textOf(of, 'model'),
      tokens: tokensOf(of),
      usd: costOf(of),
      durationMs: numberOf(of, 'duration_ms'),
      request: textOf(of, 'request_id'),
      purpose: textOf(of, 'query_source'),
    }),
    permission_mode_changed: (of) => {
      const mode = textOf(of, 'to_mode');
      if (mode === null) return null;
      const from = textOf(of, 'from_mode');
      return { what: 'permission.mode', from, mode, trigger: textOf(of, 'trigger') };
    },
  }),
);

const DECIDERS = new Map<string, 'person' | 'hook' | 'rule' | 'aborted'>([
  ['user_temporary', 'person'],
  ['user_permanent', 'person'],
  ['user_reject', 'person'],
  ['user_abort', 'aborted'],
  ['hook', 'hook'],
  ['config', 'rule'],
]);

function tokensOf(of: Attributes): Tokens {
  const count = (name: string): number => numberOf(of, name) ?? 0;
  const input = count('input_tokens');
  const cacheRead = count('cache_read_tokens');
  const cacheCreation = count('cache_creation_tokens');
  return {
    input,
    output: count('output_tokens'),
    cacheRead,
    cacheCreation,
    thinking: 0,
    context: input + cacheRead + cacheCreation,
  };
}

function costOf(of: Attributes): number | null {
  const micros = numberOf(of, 'cost_usd_micros');
  return numberOf(of, 'cost_usd') ?? (micros === null ? null : micros / 1e6);
}

/** `claude_code.tool_result` and `tool_result` are the same event; other programs' names are not ours. */
function nameOf(record: unknown, attributes: Attributes): string {
  const body = text(field(field(record, 'body'), 'stringValue'));
  if (body !== null)
    return body.startsWith('claude_code.') ? body.slice('claude_code.'.length) : '';
  return attributes.get('event.name') ?? '';
}

function stampOf(record: unknown, attributes: Attributes): number | null {
  const reported = Date.parse(attributes.get('event.timestamp') ?? '');
  if (Number.isFinite(reported)) return reported;
  const nanoseconds = Number(field(record, 'timeUnixNano'));
  return Number.isFinite(nanoseconds) && nanoseconds > 0 ? Math.floor(nanoseconds / 1e6) : null;
}

/** Numbers come as numbers or as text, depending on the event and the version: all become text here. */
function attributesOf(record: unknown): Attributes {
  const found = new Map<string, string>();
  for (const pair of list(record, 'attributes')) {
    const key = text(field(pair, 'key'));
    const value = field(pair, 'value');
    if (key === null || typeof value !== 'object' || value === null) continue;
    for (const kind of ['stringValue', 'intValue', 'doubleValue', 'boolValue']) {
      const scalar = field(value, kind);
      if (scalar !== undefined && scalar !== null && typeof scalar !== 'object') {
        found.set(key, String(scalar));
        break;
      }
    }
  }
  return found;
}

function textOf(of: Attributes, name: string): string | null {
  const value = of.get(name);
  return value === undefined || value === '' ? null : value;
}

function numberOf(of: Attributes, name: string): number | null {
  const value = of.get(name);
  if (value === undefined || value.trim() === '') return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

function list(of: unknown, name: string): unknown[] {
  const value = field(of, name);
  return Array.isArray(value) ? value : [];
}

function field(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null ? (of as Record<string, unknown>)[name] : undefined;
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
