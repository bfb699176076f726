/** `audit`: who did what, and when, out of the journal; also while a server runs. */
import { existsSync } from 'node:fs';
import { Option } from 'clipanion';
import { EXIT, ExitError } from '../exit.ts';
import type { AuditRow } from '../store/queries/journal.ts';
import { OrbitCommand } from './command.ts';

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A date, or a moment; without a zone it is of this machine's. */
const DATE = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?$/;

/** Prints what people and programs did through the server. */
export class AuditCommand extends OrbitCommand {
  static override paths = [['audit']];
  static override usage = OrbitCommand.Usage({
    description: 'Who did what, and when',
    details: `
      Commands that came over a connection, with the token or the place they came from and whether they were
      taken, and what became of tokens; the newest last. It goes back as far as the journal is kept. What changes
      no session (a login, a listing of a directory), and commands that were refused before they reached one, stand
      in the log: \`logs\`.
    `,
    examples: [
      ['The last week of a phone', '$0 audit --since 7d --who phone'],
      ['All of it, as JSON lines', '$0 audit --json -n 1000000 > audit.jsonl'],
    ],
  });

  session = Option.String('--session', { description: 'Of this session only' });
  who = Option.String('--who', {
    description: 'Of this token, address, connection or kind of caller (local, token)',
  });
  what = Option.String('--what', { description: 'Of this type, such as approval.decided' });
  since = Option.String('--since', { description: 'Not older: a date, or 12h or 7d' });
  until = Option.String('--until', { description: 'Older: a date, or 12h or 7d' });
  lines = Option.String('-n,--lines', '100', { description: 'How many of the newest lines' });
  json = Option.Boolean('--json', false, { description: 'One JSON object a line' });

  protected async run(): Promise<number> {
    if (!/^\d{1,9}$/.test(this.lines)) throw new ExitError(EXIT.usage, '--lines takes a number');
    const { database: path } = this.directory();
    if (!existsSync(path)) {
      throw new ExitError(EXIT.failure, `There is no database at ${path}; no server has run there`);
    }
    const filter = {
      session: this.session ?? null,
      since: timestampFrom(this.since, '--since'),
      until: timestampFrom(this.until, '--until'),
    };
    const [{ openDatabase }, { readAudit }] = await Promise.all([
      import('../store/database.ts'),
      import('../store/queries/journal.ts'),
    ]);
    const database = openDatabase(path, { durability: 'normal', readonly: true });
    let rows: AuditRow[];
    try {
      // What is asked of callers is not in an index: all are read, then as many are shown as are wanted.
      const isFiltered = this.who !== undefined || this.what !== undefined;
      const limit = isFiltered ? Number.MAX_SAFE_INTEGER : Number(this.lines);
      rows = readAudit(database, { ...filter, limit });
    } finally {
      database.close();
    }
    const wanted = rows.filter((row) => this.#isWanted(row)).slice(0, Number(this.lines));
    for (const row of wanted.reverse())
      this.printLine(this.json ? JSON.stringify(row) : lineOf(row));
    return EXIT.ok;
  }

  #isWanted({ what, caller, about }: AuditRow): boolean {
    if (this.what !== undefined && what !== this.what) return false;
    if (this.who === undefined) return true;
    return [...Object.values(caller ?? {}), about.token, about.id].includes(this.who);
  }
}

function lineOf({ at, session, what, accepted, caller, about }: AuditRow): string {
  const who = caller
    ? `${caller.holder ?? caller.kind} ${caller.address} ${caller.connection}`
    : 'command line';
  const more = Object.entries(about).map(([name, value]) => `${name}=${value}`);
  return [
    at.slice(0, 19).replace('T', ' '),
    ...[who, accepted ? what : `${what} (refused)`, session ?? '-', ...more],
  ].join('  ');
}

/** @returns ISO 8601 UTC; null when nothing was said */
function timestampFrom(text: string | undefined, flag: string): string | null {
  if (text === undefined) return null;
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const ms =
    count === undefined
      ? DATE.test(text)
        ? Date.parse(text)
        : Number.NaN
      : Date.now() - Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS];
  if (!Number.isNaN(ms)) return new Date(ms).toISOString();
  throw new ExitError(
    EXIT.usage,
    `${flag} is a date such as 2026-03-01, or 12h or 7d, not ${JSON.stringify(text)}`,
  );
}
