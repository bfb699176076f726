/**
 * `demo`: a server in a data directory that is thrown away, and recorded sessions of the real CLI played
 * to it over HTTP. It shows the page alive before anything is installed.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Option } from 'clipanion';
import { type Config, resolveConfig } from '../config.ts';
import { EXIT, ExitError } from '../exit.ts';
import { keepAddonIn } from '../standalone.ts';
import { OrbitCommand } from './command.ts';
import { urlOfServer } from './hook-files.ts';
import { closeOnSignal, exitOnCrash } from './start.ts';

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
    keepAddonIn(dataDir);
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

  /** On the usual port, or on any when that is taken, perhaps by the user's own server. */
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

/*
 * Plays recorded sessions of the real CLI to a server, hook by hook over HTTP as hook.sh would, at the
 * speed of a person who watches. Every recording is a track that begins again under a new session id
 * when it has ended, so that there is always something going on.
 */

declare const __RECORDINGS__: Recording[] | undefined;

/** A recorded session: JSON lines of `{ at_ns, event, payload }`. */
export interface Recording {
  name: string;
  text: string;
}

/** Shortest and longest pause between two hooks at speed 1, ms: recordings hold both bursts and lunch. */
const SHORTEST_MS = 350;
const LONGEST_MS = 4_000;
/** Between the beginnings of two tracks, and between two rounds of one track, ms. */
const STAGGER_MS = 900;
const REST_MS = 6_000;

/** Where the recorded sessions are said to happen, one a track. */
const PROJECTS = ['shop', 'atlas', 'field-notes', 'compiler', 'garden', 'ledger'];

interface Scene {
  /** Pause before it at speed 1, ms. */
  afterMs: number;
  body: string;
}

/** What a player plays, and where to. */
export interface PlayerDeps {
  recordings: readonly Recording[];
  /** Times faster than a person. */
  speed: number;
  /** Delivers one hook body. */
  post: (body: string) => Promise<void>;
  /** Waits; rejects when the play is over. */
  pause: (ms: number) => Promise<void>;
}

/** The recordings that come with the program. */
export function ownRecordings(): Recording[] {
  if (typeof __RECORDINGS__ !== 'undefined') return __RECORDINGS__;
  const folder = new URL('./recordings/', import.meta.url);
  return readdirSync(folder)
    .sort()
    .map((name) => ({
      name: name.replace(/\.jsonl$/, ''),
      text: readFileSync(new URL(name, folder), 'utf8'),
    }));
}

/** Plays all tracks at once until `pause` rejects. Rejects with what it or `post` rejects with. */
export async function play({ recordings, speed, post, pause }: PlayerDeps): Promise<void> {
  const tracks = recordings.map(async ({ text }, track) => {
    await pause((track * STAGGER_MS) / speed);
    for (let round = 1; ; round++) {
      for (const { afterMs, body } of scenesOf(text, track, round)) {
        await pause(afterMs / speed);
        await post(body);
      }
      await pause((REST_MS + track * STAGGER_MS) / speed);
    }
  });
  await Promise.all(tracks);
}

/** The hooks of one round, with ids and a project of their own. */
function scenesOf(text: string, track: number, round: number): Scene[] {
  const scenes: Scene[] = [];
  const ids = new Map<string, string>();
  let before: number | null = null;
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const { at_ns, payload } = JSON.parse(line) as {
      at_ns: string;
      payload: { session_id: string; cwd?: string };
    };
    const at = Number(BigInt(at_ns) / 1_000_000n);
    const { session_id: id } = payload;
    if (!ids.has(id))
      ids.set(id, `demo-${track + 1}-${round}${ids.size > 0 ? `-${ids.size}` : ''}`);
    const gap = before === null ? 0 : at - before;
    before = at;
    scenes.push({
      afterMs: scenes.length === 0 ? 0 : Math.min(Math.max(gap, SHORTEST_MS), LONGEST_MS),
      body: renamed(JSON.stringify(payload), ids, PROJECTS[track % PROJECTS.length] as string),
    });
  }
  return scenes;
}

function renamed(body: string, ids: ReadonlyMap<string, string>, project: string): string {
  let text = body.replaceAll(/\/home\/dev\/proj\d/g, `/home/dev/${project}`);
  // Everywhere it stands: transcript paths and tool use ids carry it, too.
  for (const [from, to] of ids) text = text.replaceAll(from, to);
  return text;
}
