/**
 * Two endings of the real `claude`, one behind the other in one session, at the same moment in two sessions, and
 * behind the back of a server that is down: what clients are shown one and five seconds later.
 *
 * Run by .ci/long, not by `npm test`: it installs the CLI and builds the server.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PAIRS, type Pair } from './pairs.ts';
import { LOOKS_S } from './scenario-steps.ts';
import {
  inTurn,
  lookAfter,
  openTerminals,
  type TerminalRun,
  type Terminals,
  whyOf,
} from './terminals.ts';

let desk: Terminals;
beforeAll(async () => {
  desk = await openTerminals();
}, 120_000);
afterAll(() => desk[Symbol.asyncDispose]());

const AT_A_TIME = 4;
const wanted = process.env.ORBITDOCK_TEST_ENDING;
const PLAYED = PAIRS.filter(({ name }) => wanted === undefined || name === wanted);

/** Plays all, says how it went, and fails with what was wrong. */
async function judge<T>(
  all: readonly T[],
  atATime: number,
  play: (one: T, n: number) => Promise<string[]>,
) {
  const lines: string[] = [];
  await inTurn(all, atATime, async (one, n) => {
    lines.push(...(await play(one, n).catch((error) => [`WRONG ${String(error).slice(0, 4000)}`])));
  });
  const wrong = lines.filter((line) => line.startsWith('WRONG'));
  console.log([...lines, `right: ${lines.length - wrong.length} of ${lines.length}`].join('\n'));
  expect(wrong).toEqual([]);
}

/** What clients are shown after an act, as a line that begins with WRONG where it is not so. */
async function verdict(scene: TerminalRun, what: string, expected: string): Promise<string> {
  const [soon, ...then] = await lookAfter(scene, LOOKS_S);
  const line = `${what}: ${expected}; after 1 s ${soon}, then ${then.join(', ')}`;
  const isRight = then.every((status) => status === expected);
  return isRight ? line : `WRONG ${line}${await whyOf(desk, scene)}`;
}

test.each([
  ['at once', 'o'],
  ['five seconds apart', 'a'],
])(
  `${PLAYED.length} pairs of endings in one session, %s`,
  async (how, letter) => {
    await judge(PLAYED, AT_A_TIME, async (pair, n) => {
      await using scene = await desk.open(`${letter}${n}`, pair);
      const lines: string[] = [];
      for (const [act, expected] of [pair.first, pair.second]) {
        await act(scene);
        if (how !== 'at once' || act === pair.second[0])
          lines.push(await verdict(scene, pair.name, expected));
      }
      return lines;
    });
  },
  900_000,
);

const named = (pair: Pair, part: 'first' | 'second') => [pair.name, pair[part][1]] as const;

/** Two that happen at the same moment in two terminals: by their names above, or what they are. */
const COUPLES: [Pair, Pair][] = [
  ['allowed and running, then Esc', 'Esc while it answers, then killed'],
  ['denied by Esc, then /clear', 'a question, then killed'],
  ['allowed and running, then the terminal closed', 'a question dismissed, then a permission'],
  ['denied by Esc, then another prompt', 'a background agent at work, then killed'],
].map(
  (names) => names.map((one) => PAIRS.find(({ name }) => name === one) as Pair) as [Pair, Pair],
);

test(`${COUPLES.length * 2} pairs of endings at the same moment in two sessions`, async () => {
  await judge(COUPLES, 2, async (couple, n) => {
    const open = (pair: Pair, side: number) => desk.open(`c${n}-${side}`, pair);
    const [one, other] = await Promise.all(couple.map(open));
    await using left = one as TerminalRun;
    await using right = other as TerminalRun;
    const scenes = [left, right];
    const lines: string[] = [];
    for (const part of ['first', 'second'] as const) {
      await Promise.all(couple.map((pair, side) => pair[part][0](scenes[side] as TerminalRun)));
      const look = (pair: Pair, side: number) =>
        verdict(scenes[side] as TerminalRun, pair.name, pair[part][1]);
      lines.push(...(await Promise.all(couple.map(look))));
    }
    return lines;
  });
}, 900_000);

test.each([
  ['in order', (desk: Terminals) => desk.stage.listener.down()],
  ['by a kill', (desk: Terminals) => desk.stage.listener.kill()],
])(
  'what happens while the server is down, ended %s, is shown after its start',
  async (how, end) => {
    const names = [
      ...['Esc while it answers, then killed', 'denied by Esc, then /clear'],
      ...['a question, then killed', 'allowed and running, then Esc'],
      ...['denied by Esc, then another prompt', 'a background agent at work, then a permission'],
    ];
    const played = names.map((one) => PAIRS.find(({ name }) => name === one) as Pair);
    const opened: TerminalRun[] = [];
    try {
      // One after the other: a machine that starts six at a time is late with all.
      for (const [n, pair] of played.entries()) {
        const scene = await desk.open(`${how.at(-1)}${n}`, pair);
        opened.push(scene);
        await pair.first[0](scene);
      }
      const look = (part: 'first' | 'second') =>
        Promise.all(opened.map((scene, n) => verdict(scene, ...named(played[n] as Pair, part))));
      const before = await look('first');
      await end(desk);
      for (const [n, pair] of played.entries()) await pair.second[0](opened[n] as TerminalRun);
      await desk.stage.listener.up();
      await judge([...before, ...(await look('second'))], 1, async (line) => [line]);
    } finally {
      await Promise.all(opened.map((scene) => scene[Symbol.asyncDispose]()));
    }
  },
  300_000,
);
