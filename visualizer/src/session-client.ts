/**
 * Taking part in a session through the public protocol: its messages, the request that is open, and
 * what may be said. Uses the typed client of the package (src/client). Only the watched
 * session, only while its panel is open.
 */
import { batch, computed, effect, signal } from '@preact/signals';
import {
  type ApprovalHistoryItem,
  type ApprovalRequest,
  type Client,
  ClientError,
  type ClientMessage,
  createClient,
  type PastSession,
  type ReplyTo,
  type SessionView,
} from '../../src/client/index.ts';
import type { ImageInput, Question } from '../../src/protocol/nouns.ts';
import type { CodexModelOption as Model } from '../../src/protocol/reply-nouns.ts';
import { imported, isImported } from './imported-file.ts';
import { hello, inboxed, isOnline, selected } from './page-state.ts';
import { place, tab, view } from './route.ts';
import { SERVER_URL } from './server-url.ts';
import { questionsOf } from './session-labels.ts';
import { readToken } from './token.ts';

const ANSWER_WITHIN_MS = 15_000;
/** Messages of a subagent that are asked for at once. */
const BRANCH_PAGE = 50;
/** A page is looked at: it comes back sooner than other clients do. */
const PACE = { firstMs: 1000, maxMs: 4000 };

/** A session as its subscribers have it. */
export type { SessionView } from '../../src/client/index.ts';
export type { Model };

/** The conversation of the watched session; null while there is none. */
export const talk = signal<SessionView | null>(null);
/** Why there is none. */
export const talkFailure = signal<string | null>(null);

/** Its connection is opened with the first conversation that is shown. */
let client: Client | null = null;
let followed: { session: string; stop: () => void } | null = null;

/** Subscribes while it is shown. */
export function startConversation(): void {
  effect(() => {
    const isOpen = tab.value === 'session' || view.value === 'session' || view.value === 'now';
    if (place.value === 'inbox') follow(inboxed.value);
    else follow(isOpen ? selected.value : null);
  });
  // The page has a line again, perhaps by another token: then this one need not wait any longer.
  effect(() => {
    const isLost = client?.link.kind === 'offline' || client?.link.kind === 'refused';
    if (isOnline.value && isLost) client?.retry();
  });
}

/** The line over which this page takes part, opened at the first call. */
export function connected(): Client {
  if (client) return client;
  client = createClient({
    url: SERVER_URL,
    token: readToken,
    pace: PACE,
    timeoutMs: ANSWER_WITHIN_MS,
  });
  client.on('session', (session) => {
    if (session.id === followed?.session) talk.value = session;
  });
  client.on('unavailable', (session, { message }) => {
    if (session === followed?.session && !talk.peek()) talkFailure.value = message;
  });
  return client;
}

/** Whether this page may take part at all: the same scopes as everywhere. */
export const mayControl = computed(() => hello.value?.scopes.includes('control') === true);

/** What a person may say about a request for permission (contract: `approve_tool`). */
export type Verdict = 'approved' | 'approved_for_session' | 'approved_always' | 'denied' | 'abort';

/**
 * The decision about an open request; `null` when the server took it, else its words.
 *
 * @param words  for a denial: what the agent gets instead
 */
export function decide(
  { id: request_id, session_id }: ApprovalRequest,
  decision: Verdict,
  words = '',
): Promise<string | null> {
  const message = words.trim();
  return sendCommand({
    type: 'approve_tool',
    session_id,
    request_id,
    decision,
    ...(message !== '' && { message }),
  });
}

/** What an answer goes by: the provider's id of the question where it has one, else its words. */
export function keyOf({ id, question }: Question): string {
  return id ?? question;
}

/**
 * The answers to an open request, by question. `answers` says it question by question; `answer` is taken for
 * the first one's, so it must never hold another's.
 */
export function answer(
  request: ApprovalRequest,
  answers: ReadonlyMap<string, string>,
): Promise<string | null> {
  const { id: request_id, session_id } = request;
  const [first] = questionsOf(request);
  return sendCommand({
    type: 'answer_question',
    session_id,
    request_id,
    answer: (first && answers.get(keyOf(first))) ?? '',
    answers: Object.fromEntries(answers),
  });
}

/** Words for the turn that runs, without waiting for its end. */
export function steer(session_id: string, content: string): Promise<string | null> {
  return sendCommand({ type: 'steer_turn', session_id, content });
}

/** What goes with a message; what is left out stays as the session has it. */
export interface Sent {
  effort?: string;
  model?: string;
  images?: ImageInput[];
  mentions?: { name: string; path: string }[];
}

/** A message to the session. */
export function send(
  session_id: string,
  content: string,
  { images = [], mentions = [], ...more }: Sent = {},
): Promise<string | null> {
  return sendCommand({
    type: 'send_message',
    session_id,
    content,
    ...more,
    ...(images.length > 0 && {
      images: images.map(({ input_type, value }) => ({ input_type, value })),
    }),
    ...(mentions.length > 0 && { mentions }),
  });
}

/** The models that an account may use; none where they cannot be had, for a message needs none. */
export async function listModels(): Promise<readonly Model[]> {
  try {
    return (await connected().request({ type: 'list_models' })).models;
  } catch (cause) {
    if (cause instanceof ClientError) return [];
    throw cause;
  }
}

/** Takes back a message that waits for the end of a turn. */
export function withdraw(session_id: string, message_id: string): Promise<string | null> {
  return sendCommand({ type: 'withdraw_message', session_id, message_id });
}

/** Gives a session its connector back. */
export function resume(session_id: string): Promise<string | null> {
  return sendCommand({ type: 'resume_session', session_id });
}

/**
 * Gives the requests of a session that were asked so far, and again whenever one is decided; a sentence when they
 * cannot be had.
 *
 * @returns how to end that
 */
export function followDecided(
  session_id: string,
  onFound: (found: readonly ApprovalHistoryItem[] | string) => void,
): () => void {
  if (isImported(session_id)) return () => {};
  const line = connected();
  const stop = line.on('frame', (frame) => {
    if (frame.type === 'approvals_list' && frame.session_id === session_id)
      onFound(frame.approvals);
  });
  line.request({ type: 'list_approvals', session_id }).then(
    ({ approvals }) => onFound(approvals),
    (cause: Error) => onFound(cause.message),
  );
  return stop;
}

/** A page of the conversations that are on the server's disk, or why there is none. */
export function listPast(after: string | null) {
  return request({ type: 'list_past_sessions', ...(after !== null && { after }) });
}

/** The newest messages of one, or those before a message; or why there are none. */
export function openPast({ id: session_id, provider }: PastSession, before: string | null) {
  return request({
    ...{ type: 'open_past_session', session_id, provider },
    ...(before !== null && { before }),
  });
}

/** The newest messages of a subagent, or those before a message, with its tokens; or why there are none. */
export function askBranch(session_id: string, subagent_id: string, before: string | null) {
  return request({
    ...{ type: 'get_messages', session_id, subagent_id, limit: BRANCH_PAGE },
    ...(before !== null && { before }),
  });
}

/** Asks for something; the answer, or why there is none. */
export async function request<Message extends ClientMessage>(
  message: Message,
): Promise<ReplyTo<Message['type']> | string> {
  try {
    return await connected().request(message);
  } catch (cause) {
    if (cause instanceof ClientError) return cause.message;
    throw cause;
  }
}

/** Stops the running turn. */
export function interrupt(session_id: string): Promise<string | null> {
  return sendCommand({ type: 'interrupt_session', session_id });
}

/** Loads the page of messages before those that are shown; `null` when it came, else why not. */
export async function loadOlderMessages(session_id: string): Promise<string | null> {
  try {
    await connected().older(session_id);
    return null;
  } catch (cause) {
    if (cause instanceof ClientError) return cause.message;
    throw cause;
  }
}

function follow(session: string | null): void {
  if (session === (followed?.session ?? null)) return;
  followed?.stop();
  const file = session === null ? undefined : imported.peek().get(session);
  if (session === null) followed = null;
  else if (isImported(session)) followed = { session, stop: () => {} };
  else followed = { session, stop: connected().watch(session) };
  batch(() => {
    if (isImported(session)) {
      talk.value = file?.talk ?? null;
      talkFailure.value = file ? null : 'This file is not open any more: open it again.';
      return;
    }
    if (talk.peek()?.id !== session) talk.value = null;
    talkFailure.value = null;
  });
}

/** Asks for something that has no answer. @returns null when it was done, else the words why not */
export async function sendCommand(message: ClientMessage): Promise<string | null> {
  try {
    await connected().request(message);
    return null;
  } catch (cause) {
    if (cause instanceof ClientError) return cause.message;
    throw cause;
  }
}
