/** Markdown parts of generated pages. */

/** A table; `|` in cells is escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

const WIDTH = 110;

/** JSON in a fence: what fits a line is on one. */
export function jsonBlock(value: unknown): string {
  return `\`\`\`json\n${compact(value, 0)}\n\`\`\``;
}

function compact(value: unknown, indent: number): string {
  const short = JSON.stringify(value, null, 1).replace(/\n\s*/g, ' ');
  if (short.length + indent <= WIDTH || typeof value !== 'object' || value === null) return short;
  const pad = ' '.repeat(indent + 2);
  const isList = Array.isArray(value);
  const parts = Object.entries(value).map(
    ([key, one]) => `${pad}${isList ? '' : `${JSON.stringify(key)}: `}${compact(one, indent + 2)}`,
  );
  const [open, close] = isList ? '[]' : '{}';
  return `${open}\n${parts.join(',\n')}\n${' '.repeat(indent)}${close}`;
}
