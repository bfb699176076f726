/** Orders and connectors over a scripted engine: what may leave before a commit, and what a refusal takes back. */
import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../machines/session-events.ts';
import { linkStateOf, summaryOf } from '../../machines/session-status.ts';
import { OrbitError } from '../../src/errors.ts';
import type { Engine, ThreadListener } from '../../src/providers/codex/engine/engine.ts';
import type { LiveSession } from '../../src/runtime/sessions/live-session.ts';
import { messageOf, runOf } from '../machines/events.ts';
import { newSession } from '../machines/session-after.ts';
import { providersOver } from '../support/no-codex.ts';
import { openTestRuntime, poison, type TestRuntime } from './test-runtime.ts';

const ID = 'session-1';
const THREAD = { id: 'thread-1' };
const OPENED = {
  thread: THREAD,
  model: 'm',
  approvalPolicy: 'never',
  sandbox: { type: 'readOnly' },
};

/** An engine that notes what it is asked; `refuse` names methods that fail. */
function scriptedEngine() {
  const asked: Array<{ method: string; params: Record<string, unknown> }> = [];
  const refused = new Map<string, string>();
  let listener: ThreadListener | null = null;
  const results: Record<string, unknown> = {
    'thread/start': OPENED,
    'thread/resume': OPENED,
    'turn/start': { turn: { id: 'turn-of-codex' } },
  };
  const engine = {
    state: 'ready',
    request: async (method: string, params: Record<string, unknown>) => {
      asked.push({ method, params });
      const reason = refused.get(method);
      if (reason !== undefined) throw new OrbitError('codex_error', { reason });
      return results[method] ?? {};
    },
    respond: () => {},
    listen: (_: string, given: ThreadListener) => {
      listener = given;
      return () => {
        listener = null;
      };
    },
    onReport: () => () => {},
    onState: () => () => {},
    close: async () => {},
  } as unknown as Engine;
  const methods = () => asked.map(({ method }) => method);
  return { engine, asked, methods, refused, lose: (why: string) => listener?.lost(why) };
}

let stamps = 0;
const at = () => `2099-01-01T00:00:00.${String(++stamps).padStart(6, '0')}Z`;

function create({ runtime }: TestRuntime): LiveSession {
  const session = newSession({ id: ID, provider: 'codex', integration_mode: 'direct' });
  return runtime.registry.create({ session, isNew: true, turnCount: 0 });
}

function sendEvent(
  { runtime }: TestRuntime,
  live: LiveSession,
  event: object,
): Promise<Error | null> {
  return new Promise((resolve) => {
    const stamped = { at: at(), ...event } as SessionEvent;
    runtime.ledger.send(live, { event: stamped, origin: 'client', key: null, settle: resolve });
  });
}

const contextOf = (live: LiveSession) => live.head.snapshot.context;
const linkOf = (live: LiveSession) => linkStateOf(live.head.snapshot);
const submitted = (id: string, more: object = {}) => ({
  type: 'message.submitted',
  message: { ...messageOf(id, 'user'), session_id: ID, ...more },
  order: runOf(id),
});

describe('an order', () => {
  it('leaves when its event is stored, and not before', async () => {
    const codex = scriptedEngine();
    await using test = await openTestRuntime(undefined, { providers: providersOver(codex.engine) });
    const live = create(test);
    const stored = [
      sendEvent(test, live, { type: 'link.requested' }),
      sendEvent(test, live, submitted('m1')),
    ];
    expect(linkOf(live)).toBe('detached');
    expect(codex.methods()).toEqual([]);
    await Promise.all(stored);
    await expect.poll(codex.methods).toEqual(['thread/start', 'turn/start']);
    expect(codex.asked[1]?.params).toMatchObject({
      threadId: 'thread-1',
      clientUserMessageId: 'm1',
    });
    await expect.poll(() => linkOf(live)).toBe('attached');
    expect(contextOf(live).session.thread_id).toBe('thread-1');
  });

  it('is dropped with an event that can never be stored, and the others still leave once', async () => {
    const codex = scriptedEngine();
    await using test = await openTestRuntime(undefined, { providers: providersOver(codex.engine) });
    const live = create(test);
    await sendEvent(test, live, { type: 'link.requested' });
    await expect.poll(() => linkOf(live)).toBe('attached');
    const { message: bad } = poison(ID);
    const outcomes = await Promise.all([
      sendEvent(test, live, submitted('good-1')),
      sendEvent(test, live, { ...submitted('bad'), message: { ...bad, id: 'bad' } }),
      sendEvent(test, live, submitted('good-2')),
    ]);
    expect(outcomes.map((outcome) => outcome === null)).toEqual([true, false, true]);
    await expect
      .poll(() => codex.asked.flatMap(({ params }) => params.clientUserMessageId ?? []))
      .toEqual(['good-1', 'good-2']);
    expect(contextOf(live).outbox).toEqual(['good-1', 'good-2']);
    expect(linkOf(live)).toBe('attached');
  });
});

describe('a connector', () => {
  it('that cannot open its thread says why, and another try is another connector', async () => {
    const codex = scriptedEngine();
    codex.refused.set('thread/start', 'no disk');
    await using test = await openTestRuntime(undefined, { providers: providersOver(codex.engine) });
    const live = create(test);
    await sendEvent(test, live, { type: 'link.requested' });
    await expect.poll(() => contextOf(live).session.link_reason).toBe('no disk');
    expect(linkOf(live)).toBe('failed');
    codex.refused.clear();
    await sendEvent(test, live, { type: 'link.requested' });
    await expect.poll(() => linkOf(live)).toBe('attached');
  });

  it('never takes an empty thread for one in which something was said', async () => {
    const codex = scriptedEngine();
    codex.refused.set('thread/resume', 'thread not found');
    await using test = await openTestRuntime(undefined, { providers: providersOver(codex.engine) });
    const session = newSession({
      id: ID,
      provider: 'codex',
      integration_mode: 'direct',
      thread_id: 'thread-0',
    });
    const live = test.runtime.registry.create({ session, isNew: true, turnCount: 3 });
    await sendEvent(test, live, { type: 'link.requested' });
    await expect.poll(() => linkOf(live)).toBe('failed');
    expect(codex.methods()).toEqual(['thread/resume']);
  });

  it('begins no new thread under a conversation whose own is not known', async () => {
    const codex = scriptedEngine();
    await using test = await openTestRuntime(undefined, { providers: providersOver(codex.engine) });
    const session = newSession({
      id: ID,
      provider: 'codex',
      integration_mode: 'direct',
      last_message: 'from another server',
    });
    const live = test.runtime.registry.create({ session, isNew: true, turnCount: 0 });
    await sendEvent(test, live, { type: 'link.requested' });
    await expect.poll(() => linkOf(live)).toBe('failed');
    expect(codex.methods()).toEqual([]);
  });

  it('that was not used for long is let go, and comes back with the next words', async () => {
    const codex = scriptedEngine();
    await using test = await openTestRuntime(undefined, { providers: providersOver(codex.engine) });
    const live = create(test);
    await sendEvent(test, live, { type: 'link.requested' });
    await expect.poll(() => linkOf(live)).toBe('attached');
    test.runtime.rest(3_600_000);
    expect(linkOf(live)).toBe('attached');
    test.runtime.rest(-1);
    await expect.poll(() => linkOf(live)).toBe('detached');
    await expect.poll(() => codex.methods().at(-1)).toBe('thread/unsubscribe');
    await sendEvent(test, live, { type: 'link.requested' });
    await expect.poll(() => codex.methods().at(-1)).toBe('thread/resume');
    await expect.poll(() => linkOf(live)).toBe('attached');
  });

  it('that is lost shows as lost after a stop of the server too', async () => {
    const codex = scriptedEngine();
    const first = await openTestRuntime(undefined, { providers: providersOver(codex.engine) });
    const live = create(first);
    await sendEvent(first, live, { type: 'link.requested' });
    await expect.poll(() => linkOf(live)).toBe('attached');
    // Killed: nobody lets go of anything.
    await using second = await first.restart();
    const again = second.runtime.registry.peek(ID);
    if (!again) throw new Error('it is not live');
    await expect
      .poll(() => summaryOf(again.head.snapshot))
      .toMatchObject({
        link_state: 'detached',
        link_reason: 'the server was restarted',
      });
    expect(codex.methods()).toEqual(['thread/start']);
  });
});
