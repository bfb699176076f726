/**
 * An open request, shown whole before it can be decided: every character visible, nothing cut off, folded
 * away or scrolled by itself. The pane around it scrolls; the decisions stay at its lower edge. The request
 * of a session in a terminal says where it is answered: there, and here too while its hook waits.
 */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { ApprovalRequest } from '../../../src/protocol/nouns.ts';
import { isOnline, position, shown } from '../page-state.ts';
import { answer, decide, mayControl, type SessionView } from '../session-client.ts';
import { isDirect, kindOf, questionWords, terminalWords } from '../session-labels.ts';
import { goLive } from '../time-travel.ts';
import { Age } from '../ui/clock.tsx';
import { CommandText } from '../ui/command-text.tsx';
import { Diff } from '../ui/diff.tsx';
import { clockWords } from '../ui/format.ts';
import { Glyph } from '../ui/glyph.tsx';
import { Markdown } from '../ui/markdown.tsx';
import { VisibleText } from '../ui/visible-text.tsx';
import { Decisions } from './decision-buttons.tsx';
import { Questionnaire, QuestionsToRead } from './questionnaire.tsx';
import './approval-card.css';

/** The server remembers so much of a command or diff, characters; what the wire cuts ends in its mark. */
const CUT_AT = 100_000;
const CUT_MARK = '[truncated]';
/** A card that has just appeared under the pointer takes no press for so long, ms. */
const INERT_MS = 400;
/** A longer text must have been seen to its end before it can be approved, lines. */
const LONG_LINES = 40;

interface CardProps {
  request: ApprovalRequest;
  session: SessionView;
  /** When it was asked, ISO 8601; null where that is not known. */
  since: string | null;
  /** Called when the server has taken a decision or an answer, with what it was. */
  onSettled?: (words: string) => void;
}

/** The card of one request, with the decisions that this page may make. */
export function ApprovalCard({ request, session, since, onSettled }: CardProps) {
  const { failure, isSent, settle } = useSettling(onSettled);
  const isInert = useInert();
  const { end, isSeen } = useSeenToTheEnd(request);
  const isSteered = isDirect(session);
  const isAnswerable = isSteered || request.answerable === true;
  const mayAnswer = isAnswerable && mayControl.value;
  const isPast = position.value !== null;
  const isDisabled = !isOnline.value || isPast || isSent.value || isInert;
  const kind = kindOf(request);
  const isAsking = kind === 'questions' || kind === 'form';
  const words = questionWords(request);
  return (
    <section class="approval" data-testid="approval" aria-label={words}>
      <Heading request={request} words={words} since={since} />
      <Details
        request={request}
        session={session}
        isAskedBelow={mayAnswer && kind === 'questions'}
      />
      {!mayAnswer && isAsking && <QuestionsToRead request={request} />}
      <i ref={end} class="approval-end" />
      {!isSteered && <Where request={request} session={session} />}
      {isAnswerable && !mayControl.value && (
        <p class="where">This page may only read: decide where the token with control is used.</p>
      )}
      {mayAnswer && <WhyDisabled />}
      {mayAnswer && !isAsking && (
        <Decisions
          request={request}
          isDisabled={isDisabled}
          isUnread={!isSeen}
          onDecide={(decision, message) => settle(decide(request, decision, message), decision)}
        />
      )}
      {mayAnswer && isAsking && (
        <Questionnaire
          request={request}
          isDisabled={isDisabled}
          onAnswer={(answers) => settle(answer(request, answers), 'answered')}
          onAgree={() => settle(decide(request, 'approved'), 'approved')}
          onDecline={() => settle(decide(request, 'denied'), 'denied')}
        />
      )}
      <p role="status" class={failure.value === null ? 'visually-hidden' : 'banner warn'}>
        {failure.value ?? (isSent.value ? 'Sent.' : '')}
      </p>
    </section>
  );
}

/** Where a session in a terminal is answered: there, here too while its hook waits, or it was just answered. */
function Where({ request, session }: Pick<CardProps, 'request' | 'session'>) {
  const { answerable, decision_sent: sent } = request;
  if (sent !== undefined) {
    return (
      <p class="where" data-testid="where-to-answer">
        <b>Sent: {sent.replaceAll('_', ' ')}.</b> Its terminal has not shown the effect yet.
      </p>
    );
  }
  return (
    <p class="where" data-testid="where-to-answer">
      {answerable ? (
        <>
          <b>Its terminal asks the same.</b> The first answer decides.
        </>
      ) : (
        <>
          <b>Watched only.</b> {terminalWords(session)}
        </>
      )}
    </p>
  );
}

/** Says why nothing can be decided right now, and what helps. */
function WhyDisabled() {
  if (position.value !== null) {
    const at = shown.value.record?.at;
    return (
      <p class="where" data-testid="why-disabled">
        <b>You look at the past{at ? `, at ${clockWords(at).slice(0, 8)}` : ''}.</b> The request is
        of now: go back to live to decide.{' '}
        <button type="button" class="button" onClick={goLive}>
          Back to live
        </button>
      </p>
    );
  }
  if (isOnline.value) return null;
  return (
    <p class="where" data-testid="why-disabled">
      <b>The server cannot be reached.</b> It can be decided when the connection is back.
    </p>
  );
}

/** What became of the decision: sent, or refused with the server's words. */
function useSettling(onSettled?: (words: string) => void) {
  const failure = useSignal<string | null>(null);
  const isSent = useSignal(false);
  const settle = (sending: Promise<string | null>, what: string): void => {
    isSent.value = true;
    failure.value = null;
    void sending.then((words) => {
      failure.value = words;
      if (words !== null) isSent.value = false;
      else onSettled?.(what);
    });
  };
  return { failure, isSent, settle };
}

function useInert(): boolean {
  const isInert = useSignal(true);
  useEffect(() => {
    const timer = setTimeout(() => {
      isInert.value = false;
    }, INERT_MS);
    return () => clearTimeout(timer);
  }, []);
  return isInert.value;
}

/** Whether the end of a long text was in view once; short ones count as seen. */
function useSeenToTheEnd({ command, diff, question }: ApprovalRequest) {
  const end = useRef<HTMLElement>(null);
  const lines = (command ?? diff ?? question ?? '').split('\n').length;
  const isSeen = useSignal(lines <= LONG_LINES);
  useEffect(() => {
    if (isSeen.value || !end.current) return;
    const covered = end.current.parentElement?.querySelector('.decisions')?.clientHeight ?? 0;
    const root = end.current.closest('.talk-scroll');
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) isSeen.value = true;
      },
      { root, rootMargin: `0px 0px -${covered}px 0px` },
    );
    observer.observe(end.current);
    return () => observer.disconnect();
  }, []);
  return { end, isSeen: isSeen.value };
}

function Heading({
  request,
  words,
  since,
}: Pick<CardProps, 'request' | 'since'> & { words: string }) {
  return (
    <header class="approval-head">
      <Glyph state="attention" />
      <h2 tabIndex={-1}>{words}</h2>
      {request.agent_id && (
        <span class="tag">
          subagent <VisibleText text={request.agent_id} />
        </span>
      )}
      {since !== null && (
        <span class="approval-since">
          waits <Age at={since} />
        </span>
      )}
    </header>
  );
}

interface DetailsProps extends Pick<CardProps, 'request' | 'session'> {
  /** The questions follow with their fields: nothing of them is said twice. */
  isAskedBelow: boolean;
}

function Details({ request, session, isAskedBelow }: DetailsProps) {
  const { command, file_path, diff, question, tool_input, tool_name, questions } = request;
  const texts = [command, diff, tool_input, question, file_path].filter((text) => text != null);
  const isCut = texts.some((text) => text.length >= CUT_AT || text.endsWith(CUT_MARK));
  const fields = fieldsOf(request);
  // A tool without a command of its own is put on the wire as its name and input: the fields say it better.
  const isOnlyInput = fields.length > 0 && command === `${tool_name} ${tool_input}`;
  const folder = session.current_cwd ?? session.project_path;
  return (
    <>
      {command !== null && !isOnlyInput && <Whole text={command} />}
      {diff !== null && (
        <div class="asked-text">
          <Diff text={diff} path={file_path} />
        </div>
      )}
      {question !== null &&
        !isAskedBelow &&
        !questions?.some((one) => one.question === question) && (
          <Prose text={question} isPlan={kindOf(request) === 'plan'} />
        )}
      <dl class="asked-fields">
        {file_path !== null && <Field name="File" text={file_path} />}
        {fields.map(([name, text]) =>
          name === 'description' && kindOf(request) === 'command' ? (
            <Reason key={name} text={text} />
          ) : (
            <Field key={name} name={name} text={text} />
          ),
        )}
        {folder && kindOf(request) !== 'form' && <Field name="In" text={folder} />}
        {request.proposed_amendment && request.proposed_amendment.length > 0 && (
          <Field name="“Always” would allow" text={request.proposed_amendment.join(' ')} />
        )}
      </dl>
      {isCut && (
        <p class="banner bad">
          This is too long to be shown here to its end: decide where you can see all of it.
        </p>
      )}
    </>
  );
}

/** Fields of the tool's input that are not shown otherwise; none where it is no JSON object. */
function fieldsOf({ tool_input, command, file_path, diff, questions }: ApprovalRequest) {
  if (!tool_input || (questions && questions.length > 0)) return [];
  const said = new Set([command, file_path, diff]);
  const input = objectFrom(tool_input);
  if (input === null) return said.has(tool_input) ? [] : [['Input', tool_input] as const];
  return Object.entries(input)
    .map(
      ([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)] as const,
    )
    .filter(([, text]) => !said.has(text));
}

function objectFrom(json: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(json);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : null;
  } catch {
    // Cut input is no JSON any more; it is shown as the text that it is.
    return null;
  }
}

/** The agent's own words for a command, which may be wrong: they are quoted. */
function Reason({ text }: { text: string }) {
  return (
    <div>
      <dt>Why</dt>
      <dd class="wrap" dir="auto">
        “<VisibleText text={text} />”
      </dd>
    </div>
  );
}

function Field({ name, text }: { name: string; text: string }) {
  return (
    <div>
      <dt>
        <VisibleText text={name} />
      </dt>
      <dd class="code wrap" dir="ltr">
        <VisibleText text={text} />
      </dd>
    </div>
  );
}

function Whole({ text }: { text: string }) {
  return (
    <pre class="code asked-text" dir="ltr" data-testid="asked-text">
      <CommandText text={text} />
    </pre>
  );
}

/** A plan is Markdown; a question is as it was typed, and an MCP server says something besides its fields. */
function Prose({ text, isPlan }: { text: string; isPlan: boolean }) {
  if (isPlan) {
    return (
      <div class="asked-text plan">
        <Markdown text={text} />
      </div>
    );
  }
  return (
    <p class="wrap asked" dir="auto">
      <VisibleText text={text} />
    </p>
  );
}
