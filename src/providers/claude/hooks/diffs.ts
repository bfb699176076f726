/** Edits as unified diffs: what a person must see before allowing one. */

interface Hunk {
  oldStart?: number;
  oldLines?: number;
  newStart?: number;
  newLines?: number;
  lines?: unknown;
}

/** A unified diff from the CLI's structured patch. */
export function patchText(hunks: readonly Hunk[]): string {
  return hunks
    .map(({ oldStart = 0, oldLines = 0, newStart = 0, newLines = 0, lines }) => {
      const body = Array.isArray(lines) ? lines.join('\n') : '';
      return `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@\n${body}`;
    })
    .join('\n');
}

/**
 * The diff an Edit, MultiEdit, Write or NotebookEdit asks to make, from its input alone: line numbers
 * are unknown before the file is read. Null when the input has none of the known shapes.
 */
export function requestedDiff(input: Record<string, unknown>): string | null {
  const path = [input.file_path, input.notebook_path].find((part) => typeof part === 'string');
  const head = `--- ${path ?? 'file'}\n+++ ${path ?? 'file'}`;
  const { old_string, new_string, edits, content, new_source } = input;
  if (Array.isArray(edits)) {
    const hunks = edits.map((edit: { old_string?: unknown; new_string?: unknown }) =>
      replacement(edit.old_string, edit.new_string),
    );
    return [head, ...hunks].join('\n');
  }
  if (typeof new_string === 'string') return `${head}\n${replacement(old_string, new_string)}`;
  const whole = [content, new_source].find((part) => typeof part === 'string');
  return whole === undefined ? null : `${head}\n${replacement('', whole)}`;
}

function replacement(before: unknown, after: unknown): string {
  return ['@@', ...marked('-', before), ...marked('+', after)].join('\n');
}

function marked(sign: '-' | '+', text: unknown): string[] {
  if (typeof text !== 'string' || text === '') return [];
  return text
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => sign + line);
}
