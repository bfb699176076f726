/** How a tool use ended, and the words of what it gave the model. Pure functions. */
import type { ReportedImage, ToolOutcome } from '../reports.ts';
import { blocksOf, imagesOf, type Json, object, string } from './transcript-content.ts';

/** How a tool use ended, from its result block and the line around it. */
export interface ToolEnding {
  outcome: ToolOutcome;
  text: string;
  images: ReportedImage[];
  result: unknown;
  decidedBy: string | null;
  words: string | null;
  started: string | null;
}

const REFUSED_BY_PERSON = "The user doesn't want to proceed with this tool use";
const WORDS_OF_REFUSAL = 'the user said:\n';
const REFUSED_BY_RULE =
  /^(?:Permission to use .* has been denied|Permission for this tool use was denied|.*haven't granted it yet)/s;

/** Reads a `tool_result` block. @param only  no other result is in the line */
export function readToolResult(line: Json, block: Json, only: boolean): ToolEnding {
  const blocks = blocksOf(block.content);
  const text = wordsOfResult(block.content);
  // The structured result belongs to the line: with several blocks it is not known whose it is.
  const result = only ? (line.toolUseResult ?? null) : null;
  const decision = object(line.permissionDecision);
  const said = text.startsWith(REFUSED_BY_PERSON) ? text.indexOf(WORDS_OF_REFUSAL) : -1;
  const words = said === -1 ? null : text.slice(said + WORDS_OF_REFUSAL.length);
  const outcome = outcomeOf(line, block, text, words !== null);
  return {
    outcome,
    text,
    images: imagesOf(blocks),
    result,
    decidedBy: string(decision?.source) ?? deciderOf(line, outcome, text),
    words,
    started: string(object(result)?.agentId),
  };
}

function outcomeOf(line: Json, block: Json, text: string, hasWords: boolean): ToolOutcome {
  if (object(line.permissionDecision)?.decision === 'reject') return 'refused';
  if (line.toolDenialKind === 'permission-rule') return 'refused';
  if (line.toolDenialBeforeRun === true || hasWords) return 'refused';
  // Versions with this mark leave out "before the run" when an allowed tool was cut off.
  if (line.toolDenialKind === 'user-rejected') return 'interrupted';
  if (block.is_error !== true && !saysFailed(block.content)) {
    return object(line.toolUseResult)?.interrupted === true ? 'interrupted' : 'done';
  }
  if (line.toolUseResult === 'User rejected tool use' || text.startsWith(REFUSED_BY_PERSON)) {
    return 'refused_or_interrupted';
  }
  return REFUSED_BY_RULE.test(text) ? 'refused' : 'failed';
}

function deciderOf(line: Json, outcome: ToolOutcome, text: string): string | null {
  if (outcome !== 'refused') return null;
  if (line.toolDenialKind === 'user-rejected') return 'user_reject';
  return text.startsWith(REFUSED_BY_PERSON) ? 'user_reject' : 'rule';
}

/** Pages in pages are not looked into deeper than this. */
const MAX_DEPTH = 4;

/**
 * The words in the content of a result, one piece below the other. The provider's own tools put one object or several
 * there, whose kinds differ by the tool.
 */
function wordsOfResult(content: unknown): string {
  return pieces(content, 0).join('\n');
}

/** Whether the provider's own tool says that it failed. */
function saysFailed(content: unknown): boolean {
  return string(object(content)?.error_code) !== null;
}

function pieces(content: unknown, depth: number): string[] {
  if (depth > MAX_DEPTH) return [];
  const one = object(content);
  const blocks = one === null ? blocksOf(content) : [one];
  return blocks.flatMap((block) => piecesOf(block, depth));
}

function piecesOf(block: Json, depth: number): string[] {
  const text = string(block.text);
  if (text !== null) return [text];
  const name = string(block.tool_name) ?? string(block.error_code);
  if (name !== null) return [name];
  const printed = [string(block.stdout), string(block.stderr)].filter((part) => part !== null);
  if (printed.length > 0) return printed;
  if (block.type === 'document') return [documentWords(block)];
  const head = [string(block.title), string(block.url) ?? string(block.source)]
    .filter((part) => part !== null)
    .join(' ');
  const inner = block.content ?? block.tool_references;
  return [...(head === '' ? [] : [head]), ...pieces(inner, depth + 1)];
}

/** What documents beside the words of a person are, a line each: their contents are not the person's words. */
export function namesOfDocuments(blocks: readonly Json[]): string[] {
  return blocks.flatMap((block) => {
    if (block.type !== 'document') return [];
    const title = string(block.title);
    const kind = string(object(block.source)?.media_type) ?? 'document';
    return [title === null ? `[${kind}]` : `[${kind}: ${title}]`];
  });
}

/** A document in a result: its text, or what it is. */
function documentWords(block: Json): string {
  const source = object(block.source) ?? {};
  const title = string(block.title);
  if (source.type === 'text') {
    return [title, string(source.data)].filter((part) => part !== null).join('\n');
  }
  const inner = source.type === 'content' ? pieces(source.content, 1).join('\n') : '';
  if (inner !== '') return inner;
  return namesOfDocuments([block]).join('');
}
