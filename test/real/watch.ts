/**
 * Two people looking at a server, one through each transport, list and session open: what they are shown of a
 * session's `work_status`, in order. Both must be shown the same.
 */
import { expect } from 'vitest';
import type { WorkStatus } from '../../src/protocol/nouns.ts';
import { ioClient, type Received, type TestClient, wsClient } from '../support/clients.ts';

/** A session both clients have opened. */
interface WatchedSession {
  readonly id: string;
  /**
   * Waits until both clients have been shown these statuses since they opened the session, blanks between and
   * repetitions left out, and until the list agrees about the last.
   *
   * @throws an assertion that says what they were shown instead
   */
  shows(expected: string | RegExp): Promise<void>;
  /** Settles with the first message about it, past or to come, that fits; received at the raw endpoint. */
  receives(fits: (message: Received) => boolean): Promise<Received>;
}

/** Both clients at a server. */
export interface Watch extends AsyncDisposable {
  /**
   * Settles when the next session nobody has asked for yet has appeared and both have opened it. Let the model
   * wait for that (`until`), and no status can be missed.
   */
  next(): Promise<WatchedSession>;
  /** Settles when both lists show this status of a session. */
  shown(id: string, status: WorkStatus): Promise<void>;
}

/** Connects both clients and opens the list on each. */
export async function watchDock(url: string): Promise<Watch> {
  const clients = [await wsClient(url), await ioClient(url)] as const;
  for (const client of clients) {
    client.send({ type: 'subscribe_list' });
    await client.waitFor(({ type }) => type === 'sessions_list');
  }
  const known = new Set<string>();
  const open = async (): Promise<WatchedSession> => {
    const isNew = (message: Received): boolean =>
      message.type === 'session_created' && !known.has(message.session.id);
    const id = sessionOf(await clients[0].waitFor(isNew));
    known.add(id);
    for (const client of clients) {
      client.send({ type: 'subscribe_session', session_id: id });
      await client.waitFor((m) => m.type === 'session_snapshot' && m.session.id === id);
    }
    return watched(clients, id);
  };
  return {
    next() {
      const opened = open();
      // A test that fails earlier for another reason never awaits it; it must not drown that reason.
      opened.catch(() => undefined);
      return opened;
    },
    async shown(id, status) {
      for (const client of clients) {
        await client.waitFor(
          (message) =>
            (sessionOf(message) === id && statusIn(message) === status) ||
            (message.type === 'sessions_list' &&
              message.sessions.some((one) => one.id === id && one.work_status === status)),
        );
      }
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close();
    },
  };
}

function watched(clients: readonly [TestClient, TestClient], id: string): WatchedSession {
  const fitsIn = (client: TestClient, expected: string | RegExp): boolean => {
    const { shown, listed } = shownTo(client, id);
    const fits = typeof expected === 'string' ? shown === expected : expected.test(shown);
    return fits && last(shown) === last(listed);
  };
  return {
    id,
    receives: (fits) => clients[0].waitFor((message) => sessionOf(message) === id && fits(message)),
    async shows(expected) {
      for (const client of clients) {
        // In vain is no error here: the assertions say more.
        await client.waitFor(() => fitsIn(client, expected)).catch(() => undefined);
        const { shown, listed } = shownTo(client, id);
        if (typeof expected === 'string') expect(shown).toBe(expected);
        else expect(shown).toMatch(expected);
        expect(last(listed)).toBe(last(shown));
      }
    },
  };
}

const last = (statuses: string): string | undefined => statuses.split(' ').at(-1);

/**
 * What a client was shown of a session: in its own room by the snapshot and frames with a revision, in the list
 * by those without. The list may leave out what lasted less than a tick.
 */
function shownTo(client: TestClient, id: string): { shown: string; listed: string } {
  const messages = client.messages.filter((message) => sessionOf(message) === id);
  const isOfRoom = (message: Received): boolean =>
    message.type === 'session_snapshot' || message.revision !== undefined;
  return {
    shown: statusesOf(messages.filter(isOfRoom)),
    listed: statusesOf(messages.filter((message) => !isOfRoom(message))),
  };
}

function sessionOf(message: Received): string {
  if ('session' in message) return message.session.id;
  return 'session_id' in message ? (message.session_id ?? '') : '';
}

function statusesOf(messages: readonly Received[]): string {
  const statuses: WorkStatus[] = [];
  for (const message of messages) {
    const status = statusIn(message);
    if (status !== undefined && status !== statuses.at(-1)) statuses.push(status);
  }
  return statuses.join(' ');
}

function statusIn(message: Received): WorkStatus | undefined {
  if ('session' in message && 'work_status' in message.session) return message.session.work_status;
  return message.type === 'session_delta' ? message.changes.work_status : undefined;
}
