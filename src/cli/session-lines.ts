/** Sessions, requests and messages as lines of a terminal or of a file that a person reads; pure functions. */
import stringWidth from 'string-width';
import type { ApprovalRequest, Message, SessionSummary } from '../client/index.ts';
import { visibleText } from '../visible-text.ts';
import { printable } from './command.ts';

/** What a row of the list is made of. */
export interface SessionRow {
  session: SessionSummary;
  title: string;
  /** What it asks, in words; null while it asks nothing. */
  asks: string | null;
  /** Since when it asks or when it was last active, ms since 1970; null when that is not known. */
  sinceMs: number | null;
}

const STATES: Readonly<Record<SessionSummary['work_status'], string>> = {
  permission: 'waits',
  question: 'waits',
  working: 'works',
  waiting: 'idle',
  reply: 'idle',
  ended: 'ended',
};

/** In this order; those that wait for a person longest are the first. */
const ORDER = ['waits', 'works', 'idle', 'ended'];

/** What waits longest first, then what works, is idle or ended, each the newest first. */
export function inOrder(rows: readonly SessionRow[]): SessionRow[] {
  const rank = ({ session }: SessionRow) => ORDER.indexOf(STATES[session.work_status]);
  return [...rows].sort((a, b) => {
    const byState = rank(a) - rank(b);
    if (byState !== 0) return byState;
    const byTime = (a.sinceMs ?? 0) - (b.sinceMs ?? 0);
    return rank(a) === 0 ? byTime : -byTime;
  });
}

/**
 * One line a session, and a second one for what it asks.
 *
 * @param width  columns of the terminal, at which lines are cut; null: whole lines, one a session, whole ids
 */
export function listLines(
  rows: readonly SessionRow[],
  { nowMs, width }: { nowMs: number; width: number | null },
): string[] {
  if (rows.length === 0) return ['No sessions'];
  const ids = width === null ? rows.map(({ session }) => session.id) : shortIds(rows);
  const idWidth = Math.max(...ids.map((id) => id.length));
  return rows.flatMap(({ session, title, asks, sinceMs }, at) => {
    const since = sinceMs === null ? '' : agoOf(nowMs - sinceMs);
    const state = STATES[session.work_status].padEnd(5);
    const branch = session.git_branch ? ` (${session.git_branch})` : '';
    const place = `${session.project_name ?? session.project_path}${branch}`;
    const head = `${(ids[at] as string).padEnd(idWidth)}  ${state}  ${since.padStart(6)}`;
    const words = oneLine(title);
    if (width === null) {
      return [[head, session.provider, place, words, ...(asks ? [asks] : [])].join('  ')];
    }
    const line = cut(`${head}  ${place}  ${words}`, width);
    return asks === null ? [line] : [line, cut(`  ${asks}`, width)];
  });
}

/** The shortest beginnings, of at least eight characters, that each mean one session. */
function shortIds(rows: readonly SessionRow[]): string[] {
  const ids = rows.map(({ session }) => session.id);
  const longest = Math.max(...ids.map((id) => id.length));
  for (let length = 8; length < longest; length++) {
    if (new Set(ids.map((id) => id.slice(0, length))).size === ids.length) {
      return ids.map((id) => id.slice(0, length));
    }
  }
  return ids;
}

/** What a request asks, in one line: the verb, then the thing. */
export function askedWords(request: ApprovalRequest): string {
  return visibleText(headlineOf(request));
}

function headlineOf(request: ApprovalRequest): string {
  const { type, tool_name, command, file_path, question, questions } = request;
  if (tool_name === 'ExitPlanMode') return 'Plan to accept';
  if (type === 'question') {
    const count = questions?.length ?? 1;
    const first = oneLine(question ?? questions?.[0]?.question ?? '');
    return count > 1 ? `Asks you ${count} questions: ${first}` : `Asks you: ${first}`;
  }
  if (command) return `Run a command: ${oneLine(command)}`;
  if (type === 'patch' || file_path) return `Change ${file_path ?? 'files'}`;
  return `Use a tool: ${tool_name ?? 'one without a name'}`;
}

/** Everything that a request asks, and how to decide it; what would show nothing is made visible. */
export function requestLines(request: ApprovalRequest, isAnswerable: boolean): string[] {
  const { id, command, diff, tool_input, questions } = request;
  const options = (questions ?? []).flatMap(({ question, options: some }) => [
    `  ${visibleText(question)}`,
    ...some.map(({ label, description }) =>
      visibleText(`    - ${label}${description ? `: ${description}` : ''}`),
    ),
  ]);
  const whole = [command, diff, command || diff ? null : tool_input].filter((text) => text);
  return [
    `${askedWords(request)}   [request ${id}]`,
    ...options,
    ...(whole as string[]).flatMap((text) =>
      visibleText(text)
        .split('\n')
        .map((line) => `  ${line}`),
    ),
    isAnswerable ? '' : '  Watched only: answer in its own terminal.',
  ].filter((line) => line !== '');
}

/** A message: its author or tool, the words, and the result. */
export function messageLines(
  message: Pick<Message, 'message_type' | 'tool_name' | 'content' | 'tool_output' | 'is_error'>,
): string[] {
  const { message_type, tool_name, content, tool_output, is_error } = message;
  const failed = is_error ? ' (failed)' : '';
  return [
    `[${tool_name ?? message_type}]${failed} ${content}`,
    ...(tool_output ? [tool_output] : []),
    '',
  ];
}

/** A text as one line. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

const CHARACTERS = new Intl.Segmenter();

/** A line as far as it fits into that many columns; nothing is cut in the middle of a character. */
export function cut(line: string, width: number): string {
  // What the terminal gets is measured: control characters become longer when they are made harmless.
  const text = printable(line);
  if (stringWidth(text) <= width) return text;
  let kept = '';
  let used = 1;
  for (const { segment } of CHARACTERS.segment(text)) {
    used += stringWidth(segment);
    if (used > width) break;
    kept += segment;
  }
  return `${kept}…`;
}

function agoOf(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
