/** Conversations on disk: listed by age, a page at a time, and read whole; nothing of them is stored. */
import { cpSync, linkSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { rowsOf } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const FIXTURES = new URL('../fixtures/claude-transcripts/', import.meta.url).pathname;
let server: TestServer;
let folder: string;

beforeEach(async () => {
  server = await startTestServer();
  folder = join(server.paths.dir, '.claude/projects/-home-dev-shop');
  mkdirSync(folder, { recursive: true });
});
afterEach(() => server[Symbol.asyncDispose]());

interface Past {
  id: string;
  title: string | null;
  first_prompt: string | null;
  project_path: string | null;
}

async function get<Answer>(path: string): Promise<{ status: number; body: Answer }> {
  const answer = await fetch(`${server.url}/api/${path}`);
  return { status: answer.status, body: (await answer.json()) as Answer };
}

/** A transcript with so many prompts and answers, changed at that second. */
function talk(id: string, turns: number, at: number): string {
  const path = join(folder, `${id}.jsonl`);
  const lines = Array.from({ length: turns }, (_, n) => {
    const base = { cwd: '/home/dev/shop', sessionId: id, timestamp: '2026-11-22T10:25:40.603Z' };
    const prompt = { type: 'user', uuid: `u${n}`, parentUuid: n ? `a${n - 1}` : null };
    const words = { role: 'user', content: `question ${n} of ${id}` };
    const answer = { type: 'assistant', uuid: `a${n}`, parentUuid: `u${n}` };
    const content = [{ type: 'text', text: `answer ${n}` }];
    const message = { id: `m${n}`, model: 'claude-sonnet-5', content };
    return [
      { ...base, ...prompt, promptId: `p${n}`, message: words },
      { ...base, ...answer, message },
    ];
  });
  writeFileSync(
    path,
    `${lines
      .flat()
      .map((line) => JSON.stringify(line))
      .join('\n')}\n`,
  );
  utimesSync(path, at, at);
  return path;
}

it('are listed with what they were about, the newest first, a page at a time', async () => {
  for (let n = 0; n < 5; n++) talk(`s${n}`, 1, 1_000_000 + n);
  // Two of one moment stand in the order of their ids, and none is left out between pages.
  talk('s5', 1, 1_000_004);
  const ids: string[] = [];
  for (let after = ''; ; ) {
    const { body } = await get<{ sessions: Past[]; next: string | null }>(
      `past-sessions?limit=2${after}`,
    );
    ids.push(...body.sessions.map(({ id }) => id));
    expect(body.sessions[0]).toMatchObject({
      first_prompt: `question 0 of ${body.sessions[0]?.id}`,
      project_path: '/home/dev/shop',
    });
    if (body.next === null) break;
    after = `&after=${encodeURIComponent(body.next)}`;
  }
  expect(ids).toEqual(['s4', 's5', 's3', 's2', 's1', 's0']);
  expect((await get('past-sessions?after=x')).status).toBe(422);
});

it('are read whole, page by page, and leave nothing in the database', async () => {
  talk('long', 130, 1_000_000);
  const texts: string[] = [];
  for (let before = ''; ; ) {
    const { body } = await get<{
      messages: Array<{ id: string; content: string }>;
      has_older: boolean;
      message_count: number;
    }>(`past-sessions/long?limit=100${before}`);
    texts.unshift(...body.messages.map(({ content }) => content));
    expect(body.message_count).toBe(260);
    if (!body.has_older) break;
    before = `&before=${encodeURIComponent(body.messages[0]?.id ?? '')}`;
  }
  const turn = (n: number) => [`question ${n} of long`, `answer ${n}`];
  expect(texts).toEqual(Array.from({ length: 130 }, (_, n) => turn(n)).flat());
  expect(rowsOf(server.paths, 'SELECT id FROM sessions')).toEqual([]);
  expect((await get('past-sessions/none')).status).toBe(404);
  expect((await get('past-sessions/..%2Flong')).status).toBe(404);
});

it('of the real CLI show texts, tools and results as the session itself did', async () => {
  cpSync(`${FIXTURES}tools-and-tasks.jsonl`, join(folder, 'real.jsonl'));
  const { body } = await get<{ messages: Array<{ message_type: string; tool_output: string }> }>(
    'past-sessions/real?limit=1000',
  );
  const kinds = new Set(body.messages.map(({ message_type }) => message_type));
  expect([...kinds]).toEqual(expect.arrayContaining(['user', 'assistant', 'tool']));
  const tools = body.messages.filter(({ message_type }) => message_type === 'tool');
  expect(tools.length).toBeGreaterThan(3);
  for (const { tool_output } of tools) expect(tool_output).not.toBeNull();
});

it('leave out what is no transcript, and links', async () => {
  const real = talk('real', 1, 1_000_000);
  writeFileSync(join(folder, 'junk.jsonl'), 'no json\n{"type":\n');
  writeFileSync(join(folder, 'empty.jsonl'), '');
  symlinkSync(real, join(folder, 'link.jsonl'));
  mkdirSync(join(folder, 'folder.jsonl'));
  writeFileSync(join(server.paths.dir, 'outside.txt'), 'x');
  linkSync(join(server.paths.dir, 'outside.txt'), join(folder, 'other.jsonl'));
  const { body } = await get<{ sessions: Past[] }>('past-sessions');
  expect(body.sessions.map(({ id }) => id)).toEqual(['real']);
});
