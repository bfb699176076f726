/**
 * What the fake model says next. A user message is the script, one `!directive` a line; the place in it
 * is read from the request (how many tool outputs follow the message), so nothing is kept and retries,
 * forks and many sessions cannot push it out of step.
 *
 *   !exec CMD  !esc CMD                run a command; ask to run it outside the sandbox
 *   !patch {"add":P,"text":T} | {"update":P,"from":A,"to":B} | {"del":P}
 *   !plan a;b  !ask Q1;Q2              the plan; questions with two options each
 *   !tool [NS::]NAME {json}  !js SRC   any tool; raw source in code mode
 *   !think T  !say T  !slow N MS       reasoning; text; N deltas with a pause after each
 *   !wait NAME                         until the test opens NAME
 *   !hang  !cut  !http CODE            never ends; the stream breaks; the API refuses
 *
 * Words without a script are answered `Done. last user: …`, or as their schema wants it.
 * What stands before a tool goes out in the same answer. Without a tool at its end an answer ends the
 * turn, and it is over as soon as another user message follows (that is how a steered turn shows).
 */

/** The parts of a request that are read here. */
export interface ResponsesBody {
  readonly model: string;
  readonly input: readonly InputItem[];
  readonly tools?: readonly ToolSpec[];
  readonly text?: { readonly format?: { readonly type: string; readonly schema?: Schema } };
}

/** As much of a JSON schema as an answer without a script is made of. */
interface Schema {
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** One item of the conversation. */
export interface InputItem {
  readonly type: string;
  readonly role?: string;
  readonly content?: string | readonly Content[];
  readonly tools?: readonly ToolSpec[];
}

/** One piece of a message. */
interface Content {
  readonly type: string;
  readonly text?: string;
  /** What agents send each other; only the real provider encrypts it. */
  readonly encrypted_content?: string;
}

/** A tool as it is offered; a namespace holds others. */
interface ToolSpec {
  readonly type: string;
  readonly name?: string;
  readonly tools?: readonly ToolSpec[];
}

/** One piece of an answer, in order. */
export type Part =
  | { kind: 'think' | 'say'; text: string }
  | { kind: 'slow'; count: number; ms: number }
  | { kind: 'wait'; name: string }
  | { kind: 'hang' }
  | { kind: 'cut' }
  | { kind: 'http'; status: number }
  | { kind: 'call'; name: string; namespace?: string; args: object }
  | { kind: 'custom'; name: string; input: string };

const TOOLS = new Set(['exec', 'esc', 'patch', 'plan', 'ask', 'tool', 'js']);
/** Codex asks with these words, and then hands the answer on as a user message. */
const COMPACTION = 'You are performing a CONTEXT CHECKPOINT COMPACTION';
const SUMMARY = 'A summary of it all.';

/** The next answer to a conversation. */
export function nextAnswer(body: ResponsesBody): Part[] {
  const users = body.input.flatMap((item, at) =>
    isSpoken(item) ? [{ text: textOf(item), at }] : [],
  );
  const last = users.at(-1);
  if (last === undefined) return [{ kind: 'say', text: 'Nobody spoke.' }];
  if (last.text.startsWith(COMPACTION)) return [{ kind: 'say', text: SUMMARY }];
  // What was said before a summary is kept without what came of it: those scripts are over.
  const isSummary = ({ text }: { text: string }): boolean => text.includes(SUMMARY);
  const recent = users.slice(users.findLastIndex(isSummary) + 1);
  const script = recent.findLast(({ text }) => /^!\w/m.test(text));
  if (script) {
    const answers = answersOf(script.text);
    const done = body.input.slice(script.at).filter(({ type }) => type.endsWith('_output')).length;
    const lines = answers[done];
    const isOver = script !== last && !lines?.some(({ verb }) => TOOLS.has(verb));
    if (lines && !isOver) return lines.map((line) => partOf(line, toolNames(body)));
  }
  const { schema } = body.text?.format ?? {};
  const text = schema ? filled(schema) : `Done. last user: ${last.text.split('\n')[0]}`;
  return [{ kind: 'say', text }];
}

/** An answer that keeps to a schema of texts. */
function filled({ properties = {} }: Schema): string {
  const values = Object.keys(properties).map((name) => [name, `the ${name} of it`]);
  return JSON.stringify(Object.fromEntries(values));
}

interface ScriptLine {
  verb: string;
  rest: string;
}

/** The lines of a script by the answer they go out in: each ends with a tool, or with the script. */
function answersOf(script: string): ScriptLine[][] {
  const answers: ScriptLine[][] = [[]];
  for (const [, verb = '', rest = ''] of script.matchAll(/^!(\w+)(?: (.*))?$/gm)) {
    answers.at(-1)?.push({ verb, rest });
    if (TOOLS.has(verb)) answers.push([]);
  }
  return answers.filter((lines) => lines.length > 0);
}

function partOf({ verb, rest }: ScriptLine, offered: ReadonlySet<string>): Part {
  switch (verb) {
    case 'think':
    case 'say':
      return { kind: verb, text: rest };
    case 'slow': {
      const [count = 1, ms = 0] = rest.split(' ').map(Number);
      return { kind: 'slow', count, ms };
    }
    case 'wait':
      return { kind: 'wait', name: rest };
    case 'hang':
    case 'cut':
      return { kind: verb };
    case 'http':
      return { kind: 'http', status: Number(rest) };
    case 'js':
      return { kind: 'custom', name: 'exec', input: rest };
    case 'ask':
      // Asking stays a tool of its own in code mode.
      return { kind: 'call', name: 'request_user_input', args: { questions: questionsOf(rest) } };
    default:
      return isDirect(toolOf(verb, rest), offered) ? toolOf(verb, rest) : inCode(verb, rest);
  }
}

function toolOf(verb: string, rest: string): Part {
  if (verb === 'patch') return { kind: 'custom', name: 'apply_patch', input: patchOf(rest) };
  const [, namespace, name = '', json] = /^(?:(\S+)::)?(\S+)(?: (.*))?$/.exec(rest) ?? [];
  switch (verb) {
    case 'exec':
    case 'esc':
      return { kind: 'call', name: 'exec_command', args: commandOf(verb, rest) };
    case 'plan':
      return { kind: 'call', name: 'update_plan', args: planOf(rest) };
    case 'tool':
      return {
        kind: 'call',
        name,
        args: JSON.parse(json || '{}'),
        ...(namespace && { namespace }),
      };
    default:
      throw new Error(`The script says !${verb}, which the fake model does not know`);
  }
}

/** The same tool, called from JavaScript as code-mode models do. */
function inCode(verb: string, rest: string): Part {
  const tool = toolOf(verb, rest);
  if (tool.kind !== 'call' && tool.kind !== 'custom') return tool;
  const name = 'namespace' in tool ? `${tool.namespace}__${tool.name}` : tool.name;
  const argument = JSON.stringify(tool.kind === 'call' ? tool.args : tool.input);
  const input = `const r = await tools.${name}(${argument}); text(typeof r === 'string' ? r : JSON.stringify(r));`;
  return { kind: 'custom', name: 'exec', input };
}

function commandOf(verb: string, cmd: string): object {
  const base = { cmd, yield_time_ms: 10_000 };
  if (verb === 'exec') return base;
  const justification = 'needs to leave the sandbox';
  return { ...base, sandbox_permissions: 'require_escalated', justification };
}

function planOf(rest: string): object {
  const plan = rest
    .split(';')
    .map((step, at) => ({ step: step.trim(), status: at === 0 ? 'in_progress' : 'pending' }));
  return { explanation: 'a plan', plan };
}

function questionsOf(rest: string): object[] {
  return rest.split(';').map((question, at) => ({
    id: `q${at + 1}`,
    header: `Part ${at + 1}`,
    question: question.trim(),
    options: [
      { label: 'Yes (Recommended)', description: 'go on' },
      { label: 'No', description: 'stop here' },
    ],
  }));
}

function patchOf(rest: string): string {
  const { add, text = '', update, from, to, del } = JSON.parse(rest) as Record<string, string>;
  const plus = (lines: string) => lines.split('\n').map((line) => `+${line}`);
  const body = [];
  if (add) body.push(`*** Add File: ${add}`, ...plus(text));
  if (update) body.push(`*** Update File: ${update}`, '@@', `-${from}`, ...plus(to ?? ''));
  if (del) body.push(`*** Delete File: ${del}`);
  return ['*** Begin Patch', ...body, '*** End Patch'].join('\n');
}

/** Words of a person, or of the agent that gave a subagent its task; what Codex adds begins with a tag. */
function isSpoken(item: InputItem): boolean {
  if (item.type === 'agent_message') return !textOf(item).includes('FINAL_ANSWER');
  if (item.type !== 'message' || item.role !== 'user') return false;
  return !/^(<|# AGENTS\.md)/.test(textOf(item));
}

/** The text of a message. */
export function textOf({ content }: InputItem): string {
  if (content === undefined || typeof content === 'string') return content ?? '';
  return content.map((piece) => piece.text ?? piece.encrypted_content ?? '').join('\n');
}

/**
 * Code-mode models are offered few tools themselves; the others are called from the code they write. A
 * model with direct tools calls what it likes: tools of MCP servers need not be listed.
 */
function isDirect(part: Part, offered: ReadonlySet<string>): boolean {
  return offered.has('exec_command') || ('name' in part && offered.has(part.name));
}

/** Names of all tools a request offers, those in namespaces too. */
export function toolNames(body: ResponsesBody): Set<string> {
  const names = new Set<string>();
  const take = (tools: readonly ToolSpec[] = []): void => {
    for (const { name, tools: inner } of tools) {
      if (name !== undefined) names.add(name);
      take(inner);
    }
  };
  take(body.tools);
  for (const item of body.input) if (item.type === 'additional_tools') take(item.tools);
  return names;
}
