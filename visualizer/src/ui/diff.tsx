/** A unified diff: numbered lines, what was added and taken away, and the words that differ inside of a line. */
import { signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { type DiffLine, diffLines, languageOf, pairsOf } from '../diff-lines.ts';
import { CodeText } from './code.tsx';
import { VisibleText } from './visible-text.tsx';

type DiffWords = typeof import('diff').diffWordsWithSpace;

/** Null until it is loaded; whole lines are marked without it. */
const words = signal<DiffWords | null>(null);
let isAsked = false;

function load(): void {
  if (isAsked) return;
  isAsked = true;
  import('diff').then(
    (loaded) => {
      words.value = loaded.diffWordsWithSpace;
    },
    () => {
      // The server is gone or newer than the page: lines are marked as a whole, and the next diff tries again.
      isAsked = false;
    },
  );
}

interface Props {
  text: string;
  /** Whose extension names the language; null: not known. */
  path: string | null;
  /** Lines shown; the rest is counted. */
  limit?: number;
}

/** All lines of a diff, or the first of them. */
export function Diff({ text, path, limit = Number.POSITIVE_INFINITY }: Props) {
  useEffect(load, []);
  const lines = useMemo(() => diffLines(text), [text]);
  const pairs = useMemo(() => pairsOf(lines), [lines]);
  const language = languageOf(path);
  return (
    <pre class="diff code" dir="ltr" tabIndex={0}>
      {lines.slice(0, limit).map((line, index) => (
        <Line key={index} line={line} other={pairs.get(line) ?? null} language={language} />
      ))}
    </pre>
  );
}

interface LineProps {
  line: DiffLine;
  /** The line that it takes the place of, or that takes its place. */
  other: DiffLine | null;
  language: string;
}

function Line({ line, other, language }: LineProps) {
  const { kind, number, text } = line;
  return (
    <span class={`diff-line ${kind}`}>
      <span class="diff-number" aria-hidden="true">
        {number ?? ''}
      </span>
      <span class="diff-sign">{SIGNS[kind]}</span>
      <span class="diff-text">
        {other && words.value ? (
          <Changed line={line} other={other} compare={words.value} />
        ) : (
          <CodeText text={text} language={kind === 'place' ? '' : language} />
        )}
      </span>
      {'\n'}
    </span>
  );
}

const SIGNS = { add: '+', del: '-', same: ' ', place: ' ' } as const;

function Changed({
  line,
  other,
  compare,
}: {
  line: DiffLine;
  other: DiffLine;
  compare: DiffWords;
}) {
  const isNew = line.kind === 'add';
  const [before, after] = isNew ? [other.text, line.text] : [line.text, other.text];
  const parts = compare(before, after).filter(({ added, removed }) => (isNew ? !removed : !added));
  return (
    <>
      {parts.map(({ value, added, removed }, index) =>
        added || removed ? (
          <b key={index}>
            <VisibleText text={value} />
          </b>
        ) : (
          <VisibleText key={index} text={value} />
        ),
      )}
    </>
  );
}
