/** A subagent's transcript as a list of tools, and the files that are never opened as one. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import {
  createCollector,
  readSubagentTools,
} from '../../../src/providers/claude/hooks/subagent-tools.ts';

function stage() {
  const top = mkdtempSync(join(tmpdir(), 'orbit-agents-'));
  onTestFinished(() => rmSync(top, { recursive: true, force: true }));
  const root = join(top, 'projects');
  const folder = join(root, '-shop/s1/subagents');
  mkdirSync(folder, { recursive: true });
  const transcript = join(root, '-shop/s1.jsonl');
  return {
    top,
    root,
    folder,
    read: (agent: string, path: string | null = transcript) =>
      readSubagentTools(path, agent, [root]),
  };
}

const use = (id: string, name: string, input: object) =>
  JSON.stringify({
    type: 'assistant',
    uuid: `u-${id}`,
    message: {
      content: [
        { type: 'text', text: 'hm' },
        { type: 'tool_use', id, name, input },
      ],
    },
  });
const result = (tool_use_id: string, content: unknown) =>
  JSON.stringify({
    type: 'user',
    message: { content: [{ type: 'tool_result', tool_use_id, content }] },
  });

it('shows each tool use with a line about it and what came of it', async () => {
  const { folder, read } = stage();
  const lines = [
    use('t1', 'Bash', { command: '\u{1F4A5}'.repeat(61) }),
    result('t1', 'done'),
    use('t2', 'Edit', { file_path: '/home/dev/shop/src/cart.ts' }),
    result('t2', [{ type: 'text', text: 'one' }, { type: 'image' }, { type: 'text', text: 'two' }]),
    use('t3', 'Grep', { pattern: 'TODO' }),
    use('t4', 'Task', { prompt: 'p'.repeat(60) }),
    use('t5', 'Read', { file_path: '/a/b.ts' }),
    use('t6', 'mcp__x__y', {}),
    '{"type":"assistant","message":{"content":[{"type":"tool_use","id":"half',
  ];
  writeFileSync(join(folder, 'agent-a1.jsonl'), lines.join('\n'));
  expect(await read('a1')).toEqual({
    truncated: false,
    tools: [
      {
        id: 'u-t1-tool-1',
        tool_name: 'Bash',
        summary: `${'\u{1F4A5}'.repeat(60)}...`,
        is_in_progress: false,
        output: 'done',
      },
      {
        id: 'u-t2-tool-1',
        tool_name: 'Edit',
        summary: '.../src/cart.ts',
        is_in_progress: false,
        output: 'one\ntwo',
      },
      { id: 'u-t3-tool-1', tool_name: 'Grep', summary: 'Pattern: TODO', is_in_progress: true },
      {
        id: 'u-t4-tool-1',
        tool_name: 'Task',
        summary: `${'p'.repeat(50)}...`,
        is_in_progress: true,
      },
      { id: 'u-t5-tool-1', tool_name: 'Read', summary: '/a/b.ts', is_in_progress: true },
      { id: 'u-t6-tool-1', tool_name: 'mcp__x__y', summary: 'mcp__x__y', is_in_progress: true },
    ],
  });
});

it('opens nothing outside, nothing that is no file, and says why', async () => {
  const { top, folder, read } = stage();
  mkdirSync(join(top, 'elsewhere/subagents'), { recursive: true });
  writeFileSync(join(top, 'elsewhere/subagents/agent-a1.jsonl'), use('t1', 'Bash', {}));
  symlinkSync(join(top, 'elsewhere/subagents/agent-a1.jsonl'), join(folder, 'agent-link.jsonl'));
  execFileSync('mkfifo', [join(folder, 'agent-fifo.jsonl')]);
  symlinkSync('/dev/zero', join(folder, 'agent-zero.jsonl'));
  const unavailable = (words: string) => ({ unavailable: expect.stringContaining(words) });
  expect(await read('a1', join(top, 'elsewhere.jsonl'))).toEqual(unavailable('outside'));
  expect(await read('link')).toEqual(unavailable('outside'));
  expect(await read('zero')).toEqual(unavailable('outside'));
  expect(await read('fifo')).toEqual(unavailable('no regular file'));
  expect(await read('none')).toEqual(unavailable('does not exist'));
  expect(await read('../../s1')).toEqual(unavailable('names no file'));
  expect(await read('a1', null)).toEqual(unavailable('no transcript'));
  expect(await read('a1', 'relative.jsonl')).toEqual(unavailable('absolute'));
});

it('keeps the newest five hundred tool uses', () => {
  const collector = createCollector();
  for (let n = 0; n < 600; n++) collector.take(use(`t${n}`, 'Bash', { command: `echo ${n}` }));
  const { tools, truncated } = collector.result();
  expect(truncated).toBe(true);
  expect(tools).toHaveLength(500);
  expect(tools.at(-1)?.summary).toBe('echo 599');
});
