/**
 * The decisions about a request, always in the same order: Approve, Deny, Approve always. A denial asks for
 * words, and a lasting approval shows what it would allow, before they are sent. Keys: A, D, Escape.
 */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { ApprovalRequest } from '../../../src/protocol/nouns.ts';
import { visibleText } from '../../../src/visible-text.ts';
import { suggestionsOf } from '../approval-suggestions.ts';
import type { Verdict } from '../session-client.ts';
import { kindOf, subjectOf } from '../session-labels.ts';

interface Props {
  request: ApprovalRequest;
  isDisabled: boolean;
  /** Its end was not in view yet. */
  isUnread: boolean;
  onDecide: (decision: Verdict, words: string) => void;
}

type Part = 'choices' | 'denial' | 'always';

/** Approve, deny with words, approve for longer. */
export function Decisions(props: Props) {
  const part = useSignal<Part>('choices');
  const host = useRef<HTMLDivElement>(null);
  const back = (): void => {
    part.value = 'choices';
    // What had the focus is gone: it goes back to where the person came from.
    requestAnimationFrame(() => host.current?.querySelector<HTMLElement>('.deny')?.focus());
  };
  return (
    <div
      ref={host}
      class="decisions"
      role="group"
      aria-label="Decision"
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || part.value === 'choices') return;
        event.stopPropagation();
        back();
      }}
    >
      {part.value === 'choices' && (
        <Choices
          {...props}
          onDeny={() => (part.value = 'denial')}
          onAlways={() => (part.value = 'always')}
        />
      )}
      {part.value === 'denial' && <Denial {...props} onBack={back} />}
      {part.value === 'always' && <Always {...props} onBack={back} />}
    </div>
  );
}

function Choices({
  request,
  isDisabled,
  isUnread,
  onDecide,
  onDeny,
  onAlways,
}: Props & { onDeny: () => void; onAlways: () => void }) {
  const isPlan = kindOf(request) === 'plan';
  const subject = visibleText(subjectOf(request));
  return (
    <>
      {isUnread && <p class="hint">Scroll to the end of it first; then it can be approved.</p>}
      <div class="decision-row">
        <button
          type="button"
          class="button primary approve"
          data-key="A"
          aria-label={`${isPlan ? 'Accept plan' : 'Approve'}: ${subject}`}
          disabled={isDisabled || isUnread}
          onClick={() => onDecide('approved', '')}
        >
          {isPlan ? 'Accept plan' : 'Approve'}
        </button>
        <button
          type="button"
          class="button danger deny"
          data-key="D"
          aria-label={`${isPlan ? 'Send back' : 'Deny'}: ${subject}`}
          disabled={isDisabled}
          onClick={onDeny}
        >
          {isPlan ? 'Send back…' : 'Deny…'}
        </button>
        {!isPlan && (request.answerable !== true || suggestionsOf(request).length > 0) && (
          <button
            type="button"
            class="button always"
            disabled={isDisabled || isUnread}
            onClick={onAlways}
          >
            Approve always…
          </button>
        )}
      </div>
    </>
  );
}

/** What is often said with a denial; it is put into the field and can be changed. */
const OFTEN_SAID = ['Not now', 'Use a copy', 'Show me first'] as const;

function Denial({ request, isDisabled, onDecide, onBack }: Props & { onBack: () => void }) {
  const words = useSignal('');
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const isPlan = kindOf(request) === 'plan';
  return (
    <form
      class="denial"
      onSubmit={(event) => {
        event.preventDefault();
        if (!isDisabled) onDecide('denied', words.value);
      }}
    >
      <label class="labelled">
        Tell it why
        <input
          ref={field}
          type="text"
          dir="auto"
          placeholder="what to do instead (optional)"
          value={words.value}
          onInput={(event) => {
            words.value = event.currentTarget.value;
          }}
        />
      </label>
      <div class="chips" role="group" aria-label="Words to begin with">
        {OFTEN_SAID.map((one) => (
          <button
            key={one}
            type="button"
            class="chip"
            onClick={() => {
              words.value = one;
              field.current?.focus();
            }}
          >
            {one}
          </button>
        ))}
      </div>
      <div class="decision-row">
        <button type="submit" class="button danger" disabled={isDisabled}>
          {isPlan ? 'Send back' : 'Deny and go on'}
        </button>
        <button
          type="button"
          class="button"
          disabled={isDisabled}
          onClick={() => onDecide('abort', '')}
        >
          Deny and stop
        </button>
        <button type="button" class="button" onClick={onBack}>
          Back
        </button>
      </div>
    </form>
  );
}

function Always({ request, isDisabled, onDecide, onBack }: Props & { onBack: () => void }) {
  const first = useRef<HTMLButtonElement>(null);
  useEffect(() => first.current?.focus(), []);
  const rule = request.proposed_amendment;
  const suggestions = suggestionsOf(request);
  const isLasting = suggestions.some(({ isOfSession }) => !isOfSession);
  return (
    <>
      {suggestions.length > 0 && (
        <p class="hint" data-testid="suggestions">
          The terminal suggests:{' '}
          {suggestions.map(({ words, isOfSession }, place) => (
            <span key={place}>
              <code>{visibleText(words)}</code> {isOfSession
                ? '(in this session)'
                : '(for good)'}{' '}
            </span>
          ))}
        </p>
      )}
      {rule && rule.length > 0 && (
        <p class="hint">
          Always: every command that begins with <code>{visibleText(rule.join(' '))}</code>, also in
          other sessions.
        </p>
      )}
      <div class="decision-row">
        <button
          ref={first}
          type="button"
          class="button primary"
          disabled={isDisabled}
          onClick={() => onDecide('approved_for_session', '')}
        >
          In this session
        </button>
        {((rule && rule.length > 0) || isLasting) && (
          <button
            type="button"
            class="button"
            disabled={isDisabled}
            onClick={() => onDecide('approved_always', '')}
          >
            Always
          </button>
        )}
        <button type="button" class="button" onClick={onBack}>
          Back
        </button>
      </div>
    </>
  );
}
