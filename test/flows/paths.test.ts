/**
 * The chart's own paths, walked by sessions of a live server and watched over `/ws`: the model tests the
 * system, not itself.
 */
import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../machines/session-events.ts';
import { resolveConfig } from '../../src/config.ts';
import { SILENT_LOGGER } from '../../src/log.ts';
import type { Engine } from '../../src/providers/codex/engine/engine.ts';
import { createTransports } from '../../src/transports/listen.ts';
import { KINDS, pathsOf } from '../machines/paths.ts';
import { ID, newSession, sessionAfter, WIRE_WORD } from '../machines/session-after.ts';
import { openTestRuntime, type TestRuntime } from '../runtime/test-runtime.ts';
import { type TestClient, wsClient } from '../support/clients.ts';
import { providersOver } from '../support/no-codex.ts';

describe.each(KINDS)('a %s session of a live server', (_, kind) => {
  it('shows on /ws in every state the chart can reach, by the way the chart gives, its status', async () => {
    // Its connectors begin and never come to an end, so that only the chart's own events move a session.
    await using test = await openTestRuntime(undefined, {
      providers: providersOver(SILENT_ENGINE),
    });
    const { runtime } = test;
    const config = resolveConfig({ flags: { bind: '127.0.0.1:0' }, env: {}, home: '/' });
    const endpoints = createTransports({
      config,
      runtime: runtime.api,
      rooms: runtime.rooms,
      inspection: runtime.inspection,
      log: SILENT_LOGGER,
      version: 'test',
    });
    const { port } = await endpoints.listen();
    try {
      await using client = await wsClient(`http://127.0.0.1:${port}`);
      client.send({ type: 'subscribe_list' });
      await client.waitFor((message) => message.type === 'sessions_list');
      for (const [n, { events }] of pathsOf(kind).entries()) {
        const id = `path-${n}`;
        // With a thread that its connector can ask for.
        const session = newSession({ ...kind, id, thread_id: `thread of ${id}` });
        const live = runtime.registry.create({ session, isNew: true, turnCount: 0 });
        const model = sessionAfter([], kind);
        for (const event of events) {
          model.send(event);
          await sendEvent(test, live, JSON.parse(JSON.stringify(event).replaceAll(ID, id)));
          const status = WIRE_WORD[model.phase()];
          await client.waitFor(() => statusOf(client, id) === status);
        }
        expect(events.length === 0 || statusOf(client, id)).toBeTruthy();
      }
    } finally {
      await endpoints.close();
    }
  });
});

/** An engine that takes every request and answers none. */
const SILENT_ENGINE = {
  state: 'ready',
  request: () => new Promise<never>(() => {}),
  respond: () => {},
  listen: () => () => {},
  onReport: () => () => {},
  onState: () => () => {},
  close: async () => {},
} as unknown as Engine;

type Live = ReturnType<TestRuntime['runtime']['registry']['create']>;

function sendEvent({ runtime }: TestRuntime, live: Live, event: SessionEvent): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error: Error | null) => (error ? reject(error) : resolve());
    runtime.ledger.send(live, { event, origin: 'connector', key: null, settle });
  });
}

/** What a list subscriber knows of a session, folded from all it received. */
function statusOf({ messages }: TestClient, id: string): string | undefined {
  let status: string | undefined;
  for (const message of messages) {
    if (message.type === 'session_created' && message.session.id === id) {
      status = message.session.work_status;
    } else if (message.type === 'session_delta' && message.session_id === id) {
      status = message.changes.work_status ?? status;
    }
  }
  return status;
}
