/**
 * What a person reads about a session and its open request: title, question, what is asked for, where it
 * can be answered. The list, the inbox, the request's card and the tab title ask here. Pure.
 */
import type { SessionView } from '../../src/client/index.ts';
import type { ApprovalRequest, Question, SessionSummary } from '../../src/protocol/nouns.ts';

/** Tools of models whose use is itself a question to a person. */
const ASKING_TOOLS = new Set(['AskUserQuestion', 'ExitPlanMode']);
/** Longest title, characters; longer first prompts end with their first sentence or here. */
const TITLE_CHARS = 120;

/** What kind of decision a request wants. */
export type RequestKind = 'command' | 'tool' | 'change' | 'plan' | 'questions' | 'form';

/** The parts of a request by which its kind is told. */
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
export function toolWords(name: string): string {
  const [, server, tool] = /^mcp__(.+?)(?:__(.+))?$/.exec(name) ?? [];
  return server === undefined ? name : [server, tool].filter(Boolean).join(' · ');
}

/** All questions of a request; a bare question is one without choices. */
export function questionsOf({ questions, question }: ApprovalRequest): readonly Question[] {
  if (questions && questions.length > 0) return questions;
  return [{ question: question ?? '', options: [], multi_select: false }];
}

/** Name for the buttons of a request: its first sixty characters, so that they can be told apart. */
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
 * The title of a session: what a person named it, else what the provider calls it, else the first sentence
 * of its first prompt, else its project and when it started. Never the folder alone.
 */
export function titleOf(session: SessionSummary): string {
  const { custom_name, summary, first_prompt, project_name, project_path, started_at } = session;
  const named = [custom_name, summary].find((name) => name !== undefined && name.trim() !== '');
  if (named !== undefined) return oneLine(named, TITLE_CHARS);
  const prompt = first_prompt?.trim();
  if (prompt) return oneLine(firstSentence(prompt), TITLE_CHARS);
  const project = projectOf({ project_name, project_path });
  return started_at === null ? project : `${project}, started ${startWords(started_at)}`;
}

/** The project's name, or the last part of its path. */
export function projectOf({
  project_name,
  project_path,
}: Pick<SessionSummary, 'project_name' | 'project_path'>): string {
  return project_name ?? project_path.split('/').filter(Boolean).at(-1) ?? project_path;
}

/** Whether the session obeys this server; any other is only watched. */
export function isDirect(
  session: Pick<SessionSummary, 'claude_integration_mode' | 'codex_integration_mode'>,
): boolean {
  return [session.claude_integration_mode, session.codex_integration_mode].includes('direct');
}

/** `Claude` or `Codex`, with the model where it is known. */
export function agentWords({
  provider,
  model,
}: Pick<SessionSummary, 'provider' | 'model'>): string {
  const name = provider === 'codex' ? 'Codex' : 'Claude';
  return model === null ? name : `${name} · ${model}`;
}

/** Text on one line, cut at the end; what is cut ends in an ellipsis. */
export function oneLine(text: string, chars: number): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= chars ? line : `${line.slice(0, chars - 1).trimEnd()}…`;
}

/** Up to the first full stop, question mark or line end. */
function firstSentence(text: string): string {
  const [line = text] = text.split('\n', 1);
  return /^.{8,}?[.!?。？！](?=\s|$)/u.exec(line)?.[0].replace(/[.。]$/u, '') ?? line;
}

function startWords(at: string): string {
  const date = new Date(at);
  const time = date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday
    ? time
    : `${date.toLocaleDateString([], { day: 'numeric', month: 'short' })}, ${time}`;
}
