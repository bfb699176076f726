/**
 * How turns and sessions of the real `claude` end, and what clients are shown one and five seconds later. Several
 * terminals run at a time, in one home and before one server, as on a desk.
 *
 * Run by .ci/run, not by `npm test`: it installs the CLI and builds the server.
 */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { installClaude, printClaude } from '../support/real-claude.ts';
import {
  ASK,
  after,
  agent,
  answer,
  bash,
  batch,
  clear,
  close,
  decide,
  dialog,
  dismiss,
  done,
  type Ending,
  kill,
  LATER_S,
  LOOKS_S,
  leave,
  long,
  OVER,
  ownCommand,
  questioned,
  runs,
  SLEEP,
  say,
  sayMore,
  sayNo,
  sayNoBecause,
  signal,
  stop,
  streams,
  TALK,
  text,
  touch,
} from './scenario-steps.ts';
import { inTurn, lookAfter, NEVER, openTerminals, type Terminals, whyOf } from './terminals.ts';

let desk: Terminals;
beforeAll(async () => {
  desk = await openTerminals();
}, 120_000);
afterAll(() => desk[Symbol.asyncDispose]());

const sleeps = (): [typeof OVER, typeof OVER] => [bash(SLEEP), OVER];

const ENDINGS: Ending[] = [
  { name: 'a permission is asked for', steps: touch, act: dialog, expected: 'permission' },
  { name: 'allowed, and running', steps: long, act: decide('Enter'), expected: 'working' },
  { name: 'allowed for good, and running', steps: long, act: decide('2'), expected: 'working' },
  {
    name: 'the first of two allowed, and running',
    steps: (name) => [batch(`touch ${name}; ${SLEEP}`, `touch ${name}2`), OVER],
    act: decide('Enter'),
    expected: 'working',
  },
  {
    name: 'the first of two over, the second asked for',
    steps: (name) => [batch(`touch ${name}`, `mkdir ${name}2`), OVER],
    act: after(decide('Enter'), text(/mkdir .*❯ 1\. Yes/s)),
    expected: 'permission',
  },
  { name: 'denied by Esc', steps: touch, act: decide('Escape'), expected: 'waiting' },
  { name: 'denied by No', steps: touch, act: sayNo, expected: 'waiting' },
  {
    name: 'denied with a reason, and over',
    steps: touch,
    act: after(sayNoBecause('not there'), done),
    expected: 'waiting',
  },
  {
    name: 'refused by a rule, and over',
    steps: (name) => [bash(`shred ${name}`), OVER],
    act: done,
    expected: 'waiting',
  },
  {
    name: 'Esc while it answers',
    steps: () => [TALK],
    act: after(streams, stop()),
    expected: 'waiting',
  },
  {
    name: 'Ctrl-C while it answers',
    steps: () => [TALK],
    act: after(streams, stop('C-c')),
    expected: 'waiting',
  },
  {
    name: 'Esc before it answers',
    steps: () => [{ until: NEVER }],
    act: stop(),
    expected: 'waiting',
  },
  { name: 'Esc while a tool runs', steps: sleeps, act: after(runs, stop()), expected: 'waiting' },
  { name: 'a tool runs', steps: sleeps, act: runs, expected: 'working' },
  { name: 'a question is asked', steps: () => [ASK, OVER], act: questioned, expected: 'question' },
  {
    name: 'a question dismissed by Esc',
    steps: () => [ASK, OVER],
    act: dismiss,
    expected: 'waiting',
  },
  {
    name: 'a question answered, and over',
    steps: () => [ASK, OVER],
    act: after(answer, done),
    expected: 'waiting',
  },
  { name: 'the turn over', steps: () => [OVER], act: done, expected: 'waiting' },
  { name: 'it answers', steps: () => [TALK], act: streams, expected: 'working' },
  {
    name: 'a background agent at work behind the end of the turn',
    steps: (name) => [agent(name), OVER],
    act: done,
    expected: 'working',
  },
  {
    name: 'a background shell behind the end of the turn',
    steps: () => [bash(SLEEP, { run_in_background: true }), OVER],
    act: done,
    expected: 'waiting',
  },
  {
    name: 'the provider refuses',
    steps: () => [{ error: { status: 400, message: 'no such thing' } }],
    act: text(/API Error/),
    expected: 'waiting',
  },
  {
    name: 'a command of the person runs',
    steps: () => [OVER],
    act: after(done, ownCommand),
    expected: 'working',
  },
  {
    name: '/compact refused, or over',
    steps: () => [OVER],
    act: after(
      done,
      say(() => '/compact'),
      text(/Not enough messages|Compacted/),
    ),
    expected: 'waiting',
  },
  {
    name: 'words typed while it works',
    steps: () => [TALK],
    act: after(streams, sayMore),
    expected: 'working',
  },
  { name: '/exit', steps: () => [OVER], act: after(done, leave), expected: 'ended' },
  { name: '/clear', steps: () => [OVER], act: after(done, clear), expected: 'ended' },
  {
    name: 'Ctrl-C twice',
    steps: () => [OVER],
    act: after(done, async ({ claude, shown }) => {
      // While it still works, the first one only interrupts.
      await vi.waitFor(async () => expect(await shown()).toBe('waiting'), 10_000);
      await claude.press('C-c');
      await claude.waitFor(/again to exit/);
      await claude.press('C-c');
      await claude.waitForExit();
    }),
    expected: 'ended',
  },
  {
    name: 'SIGTERM while it answers',
    steps: () => [TALK],
    act: after(streams, signal('SIGTERM')),
    expected: 'ended',
  },
  { name: 'the terminal closed', steps: () => [OVER], act: after(done, close), expected: 'ended' },
  {
    name: 'killed while it answers',
    steps: () => [TALK],
    act: after(streams, kill),
    expected: 'ended',
  },
  { name: 'killed at its dialog', steps: touch, act: after(dialog, kill), expected: 'ended' },
  { name: 'killed at its prompt', steps: () => [OVER], act: after(done, kill), expected: 'ended' },
  {
    name: 'stopped by a signal',
    steps: () => [TALK],
    act: after(streams, signal('SIGSTOP', false)),
    expected: 'working',
  },
];

/** Terminals at a time: each takes 250 MB, and half a core while it starts. */
const AT_A_TIME = LATER_S > 0 ? 7 : 4;
/** How often each is played. */
const TIMES = Number(process.env.ORBITDOCK_TEST_TIMES ?? 1);
const wanted = process.env.ORBITDOCK_TEST_ENDING;
const PLAYED = ENDINGS.filter(({ name }) => wanted === undefined || name === wanted);

test(
  `${PLAYED.length * TIMES} endings are shown as they are within five seconds`,
  async () => {
    const lines: string[] = [];
    const wrong: string[] = [];
    const late: string[] = [];
    const all = Array.from({ length: TIMES }, () => PLAYED).flat();
    await inTurn(all, AT_A_TIME, async (ending, n) => {
      const [soon, ...then] = await play(ending, `e${n}`);
      const line = `${ending.name}: ${ending.expected}; after 1 s ${soon}, then ${then.join(', ')}`;
      lines.push(line);
      if (soon !== ending.expected) late.push(line);
      if (then.some((status) => status !== ending.expected)) wrong.push(line);
    });
    const right = `right after 1 s: ${lines.length - late.length} of ${lines.length}`;
    console.log(
      [...lines, `${right}, then: ${lines.length - wrong.length} of ${lines.length}`].join('\n'),
    );
    expect(wrong).toEqual([]);
  },
  400_000 * TIMES + LATER_S * 6_000,
);

/** What was shown after the ending; where that is wrong, with what it was read from. */
async function play(ending: Ending, name: string): Promise<string[]> {
  try {
    await using scene = await desk.open(name, ending);
    await ending.act(scene);
    const seen = await lookAfter(scene, LOOKS_S);
    if (seen.slice(1).some((status) => status !== ending.expected))
      seen.push(await whyOf(desk, scene));
    return seen;
  } catch (error) {
    return ['not played', String(error).slice(0, 4000)];
  }
}

test('a printed session is over when it is done', async () => {
  desk.stage.api.script('play printed.', [OVER]);
  await printClaude(await installClaude(), desk.stage.home, 'play printed.');
  const shown = async () =>
    (await desk.listed()).find(({ first_prompt: prompt }) => prompt === 'play printed.');
  await vi.waitFor(async () => expect((await shown())?.work_status).toBe('ended'), 5000);
});
