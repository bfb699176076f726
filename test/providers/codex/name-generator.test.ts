import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createNamer } from '../../../src/providers/codex/name-generator.ts';
import { type CodexHome, createCodexHome, MODELS } from '../../support/codex-home.ts';
import { type FakeResponsesApi, startFakeResponsesApi } from '../../support/fake-responses-api.ts';
import { commandLinesOfHome } from '../../support/processes.ts';
import { textOf, toolNames } from '../../support/responses-script.ts';

let api: FakeResponsesApi;
let home: CodexHome;

beforeAll(async () => {
  api = await startFakeResponsesApi();
  home = await createCodexHome(api, {
    tables: `
[mcp_servers.notes]
command = "/bin/sh"
args = ["-c", "touch $HOME/mcp-was-started"]
`,
  });
});

afterAll(async () => {
  expect(api.strays).toEqual([]);
  await home[Symbol.asyncDispose]();
  await api.close();
});

/** Has a prompt named by a model that gives this answer. */
function name(words: string, answer: string, signal = AbortSignal.timeout(20_000)) {
  const namer = createNamer({ model: MODELS.direct, env: home.env });
  return namer.name(`${words}\n!say ${answer}`, signal);
}

const scratches = () => readdirSync(tmpdir()).filter((one) => one.startsWith('orbitdock-naming-'));

it('names a prompt by one turn that keeps to a schema, leaves nothing and can do nothing', async () => {
  const before = scratches();
  const given = JSON.stringify({ name: '  Repair the\tlogin form ' });
  expect(await name('The login form is broken', given)).toBe('Repair the login form');
  expect(api.requests).toHaveLength(1);
  const [body] = api.requests;
  if (!body) throw new Error('nothing was asked');
  expect(body.model).toBe(MODELS.direct);
  expect(body.text?.format).toMatchObject({ type: 'json_schema' });
  expect(toolNames(body)).not.toContain('exec_command');
  expect(existsSync(join(home.env.HOME as string, 'mcp-was-started'))).toBe(false);
  expect(existsSync(join(home.codexHome, 'sessions'))).toBe(false);
  expect(scratches()).toEqual(before);
});

it('shows the model no more than the beginning of a long prompt', async () => {
  const long = `!say {"name":"A long one"}\n${'x'.repeat(400)} ${'y'.repeat(400)}`;
  const namer = createNamer({ model: MODELS.direct, env: home.env });
  expect(await namer.name(long, AbortSignal.timeout(20_000))).toBe('A long one');
  const said = api.requests.at(-1)?.input.map(textOf).join('\n') ?? '';
  expect(said).toContain('x'.repeat(400));
  expect(said).not.toContain('y'.repeat(100));
});

it('takes no answer for a name that is none', async () => {
  expect(await name('Do it', 'Sure, I will!')).toBe(null);
  expect(await name('Do it', '{"name":""}')).toBe(null);
  expect(await name('Do it', JSON.stringify({ name: 'far too long '.repeat(10) }))).toBe(null);
});

it('fails with the words of the API, and can be given up', async () => {
  const namer = createNamer({ model: MODELS.direct, env: home.env });
  const task = (line: string, signal: AbortSignal) => namer.name(`Do it\n${line}`, signal);
  await expect(task('!http 401', AbortSignal.timeout(20_000))).rejects.toThrow('401');
  const end = new AbortController();
  const given = task('!hang', end.signal);
  await expect.poll(() => api.active).toBe(1);
  end.abort();
  await expect(given).rejects.toThrow();
  await expect.poll(() => commandLinesOfHome(home.codexHome), { timeout: 10_000 }).toEqual([]);
});
