/**
 * The questions of a request, each with its choices and room for other words. One question with single
 * choices is answered by pressing one; several, or such that take more than one choice, by sending what was
 * answered: which of them may stay open, only the asker knows, and the server says so.
 */
import { useSignal } from '@preact/signals';
import type { ApprovalRequest, Question } from '../../../src/protocol/nouns.ts';
import { VisibleText } from '../ui/visible-text.tsx';

interface Props {
  request: ApprovalRequest;
  isDisabled: boolean;
  onAnswer: (answers: ReadonlyMap<string, string>) => void;
  onDecline: () => void;
}

/** Chosen labels and own words, by question. */
interface Draft {
  chosen: ReadonlySet<string>;
  words: string;
}

const EMPTY: Draft = { chosen: new Set(), words: '' };

export function Questionnaire({ request, isDisabled, onAnswer, onDecline }: Props) {
  const drafts = useSignal<ReadonlyMap<string, Draft>>(new Map());
  const questions = questionsOf(request);
  const isPlain = questions.length === 1 && !questions[0]?.multi_select;
  const change = (question: string, draft: Draft): void => {
    drafts.value = new Map(drafts.value).set(question, draft);
  };
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
        if (answers.size > 0 && !isDisabled) onAnswer(answers);
      }}
    >
      {questions.map((question) => (
        <fieldset key={keyOf(question)} disabled={isDisabled}>
          <legend dir="auto">
            {question.header && (
              <span class="tag">
                <VisibleText text={question.header} />
              </span>
            )}{' '}
            <VisibleText text={question.question} />
          </legend>
          <Choices
            question={question}
            draft={drafts.value.get(keyOf(question)) ?? EMPTY}
            onChange={(draft) => {
              change(keyOf(question), draft);
              if (isPlain && draft.words === '' && draft.chosen.size > 0)
                onAnswer(new Map([[keyOf(question), answerOf(draft)]]));
            }}
          />
        </fieldset>
      ))}
      <div class="buttons">
        <button type="submit" class="button primary" disabled={isDisabled || answers.size === 0}>
          Answer
        </button>
        <button type="button" class="button" disabled={isDisabled} onClick={onDecline}>
          Decline
        </button>
      </div>
    </form>
  );
}

/** A request may hold one question without choices. */
function questionsOf({ questions, question }: ApprovalRequest): readonly Question[] {
  if (questions && questions.length > 0) return questions;
  return [{ question: question ?? '', options: [], multi_select: false }];
}

/** What an answer goes by: the provider's id where it has one, else the words. */
function keyOf({ id, question }: Question): string {
  return id ?? question;
}

function answerOf({ chosen, words }: Draft): string {
  return [...chosen, words.trim()].filter(Boolean).join(', ');
}

interface ChoicesProps {
  question: Question;
  draft: Draft;
  onChange: (draft: Draft) => void;
}

function Choices({ question: { options, multi_select }, draft, onChange }: ChoicesProps) {
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
      <label class="labelled">
        {options.length > 0 ? 'Other words' : 'Your answer'}
        <input
          type="text"
          value={draft.words}
          onInput={(event) => onChange({ ...draft, words: event.currentTarget.value })}
        />
      </label>
    </>
  );
}
