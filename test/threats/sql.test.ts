/** T33: what looks like SQL is a text, in every field of it and at every endpoint, and statements are made of no text. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { ioClient, type TestClient, wsClient } from '../support/clients.ts';
import { rowsOf } from '../support/database.ts';
import { postHook, scriptOf } from '../support/hooks.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const EVIL = [
  `'); DROP TABLE sessions; --`,
  `x' OR '1'='1`,
  `" UNION SELECT digest FROM tokens --`,
  `%' ESCAPE '\\'; DELETE FROM messages; --`,
  `Robert'); ATTACH '/tmp/x' AS y; --`,
] as const;

/** A way in; takes a message of a client and says what came back. */
interface Endpoint {
  name: string;
  say(message: { type: string; [field: string]: unknown }): Promise<Record<string, unknown>>;
}

let asked = 0;

function overSocket(name: string, client: TestClient): Endpoint {
  return {
    name,
    async say(message) {
      const request_id = `r-${++asked}`;
      client.send({ ...message, request_id });
      const answer = await client.waitFor(
        (frame) => (frame as { request_id?: string }).request_id === request_id,
      );
      return answer as never;
    },
  };
}

function overHttp({ url }: TestServer): Endpoint {
  return {
    name: 'POST /api/messages',
    async say(message) {
      const headers = { 'Content-Type': 'application/json' };
      const init = { method: 'POST', headers, body: JSON.stringify(message) };
      return (await (await fetch(`${url}/api/messages`, init)).json()) as never;
    },
  };
}

const schemaOf = ({ paths }: TestServer) =>
  rowsOf<{ sql: string }>(paths, 'SELECT type, name, sql FROM sqlite_master ORDER BY type, name');

it('SQL in a text is stored as it was written, and in a question finds nothing', async () => {
  await using server = await startTestServer();
  await using ws = await wsClient(server.url);
  await using io = await ioClient(server.url);
  const endpoints = [overSocket('/ws', ws), overSocket('socket.io', io), overHttp(server)];
  const before = schemaOf(server);
  for (const [at, endpoint] of endpoints.entries()) {
    for (const [index, text] of EVIL.entries()) {
      const id = `s-${at}-${index}`;
      const said = { endpoint: endpoint.name, text };
      const hook = { session_id: id, hook_event_name: 'UserPromptSubmit', prompt: text };
      const cwd = `/tmp/${text.replaceAll('/', '_')}`;
      await endpoint.say({ type: 'claude_status_event', ...hook, cwd, model: text });
      await endpoint.say({ type: 'rename_session', session_id: id, name: text });
      const remark = { type: 'create_review_comment', session_id: id, line_start: 1 };
      await endpoint.say({ ...remark, file_path: text, body: text });
      const page = await endpoint.say({ type: 'get_messages', session_id: id });
      expect({ ...said, messages: page.messages }).toMatchObject({
        ...said,
        messages: [{ content: text }],
      });
      const remarks = await endpoint.say({ type: 'list_review_comments', session_id: id });
      expect(remarks.comments).toMatchObject([{ file_path: text, body: text }]);
      const [row] = rowsOf<{ custom_name: string; project_path: string }>(
        server.paths,
        'SELECT custom_name, project_path FROM sessions WHERE id = ?',
        id,
      );
      expect({ ...said, ...row }).toMatchObject({ ...said, custom_name: text, project_path: cwd });
      // As an id or a place it names nothing.
      for (const message of [
        { type: 'get_messages', session_id: text },
        { type: 'get_messages', session_id: id, before: text },
        { type: 'list_approvals', session_id: text },
        { type: 'get_usage', from: text },
        { type: 'open_past_session', session_id: text, provider: 'claude' },
        { type: 'mute_session', session_id: text, is_muted: true },
        { type: 'remove_device', device_id: text.slice(0, 64) },
      ]) {
        const answer = await endpoint.say(message);
        const rows = [answer.messages, answer.approvals, answer.rows].flatMap((some) => some ?? []);
        // What names no place may be answered from the end of the session, and of no other.
        const others = (rows as { session_id?: string }[]).filter((row) => row.session_id !== id);
        expect({ ...said, message, others }).toEqual({ ...said, message, others: [] });
      }
      const found = await endpoint.say({ type: 'search', query: `project:${text} is:${text}` });
      expect({ ...said, hits: found.hits ?? [] }).toEqual({ ...said, hits: [] });
      const list = await endpoint.say({ type: 'get_sessions', after: text });
      expect(list.type === 'error' || list.error || Array.isArray(list.sessions)).toBeTruthy();
    }
  }
  for (const text of EVIL) {
    const { prompt, asks } = scriptOf(text);
    expect((await postHook(server.url, prompt('hi'))).status, text).toBe(422);
    const command = scriptOf('asked').asks(text);
    expect((await postHook(server.url, command)).status).toBe(204);
    expect((await postHook(server.url, asks('ls'))).status).toBe(422);
    const path = `${server.url}/api/sessions/${encodeURIComponent(text)}`;
    expect([404, 422], text).toContain((await fetch(path)).status);
  }
  expect(schemaOf(server)).toEqual(before);
  const [count] = rowsOf<{ n: number }>(
    server.paths,
    `SELECT count(*) AS n FROM sessions WHERE id LIKE 's-%'`,
  );
  expect(count?.n).toBe(endpoints.length * EVIL.length);
});

/** What may stand in a statement besides its own words: a constant, or a text that is made of constants. */
const CONSTANT = [
  /^[A-Z][A-Z0-9_]*(?:\.join\([^)]*\)|\[\w+\]| [+-] 1)?$/,
  // Names of columns, which are keys of tables in the code; and conditions of the code.
  /^(?:\[\.\.\.set, \.\.\.added\]|set|names|values)\.join\([^)]*\)$/,
  /^\['content', 'tool_input', 'tool_output'\]\.map\(\w+\)\.join\(', '\)$/,
  /^(?:table|isOpen|order|status|where)$/,
  /^like\("[^"]*", '\w+'\)$/,
  /^hasTime\s+\?[^$]*:[^$]*$/,
];

it('no statement is made of a text that somebody else wrote', () => {
  const folder = fileURLToPath(new URL('../../src/store', import.meta.url));
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const wrong: string[] = [];
  let statements = 0;
  for (const file of files.filter((name) => name.endsWith('.ts'))) {
    const source = readFileSync(join(folder, file), 'utf8');
    for (const [text] of source.matchAll(/`[^`]*`/g)) {
      if (!/\b(?:SELECT|INSERT|UPDATE|DELETE|CREATE|PRAGMA|ATTACH)\b/.test(text)) continue;
      statements += 1;
      for (const [, expression = ''] of text.matchAll(/\$\{((?:[^{}]|\{[^}]*\})*)\}/g)) {
        if (!CONSTANT.some((one) => one.test(expression.trim())))
          wrong.push(`${file}: ${expression}`);
      }
    }
  }
  expect(statements).toBeGreaterThan(40);
  expect(wrong).toEqual([]);
});
