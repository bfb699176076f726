/**
 * The log: one JSON object a line, in the shape the reference's users grep for (`event`, `component`,
 * ids flattened, level in capitals). The only file that knows pino. Fields are scalars by type, long
 * ones are cut and secrets blanked, so that no call can dump a payload or a token into the file.
 */
import { pino } from 'pino';
import type { LogConfig } from './config.ts';
import { LogFile } from './log-file.ts';

/** What a field may be; an Error is written as its message with its causes. */
type LogValue = string | number | boolean | null | undefined | Error;

/** Fields of a line, `snake_case`; stable ones are session_id, request_id, connection_id, error. */
export type LogFields = Readonly<Record<string, LogValue>>;

/** Writes one line. @param event  dotted, stable, such as `ws.connection.opened` */
export type LogLine = (event: string, fields?: LogFields, message?: string) => void;

/** What every part of the server gets to log with. No method ever throws or blocks for long. */
export interface Logger {
  readonly debug: LogLine;
  readonly info: LogLine;
  readonly warn: LogLine;
  readonly error: LogLine;
  readonly fatal: LogLine;
  /** The same log under another component's name (and that name's level). */
  child(component: string): Logger;
}

/** The log as its owner sees it. */
export interface RootLogger extends Logger {
  /** Lines that could not be written. */
  readonly dropped: number;
  close(): void;
}

type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** Longer values are cut: enough for a path or a message, too little for a payload. */
const MAX_VALUE_LENGTH = 500;
const MAX_STACK_LENGTH = 4000;
const SECRET_FIELDS = new Set([
  'token',
  'auth_token',
  'authorization',
  'api_key',
  'password',
  'cookie',
]);
const LEVELS = new Set(['trace', 'debug', 'info', 'warn', 'error', 'fatal']);
/** Characters that JSON lets through and a terminal acts upon: DEL, C1, line separators, bidi controls. */
const TERMINAL_CONTROLS = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/**
 * Opens the log and writes its first line, `logging.initialized`.
 *
 * @param path  its directory must exist; if it cannot be written, lines are dropped and counted
 */
export function createLogger(config: LogConfig, path: string): RootLogger {
  const file = new LogFile(path, { truncate: config.truncateOnStart });
  const filter = parseFilter(config.filter);
  const render = config.format === 'pretty' ? prettyLine : (line: string): string => line;
  const base = pino(
    {
      base: null,
      messageKey: 'message',
      level: 'trace',
      timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label.toUpperCase() }) },
    },
    { write: (line: string) => file.write(escapeControls(render(line))) },
  );
  const child = (component: string): Logger =>
    wrap(base.child({ component }, { level: filter.levelOf(component) }), child);
  child('logging').info('logging.initialized', {
    run_id: config.runId,
    pid: process.pid,
    filter: config.filter,
    ignored: filter.ignored.join(',') || undefined,
  });
  return {
    ...child('server'),
    get dropped() {
      return file.dropped;
    },
    close: () => file.close(),
  };
}

/** A logger that goes nowhere: for tests and for parts used without a server. */
export const SILENT_LOGGER: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  fatal: () => {},
  child: () => SILENT_LOGGER,
};

function wrap(line: pino.Logger, child: Logger['child']): Logger {
  const at =
    (level: Exclude<Level, 'trace' | 'silent'>): LogLine =>
    (event, fields, message) => {
      if (!line.isLevelEnabled(level)) return;
      const withStack = level === 'error' || level === 'fatal';
      line[level]({ event, ...cleaned(fields, withStack) }, message ?? event);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    child,
  };
}

function cleaned(fields: LogFields | undefined, withStack: boolean): Record<string, unknown> {
  const clean: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields ?? {})) {
    if (SECRET_FIELDS.has(name)) clean[name] = '[redacted]';
    else if (value instanceof Error) {
      clean[name] = cut(withCauses(value), MAX_VALUE_LENGTH);
      if (withStack) clean.stack = cut(value.stack ?? '', MAX_STACK_LENGTH);
    } else if (typeof value === 'string') clean[name] = cut(value, MAX_VALUE_LENGTH);
    // The type forbids objects; a cast elsewhere must still not become a payload in the log.
    else if (typeof value !== 'object' || value === null) clean[name] = value;
  }
  return clean;
}

function cut(text: string, limit: number): string {
  // The seed lets clients put the token into the URL of `/ws`; no line may repeat it.
  const safe = text.includes('token=')
    ? text.replace(/token=[^&\s"']*/g, 'token=[redacted]')
    : text;
  return safe.length <= limit ? safe : `${safe.slice(0, limit)}… (${safe.length} characters)`;
}

function withCauses(error: Error): string {
  const cause = error.cause instanceof Error ? `: ${withCauses(error.cause)}` : '';
  return `${error.message}${cause}`;
}

/** Reads `info,transports=debug,ws=off`: a level for all, then levels by component. */
function parseFilter(text: string): { levelOf(component: string): Level; ignored: string[] } {
  const byComponent = new Map<string, Level>();
  const ignored: string[] = [];
  let everybody: Level = 'info';
  for (const part of text.split(',').map((piece) => piece.trim())) {
    if (part === '') continue;
    const [, component, word = ''] = /^(?:([^=]+)=)?(\w+)$/.exec(part) ?? [];
    const level = levelFrom(word);
    if (level === null) ignored.push(part);
    else if (component === undefined) everybody = level;
    else byComponent.set(component, level);
  }
  return { levelOf: (component) => byComponent.get(component) ?? everybody, ignored };
}

function levelFrom(word: string): Level | null {
  const lower = word.toLowerCase();
  if (lower === 'off') return 'silent';
  return LEVELS.has(lower) ? (lower as Level) : null;
}

/** For people: time, level, component, event, then whatever else the line holds. */
export function prettyLine(line: string): string {
  const { timestamp, level, component, event, message, ...fields } = JSON.parse(line);
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const said = message === event ? [] : [JSON.stringify(message).slice(1, -1)];
  const head = `${timestamp} ${String(level).padEnd(5)} ${component}`;
  return `${[head, event, ...said, ...rest].join('  ')}\n`;
}

function escapeControls(line: string): string {
  return line.replace(
    TERMINAL_CONTROLS,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
