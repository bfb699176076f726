/** Holds what a subscriber has folded against what a new client receives at the same moment. */
import { isDeepStrictEqual } from 'node:util';
import type { SessionState } from '../../src/protocol/nouns.ts';
import { canonicalSession } from './canonical.ts';
import { type Received, type TestClient, wsClient } from './clients.ts';
import { createModel, type SubscriberModel } from './model.ts';
import { barrier, type Observer } from './observer.ts';

/**
 * Everything in which an observer at rest differs from a new client, and everything it complains of.
 *
 * @returns one line for each difference; empty when all is well
 */
export async function differences(url: string, observer: Observer): Promise<string[]> {
  await observer.settle();
  await using newcomer = await wsClient(url);
  newcomer.send({ type: 'subscribe_list' });
  await barrier(newcomer);
  const fresh = createModel('newcomer');
  for (const frame of newcomer.messages) fresh.take(frame);
  const wrong = [...observer.model.complaints];
  note(wrong, 'list', observer.model.listed(), fresh.listed());
  for (const id of fresh.list.keys()) {
    const snapshot = await snapshotOf(newcomer, id);
    wrong.push(...sessionDifferences(observer.model, snapshot));
  }
  return wrong;
}

/** Where a model's view of a session differs from a snapshot of it. */
export function sessionDifferences(model: SubscriberModel, snapshot: SessionState): string[] {
  const wrong: string[] = [];
  const folded = model.session(snapshot.id, snapshot.messages.length);
  note(wrong, snapshot.id, folded, canonicalSession(snapshot));
  return wrong;
}

/** A fresh snapshot on a connection that has not asked for this session before. */
export async function snapshotOf(client: TestClient, id: string): Promise<SessionState> {
  const from = client.messages.length;
  client.send({ type: 'subscribe_session', session_id: id });
  client.send({ type: 'unsubscribe_session', session_id: id });
  await barrier(client);
  const frame = client.messages
    .slice(from)
    .find((message): message is Received & { type: 'session_snapshot' } => {
      return message.type === 'session_snapshot' && message.session.id === id;
    });
  if (!frame) throw new Error(`no snapshot of ${id}`);
  return frame.session;
}

/** Notes the fields in which two things differ. */
function note(wrong: string[], what: string, folded: unknown, received: unknown): void {
  if (isDeepStrictEqual(folded, received)) return;
  const left = (folded ?? {}) as Record<string, unknown>;
  const right = (received ?? {}) as Record<string, unknown>;
  for (const field of new Set([...Object.keys(left), ...Object.keys(right)])) {
    if (isDeepStrictEqual(left[field], right[field])) continue;
    wrong.push(`${what}.${field}: folded ${short(left[field])}, told ${short(right[field])}`);
  }
}

function short(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 400);
}
