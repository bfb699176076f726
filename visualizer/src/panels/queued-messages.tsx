/** Messages that wait in this tab for the end of the turn: each can be edited, sent now, or removed. */

import { visibleText } from '../../../src/visible-text.ts';
import { draftOf } from '../message-drafts.ts';
import {
  dequeue,
  queueFailures,
  sendWaiting,
  type Waiting,
  waitingMessages,
} from '../message-queue.ts';
import { isOnline } from '../page-state.ts';

/** Those of a session; nothing while none waits. */
export function WaitingMessages({ session }: { session: string }) {
  const mine = waitingMessages.value.filter((one) => one.session === session);
  if (mine.length === 0) return null;
  const failure = queueFailures.value.get(session);
  return (
    <section class="waiting-messages" aria-label="Queued messages">
      <p class="hint" role="status">
        {failure === undefined
          ? 'Waits in this tab; sent when the turn is over.'
          : `Could not be sent: ${visibleText(failure)}`}
        <button
          type="button"
          class="button"
          disabled={!isOnline.value}
          onClick={() => void sendWaiting(session)}
        >
          Send now
        </button>
      </p>
      <ol>
        {mine.map((message, index) => (
          <li key={index}>
            <bdi>{visibleText(message.content) || 'A picture'}</bdi>
            <button type="button" class="button" onClick={() => edit(message)}>
              Edit
            </button>
            <button
              type="button"
              class="button"
              aria-label={`Remove queued message ${index + 1}`}
              onClick={() => dequeue(message)}
            >
              ✕
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** Puts it back into the field, before what is written there. */
function edit(message: Waiting): void {
  const { text } = draftOf(message.session);
  text.value = [message.content, text.peek()].filter(Boolean).join('\n\n');
  dequeue(message);
  document.querySelector<HTMLElement>('.composer textarea')?.focus();
}
