/**
 * A log that a test can wait on.
 */
import type { LogFields, Logger } from '../../src/log.ts';
import { createInbox, type Inbox } from './inbox.ts';

/** One line as it was logged. */
export interface LoggedLine {
  readonly level: string;
  readonly event: string;
  readonly fields: LogFields;
}

/** A logger whose lines, those of its children too, land in one inbox. */
export function recordedLog(): { log: Logger; lines: Inbox<LoggedLine> } {
  const lines = createInbox<LoggedLine>('log');
  const at =
    (level: string) =>
    (event: string, fields: LogFields = {}) =>
      lines.add({ level, event, fields });
  const log: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    child: () => log,
  };
  return { log, lines };
}
