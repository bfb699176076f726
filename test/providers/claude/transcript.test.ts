import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { TranscriptParser } from '../../../src/providers/claude/transcript-parser.ts';
import type { TranscriptReport } from '../../../src/providers/reports.ts';

const FIXTURES = new URL('../../fixtures/claude-transcripts/', import.meta.url);

function linesOf(name: string): string[] {
  return readFileSync(new URL(name, FIXTURES), 'utf8').trimEnd().split('\n');
}

function reportsOf(lines: readonly (string | object)[], agent: string | null = null) {
  const parser = new TranscriptParser('s-1', agent);
  return lines.flatMap((line) =>
    parser.line(typeof line === 'string' ? line : JSON.stringify(line)),
  );
}

type Of<W extends TranscriptReport['what']> = Extract<TranscriptReport, { what: W }>;

function only<W extends TranscriptReport['what']>(reports: TranscriptReport[], what: W): Of<W>[] {
  return reports.filter((report): report is Of<W> => report.what === what);
}

const user = (uuid: string, parentUuid: string | null, content: unknown, more: object = {}) => ({
  type: 'user',
  uuid,
  parentUuid,
  timestamp: '2026-11-22T10:25:40.603Z',
  message: { role: 'user', content },
  ...more,
});

const typed = { origin: { kind: 'human' }, promptSource: 'typed' };

const assistant = (uuid: string, parentUuid: string, content: object[], more: object = {}) => ({
  type: 'assistant',
  uuid,
  parentUuid,
  message: { id: `msg-${uuid}`, model: 'm', content, ...more },
});

const text = (words: string) => ({ type: 'text', text: words });
const call = (id: string) => ({ type: 'tool_use', id, name: 'Bash', input: { command: id } });
const result = (id: string, content: unknown = 'ok', isError = false) => [
  { type: 'tool_result', tool_use_id: id, content, is_error: isError },
];

/** What the raw lines of a file hold, counted without the parser. */
function countRaw(lines: string[]) {
  const rows = lines.map((line) => JSON.parse(line));
  const blocks = (type: string) =>
    rows.filter((row) => row.type === type && Array.isArray(row.message.content));
  const of = (type: string, kind: string) =>
    blocks(type).flatMap((row) =>
      row.message.content.filter((block: { type: string }) => block.type === kind),
    );
  return {
    assistantTexts: of('assistant', 'text').map((block) => block.text),
    thinking: of('assistant', 'thinking').map((block) => block.thinking),
    tools: of('assistant', 'tool_use').map((block) => block.id),
    results: of('user', 'tool_result').map((block) => block.tool_use_id),
    prompts: rows
      .filter((row) => row.type === 'user' && ['typed', 'sdk'].includes(row.promptSource))
      .map((row) => row.message.content),
    usages: new Map(
      rows
        .filter((row) => row.type === 'assistant')
        .map((row) => [row.message.id, row.message.usage]),
    ),
  };
}

describe('a recorded transcript', () => {
  for (const name of readdirSync(FIXTURES)) {
    it(`${name} is reported completely, each thing once`, () => {
      const lines = linesOf(name);
      const raw = countRaw(lines);
      const reports = reportsOf(lines);
      expect(only(reports, 'assistant.text').map((report) => report.text)).toEqual(
        raw.assistantTexts,
      );
      expect(only(reports, 'assistant.thinking').map((report) => report.text)).toEqual(
        raw.thinking,
      );
      expect(only(reports, 'tool.started').map(({ tool }) => tool)).toEqual(raw.tools);
      expect(only(reports, 'tool.ended').map(({ tool }) => tool)).toEqual(raw.results);
      expect(only(reports, 'user.text').map((report) => report.text)).toEqual(raw.prompts);
      const tokens = only(reports, 'tokens');
      expect(tokens.map(({ answer }) => answer)).toEqual([...raw.usages.keys()]);
      const output = [...raw.usages.values()].reduce((sum, usage) => sum + usage.output_tokens, 0);
      expect(tokens.reduce((sum, report) => sum + report.tokens.output, 0)).toBe(output);
      expect(only(reports, 'rewound')).toEqual([]);
      expect(new Set(reports.map(({ key }) => key)).size).toBe(reports.length);
      expect(reportsOf(lines)).toEqual(reports);
    });
  }

  it('adds up to the cost and the tokens that the CLI wrote at its end', () => {
    const lines = linesOf('failures-then-success.jsonl');
    const reports = reportsOf(lines);
    const [cost] = only(reports, 'cost');
    expect(cost).toMatchObject({
      usd: 0.010676999999999999,
      models: { 'claude-sonnet-5-5': cost?.usd },
    });
    const read = only(reports, 'tokens').reduce((sum, report) => sum + report.tokens.cacheRead, 0);
    expect(read).toBe(33945);
  });

  it('distinguishes allowed, refused and interrupted', () => {
    const reports = reportsOf(linesOf('interactive-permissions.jsonl'));
    const ended = only(reports, 'tool.ended').map(({ outcome, decidedBy }) => [outcome, decidedBy]);
    expect(ended.slice(0, 3)).toEqual([
      ['done', 'user_temporary'],
      ['refused', 'user_reject'],
      ['refused', 'user_reject'],
    ]);
    expect(only(reports, 'interrupted').map(({ during }) => during)).toEqual([
      'tool',
      'text',
      'tool',
    ]);
    expect(only(reports, 'interrupted')[1]).toMatchObject({ answer: 'msg_010000000000000000000t' });
    const partial = only(reports, 'assistant.text').filter((report) => report.partial);
    expect(partial.map((report) => report.text)).toEqual(['one two three four five six ']);
    expect(only(reports, 'compacted')).toMatchObject([
      { trigger: 'manual', before: 7203, after: 3043 },
    ]);
    expect(only(reports, 'tool.ended').map(({ started }) => started)).toContain(
      'a58af742a8c16be6b',
    );
    expect(only(reports, 'command.entered').map(({ command }) => command)).toEqual([
      '/compact keep the important bits',
    ]);
    expect(only(reports, 'notice').map(({ origin }) => origin)).toEqual([
      'task-notification',
      'summary',
    ]);
  });
});

describe('the outcome of a tool', () => {
  const outcome = (content: string, more: object, isError = true) =>
    only(reportsOf([user('u', null, result('t', content, isError), more)]), 'tool.ended')[0];
  const refusal = "The user doesn't want to proceed with this tool use. The tool use was rejected";

  it('is refused at the dialog, or cut off while it ran, or left open by the file (2.1.197)', () => {
    const rejected = { toolUseResult: 'User rejected tool use' };
    const kind = { ...rejected, toolDenialKind: 'user-rejected' };
    expect(outcome(refusal, { ...kind, toolDenialBeforeRun: true })).toMatchObject({
      outcome: 'refused',
    });
    expect(outcome(refusal, kind)).toMatchObject({ outcome: 'interrupted', decidedBy: null });
    expect(outcome(refusal, rejected)).toMatchObject({
      outcome: 'refused_or_interrupted',
      words: null,
    });
  });

  it('was decided by a person where a hook did not, in versions that mark what hooks decide', () => {
    const attachment = {
      ...{ type: 'hook_permission_decision', hookEvent: 'PermissionRequest' },
      ...{ decision: 'allow', toolUseID: 't2' },
    };
    const mark = JSON.stringify({ type: 'attachment', uuid: 'm', attachment });
    const ran = (tool: string) => user(`of ${tool}`, null, result(tool, 'ok', false), {});
    const reports = reportsOf([ran('t1'), mark, ran('t2'), ran('t3')]);
    expect(only(reports, 'tool.ended').map(({ decidedBy }) => decidedBy)).toEqual([
      null,
      'hook',
      'person',
    ]);
  });

  it('is refused with the words of the person', () => {
    const content = `${refusal}. To tell you how to proceed, the user said:\nuse pnpm\nplease`;
    const more = { toolUseResult: `Error: ${content}` };
    expect(outcome(content, more)).toMatchObject({
      outcome: 'refused',
      decidedBy: 'user_reject',
      words: 'use pnpm\nplease',
    });
  });

  it('is refused by a rule', () => {
    for (const content of [
      'Permission to use Bash with command rm x has been denied.',
      'Permission for this tool use was denied',
      "Claude requested permissions to use Write, but you haven't granted it yet.",
    ]) {
      expect(outcome(content, {}), content).toMatchObject({
        outcome: 'refused',
        decidedBy: 'rule',
      });
    }
    expect(outcome('Permission denied (os error 13)', {})).toMatchObject({ outcome: 'failed' });
  });

  it('is its own words and images, when it is done', () => {
    const content = [
      text('a'),
      { type: 'image', source: { type: 'base64', media_type: 'image/gif', data: 'R0' } },
    ];
    const [ended] = only(reportsOf([user('u', null, result('t', content))]), 'tool.ended');
    expect(ended).toMatchObject({
      outcome: 'done',
      text: 'a',
      images: [{ mediaType: 'image/gif', data: 'R0' }],
    });
  });
});

describe('the words of a person', () => {
  const what = (content: unknown, more: object = {}) => reportsOf([user('u', null, content, more)]);

  it('are reported with their images', () => {
    const image = {
      type: 'image',
      source: { type: 'base64', media_type: 'image/png', data: 'iVBO' },
    };
    expect(what([image, text('look')], typed)).toMatchObject([
      {
        what: 'user.text',
        text: 'look',
        images: [{ mediaType: 'image/png', data: 'iVBO' }],
        by: 'person',
      },
    ]);
  });

  it('are not what the CLI writes beside them or in their place', () => {
    expect(what('x', { isMeta: true })).toEqual([]);
    expect(what('<system-reminder>x</system-reminder>')).toEqual([]);
    expect(what([text('<system-reminder>x</system-reminder>'), text('mine')], typed)).toMatchObject(
      [{ what: 'user.text', text: 'mine' }],
    );
    expect(what('hello', { origin: { kind: 'peer' } })).toMatchObject([
      { what: 'notice', origin: 'peer' },
    ]);
    expect(what('<local-command-caveat>x</local-command-caveat>')).toEqual([]);
    expect(what('<system-reminder> is a tag, why?', typed)).toMatchObject([{ what: 'user.text' }]);
  });

  it('typed while the session worked stand in an attachment only', () => {
    const attachment = (more: object) => ({
      type: 'attachment',
      uuid: 'q',
      parentUuid: 'u',
      attachment: { type: 'queued_command', ...more },
    });
    expect(
      reportsOf([attachment({ prompt: 'also this', origin: { kind: 'human' } })]),
    ).toMatchObject([{ what: 'user.text', text: 'also this', queued: true, by: 'person' }]);
    expect(reportsOf([attachment({ prompt: [text('also this')] })])).toMatchObject([
      { text: 'also this' },
    ]);
    expect(
      reportsOf([attachment({ prompt: 'x', commandMode: 'task-notification' })]),
    ).toMatchObject([{ what: 'notice' }]);
    const queue = ['enqueue', 'remove', 'constructor'].map((operation) => ({
      type: 'queue-operation',
      operation,
      content: 'also this',
    }));
    expect(only(reportsOf(queue), 'queue.changed').map(({ change }) => change)).toEqual([
      'added',
      'removed',
    ]);
  });

  it('may be a command of the shell, with its output', () => {
    const reports = reportsOf([
      user('a', null, '<bash-input>ls</bash-input>'),
      user(
        'b',
        'a',
        '<bash-stdout>\u001b[1mone\u001b[0m\n</bash-stdout><bash-stderr>no</bash-stderr>',
      ),
    ]);
    expect(reports).toMatchObject([
      { what: 'command.entered', command: 'ls', shell: true },
      { what: 'command.output', text: 'one\n', error: 'no', shell: true },
    ]);
  });
});

describe('a rewind', () => {
  const start = [
    user('p1', null, 'one', typed),
    assistant('a1', 'p1', [text('first')]),
    { type: 'system', subtype: 'turn_duration', uuid: 'd1', parentUuid: 'a1' },
  ];
  const second = [
    user('p2', 'd1', 'two', typed),
    assistant('a2', 'p2', [call('t')]),
    user('r2', 'a2', result('t')),
    assistant('b2', 'r2', [text('second')]),
  ];

  it('takes back everything after the place it goes to', () => {
    const reports = reportsOf([...start, ...second, user('p3', 'd1', 'three', typed)]);
    expect(only(reports, 'rewound')).toMatchObject([{ to: 'a1', gone: ['p2', 'a2', 'r2', 'b2'] }]);
    expect(reports.at(-1)).toMatchObject({ what: 'user.text', text: 'three' });
  });

  it('is none where the first line of an answer stands in front of its prompt, as the CLI may write them', () => {
    const when = (line: object, second: number) => ({
      ...line,
      timestamp: `2026-11-29T18:46:0${second}.000Z`,
    });
    const lines = [
      when(assistant('a1', 'x1', [call('t')]), 2),
      when(user('p1', null, 'one', typed), 1),
      { type: 'attachment', uuid: 'x1', parentUuid: 'p1', attachment: { type: 'skill_listing' } },
      when(user('r1', 'a1', result('t')), 3),
      when(assistant('b1', 'r1', [text('first')]), 4),
    ];
    expect(only(reportsOf(lines), 'rewound')).toEqual([]);
    const back = when(user('p2', null, 'two', typed), 5);
    expect(only(reportsOf([...lines, back]), 'rewound')).toMatchObject([
      { to: null, gone: ['a1', 'p1', 'r1', 'b1'] },
    ]);
  });

  it('goes to the start, and may be made again', () => {
    const lines = [
      ...start,
      ...second,
      user('p3', 'd1', 'three', typed),
      user('p4', null, 'four', typed),
    ];
    expect(only(reportsOf(lines), 'rewound').map(({ to, gone }) => [to, gone.length])).toEqual([
      ['a1', 4],
      [null, 3],
    ]);
  });

  it('is found behind a line of the CLI that begins the new branch', () => {
    const aside = user('m', 'd1', '<local-command-caveat>x</local-command-caveat>', {
      isMeta: true,
    });
    const command = user('c', 'm', '<command-name>/cost</command-name>');
    expect(only(reportsOf([...start, ...second, aside, command]), 'rewound')).toMatchObject([
      { to: 'a1' },
    ]);
  });

  it('is none where tools ran side by side, where the session was compacted or a parent is not there', () => {
    const parallel = [
      ...start,
      user('p2', 'd1', 'two', typed),
      assistant('x', 'p2', [call('t1')]),
      assistant('y', 'x', [call('t2')]),
      user('rx', 'x', result('t1')),
      user('ry', 'y', result('t2')),
      assistant('z', 'ry', [text('both')]),
      {
        type: 'system',
        subtype: 'compact_boundary',
        uuid: 'k',
        parentUuid: null,
        logicalParentUuid: 'z',
      },
      user('sum', 'k', 'Summary', { isCompactSummary: true }),
      user('p3', 'sum', 'three', typed),
      user('p4', 'not-in-the-file', 'four', typed),
    ];
    expect(only(reportsOf(parallel), 'rewound')).toEqual([]);
  });

  it('is none when an older version writes a subagent into the same file', () => {
    const side = { isSidechain: true };
    const lines = [
      ...start,
      user('s1', null, 'task', side),
      { ...assistant('s2', 's1', [text('x')]), ...side },
    ];
    const reports = reportsOf(lines);
    expect(only(reports, 'rewound')).toEqual([]);
    expect(reports.slice(-2).map(({ agent }) => agent)).toEqual(['sidechain', 'sidechain']);
    expect(only(reports, 'user.text').at(-1)).toMatchObject({ by: 'agent' });
  });
});

describe('a transcript', () => {
  it('reports tokens again only when a later line of the answer has more', () => {
    const usage = (output_tokens: number) => ({
      id: 'msg',
      usage: { input_tokens: 1, output_tokens },
    });
    const lines = [
      assistant('a', 'p', [text('x')], usage(1)),
      assistant('b', 'a', [text('y')], usage(1)),
      assistant('c', 'b', [call('t')], usage(9)),
    ];
    const tokens = only(reportsOf(lines), 'tokens').map((report) => report.tokens.output);
    expect(tokens).toEqual([1, 9]);
  });

  it('reports titles, models and modes when they change', () => {
    const reports = reportsOf([
      { type: 'ai-title', aiTitle: 'A' },
      { type: 'ai-title', aiTitle: 'A' },
      { type: 'custom-title', customTitle: 'Mine' },
      { type: 'permission-mode', permissionMode: 'plan' },
      user('p', null, 'x', { ...typed, permissionMode: 'plan' }),
    ]);
    expect(reports.map(({ what }) => what)).toEqual([
      'title',
      'title',
      'permission.mode',
      'user.text',
    ]);
  });

  it('reports a failing API as such, and what a subagent did as of that subagent', () => {
    const failed = {
      ...assistant('e', 'p', [text('API Error: 529')]),
      isApiErrorMessage: true,
      apiErrorStatus: 529,
    };
    expect(reportsOf([failed])).toMatchObject([
      { what: 'api.failed', status: 529, text: 'API Error: 529' },
    ]);
    const lines = [user('p', null, 'do it'), assistant('a', 'p', [text('done')])];
    expect(new Set(reportsOf(lines, 'agent-7').map(({ agent }) => agent))).toEqual(
      new Set(['agent-7']),
    );
  });

  it('gives a copied line once, and passes over junk', () => {
    const parser = new TranscriptParser('s-1');
    const line = JSON.stringify(user('p', null, 'x', typed));
    expect(parser.line(line)).toHaveLength(1);
    expect(parser.line(line)).toEqual([]);
    const junk = ['{', 'null', '[1]', '7', '\u0000', line.slice(0, 40)];
    for (const text of junk) expect(parser.line(text)).toEqual([]);
    expect(parser.junk).toBe(junk.length);
    for (const odd of [
      { type: 'user' },
      { type: 'user', uuid: 7, message: 3 },
      { type: 'assistant', uuid: 'o', message: { content: [null, 3, { type: 'text' }] } },
      { type: '__proto__' },
      { type: 'attachment', attachment: [] },
    ]) {
      expect(parser.line(JSON.stringify(odd))).toEqual([]);
    }
  });
});
