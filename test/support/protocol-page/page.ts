/**
 * src/protocol/README.md, written from the schemas that check messages: fields and types from them, examples
 * from the golden messages of the tests, sentences and errors from the tables beside this file.
 *
 * After a change: `npm run protocol-page`
 */
import { REPLIES } from '../../../src/client/requests.ts';
import { CODES, type ErrorCode, statusOf } from '../../../src/errors.ts';
import { OPERATIONS, type Operation } from '../../../src/protocol/api.ts';
import type { ClientMessage } from '../../../src/protocol/client.ts';
import { wireSchemas } from '../../../src/protocol/documents.ts';
import { encode } from '../../../src/protocol/encode.ts';
import { HOOK_TYPES } from '../../../src/protocol/hook-body.ts';
import { MESSAGE_SCOPES, type Need } from '../../../src/protocol/scopes.ts';
import type { ServerMessage } from '../../../src/protocol/server.ts';
import { CLIENT_MESSAGES } from '../client-messages.ts';
import { SERVER_MESSAGES } from '../server-messages.ts';
import { ANY_MESSAGE, CLIENT_WORDS } from './client-words.ts';
import { CLOSE_WORDS, ERROR_WORDS, TROUBLE_WORDS } from './error-words.ts';
import { jsonBlock, table } from './markdown.ts';
import { fieldsOf, type Schema, typeOf } from './schema-words.ts';
import { type Audience, SERVER_WORDS } from './server-words.ts';

type ClientTag = ClientMessage['type'];
type ServerTag = ServerMessage['type'];

const HOOKS: ReadonlySet<string> = new Set(HOOK_TYPES);

/** The whole page. */
export function protocolPage(): string {
  const schemas = wireSchemas() as Record<string, Schema>;
  const client = (Object.keys(CLIENT_WORDS) as ClientTag[]).sort();
  const server = (Object.keys(SERVER_WORDS) as ServerTag[]).sort();
  return `${[
    HEAD,
    '## Messages of a client',
    `Every message may carry a \`request_id\` (a string of at most 128 characters), which comes back on its reply, its error or its \`ack\`. Any message can give ${list(ANY_MESSAGE)}; what else one can give stands beside it. Fields that the server does not know are ignored.`,
    ...client.filter((tag) => !HOOKS.has(tag)).map((tag) => clientSection(tag, schemas)),
    '### Hooks over a socket',
    `A hook of Claude Code as \`POST /api/hook\` takes it, with its type: ${list(HOOK_TYPES)}. Needs: scope \`hook\`. Errors: ${errorList(CLIENT_WORDS.claude_tool_event.errors)}. Only \`session_id\` is needed; a field of another type is converted where that is possible, else left out.`,
    jsonBlock({ type: 'claude_tool_event', ...CLIENT_MESSAGES.claude_tool_event }),
    fieldTable(schemas.claude_tool_event as Schema),
    '## Messages of the server',
    AUDIENCES,
    ...server.map((tag) => serverSection(tag, schemas)),
    '## Nouns',
    'What messages are made of. A field that may be null is always there; an optional one is never null, except in `StateChanges`, where null clears.',
    ...nounsIn([...client, ...server], schemas).map((name) => nounSection(name, schemas)),
    '## Errors',
    'A socket gets an `error` with the code; HTTP gets the status and `{"error": {"code": "...", "message": "..."}}`.',
    errorTable(),
    '## Close codes of a WebSocket',
    table(
      ['code', 'means', 'remedy'],
      CLOSE_WORDS.map(([code, ...words]) => [String(code), ...words]),
    ),
    '## Words of `degraded`',
    'In `hello`, `server_status` and `GET /health`, while nothing can be stored. Hooks wait in the spool.',
    table(
      ['word', 'means'],
      TROUBLE_WORDS.map(([word, means]) => [`\`${word}\``, means]),
    ),
  ].join('\n\n')}\n`;
}

const HEAD = `<!-- Written by test/support/protocol-page from the schemas; a test fails when it is stale. Do not edit: npm run protocol-page -->
# The protocol

One JSON object per text frame at \`/ws\`, or as the argument of socket.io's event \`message\`. How a connection begins,
what revisions are and how a client catches up: [README](../../README.md#protocol). The HTTP interface is described by
\`GET /api/openapi.json\`, the socket with the messages below by \`GET /api/asyncapi.json\`; \`POST /api/messages\` takes
them all but the three about subscriptions.`;

const AUDIENCE_WORDS: Record<Audience, string> = {
  facts: 'subscribers of the session, with a revision',
  session: 'subscribers of the session, without a revision, not stored',
  list: 'subscribers of the list',
  asker: 'the sender',
};

const AUDIENCES = `Any frame may say \`truncated\`: something in it was cut. A fact of a session carries the \`revision\` of the
session; a repetition carries none. What is sent as a reply carries the \`request_id\` of its message.`;

function clientSection(tag: ClientTag, schemas: Record<string, Schema>): string {
  const { does, errors } = CLIENT_WORDS[tag];
  const reply = (REPLIES as Record<string, string>)[tag];
  return [
    `### ${tag}`,
    does,
    `Needs: ${needWords(MESSAGE_SCOPES[tag])}. Reply: ${reply ? link(reply) : link('ack')}. Errors: ${errors.length > 0 ? errorList(errors) : 'only those of any message'}.`,
    jsonBlock({ type: tag, ...CLIENT_MESSAGES[tag] }),
    fieldTable(schemas[tag] as Schema),
  ].join('\n\n');
}

function needWords(need: Need): string {
  return need === 'known' ? 'any token' : `scope \`${need}\``;
}

function serverSection(tag: ServerTag, schemas: Record<string, Schema>): string {
  const { to, says } = SERVER_WORDS[tag];
  return [
    `### ${tag}`,
    says,
    `To: ${to.map((audience) => AUDIENCE_WORDS[audience]).join('; ')}.`,
    jsonBlock(exampleOf(tag)),
    fieldTable(schemas[tag] as Schema),
  ].join('\n\n');
}

/** The golden message as it goes over the wire: facts with a revision. */
export function exampleOf(tag: ServerTag): object {
  const isFact = SERVER_WORDS[tag].to.includes('facts');
  return JSON.parse(encode(SERVER_MESSAGES[tag], isFact ? REVISION : undefined)) as object;
}

/** The revision of examples. */
const REVISION = 43;

function nounSection(name: string, schemas: Record<string, Schema>): string {
  const schema = schemas[name] as Schema;
  const body = schema.properties ? fieldTable(schema) : typeOf(schema);
  return `### ${name}\n\n${body}`;
}

/** Fields of a message but the tag and what any message may carry; a noun has all of its fields here. */
function fieldTable(schema: Schema): string {
  const isMessage = schema.properties?.type?.const !== undefined;
  const rows = fieldsOf(schema)
    .filter(({ name, isOptional }) => !isMessage || !(isOptional ? COMMON : TAG).has(name))
    .map(({ name, type, isOptional }) => [`\`${name}\``, type, isOptional ? 'yes' : 'no']);
  return rows.length > 0 ? table(['field', 'type', 'optional'], rows) : 'No fields.';
}

const TAG: ReadonlySet<string> = new Set(['type']);
const COMMON: ReadonlySet<string> = new Set(['request_id', 'truncated', 'revision']);

/** Nouns that these messages refer to, directly or through each other, in the order of the schemas. */
function nounsIn(tags: readonly string[], schemas: Record<string, Schema>): string[] {
  const found = new Set<string>();
  const visit = (schema: unknown): void => {
    for (const [, name = ''] of JSON.stringify(schema).matchAll(/#\/components\/schemas\/(\w+)/g)) {
      if (found.has(name)) continue;
      found.add(name);
      visit(schemas[name]);
    }
  };
  for (const tag of tags) visit(schemas[tag]);
  return Object.keys(schemas).filter((name) => found.has(name));
}

function errorTable(): string {
  const rows = CODES.map((code) => {
    const { means, remedy } = ERROR_WORDS[code];
    return [
      `<a id="${code}"></a>\`${code}\``,
      String(statusOf(code)),
      means,
      remedy,
      comesFrom(code),
    ];
  });
  return table(['code', 'HTTP', 'means', 'remedy', 'comes from'], rows);
}

/** How many messages may be named before only their number is. */
const NAMED = 4;

function comesFrom(code: ErrorCode): string {
  const { from } = ERROR_WORDS[code];
  if (from !== undefined) return from;
  const messages = (Object.keys(CLIENT_WORDS) as ClientTag[]).filter((tag) =>
    CLIENT_WORDS[tag].errors.includes(code),
  );
  const isHttp = Object.values<Operation>(OPERATIONS).some(({ refusals }) =>
    refusals.includes(code),
  );
  const parts = [
    ANY_MESSAGE.includes(code) ? 'any message' : '',
    messages.length > NAMED ? `${messages.length} messages` : messages.map(link).join(', '),
    isHttp ? 'HTTP' : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function errorList(codes: readonly ErrorCode[]): string {
  return codes.map((code) => `[\`${code}\`](#${code})`).join(', ');
}

function list(words: readonly string[]): string {
  return words.map((word) => `\`${word}\``).join(', ');
}

function link(name: string): string {
  return `[\`${name}\`](#${name})`;
}
