/** What those see who watch the server: /metrics for Prometheus, /ready for who sends it work. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { wsClient } from '../support/clients.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const get = async (path: string, headers: Record<string, string> = {}) => {
  const answer = await fetch(`${server.url}${path}`, { headers });
  return {
    status: answer.status,
    type: answer.headers.get('content-type'),
    text: await answer.text(),
  };
};
const hook = (body: object) =>
  fetch(`${server.url}/api/hook`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });

/** Values by name and labels, as the text format writes them. */
function valuesIn(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(' ')),
      Number(line.slice(line.lastIndexOf(' '))),
    ]),
  );
}

it('shows Prometheus sessions, clients, hooks and refusals, each time as it is', async () => {
  expect((await get('/metrics')).type).toBe('text/plain; version=0.0.4; charset=utf-8');
  await hook({ session_id: 'one', hook_event_name: 'UserPromptSubmit', cwd: '/x', prompt: 'Hi' });
  await hook({ session_id: 'two', hook_event_name: 'UserPromptSubmit', cwd: '/x', prompt: 'Hi' });
  await hook({ session_id: 'two', hook_event_name: 'Stop', cwd: '/x' });
  await hook({ nonsense: true });
  await get('/api/sessions', { Authorization: `Bearer ${'x'.repeat(40)}` });
  await using _client = await wsClient(server.url);
  const { text } = await get('/metrics');
  const values = valuesIn(text);
  expect(values.get('orbitdock_sessions{provider="claude",work_status="working"}')).toBe(1);
  expect(values.get('orbitdock_sessions{provider="claude",work_status="waiting"}')).toBe(1);
  expect(values.get('orbitdock_hooks_total{outcome="taken"}')).toBe(3);
  expect(values.get('orbitdock_hooks_total{outcome="refused"}')).toBe(1);
  expect(values.get('orbitdock_refusals_total{code="unauthorized"}')).toBe(1);
  expect(values.get('orbitdock_connections{transport="ws"}')).toBe(1);
  expect(values.get('orbitdock_degraded{reason=""}')).toBe(0);
  expect(values.get('orbitdock_database_bytes')).toBeGreaterThan(0);
  expect(values.has('process_resident_memory_bytes')).toBe(true);
  expect(text).toContain('# TYPE orbitdock_hooks_total counter');
  // A state that nobody is in any more is not reported.
  await hook({ session_id: 'one', hook_event_name: 'Stop', cwd: '/x' });
  const later = valuesIn((await get('/metrics')).text);
  expect(later.has('orbitdock_sessions{provider="claude",work_status="working"}')).toBe(false);
  expect(later.get('orbitdock_sessions{provider="claude",work_status="waiting"}')).toBe(2);
});

it('is ready while hooks can be stored', async () => {
  expect(await get('/ready')).toMatchObject({ status: 200, text: '{"ready":true}' });
  expect((await fetch(`${server.url}/ready`, { method: 'POST' })).status).toBe(405);
});
