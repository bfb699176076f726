/** Code with its words coloured by highlight.js, which is loaded with the first code that is shown. */
import { signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import type { Piece } from './highlight.ts';
import { VisibleText } from './visible-text.tsx';

type Highlight = (text: string, language: string) => Piece[] | null;

/** Null until it is loaded, and for ever where it cannot be: code is then shown without colours. */
const highlight = signal<Highlight | null>(null);
let isAsked = false;

function load(): void {
  if (isAsked) return;
  isAsked = true;
  import('./highlight.ts').then(
    (loaded) => {
      highlight.value = loaded.highlight;
    },
    () => {
      // The server is gone or newer than the page: colours are not worth a word. The next code tries again.
      isAsked = false;
    },
  );
}

/** Longer texts are shown without colours: they would hold the page up. */
const MAX_CHARS = 40_000;

/** A block of code. */
export function Code({ text, language }: { text: string; language: string }) {
  return (
    <pre class="code-block" dir="ltr" tabIndex={0}>
      <code>
        <CodeText text={text} language={language} />
      </code>
    </pre>
  );
}

/** The same without a block around it, as in the line of a diff. */
export function CodeText({ text, language }: { text: string; language: string }) {
  useEffect(load, []);
  const colour = highlight.value;
  const pieces = useMemo(
    () => (text.length <= MAX_CHARS ? (colour?.(text, language) ?? null) : null),
    [colour, text, language],
  );
  if (!pieces) return <VisibleText text={text} />;
  return (
    <>
      {pieces.map(({ text: part, kind }, index) =>
        kind === null ? (
          <VisibleText key={index} text={part} />
        ) : (
          <span key={index} class={kind}>
            <VisibleText text={part} />
          </span>
        ),
      )}
    </>
  );
}
