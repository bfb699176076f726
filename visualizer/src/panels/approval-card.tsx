/**
 * An open request, shown in full before it can be decided: every character visible, nothing cut off,
 * texts as texts. A watched (passive) session's request is shown for reading only.
 */
import { useSignal } from '@preact/signals';
import type { ApprovalRequest } from '../../../src/protocol/nouns.ts';
import { answer, decide } from '../conversation.ts';
import { isOnline } from '../model.ts';
import { VisibleText } from '../ui/visible-text.tsx';
import './approval-card.css';

const TITLES = { exec: 'Wants to run', patch: 'Wants to change', question: 'Asks you' } as const;

/** Decisions a page may give, in the order of their reach. */
const DECISIONS = [
  ['approved', 'Approve'],
  ['approved_for_session', 'Approve for this session'],
  ['denied', 'Deny'],
] as const;

export function ApprovalCard({ request, direct }: { request: ApprovalRequest; direct: boolean }) {
  const failure = useSignal<string | null>(null);
  const isSent = useSignal(false);
  const settle = (wish: Promise<string | null>): void => {
    isSent.value = true;
    failure.value = null;
    void wish.then((words) => {
      failure.value = words;
      if (words !== null) isSent.value = false;
    });
  };
  const isDisabled = !isOnline.value || isSent.value;
  return (
    <article class="approval" data-testid="approval" aria-label="Open request">
      <h3>
        {TITLES[request.type]}
        {request.tool_name && <span class="tag">{request.tool_name}</span>}
      </h3>
      <Details request={request} />
      {!direct && <p class="hint">This session is only watched: answer in its own terminal.</p>}
      {direct && request.type !== 'question' && (
        <div class="buttons">
          {DECISIONS.map(([decision, words]) => (
            <button
              key={decision}
              type="button"
              class={decision === 'approved' ? 'button primary' : 'button'}
              disabled={isDisabled}
              onClick={() => settle(decide(request, decision))}
            >
              {words}
            </button>
          ))}
        </div>
      )}
      {direct && request.type === 'question' && (
        <Answer
          request={request}
          isDisabled={isDisabled}
          onAnswer={(text) => settle(answer(request, text))}
        />
      )}
      <p role="status" class={failure.value === null ? 'visually-hidden' : 'banner warn'}>
        {failure.value ?? (isSent.value ? 'Sent.' : '')}
      </p>
    </article>
  );
}

function Details({ request }: { request: ApprovalRequest }) {
  const { command, file_path, diff, question, tool_input } = request;
  const nothing = command === null && diff === null && question === null && file_path === null;
  return (
    <>
      {file_path !== null && (
        <p class="code wrap">
          <VisibleText text={file_path} />
        </p>
      )}
      {command !== null && (
        <pre class="code" tabIndex={0}>
          <VisibleText text={command} />
        </pre>
      )}
      {diff !== null && <Diff text={diff} />}
      {question !== null && (
        <p class="wrap">
          <VisibleText text={question} />
        </p>
      )}
      {nothing && tool_input && (
        <pre class="code" tabIndex={0}>
          <VisibleText text={tool_input} />
        </pre>
      )}
    </>
  );
}

function Diff({ text }: { text: string }) {
  return (
    <pre class="code diff" tabIndex={0}>
      {text.split('\n').map((line, index) => (
        <span key={index} class={line.startsWith('+') ? 'add' : line.startsWith('-') ? 'del' : ''}>
          <VisibleText text={line} />
          {'\n'}
        </span>
      ))}
    </pre>
  );
}

interface AnswerProps {
  request: ApprovalRequest;
  isDisabled: boolean;
  onAnswer: (text: string) => void;
}

function Answer({ request, isDisabled, onAnswer }: AnswerProps) {
  const text = useSignal('');
  const options = request.questions?.[0]?.options ?? [];
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (text.value.trim() !== '') onAnswer(text.value);
      }}
    >
      {options.length > 0 && (
        <div class="buttons">
          {options.map(({ label, description }) => (
            <button
              key={label}
              type="button"
              class="button"
              disabled={isDisabled}
              title={description}
              onClick={() => onAnswer(label)}
            >
              <VisibleText text={label} />
            </button>
          ))}
        </div>
      )}
      <label class="labelled">
        Your answer
        <input
          type="text"
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
          }}
        />
      </label>
      <button
        type="submit"
        class="button primary"
        disabled={isDisabled || text.value.trim() === ''}
      >
        Answer
      </button>
    </form>
  );
}
