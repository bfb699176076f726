/**
 * Writes transcripts as the CLI writes them, of every kind of line, in an order of chance: prompts with pictures,
 * thoughts, several tools in one answer, results in every shape, words typed while it works, refusals, cut
 * answers, commands, compactions, subagents of older versions, and branches that a person goes back behind.
 */
import { PNG } from './pictures.ts';
import type { Random } from './random.ts';

type Line = Record<string, unknown>;

/** Lines of which nothing is shown. */
const SILENT: readonly Line[] = [
  { type: 'file-history-snapshot', snapshot: {} },
  { type: 'api-request-blob', message: { content: 'not said' } },
  { type: 'queue-operation', operation: 'dequeue' },
  { type: 'progress', data: { type: 'hook_progress' } },
  { type: 'system', subtype: 'informational', content: 'by the way' },
  { type: 'system', subtype: 'api_error', retryAttempt: 1 },
  { type: 'system', subtype: 'stop_hook_summary' },
  { type: 'attachment', attachment: { type: 'environment', content: 'not said' } },
  { type: 'user', isMeta: true, message: { content: 'not said' } },
  { type: 'user', message: { content: '<command-name>/cost</command-name>' } },
  { type: 'user', message: { content: '<local-command-stdout>$0.10</local-command-stdout>' } },
  { type: 'assistant', message: { model: '<synthetic>', content: 'No response requested.' } },
];

/** A transcript that grows turn by turn. */
export class TranscriptWriter {
  readonly #random: Random;
  readonly #lines: string[] = [];
  /** Images that are shown, those of branches left out. */
  images = 0;
  #count = 0;
  #last: string | null = null;
  #turnId = '';
  /** The last line of each turn that a person may go back behind, and the images shown until then. */
  #places: { uuid: string | null; images: number }[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  /** All that was written. */
  get text(): string {
    return `${this.#lines.join('\n')}\n`;
  }

  /** A prompt and all that comes of it, or a command, or a compaction. */
  turn(): void {
    const random = this.#random;
    if (this.#places.length > 0 && random.chance(0.15)) this.#goBack();
    this.#places.push({ uuid: this.#last, images: this.images });
    if (random.chance(0.15)) this.#shell();
    else if (random.chance(0.1)) this.#compact();
    else this.#exchange();
  }

  #exchange(): void {
    const random = this.#random;
    this.#prompt();
    for (let answer = random.between(1, 4); answer > 0; answer -= 1) this.#answer(answer === 1);
    if (random.chance(0.1)) this.#put('user', { content: '[Request interrupted by user]' });
    this.#line({ type: 'system', subtype: 'turn_duration', durationMs: 5 });
  }

  /** What the CLI writes when it ends. */
  end(): void {
    this.#lines.push(JSON.stringify({ type: 'cost-state', totalCostUSD: 0.1, modelUsage: {} }));
  }

  #prompt(): void {
    this.#turnId = `p${this.#next()}`;
    const text = this.#words('ask');
    const pictures = this.#random.chance(0.2) ? this.#pictures() : [];
    const content = pictures.length > 0 ? [...pictures, { type: 'text', text }] : text;
    this.#put('user', { content }, { origin: { kind: 'human' }, promptSource: 'typed' });
  }

  #answer(isLast: boolean): void {
    const random = this.#random;
    const id = `m${this.#next()}`;
    const usage = { input_tokens: random.between(1, 99), output_tokens: random.between(1, 99) };
    const says = (block: object) => {
      const cache_read_input_tokens = 7;
      const message = {
        id,
        model: 'm',
        content: [block],
        usage: { ...usage, cache_read_input_tokens },
      };
      this.#put('assistant', message);
    };
    if (random.chance(0.3)) says({ type: 'thinking', thinking: this.#words('think') });
    if (random.chance(0.1)) says({ type: 'redacted_thinking', data: 'x' });
    if (isLast || random.chance(0.7)) says({ type: 'text', text: this.#words('say') });
    if (isLast) return;
    const tools = Array.from({ length: random.between(1, 3) }, () => {
      const tool = `t${this.#next()}`;
      const input = { command: this.#words('do') };
      says({ type: 'tool_use', id: tool, name: random.pick(['Bash', 'Read', 'mcp__a__b']), input });
      return tool;
    });
    this.#noise();
    // Several results may stand in one line.
    if (tools.length > 1 && random.chance(0.2)) {
      this.#put('user', { content: tools.map((tool) => this.#result(tool)) });
    } else {
      for (const tool of tools) this.#put('user', { content: [this.#result(tool)] }, this.#more());
    }
    if (random.chance(0.2)) this.#queued();
    if (random.chance(0.1)) this.#aside();
  }

  /** A result in one of the shapes that results have. */
  #result(tool_use_id: string): object {
    const random = this.#random;
    const text = random.chance(0.05) ? 'long '.repeat(60_000) : this.#words('result');
    const base = { type: 'tool_result', tool_use_id };
    if (random.chance(0.2)) {
      const refusal = `The user doesn't want to proceed with this tool use. The user said:\n${text}`;
      return { ...base, is_error: true, content: refusal };
    }
    if (random.chance(0.2)) return { ...base, is_error: true, content: `Exit code 1\n${text}` };
    const words = { type: 'text', text };
    if (random.chance(0.3)) return { ...base, content: [words, ...this.#pictures()] };
    return { ...base, content: random.chance(0.5) ? [words] : text };
  }

  /** Words typed while it works stand in an attachment. */
  #queued(): void {
    const prompt = this.#words('queue');
    const operation = { type: 'queue-operation', operation: 'enqueue', content: prompt };
    this.#lines.push(JSON.stringify(operation));
    this.#line({
      type: 'attachment',
      attachment: { type: 'queued_command', prompt, commandMode: 'prompt' },
    });
  }

  /** A subagent of an older version, in the same file. */
  #aside(): void {
    const uuid = `x${this.#next()}`;
    const line = { type: 'user', uuid, parentUuid: null, isSidechain: true };
    this.#lines.push(JSON.stringify({ ...line, message: { content: 'not of the main thread' } }));
  }

  #shell(): void {
    this.#turnId = `p${this.#next()}`;
    this.#put('user', { content: `<bash-input>${this.#words('sh')}</bash-input>` });
    const printed = this.#words('printed');
    const content = `<bash-stdout>${printed}</bash-stdout><bash-stderr></bash-stderr>`;
    this.#put('user', { content });
  }

  #compact(): void {
    const compactMetadata = { trigger: 'manual', preTokens: 900, postTokens: 90 };
    const logicalParentUuid = this.#last;
    this.#last = null;
    this.#line({ type: 'system', subtype: 'compact_boundary', compactMetadata, logicalParentUuid });
    this.#put('user', { content: 'This is what was.' }, { isCompactSummary: true });
    // What came before a compaction is not gone back behind here.
    this.#places = [];
  }

  #goBack(): void {
    const { length } = this.#places;
    const place = this.#places[this.#random.between(0, length - 1)];
    if (place === undefined) return;
    this.#places = this.#places.slice(0, this.#places.indexOf(place));
    this.#last = place.uuid;
    this.images = place.images;
    this.#turnOnly();
  }

  /** A branch begins with a prompt. */
  #turnOnly(): void {
    this.#prompt();
    this.#answer(true);
  }

  #noise(): void {
    for (let left = this.#random.between(0, 3); left > 0; left -= 1) {
      this.#line(this.#random.pick(SILENT));
    }
  }

  #more(): object {
    return this.#random.chance(0.5) ? { toolUseResult: undefined } : {};
  }

  #pictures(): object[] {
    const source = { type: 'base64', media_type: 'image/png', data: PNG.toString('base64') };
    this.images += 1;
    return [{ type: 'image', source }];
  }

  #put(type: string, message: object, more: object = {}): void {
    this.#line({ type, ...more, promptId: this.#turnId, message });
  }

  #line(line: Line): void {
    const uuid = `u${this.#next()}`;
    const base = { uuid, parentUuid: this.#last, timestamp: new Date(this.#count).toISOString() };
    this.#lines.push(JSON.stringify({ ...base, ...line }));
    this.#last = uuid;
  }

  #next(): number {
    this.#count += 1;
    return this.#count;
  }

  /** Words that stand nowhere else, with signs of several bytes. */
  #words(about: string): string {
    return `${about} ${this.#next()} é€😀`;
  }
}
