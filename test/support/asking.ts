/** Questions with an id of their own, and the one answer that carries it. */
import type { Received, TestClient } from './clients.ts';

let questions = 0;

/** An answer: a reply, an `ack` or an `error`. */
export type Answer = Received & { readonly request_id?: string };

/** Asks and resolves with the answer. @throws when none comes */
export function ask(
  client: TestClient,
  message: { readonly type: string; readonly [field: string]: unknown },
): Promise<Answer> {
  questions++;
  const request_id = `question-${questions}`;
  client.send({ ...message, request_id });
  return client.waitFor(
    (frame: Answer) => 'request_id' in frame && frame.request_id === request_id,
  );
}

/** The frames of one type that came so far. */
export function received<Type extends Received['type']>(
  client: TestClient,
  type: Type,
): Array<Extract<Received, { type: Type }>> {
  return client.messages.filter(
    (frame): frame is Extract<Received, { type: Type }> => frame.type === type,
  );
}
