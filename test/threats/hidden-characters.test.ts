/**
 * T18: a command that wants to look like another one. Every endpoint hands the exact text on, so that a copy is exact; what is
 * shown to people (terminal, notification; the page has tests of its own) shows each character that would show nothing.
 */
import { Writable } from 'node:stream';
import { expect, it, vi } from 'vitest';
import { runCli } from '../../src/cli/index.ts';
import { visibleText } from '../../src/visible-text.ts';
import { ioClient, type TestClient, wsClient } from '../support/clients.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { openReceiver } from '../support/notified.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const COMMANDS = [
  'rm -rf a\u001b]52;c;ZXZpbA==\u0007 # safe',
  '\u001b]8;;https://evil.example\u0007ls\u001b]8;;\u0007',
  'ls\u001b[2J\u001b[H npm test',
  'rm \u202etset mpn\u202c -rf',
  'npm\u200b test\u00ad \u2066x\u2069 \u2060\ufeff',
  'ls \u{e0072}\u{e006d}\u3164',
  'echo ok\u0008\u0008rm',
] as const;

/** A terminal obeys or shows nothing of these; line feeds and tabs are our own. */
const RAW = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

async function cli({ paths }: TestServer, ...words: string[]): Promise<string> {
  let out = '';
  const sink = new Writable({
    write(chunk, _encoding, done) {
      out += String(chunk);
      done();
    },
  });
  const env = { HOME: paths.dir, PATH: process.env.PATH ?? '' };
  await runCli(['--data-dir', paths.dir, ...words], { env, stdout: sink, stderr: sink });
  return out;
}

async function pendingOver(
  client: TestClient,
  session_id: string,
): Promise<string | null | undefined> {
  client.send({ type: 'subscribe_session', session_id });
  const frame = await client.waitFor(
    (one) => one.type === 'session_snapshot' && one.session.id === session_id,
  );
  return frame.type === 'session_snapshot' ? frame.session.pending_approval?.command : null;
}

it('a command that hides what it does is exact on the wire, and shown with all its characters', async () => {
  await using server = await startTestServer();
  await using receiver = await openReceiver();
  await cli(server, 'notify', 'add', 'ntfy', `${receiver.url}/topic`);
  await cli(server, 'notify', 'add', 'webhook', `${receiver.url}/hook`);
  await using ws = await wsClient(server.url);
  await using io = await ioClient(server.url);
  for (const [index, command] of COMMANDS.entries()) {
    const id = `hidden-${index}`;
    await deliver(server.url, scriptOf(id).asks(command));
    const about = { command };
    expect({ ...about, ws: await pendingOver(ws, id), io: await pendingOver(io, id) }).toEqual({
      ...about,
      ...{ ws: command, io: command },
    });
    const snapshot = await fetch(`${server.url}/api/sessions/${id}/snapshot`);
    expect(await snapshot.json()).toMatchObject({
      session: { pending_approval: { command } },
    });
    for (const words of [['sessions'], ['show', id]]) {
      const text = await cli(server, ...words);
      expect({ words, raw: RAW.exec(text)?.[0] }).toEqual({ words, raw: undefined });
      expect(text).toContain(visibleText(command).replace(/\s+/g, ' ').slice(0, 20));
    }
    expect(await cli(server, 'show', id)).toContain(visibleText(command));
    // It may be written with escapes, as JSON may.
    const json = JSON.parse(await cli(server, 'show', id, '--json'));
    expect(JSON.stringify(json)).toContain(JSON.stringify(command).slice(1, -1));
  }
  const sent = await receiver.count(COMMANDS.length * 2);
  const shown = sent.flatMap(({ body }) => {
    const { message, text, title, project } = JSON.parse(body.toString());
    return [message, text, title, project].filter((one) => typeof one === 'string');
  });
  expect(shown.filter((text) => RAW.test(text))).toEqual([]);
  for (const command of COMMANDS) {
    const words = visibleText(command.replace(/\s+/g, ' ').trim());
    await vi.waitFor(() =>
      expect(
        shown.some((text) => text.includes(words)),
        words,
      ).toBe(true),
    );
  }
});
