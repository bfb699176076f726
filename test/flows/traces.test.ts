/** Spans for a collector: what a turn consists of, with the right parents, times and attributes, and nothing of texts. */
import { readFileSync } from 'node:fs';
import { afterEach, expect, it, vi } from 'vitest';
import type { Flags } from '../../src/config.ts';
import { type Collector, type ReceivedSpan, startCollector } from '../support/collector.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

async function served(more: { env?: Record<string, string>; flags?: Flags } = {}) {
  const collector = await startCollector();
  opened.push(collector);
  const flags = { otlpEndpoint: collector.url, ...more.flags };
  const server = await startTestServer({ ...more, flags });
  opened.push(server);
  return { collector, server };
}

const ended = ({ endTimeUnixNano }: ReceivedSpan) => BigInt(endTimeUnixNano);
const began = ({ startTimeUnixNano }: ReceivedSpan) => BigInt(startTimeUnixNano);

/** A turn with a tool that a person has to allow, in a session. */
async function runTurn(server: TestServer, id: string, secret = 'ls'): Promise<void> {
  const { prompt, toolStarts, asks, toolEnds, stop } = scriptOf(id);
  await deliver(server.url, prompt(`Do it: ${secret}`));
  await deliver(server.url, toolStarts('t1', secret));
  await deliver(server.url, asks(secret));
  await deliver(server.url, toolEnds('t1', secret, secret));
  await deliver(server.url, stop(`Done: ${secret}`));
}

it('gives turn, tool, request and states as one trace, with their times', async () => {
  const { collector, server } = await served();
  const beganAt = BigInt(Date.now()) * 1_000_000n;
  await runTurn(server, 'one');
  const turn = await collector.span('invoke_agent Claude Code');
  const tool = await collector.span('execute_tool Bash');
  const request = await collector.span('wait exec');
  const waiting = await collector.span('state phase.active.requests.permission');
  const working = await collector.span('state phase.active.turn.open');

  expect(turn.parentSpanId ?? '').toBe('');
  expect(turn.attributes).toMatchObject({
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.agent.name': 'Claude Code',
    'gen_ai.provider.name': 'anthropic',
    'gen_ai.conversation.id': 'one',
    'orbitdock.turn': 1,
    'orbitdock.outcome': 'turn.completed',
    'orbitdock.project': 'shop',
  });
  expect(tool.parentSpanId).toBe(turn.spanId);
  expect(tool.attributes).toMatchObject({
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': 'Bash',
    'gen_ai.tool.call.id': 't1',
    'orbitdock.outcome': 'succeeded',
  });
  expect(request.parentSpanId).toBe(tool.spanId);
  expect(request.attributes).toMatchObject({
    'orbitdock.request.type': 'exec',
    'orbitdock.request.decision': 'approved',
  });
  expect([waiting.parentSpanId, working.parentSpanId]).toEqual([turn.spanId, turn.spanId]);
  const all = [turn, tool, request, waiting, working];
  expect(new Set(all.map(({ traceId }) => traceId)).size).toBe(1);
  expect(new Set(all.map(({ spanId }) => spanId)).size).toBe(all.length);
  for (const span of all) {
    expect(began(span)).toBeGreaterThanOrEqual(beganAt);
    expect(ended(span)).toBeGreaterThan(began(span));
    expect(began(span)).toBeGreaterThanOrEqual(began(turn));
    expect(ended(span)).toBeLessThanOrEqual(ended(turn));
  }
  expect(began(waiting)).toBe(began(request));
  expect(collector.requests[0]).toMatchObject({
    path: '/v1/traces',
    resource: { 'service.name': 'orbitdock-server' },
  });
});

it('gives the wait for the next words as a trace of its own', async () => {
  const { collector, server } = await served();
  await runTurn(server, 'idle');
  await deliver(server.url, scriptOf('idle').prompt('More'));
  const turn = await collector.span('invoke_agent Claude Code');
  const idle = await collector.span('state phase.active.turn.closed');
  expect(idle.parentSpanId ?? '').toBe('');
  expect(idle.traceId).not.toBe(turn.traceId);
  expect(began(idle)).toBe(ended(turn));
  expect(idle.attributes).toMatchObject({ 'gen_ai.conversation.id': 'idle' });
});

it('gives failures, subagents with their tools, and the next turn as another trace', async () => {
  const { collector, server } = await served();
  const base = { session_id: 'agents', cwd: '/x' };
  const { prompt } = scriptOf('agents', '/x');
  await deliver(server.url, prompt('Go'));
  const agent = { agent_id: 'a1', agent_type: 'Explore' };
  await deliver(server.url, { ...base, ...agent, hook_event_name: 'SubagentStart' });
  const use = { tool_name: 'Read', tool_use_id: 't9', tool_input: { file_path: '/x/y' } };
  await deliver(server.url, { ...base, ...agent, ...use, hook_event_name: 'PreToolUse' });
  await deliver(server.url, {
    ...{ ...base, ...agent, ...use, hook_event_name: 'PostToolUseFailure' },
    error: 'No such file: secret',
  });
  await deliver(server.url, { ...base, ...agent, hook_event_name: 'SubagentStop' });
  await deliver(server.url, { ...base, hook_event_name: 'StopFailure', error: 'rate_limit' });
  const turn = await collector.span('invoke_agent Claude Code');
  const subagent = await collector.span('invoke_agent Explore');
  const tool = await collector.span('execute_tool Read');
  expect(subagent.parentSpanId).toBe(turn.spanId);
  expect(subagent.attributes).toMatchObject({ 'gen_ai.agent.id': 'a1' });
  expect(tool.parentSpanId).toBe(subagent.spanId);
  expect(tool.status).toMatchObject({ code: 2, message: 'tool_failed' });
  expect(turn.status).toMatchObject({ code: 2, message: 'turn_failed' });
  expect(turn.attributes).toMatchObject({ 'error.type': 'turn_failed' });
  await deliver(server.url, prompt('Again'));
  await deliver(server.url, scriptOf('agents', '/x').stop());
  await vi.waitFor(() => {
    const turns = collector.spans.filter(({ name }) => name === turn.name);
    expect(turns.map(({ traceId }) => traceId === turn.traceId)).toEqual([true, false]);
  }, 5000);
});

it('gives the model calls that the telemetry of the CLI reports', async () => {
  const { collector, server } = await served();
  await deliver(server.url, scriptOf('calls').prompt('Go'));
  const sentMs = Date.now();
  await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(sentMs + 20));
  const values: Record<string, unknown> = {
    'session.id': 'calls',
    ...{ 'event.timestamp': new Date().toISOString(), 'event.sequence': 1 },
    ...{ model: 'claude-sonnet-5', cost_usd: 0.25, duration_ms: 10, request_id: 'req_1' },
    ...{ input_tokens: 10, cache_read_tokens: 200, cache_creation_tokens: 30, output_tokens: 40 },
  };
  const attributes = Object.entries(values).map(([key, value]) => ({
    key,
    value: typeof value === 'number' ? { doubleValue: value } : { stringValue: value },
  }));
  const record = { body: { stringValue: 'claude_code.api_request' }, attributes };
  await fetch(`${server.url}/v1/logs`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] }),
  });
  const call = await collector.span('chat claude-sonnet-5');
  expect(call.kind).toBe(3);
  expect(ended(call) - began(call)).toBe(10_000_000n);
  expect(call.attributes).toMatchObject({
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': 'claude-sonnet-5',
    'gen_ai.response.id': 'req_1',
    'gen_ai.usage.input_tokens': 240,
    'gen_ai.usage.output_tokens': 40,
    'gen_ai.usage.cache_read.input_tokens': 200,
  });
  await deliver(server.url, scriptOf('calls').stop());
  const turn = await collector.span('invoke_agent Claude Code');
  expect([call.parentSpanId, call.traceId]).toEqual([turn.spanId, turn.traceId]);
  expect(turn.attributes).toMatchObject({ 'orbitdock.cost_usd': 0.25 });
});

it('goes on with the same trace after a restart, and each span comes once', async () => {
  const { collector, server } = await served();
  const { prompt, toolStarts, asks, toolEnds, stop } = scriptOf('again');
  await deliver(server.url, prompt('Go'));
  await deliver(server.url, toolStarts('t1'));
  await deliver(server.url, asks());
  await server.restart();
  await deliver(server.url, toolEnds('t1'));
  await deliver(server.url, stop());
  const turn = await collector.span('invoke_agent Claude Code');
  const request = await collector.span('wait exec');
  const tool = await collector.span('execute_tool Bash');
  expect(request.traceId).toBe(turn.traceId);
  expect([tool.parentSpanId, request.parentSpanId]).toEqual([turn.spanId, tool.spanId]);
  expect(began(tool)).toBeLessThan(began(request));
  await server.stop();
  const ids = collector.spans.map(({ spanId }) => spanId);
  expect(new Set(ids).size).toBe(ids.length);
  await server.start();
});

it('sends no text of a conversation, and what the collector wants of a sender', async () => {
  const { collector, server } = await served({
    env: {
      HOME: '/nonexistent',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=secret%20key,other=1',
      OTEL_SERVICE_NAME: 'dock-of-a-team',
    },
  });
  await runTurn(server, 'quiet', 'canary-4711');
  await collector.span('invoke_agent Claude Code');
  await server.stop();
  for (const { body, headers, resource } of collector.requests) {
    expect(body).not.toContain('canary-4711');
    expect(body).not.toContain('/home/dev');
    expect(headers['x-api-key']).toBe('secret key');
    expect(resource).toMatchObject({ 'service.name': 'dock-of-a-team' });
  }
  expect(readFileSync(server.paths.log, 'utf8')).not.toContain('secret key');
  await server.start();
});

it('serves on without a collector, says so once, and once when it is back', async () => {
  const { collector, server } = await served();
  const { port } = new URL(collector.url);
  await opened.shift()?.[Symbol.asyncDispose]();
  const lines = (event: string) =>
    readFileSync(server.paths.log, 'utf8')
      .split('\n')
      .filter((line) => line.includes(`"${event}"`));
  await runTurn(server, 'dead');
  await vi.waitFor(() => expect(lines('otlp.failed')).toHaveLength(1), 15_000);
  await runTurn(server, 'dead');
  const back: Collector = await startCollector(Number(port));
  opened.unshift(back);
  await vi.waitFor(async () => {
    await runTurn(server, 'dead');
    expect(back.spans.length).toBeGreaterThan(0);
  }, 15_000);
  await vi.waitFor(() => expect(lines('otlp.recovered')).toHaveLength(1), 5000);
  expect(lines('otlp.failed')).toHaveLength(1);
}, 40_000);
