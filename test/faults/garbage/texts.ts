/**
 * Messages that are none: valid ones, broken in every way somebody once broke one (reliability 4.5). Each
 * is sure to be refused, whatever else was done to it, so that a refusal can be counted on.
 */
import { scriptOf } from '../../support/hooks.ts';
import type { Random } from '../../support/random.ts';

type Message = Record<string, unknown>;

/** An object that must be refused; every transport takes objects. */
export function brokenObject(random: Random): Message {
  const message = random.pick(BASES)(random);
  const decoration = random.pick(DECORATIONS);
  return random.chance(0.5) ? message : decoration(message, random);
}

/** A text that must be refused, by the parser or by whoever reads the object. */
export function brokenText(random: Random): string {
  return random.pick(SPELLINGS)(JSON.stringify(brokenObject(random)), random);
}

/** Values no field of an envelope may have. */
const WRONG_VALUES: readonly ((random: Random) => unknown)[] = [
  () => null,
  () => true,
  () => [],
  () => ({}),
  (random) => random.between(-1000, 1000),
  () => 2 ** 53 + 1,
  () => -0.5,
  () => ['subscribe_list'],
  () => ({ toString: 'subscribe_list' }),
];

/** Ids that name nothing that may be named. */
const WRONG_IDS: readonly unknown[] = [
  ...['', '.', '..', '../../etc/passwd', 'a/b', 'a b', 'nul\u0000', '\uD800', 'x'.repeat(129)],
  ...['__proto__/x', 'line\nbreak', '\u202E', '%2e%2e%2f', "'); DROP TABLE sessions; --"],
  ...[0, -1, 1e308, true, null, [], {}, ['s']],
];

const UNKNOWN_TYPES = [
  ...['', 'SUBSCRIBE_LIST', 'subscribe_list ', 'hello', 'error', 'toString', 'constructor'],
  ...['__proto__', 'hasOwnProperty', 'subscribe_list\u0000', 'session_snapshot', '\uD83D', '💥'],
];

/** They do something outside of the server when they are well-formed: a broken one never may. */
const DOERS = ['create_session', 'execute_shell', 'list_models', 'set_open_ai_key', 'approve_tool'];

const HOOK_TYPES = [
  ...['claude_session_start', 'claude_session_end', 'claude_status_event', 'claude_tool_event'],
  'claude_subagent_event',
];

const BASES: readonly ((random: Random) => Message)[] = [
  (random) => ({ type: random.pick(UNKNOWN_TYPES), session_id: 'any' }),
  (random) => ({ type: random.pick(WRONG_VALUES)(random), session_id: 'any' }),
  () => ({ typ: 'subscribe_list', sesion_id: 'renamed' }),
  () => ({ session_id: 'no type at all' }),
  () => ({ type: 'subscribe_session' }),
  (random) => ({ type: 'subscribe_session', session_id: random.pick(WRONG_VALUES)(random) }),
  (random) => ({ type: 'subscribe_session', session_id: `nobody-${random.between(1, 1e9)}` }),
  (random) => ({
    type: 'subscribe_session',
    session_id: 'nobody',
    since_revision: random.pick([-1, 1.5, 'seven', [1], 2 ** 53 + 1, true]),
  }),
  (random) => ({ type: 'unsubscribe_session', session_id: random.pick([7, [], {}, true, '']) }),
  (random) => ({ type: 'subscribe_list', request_id: random.pick([7, [], {}, true]) }),
  (random) => ({
    type: random.pick(DOERS),
    session_id: 'nobody',
    provider: 'codex',
    cwd: '/nowhere',
    command: 'touch PWNED',
    request_id: random.pick([7, [], {}, true]),
  }),
  brokenHook,
  brokenHook,
];

/** A hook whose session cannot be named; the rest of it may be anything. */
function brokenHook(random: Random): Message {
  const { prompt, toolEnds, asks } = scriptOf('hook');
  const { session_id: _, ...hook } = random.pick([prompt('Hi'), toolEnds('t'), asks()]);
  const type = random.pick(HOOK_TYPES);
  const field = random.pick(Object.keys(hook));
  return {
    ...hook,
    type,
    ...(random.chance(0.7) && { session_id: random.pick(WRONG_IDS) }),
    ...(random.chance(0.5) && { [field]: random.pick(WRONG_VALUES)(random) }),
  };
}

/** What is added to a message that is refused anyway, to see whether it does harm on its way. */
const DECORATIONS: readonly ((message: Message, random: Random) => Message)[] = [
  (message) => ({ ...message, constructor: { prototype: { polluted: 1 } } }),
  (message, random) => ({ ...message, noise: 'n'.repeat(random.between(1, 20_000)) }),
  (message) => ({ ...message, numbers: [2 ** 53 + 1, 1e308, -1e308, 5e-324] }),
  (message) => ({ ...message, tool_input: nested(50) }),
  (message) => ({ ...message, '': '', ' ': ' ', '\u0000': '\u0000' }),
  (message, random) => Object.fromEntries(Object.entries(message).sort(() => random.next() - 0.5)),
  (message, random) =>
    random.chance(0.02) ? { ...message, megabyte: 'm'.repeat(1024 * 1024) } : message,
];

function nested(depth: number): unknown {
  let value: unknown = 'bottom';
  for (let level = 0; level < depth; level++) value = level % 2 ? [value] : { down: value };
  return value;
}

/** What can go wrong between an object and its bytes. */
const SPELLINGS: readonly ((text: string, random: Random) => string)[] = [
  (text) => text,
  (text) => text,
  (text) => text,
  (text, random) => text.slice(0, random.between(0, text.length - 1)),
  (text) => `\uFEFF${text}`,
  (text) => `${text.slice(0, -1)},}`,
  (text) => `${text}${text}`,
  (text) => `${text}\n{"type":"subscribe_list"}`,
  (text) => text.replace(/:/, ':NaN,"then":'),
  (text) => text.replaceAll('"', "'"),
  (text) => `[${text}]`,
  (text) => JSON.stringify(text),
  (text) => `${text.slice(0, -1)},"since_revision":1e999,"type":7}`,
  (text) => `${text.slice(0, -1)},"__proto__":{"polluted":1}}`,
  (text) => `${text.slice(0, -1)},"\\u005f_proto__":{"polluted":1}}`,
  (text, random) => `${text.slice(0, -1)},"deep":${brackets(random.pick([65, 1000, 10_000]))}}`,
  (text) => `/* comment */${text}`,
  (_, random) => randomBytes(random),
];

function brackets(depth: number): string {
  return `${'['.repeat(depth)}${']'.repeat(depth)}`;
}

function randomBytes(random: Random): string {
  const length = random.between(0, 200);
  return String.fromCharCode(...Array.from({ length }, () => random.between(0, 0xffff)));
}
