/** Codex's questions and the answers that fit them: what the real engine asks seldom, and what must never pass. */
import { describe, expect, it } from 'vitest';
import type { Decision } from '../../../machines/session-types.ts';
import type { ServerRequest } from '../../../src/providers/codex/protocol/generated/ServerRequest.ts';
import type { ThreadItem } from '../../../src/providers/codex/protocol/generated/v2/ThreadItem.ts';
import {
  type CodexRequest,
  requestFrom,
} from '../../../src/providers/codex/thread/approval-requests.ts';

const DECISIONS: Decision[] = [
  'approved',
  'approved_for_session',
  'approved_always',
  'denied',
  'abort',
  'answered',
  'cancelled',
];

function asked(
  method: ServerRequest['method'],
  params: object,
  item: ThreadItem | null = null,
): CodexRequest {
  const request = { method, id: '1:0', params: { threadId: 't', turnId: 'turn', ...params } };
  const ask = requestFrom(request as unknown as ServerRequest, {
    sessionId: 's',
    threadId: 't',
    findOpen: (fits) => (item && fits(item) ? item : null),
  });
  if (!ask) throw new Error(`${method} is no question`);
  return ask;
}

const answers = (ask: CodexRequest) => DECISIONS.map((decision) => ask.decide(decision));

describe('a command', () => {
  const command = { itemId: 'c', command: 'rm -rf /', cwd: '/shop', reason: 'why not' };
  const method = 'item/commandExecution/requestApproval';

  it('is answered in the words of Codex, and by no other', () => {
    const amendment = { proposedExecpolicyAmendment: ['rm'] };
    expect(answers(asked(method, { ...command, ...amendment }))).toEqual([
      { decision: 'accept' },
      { decision: 'acceptForSession' },
      { decision: { acceptWithExecpolicyAmendment: { execpolicy_amendment: ['rm'] } } },
      { decision: 'decline' },
      { decision: 'cancel' },
      null,
      null,
    ]);
  });

  it('without a proposed rule is allowed for the session at most', () => {
    expect(asked(method, command).decide('approved_always')).toEqual({
      decision: 'acceptForSession',
    });
  });

  it('has an id that no other question ever has', () => {
    expect(asked(method, command).requestId).toBe('turn:1:0');
    expect(asked(method, command).event).toMatchObject({
      toolUseId: 'c',
      tool: { name: 'Bash' },
      request: { id: 'turn:1:0', session_id: 's', type: 'exec', command: 'rm -rf /' },
    });
  });

  it('names the subagent that asks, when it is one', () => {
    expect(asked(method, command).event.request).not.toHaveProperty('agent_id');
    const other = asked(method, { ...command, threadId: 'subagent' });
    expect(other.event.request).toMatchObject({ agent_id: 'subagent' });
  });

  it('takes no answer to a question', () => {
    const order = { type: 'question.answer', requestId: 'x', answers: {}, text: 'yes' } as const;
    expect(asked(method, command).answer(order)).toHaveProperty('refusal');
  });
});

describe('more permissions', () => {
  const permissions = { network: null, fileSystem: { write: ['/srv'], read: null } };
  const ask = asked('item/permissions/requestApproval', {
    itemId: 'p',
    cwd: '/shop',
    reason: 'needs /srv',
    permissions,
  });

  it('are granted as asked, for the turn or the session, or not at all', () => {
    const { fileSystem } = permissions;
    expect(answers(ask)).toEqual([
      { permissions: { fileSystem }, scope: 'turn' },
      { permissions: { fileSystem }, scope: 'session' },
      { permissions: { fileSystem }, scope: 'session' },
      { permissions: {}, scope: 'turn' },
      { permissions: {}, scope: 'turn' },
      null,
      null,
    ]);
    expect(ask.abortEndsTurn).toBe(false);
  });
});

describe('a patch', () => {
  const change = { path: '/shop/a', kind: { type: 'add' } as const, diff: 'one\ntwo\n' };
  const item = { type: 'fileChange', id: 'p', changes: [change], status: 'inProgress' } as const;

  it('is shown with the diff that was announced before it asked', () => {
    const ask = asked('item/fileChange/requestApproval', { itemId: 'p' }, item as never);
    expect(ask.event.request).toMatchObject({
      type: 'patch',
      file_path: '/shop/a',
      diff: '--- /dev/null\n+++ /shop/a\n+one\n+two\n',
    });
  });

  it('is asked for also when nothing was announced', () => {
    const ask = asked('item/fileChange/requestApproval', { itemId: 'p' });
    expect(ask.event.request).toMatchObject({ type: 'patch', diff: null });
  });
});

describe('a page of an MCP server', () => {
  const ask = asked('mcpServer/elicitation/request', {
    serverName: 'calc',
    mode: 'url',
    _meta: null,
    message: 'Sign in here',
    url: 'https://calc.example/sign-in',
    elicitationId: 'e',
  });

  it('is shown with its address and agreed to without a form', () => {
    expect(ask.event.request).toMatchObject({
      type: 'question',
      question: 'Sign in here\nhttps://calc.example/sign-in',
    });
    expect(ask.decide('approved')).toEqual({ action: 'accept', content: {}, _meta: null });
    expect(ask.decide('denied')).toMatchObject({ action: 'decline' });
    expect(ask.decide('abort')).toMatchObject({ action: 'cancel' });
    expect(ask.decide('approved_always')).toBeNull();
  });
});

describe('a form of an MCP server', () => {
  const ask = asked('mcpServer/elicitation/request', {
    serverName: 'calc',
    mode: 'form',
    _meta: null,
    message: 'Sizes?',
    requestedSchema: {
      type: 'object',
      properties: {
        sizes: {
          type: 'array',
          items: {
            anyOf: [
              { const: 's', title: 'Small' },
              { const: 'l', title: 'Large' },
            ],
          },
        },
        weight: { type: 'number' },
      },
      required: ['sizes'],
    },
  });
  const answer = (given: Record<string, string>) =>
    ask.answer({ type: 'question.answer', requestId: 'x', answers: given, text: '' });

  it('takes several choices by their names, and numbers as numbers', () => {
    expect(answer({ sizes: 'Small, l', weight: '2.5' })).toMatchObject({
      result: { action: 'accept', content: { sizes: ['s', 'l'], weight: 2.5 } },
    });
  });

  it('takes no choice that it does not offer, no word for a number, and nothing less than it needs', () => {
    for (const given of [
      { sizes: 'Small, Huge' },
      { sizes: 'l', weight: 'heavy' },
      { weight: '1' },
    ]) {
      expect(answer(given)).toHaveProperty('refusal');
    }
    expect(ask.decide('approved')).toBeNull();
  });
});
