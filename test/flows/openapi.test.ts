/** The OpenAPI document: valid, complete, and true of every answer. */
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { OPERATIONS } from '../../src/protocol/api.ts';
import { CLIENT_TYPES } from '../../src/protocol/client.ts';
import { CLIENT_MESSAGES } from '../support/client-messages.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { request } from '../support/http.ts';
import { createRandom, type Random, seedOfRun } from '../support/random.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const id = 'told';
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await deliver(server.url, scriptOf(id).prompt('Go'));
});
afterAll(() => server[Symbol.asyncDispose]());

const documentOf = async (): Promise<OpenApi> =>
  (await request(server.url, '/api/openapi.json')).body as unknown as OpenApi;

describe('the OpenAPI document', () => {
  it('describes every answer that requests made of it get, whatever they say', async () => {
    const random = createRandom(seedOfRun());
    onTestFailed(() => console.error(`SEED=${random.seed}`));
    const { pick } = random;
    const document = await documentOf();
    for (const [path, method, { requestBody, parameters = [] }] of operationsOf(document)) {
      const schema = requestBody?.content['application/json'].schema;
      for (let i = 0; i < (schema ? 30 : 10); i++) {
        const query = parameters
          .filter((one) => one.in === 'query' && random.chance(0.5))
          .map((one): [string, string] => [one.name, String(sample(document, one.schema, pick))]);
        const at = path.replace('{id}', pick([id, 'nobody', 'Zo%C3%AB', 'x'.repeat(200)]));
        const body = schema && JSON.stringify(sample(document, schema, pick));
        // They start commands, or change what other tests look at.
        if (/shell|log(in|out)|create_session|api_key/.test(body ?? '')) continue;
        await request(server.url, `${at}?${new URLSearchParams(query)}`, {
          method: method.toUpperCase(),
          ...(body && { headers: { 'Content-Type': 'application/json' }, body }),
        });
      }
    }
  });

  it('names what a conversation is made of, and lists only what an operation can answer', async () => {
    const { paths, components } = await documentOf();
    const { schemas } = components;
    expect(schemas.SessionState).toMatchObject({
      properties: { messages: { items: { $ref: '#/components/schemas/Message' } } },
    });
    const statuses = (path: string, method: string) =>
      Object.keys(paths[path]?.[method]?.responses ?? {});
    expect(statuses('/api/models', 'get')).toContain('502');
    expect(statuses('/api/models', 'get')).not.toContain('404');
    expect(statuses('/api/sessions/{id}', 'get')).not.toContain('409');
    expect(statuses('/api/sessions/{id}/message', 'post')).toContain('409');
    const message = schemas.sendMessage ?? paths['/api/sessions/{id}/message']?.post?.requestBody;
    expect(JSON.stringify(message)).toContain('"deprecated":true');
  });

  it('is valid OpenAPI 3.1', async () => {
    const document = await documentOf();
    const validator = new Validator();
    const verdict = await validator.validate({ ...document });
    expect(verdict).toMatchObject({ valid: true });
    expect(validator.version).toBe('3.1');
  });

  it('describes every operation and every message, from the schemas that check them', async () => {
    const { paths, components } = await documentOf();
    const received = Object.values(paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    );
    expect(received.sort()).toEqual([...Object.keys(OPERATIONS), 'hook'].sort());
    for (const tag of CLIENT_TYPES) {
      if (/subscribe_/.test(tag)) continue;
      const { properties, required } = components.schemas[tag] ?? {};
      expect(required, tag).toContain('type');
      const known = Object.keys(properties ?? {});
      const sent = Object.keys(CLIENT_MESSAGES[tag as keyof typeof CLIENT_MESSAGES]);
      expect(known, tag).toEqual(expect.arrayContaining(sent));
    }
  });
});

interface OpenApi {
  paths: Record<string, Record<string, OpenApiOperation>>;
  components: { schemas: Record<string, Schema> };
}

interface OpenApiOperation {
  operationId: string;
  requestBody?: { content: { 'application/json': { schema: Schema } } };
  parameters?: { in: string; name: string; schema: Schema }[];
  responses: object;
}

/** As much of JSON Schema as the document uses. */
interface Schema {
  $ref?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
}

function operationsOf({ paths }: OpenApi): [path: string, method: string, OpenApiOperation][] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, each]) => [path, method, each] as never),
  );
}

const TEXTS = ['', 'a', 'Zo\u00eb', 'x'.repeat(300), '../..', '0', 'none', '\u0000', 'approved'];

/** Some value of a schema, within its types but seldom within its meaning. */
function sample(document: OpenApi, schema: Schema, pick: Random['pick'], depth = 0): unknown {
  const inner = (one: Schema) => sample(document, one, pick, depth + 1);
  if (schema.$ref)
    return inner(document.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {});
  if ('const' in schema) return schema.const;
  if (schema.enum) return pick(schema.enum);
  const alternatives = schema.anyOf ?? schema.oneOf;
  const chosen = alternatives && inner(pick(alternatives));
  if (alternatives && schema.type !== 'object') return chosen;
  if (schema.type === 'object') {
    const { properties = {}, required = [] } = schema;
    const names = Object.keys(properties);
    const kept = names.filter(
      (name) => required.includes(name) || (depth < 4 && pick([0, 1, 2]) === 0),
    );
    const own = kept.map((name) => [name, inner(properties[name] ?? {})]);
    return { ...Object.fromEntries(own), ...(chosen as object) };
  }
  if (schema.type === 'array') return depth > 4 ? [] : [inner(schema.items ?? {})];
  if (schema.type === 'string') return pick(TEXTS);
  if (schema.type === 'integer' || schema.type === 'number') return pick([0, 1, 7, 4_294_967_295]);
  if (schema.type === 'boolean') return pick([true, false]);
  return schema.type === 'null' ? null : pick([null, 'x', 3, {}, [true]]);
}
