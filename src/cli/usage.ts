/** `usage`: what sessions have read, written and cost, out of the database; also while a server runs. */
import { existsSync } from 'node:fs';
import { Option } from 'clipanion';
import { EXIT, ExitError } from '../exit.ts';
import type { UsageAsked } from '../store/queries/usage.ts';
import type { ReadResults } from '../store/writer-messages.ts';
import { OrbitCommand } from './command.ts';

const GROUPS: readonly string[] = [
  'day',
  'session',
  'project',
  'provider',
] satisfies UsageAsked['by'][];

/** Prints tokens and cost. */
export class UsageCommand extends OrbitCommand {
  static override paths = [['usage']];
  static override usage = OrbitCommand.Usage({
    description: 'What sessions have read, written and cost',
    details: `
      Tokens and US dollars, as the agents' own tools report them, by this machine's clock. Where a tool reports no cost
      there is none. Sessions that were removed are not in it.
    `,
    examples: [
      ['Today', '$0 usage'],
      ['The last thirty days by project', '$0 usage --from 30d --by project'],
    ],
  });

  from = Option.String('--from', { description: 'A day, or 7d for the last seven days (today)' });
  to = Option.String('--to', { description: 'The last day of it (today)' });
  by = Option.String('--by', 'day', { description: 'day, session, project or provider' });
  json = Option.Boolean('--json', false, { description: 'One JSON object' });

  protected async run(): Promise<number> {
    if (!GROUPS.includes(this.by)) {
      throw new ExitError(EXIT.usage, `--by is one of ${GROUPS.join(', ')}, not ${this.by}`);
    }
    const { database: path } = this.directory();
    if (!existsSync(path)) {
      throw new ExitError(EXIT.failure, `There is no database at ${path}; no server has run there`);
    }
    const [{ openDatabase }, { createUsageRead, readRange }] = await Promise.all([
      import('../store/database.ts'),
      import('../store/queries/usage.ts'),
    ]);
    const now = new Date();
    const offsetMinutes = -now.getTimezoneOffset();
    const range = this.#range(() => readRange(this, { nowMs: now.getTime(), offsetMinutes }));
    const database = openDatabase(path, { durability: 'normal', readonly: true });
    try {
      const hasTable = database.prepare(`SELECT 1 FROM sqlite_master WHERE name = 'usage'`).get();
      if (hasTable === undefined) {
        const remedy = 'start this version once, or run `orbitdock-server init`';
        throw new ExitError(EXIT.failure, `An older version has written ${path}: ${remedy}`);
      }
      const read = createUsageRead(database);
      const found = read({ by: this.by as UsageAsked['by'], offsetMinutes, ...range });
      if (this.json) this.printLine(JSON.stringify(found));
      else
        for (const line of table([...found.rows, { key: 'total', ...found.total }]))
          this.printLine(line);
    } finally {
      database.close();
    }
    return EXIT.ok;
  }

  #range<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw new ExitError(EXIT.usage, (error as Error).message, { cause: error });
    }
  }
}

const HEAD = ['', 'cost', 'in', 'out', 'cache read', 'cache written', 'sessions'];

function table(rows: ReadResults['usage']['rows']): string[] {
  const cells = rows.map((row) => [
    row.name === undefined ? row.key : `${row.name} (${row.key})`,
    row.cost_usd === null ? '-' : `$${row.cost_usd.toFixed(2)}`,
    ...[row.input_tokens, row.output_tokens, row.cache_read_tokens, row.cache_write_tokens].map(
      (count) => count.toLocaleString('en'),
    ),
    String(row.sessions),
  ]);
  const all = [HEAD, ...cells];
  const widths = HEAD.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
}
