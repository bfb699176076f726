/**
 * What a hook prints. A PermissionRequest hook: so that Claude Code does as a client decided; the CLI judges it once
 * more, its own deny and ask rules hold, also for what was allowed here. A Stop hook: so that the agent goes on with
 * words of a client.
 */
import type { ConnectorCommand } from '../../../../machines/session-facts.ts';
import type { Hook } from '../../../protocol/hook.ts';
import type { HookAnswer } from '../../provider.ts';

type CommandOf<Type extends ConnectorCommand['type']> = Extract<ConnectorCommand, { type: Type }>;
type Fields = Record<string, unknown>;

/** Words for the model where the person gave none. */
const DENIED = 'The user denied this tool use.';

/** What the hook prints for a client's decision or answer, or why that cannot be said to the CLI. */
export function answerOf(hook: Hook, command: ConnectorCommand): HookAnswer {
  if (command.type === 'words.give') return { text: JSON.stringify(goingOn(hook, command.text)) };
  if (command.type === 'approval.answer') return decided(hook, command);
  if (command.type === 'question.answer') return answered(hook, command);
  return { refusal: 'Claude Code takes a decision or an answer only' };
}

/** The changes of its rules that the CLI suggests for "always", in its own form. */
export function suggestionsOf({ permission_suggestions: given }: Hook): Fields[] {
  return Array.isArray(given) ? given.filter(isFields) : [];
}

/**
 * Versions that name the prompt in their hooks know `additionalContext` of Stop (since 2.1.163); the older form works
 * with all, and shows as an error in the terminal.
 */
function goingOn({ prompt_id }: Hook, text: string): Fields {
  if (!prompt_id) return { decision: 'block', reason: text };
  return { hookSpecificOutput: { hookEventName: 'Stop', additionalContext: text } };
}

function decided(hook: Hook, command: CommandOf<'approval.answer'>): HookAnswer {
  const { decision, message, updatedInput } = command;
  if (decision === 'denied' || decision === 'abort') {
    const interrupt = decision === 'abort' ? { interrupt: true } : {};
    return said({ behavior: 'deny', message: message ?? DENIED, ...interrupt });
  }
  if (updatedInput !== undefined && !isFields(updatedInput)) {
    return { refusal: 'updated_input is an object: all fields of the tool, changed or not' };
  }
  const input = updatedInput === undefined ? inputOfPlan(hook) : { updatedInput };
  if (decision === 'approved') return said({ behavior: 'allow', ...input });
  const updatedPermissions = chosen(hook, command);
  if (typeof updatedPermissions === 'string') return { refusal: updatedPermissions };
  return said({ behavior: 'allow', ...input, updatedPermissions });
}

/** The suggestions that a decision means: those that are named, else those that hold as long as it says. */
function chosen(hook: Hook, { decision, suggestions: places }: CommandOf<'approval.answer'>) {
  const all = suggestionsOf(hook);
  if (all.length === 0) return 'Claude Code suggests no rule for this; approve it once';
  if (places !== undefined) {
    if (places.length === 0) return 'no suggestion is chosen; approve it once';
    // Each once, however often it is named: the answer would grow without a bound.
    const named = [...new Set(places)].map((place) => all[place]);
    return named.every(isFields) ? named : `its suggestions are numbered 0 to ${all.length - 1}`;
  }
  const isOfSession = ({ destination }: Fields) => destination === 'session';
  if (decision === 'approved_always') {
    const lasting = all.filter((one) => !isOfSession(one));
    return lasting.length > 0 ? lasting : all;
  }
  // A rule that would outlive the session is applied to this one only.
  const rules = all.filter(({ type }) => type === 'addRules');
  return (rules.length > 0 ? rules : all).map((one) => ({ ...one, destination: 'session' }));
}

function answered(hook: Hook, command: CommandOf<'question.answer'>): HookAnswer {
  const { tool_name, tool_input } = hook;
  const input = isFields(tool_input) ? tool_input : {};
  if (tool_name === 'ExitPlanMode') return planAnswered(hook, command);
  if (tool_name !== 'AskUserQuestion') {
    return { refusal: 'it asks whether a tool may run: approve or deny it' };
  }
  const questions = (Array.isArray(input.questions) ? input.questions : []).filter(isFields);
  const { answers: given, text } = command;
  const answers = new Map<string, string>();
  for (const [index, { question }] of questions.entries()) {
    if (typeof question !== 'string') continue;
    const answer = own(given, question) ?? own(given, String(index)) ?? text;
    if (answer.trim() === '')
      return { refusal: `the question ${JSON.stringify(question)} has no answer` };
    answers.set(question, answer);
  }
  if (questions.length === 0)
    return { refusal: 'the question is not known; answer it in the terminal' };
  return said({
    behavior: 'allow',
    updatedInput: { ...input, answers: Object.fromEntries(answers) },
  });
}

/** A question may be called as what every object has. */
function own(given: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(given, name) ? given[name] : undefined;
}

/** Since 2.1.330 the dialog of a plan stays open over a consent that does not give the input back, as of a question. */
function inputOfPlan({ tool_name, tool_input }: Hook): Fields {
  if (tool_name !== 'ExitPlanMode') return {};
  return { updatedInput: isFields(tool_input) ? tool_input : {} };
}

/** Words of a person that start the work on a plan; all others are what to change in it. */
const CONSENT = /^(yes|y|ok|okay|approve|approved|proceed|go ahead|start)[.!]?$/i;

function planAnswered(hook: Hook, { text }: CommandOf<'question.answer'>): HookAnswer {
  const words = text.trim();
  if (CONSENT.test(words)) return said({ behavior: 'allow', ...inputOfPlan(hook) });
  if (words === '') return { refusal: 'say yes, or what to change in the plan' };
  return said({ behavior: 'deny', message: words });
}

function said(decision: Fields): HookAnswer {
  const hookSpecificOutput = { hookEventName: 'PermissionRequest', decision };
  return { text: JSON.stringify({ hookSpecificOutput }) };
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
