/**
 * The documents of the interface, made on request: OpenAPI 3.1 of HTTP, of the schemas that check requests, of those
 * of its answers and of the codes that each operation can refuse with; and AsyncAPI 3.0 of the socket. The test suite
 * checks every answer that it gets against the first. Loads arktype and all schemas of the wire.
 */
import { type ErrorCode, hasTextError, statusOf } from '../errors.ts';
import {
  BODIES,
  DEPRECATED,
  NOT_OVER_HTTP,
  OPERATIONS,
  type Operation,
  type OperationId,
} from './api.ts';
import { CLIENT_TYPES, schemaOf } from './client.ts';
import { Hook } from './hook.ts';
import { HOOK_TYPES } from './hook-body.ts';
import { ANSWERS, MESSAGES, SERVER_TYPES } from './schemas.ts';

type Json = Record<string, unknown>;
type Schema = { toJsonSchema(options?: object): object };
type Dialect = 'draft-2020-12' | 'draft-07';

/** The whole document. @param version the server's */
export function openApiDocument(version: string): Json & { openapi: string } {
  const paths: Record<string, Json> = {};
  for (const [id, operation] of Object.entries<Operation>(OPERATIONS)) {
    const path = operation.path.replace(':id', '{id}');
    paths[path] = { ...paths[path], [operation.method]: describe(id, operation) };
  }
  const schemas = { Error: ERROR, TextError: TEXT_ERROR, ...namedSchemas() };
  const names = namesOf(schemas);
  return {
    openapi: '3.1.0',
    info: {
      title: 'OrbitDock Server',
      version,
      description:
        'The HTTP interface. Live state comes over `/ws` or socket.io, with the messages that `POST /api/messages` takes.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{}, { token: [] }],
    paths: referring({ ...paths, '/api/hook': { post: HOOK } }, names) as Json,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: Object.fromEntries(
        Object.entries(schemas).map(([name, each]) => [name, referringWithin(each, names)]),
      ),
    },
  };
}

const ERROR: Json = {
  type: 'object',
  properties: {
    error: {
      type: 'object',
      properties: {
        code: { type: 'string' },
        message: { type: 'string', description: 'What is wrong, and the remedy' },
      },
      required: ['code', 'message'],
    },
  },
  required: ['error'],
};

const TEXT_ERROR: Json = {
  type: 'object',
  properties: {
    error: { type: 'string', description: 'What is wrong, and the remedy' },
    code: { type: 'string' },
  },
  required: ['error', 'code'],
};

function describe(operationId: string, operation: Operation): Json {
  const { path, summary, refusals } = operation;
  const body = bodyOf(operationId);
  const parameters = [...pathParameters(operation), ...queryParameters(operation)];
  return {
    operationId,
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: isRequired(operationId), content: json(body) } }),
    responses: {
      200: { description: 'Done', content: json(answerOf(operationId)) },
      ...refusalsOf(refusals, hasTextError(path) ? 'TextError' : 'Error'),
    },
  };
}

function answerOf(operationId: string): Json {
  if (operationId !== 'say') return schemaFrom(ANSWERS[operationId as OperationId] as Schema);
  return oneOf(SERVER_TYPES.filter((tag) => tag !== 'error' && tag !== 'hello'));
}

function bodyOf(operationId: string): Json | null {
  if (operationId === 'say') return oneOf(TAGS);
  const body = (BODIES as Record<string, Schema>)[operationId];
  return body ? deprecating(schemaFrom(body), DEPRECATED[operationId]) : null;
}

/** An empty body stands for `{}`, where that is enough. */
function isRequired(operationId: string): boolean {
  return operationId !== 'interrupt' && operationId !== 'fork';
}

const TAGS = CLIENT_TYPES.filter((tag) => !NOT_OVER_HTTP.has(tag));

function oneOf(tags: readonly string[]): Json {
  const mapping = Object.fromEntries(tags.map((tag) => [tag, refTo(tag)]));
  return {
    oneOf: tags.map((tag) => ({ $ref: refTo(tag) })),
    discriminator: { propertyName: 'type', mapping },
  };
}

function pathParameters({ path }: Operation): Json[] {
  if (!path.includes(':id')) return [];
  const id = { type: 'string', minLength: 1, maxLength: 128 };
  return [{ name: 'id', in: 'path', required: true, schema: id }];
}

function queryParameters({ query }: Operation): Json[] {
  if (!query) return [];
  const { properties = {} } = schemaFrom(query) as { properties?: Record<string, Json> };
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: 'query',
    required: false,
    schema: property,
  }));
}

/** One answer for each status, with the codes it comes with. */
function refusalsOf(codes: readonly ErrorCode[], schemaName: string): Json {
  const statuses = [...new Set(codes.map(statusOf))].sort();
  return Object.fromEntries(
    statuses.map((status) => {
      const some = codes.filter((code) => statusOf(code) === status);
      return [status, { description: some.join(', '), content: json({ $ref: refTo(schemaName) }) }];
    }),
  );
}

/**
 * Every message of the wire in both directions and every noun in them, by name, as JSON Schema whose
 * references are `#/components/schemas/<name>`. The page src/protocol/README.md is written from it.
 */
export function wireSchemas(target: Dialect = 'draft-2020-12'): Record<string, Json> {
  const schemas = namedSchemas(CLIENT_TYPES, target);
  const names = namesOf(schemas);
  return Object.fromEntries(
    Object.entries(schemas).map(([name, each]) => [name, referringWithin(each, names) as Json]),
  );
}

/** Nouns, the session of this interface, and messages in both directions. */
function namedSchemas(
  tags: readonly string[] = TAGS,
  target: Dialect = 'draft-2020-12',
): Record<string, Json> {
  const nouns = Object.entries(ANSWERS as unknown as Record<string, Schema>)
    .filter(([name]) => /^[A-Z]/.test(name))
    .map(([name, each]) => [name, deprecating(schemaFrom(each, target), DEPRECATED[name])]);
  const sent = SERVER_TYPES.map((tag) => [tag, schemaFrom(MESSAGES[tag], target)]);
  const taken = tags.map((tag) => [tag, schemaFrom(schemaOf(tag) as never, target)]);
  return Object.fromEntries([...nouns, ...sent, ...taken]);
}

/** Marks properties as deprecated, in the schema itself and in its alternatives. */
function deprecating(schema: Json, names: readonly string[] = []): Json {
  if (names.length === 0) return schema;
  const alternatives = schema.anyOf as Json[] | undefined;
  const properties = Object.entries((schema.properties ?? {}) as Record<string, Json>).map(
    ([name, one]) => [name, names.includes(name) ? { ...one, deprecated: true } : one],
  );
  return {
    ...schema,
    ...(schema.properties !== undefined && { properties: Object.fromEntries(properties) }),
    ...(alternatives && { anyOf: alternatives.map((one) => deprecating(one, names)) }),
  };
}

/** The name of each schema that says more than one word, by its text. */
function namesOf(schemas: Record<string, Json>): ReadonlyMap<string, string> {
  const named = Object.entries(schemas).filter(
    ([, { type, enum: list }]) => type === 'object' || list,
  );
  // Of two names for the same the first one is used.
  return new Map(named.reverse().map(([name, each]) => [JSON.stringify(each), name]));
}

/** The same with every named schema in it replaced by a reference. */
function referring(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const name = names.get(JSON.stringify(value));
  return name === undefined ? referringWithin(value, names) : { $ref: refTo(name) };
}

function referringWithin(value: object, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((one) => referring(one, names));
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, referring(one, names)]),
  );
}

function refTo(name: string): string {
  return `#/components/schemas/${name}`;
}

function json(body: object): Json {
  return { 'application/json': { schema: body } };
}

/**
 * JSON Schema of a type; what only code can check is left to the code. Objects may gain fields in a later
 * version, so a client that does not know one ignores it.
 */
function schemaFrom(type: Schema, target: Dialect = 'draft-2020-12'): Json {
  const fallback = { predicate: ({ base }: { base: object }) => base };
  const { $schema: _, ...rest } = type.toJsonSchema({ fallback, target }) as Json;
  return open(rest) as Json;
}

function open(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(open);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(
    ([key, one]) => key !== 'additionalProperties' || one !== false,
  );
  return Object.fromEntries(kept.map(([key, one]) => [key, open(one)]));
}

const HOOK_REFUSALS: readonly ErrorCode[] = [
  'bad_request',
  'unauthorized',
  'forbidden',
  'too_many_attempts',
  'headers_too_large',
  'internal_error',
  'shutting_down',
  'server_busy',
  'storage_unavailable',
  'database_damaged',
  'parse_error',
  'quarantined',
  'too_large',
  'unsupported_media_type',
];

/** Unless the header `X-OrbitDock-Hook` says the type, the body names its event or its type. */
const NAMED_EVENT = [
  {
    properties: { hook_event_name: { type: 'string', minLength: 1 } },
    required: ['hook_event_name'],
  },
  { properties: { type: { enum: [...HOOK_TYPES] } }, required: ['type'] },
];

const HOOK: Json = {
  operationId: 'hook',
  summary:
    'One hook as Claude Code prints it, or typed; 204 once it and all its effects are committed, any other status: not stored',
  parameters: [
    {
      name: 'Idempotency-Key',
      in: 'header',
      required: false,
      description: 'A hook takes effect once per key, however often it is sent',
      schema: { type: 'string', pattern: '^[A-Za-z0-9._:-]{1,128}$' },
    },
    {
      name: 'X-OrbitDock-Hook',
      in: 'header',
      required: false,
      schema: { type: 'string', pattern: '^[a-z_]{1,64}$' },
    },
  ],
  requestBody: { required: true, content: json({ ...schemaFrom(Hook), anyOf: NAMED_EVENT }) },
  responses: { 204: { description: 'Committed' }, ...refusalsOf(HOOK_REFUSALS, 'Error') },
};

/*
 * The AsyncAPI 3.0 document of the socket: every message in both directions, as JSON Schema (draft 7, which is
 * what AsyncAPI's own form of schemas is made of), from the schemas that check them.
 */

/** The whole document. @param version the server's */
export function asyncApiDocument(version: string): Json & { asyncapi: string } {
  const tags = [...new Set([...CLIENT_TYPES, ...SERVER_TYPES])];
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'OrbitDock Server',
      version,
      description:
        'The live state, over a WebSocket; socket.io carries the same messages. A frame of a session may also carry its `revision`. Objects may gain fields in a later version: ignore what you do not know.',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    channels: {
      socket: {
        address: '/ws',
        description: 'One JSON object a frame; the first one of the server is `hello`.',
        messages: fromTags(tags, (tag) => ({ $ref: `#/components/messages/${tag}` })),
      },
    },
    operations: {
      take: operation('receive', 'What a client may say', CLIENT_TYPES),
      tell: operation('send', 'What the server sends', SERVER_TYPES),
    },
    components: {
      messages: fromTags(tags, (tag) => ({
        name: tag,
        payload: { $ref: `#/components/schemas/${tag}` },
      })),
      schemas: wireSchemas('draft-07'),
    },
  };
}

function operation(action: 'send' | 'receive', summary: string, tags: readonly string[]): Json {
  return {
    action,
    summary,
    channel: { $ref: '#/channels/socket' },
    messages: tags.map((tag) => ({ $ref: `#/channels/socket/messages/${tag}` })),
  };
}

function fromTags(tags: readonly string[], make: (tag: string) => Json): Json {
  return Object.fromEntries(tags.map((tag) => [tag, make(tag)]));
}
