/** Usage as clients have it: over the wire and over HTTP. */
import { expect, it, onTestFinished } from 'vitest';
import { wsClient } from '../support/clients.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { startTestServer } from '../support/server.ts';

it('answers today over the wire and over HTTP, and refuses what is no day', async () => {
  const server = await startTestServer();
  onTestFinished(() => server[Symbol.asyncDispose]());
  await deliver(server.url, scriptOf('s').prompt('hello'));
  const client = await wsClient(server.url);
  client.send({ type: 'get_usage', by: 'project', request_id: 'r' });
  const report = await client.waitFor(({ type }) => type === 'usage_report');
  const none = { sessions: 0, input_tokens: 0, output_tokens: 0, cost_usd: null };
  expect(report).toMatchObject({ request_id: 'r', by: 'project', rows: [], total: none });
  const over = await fetch(`${server.url}/api/usage?from=7d&utc_offset_minutes=60`);
  expect(over.status).toBe(200);
  expect(await over.json()).toMatchObject({ by: 'day', rows: [], total: none });
  const refused = await fetch(`${server.url}/api/usage?from=yesterday`);
  expect(refused.status).toBe(422);
  expect((await fetch(`${server.url}/api/usage?by=moon`)).status).toBe(400);
});
