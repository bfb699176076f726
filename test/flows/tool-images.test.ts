/** Images in the results of tools: kept beside the database, named in the message, said in words. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ImageInput } from '../../src/protocol/nouns.ts';
import { wsClient } from '../support/clients.ts';
import { differences } from '../support/compare.ts';
import { foldJournal, rowsOf } from '../support/database.ts';
import { startWatchedServer, type WatchedServer } from '../support/desktop/watched-server.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { observe } from '../support/observer.ts';
import { GIF, JPEG, PNG, padded, WEBP } from '../support/pictures.ts';

let server: WatchedServer;
beforeAll(async () => {
  server = await startWatchedServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const SHOT = padded(PNG, 12_000);
const base64 = SHOT.toString('base64');
const source = (bytes: Buffer, media_type: string) => ({
  type: 'base64',
  media_type,
  data: bytes.toString('base64'),
});
const kept = (bytes: Buffer, media_type = 'image/png') =>
  expect.objectContaining({ url: `/images/${digestOf(bytes)}`, media_type });

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

interface Row {
  tool_output: string;
  images_json: string | null;
}

const rowOf = (id: string): Row =>
  rowsOf(
    server.paths,
    'SELECT tool_output, images_json FROM messages WHERE id = ?',
    id,
  )[0] as never;

let sessions = 0;

/** The message of a tool with this result, as it is stored; every client had the same. */
async function shownAfter(tool_response: unknown, { isFirst = false, more = {} } = {}) {
  const id = `images-${sessions++}`;
  const { prompt, toolStarts, toolEnds, stop } = scriptOf(id);
  await deliver(server.url, prompt('Look'));
  await using client = await observe(wsClient(server.url));
  await client.settle();
  if (!isFirst) await deliver(server.url, toolStarts('t1'));
  await deliver(server.url, { ...toolEnds('t1'), tool_response, ...more });
  await deliver(server.url, stop());
  expect(await differences(server.url, client)).toEqual([]);
  expect(foldJournal(server.paths, id)).toEqual([]);
  const { tool_output, images_json } = rowOf(`${id}:t1`);
  const images = (images_json === null ? [] : JSON.parse(images_json)) as ImageInput[];
  return { tool_output, images };
}

const SHAPES: Array<[string, unknown, string]> = [
  [
    'a file that was read',
    { type: 'image', file: { base64, type: 'image/png', originalSize: SHOT.length } },
    '[image/png, 12 kB]',
  ],
  [
    'a block of MCP',
    [{ type: 'image', data: base64, mimeType: 'image/png' }],
    '[image/png, 12 kB]',
  ],
  [
    'a block beside text',
    [
      { type: 'text', text: 'Done' },
      { type: 'image', source: source(SHOT, 'image/png') },
    ],
    'Done\n[image/png, 12 kB]',
  ],
  [
    'blocks inside an object',
    {
      content: [
        { type: 'text', text: 'ok' },
        { type: 'image', source: source(SHOT, 'image/png') },
      ],
    },
    'ok\n[image/png, 12 kB]',
  ],
  [
    'lists in lists',
    [[{ type: 'text', text: 'ok' }], [[{ type: 'image', data: base64, mimeType: 'image/png' }]]],
    'ok\n[image/png, 12 kB]',
  ],
  [
    'what a command printed',
    { stdout: `data:image/png;base64,${base64}\n`, stderr: '', isImage: true },
    '[image/png, 12 kB]',
  ],
  [
    'text with an image in it',
    { stdout: `<img src="data:image/png;charset=utf-8;base64,${base64}">`, stderr: 'warned' },
    '<img src="[image/png, 12 kB]">\nwarned',
  ],
  ['text alone', `data:image/png;base64,${base64}`, '[image/png, 12 kB]'],
  [
    'base64 that was printed',
    { stdout: `${base64.replace(/.{76}/g, '$&\n')}\n` },
    '[image/png, 12 kB]',
  ],
  [
    'an address of OpenAI',
    [{ type: 'image_url', image_url: { url: `data:image/png;base64,${base64}` } }],
    '[image/png, 12 kB]',
  ],
  [
    'a resource',
    [{ type: 'resource', resource: { uri: 'file:///a', mimeType: 'image/png', blob: base64 } }],
    '[image/png, 12 kB]',
  ],
];

it.each(SHAPES)('keeps the image of %s', async (_, response, words) => {
  expect(await shownAfter(response)).toEqual({ tool_output: words, images: [kept(SHOT)] });
  const alone = await shownAfter(response, { isFirst: true });
  expect(alone).toEqual({ tool_output: words, images: [kept(SHOT)] });
});

it('goes by the bytes, keeps several, and each of them once', async () => {
  const blocks = [PNG, JPEG, GIF, WEBP, PNG].map((bytes) => ({
    type: 'image',
    source: source(bytes, 'image/png'),
  }));
  const { tool_output, images } = await shownAfter(blocks);
  expect(tool_output.split('\n')).toEqual([
    '[image/png, 1 kB]',
    '[image/jpeg, 1 kB]',
    '[image/gif, 1 kB]',
    '[image/webp, 1 kB]',
    '[image/png, 1 kB]',
  ]);
  expect(images).toEqual([
    kept(PNG),
    kept(JPEG, 'image/jpeg'),
    kept(GIF, 'image/gif'),
    kept(WEBP, 'image/webp'),
  ]);
  const files = readdirSync(server.paths.images);
  expect(files.filter((name) => name.startsWith(digestOf(PNG)))).toHaveLength(1);
  const answer = await fetch(`${server.url}${images[2]?.url}`);
  expect(Buffer.from(await answer.arrayBuffer()).equals(GIF)).toBe(true);
});

it('says in words what it cannot show, and keeps nothing of it', async () => {
  const block = (data: string, mimeType: string) => [{ type: 'image', data, mimeType }];
  const cases: Array<[unknown, string]> = [
    [block(`${base64.slice(0, 9000)}#${base64}`, 'image/png'), 'not shown: it is damaged'],
    [block('', 'image/png'), 'not shown: it is damaged'],
    [block('A'.repeat(9000), 'image/png'), 'not shown: it is damaged'],
    [
      block(Buffer.alloc(9000, '<svg/>').toString('base64'), 'image/svg+xml'),
      'not shown: it is no',
    ],
    [
      block(padded(PNG, 10_500_000).toString('base64').slice(0, 14e6), 'image/png'),
      'not shown: it',
    ],
    [{ stdout: `data:image/png;base64,${base64.slice(0, 9000)}#${base64}` }, 'it is damaged'],
    [
      {
        type: 'pdf',
        file: { filePath: '/a.pdf', base64: Buffer.from(`%PDF-1.7${base64}`).toString('base64') },
      },
      '[application/pdf, ',
    ],
    [[{ type: 'document', source: source(SHOT, 'application/pdf') }], '[application/pdf, 12 kB]'],
    [[{ type: 'audio', data: base64, mimeType: 'audio/wav' }], '[audio/wav, 12 kB]'],
  ];
  for (const [response, words] of cases) {
    const { tool_output, images } = await shownAfter(response);
    expect(tool_output).toContain(words);
    expect(tool_output.length).toBeLessThan(200);
    expect(images).toEqual([]);
  }
});

it('leaves texts that hold no image as they are', async () => {
  const texts = [
    'data:image/png;base64,AAAA is how such an address begins',
    'x'.repeat(20_000),
    Buffer.alloc(20_000, 'words ').toString('base64'),
    `ends with ;base64,${'A'.repeat(300)}`,
  ];
  for (const stdout of texts) {
    expect(await shownAfter({ stdout, stderr: '' })).toEqual({ tool_output: stdout, images: [] });
  }
  const { tool_output } = await shownAfter({ data: 'hello', mimeType: 'text/plain' });
  expect(tool_output).toBe('data: hello\nmimeType: text/plain');
});

it('names at most 20 images and says how it is with the others', async () => {
  const blocks = Array.from({ length: 22 }, (_, n) => ({
    type: 'image',
    source: source(padded(PNG, 100 + n), 'image/png'),
  }));
  const { tool_output, images } = await shownAfter(blocks);
  expect(images).toHaveLength(20);
  expect(tool_output.match(/not shown: a message has at most 20 images/g)).toHaveLength(2);
});

it('keeps images of subagents, of failures, and of reports about a batch', async () => {
  const image = [{ type: 'image', source: source(SHOT, 'image/png') }];
  const inAgent = { more: { agent_id: 'a1', agent_type: 'Explore' } };
  expect((await shownAfter(image, inAgent)).images).toEqual([kept(SHOT)]);
  const failed = {
    hook_event_name: 'PostToolUseFailure',
    error: `No data:image/png;base64,${base64}`,
  };
  const shown = await shownAfter(null, { more: failed });
  expect(shown).toEqual({ tool_output: 'No [image/png, 12 kB]', images: [kept(SHOT)] });
  const batch = {
    hook_event_name: 'PostToolBatch',
    tool_calls: [
      { tool_name: 'Bash', tool_input: { command: 'ls' }, tool_use_id: 't1', tool_response: image },
    ],
  };
  const settled = await shownAfter(null, { more: batch });
  expect(settled).toEqual({ tool_output: '[image/png, 12 kB]', images: [kept(SHOT)] });
});

it('puts no base64 into the database', async () => {
  const tables = ['messages', 'journal', 'machines', 'sessions', 'quarantine'];
  const needle = base64.slice(0, 60);
  for (const table of tables) {
    for (const row of rowsOf(server.paths, `SELECT * FROM ${table}`)) {
      expect(JSON.stringify(row)).not.toContain(needle);
    }
  }
});
