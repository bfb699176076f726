import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseLogs } from '../../../src/providers/claude/telemetry.ts';

const FIXTURES = new URL('../../fixtures/claude-otlp/', import.meta.url);

function recorded(name: string): unknown[] {
  return readFileSync(new URL(name, FIXTURES), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse((JSON.parse(line) as { body: string }).body));
}

type Scalar = string | number | boolean;

/** A request with one record, its numbers as numbers or as text. */
function request(event: string, attributes: Record<string, Scalar>, asText = false): unknown {
  const own = { 'session.id': 's-1', 'event.timestamp': '2026-11-28T11:44:05.121Z', ...attributes };
  const pairs = Object.entries(own).map(([key, value]) => ({
    key,
    value:
      typeof value === 'number' && !asText
        ? Number.isInteger(value)
          ? { intValue: value }
          : { doubleValue: value }
        : { stringValue: String(value) },
  }));
  const record = { body: { stringValue: `claude_code.${event}` }, attributes: pairs };
  return { resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] };
}

describe('telemetry', () => {
  it('reports who allowed a tool, how it ended, what it cost and the new mode', () => {
    const reports = recorded('197-yes-for-good-then-esc-then-shift-tab.jsonl').flatMap(
      (body) => parseLogs(body).reports,
    );
    expect(reports.map(({ what }) => what)).toEqual([
      'api.answered',
      'api.answered',
      'tool.decided',
      'tool.settled',
      'api.answered',
      'permission.mode',
    ]);
    const tool = 'toolu_0000000000000mx0ce85j3';
    expect(reports).toContainEqual(
      expect.objectContaining({
        what: 'tool.decided',
        tool,
        accepted: true,
        by: 'person',
        forGood: true,
      }),
    );
    expect(reports).toContainEqual(
      expect.objectContaining({ what: 'tool.settled', tool, ok: true, durationMs: 361 }),
    );
    expect(reports).toContainEqual(
      expect.objectContaining({
        what: 'permission.mode',
        from: 'acceptEdits',
        mode: 'plan',
        trigger: 'shift_tab',
      }),
    );
    expect(reports[0]).toMatchObject({
      stamp: Date.parse('2026-11-28T11:44:06.350Z'),
      sequence: 16,
      usd: 0.00703575,
      purpose: 'generate_session_title',
      tokens: { input: 12, output: 57, cacheRead: 6789, cacheCreation: 345, context: 7146 },
    });
  });

  it('gives every record of a session another key, and the same key again for the same record', () => {
    for (const name of [
      '197-yes-for-good-then-esc-then-shift-tab.jsonl',
      '330-allowed-by-our-hook.jsonl',
    ]) {
      const keys = () =>
        recorded(name).flatMap((body) => parseLogs(body).reports.map(({ key }) => key));
      expect(new Set(keys()).size).toBe(keys().length);
      expect(keys()).toEqual(keys());
    }
  });

  it('names the decider of a decision, also one it does not know', () => {
    const by = (source: string, decision = 'accept') =>
      parseLogs(request('tool_decision', { tool_use_id: 't1', decision, source })).reports[0];
    expect(by('user_temporary')).toMatchObject({ by: 'person', forGood: false });
    expect(by('user_reject', 'reject')).toMatchObject({ by: 'person', accepted: false });
    expect(by('user_abort', 'reject')).toMatchObject({ by: 'aborted' });
    expect(by('config')).toMatchObject({ by: 'rule' });
    expect(by('hook')).toMatchObject({ by: 'hook' });
    for (const odd of ['classifier', 'constructor', '__proto__']) {
      expect(by(odd)).toMatchObject({ by: odd });
    }
  });

  it('reads numbers that come as numbers and as text alike', () => {
    const attributes = {
      model: 'm',
      input_tokens: 3,
      output_tokens: 4,
      cache_read_tokens: 5,
      cache_creation_tokens: 6,
      cost_usd: 0.25,
      'event.sequence': 7,
    };
    const plain = parseLogs(request('api_request', attributes));
    expect(parseLogs(request('api_request', attributes, true))).toEqual(plain);
    expect(plain.reports[0]).toMatchObject({ usd: 0.25, sequence: 7, tokens: { context: 14 } });
  });

  it('keeps nothing that identifies the person, and no text', () => {
    const private_ = {
      'user.id': 'SECRET',
      'user.email': 'SECRET@x',
      'user.account_uuid': 'SECRET',
      'organization.id': 'SECRET',
      prompt: 'SECRET',
      prompt_length: 6,
    };
    const { reports } = parseLogs(request('api_request', private_));
    expect(reports).toHaveLength(1);
    expect(JSON.stringify(reports)).not.toContain('SECRET');
  });

  it('ignores what it does not know, and counts it', () => {
    const junk = [
      null,
      7,
      'text',
      [],
      { resourceLogs: {} },
      { resourceLogs: [null, { scopeLogs: [{ logRecords: 'x' }] }] },
    ];
    for (const body of junk) expect(parseLogs(body)).toEqual({ reports: [], ignored: 0 });
    for (const event of ['hook_registered', 'constructor', 'toString', '__proto__']) {
      expect(parseLogs(request(event, {})), event).toEqual({ reports: [], ignored: 1 });
    }
    for (const id of ['', '..', 'a/b', 'x'.repeat(129)]) {
      expect(parseLogs(request('user_prompt', { 'session.id': id }))).toEqual({
        reports: [],
        ignored: 1,
      });
    }
    expect(parseLogs(request('tool_decision', { decision: 'accept' })).ignored).toBe(1);
    expect(parseLogs(request('tool_result', { tool_use_id: 't', success: 'maybe' })).ignored).toBe(
      1,
    );
  });
});
