/** Runs command lines in a directory of their own and collects what they say. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { runCli } from '../../src/cli/index.ts';
import { type DataPaths, dataPaths } from '../../src/config.ts';

export interface Outcome {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** A home with nothing in it; its data directory has every character that shells trip over. */
export class Home {
  readonly dir = mkdtempSync(join(tmpdir(), 'orbit-cli-'));
  readonly paths: DataPaths = dataPaths(join(this.dir, `a b'$(touch PWNED)"%h`, '.orbitdock'));
  readonly settings = join(this.dir, '.claude', 'settings.json');
  readonly env: Record<string, string> = { HOME: this.dir, PATH: process.env.PATH ?? '' };

  constructor() {
    mkdirSync(join(this.dir, '.claude'));
  }

  async run(...words: string[]): Promise<Outcome> {
    const stdout = new Collector();
    const stderr = new Collector();
    const argv = ['--data-dir', this.paths.dir, ...words];
    const exitCode = await runCli(argv, { env: this.env, stdout, stderr });
    return { exitCode, stdout: stdout.text, stderr: stderr.text };
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

class Collector extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Stands in for the server's `POST /api/hook`. */
export interface Receiver {
  url: string;
  port: number;
  received: Received[];
  /** What it answers; null: it takes the request and stays silent. */
  answer: number | null;
  server: Server;
  /** Listens at a unix socket, too. */
  listenAt(path: string): Promise<void>;
  close(): Promise<void>;
}

export async function openReceiver(answer: number | null = 204): Promise<Receiver> {
  const answers: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      receiver.received.push({ path: request.url ?? '', headers: request.headers, body });
      if (receiver.answer !== null) response.writeHead(receiver.answer).end();
    });
  };
  const server = createServer(answers);
  const onSocket = createServer(answers);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    for (const each of [server, onSocket]) {
      each.closeAllConnections();
      await new Promise<void>((resolve) => void each.close(() => resolve()));
    }
  };
  const listenAt = (path: string): Promise<void> =>
    new Promise((resolve) => void onSocket.listen(path, resolve));
  const url = `http://127.0.0.1:${port}`;
  const receiver: Receiver = { url, port, received: [], answer, server, listenAt, close };
  return receiver;
}

/** Polls until something is so; the test's own timeout ends a vain wait. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
