/**
 * Plays recorded sessions of the real CLI to a server, hook by hook over HTTP as hook.sh would, at the speed of a
 * person who watches. Every recording is a track, played once: what has ended stays, and nothing piles up.
 */
import { readdirSync, readFileSync } from 'node:fs';

declare const __RECORDINGS__: Recording[] | undefined;

/** A recorded session: JSON lines of `{ at_ns, event, payload }`. */
export interface Recording {
  name: string;
  text: string;
}

/** Shortest and longest pause between two hooks at speed 1, ms: recordings hold both bursts and lunch. */
const SHORTEST_MS = 350;
const LONGEST_MS = 4_000;
/** Between the beginnings of two tracks, ms. */
const STAGGER_MS = 900;

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

/** Plays all tracks at once to their ends. Rejects with what `pause` or `post` rejects with. */
export async function play({ recordings, speed, post, pause }: PlayerDeps): Promise<void> {
  const tracks = recordings.map(async ({ text }, track) => {
    await pause((track * STAGGER_MS) / speed);
    for (const { afterMs, body } of scenesOf(text, track)) {
      await pause(afterMs / speed);
      await post(body);
    }
  });
  await Promise.all(tracks);
}

/** The hooks of a track, with ids and a project of their own. */
function scenesOf(text: string, track: number): Scene[] {
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
    if (!ids.has(id)) ids.set(id, `demo-${track + 1}${ids.size > 0 ? `-${ids.size}` : ''}`);
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
