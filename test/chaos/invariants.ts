/** What must be true whatever was done to the server, beside what `verdictOn` looks at. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { damageOf, gapsOf, lostKeys } from '../support/audit.ts';
import { wsClient } from '../support/clients.ts';
import { sessionDifferences, snapshotOf } from '../support/compare.ts';
import { rowsOf } from '../support/database.ts';
import type { Stage } from './faults.ts';

/** More than it may ever hold, MiB. */
const MAX_PEAK_MIB = 400;
/** Files and sockets that stay open while only the crowd is there. */
const MAX_FILES = 200;

/**
 * Everything acknowledged is stored once, numbers have no gaps, each watcher shows what is stored. Stamps are not
 * compared with the moments of the senders: the server's clock was set.
 */
export async function verdictOf({ server, crowd }: Stage): Promise<string[]> {
  const { paths } = server;
  const wrong = damageOf(paths);
  for (const { session, acknowledged, surprises } of crowd.producers) {
    wrong.push(...surprises.map((words) => `${session}: ${words}`), ...gapsOf(paths, session));
    wrong.push(...lostKeys(paths, acknowledged).map((key) => `${session} lost ${key}`));
    const [row] = rowsOf<{ count: number }>(
      paths,
      `SELECT count(*) AS count FROM journal WHERE session_id = ? AND origin IN ('hook', 'spool')`,
      session,
    );
    // The very first start only announces the session.
    const received = Math.max(0, acknowledged.length - 1);
    if (row?.count !== received)
      wrong.push(`${session}: ${row?.count} stored, ${received} acknowledged`);
  }
  for (const watcher of crowd.watchers) {
    await watcher.rest();
    wrong.push(...watcher.model.complaints);
  }
  await using newcomer = await wsClient(server.url);
  for (const { session, acknowledged } of crowd.producers) {
    if (acknowledged.length < 2) continue;
    const snapshot = await snapshotOf(newcomer, session);
    for (const { model } of crowd.watchers) wrong.push(...sessionDifferences(model, snapshot));
  }
  const quarantined = rowsOf<{ error: string }>(paths, 'SELECT error FROM quarantine');
  wrong.push(...quarantined.map(({ error }) => `quarantined: ${error}`));
  return wrong;
}

/** What went into the spool was taken or set aside, each once. */
export async function spoolOf({ server: { paths }, spooled, junk }: Stage): Promise<string[]> {
  const waiting = () => readdirSync(paths.spool).filter((name) => name !== 'quarantine');
  const untilMs = performance.now() + 30_000;
  while (waiting().length > 0 && performance.now() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const [row] = rowsOf<{ count: number }>(
    paths,
    `SELECT count(*) AS count FROM journal WHERE session_id = 'spooled' AND origin = 'spool'`,
  );
  const aside = readdirSync(paths.quarantine).filter((name) => !name.endsWith('.reason')).length;
  const taken = row?.count ?? 0;
  return [
    ...waiting().map((name) => `still in the spool: ${name}`),
    ...(taken === spooled ? [] : [`${taken} of ${spooled} files of the spool were taken`]),
    ...(aside === junk ? [] : [`${aside} of ${junk} junk files were set aside`]),
  ];
}

/** Memory, open files, modes, left-over files, the log and what it must not hold. */
export function processOf({ server: { pid, paths, output } }: Stage, secrets: string[]): string[] {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const peak = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
  const files = readdirSync(`/proc/${pid}/fd`).length;
  const wrong = [
    ...(peak < MAX_PEAK_MIB ? [] : [`held ${Math.round(peak)} MiB`]),
    ...(files < MAX_FILES ? [] : [`${files} files are open`]),
    ...(output.includes('    at ') ? [`a stack on the terminal: ${output.slice(-600)}`] : []),
  ];
  for (const name of readdirSync(paths.dir, { recursive: true, encoding: 'utf8' })) {
    if (name.startsWith(join('spool', ''))) continue;
    const path = join(paths.dir, name);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found && (found.mode & 0o077) !== 0) wrong.push(`${name} can be read by others`);
    if (/\.tmp/.test(name)) wrong.push(`${name} was left`);
  }
  const log = readFileSync(paths.log, 'utf8');
  for (const event of ['server.crashed', 'session.crashed', 'inspection.failed']) {
    const line = log.split('\n').find((text) => text.includes(`"${event}"`));
    if (line) wrong.push(line.slice(0, 500));
  }
  const shown = log + readFileSync(`/proc/${pid}/cmdline`, 'utf8') + output;
  wrong.push(...secrets.filter((one) => shown.includes(one)).map(() => 'a secret is shown'));
  return wrong;
}
