/**
 * The questions of a request, each with its header, choices and their descriptions and, where a person asks
 * in words, a field for other words. A model's questions are sent when all are answered; of the fields of an
 * MCP server's form some may stay empty, which only the server knows. A form without fields is agreed to.
 */
import { useSignal } from '@preact/signals';
import type { ApprovalRequest, Question } from '../../../src/protocol/nouns.ts';
import { keyOf } from '../session-client.ts';
import { kindOf, questionsOf } from '../session-labels.ts';
import { VisibleText } from '../ui/visible-text.tsx';

interface Props {
  request: ApprovalRequest;
  isDisabled: boolean;
  onAnswer: (answers: ReadonlyMap<string, string>) => void;
  onAgree: () => void;
  onDecline: () => void;
}

/** Chosen labels and own words, by question. */
interface Draft {
  chosen: ReadonlySet<string>;
  words: string;
}

const EMPTY: Draft = { chosen: new Set(), words: '' };

/** Questions with their choices; `onAnswer` gets what was answered, by question. */
export function Questionnaire({ request, isDisabled, onAnswer, onAgree, onDecline }: Props) {
  const drafts = useSignal<ReadonlyMap<string, Draft>>(new Map());
  const isForm = kindOf(request) === 'form';
  const isBare = isForm && !request.questions?.length;
  const questions = isBare ? [] : questionsOf(request);
  const answers = new Map(
    questions
      .map((one) => [keyOf(one), answerOf(drafts.value.get(keyOf(one)) ?? EMPTY)] as const)
      .filter(([, text]) => text !== ''),
  );
  const isReady = isBare || (isForm ? answers.size > 0 : answers.size === questions.length);
  return (
    <form
      class="questionnaire"
      onSubmit={(event) => {
        event.preventDefault();
        if (isDisabled || !isReady) return;
        if (isBare) onAgree();
        else onAnswer(answers);
      }}
    >
      {questions.map((question, index) => (
        <fieldset key={keyOf(question)} disabled={isDisabled}>
          <Legend question={question} index={index} count={questions.length} />
          <Choices
            name={`${request.id}-${index}`}
            question={question}
            isClosed={isForm}
            draft={drafts.value.get(keyOf(question)) ?? EMPTY}
            onChange={(draft) => {
              drafts.value = new Map(drafts.value).set(keyOf(question), draft);
            }}
          />
        </fieldset>
      ))}
      <div class="decisions">
        <div class="decision-row">
          <button type="submit" class="button primary" disabled={isDisabled || !isReady}>
            {isBare ? 'Agree' : 'Answer'}
          </button>
          <button type="button" class="button" disabled={isDisabled} onClick={onDecline}>
            Decline
          </button>
          {questions.length > 1 && (
            <span class="hint" role="status">
              {answers.size} of {questions.length} answered
            </span>
          )}
        </div>
      </div>
    </form>
  );
}

/** The same questions for those who cannot answer here: everything readable, nothing to press. */
export function QuestionsToRead({ request }: { request: ApprovalRequest }) {
  if (!request.questions?.length) return null;
  return (
    <div class="questionnaire">
      {request.questions.map((question, index, all) => (
        <section key={keyOf(question)} aria-label={question.question}>
          <p class="asked-question" dir="auto">
            <QuestionWords question={question} index={index} count={all.length} />
          </p>
          <ul class="choices">
            {question.options.map((option) => (
              <li key={option.label} class="choice">
                <ChoiceWords {...option} />
              </li>
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

interface LegendProps {
  question: Question;
  index: number;
  count: number;
}

function Legend(props: LegendProps) {
  return (
    <legend class="asked-question" dir="auto">
      <QuestionWords {...props} />
    </legend>
  );
}

function QuestionWords({
  question: { header, question, multi_select },
  index,
  count,
}: LegendProps) {
  return (
    <>
      <span class="asked-question-head">
        {count > 1 && `${index + 1} of ${count} `}
        {header && <VisibleText text={header} />}
        {multi_select && ' (choose any)'}
      </span>
      <VisibleText text={question} />
    </>
  );
}

function ChoiceWords({ label, description }: { label: string; description?: string }) {
  return (
    <>
      <b dir="auto">
        <VisibleText text={label} />
      </b>
      {description && (
        <span class="hint" dir="auto">
          <VisibleText text={description} />
        </span>
      )}
    </>
  );
}

function answerOf({ chosen, words }: Draft): string {
  return [...chosen, words.trim()].filter(Boolean).join(', ');
}

interface ChoicesProps {
  /** Of the group of radio buttons. */
  name: string;
  question: Question;
  /** No other words than the choices are taken. */
  isClosed: boolean;
  draft: Draft;
  onChange: (draft: Draft) => void;
}

function Choices({ name, question, isClosed, draft, onChange }: ChoicesProps) {
  const { options, multi_select: isMultiple } = question;
  const choose = (label: string, isChosen: boolean): void => {
    const chosen = new Set(isMultiple ? draft.chosen : []);
    if (isChosen) chosen.add(label);
    else chosen.delete(label);
    onChange({ chosen, words: isMultiple ? draft.words : '' });
  };
  return (
    <div class="choices">
      {options.map((option) => (
        <label key={option.label} class="choice">
          <input
            type={isMultiple ? 'checkbox' : 'radio'}
            name={name}
            checked={draft.chosen.has(option.label)}
            onChange={(event) => choose(option.label, event.currentTarget.checked)}
          />
          <span>
            <ChoiceWords {...option} />
          </span>
        </label>
      ))}
      {(options.length === 0 || !isClosed) && (
        <label class="labelled">
          {options.length > 0 ? 'Your own words' : 'Your answer'}
          <input
            type="text"
            dir="auto"
            value={draft.words}
            onInput={(event) =>
              onChange({
                // Own words take the place of a single choice, and join several.
                chosen: isMultiple ? draft.chosen : new Set(),
                words: event.currentTarget.value,
              })
            }
          />
        </label>
      )}
    </div>
  );
}
