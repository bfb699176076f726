/**
 * How wide a text will be in the browser, without a browser: the advances of Inter 600 (measured once
 * in Chromium, in thousandths of the font size, from space to tilde) and the one advance of
 * JetBrains Mono. The page ships these very fonts.
 */

const INTER_600 = [
  252, 321, 523, 644, 650, 1004, 663, 326, 373, 373, 540, 673, 319, 465, 319, 379, 660, 423, 623,
  636, 666, 612, 640, 576, 640, 640, 319, 329, 673, 673, 673, 543, 999, 728, 659, 737, 722, 605,
  588, 749, 746, 277, 580, 703, 565, 922, 759, 769, 645, 773, 652, 650, 660, 736, 728, 1020, 720,
  713, 652, 373, 379, 373, 481, 469, 351, 574, 624, 583, 624, 591, 389, 625, 612, 262, 262, 569,
  262, 900, 612, 609, 624, 624, 397, 549, 353, 612, 587, 839, 569, 588, 566, 455, 359, 455, 673,
];

const MONO_ADVANCE = 0.6;

/** Width of a state's name or tag. */
export function nameWidth(text: string, size: number): number {
  let thousandths = 0;
  for (const letter of text) thousandths += INTER_600[letter.charCodeAt(0) - 32] ?? 700;
  return (thousandths * size) / 1000;
}

/** Width of code: events, guards, actions. */
export function codeWidth(text: string, size: number): number {
  return [...text].length * size * MONO_ADVANCE;
}
