/**
 * The questions of a request, each with its choices and, where a person asks in words, room for other words.
 * One question with single choices is answered by pressing one; several, or such that take more than one
 * choice, by sending what was answered: which of them may stay open, only the asker knows, and the server
 * says so. The forms of MCP servers are such questions, too; one without fields is only agreed to.
 */
import { useSignal } from '@preact/signals';
import type { ApprovalRequest, Question } from '../../../src/protocol/nouns.ts';
import { keyOf, questionsOf } from '../conversation.ts';
import { VisibleText } from '../ui/visible-text.tsx';

interface Props {
  request: ApprovalRequest;
  isDisabled: boolean;
  onAnswer: (answers: ReadonlyMap<string, string>) => void;
  onAgree: () => void;
  onDecline: () => void;
}

/** The tool of models that ask; every other asker is an MCP server, whose choices are all there are. */
const MODEL_ASKS = 'AskUserQuestion';

/** Chosen labels and own words, by question. */
interface Draft {
  chosen: ReadonlySet<string>;
  words: string;
}

const EMPTY: Draft = { chosen: new Set(), words: '' };

/** Questions with their choices; `onAnswer` gets what was answered, by question. */
export function Questionnaire({ request, isDisabled, onAnswer, onAgree, onDecline }: Props) {
  const drafts = useSignal<ReadonlyMap<string, Draft>>(new Map());
  const isForm = (request.tool_name ?? MODEL_ASKS) !== MODEL_ASKS;
  const isBare = isForm && !request.questions?.length;
  const questions = isBare ? [] : questionsOf(request);
  const isPlain = questions.length === 1 && !questions[0]?.multi_select;
  const answers = new Map(
    questions
      .map((one) => [keyOf(one), answerOf(drafts.value.get(keyOf(one)) ?? EMPTY)] as const)
      .filter(([, text]) => text !== ''),
  );
  return (
    <form
      class="questionnaire"
      onSubmit={(event) => {
        event.preventDefault();
        if (isDisabled) return;
        if (isBare) onAgree();
        else if (answers.size > 0) onAnswer(answers);
      }}
    >
      {questions.map((question) => (
        <fieldset key={keyOf(question)} disabled={isDisabled}>
          <Legend question={question} />
          <Choices
            question={question}
            isClosed={isForm}
            draft={drafts.value.get(keyOf(question)) ?? EMPTY}
            onChange={(draft) => {
              drafts.value = new Map(drafts.value).set(keyOf(question), draft);
              if (isPlain && draft.words === '' && draft.chosen.size > 0)
                onAnswer(new Map([[keyOf(question), answerOf(draft)]]));
            }}
          />
        </fieldset>
      ))}
      <div class="buttons">
        <button
          type="submit"
          class="button primary"
          disabled={isDisabled || (answers.size === 0 && !isBare)}
        >
          {isBare ? 'Agree' : 'Answer'}
        </button>
        <button type="button" class="button" disabled={isDisabled} onClick={onDecline}>
          Decline
        </button>
      </div>
    </form>
  );
}

function Legend({ question: { header, question } }: { question: Question }) {
  return (
    <legend dir="auto">
      {header && (
        <span class="tag">
          <VisibleText text={header} />
        </span>
      )}{' '}
      <VisibleText text={question} />
    </legend>
  );
}

function answerOf({ chosen, words }: Draft): string {
  return [...chosen, words.trim()].filter(Boolean).join(', ');
}

interface ChoicesProps {
  question: Question;
  /** No other words than the choices are taken. */
  isClosed: boolean;
  draft: Draft;
  onChange: (draft: Draft) => void;
}

function Choices({ question, isClosed, draft, onChange }: ChoicesProps) {
  const { options, multi_select } = question;
  const press = (label: string): void => {
    const chosen = new Set(multi_select ? draft.chosen : []);
    if (!multi_select || !draft.chosen.has(label)) chosen.add(label);
    else chosen.delete(label);
    onChange({ ...draft, chosen });
  };
  return (
    <>
      {options.map(({ label, description }) => (
        <button
          key={label}
          type="button"
          class="choice"
          aria-pressed={draft.chosen.has(label)}
          onClick={() => press(label)}
        >
          <b>
            <VisibleText text={label} />
          </b>
          {description && (
            <span class="hint">
              <VisibleText text={description} />
            </span>
          )}
        </button>
      ))}
      {(options.length === 0 || !isClosed) && (
        <label class="labelled">
          {options.length > 0 ? 'Other words' : 'Your answer'}
          <input
            type="text"
            value={draft.words}
            onInput={(event) => onChange({ ...draft, words: event.currentTarget.value })}
          />
        </label>
      )}
    </>
  );
}
