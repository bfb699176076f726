/** Two endings of the real `claude`, one behind the other: what a person does, and what is true after each. */

import {
  type Act,
  ASK,
  after,
  agent,
  answer,
  bash,
  batch,
  clear,
  close,
  decide,
  decideElsewhere,
  dialog,
  dismiss,
  done,
  kill,
  leave,
  long,
  OVER,
  ownCommand,
  questioned,
  runs,
  SLEEP,
  say,
  sayMore,
  sayNoBecause,
  sayThen,
  signal,
  stop,
  streams,
  TALK,
  text,
  touch,
} from './scenario-steps.ts';
import type { Script } from './terminals.ts';

/** What a person does, and what is true then. */
type Part = readonly [act: Act, expected: string];

/** Two endings of one session. */
export interface Pair extends Script {
  readonly name: string;
  readonly first: Part;
  readonly second: Part;
}

const talks = () => [TALK];
const asks = () => [ASK, OVER];
const sleeps = () => [bash(SLEEP), OVER];
const ends = () => [OVER];
const asksThenTalks = (name: string) => [bash(`touch ${name}`), TALK];
const streamsThen: Act = after(sayThen, streams);
const asksThen: Act = after(sayThen, dialog);
/** The same session in another terminal. */
const again: Act = async ({ another, id, name }) => {
  const claude = await another(['--resume', id]);
  await claude.waitFor((screen) => screen.includes(`play ${name}.`));
};

export const PAIRS: readonly Pair[] = [
  {
    name: 'Esc while it answers, then killed',
    steps: talks,
    first: [after(streams, stop()), 'waiting'],
    second: [kill, 'ended'],
  },
  {
    name: 'denied by Esc, then /clear',
    steps: touch,
    first: [decide('Escape'), 'waiting'],
    second: [clear, 'ended'],
  },
  {
    name: 'allowed and running, then the terminal closed',
    steps: long,
    first: [decide('Enter'), 'working'],
    second: [close, 'ended'],
  },
  {
    name: 'a question, then killed',
    steps: asks,
    first: [questioned, 'question'],
    second: [kill, 'ended'],
  },
  {
    name: 'a background shell, then the terminal closed',
    steps: () => [bash(SLEEP, { run_in_background: true }), OVER],
    first: [done, 'waiting'],
    second: [close, 'ended'],
  },
  {
    name: 'denied by Esc, then another prompt',
    steps: touch,
    next: talks,
    first: [decide('Escape'), 'waiting'],
    second: [streamsThen, 'working'],
  },
  {
    name: 'Esc while a tool runs, then a permission',
    steps: sleeps,
    next: touch,
    first: [after(runs, stop()), 'waiting'],
    second: [asksThen, 'permission'],
  },
  {
    name: 'allowed and running, then Esc',
    steps: long,
    first: [decide('Enter'), 'working'],
    second: [stop(), 'waiting'],
  },
  {
    name: 'allowed for good and running, then SIGTERM',
    steps: long,
    first: [decide('2'), 'working'],
    second: [signal('SIGTERM'), 'ended'],
  },
  {
    name: 'a permission, then the terminal closed',
    steps: touch,
    first: [dialog, 'permission'],
    second: [close, 'ended'],
  },
  {
    name: 'a question dismissed, then a permission',
    steps: asks,
    next: touch,
    first: [dismiss, 'waiting'],
    second: [asksThen, 'permission'],
  },
  {
    name: 'a question answered, then a tool killed at work',
    steps: () => [ASK, bash(SLEEP), OVER],
    first: [after(answer, runs), 'working'],
    second: [kill, 'ended'],
  },
  {
    name: 'stopped by a signal, then killed',
    steps: talks,
    first: [after(streams, signal('SIGSTOP', false)), 'working'],
    second: [kill, 'ended'],
  },
  {
    name: 'stopped by a signal, then continued and interrupted',
    steps: talks,
    first: [after(streams, signal('SIGSTOP', false)), 'working'],
    second: [after(signal('SIGCONT', false), stop()), 'waiting'],
  },
  {
    name: 'a background agent at work, then killed',
    steps: (name) => [agent(name), OVER],
    first: [done, 'working'],
    second: [kill, 'ended'],
  },
  {
    name: 'a background agent at work, then a permission',
    steps: (name) => [agent(name), OVER],
    next: touch,
    first: [done, 'working'],
    second: [asksThen, 'permission'],
  },
  {
    name: 'a command of the person, then Esc',
    steps: ends,
    first: [after(done, ownCommand), 'working'],
    second: [stop(), 'waiting'],
  },
  {
    name: 'the provider refuses, then another prompt',
    steps: () => [{ error: { status: 400, message: 'no such thing' } }],
    next: talks,
    first: [text(/API Error/), 'waiting'],
    second: [streamsThen, 'working'],
  },
  {
    name: 'the first of two allowed, then Esc',
    steps: (name) => [batch(`touch ${name}; ${SLEEP}`, `touch ${name}2`), OVER],
    first: [decide('Enter'), 'working'],
    second: [stop(), 'waiting'],
  },
  {
    name: 'denied with a reason, then /exit',
    steps: touch,
    first: [after(sayNoBecause('not there'), done), 'waiting'],
    second: [leave, 'ended'],
  },
  {
    name: '/compact, then another prompt',
    steps: ends,
    next: talks,
    first: [
      after(
        done,
        say(() => '/compact'),
        text(/Not enough messages|Compacted/),
      ),
      'waiting',
    ],
    second: [streamsThen, 'working'],
  },
  {
    name: 'killed while it answers, then resumed',
    // A conversation without any answer is none that could be resumed.
    steps: ends,
    next: talks,
    first: [after(done, streamsThen, kill), 'ended'],
    second: [again, 'waiting'],
  },
  {
    name: 'left, then resumed',
    steps: ends,
    first: [after(done, leave), 'ended'],
    second: [again, 'waiting'],
  },
  {
    name: 'resumed in a second terminal, then the first one killed',
    steps: ends,
    first: [after(done, again), 'waiting'],
    second: [kill, 'waiting'],
  },
  {
    name: 'allowed by a client and running, then Esc',
    steps: long,
    first: [decideElsewhere('approved'), 'working'],
    second: [stop(), 'waiting'],
  },
  {
    name: 'denied with a stop by a client, then another prompt',
    steps: touch,
    next: talks,
    first: [decideElsewhere('denied', { interrupt: true }), 'waiting'],
    second: [streamsThen, 'working'],
  },
  {
    name: 'a question dismissed by a client, then killed',
    steps: asks,
    first: [decideElsewhere('denied', { interrupt: true }), 'waiting'],
    second: [kill, 'ended'],
  },
  {
    name: 'words typed while it works, then killed',
    steps: talks,
    first: [after(streams, sayMore), 'working'],
    second: [kill, 'ended'],
  },
  {
    name: 'an agent in the background asks, then is refused',
    steps: (name) => [agent(name), OVER],
    agent: asksThenTalks,
    first: [dialog, 'permission'],
    second: [decide('Escape'), 'working'],
  },
  {
    name: 'an agent in the background is allowed, then killed',
    steps: (name) => [agent(name), OVER],
    agent: asksThenTalks,
    first: [decide('Enter'), 'working'],
    second: [kill, 'ended'],
  },
];
