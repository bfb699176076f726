/** Only one server has a data directory, however many want it, and each that is refused names the one that has it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Build, build } from '../support/build.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { temporaryDataPaths } from '../support/server.ts';
import { type Exit, freePort, spawnServer } from '../support/spawned.ts';

const BUSY = 75;
const STARTS = 10;

let program: Build;
beforeAll(async () => {
  program = await build();
});
afterAll(() => program[Symbol.dispose]());

interface Attempt {
  port: number;
  /** Null for the one that serves. */
  exit: Exit | null;
  output: string;
  kill(): Promise<unknown>;
}

/** Starts a server; settles when it serves or has given up. */
async function attempt(dir: string): Promise<Attempt> {
  const port = await freePort();
  const words = [program.main, '--data-dir', dir, 'start', '--bind', `127.0.0.1:${port}`];
  const env = { PATH: process.env.PATH ?? '', HOME: dir };
  const child = spawn(process.execPath, words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const ended = once(child, 'close').then(([code, signal]): Exit => ({ code, signal }));
  const greeted = new Promise<null>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes('listening on')) resolve(null);
      });
    }
  });
  const exit = await Promise.race([greeted, ended]);
  const kill = (): Promise<unknown> => {
    child.kill('SIGKILL');
    return ended;
  };
  return { port, exit, output, kill };
}

it(`runs one of ${STARTS} servers that start at once, and the others end with ${BUSY}`, async () => {
  const { dir } = temporaryDataPaths();
  const attempts = await Promise.all(Array.from({ length: STARTS }, () => attempt(dir)));
  const running = attempts.filter(({ exit }) => exit === null);
  try {
    expect(running).toHaveLength(1);
    for (const { exit, output } of attempts.filter(({ exit }) => exit !== null)) {
      expect(exit?.code, output).toBe(BUSY);
      expect(output).toContain(dir);
    }
    const url = `http://127.0.0.1:${running[0]?.port}`;
    await deliver(url, scriptOf('one-of-ten').prompt('Hi'));
  } finally {
    await Promise.all(attempts.map(({ kill }) => kill()));
    rmSync(dir, { recursive: true, force: true });
  }
});

it('names process and port of the server that is there, and lets the next in once it was killed', async () => {
  await using server = await spawnServer(program.main);
  const late = await Promise.all(Array.from({ length: 4 }, () => attempt(server.paths.dir)));
  for (const { exit, output } of late) {
    expect(exit?.code, output).toBe(BUSY);
    expect(output).toContain(`pid ${server.pid}`);
    expect(output).toContain(String(server.port));
  }
  await deliver(server.url, scriptOf('undisturbed').prompt('Hi'));
  await server.kill('SIGKILL');
  await server.start();
  await deliver(server.url, scriptOf('undisturbed').stop());
});
