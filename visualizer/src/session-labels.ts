/**
 * What a person reads about a session and its open request: title, question, what is asked for, where it
 * can be answered. The list, the inbox, the request's card and the tab title ask here. Pure.
 */
import type { SessionView } from '../../src/client/index.ts';
import type { InspectRow, InspectWaiting } from '../../src/protocol/inspect.ts';
import type {
  ApprovalRequest,
  Question,
  SessionSummary,
  TokenUsage,
} from '../../src/protocol/nouns.ts';
import { phaseOfRow } from './state-value.ts';

/** Tools of models whose use is itself a question to a person. */
const ASKING_TOOLS = new Set(['AskUserQuestion', 'ExitPlanMode']);

/** What kind of decision a request wants. */
export type RequestKind = 'command' | 'tool' | 'change' | 'plan' | 'questions' | 'form';

/** The parts of a request by which its kind is known. */
type Kinded = Pick<ApprovalRequest, 'type' | 'tool_name'>;

/** The kind of a request. A tool that has no command of its own is asked for by its name and input. */
export function kindOf({ type, tool_name: tool }: Kinded): RequestKind {
  if (type === 'patch') return 'change';
  if (tool === 'ExitPlanMode') return 'plan';
  if (type === 'question')
    return tool === undefined || ASKING_TOOLS.has(tool) ? 'questions' : 'form';
  return tool === undefined || tool === 'Bash' || tool === 'shell' ? 'command' : 'tool';
}

/** The question that a request puts to a person, as the heading of its card. */
export function questionWords(request: ApprovalRequest): string {
  const count = request.questions?.length ?? 1;
  switch (kindOf(request)) {
    case 'command':
      return 'May it run this command?';
    case 'tool':
      return `May it use the tool ${toolWords(request.tool_name ?? '')}?`;
    case 'change':
      return 'May it change this file?';
    case 'plan':
      return 'May it carry out this plan?';
    case 'form':
      return `${toolWords(request.tool_name ?? '')} asks you`;
    case 'questions':
      return count > 1 ? `It asks you ${count} questions` : 'It asks you';
  }
}

/** `mcp__grafana__query_range` as `grafana · query_range`; other names as they are. */
function toolWords(name: string): string {
  const [, server, tool] = /^mcp__(.+?)(?:__(.+))?$/.exec(name) ?? [];
  return server === undefined ? name : [server, tool].filter(Boolean).join(' · ');
}

/** All questions of a request; a bare question is one without choices. */
export function questionsOf({ questions, question }: ApprovalRequest): readonly Question[] {
  if (questions && questions.length > 0) return questions;
  return [{ question: question ?? '', options: [], multi_select: false }];
}

/** Name for the buttons of a request: its first sixty characters, so that they can be distinguished. */
export function subjectOf(request: ApprovalRequest): string {
  const { command, file_path, question } = request;
  return oneLine(command ?? file_path ?? question ?? '', 60);
}

/**
 * Where a request is answered that this server only watches: the terminal as far as it is known, and the
 * folder that its agent works in.
 */
export function terminalWords(session: Partial<SessionView>): string {
  const { terminal_app: app, terminal_session_id: id } = session;
  const folder = session.current_cwd ?? session.project_path;
  const terminal = app === undefined ? 'its own terminal' : `its own terminal (${app})`;
  const place = id === undefined ? '' : `, session ${id}`;
  return `Answer in ${terminal}${place}${folder ? `, in ${folder}` : ''}.`;
}

/**
 * The title of a session: its own, else its project and when it started. Never the folder alone, because
 * many sessions share it.
 */
export function titleOf(row: InspectRow): string {
  const { title, project, name, started_at } = row;
  if (title !== null) return title;
  const place = project ?? name;
  return started_at === null ? place : `${place}, started ${startWords(started_at)}`;
}

/** What a session does or waits for: a verb, and the thing. */
export interface Headline {
  verb: string;
  thing: string;
  /** The thing is a command, path or input, to be shown letter by letter; otherwise it is prose. */
  isCode: boolean;
}

/** The headline of a session, as its row, the inbox and the tab title say it. */
export function headlineOf(row: InspectRow, isUnread = false): Headline {
  const { waiting } = row;
  if (waiting !== null) return askingHeadline(waiting);
  const phase = phaseOfRow(row);
  if (phase === 'working') return workingHeadline(row);
  const last = row.last_message ?? '';
  const prose = (verb: string, thing = last): Headline => ({ verb, thing, isCode: false });
  if (row.link === 'failed') return prose('Connection failed.');
  if (row.work_status === 'permission') return prose('Waits in its terminal.');
  if (row.work_status === 'question') return prose('Asks you in its terminal.');
  if (phase === 'failed') return prose('Turn failed:');
  if (phase === 'ended') return prose('Ended.');
  if (isUnread) return prose('Finished:', firstSentence(last));
  if (last !== '') return prose('Idle. Last:');
  return prose(row.title === null ? 'Idle. No prompt seen yet.' : 'Idle.');
}

/** Up to the first full stop behind more than a word or two. */
function firstSentence(text: string): string {
  return /^.{8,}?[.!?。！？](?=\s|$)/u.exec(text)?.[0] ?? text;
}

function workingHeadline(row: InspectRow): Headline {
  const { doing, lastEvent, last_message: last, agents = 0 } = row;
  const also = agents > 0 ? ` · ${agents} ${agents === 1 ? 'subagent' : 'subagents'}` : '';
  if (doing) {
    const thing = `${doing.text}${also}`;
    return { verb: doingVerb(doing.tool), thing, isCode: doing.text !== '' };
  }
  if (lastEvent === 'compaction.started') {
    return { verb: 'Compacting', thing: also.slice(3), isCode: false };
  }
  if (lastEvent === 'message.changed' || lastEvent === 'message.added') {
    return { verb: last ? 'Writing:' : 'Writing', thing: last ?? '', isCode: false };
  }
  return { verb: agents > 0 ? 'Held by a subagent' : 'Thinking', thing: '', isCode: false };
}

/** Verbs for tools, by what a name begins with; others are called by their name. */
const VERBS: ReadonlyArray<[RegExp, string]> = [
  [/^(bash|shell|exec|command|local_shell)/i, 'Running'],
  [/^(edit|multiedit|notebookedit|apply_patch|patch|file.?change)/i, 'Editing'],
  [/^write/i, 'Writing'],
  [/^(read|view)/i, 'Reading'],
  [/^(grep|glob|search|websearch|web.?search|find|ls$)/i, 'Searching'],
  [/^(webfetch|fetch)/i, 'Fetching'],
  [/^(task|agent)/i, 'Held by a subagent:'],
];

function doingVerb(tool: string): string {
  const verb = VERBS.find(([pattern]) => pattern.test(tool))?.[1];
  return verb ?? `Using ${toolWords(tool)}`;
}

const kindOfWaiting = ({ type, tool }: InspectWaiting): RequestKind =>
  kindOf({ type, ...(tool !== null && { tool_name: tool }) });

function askingHeadline(waiting: InspectWaiting): Headline {
  const { questions, text, tool, lines } = waiting;
  switch (kindOfWaiting(waiting)) {
    case 'command':
      return { verb: 'Run a command:', thing: text, isCode: true };
    case 'tool': {
      // Without a command of its own it is put on the wire as its name and input.
      const input = tool !== null && text.startsWith(`${tool} `) ? text.slice(tool.length) : text;
      return {
        verb: 'Use a tool:',
        thing: `${toolWords(tool ?? '')} ${input.trim()}`,
        isCode: true,
      };
    }
    case 'change': {
      const counts = lines ? ` +${lines.added} \u2212${lines.removed}` : '';
      return { verb: 'Change a file:', thing: `${text}${counts}`, isCode: true };
    }
    case 'plan':
      return { verb: 'Plan to accept:', thing: text, isCode: false };
    default: {
      const verb = questions > 1 ? `Asks you ${questions} questions:` : 'Asks you:';
      return { verb, thing: text, isCode: false };
    }
  }
}

/** Since when a session waits, works or stands still, as far as it is known. */
export function sinceOf(row: InspectRow): string | null {
  if (row.waiting !== null) return row.waiting.since;
  return (phaseOfRow(row) === 'working' ? row.working_since : null) ?? row.at;
}

/** `shop · main · Claude`, as far as it is known. */
export function placeOf({ project, branch, provider }: InspectRow): string {
  return [project, branch, provider === 'codex' ? 'Codex' : 'Claude'].filter(Boolean).join(' · ');
}

/** All that a person may search a session by, in lower case. */
export function searchText(row: InspectRow): string {
  const { verb, thing } = headlineOf(row);
  const words = [titleOf(row), row.name, row.id, row.project, row.branch, row.provider, row.model];
  return [...words, verb, thing, ...row.path].join(' ').toLowerCase();
}

/** Whether the session obeys this server; any other is only watched. */
export function isDirect(
  session: Pick<SessionSummary, 'claude_integration_mode' | 'codex_integration_mode'>,
): boolean {
  return [session.claude_integration_mode, session.codex_integration_mode].includes('direct');
}

/** Text on one line, cut at the end; what is cut ends in an ellipsis. */
function oneLine(text: string, chars: number): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= chars ? line : `${line.slice(0, chars - 1).trimEnd()}…`;
}

/** Made once: a new formatter costs more than a hundred uses, and titles are asked for all the time. */
const TIME = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit' });
const DAY = new Intl.DateTimeFormat([], { day: 'numeric', month: 'short' });

function startWords(at: string): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return at;
  const time = TIME.format(date);
  return isToday(date) ? time : `${DAY.format(date)}, ${time}`;
}

function isToday(date: Date): boolean {
  const now = new Date();
  return (
    date.getDate() === now.getDate() &&
    date.getMonth() === now.getMonth() &&
    date.getFullYear() === now.getFullYear()
  );
}

/** `12,340 tokens read, 512 written, $0.42`: what an agent has taken so far, with the cost where its tool says it. */
export function usageWords(usage: TokenUsage): string {
  const { output_tokens, total_input_tokens: own = usage.input_tokens } = usage;
  const { cache_read_tokens = 0, cache_write_tokens = 0 } = usage;
  const read = own + cache_read_tokens + cache_write_tokens;
  const words = `${read.toLocaleString('en')} tokens read, ${output_tokens.toLocaleString('en')} written`;
  return usage.cost_usd === undefined ? words : `${words}, ${costWords(usage.cost_usd)}`;
}

/** `$0.42`; what is less than a cent is said so. */
export function costWords(usd: number): string {
  return usd > 0 && usd < 0.01 ? 'less than $0.01' : `$${usd.toFixed(2)}`;
}
