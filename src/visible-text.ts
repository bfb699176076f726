/**
 * Makes characters visible that could make a text look like another one: controls, escape sequences,
 * bidirectional overrides, zero-width characters. For approval cards, notifications, terminals and names; copies stay
 * exact, because they are taken from the original. Pure.
 */

/** A stretch of text; `hidden` says that it stands for a character that shows nothing. */
export interface VisibleRange {
  text: string;
  hidden: boolean;
}

/**
 * Controls, format characters, what shows nothing by definition, and line separators. Not those that
 * only join emoji or choose their look, because every second chat message has them.
 */
const HIDDEN =
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: joiners are looked for one by one
  /(?![\t\n\ufe0f])(?!(?<=[\p{Extended_Pictographic}\ufe0f])\u200d)[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/gu;

/** The text in stretches; line feeds and tabs stay what they are. */
export function visible(text: string): VisibleRange[] {
  const stretches: VisibleRange[] = [];
  let end = 0;
  for (const match of text.matchAll(HIDDEN)) {
    if (match.index > end) stretches.push({ text: text.slice(end, match.index), hidden: false });
    stretches.push({ text: pictureOf(match[0]), hidden: true });
    end = match.index + match[0].length;
  }
  if (end < text.length) stretches.push({ text: text.slice(end), hidden: false });
  return stretches;
}

/** The same as one string, for attributes and single lines. */
export function visibleText(text: string): string {
  return visible(text)
    .map((stretch) => stretch.text)
    .join('');
}

/** Controls have pictures of their own in Unicode; the others show their number. */
function pictureOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
}
