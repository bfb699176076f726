/** Notifications that the offline engine does not send, or not in this order, and what they must become. */
import { describe, expect, it } from 'vitest';
import type { ServerNotification } from '../../../src/providers/codex/protocol/generated/ServerNotification.ts';
import { createReports } from '../../../src/providers/codex/thread/notifications.ts';
import { wordsOfTurnError } from '../../../src/providers/codex/thread/turn-control.ts';
import type { Report } from '../../../src/providers/provider.ts';
import { PNG } from '../../support/pictures.ts';

/** Reports that are written down, over streams that only join. */
function listen() {
  const events: Report[] = [];
  const kept: Buffer[] = [];
  const reports = createReports({
    sessionId: 's',
    isShared: false,
    isSent: () => true,
    confirmed: () => {},
    port: {
      turnIds: async () => [],
      nowMs: () => 0,
      keep(bytes) {
        kept.push(bytes);
        const image = { input_type: 'path' as const, value: `/images/${kept.length}` };
        return { image, stored: Promise.resolve(true) };
      },
      report(event) {
        events.push(event);
        return Promise.resolve(true);
      },
      stream(_, first) {
        let text = first;
        return {
          push(more) {
            text += more;
          },
          text: () => text,
          close: () => {},
        };
      },
    },
  });
  const send = (method: ServerNotification['method'], params: object) => {
    events.length = 0;
    void reports.notified({
      method,
      params: { threadId: 't', turnId: 'turn', ...params },
    } as never);
    return [...events];
  };
  return { send, cut: reports.cut, events };
}

const turn = (id: string, more: object = {}) => ({
  turn: { id, status: 'completed', error: null, ...more },
});
const command = (status: string, more: object = {}) => ({
  item: {
    type: 'commandExecution',
    id: 'c',
    command: 'sleep 9',
    cwd: '/shop',
    status,
    exitCode: null,
    aggregatedOutput: null,
    durationMs: null,
    ...more,
  },
  startedAtMs: 1000,
  completedAtMs: 2000,
});

describe('what Codex reports', () => {
  it('shows the outcome of a command that outlived its turn, and nothing works because of it', () => {
    const { send } = listen();
    send('turn/started', turn('turn'));
    expect(send('item/started', command('inProgress'))).toMatchObject([{ type: 'tool.started' }]);
    send('turn/completed', turn('turn'));
    const late = send('item/completed', command('failed', { aggregatedOutput: 'gone' }));
    expect(late).toMatchObject([
      { type: 'message.changed', update: { changes: { tool_output: 'gone', is_error: true } } },
    ]);
  });

  it('says a diff once, however often Codex repeats it, and hands it over with the turn', () => {
    const { send } = listen();
    send('turn/started', turn('turn'));
    expect(send('turn/diff/updated', { diff: '+1' })).toHaveLength(1);
    expect(send('turn/diff/updated', { diff: '+1' })).toEqual([]);
    expect(send('turn/diff/updated', { turnId: 'other', diff: '+2' })).toEqual([]);
    expect(send('turn/completed', turn('turn'))).toMatchObject([{ diff: '+1' }]);
    send('turn/started', turn('next'));
    const [ended] = send('turn/completed', turn('next'));
    expect(ended).not.toHaveProperty('diff');
  });

  it('closes what was streamed when a turn is stopped: the words that were shown stay', () => {
    const { send } = listen();
    send('turn/started', turn('turn'));
    send('item/agentMessage/delta', { itemId: 'm', delta: 'Half a' });
    expect(send('item/agentMessage/delta', { itemId: 'm', delta: ' sentence' })).toEqual([]);
    expect(send('turn/completed', turn('turn', { status: 'interrupted' }))).toMatchObject([
      { type: 'message.changed', update: { changes: { content: 'Half a sentence' } } },
      { type: 'turn.aborted', reason: 'interrupted' },
    ]);
  });

  it('parts the sections of a thought, and replaces them by the whole', () => {
    const { send } = listen();
    send('item/reasoning/summaryTextDelta', { itemId: 'r', delta: 'One' });
    send('item/reasoning/summaryPartAdded', { itemId: 'r' });
    send('item/reasoning/summaryTextDelta', { itemId: 'r', delta: 'Two' });
    const item = { type: 'reasoning', id: 'r', summary: ['One', 'Two'], content: [] };
    expect(send('item/completed', { item, completedAtMs: 0 })).toMatchObject([
      { type: 'message.changed', update: { changes: { content: 'One\n\nTwo' } } },
    ]);
  });

  it('names another model when Codex was given one', () => {
    const { send } = listen();
    expect(send('model/rerouted', { fromModel: 'a', toModel: 'b' })).toMatchObject([
      { type: 'fields.updated', fields: { model: 'b' } },
    ]);
  });

  it('counts the last request, and after a compaction what is left', () => {
    const { send } = listen();
    const none = { cacheWriteInputTokens: 0, reasoningOutputTokens: 0 };
    const usage = (last: object) => ({
      tokenUsage: { last: { ...none, ...last }, total: {}, modelContextWindow: null },
    });
    const counted = { totalTokens: 9, inputTokens: 7, outputTokens: 2, cachedInputTokens: 1 };
    expect(send('thread/tokenUsage/updated', usage(counted))).toMatchObject([
      { usage: { input_tokens: 7, output_tokens: 2, cached_tokens: 1, context_window: 200_000 } },
    ]);
    const left = { totalTokens: 5, inputTokens: 0, outputTokens: 0, cachedInputTokens: 0 };
    expect(send('thread/tokenUsage/updated', usage(left))).toMatchObject([
      { usage: { input_tokens: 5, output_tokens: 0 } },
    ]);
  });

  it('takes what it does not know for nothing', () => {
    const { send } = listen();
    expect(send('thread/goal/cleared', {})).toEqual([]);
    expect(send('future/thing' as never, {})).toEqual([]);
    const item = { type: 'futureItem', id: 'f' };
    expect(send('item/started', { item, startedAtMs: 0 })).toEqual([]);
    expect(send('item/completed', { item, completedAtMs: 0 })).toEqual([]);
  });
});

describe('the words for a failed turn', () => {
  const error = (codexErrorInfo: unknown) =>
    wordsOfTurnError({
      message: 'It broke.',
      codexErrorInfo,
      additionalDetails: null,
      misalignment: null,
    } as never);

  it.each([
    ['usageLimitExceeded', /limit/],
    ['contextWindowExceeded', /compact/],
    [{ httpConnectionFailed: { httpStatusCode: 401 } }, /sign/],
    [{ httpConnectionFailed: { httpStatusCode: null } }, /network/],
    ['neverHeardOf', /[Ss]end it again/],
  ])('name a remedy for %j', (info, remedy) => {
    expect(error(info)).toMatch(/^It broke\./);
    expect(error(info)).toMatch(remedy);
  });

  it('are there also when Codex says nothing', () => {
    expect(wordsOfTurnError(null)).toMatch(/Send a message/);
  });
});

it('an image that a tool returned is said in words at once, and added when it is stored', async () => {
  const { send, events } = listen();
  send('turn/started', turn('turn'));
  const data = Buffer.concat([PNG, Buffer.alloc(12_000)]).toString('base64');
  const item = {
    type: 'mcpToolCall',
    id: 'shot',
    server: 'browser',
    tool: 'screenshot',
    arguments: {},
    status: 'completed',
    error: null,
    durationMs: 5,
    result: {
      content: [
        { type: 'text', text: 'Here:' },
        { type: 'image', data, mimeType: 'image/png' },
      ],
    },
  };
  const [received] = send('item/completed', { item, completedAtMs: 1 });
  expect(received).toMatchObject({
    type: 'tool.finished',
    message: { tool_output: 'Here:\n[image/png, 12 kB]' },
  });
  await expect
    .poll(() => events.at(-1))
    .toEqual({
      type: 'message.changed',
      update: {
        messageId: 's:shot',
        changes: { images: [{ input_type: 'path', value: '/images/1' }] },
      },
    });
});
