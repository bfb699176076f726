/**
 * A client that does what the app does: receives the list, subscribes to every session it learns of, folds
 * everything into a model. `settle` brings it to rest: everything published before it was called has then
 * been folded, on either transport.
 */
import type { Received, TestClient } from './clients.ts';
import { createModel, type SubscriberModel } from './model.ts';

export interface Observer extends AsyncDisposable {
  readonly client: TestClient;
  readonly model: SubscriberModel;
  /** Resolves when all that was reported so far is folded and every known session is subscribed. */
  settle(): Promise<void>;
  /** Subscribes and folds the answer. */
  subscribe(sessionId: string, since?: { since_revision?: number; epoch?: string }): Promise<void>;
  /** Frames of a session's room that were folded so far. */
  factsOf(sessionId: string): Received[];
}

/** @param model a former one, for a client that comes back with what it remembers */
export async function observe(
  connect: Promise<TestClient>,
  model: SubscriberModel = createModel(),
): Promise<Observer> {
  const client = await connect;
  const subscribed = new Set<string>();
  let folded = 0;

  function fold(): void {
    for (; folded < client.messages.length; folded++) {
      model.take(client.messages[folded] as Received);
    }
  }

  async function subscribe(
    sessionId: string,
    since: { since_revision?: number; epoch?: string } = {},
  ): Promise<void> {
    subscribed.add(sessionId);
    await barrier(client);
    fold();
    model.subscribing(sessionId);
    client.send({ type: 'subscribe_session', session_id: sessionId, ...since });
    await barrier(client);
    fold();
    model.caughtUp(sessionId);
  }

  async function settle(): Promise<void> {
    for (;;) {
      await barrier(client);
      fold();
      const news = [...model.list.keys()].filter((id) => !subscribed.has(id));
      if (news.length === 0) return;
      for (const id of news) await subscribe(id, whatItHas(model, id));
    }
  }

  client.send({ type: 'subscribe_list' });
  await barrier(client);
  fold();
  return {
    client,
    model,
    settle,
    subscribe,
    factsOf: (sessionId) =>
      client.messages.slice(0, folded).filter((frame) => {
        const { session_id, revision } = frame as { session_id?: string; revision?: number };
        return session_id === sessionId && revision !== undefined;
      }),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** What a client that comes back says it has. */
function whatItHas({ sessions, epoch }: SubscriberModel, id: string) {
  const { revision = null } = sessions.get(id) ?? {};
  return revision === null ? {} : { since_revision: revision, ...(epoch && { epoch }) };
}

let barriers = 0;

/**
 * Asks for something that does not exist and waits for the refusal: messages of a connection are dealt
 * with in order and answers queue behind what was published before, so everything earlier has come.
 */
export async function barrier(client: TestClient): Promise<void> {
  barriers++;
  const request_id = `barrier-${barriers}`;
  client.send({ type: 'no_such_message', request_id });
  await client.waitFor(
    (frame) => frame.type === 'error' && 'request_id' in frame && frame.request_id === request_id,
  );
}
