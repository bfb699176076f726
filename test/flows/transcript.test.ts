/**
 * The whole conversation of a watched session: hooks report a part of it at once, the transcript all of it. Hooks and
 * transcripts are recordings of the real CLI; files grow as the CLI writes them.
 */
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { rowsOf } from '../support/database.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server[Symbol.asyncDispose]());

const line = (value: object) => `${JSON.stringify(value)}\n`;
const base = (uuid: string) => ({ uuid, timestamp: '2026-11-22T10:25:40.603Z', sessionId: 's' });
const said = (uuid: string, message: string, content: object) =>
  line({
    ...base(uuid),
    type: 'assistant',
    message: { id: message, model: 'claude-sonnet-5', content: [content] },
  });

/** The transcript of a session in the home of the server. */
function fileOf(sessionId: string): string {
  const path = join(server.paths.dir, '.claude/projects/-home-dev-shop', `${sessionId}.jsonl`);
  mkdirSync(dirname(path), { recursive: true });
  return path;
}

interface Shown {
  type: string;
  content: string;
  tool_output: string | null;
}

const conversation = (id: string) =>
  rowsOf<Shown>(
    server.paths,
    'SELECT type, content, tool_output FROM messages WHERE session_id = ? ORDER BY sequence',
    id,
  );

describe('a session in a terminal', () => {
  it('stamps what carries no time of its own with when it was read', async () => {
    const path = fileOf('untimed');
    const hook = { ...scriptOf('untimed').prompt('Go', 'p1'), transcript_path: path };
    await deliver(server.url, hook as never);
    appendFileSync(path, line({ type: 'summary', summary: 'A title', leafUuid: 'u1' }));
    const readings = () =>
      rowsOf<{ at: string }>(
        server.paths,
        `SELECT at FROM journal WHERE session_id = 'untimed' AND origin = 'transcript'`,
      );
    await vi.waitFor(() => expect(readings()).not.toEqual([]), { timeout: 15_000, interval: 20 });
    for (const { at } of readings()) expect(Date.parse(at)).toBeGreaterThan(Date.now() - 60_000);
  });

  it('is read after a restart when it was over before anything of its file was stored', async () => {
    const path = fileOf('unread');
    const { prompt, end } = scriptOf('unread');
    const of = (hook: object) => ({ ...hook, transcript_path: path, prompt_id: 'p1' }) as never;
    await deliver(server.url, of(prompt('Go', 'p1')));
    await deliver(server.url, of(end()));
    await server.restart();
    appendFileSync(path, said('a1', 'm1', { type: 'text', text: 'I have looked.' }));
    const isShown = () =>
      expect(conversation('unread').map(({ content }) => content)).toContain('I have looked.');
    await vi.waitFor(isShown, { timeout: 15_000, interval: 20 });
  });

  it('shows what the model says between its tools, once, also after a restart', async () => {
    const { prompt, toolStarts, toolEnds, stop } = scriptOf('between');
    const path = fileOf('between');
    const of = (hook: object) => ({ ...hook, transcript_path: path, prompt_id: 'p1' }) as never;
    await deliver(server.url, of(prompt('Go', 'p1')));
    appendFileSync(
      path,
      line({
        ...base('u1'),
        type: 'user',
        promptId: 'p1',
        message: { role: 'user', content: 'Go' },
      }) + said('a1', 'm1', { type: 'text', text: 'I will look.' }),
    );
    const look = () => expect(conversation('between')).toHaveLength(2);
    await vi.waitFor(look, { timeout: 15_000, interval: 20 });
    await deliver(server.url, of(toolStarts('t1')));
    await deliver(server.url, of(toolEnds('t1')));
    await deliver(server.url, of(stop('All done.')));
    await server.restart();
    appendFileSync(path, said('a2', 'm2', { type: 'text', text: 'All done.' }));
    appendFileSync(path, said('a3', 'm3', { type: 'text', text: 'And more.' }));
    const more = () => expect(conversation('between')).toHaveLength(5);
    await vi.waitFor(more, { timeout: 15_000, interval: 20 });
    expect(conversation('between').map(({ content }) => content)).toEqual([
      'Go',
      'I will look.',
      'ls',
      'All done.',
      'And more.',
    ]);
    const [tail] = rowsOf<{ offset: number }>(server.paths, 'SELECT offset FROM tails');
    expect(tail?.offset).toBe(readFileSync(path).length);
  });

  it('says of a command in the background what the model was given, where its hook says nothing', async () => {
    const { prompt, toolStarts, toolEnds } = scriptOf('behind');
    const path = fileOf('behind');
    const of = (hook: object) => ({ ...hook, transcript_path: path, prompt_id: 'p1' }) as never;
    await deliver(server.url, of(prompt('Go', 'p1')));
    await deliver(server.url, of(toolStarts('t1')));
    await deliver(server.url, of(toolEnds('t1', '')));
    expect(conversation('behind').at(-1)?.tool_output).toBe('');
    const words = 'Command running in background with ID: b1';
    const content = [{ type: 'tool_result', tool_use_id: 't1', content: words }];
    const toolUseResult = { stdout: '', stderr: '', backgroundTaskId: 'b1' };
    const use = { type: 'tool_use', id: 't1', name: 'Bash', input: { command: 'ls' } };
    const ended = { ...base('u1'), type: 'user', toolUseResult, message: { content } };
    appendFileSync(path, said('a1', 'm1', use) + line(ended));
    const isSaid = () => expect(conversation('behind').at(-1)?.tool_output).toBe(words);
    await vi.waitFor(isSaid, { timeout: 15_000, interval: 20 });
  });

  it('shows the branch that lives after its person went back, also after a restart', async () => {
    const path = fileOf('back');
    const asked = (uuid: string, parentUuid: string | null, content: string) =>
      line({
        ...{ ...base(uuid), type: 'user', promptId: `p-${uuid}`, parentUuid },
        message: { role: 'user', content },
      });
    const answered = (uuid: string, parentUuid: string, text: string) =>
      line({
        ...{ ...base(uuid), type: 'assistant', parentUuid },
        message: { id: `m-${uuid}`, model: 'm', content: [{ type: 'text', text }] },
      });
    const hook = scriptOf('back').prompt('One', 'p-u1');
    await deliver(server.url, { ...hook, transcript_path: path });
    appendFileSync(path, asked('u1', null, 'One') + answered('a1', 'u1', 'First.'));
    appendFileSync(path, asked('u2', 'a1', 'Two') + answered('a2', 'u2', 'Second.'));
    const contents = () => conversation('back').map(({ content }) => content);
    const shows = (...expected: string[]) =>
      vi.waitFor(() => expect(contents()).toEqual(expected), { timeout: 15_000, interval: 20 });
    await shows('One', 'First.', 'Two', 'Second.');
    appendFileSync(path, asked('u3', 'a1', 'Other') + answered('a3', 'u3', 'Third.'));
    await shows('One', 'First.', 'Other', 'Third.');
    await server.restart();
    appendFileSync(path, asked('u4', 'a3', 'More'));
    await shows('One', 'First.', 'Other', 'Third.', 'More');
    const rows = rowsOf<{ message_count: number }>(
      server.paths,
      `SELECT message_count FROM sessions WHERE id = 'back'`,
    );
    expect(rows).toEqual([{ message_count: 5 }]);
  });
});

describe('a session of a version that names no prompt in its hooks', () => {
  const lineOf = (uuid: string, type: 'user' | 'assistant', content: unknown) =>
    line({
      ...{ type, uuid, promptId: 'p-of-file', sessionId: 'old', message: { role: type, content } },
      timestamp: new Date().toISOString(),
    });

  it.each(['hook', 'transcript'])(
    'shows its words once, also when the %s is first',
    async (first) => {
      const path = fileOf('old');
      const hook = (name: string, more: object) =>
        deliver(server.url, {
          ...{ session_id: 'old', hook_event_name: name, transcript_path: path, cwd: '/x' },
          ...more,
        } as never);
      const count = () =>
        conversation('old').filter(({ content }) => content.trim() === 'Go').length;
      // It knows the session, and reads on from here.
      await hook('UserPromptSubmit', { prompt: 'Begin' });
      const write = () => appendFileSync(path, lineOf('u1', 'user', 'Go'));
      const prompt = () => hook('UserPromptSubmit', { prompt: 'Go ' });
      if (first === 'hook') await prompt();
      else write();
      await vi.waitFor(() => expect(count()).toBe(1), { timeout: 15_000, interval: 20 });
      if (first === 'hook') write();
      else await prompt();
      appendFileSync(path, lineOf('a1', 'assistant', [{ type: 'text', text: 'Said behind it' }]));
      const isRead = () => conversation('old').some(({ content }) => content === 'Said behind it');
      await vi.waitFor(() => expect(isRead()).toBe(true), { timeout: 15_000, interval: 20 });
      expect(count()).toBe(1);
    },
  );
});
