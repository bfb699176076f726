/** One line for each session: from the database for all of them, from a commit for the one that moved. */
import { workStatusOf } from '../../machines/session-status.ts';
import { wireTime } from '../protocol/encode.ts';
import type { InspectDoing, InspectRow, InspectWaiting } from '../protocol/inspect.ts';
import type { ApprovalRequest, TokenUsage } from '../protocol/nouns.ts';
import type { LiveSession } from '../runtime/sessions/live-session.ts';
import type { InspectedSession } from '../store/queries/journal.ts';
import type { EventItem } from '../store/writer-messages.ts';
import { typeOf } from './history.ts';
import { redactText } from './redact.ts';
import { linkOf, pathsOf, valueFrom } from './redacted-view.ts';

/** Longest name in a row, characters. */
const NAME_CHARS = 120;
/** Longest text in a row, characters: two lines of a list. */
const TEXT_CHARS = 240;

/** What a row says of a session, as its actor and its columns both know it. */
type Described = Pick<
  InspectedSession,
  'id' | 'provider' | 'work_status' | 'project_name' | 'model' | 'started_at'
> & { token_usage: TokenUsage } & {
  [Name in
    | 'custom_name'
    | 'summary'
    | 'first_prompt'
    | 'last_message'
    | 'git_branch'
    | 'integration_mode'
    | 'codex_integration_mode'
    | 'claude_integration_mode']?: string | null | undefined;
};

/** The row of a session that has just moved. */
export function rowOf(
  live: LiveSession,
  item: EventItem,
  seq: number,
  eventsPerSecond: number,
): InspectRow {
  const { snapshot } = live.head;
  const { session, turn } = snapshot.context;
  const [open] = snapshot.context.approvals;
  const value = valueFrom(item.value);
  return {
    ...description({ ...session, work_status: workStatusOf(snapshot) }),
    waiting: open === undefined ? null : waitingFor(open.request, wireTime(open.at)),
    doing: doingOf(live, item),
    agents: snapshot.context.agents.length,
    working_since: turn.id === null ? null : wireTime(turn.startedAt),
    value,
    path: pathsOf(value),
    link: linkOf(value),
    lastEvent: typeOf(item.event),
    lastAccepted: item.accepted,
    at: item.at,
    seq,
    eventsPerSecond,
    live: true,
  };
}

/** What a row calls a session. */
export function namesOfSession({
  head,
}: LiveSession): Pick<InspectRow, 'name' | 'title' | 'project'> {
  const { session } = head.snapshot.context;
  return description({ ...session, work_status: workStatusOf(head.snapshot) });
}

/** The row of a session as the database has it. */
export function storedRow(
  session: InspectedSession,
  now: { live: boolean; eventsPerSecond: number },
): InspectRow {
  const { at, seq, value, event, accepted, request, requested_at } = session;
  const state = value === null ? null : valueFrom(value);
  return {
    ...description({ ...session, token_usage: usageOf(session) }),
    waiting:
      request === null || requested_at === null
        ? null
        : waitingFor(JSON.parse(request) as ApprovalRequest, requested_at),
    value: state,
    path: state === null ? [] : pathsOf(state),
    link: state === null ? null : linkOf(state),
    lastEvent: event,
    lastAccepted: accepted,
    at,
    seq,
    ...now,
  };
}

/** Names and texts are chosen by people and agents and may hold anything. */
function description(session: Described) {
  const { id, provider, work_status, model, started_at } = session;
  // A live session has one, a stored one a column for each provider.
  const { integration_mode, codex_integration_mode, claude_integration_mode } = session;
  const modes = [integration_mode, codex_integration_mode, claude_integration_mode];
  return {
    id,
    name: redactText(session.custom_name ?? session.project_name ?? id, NAME_CHARS),
    title: titleOf(session),
    project: shown(session.project_name, NAME_CHARS),
    branch: shown(session.git_branch, NAME_CHARS),
    model: shown(model, NAME_CHARS),
    provider,
    steered: modes.includes('direct'),
    started_at,
    last_message: shown(plainText(session.last_message), TEXT_CHARS),
    context: contextUsed(provider, session.token_usage),
    work_status,
  };
}

/** What a session is called: as a person or its provider named it, or as it began. */
function titleOf({ custom_name, summary, first_prompt }: Described): string | null {
  const named = [custom_name, summary].find((name) => (name ?? '').trim() !== '');
  return shown(plainText(named ?? firstSentence(first_prompt ?? '')), NAME_CHARS);
}

/** Up to the first full stop that ends more than a word or two, or the end of the first line. */
function firstSentence(text: string): string {
  const [line = ''] = text.trim().split('\n', 1);
  return /^.{8,}?[.!?。？！](?=\s|$)/u.exec(line)?.[0].replace(/[.。]$/u, '') ?? line;
}

/**
 * An open request as a row says it.
 *
 * @param since  when it was asked, ISO 8601 UTC with milliseconds
 */
export function waitingFor(request: ApprovalRequest, since: string): InspectWaiting {
  const { id, type, tool_name, command, file_path, diff, question, questions } = request;
  return {
    request: id,
    type,
    tool: shown(tool_name, NAME_CHARS),
    text: shown(command ?? plainText(question) ?? file_path, TEXT_CHARS) ?? '',
    questions: Math.max(1, questions?.length ?? 0),
    ...(diff !== null && { lines: linesOf(diff) }),
    since,
  };
}

/** Lines that a unified diff adds and takes away; the two lines that name the file are none of them. */
function linesOf(diff: string): { added: number; removed: number } {
  const starting = (mark: RegExp): number => diff.match(mark)?.length ?? 0;
  return { added: starting(/^\+(?!\+\+ )/gm), removed: starting(/^-(?!-- )/gm) };
}

/** Headline of the tool that a session began last, while its actor lives. */
const headlines = new WeakMap<LiveSession, string>();

/** The newest tool that runs; its headline is in the facts of the event that began it. */
function doingOf(live: LiveSession, item: EventItem): InspectDoing | null {
  const tool = live.head.snapshot.context.tools.at(-1);
  if (tool === undefined) return null;
  if (typeOf(item.event) === 'tool.started') {
    const facts = JSON.parse(item.facts) as { type: string; message?: { content: string } }[];
    const begun = facts.findLast(({ type }) => type === 'message_appended');
    headlines.set(live, shown(begun?.message?.content, TEXT_CHARS) ?? '');
  }
  return { tool: shown(tool.name, NAME_CHARS) ?? '', text: headlines.get(live) ?? '' };
}

/** Codex counts what it read from its cache among its input, Claude beside it. */
function contextUsed(provider: string, usage: TokenUsage): number | null {
  const { input_tokens, cached_tokens, context_window } = usage;
  const used = provider === 'codex' ? input_tokens : input_tokens + cached_tokens;
  return context_window > 0 && used > 0 ? Math.min(1, used / context_window) : null;
}

function usageOf(session: InspectedSession): TokenUsage {
  const { input_tokens, output_tokens, cached_tokens, context_window } = session;
  return { input_tokens, output_tokens, cached_tokens, context_window };
}

/**
 * Markdown as a person reads it aloud: a row of a list has no room for headings, lists, links or fences. Cut
 * first, for a message may be a whole file.
 */
function plainText(text: string | null | undefined): string | null {
  if (text === null || text === undefined) return null;
  return text
    .slice(0, TEXT_CHARS * 4)
    .replace(/^\s*(```|~~~).*$/gm, '')
    .replace(/^\s{0,3}(#{1,6}\s+|>\s?|[-*+]\s+(\[[ x]\]\s+)?)/gm, '')
    .replace(/!?\[([^\]\n]*)\]\([^)\n]*\)/g, '$1')
    .replace(/(\*\*|__|~~)(?=\S)(.+?)(?<=\S)\1/g, '$2')
    .replace(/(?<![\w*])\*(?=[^\s*])([^*\n]+?)(?<=\S)\*(?![\w*])/g, '$1')
    .replace(/`+([^`\n]+)`+/g, '$1')
    .replace(/^\s*(\*\s*){3,}$|^\s*(-\s*){3,}$/gm, '');
}

/** On one line, without secrets; null for nothing. */
function shown(text: string | null | undefined, chars: number): string | null {
  // Cut before it is made one line: a text may be a whole file.
  const line = (text ?? '')
    .slice(0, chars * 4)
    .replace(/\s+/g, ' ')
    .trim();
  return line === '' ? null : redactText(line, chars);
}
