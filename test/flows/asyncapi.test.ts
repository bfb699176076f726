/** The AsyncAPI document: valid, complete, and true of every message in both directions. */
import specs from '@asyncapi/specs';
import { Ajv } from 'ajv';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CLIENT_TYPES } from '../../src/protocol/client.ts';
import { SERVER_TYPES } from '../../src/protocol/schemas.ts';
import { CLIENT_MESSAGES } from '../support/client-messages.ts';
import { wsClient } from '../support/clients.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { request } from '../support/http.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { SERVER_MESSAGES } from '../support/server-messages.ts';

interface AsyncApi {
  operations: Record<string, { action: string; messages: { $ref: string }[] }>;
  components: { messages: Record<string, unknown>; schemas: Record<string, object> };
}

let server: TestServer;
let document: AsyncApi;
beforeAll(async () => {
  server = await startTestServer();
  document = (await request(server.url, '/api/asyncapi.json')).body as unknown as AsyncApi;
});
afterAll(() => server[Symbol.asyncDispose]());

/** Why a message is none of the document's; null when it is one. */
function faultOf(message: { type: string }): string | null {
  const { type } = message;
  const ajv = new Ajv({ strict: false, allErrors: false, validateFormats: false });
  ajv.addSchema({ $id: 'doc', ...document });
  const check = ajv.compile({ $ref: `doc#/components/schemas/${type}` });
  const fits: boolean = check(message);
  return fits ? null : `${type}: ${ajv.errorsText(check.errors)}`;
}

it('is valid AsyncAPI 3.0, and every reference in it leads somewhere', () => {
  const ajv = new Ajv({ strict: false, allErrors: false, validateFormats: false });
  const check = ajv.compile(specs.schemasWithoutId['3.0.0'] as object);
  expect(check(document) ? [] : check.errors).toEqual([]);
  const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)];
  const lost = refs.filter(([, path = '']) => {
    const target = path
      .split('/')
      .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);
    return target === undefined;
  });
  expect(lost.map(([, path]) => path)).toEqual([]);
});

it('names all messages, by who says them', () => {
  const named = (id: string) =>
    document.operations[id]?.messages.map(({ $ref }) => $ref.split('/').at(-1)).sort();
  expect(document.operations).toMatchObject({
    ...{ take: { action: 'receive' }, tell: { action: 'send' } },
  });
  expect(named('take')).toEqual([...CLIENT_TYPES].sort());
  expect(named('tell')).toEqual([...SERVER_TYPES].sort());
});

it('fits the examples of all messages, and none that lacks what it needs', () => {
  const sent = Object.entries(CLIENT_MESSAGES).map(([type, rest]) => ({ type, ...rest }));
  const received = Object.values(SERVER_MESSAGES) as unknown as { type: string }[];
  expect([...sent, ...received].flatMap((one) => faultOf(one) ?? [])).toEqual([]);
  expect(faultOf({ type: 'subscribe_session' })).toContain('session_id');
});

it('fits what a server says', async () => {
  await deliver(server.url, scriptOf('told').prompt('Go'));
  await using client = await wsClient(server.url);
  client.send({ type: 'subscribe_list' });
  client.send({ type: 'subscribe_session', session_id: 'told' });
  await client.waitFor(({ type }) => type === 'session_snapshot');
  await deliver(server.url, {
    ...{ session_id: 'told', cwd: '/home/dev/shop', hook_event_name: 'PermissionRequest' },
    ...{ tool_name: 'Bash', tool_input: { command: 'ls' } },
  });
  await client.waitFor(({ type }) => type === 'approval_requested');
  const received = [...client.messages] as { type: string }[];
  expect(received.flatMap((one) => faultOf(one) ?? [])).toEqual([]);
});
