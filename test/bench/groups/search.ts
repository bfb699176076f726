/** Searches in a million messages, as a client asks them over HTTP: common words, rare ones, several, with filters. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { createSearchIndex } from '../../../src/store/search-index.ts';
import type { Bench } from '../bench.ts';
import { addSessions, makeDirectory } from '../database.ts';
import { costOf } from '../measure.ts';
import { startServer } from '../processes.ts';
import type { Report, Row } from '../report.ts';

const MESSAGES = 1_000_000;
const SESSIONS = 2_000;
/** Words that messages are made of: the first ones stand in most of them, the last ones in few. */
const VOCABULARY = 40_000;
/** How often each kind of search is asked. */
const ASKED = 60;
/** Milliseconds, of 95 in 100. */
const LIMIT_MS = 100;
const GOAL_MS = 50;

/** A kind of search, and the words of its n-th asking. */
const CASES: readonly { name: string; queryOf: (n: number) => string }[] = [
  { name: 'a common word', queryOf: (n) => wordOf(n % 20) },
  { name: 'a rare word', queryOf: (n) => wordOf(VOCABULARY - 1 - n) },
  { name: 'two common words', queryOf: (n) => `${wordOf(n % 20)} ${wordOf(20 + (n % 20))}` },
  { name: 'a common and a rare one', queryOf: (n) => `${wordOf(n % 20)} ${wordOf(30_000 + n)}` },
  { name: 'the beginning of a word', queryOf: (n) => wordOf(500 + n).slice(0, 4) },
  { name: 'a phrase', queryOf: (n) => `"${wordOf(n % 20)} ${wordOf((n + 1) % 20)}"` },
  { name: 'one project', queryOf: (n) => `project:project-${n % 40} ${wordOf(n % 20)}` },
  { name: 'today', queryOf: (n) => `when:today ${wordOf(n % 20)}` },
  { name: 'nothing like it', queryOf: (n) => `zzzzz${n}` },
];

export async function search({ directory, share, isQuick, serverFlags }: Bench): Promise<Report> {
  const messages = isQuick ? MESSAGES / 10 : MESSAGES;
  const data = join(directory, 'search');
  await makeDirectory(data);
  const ids = Array.from({ length: SESSIONS }, (_, at) => `session-${at}`);
  addSessions(
    data,
    ids.map((id) => ({ id, messages: 0 })),
  );
  addMessages(data, ids, messages);
  const indexedS = indexAll(data);
  await using server = await startServer(data, { flags: serverFlags });
  const ask = (query: string) => searched(server.port, query);
  const rows: Row[] = [];
  const count = Math.round(ASKED * share) + 1;
  for (const { name, queryOf } of CASES) {
    const times: number[] = [];
    let hits = 0;
    let partial = 0;
    const { cpuMs } = await costOf(server.pid, async () => {
      for (let n = 0; n < count; n += 1) {
        const from = performance.now();
        const found = await ask(queryOf(n));
        times.push(performance.now() - from);
        hits += found.hits.length;
        if (found.is_partial) partial += 1;
      }
    });
    times.sort((one, other) => one - other);
    const at = (part: number): number => times[Math.floor((times.length - 1) * part)] ?? 0;
    rows.push({
      cells: [name, at(0.5), at(0.95), at(1), cpuMs / count, hits / count, partial],
      budget: { value: at(0.95), limit: LIMIT_MS, goal: GOAL_MS },
    });
  }
  return {
    title: `Search in ${messages.toLocaleString('en')} messages`,
    columns: ['', 'p50 ms', 'p95 ms', 'most ms', 'CPU ms each', 'hits each', 'not seen all'],
    rows,
    notes: [
      `From asking over HTTP until the whole answer. The index of all messages was made in ${indexedS} s before that.`,
    ],
  };
}

/** Takes all messages into the index, as the writer thread does between batches. @returns how long it took, s */
function indexAll(directory: string): number {
  const database = new Database(join(directory, 'orbitdock.db'));
  const began = performance.now();
  try {
    database.pragma('synchronous = OFF');
    const index = createSearchIndex(database);
    let isBehind = true;
    while (isBehind) isBehind = index.slice();
    database.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    database.close();
  }
  return Math.round((performance.now() - began) / 1000);
}

interface Found {
  hits: unknown[];
  is_partial?: boolean;
}

async function searched(port: number, query: string): Promise<Found> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/messages`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ type: 'search', query, utc_offset_minutes: 0 }),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Found;
}

const SYLLABLES = 'ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu'.split(' ');

/** The word of that number: of three syllables or more, none the beginning of all others. */
function wordOf(number: number): string {
  let rest = number + SYLLABLES.length ** 2;
  let word = '';
  while (rest > 0) {
    word = `${SYLLABLES[rest % SYLLABLES.length]}${word}`;
    rest = Math.floor(rest / SYLLABLES.length);
  }
  return word;
}

/** Messages of some thirty words, a small number of which make up most of any text. */
function addMessages(directory: string, ids: readonly string[], count: number): void {
  const database = new Database(join(directory, 'orbitdock.db'));
  try {
    database.pragma('synchronous = OFF');
    const insert = database.prepare(
      `INSERT INTO messages (id, session_id, type, content, timestamp, sequence, tool_name, tool_input,
         tool_output, created_revision, changed_revision)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    let seed = 1;
    const random = (): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed / 4_294_967_296;
    };
    const words = Array.from({ length: VOCABULARY }, (_, number) => wordOf(number));
    const text = (length: number): string =>
      Array.from({ length }, () => words[Math.floor(VOCABULARY ** random()) - 1] ?? '').join(' ');
    const now = Date.now();
    database.transaction(() => {
      // Of today: what nobody has used for half a year is removed.
      database
        .prepare(
          "UPDATE sessions SET project_name = 'project-' || (rowid % 40), last_activity_at = ?",
        )
        .run(new Date(now).toISOString());
      for (let n = 0; n < count; n += 1) {
        const isTool = n % 2 === 0;
        const at = new Date(now - (count - n) * 4_000).toISOString();
        const revision = Math.floor(n / ids.length) + 1;
        insert.run(
          ...[`m${n}`, ids[n % ids.length], isTool ? 'tool' : 'assistant', text(12), at, revision],
          ...[isTool ? 'Bash' : null, isTool ? JSON.stringify({ command: text(6) }) : null],
          ...[isTool ? text(18) : null, revision, revision],
        );
      }
    })();
    database.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    database.close();
  }
}
