/** T36: nothing leaves by itself. The built server under strace, with the keys of two providers in its environment. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { build } from '../support/build.ts';
import { ioClient, wsClient } from '../support/clients.ts';
import { rowsOf } from '../support/database.ts';
import { deliver, hookKey, scriptOf } from '../support/hooks.ts';
import { spawnServer } from '../support/spawned.ts';

const STRACE = ['/usr/bin/strace', '/usr/local/bin/strace'].find(existsSync);

/** Addresses that a process of the trace wanted to reach, without those of this machine. */
function addressesIn(trace: string): string[] {
  const calls = trace.split('\n').filter((line) => /^\d+ +(connect|sendto|sendmsg)\(/.test(line));
  return calls.flatMap((line) => {
    const [, address] = /(?:inet_addr\("|inet_pton\(AF_INET6, ")([^"]+)"/.exec(line) ?? [];
    const isHere = address === undefined || /^(127\.|::1$|::ffff:127\.)/.test(address);
    return isHere ? [] : [line];
  });
}

// Linux has it; elsewhere there is no such look at a process.
it.skipIf(STRACE === undefined)(
  'a server asks nobody outside of this machine, whatever comes in at which endpoint, also with keys at hand',
  { timeout: 120_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'orbit-strace-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const trace = join(folder, 'trace');
    using program = await build();
    await using server = await spawnServer(program.main, {
      wrapper: [
        // As a process of its own, so that signals reach the server.
        ...[STRACE ?? '', '-D', '-f', '-q', '--seccomp-bpf', '-o', trace],
        ...['-e', 'trace=connect,sendto,sendmsg'],
      ],
      env: { OPENAI_API_KEY: 'sk-none', ANTHROPIC_API_KEY: 'sk-none', CODEX_API_KEY: 'sk-none' },
    });
    const prompt = (id: string) =>
      scriptOf(id).prompt('Look at https://evil.example/x and 8.8.8.8');
    await deliver(server.url, prompt('by-hook'));
    await deliver(server.url, scriptOf('by-hook').toolStarts('t', 'curl https://evil.example'));
    await using ws = await wsClient(server.url);
    await using io = await ioClient(server.url);
    for (const [client, id] of [[ws, 'by-ws'] as const, [io, 'by-io'] as const]) {
      client.send({ type: 'claude_status_event', ...prompt(id), request_id: id });
      await client.waitFor((frame) => (frame as { request_id?: string }).request_id === id);
      client.send({ type: 'subscribe_session', session_id: id });
      await client.waitFor(({ type }) => type === 'session_snapshot');
    }
    const file = join(server.paths.spool, `${hookKey()}.claude_status_event.json`);
    writeFileSync(file, JSON.stringify(prompt('by-spool')));
    await vi.waitFor(
      () => expect(rowsOf(server.paths, 'SELECT id FROM sessions')).toHaveLength(4),
      { timeout: 20_000, interval: 50 },
    );
    for (const path of ['/', '/visualizer/', '/metrics', '/api/usage', '/api/openapi.json']) {
      await (await fetch(server.url + path)).arrayBuffer();
    }
    await server.kill('SIGTERM');
    const text = await vi.waitFor(() => {
      const written = readFileSync(trace, 'utf8');
      expect(written).toMatch(/\+\+\+ (?:exited with|killed by)/);
      return written;
    }, 20_000);
    expect(addressesIn(text)).toEqual([]);
    // The look itself works: hooks reach nobody, and this would have been seen.
    expect(
      addressesIn('1 connect(3, {sa_family=AF_INET, sin_addr=inet_addr("8.8.8.8")}, 16) = 0'),
    ).toHaveLength(1);
  },
);
