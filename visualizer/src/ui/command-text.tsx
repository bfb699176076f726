/** A command, path or input letter by letter, which is never broken behind the dash of an option. */
import { VisibleText } from './visible-text.tsx';

/** Options of a command: a line that breaks behind one of their dashes reads as another command. */
const OPTION = /((?<=^|\s)--?[\w-]{1,30}(?=[\s=]|$))/;

/** The text, its options held together. */
export function CommandText({ text }: { text: string }) {
  return (
    <>
      {text.split(OPTION).map((part, index) =>
        index % 2 === 1 ? (
          <span class="option" key={index}>
            {part}
          </span>
        ) : (
          <VisibleText key={index} text={part} />
        ),
      )}
    </>
  );
}
