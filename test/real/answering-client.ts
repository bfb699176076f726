/**
 * A client that answers what a `claude` in a terminal asks: it is shown the session, finds what is asked, and
 * decides. The waiting hooks are processes that anybody can see: they run in the server's data directory.
 */
import { readdirSync, readlinkSync } from 'node:fs';
import { vi } from 'vitest';
import type { ApprovalRequest } from '../../src/protocol/nouns.ts';
import type { ApprovalHistoryItem } from '../../src/protocol/reply-nouns.ts';
import { type Received, type TestClient, wsClient } from '../support/clients.ts';
import type { BuiltServer } from './built-server.ts';

/** A client with one session open. */
export interface AskedClient extends AsyncDisposable {
  readonly client: TestClient;
  /** The session that appeared. */
  session(): Promise<string>;
  /** The next request that may be answered and was not returned before. */
  asked(): Promise<ApprovalRequest>;
  /** Decides; what is refused comes as the error's code, what is taken as null. */
  decide(request: ApprovalRequest, fields: Record<string, unknown>): Promise<string | null>;
  answer(request: ApprovalRequest, fields: Record<string, unknown>): Promise<string | null>;
  /** The history's entry of a request once it is decided and `fits`. */
  settled(
    request: ApprovalRequest,
    fits?: (item: ApprovalHistoryItem) => boolean,
  ): Promise<ApprovalHistoryItem>;
}

/** Connects to a server and opens the first session that appears there. */
export async function askedClient(url: string): Promise<AskedClient> {
  const client = await wsClient(url);
  client.send({ type: 'subscribe_list' });
  await client.waitFor(({ type }) => type === 'sessions_list');
  const opened = open(client);
  opened.catch(() => undefined);
  const returned = new Set<string>();
  let asks = 0;
  const send = async (message: { type: string; [field: string]: unknown }) => {
    const from = client.messages.length;
    const ping = `after-${++asks}`;
    client.send(message);
    client.send({ type: 'ping', request_id: ping });
    await client.waitFor((m) => m.type === 'ack' && m.request_id === ping);
    const since = client.messages.slice(from);
    const error = since.find((m) => m.type === 'error' && m.request_id === message.request_id);
    return error?.type === 'error' ? error.code : null;
  };
  const decide = async (request: ApprovalRequest, fields: Record<string, unknown>) =>
    send({
      ...{ type: 'approve_tool', session_id: request.session_id, request_id: request.id },
      ...fields,
    });
  return {
    client,
    session: () => opened,
    async asked() {
      await opened;
      const found = await client.waitFor((m) => {
        const request = requestIn(m);
        return request?.answerable === true && !returned.has(request.id);
      });
      const request = requestIn(found) as ApprovalRequest;
      returned.add(request.id);
      return request;
    },
    decide,
    answer: (request, fields) =>
      send({
        ...{ type: 'answer_question', session_id: request.session_id, request_id: request.id },
        ...{ answer: '', ...fields },
      }),
    async settled(request, fits = () => true) {
      const found = await client.waitFor((m) => itemIn(m, request.id, fits) !== undefined);
      return itemIn(found, request.id, fits) as ApprovalHistoryItem;
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function open(client: TestClient): Promise<string> {
  const created = await client.waitFor(({ type }) => type === 'session_created');
  const id = created.type === 'session_created' ? created.session.id : '';
  client.send({ type: 'subscribe_session', session_id: id });
  await client.waitFor((m) => m.type === 'session_snapshot' && m.session.id === id);
  return id;
}

function requestIn(message: Received): ApprovalRequest | null {
  if (message.type === 'approval_requested') return message.request;
  if (message.type === 'session_snapshot') return message.session.pending_approval;
  return message.type === 'session_delta' ? (message.changes.pending_approval ?? null) : null;
}

function itemIn(
  message: Received,
  requestId: string,
  fits: (item: ApprovalHistoryItem) => boolean,
): ApprovalHistoryItem | undefined {
  if (message.type !== 'approvals_list') return undefined;
  return message.approvals.find(
    (item) => item.request_id === requestId && item.decision !== null && fits(item),
  );
}

/** Ids of the processes that run in the data directory: hooks on their way, and hooks that wait. */
export function hooksOf({ data }: Pick<BuiltServer, 'data'>): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`) === data;
      } catch {
        // It has ended, or it is not ours.
        return false;
      }
    })
    .map(Number);
}

/** Settles when no hook is left. */
export async function noHookIsLeft(dock: Pick<BuiltServer, 'data'>): Promise<void> {
  await vi.waitFor(
    () => {
      const left = hooksOf(dock);
      if (left.length > 0) throw new Error(`hooks are left: ${left.join(' ')}`);
    },
    { timeout: 20_000, interval: 100 },
  );
}
