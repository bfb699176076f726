/** What the telemetry of a CLI reports about its sessions: who decided, what it costs; and who may send it. */
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { rowsOf } from '../support/database.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

let sequence = 0;

/** A request of an exporter with one record. */
function recordOf(session: string, event: string, own: Record<string, string | number>): object {
  sequence += 1;
  const attributes = {
    ...{ 'session.id': session, 'event.timestamp': new Date().toISOString() },
    ...{ 'event.sequence': sequence, 'user.email': 'somebody@example.org', ...own },
  };
  const pairs = Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === 'number' ? { doubleValue: value } : { stringValue: value },
  }));
  const record = { body: { stringValue: `claude_code.${event}` }, attributes: pairs };
  return { resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] };
}

function post(body: string, headers: Record<string, string> = {}): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const options = {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
    };
    const sent = request(`${server.url}/v1/logs`, options, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      answer.once('end', () => resolve([answer.statusCode ?? 0, text]));
    });
    sent.once('error', reject);
    // In parts, without a length: the older CLI sends it so.
    sent.write(body.slice(0, 5));
    sent.end(body.slice(5));
  });
}

const send = async (body: object) => expect(await post(JSON.stringify(body))).toEqual([200, '{}']);

const session = (id: string) =>
  rowsOf<{ work_status: string; cost_usd: number | null; permission_mode: string | null }>(
    server.paths,
    'SELECT work_status, cost_usd, permission_mode FROM sessions WHERE id = ?',
    id,
  )[0];

const decisions = (id: string) =>
  rowsOf<{ decision: string; evidence: string }>(
    server.paths,
    'SELECT decision, evidence FROM approval_history WHERE session_id = ?',
    id,
  );

async function askIn(id: string): Promise<void> {
  const { prompt, toolStarts, asks } = scriptOf(id);
  await deliver(server.url, prompt('Go'));
  await deliver(server.url, toolStarts('t1'));
  await deliver(server.url, asks());
  expect(session(id)?.work_status).toBe('permission');
}

const decision = (id: string, word: string, source: string) =>
  recordOf(id, 'tool_decision', { decision: word, source, tool_use_id: 't1', tool_name: 'Bash' });

describe('telemetry', () => {
  it('reports at once that a person allowed a command, and the first word counts', async () => {
    await askIn('allowed');
    await send(decision('allowed', 'accept', 'user_temporary'));
    await vi.waitFor(() => expect(session('allowed')?.work_status).toBe('working'));
    // What a hook that answers too late makes the CLI say.
    await send(decision('allowed', 'reject', 'hook'));
    await send(recordOf('allowed', 'api_request', { cost_usd: 0.5 }));
    await vi.waitFor(() => expect(session('allowed')?.cost_usd).toBe(0.5));
    expect(decisions('allowed')).toEqual([
      { decision: 'approved', evidence: 'telemetry: decision.seen by person' },
    ]);
  });

  it('names a refusal of a person, and lets nothing of the person further', async () => {
    await askIn('refused');
    await send(decision('refused', 'reject', 'user_reject'));
    await vi.waitFor(() => expect(decisions('refused')[0]?.decision).toBe('denied'));
    const journal = rowsOf<{ origin: string; event: string }>(
      server.paths,
      `SELECT origin, event FROM journal WHERE session_id = 'refused'`,
    );
    expect(journal.at(-1)?.origin).toBe('telemetry');
    expect(JSON.stringify(journal)).not.toContain('example.org');
  });

  it('adds what each answer cost once, also when it is sent again', async () => {
    await deliver(server.url, scriptOf('costs').prompt('Go'));
    const first = recordOf('costs', 'api_request', { cost_usd: 0.25, model: 'claude-sonnet-5' });
    await send(first);
    await send(first);
    await send(recordOf('costs', 'api_request', { cost_usd_micros: 500_000 }));
    await send(recordOf('costs', 'permission_mode_changed', { to_mode: 'plan' }));
    await vi.waitFor(() => expect(session('costs')).toMatchObject({ permission_mode: 'plan' }));
    expect(session('costs')?.cost_usd).toBe(0.75);
  });

  it('makes no session of what only telemetry knows, and survives junk', async () => {
    await send(recordOf('unheard', 'api_request', { cost_usd: 1 }));
    await send({ resourceLogs: [{ scopeLogs: [null, { logRecords: [7, { attributes: {} }] }] }] });
    await deliver(server.url, scriptOf('after').prompt('Go'));
    expect(session('unheard')).toBeUndefined();
  });

  it('is taken from whom hooks are taken from, and as JSON only', async () => {
    const [foreign] = await post('{}', { Host: 'evil.example' });
    expect(foreign).toBeGreaterThanOrEqual(400);
    const [crossSite] = await post('{}', { Origin: 'http://evil.example' });
    expect(crossSite).toBe(403);
    const [protobuf, words] = await post('{}', { 'Content-Type': 'application/x-protobuf' });
    expect(protobuf).toBe(415);
    expect(words).toContain('application/json');
    const [broken] = await post('{"resourceLogs"');
    expect(broken).toBe(400);
  });
});
