/**
 * All that transcripts can hold comes into the conversation: conversations made by chance of every kind of line, and
 * the recorded ones, against what a reader without our parser finds in them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Message } from '../../../src/protocol/nouns.ts';
import { TranscriptMessages } from '../../../src/providers/claude/transcript-messages.ts';
import { TranscriptParser } from '../../../src/providers/claude/transcript-parser.ts';
import type { KeepImage } from '../../../src/providers/reports.ts';
import { type LiveTranscript, readLive } from '../../support/live-transcript.ts';
import { PNG } from '../../support/pictures.ts';
import { createRandom, type Random, seedOfRun } from '../../support/random.ts';
import { TranscriptWriter } from '../../support/transcript-writer.ts';

const FIXTURES = new URL('../../fixtures/claude-transcripts/', import.meta.url);
const RUNS = Number(process.env.RUNS ?? 60);

const keep: KeepImage = () => ({
  image: { input_type: 'path', value: '/images/x', media_type: 'image/png' },
});

/** What is shown of a transcript that is read in pieces. */
function shownOf(text: string, pieces: () => number) {
  const parser = new TranscriptParser('s');
  const received = new TranscriptMessages('s');
  const messages = new Map<string, Message>();
  const lines = text.trimEnd().split('\n');
  let usage = {};
  for (let at = 0; at < lines.length; ) {
    const next = at + pieces();
    const piece = received.take(lines.slice(at, next).flatMap((line) => parser.line(line)));
    for (const id of piece?.dropped.messages ?? []) messages.delete(id);
    for (const make of piece?.messages ?? []) {
      const message = make(keep);
      messages.set(message.id, message);
    }
    usage = piece?.usage ?? usage;
    at = next;
  }
  return { messages: [...messages.values()], usage, unknown: [...parser.unknown] };
}

/** The same of both: what was said and done, once, and what it took. */
function termsOf({ messages, usage }: ReturnType<typeof shownOf>) {
  const own = messages.filter(({ agent_id: agent }) => !agent);
  const of = (...types: string[]) => own.filter(({ message_type: type }) => types.includes(type));
  const tools = of('tool').filter(({ tool_name: name }) => name !== 'Compact');
  return {
    words: of('user', 'assistant').map(({ message_type: by, content }) => [by, content]),
    thoughts: of('thinking').map(({ content }) => content),
    tools: tools.map((one) => [
      ...[one.id.slice(2), one.tool_name, JSON.parse(one.tool_input ?? '')],
      ...[one.tool_output !== null && one.tool_output !== '', one.is_error],
    ]),
    images: own.reduce((sum, { images = [] }) => sum + images.length, 0),
    shell: of('shell').map(({ content, tool_output: output }) => [content, output ?? '']),
    compactions: of('tool').length - tools.length,
    usage,
  };
}

function wantedOf(raw: LiveTranscript, images: number) {
  const { input, output, cacheRead, cacheWrite } = raw.tokens;
  return {
    words: raw.words,
    thoughts: raw.thoughts,
    tools: [...raw.tools].map(([id, { name, input: of, result, isError }]) => [
      ...[id, name, of, result !== null, isError],
    ]),
    images,
    shell: raw.shell,
    compactions: raw.compactions,
    usage: expect.objectContaining({
      total_input_tokens: input,
      output_tokens: output,
      cache_read_tokens: cacheRead,
      cache_write_tokens: cacheWrite,
    }),
  };
}

/** A conversation of every kind of line, in an order of chance. */
function converse(random: Random): TranscriptWriter {
  const writer = new TranscriptWriter(random);
  for (let turn = random.between(2, 12); turn > 0; turn -= 1) writer.turn();
  writer.end();
  return writer;
}

describe('a conversation of every kind of line', () => {
  it('is shown whole, each thing once, in whatever pieces it is read', () => {
    const random = createRandom(seedOfRun());
    for (let run = 0; run < RUNS; run += 1) {
      const { text, images } = converse(random.fork());
      const about = `SEED=${random.seed} run ${run}`;
      const pieces = random.chance(0.3) ? () => 1 : () => random.between(1, 9);
      const shown = shownOf(text, pieces);
      expect(shown.unknown, about).toEqual([]);
      expect(termsOf(shown), about).toEqual(wantedOf(readLive(text), images));
    }
  });
});

describe('a recorded transcript', () => {
  for (const name of readdirSync(FIXTURES)) {
    it(`${name} holds no kind of line that is not known, and is shown whole`, () => {
      const text = readFileSync(new URL(name, FIXTURES), 'utf8');
      const shown = shownOf(text, () => 5);
      expect(shown.unknown).toEqual([]);
      const { words, tools, compactions } = termsOf(shown);
      const raw = readLive(text);
      expect(words).toEqual(raw.words);
      expect(tools.map(([id]) => id)).toEqual([...raw.tools.keys()]);
      expect(compactions).toBe(raw.compactions);
    });
  }
});

describe('what a tool gave the model', () => {
  const outputOf = (content: unknown, toolUseResult?: unknown) => {
    const call = { type: 'tool_use', id: 't', name: 'Any', input: {} };
    const result = { type: 'tool_result', tool_use_id: 't', content };
    const lines = [
      { type: 'assistant', uuid: 'a', message: { id: 'm', content: [call] } },
      { type: 'user', uuid: 'b', parentUuid: 'a', toolUseResult, message: { content: [result] } },
    ];
    const text = lines.map((line) => JSON.stringify(line)).join('\n');
    return shownOf(text, () => 1).messages.map(({ tool_output: output }) => output);
  };

  it('is shown where its structured result says nothing, as of a command in the background', () => {
    const words = 'Command running in background with ID: b1. Output is being written to: /tmp/b1';
    const structured = { stdout: '', stderr: '', interrupted: false, backgroundTaskId: 'b1' };
    expect(outputOf(words, structured)).toEqual([words]);
    const silent = '(Bash completed with no output)';
    expect(outputOf(silent, { stdout: '', stderr: '' })).toEqual(['']);
  });

  it('is shown of tools that were found, pages and documents', () => {
    expect(outputOf([{ type: 'tool_reference', tool_name: 'WebFetch' }])).toEqual(['WebFetch']);
    const page = { type: 'search_result', title: 'Barns', source: 'https://barn.example' };
    const found = { ...page, content: [{ type: 'text', text: 'Red ones.' }] };
    expect(outputOf([found])).toEqual(['Barns https://barn.example\nRed ones.']);
    const source = { type: 'text', media_type: 'text/plain', data: 'A letter.' };
    expect(outputOf([{ type: 'document', source }])).toEqual(['A letter.']);
    const pdf = { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' };
    expect(outputOf([{ type: 'document', title: 'Plan', source: pdf }])).toEqual([
      '[application/pdf: Plan]',
    ]);
  });

  it('is shown of the tools that the provider runs, which put it into the answer', () => {
    const outputIn = (block: object) => {
      const call = { type: 'server_tool_use', id: 't', name: 'web_search', input: {} };
      const content = [call, { tool_use_id: 't', ...block }];
      const line = { type: 'assistant', uuid: 'a', message: { id: 'm', content } };
      const [shown] = shownOf(JSON.stringify(line), () => 1).messages;
      return [shown?.tool_output, shown?.is_error];
    };
    const hit = { type: 'web_search_result', title: 'Barns', url: 'https://barn.example' };
    expect(
      outputIn({ type: 'web_search_tool_result', content: [{ ...hit, encrypted_content: 'x' }] }),
    ).toEqual(['Barns https://barn.example', false]);
    const error = { type: 'web_search_tool_result_error', error_code: 'max_uses_exceeded' };
    expect(outputIn({ type: 'web_search_tool_result', content: error })).toEqual([
      'max_uses_exceeded',
      true,
    ]);
    const ran = { type: 'code_execution_result', stdout: '4', stderr: '', return_code: 0 };
    expect(outputIn({ type: 'code_execution_tool_result', content: ran })).toEqual(['4', false]);
    const words = [{ type: 'text', text: 'From afar.' }];
    expect(outputIn({ type: 'mcp_tool_result', content: words })).toEqual(['From afar.', false]);
  });
});

describe('a command of the CLI', () => {
  it('that is typed while the model works on a prompt does not take its place', () => {
    const line = (uuid: string, parentUuid: string | null, type: string, content: unknown) =>
      JSON.stringify({ type, uuid, parentUuid, promptId: 'p', message: { id: uuid, content } });
    const text = [
      line('a', null, 'user', 'Build a barn'),
      line('b', 'a', 'user', '<command-name>/cost</command-name>'),
      line('c', 'b', 'assistant', [{ type: 'text', text: 'Built.' }]),
    ].join('\n');
    const { messages } = shownOf(text, () => 1);
    expect(messages.map(({ content }) => content)).toEqual(['Build a barn', 'Built.']);
  });
});

describe('a kind of line that is not known', () => {
  it('is named once, with what stands beside it shown', () => {
    const odd = [
      { type: 'hologram', uuid: 'h' },
      { type: 'system', subtype: 'omen', uuid: 'o' },
      {
        type: 'assistant',
        uuid: 'a',
        message: { id: 'm', content: [{ type: 'smell' }, { type: 'text', text: 'Yes.' }] },
      },
    ];
    const text = [...odd, ...odd].map((line) => JSON.stringify(line)).join('\n');
    const { messages, unknown } = shownOf(text, () => 1);
    expect(unknown).toEqual(['hologram', 'system/omen', 'assistant/smell']);
    expect(messages.map(({ content }) => content)).toEqual(['Yes.']);
  });

  it('is none of what stands beside the words of a person', () => {
    const content = [
      { type: 'text', text: 'Read this.' },
      {
        type: 'document',
        title: 'Plan',
        source: { type: 'base64', media_type: 'application/pdf' },
      },
      { type: 'image', source: { type: 'base64', data: PNG.toString('base64') } },
    ];
    const line = JSON.stringify({ type: 'user', uuid: 'u', message: { content } });
    const { messages, unknown } = shownOf(line, () => 1);
    expect(unknown).toEqual([]);
    expect(messages).toMatchObject([
      { content: 'Read this.\n[application/pdf: Plan]', images: [{ media_type: 'image/png' }] },
    ]);
  });
});
