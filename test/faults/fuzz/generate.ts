/**
 * Random messages that are valid by their schema: what a client may say, in any order and about anything.
 * Made from the JSON Schema of the very types that check them; names that stand for something are drawn
 * from what exists.
 */
import { CLIENT_TYPES, schemaOf } from '../../../src/protocol/client.ts';
import type { Random } from '../../support/random.ts';

interface Schema {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
}

/** What exists in the server, by what messages call it. */
export interface Pools {
  session_id: string[];
  request_id: string[];
  comment_id: string[];
  approval_id: number[];
  /** Folders, files and what is neither. */
  path: string[];
}

/** Words for fields whose text is carried out or decides something; anything else is any text. */
const WORDS: Record<string, readonly string[]> = {
  command: ['true', 'echo hi', 'exit 3', 'sleep 0.3', 'head -c 300000 /dev/zero', 'cat', 'kill $$'],
  decision: ['approved', 'approved_for_session', 'approved_always', 'denied', 'abort', 'deny', ''],
  model: ['gpt-5.5', 'gpt-6.1-sol', 'no-such-model'],
  approval_policy: ['untrusted', 'on-request', 'never', 'whenever'],
  sandbox_mode: ['read-only', 'workspace-write', 'nowhere'],
  permission_mode: ['default', 'plan', 'sideways'],
  effort: ['low', 'high', 'none', 'utmost'],
  hook_event_name: [
    ...['UserPromptSubmit', 'PreToolUse', 'PostToolUse', 'PermissionRequest', 'Stop', 'SessionEnd'],
    ...[
      'SessionStart',
      'SubagentStart',
      'SubagentStop',
      'Notification',
      'PreCompact',
      'Elicitation',
    ],
  ],
  content: [
    ...['Hello', '!say Hi.', '!think hm\n!say So.', '!exec echo from the shell\n!say Done.'],
    ...['!slow 20 10', '!esc echo out', '!ask Which?;Why?', '!plan a;b\n!say Planned.', '!hang'],
    ...['!cut', '!http 500', '', '\u{1F4A5}', 'x'.repeat(5000)],
  ],
  tool_use_id: ['t1', 't2', 't3'],
  agent_id: ['a1', 'a2'],
  turn_id: ['turn-1', 'turn-2', 'turn-99'],
};

const TEXTS = ['', 'a', 'Grüße', '\u{1F4A5}\u0000\u2028', '"}{', 'null', 'x'.repeat(3000), '../..'];

/** Fields that name something in the pools, by their names in messages. */
const POOLED: Record<string, keyof Pools> = {
  session_id: 'session_id',
  source_session_id: 'session_id',
  request_id: 'request_id',
  comment_id: 'comment_id',
  approval_id: 'approval_id',
  path: 'path',
  cwd: 'path',
  file_path: 'path',
};

/** Messages that are worth sending more often than one in forty-five. */
const OFTEN = ['send_message', 'approve_tool', 'claude_tool_event', 'claude_status_event'];

/** A random message of a random type, without the `request_id` that only correlates. */
export function randomMessage(random: Random, pools: Pools): { type: string } {
  const type = random.chance(0.3) ? random.pick(OFTEN) : random.pick(CLIENT_TYPES);
  const schema = (schemaOf(type) as unknown as { toJsonSchema(options: object): Schema }) ?? null;
  const fallback = { predicate: ({ base }: { base: object }) => base };
  const message = drawn(schema.toJsonSchema({ fallback }), '', random, pools);
  return { ...(message as object), type };
}

function drawn(schema: Schema, name: string, random: Random, pools: Pools): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return random.pick(schema.enum);
  if (schema.anyOf) return drawn(random.pick(schema.anyOf), name, random, pools);
  switch (schema.type) {
    case 'object':
      return objectOf(schema, random, pools);
    case 'array': {
      const items = schema.items ?? {};
      return Array.from({ length: random.between(0, 3) }, () => drawn(items, name, random, pools));
    }
    case 'string':
      return textOf(schema, name, random, pools);
    case 'integer':
    case 'number':
      return numberOf(schema, name, random, pools);
    case 'boolean':
      return random.chance(0.5);
    case 'null':
      return null;
    default:
      return random.pick<unknown>([null, 7, 'x', { a: [1] }, ['b']]);
  }
}

function objectOf(schema: Schema, random: Random, pools: Pools): object {
  const { properties = {}, required = [], additionalProperties } = schema;
  const fields: Record<string, unknown> = {};
  for (const [key, property] of Object.entries(properties)) {
    const isNeeded = required.includes(key);
    if (isNeeded || random.chance(0.5)) fields[key] = drawn(property, key, random, pools);
  }
  if (typeof additionalProperties === 'object') {
    fields[random.pick(['one', 'two'])] = drawn(additionalProperties, '', random, pools);
  }
  return fields;
}

function textOf(schema: Schema, name: string, random: Random, pools: Pools): string {
  const pool = POOLED[name] ? (pools[POOLED[name]] as readonly unknown[]) : [];
  if (pool.length > 0 && random.chance(0.9)) return String(random.pick(pool));
  const words = WORDS[name];
  const text = words && random.chance(0.9) ? random.pick(words) : random.pick(TEXTS);
  const { minLength = 0, maxLength = text.length, pattern } = schema;
  const fitting = text.slice(0, maxLength).padEnd(minLength, 'x');
  return pattern === undefined || new RegExp(pattern).test(fitting) ? fitting : 'x';
}

function numberOf(schema: Schema, name: string, random: Random, pools: Pools): number {
  if (name === 'approval_id' && random.chance(0.8) && pools.approval_id.length > 0) {
    return random.pick(pools.approval_id);
  }
  const { minimum = 0, maximum = 1000 } = schema;
  if (random.chance(0.1)) return maximum;
  return Math.max(minimum, random.between(0, Math.min(maximum, 40)));
}
