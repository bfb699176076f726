/**
 * The log: one JSON object a line (`event`, `component`, ids as fields of their own, level in capitals). The
 * only file that knows pino. Fields are scalars by type, long ones are cut and secrets blanked, so that no caller
 * can log a body or a token by mistake. Lines are written synchronously to one file that is rotated by size; a line
 * that cannot be written never stops the server.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  openSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { pino } from 'pino';
import type { LogConfig } from './config.ts';

/** Size at which a file is set aside: 10 MiB are some 50,000 lines, still handy for `jq`. */
const MAX_FILE_BYTES = 10 * 1024 * 1024;
/** Files kept, the current one included: 50 MiB in all. */
const KEPT_FILES = 5;
/** Pause after a failed open, so that a full disk does not cost a system call per line. */
const REOPEN_AFTER_MS = 1000;

/** Limits of a log file; the tests shrink the numbers. */
export interface LogFileOptions {
  truncate: boolean;
  maxFileBytes?: number;
  keptFiles?: number;
}

/** A rotating file of lines. No method ever throws. */
export class LogFile {
  readonly #path: string;
  readonly #maxFileBytes: number;
  readonly #keptFiles: number;
  #fd: number | null = null;
  #bytes = 0;
  #retryAtMs = 0;
  /** The last line went in only partly: the next one must start on a line of its own. */
  #isTorn = false;
  #dropped = 0;

  constructor(path: string, { truncate, maxFileBytes, keptFiles }: LogFileOptions) {
    this.#path = path;
    this.#maxFileBytes = maxFileBytes ?? MAX_FILE_BYTES;
    this.#keptFiles = keptFiles ?? KEPT_FILES;
    this.#open(truncate);
  }

  /** Lines lost since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** @param line  with its newline */
  write(line: string): void {
    const buffer = Buffer.from(this.#isTorn ? `\n${line}` : line);
    if (this.#bytes > 0 && this.#bytes + buffer.length > this.#maxFileBytes) this.#rotate();
    if (this.#fd === null && performance.now() >= this.#retryAtMs) this.#open(false);
    if (this.#fd === null) {
      this.#dropped++;
      return;
    }
    let written = 0;
    try {
      while (written < buffer.length) written += writeSync(this.#fd, buffer, written);
      this.#isTorn = false;
    } catch {
      this.#dropped++;
      if (written > 0) this.#isTorn = true;
    }
    this.#bytes += written;
  }

  close(): void {
    if (this.#fd === null) return;
    try {
      closeSync(this.#fd);
    } catch {
      // It was closed behind our back, which is what we wanted anyway.
    }
    this.#fd = null;
    this.#retryAtMs = Number.POSITIVE_INFINITY;
  }

  #open(truncate: boolean): void {
    const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = constants;
    let fd: number | null = null;
    try {
      // Not blocking and only a regular file: a FIFO without a reader would hold the server for ever.
      fd = openSync(this.#path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o600);
      const stat = fstatSync(fd);
      if (!stat.isFile()) throw new Error('not a regular file');
      if ((stat.mode & 0o077) !== 0) fchmodSync(fd, 0o600);
      if (truncate) ftruncateSync(fd);
      this.#bytes = truncate ? 0 : stat.size;
      this.#fd = fd;
    } catch {
      if (fd !== null) closeSync(fd);
      this.#retryAtMs = performance.now() + REOPEN_AFTER_MS;
    }
  }

  /** `server.log` becomes `server.log.1`, and so on; the oldest falls off. */
  #rotate(): void {
    for (let n = this.#keptFiles - 1; n >= 1; n--) {
      try {
        renameSync(n === 1 ? this.#path : `${this.#path}.${n - 1}`, `${this.#path}.${n}`);
      } catch {
        // A number that does not exist yet. If the file itself would not move, it simply grows on.
      }
    }
    this.close();
    this.#open(false);
  }
}

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
  let fallback: Level = 'info';
  for (const part of text.split(',').map((piece) => piece.trim())) {
    if (part === '') continue;
    const [, component, word = ''] = /^(?:([^=]+)=)?(\w+)$/.exec(part) ?? [];
    const level = levelFrom(word);
    if (level === null) ignored.push(part);
    else if (component === undefined) fallback = level;
    else byComponent.set(component, level);
  }
  return { levelOf: (component) => byComponent.get(component) ?? fallback, ignored };
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
