/**
 * The OpenAPI 3.1 document of the HTTP doors, made of the schemas that check requests; made on request,
 * so that it can never be stale. Loads arktype.
 */
import { BODIES, OPERATIONS, type Operation } from './api.ts';
import { CLIENT_TYPES, schemaOf } from './client.ts';
import { Hook } from './hook.ts';

type Json = Record<string, unknown>;

/** Messages that make no sense without a line to be told on. */
export const NOT_OVER_HTTP: ReadonlySet<string> = new Set([
  'subscribe_list',
  'subscribe_session',
  'unsubscribe_session',
]);

const ERROR = { $ref: '#/components/schemas/Error' };

/** Refusals that any operation may answer with. */
const REFUSALS = {
  400: 'The request is not what it should be',
  401: 'A token is needed',
  403: 'Host or Origin is not ours',
  404: 'There is no such session or request',
  422: 'The body has the wrong shape',
  500: 'Something broke inside the server',
  501: 'Not built in this version',
  503: 'Busy, stopping, or the database cannot be written',
};

/** The whole document. @param version the server's */
export function openApiDocument(version: string): Json & { openapi: string } {
  const paths: Record<string, Json> = {};
  for (const [operationId, operation] of Object.entries<Operation>(OPERATIONS)) {
    const path = operation.path.replace(':id', '{id}');
    paths[path] = { ...paths[path], [operation.method]: describe(operationId, operation) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'OrbitDock Server',
      version,
      description:
        'The HTTP doors. Live state comes over `/ws` or socket.io, with the messages that `POST /api/messages` takes.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{}, { token: [] }],
    paths: { ...paths, '/api/hook': { post: HOOK } },
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: {
        Error: {
          type: 'object',
          properties: {
            error: { type: 'string', description: 'What is wrong, and the remedy' },
            code: { type: 'string' },
          },
          required: ['error', 'code'],
        },
        ...clientMessages(),
      },
    },
  };
}

function describe(operationId: string, operation: Operation): Json {
  const body = bodyOf(operationId);
  const parameters = [...pathParameters(operation), ...queryParameters(operation)];
  return {
    operationId,
    summary: operation.summary,
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: true, content: json(body) } }),
    responses: {
      200: { description: 'Done', content: json(schema(operation.answer)) },
      ...refusals(),
    },
  };
}

function bodyOf(operationId: string): Json | null {
  if (operationId === 'say') {
    const tags = CLIENT_TYPES.filter((tag) => !NOT_OVER_HTTP.has(tag));
    const mapping = Object.fromEntries(tags.map((tag) => [tag, refTo(tag)]));
    return {
      oneOf: tags.map((tag) => ({ $ref: refTo(tag) })),
      discriminator: { propertyName: 'type', mapping },
    };
  }
  const body = (BODIES as Record<string, { toJsonSchema(options?: object): object }>)[operationId];
  return body ? schema(body) : null;
}

function pathParameters({ path }: Operation): Json[] {
  if (!path.includes(':id')) return [];
  return [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }];
}

function queryParameters({ query }: Operation): Json[] {
  if (!query) return [];
  const { properties = {} } = schema(query) as { properties?: Record<string, Json> };
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: 'query',
    required: false,
    schema: property,
  }));
}

function refusals(): Json {
  const content = json(ERROR);
  const all = Object.entries(REFUSALS);
  return Object.fromEntries(all.map(([status, description]) => [status, { description, content }]));
}

function clientMessages(): Record<string, Json> {
  const tags = CLIENT_TYPES.filter((tag) => !NOT_OVER_HTTP.has(tag));
  return Object.fromEntries(tags.map((tag) => [tag, schema(schemaOf(tag) as never)]));
}

function refTo(tag: string): string {
  return `#/components/schemas/${tag}`;
}

function json(body: object): Json {
  return { 'application/json': { schema: body } };
}

/** JSON Schema of a type; what only code can check is left to the code. */
function schema(type: { toJsonSchema(options?: object): object }): Json {
  const fallback = { predicate: ({ base }: { base: object }) => base };
  const { $schema: _, ...rest } = type.toJsonSchema({ fallback }) as Json;
  return rest;
}

const HOOK: Json = {
  operationId: 'hook',
  summary:
    'One hook as Claude Code prints it, or typed; 204 once it and all its effects are committed',
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
  requestBody: { required: true, content: json(schema(Hook)) },
  responses: {
    204: { description: 'Committed' },
    '4XX': { description: 'Not stored, and will not be' },
    503: { description: 'Not stored; send it again later' },
  },
};
