/**
 * `demo`: a server in a data directory that is thrown away, and recorded sessions of the real CLI played
 * to it through the real door. For whoever wants to see the page alive before installing anything.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Option } from 'clipanion';
import type { Config } from '../config.ts';
import { resolveConfig } from '../config.ts';
import { EXIT, ExitError } from '../exit.ts';
import { OrbitCommand } from './command.ts';
import { ownRecordings, play } from './demo-player.ts';
import { urlOfServer } from './hook-files.ts';
import { closeOnSignal, exitOnCrash } from './shutdown.ts';

const DEFAULT_BIND = '127.0.0.1:4000';
const ANY_PORT = '127.0.0.1:0';

/** Shows the page alive with recorded sessions; nothing of it stays. */
export class DemoCommand extends OrbitCommand {
  static override paths = [['demo']];
  static override usage = OrbitCommand.Usage({
    description:
      'Show the page alive: recorded sessions, played into a data directory that goes away',
    details: `
      Starts a server on 127.0.0.1:4000 (or a free port when that is taken) and plays recorded
      sessions of the real CLI to it at human speed, until Ctrl-C. Your own data directory, hooks
      and settings are not touched.
    `,
    examples: [
      ['Open the address it prints', '$0 demo'],
      ['Five times as fast', '$0 demo --speed 5'],
    ],
  });

  speed = Option.String('--speed', '1', { description: 'Times faster than a person, 0.1 to 1000' });
  bind = Option.String('--bind', { description: 'IP:port or localhost:port, loopback only' });

  protected async run(): Promise<number> {
    const speed = Number(this.speed);
    if (!(speed >= 0.1 && speed <= 1000)) {
      throw new ExitError(EXIT.usage, '--speed is a number from 0.1 to 1000');
    }
    process.umask(0o077);
    const dataDir = mkdtempSync(join(tmpdir(), 'orbitdock-demo-'));
    try {
      return await this.#show(dataDir, speed);
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  }

  async #show(dataDir: string, speed: number): Promise<number> {
    const config = this.#config(dataDir, this.bind ?? DEFAULT_BIND);
    const surroundings = {
      events: process,
      exit: (code: number) => process.exit(code),
      warn: (line: string) => this.warn(line),
    };
    exitOnCrash(config, surroundings);
    const server = await this.#start(config, dataDir);
    const url = urlOfServer({ host: config.bind.host, port: server.port });
    this.say(
      `Open ${url}/`,
      '  Recorded sessions are playing. Ctrl-C ends the demo; nothing stays.',
    );
    const end = new AbortController();
    const playing = play({
      recordings: ownRecordings(),
      speed,
      pause: (ms) => wait(ms, undefined, { signal: end.signal }),
      post: (body) => post(`${url}/api/hook`, body, end.signal),
    }).catch((error: Error) => {
      if (!end.signal.aborted) this.warn(`orbitdock-server: the play broke off: ${error.message}`);
    });
    const close = async (): Promise<void> => {
      end.abort();
      await playing;
      await server.close();
    };
    return await closeOnSignal(Promise.resolve({ close }), surroundings);
  }

  /** On the usual port, or on any when somebody has it, perhaps the user's own server. */
  async #start(config: Config, dataDir: string) {
    const { startServer } = await import('../server.ts');
    try {
      return await startServer(config);
    } catch (error) {
      const isTaken = error instanceof ExitError && error.exitCode === EXIT.busy;
      if (!isTaken || this.bind !== undefined) throw error;
      return await startServer(this.#config(dataDir, ANY_PORT));
    }
  }

  /** Not of the environment: a token or a directory of the user's has no place in a demo. */
  #config(dataDir: string, bind: string): Config {
    const config = resolveConfig({ flags: { dataDir, bind }, env: {}, home: dataDir });
    if (config.bind.isLoopback) return config;
    throw new ExitError(EXIT.usage, 'A demo binds loopback only, such as 127.0.0.1:4000');
  }
}

async function post(url: string, body: string, signal: AbortSignal): Promise<void> {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', body, headers, signal });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
}
