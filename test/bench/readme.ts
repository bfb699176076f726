/** The README's table of figures: what the groups have measured, between two marks. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Report } from './report.ts';

const FILE = fileURLToPath(new URL('../../README.md', import.meta.url));
const BEGIN = '<!-- figures: made by `npm run bench -- readme` -->';
const END = '<!-- end of figures -->';

/** The README's text without line breaks, so that a sentence of it can be looked for. */
export function readmeSentences(): string {
  return readFileSync(FILE, 'utf8').replaceAll(/\s+/g, ' ');
}

/**
 * Writes the figures into the README.
 *
 * @param where  what they were measured on
 * @throws Error when the marks are not there
 */
export function writeFigures(reports: readonly Report[], where: string): void {
  const text = readFileSync(FILE, 'utf8');
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin === -1 || end < begin) throw new Error(`README.md has no ${BEGIN} and ${END}`);
  const rows = reports.flatMap(({ rows }) => rows.flatMap(({ figure }) => figure ?? []));
  const table = rows.map(({ what, value }) => `| ${what} | ${value} |`).join('\n');
  const body = `\n| | |\n|---|---|\n${table}\n\n${where}\n`;
  writeFileSync(FILE, `${text.slice(0, begin + BEGIN.length)}${body}${text.slice(end)}`);
}
