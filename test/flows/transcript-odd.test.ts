/** Transcripts that are none, or hold what cannot be read: each is passed over with one warning, and nothing hangs. */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { rowsOf } from '../support/database.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const SOON = { timeout: 20_000, interval: 20 };

/** A path in the projects of the server's home. */
function pathOf(name: string): string {
  const path = join(server.paths.dir, '.claude/projects/-home-dev-shop', name);
  mkdirSync(dirname(path), { recursive: true });
  return path;
}

/** A session whose hook names this transcript. */
async function open(id: string, transcript_path: string): Promise<void> {
  await deliver(server.url, { ...scriptOf(id).prompt('Go', `p-${id}`), transcript_path });
}

const said = (uuid: string, text: string): string =>
  `${JSON.stringify({
    ...{ type: 'assistant', uuid, timestamp: '2026-11-22T10:25:40.603Z' },
    message: { id: `msg-${uuid}`, model: 'm', content: [{ type: 'text', text }] },
  })}\n`;

const texts = (id: string): string[] =>
  rowsOf<{ content: string }>(
    server.paths,
    `SELECT content FROM messages WHERE session_id = ? AND type = 'assistant' ORDER BY sequence`,
    id,
  ).map(({ content }) => content);

/** Reasons that the log gives for this path. */
const warned = (path: string): string[] =>
  readFileSync(server.paths.log, 'utf8')
    .split('\n')
    .filter((line) => line.includes('watch.not_read') && line.includes(JSON.stringify(path)))
    .map((line) => JSON.parse(line).reason);

/** A later session is read to its end: by then the odd one was looked at more than once. */
async function othersAreRead(name: string): Promise<void> {
  const path = pathOf(`${name}-other.jsonl`);
  await open(`${name}-other`, path);
  appendFileSync(path, said('a', 'one'));
  await vi.waitFor(() => expect(texts(`${name}-other`)).toEqual(['one']), SOON);
}

it('a FIFO is not opened', async () => {
  const path = pathOf('fifo.jsonl');
  execFileSync('mkfifo', [path]);
  await open('fifo', path);
  await vi.waitFor(() => expect(warned(path)).toHaveLength(1), SOON);
  await othersAreRead('fifo');
  expect(warned(path)).toEqual(['is no regular file in the homes of Claude']);
});

it('a file outside of the homes is not opened, also through a link', async () => {
  const outside = join(server.paths.dir, 'outside.jsonl');
  writeFileSync(outside, said('a', 'secret'));
  const link = pathOf('link.jsonl');
  symlinkSync(outside, link);
  await open('plain', outside);
  await open('linked', link);
  for (const path of [outside, link]) {
    await vi.waitFor(() => expect(warned(path)).toHaveLength(1), SOON);
  }
  await othersAreRead('link');
  expect([...texts('plain'), ...texts('linked')]).toEqual([]);
});

it('a file is not read on when its folder becomes a link that leads outside', async () => {
  const path = pathOf('../-home-dev-swapped/swapped.jsonl');
  writeFileSync(path, said('a', 'inside'));
  await open('swapped', path);
  await vi.waitFor(() => expect(texts('swapped')).toEqual(['inside']), SOON);
  const outside = join(server.paths.dir, 'elsewhere');
  mkdirSync(outside);
  writeFileSync(join(outside, 'swapped.jsonl'), said('b', 'secret'));
  renameSync(dirname(path), join(server.paths.dir, 'moved'));
  symlinkSync(outside, dirname(path));
  await vi.waitFor(() => expect(warned(path)).toHaveLength(1), SOON);
  await othersAreRead('swapped');
  expect(texts('swapped')).toEqual(['inside']);
});

it('junk, a torn line and a line of 100 MB are passed over, and what follows is read', async () => {
  const path = pathOf('junk.jsonl');
  writeFileSync(path, said('a', 'first'));
  appendFileSync(path, '{"type":"assistant","uuid"\n\u0000\u0001\n[1,2]\n');
  for (let part = 0; part < 100; part++) appendFileSync(path, 'x'.repeat(1_000_000));
  appendFileSync(path, `\n${said('b', 'second')}{"type":"assis`);
  await open('junk', path);
  await vi.waitFor(() => expect(texts('junk')).toEqual(['first', 'second']), SOON);
  appendFileSync(path, `tant"\n${said('c', 'third')}`);
  await vi.waitFor(() => expect(texts('junk')).toEqual(['first', 'second', 'third']), SOON);
  expect(warned(path)).toHaveLength(1);
}, 40_000);

it('a line that is nested too deep to be stored holds up nothing', async () => {
  const path = pathOf('deep.jsonl');
  const input = `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  const use = `[{"type":"tool_use","id":"t","name":"Bash","input":${input}}]`;
  writeFileSync(path, said('a', 'first'));
  appendFileSync(path, `{"type":"assistant","uuid":"d","message":{"id":"m","content":${use}}}\n`);
  appendFileSync(path, said('b', 'second'));
  await open('deep', path);
  await vi.waitFor(() => expect(texts('deep')).toEqual(['first', 'second']), SOON);
  expect(warned(path)).toHaveLength(1);
});

it('a kind of line that is not known is warned of once, whichever file brings it', async () => {
  const odd = (uuid: string) => `${JSON.stringify({ type: 'hologram', uuid })}\n`;
  const paths = ['odd-1', 'odd-2'].map((id) => pathOf(`${id}.jsonl`));
  for (const path of paths) {
    writeFileSync(path, odd('h') + said('a', 'seen') + odd('i'));
    const id = path.includes('odd-1') ? 'odd-1' : 'odd-2';
    await open(id, path);
    await vi.waitFor(() => expect(texts(id)).toEqual(['seen']), SOON);
  }
  expect(paths.flatMap(warned)).toEqual([
    'has lines of a kind that is not known (hologram): they are passed over',
  ]);
});

it('a session that no hook reported is found by its id', async () => {
  const path = pathOf('found.jsonl');
  appendFileSync(path, said('a', 'found'));
  await deliver(server.url, scriptOf('found').prompt('Go', 'p'));
  await vi.waitFor(() => expect(texts('found')).toEqual(['found']), SOON);
});

it('images of a prompt are kept like other images', async () => {
  const path = pathOf('image.jsonl');
  await open('image', path);
  const data =
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
  const content = [
    { type: 'text', text: 'Go' },
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data } },
  ];
  const line = {
    type: 'user',
    uuid: 'u',
    promptId: 'p-image',
    timestamp: new Date().toISOString(),
  };
  appendFileSync(path, `${JSON.stringify({ ...line, message: { role: 'user', content } })}\n`);
  const look = () => {
    const rows = rowsOf<{ content: string; images_json: string | null }>(
      server.paths,
      `SELECT content, images_json FROM messages WHERE session_id = 'image'`,
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]?.content).toBe('Go');
    expect(JSON.parse(rows[0]?.images_json ?? '[]')).toMatchObject([{ media_type: 'image/png' }]);
  };
  await vi.waitFor(look, SOON);
});

it('a file that was written anew at the same length while the server was away is read again', async () => {
  const path = pathOf('anew.jsonl');
  writeFileSync(path, said('a', 'one'));
  await open('anew', path);
  await vi.waitFor(() => expect(texts('anew')).toEqual(['one']), SOON);
  await server.stop();
  writeFileSync(path, said('b', 'two'));
  await server.start();
  await vi.waitFor(() => expect(texts('anew')).toContain('two'), SOON);
});
