/**
 * An open request, shown in full before it can be decided: every character visible, nothing cut off or
 * folded away, texts as texts. A watched (passive) session's request is shown for reading only.
 */
import { useSignal } from '@preact/signals';
import type { ApprovalRequest } from '../../../src/protocol/nouns.ts';
import { answer, decide, mayControl, type Verdict } from '../conversation.ts';
import { isOnline } from '../model.ts';
import { VisibleText } from '../ui/visible-text.tsx';
import { Questionnaire } from './questionnaire.tsx';
import './approval-card.css';

const TITLES = { exec: 'Wants to run', patch: 'Wants to change', question: 'Asks you' } as const;

/** The house remembers so much of a command or diff, characters; what the wire cuts ends in its mark. */
const CUT_AT = 100_000;
const CUT_MARK = '[truncated]';

interface CardProps {
  request: ApprovalRequest;
  /** Whether the session obeys this server. */
  direct: boolean;
}

/** The card of one request; `direct` when its session is steered, not only watched. */
export function ApprovalCard({ request, direct }: CardProps) {
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
  const mayAnswer = direct && mayControl.value;
  return (
    <article class="approval" data-testid="approval" aria-label="Open request">
      <h3>
        {TITLES[request.type]}
        {request.tool_name && (
          <span class="tag">
            <VisibleText text={request.tool_name} />
          </span>
        )}
        {request.agent_id && (
          <span class="tag">
            subagent <VisibleText text={request.agent_id} />
          </span>
        )}
      </h3>
      <Details request={request} />
      {!direct && <p class="hint">This session is only watched: answer in its own terminal.</p>}
      {direct && !mayControl.value && <p class="hint">This page may only look.</p>}
      {mayAnswer && request.type !== 'question' && (
        <Decisions
          isDisabled={isDisabled}
          amendment={request.proposed_amendment ?? null}
          onDecide={(decision, words) => settle(decide(request, decision, words))}
        />
      )}
      {mayAnswer && request.type === 'question' && (
        <Questionnaire
          request={request}
          isDisabled={isDisabled}
          onAnswer={(answers) => settle(answer(request, answers))}
          onAgree={() => settle(decide(request, 'approved'))}
          onDecline={() => settle(decide(request, 'denied'))}
        />
      )}
      <p role="status" class={failure.value === null ? 'visually-hidden' : 'banner warn'}>
        {failure.value ?? (isSent.value ? 'Sent.' : '')}
      </p>
    </article>
  );
}

function Details({ request }: { request: ApprovalRequest }) {
  const { command, file_path, diff, question, tool_input, questions, proposed_amendment } = request;
  const texts = [command, diff, tool_input, question, file_path].filter((text) => text != null);
  const isCut = texts.some((text) => text.length >= CUT_AT || text.endsWith(CUT_MARK));
  return (
    <>
      {file_path !== null && (
        <p class="code wrap">
          <VisibleText text={file_path} />
        </p>
      )}
      {command !== null && <Block text={command} />}
      {diff !== null && <Diff text={diff} />}
      {/* An MCP server says something besides the fields of its form. */}
      {question !== null && !questions?.some((one) => one.question === question) && (
        <p class="wrap" dir="auto">
          <VisibleText text={question} />
        </p>
      )}
      {tool_input && tool_input !== command && !questions?.length && (
        <>
          <p class="hint">Its whole input</p>
          <Block text={tool_input} />
        </>
      )}
      {proposed_amendment && proposed_amendment.length > 0 && (
        <>
          <p class="hint">“Always” would allow what begins with</p>
          <Block text={proposed_amendment.join(' ')} />
        </>
      )}
      {isCut && (
        <p class="banner bad">
          This is too long to be shown here to its end: decide where you can see all of it.
        </p>
      )}
    </>
  );
}

function Block({ text }: { text: string }) {
  return (
    <pre class="code" tabIndex={0}>
      <VisibleText text={text} />
    </pre>
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

interface DecisionsProps {
  isDisabled: boolean;
  /** The rule that "always" would add; null where the provider offers none. */
  amendment: readonly string[] | null;
  onDecide: (decision: Verdict, words: string) => void;
}

/** In the order of their reach; a denial may say why. */
function Decisions({ isDisabled, amendment, onDecide }: DecisionsProps) {
  const words = useSignal('');
  const choices: [Verdict, string][] = [
    ['approved', 'Approve'],
    ['approved_for_session', 'Approve for this session'],
    ...(amendment ? [['approved_always', 'Always approve'] as [Verdict, string]] : []),
    ['denied', 'Deny'],
    ['abort', 'Deny and stop'],
  ];
  return (
    <>
      <div class="buttons">
        {choices.map(([decision, name]) => (
          <button
            key={decision}
            type="button"
            class={decision === 'approved' ? 'button primary' : 'button'}
            disabled={isDisabled}
            onClick={() => onDecide(decision, decision === 'denied' ? words.value : '')}
          >
            {name}
          </button>
        ))}
      </div>
      <label class="labelled">
        With a denial, tell the agent
        <input
          type="text"
          placeholder="what to do instead (optional)"
          value={words.value}
          onInput={(event) => {
            words.value = event.currentTarget.value;
          }}
        />
      </label>
    </>
  );
}
