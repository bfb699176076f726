/**
 * Taking part in a session through the public protocol: its messages, the request that is open, and
 * what may be said. The same JSON as on `/ws`. Only the watched session, only while its panel is open.
 */
import { batch, computed, effect, signal } from '@preact/signals';
import type { ApprovalRequest, Message, SessionState } from '../../src/protocol/nouns.ts';
import type { ServerMessage } from '../../src/protocol/server.ts';
import { hello, isOnline, selected } from './model.ts';
import { tab, view } from './route.ts';
import { door } from './transport.ts';

/** Messages shown at most; the rest stays on the server. */
const MAX_MESSAGES = 200;
const ANSWER_WITHIN_MS = 15_000;

/** The watched session as the conversation shows it. */
export interface Talk extends Omit<SessionState, 'messages'> {
  messages: readonly Message[];
}

export const talk = signal<Talk | null>(null);
/** Why there is none. */
export const talkFailure = signal<string | null>(null);

let subscribed: string | null = null;
const answers = new Map<string, (failure: string | null) => void>();
let requests = 0;

/** Listens, and subscribes while somebody looks. */
export function startConversation(): void {
  door.on('message', (message: ServerMessage) => take(message));
  effect(() => {
    const isOpen = tab.value === 'session' || view.value === 'session';
    follow(isOpen && isOnline.value ? selected.value : null);
  });
  // Reconnected: the server has forgotten what this page had subscribed to.
  door.on('connect', () => {
    if (subscribed !== null) say({ type: 'subscribe_session', session_id: subscribed });
  });
}

/** Whether this page may take part at all: the same scopes as everywhere. */
export const mayControl = computed(() => hello.value?.scopes.includes('control') === true);

/** Whether the session obeys this server; a passive one is only watched. */
export function isDirect(session: Talk): boolean {
  return [session.claude_integration_mode, session.codex_integration_mode].includes('direct');
}

/** What a person may say about a request for permission (contract: `approve_tool`). */
export type Verdict = 'approved' | 'approved_for_session' | 'approved_always' | 'denied' | 'abort';

/**
 * The decision about an open request; `null` when the server took it, else its words.
 *
 * @param words  for a denial: what the agent is told instead
 */
export function decide(
  { id: request_id, session_id }: ApprovalRequest,
  decision: Verdict,
  words = '',
): Promise<string | null> {
  const message = words.trim();
  return wish({
    type: 'approve_tool',
    session_id,
    request_id,
    decision,
    ...(message !== '' && { message }),
  });
}

/**
 * The answers to an open request, by question. `answers` says it question by question; `answer` is the same
 * as one text, for whoever knows only that.
 */
export function answer(
  { id: request_id, session_id }: ApprovalRequest,
  answers: ReadonlyMap<string, string>,
): Promise<string | null> {
  return wish({
    type: 'answer_question',
    session_id,
    request_id,
    answer: [...answers.values()].join('\n'),
    answers: Object.fromEntries(answers),
  });
}

/** Words for the turn that runs, without waiting for its end. */
export function steer(session_id: string, content: string): Promise<string | null> {
  return wish({ type: 'steer_turn', session_id, content });
}

/** A message to the session. */
export function send(session_id: string, content: string): Promise<string | null> {
  return wish({ type: 'send_message', session_id, content });
}

/** Stops the running turn. */
export function interrupt(session_id: string): Promise<string | null> {
  return wish({ type: 'interrupt_session', session_id });
}

function follow(session: string | null): void {
  if (session === subscribed) return;
  if (subscribed !== null) say({ type: 'unsubscribe_session', session_id: subscribed });
  subscribed = session;
  batch(() => {
    if (talk.peek()?.id !== session) talk.value = null;
    talkFailure.value = null;
  });
  if (session !== null && door.isConnected) say({ type: 'subscribe_session', session_id: session });
}

function say(message: object): void {
  door.send('message', message);
}

function wish(message: object): Promise<string | null> {
  if (!door.isConnected) return Promise.resolve('There is no connection to the server.');
  requests += 1;
  const request_id = `page-${requests}`;
  return new Promise((resolve) => {
    const done = (failure: string | null): void => {
      clearTimeout(timer);
      answers.delete(request_id);
      resolve(failure);
    };
    const timer = setTimeout(() => done('The server did not answer in time.'), ANSWER_WITHIN_MS);
    answers.set(request_id, done);
    // `request_id` of an approval names the approval, so an error comes back without ours: see `take`.
    const isNamed = 'request_id' in message;
    if (isNamed) answers.set(String(message.request_id), done);
    door.send('message', isNamed ? message : { ...message, request_id }, () => done(null));
  });
}

function take(message: ServerMessage): void {
  if (message.type === 'error') failed(message);
  if (message.type === 'ack') answers.get(message.request_id ?? '')?.(null);
  if (message.type === 'session_snapshot') {
    if (message.session.id === subscribed) talk.value = message.session;
    return;
  }
  if (message.type === 'thread_rolled_back' && message.session_id === subscribed) {
    // Which messages left with the turns is the server's to say.
    say({ type: 'subscribe_session', session_id: message.session_id });
    return;
  }
  if (!('session_id' in message) || message.session_id !== subscribed || !talk.peek()) return;
  talk.value = after(talk.peek() as Talk, message);
}

function failed({ message, session_id, request_id }: Extract<ServerMessage, { type: 'error' }>) {
  const waiting = request_id === undefined ? [...answers.values()].at(-1) : answers.get(request_id);
  if (waiting) waiting(message);
  else if (session_id === subscribed && !talk.peek()) talkFailure.value = message;
}

/** The session after a fact about it. */
function after(session: Talk, message: ServerMessage): Talk {
  switch (message.type) {
    case 'session_delta': {
      const { subagents: _, ...changes } = message.changes;
      // Null means cleared, which only some fields can be; those that matter here are.
      return { ...session, ...(changes as Partial<Talk>) };
    }
    case 'message_appended':
      return {
        ...session,
        messages: [...session.messages, message.message].slice(-MAX_MESSAGES),
        message_count: session.message_count + 1,
      };
    case 'message_updated':
      return {
        ...session,
        messages: session.messages.map((one) =>
          one.id === message.message_id ? { ...one, ...message.changes } : one,
        ),
      };
    case 'approval_requested':
      return { ...session, pending_approval: session.pending_approval ?? message.request };
    case 'session_ended':
      return { ...session, status: 'ended', work_status: 'ended' };
    default:
      return session;
  }
}
