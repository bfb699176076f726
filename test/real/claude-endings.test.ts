/**
 * How turns and sessions of the real `claude` end, and what clients are shown one and five seconds later. Several
 * terminals run at a time, in one home and before one server, as on a desk.
 *
 * Run by .ci/run, not by `npm test`: it installs the CLI and builds the server.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { installClaude, printClaude } from '../support/real-claude.ts';
import { type Dock, startWatchingDock } from './dock.ts';
import { openStage, type Stage } from './stage.ts';

type Claude = Awaited<ReturnType<Stage<Dock>['openClaude']>>;
type Step = Parameters<Stage<Dock>['api']['script']>[1][number];

let stage: Stage<Dock>;
beforeAll(async () => {
  stage = await openStage(startWatchingDock);
  mkdirSync(join(stage.home.project, '.claude'));
  const rules = {
    permissions: { deny: ['Bash(shred:*)'], allow: ['Bash(sleep:*)', 'Bash(node:*)'] },
  };
  writeFileSync(join(stage.home.project, '.claude', 'settings.json'), JSON.stringify(rules));
}, 120_000);
afterAll(() => stage[Symbol.asyncDispose]());

/** A third look, so many seconds after the ending; 0: none. */
const LATER_S = Number(process.env.ORBITDOCK_TEST_LATER ?? 0);
/** So long runs what shall run at the last look, s. */
const RUN_S = 30 + LATER_S;

const NEVER = new Promise(() => {});
/** Newer versions refuse a bare `sleep`. */
const SLEEP = `node -e "setTimeout(() => {}, ${RUN_S}000)"`;
const bash = (command: string, more: object = {}): Step => ({
  tools: [{ name: 'Bash', input: { command, description: 'x', ...more } }],
});
const OPTIONS = ['Postgres', 'SQLite'].map((label) => ({ label, description: label }));
const QUESTION = {
  question: 'Which database?',
  header: 'Db',
  multiSelect: false,
  options: OPTIONS,
};
const ASK: Step = { tools: [{ name: 'AskUserQuestion', input: { questions: [QUESTION] } }] };
const agent = (prompt: string): Step => ({
  tools: [
    {
      name: 'Agent',
      input: {
        ...{ description: 'Look', prompt, subagent_type: 'general-purpose' },
        run_in_background: true,
      },
    },
  ],
});
const OVER: Step = { text: 'All is done.' };

/** What a scenario is played with. */
interface Scene {
  claude: Claude;
  /** The process of the CLI. */
  pid: () => number;
  /** What clients are shown of it now. */
  shown: () => Promise<string | undefined>;
  /** The directory of its files: another one for each. */
  name: string;
}

/** One ending: what the model says, what the person does, and what is true then. */
interface Ending {
  name: string;
  steps: (name: string) => Step[];
  act: (scene: Scene) => Promise<unknown>;
  truth: string;
}

const dialog = ({ claude }: Scene) => claude.waitFor(/❯ 1\. Yes/);
const text = ({ claude }: Scene, words: RegExp) => claude.waitFor(words);
/** Versions offer more or fewer ways to say yes before it. */
const pressNo = async ({ claude }: Scene) => {
  const number = /(\d)\. No\b/.exec(await claude.screen())?.[1] ?? 'no No';
  await claude.press(number);
};
const downToNo = async ({ claude }: Scene) => {
  const last = Number(/(\d)\. No\b/.exec(await claude.screen())?.[1]);
  for (let at = 2; at <= last; at++) {
    await claude.press('Down');
    await claude.waitFor(new RegExp(`❯ ${at}\\.`));
  }
};
const press =
  (...keys: string[]) =>
  async (scene: Scene) => {
    await dialog(scene);
    for (const key of keys) await scene.claude.press(key);
  };
const signal = (name: NodeJS.Signals) => async (scene: Scene) => {
  process.kill(scene.pid(), name);
};
const after =
  (...acts: ((scene: Scene) => Promise<unknown>)[]) =>
  async (scene: Scene) => {
    for (const act of acts) await act(scene);
  };
const done = (scene: Scene) => text(scene, /All is done\./);
const speaks = (scene: Scene) => text(scene, /Once upon a time/);
const TALK: Step = { text: 'Once upon a time', until: NEVER };
const runs = (scene: Scene) => text(scene, /Running…|setTimeout/);

const touch = (name: string) => [bash(`touch ${name}`), OVER];
const long = (name: string) => [bash(`touch ${name}; sleep ${RUN_S}`), OVER];

const ENDINGS: Ending[] = [
  { name: 'a permission is asked for', steps: touch, act: dialog, truth: 'permission' },
  { name: 'allowed, and running', steps: long, act: press('Enter'), truth: 'working' },
  { name: 'allowed for good, and running', steps: long, act: press('2'), truth: 'working' },
  {
    name: 'the first of two allowed, and running',
    steps: (name) => [
      {
        tools: [
          ...(bash(`touch ${name}; sleep ${RUN_S}`) as { tools: [] }).tools,
          ...(bash(`touch ${name}2`) as { tools: [] }).tools,
        ],
      },
      OVER,
    ],
    act: press('Enter'),
    truth: 'working',
  },
  {
    name: 'the first of two over, the second asked for',
    steps: (name) => [
      {
        tools: [
          ...(bash(`touch ${name}`) as { tools: [] }).tools,
          ...(bash(`mkdir ${name}2`) as { tools: [] }).tools,
        ],
      },
      OVER,
    ],
    act: after(press('Enter'), (scene) => text(scene, /mkdir .*❯ 1\. Yes/s)),
    truth: 'permission',
  },
  { name: 'denied by Esc', steps: touch, act: press('Escape'), truth: 'waiting' },
  {
    name: 'denied by No',
    steps: touch,
    act: after(dialog, (scene) => pressNo(scene)),
    truth: 'waiting',
  },
  {
    name: 'denied with a reason, and over',
    steps: touch,
    act: after(dialog, async (scene) => {
      const { claude } = scene;
      await downToNo(scene);
      await claude.press('Tab');
      await claude.waitFor(/❯ \d\. No,/);
      await claude.type('not there');
      await claude.waitFor(/not there/);
      await claude.press('Enter');
      await claude.waitFor(/All is done\./);
    }),
    truth: 'waiting',
  },
  {
    name: 'refused by a rule, and over',
    steps: (name) => [bash(`shred ${name}`), OVER],
    act: done,
    truth: 'waiting',
  },
  {
    name: 'Esc while it speaks',
    steps: () => [TALK],
    act: after(speaks, ({ claude }) => claude.press('Escape')),
    truth: 'waiting',
  },
  {
    name: 'Ctrl-C while it speaks',
    steps: () => [TALK],
    act: after(speaks, ({ claude }) => claude.press('C-c')),
    truth: 'waiting',
  },
  {
    name: 'Esc before it speaks',
    steps: () => [{ until: NEVER }],
    act: after(
      (scene) => text(scene, /esc to interrupt/),
      ({ claude }) => claude.press('Escape'),
    ),
    truth: 'waiting',
  },
  {
    name: 'Esc while a tool runs',
    steps: () => [bash(SLEEP), OVER],
    act: after(
      runs,
      () => pause(700),
      ({ claude }) => claude.press('Escape'),
    ),
    truth: 'waiting',
  },
  { name: 'a tool runs', steps: () => [bash(SLEEP), OVER], act: runs, truth: 'working' },
  {
    name: 'a question is asked',
    steps: () => [ASK, OVER],
    act: (scene) => text(scene, /Which database\?.*❯/s),
    truth: 'question',
  },
  {
    name: 'a question dismissed by Esc',
    steps: () => [ASK, OVER],
    act: after(
      (scene) => text(scene, /❯ 1\. Postgres/),
      ({ claude }) => claude.press('Escape'),
    ),
    truth: 'waiting',
  },
  {
    name: 'a question answered, and over',
    steps: () => [ASK, OVER],
    act: after(
      (scene) => text(scene, /❯ 1\. Postgres/),
      ({ claude }) => claude.press('Enter'),
      done,
    ),
    truth: 'waiting',
  },
  { name: 'the turn over', steps: () => [OVER], act: done, truth: 'waiting' },
  { name: 'it speaks', steps: () => [TALK], act: speaks, truth: 'working' },
  {
    name: 'a background agent at work behind the end of the turn',
    steps: (name) => [agent(`inspect ${name}-agent`), OVER],
    act: done,
    truth: 'working',
  },
  {
    name: 'a background shell behind the end of the turn',
    steps: () => [bash(SLEEP, { run_in_background: true }), OVER],
    act: done,
    truth: 'waiting',
  },
  {
    name: 'the provider refuses',
    steps: () => [{ error: { status: 400, message: 'no such thing' } }],
    act: (scene) => text(scene, /API Error/),
    truth: 'waiting',
  },
  {
    name: 'a command of the person runs',
    steps: () => [OVER],
    act: after(done, async ({ claude }) => {
      await claude.type('!');
      await claude.type(`sleep ${RUN_S}`);
      await claude.waitFor(/sleep \d+/);
      await claude.press('Enter');
    }),
    truth: 'working',
  },
  {
    name: '/compact refused, or over',
    steps: () => [OVER],
    act: after(
      done,
      ({ claude }) => claude.say('/compact'),
      (scene) => text(scene, /Not enough messages|Compacted/),
    ),
    truth: 'waiting',
  },
  {
    name: 'words typed while it works',
    steps: () => [TALK],
    act: after(speaks, async ({ claude }) => {
      await claude.type('and more');
      await claude.press('Enter');
    }),
    truth: 'working',
  },
  {
    name: '/exit',
    steps: () => [OVER],
    act: after(done, ({ claude }) => claude.leave()),
    truth: 'ended',
  },
  {
    name: '/clear',
    steps: () => [OVER],
    act: after(done, ({ claude }) => claude.say('/clear')),
    truth: 'ended',
  },
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
    truth: 'ended',
  },
  {
    name: 'SIGTERM while it speaks',
    steps: () => [TALK],
    act: after(speaks, signal('SIGTERM')),
    truth: 'ended',
  },
  {
    name: 'the terminal closed',
    steps: () => [OVER],
    act: after(done, ({ claude }) => claude.close()),
    truth: 'ended',
  },
  {
    name: 'killed while it speaks',
    steps: () => [TALK],
    act: after(speaks, signal('SIGKILL')),
    truth: 'ended',
  },
  {
    name: 'killed at its dialog',
    steps: touch,
    act: after(dialog, signal('SIGKILL')),
    truth: 'ended',
  },
  {
    name: 'killed at its prompt',
    steps: () => [OVER],
    act: after(done, signal('SIGKILL')),
    truth: 'ended',
  },
  {
    name: 'stopped by a signal',
    steps: () => [TALK],
    act: after(speaks, signal('SIGSTOP')),
    truth: 'working',
  },
];

/** Terminals at a time: each takes 250 MB, and half a core while it starts. */
const AT_A_TIME = LATER_S > 0 ? 7 : 4;

interface Shown {
  id: string;
  first_prompt?: string;
  work_status: string;
}

async function shownOf(name: string): Promise<Shown | undefined> {
  const answer = await fetch(`${stage.listener.url}/api/sessions?all=1`);
  const { sessions } = (await answer.json()) as { sessions: Shown[] };
  return sessions.find(({ first_prompt }) => first_prompt === `play ${name}.`);
}

function pidOf(sessionId: string): number {
  const folder = join(stage.home.home, '.claude', 'sessions');
  for (const file of readdirSync(folder).filter((one) => one.endsWith('.json'))) {
    const entry = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    if (entry.sessionId === sessionId) return entry.pid;
  }
  throw new Error(`no process bears ${sessionId}`);
}

/** What was shown 1 s, 5 s and, where that is wished, later after an ending. */
async function play({ steps, act }: Ending, name: string): Promise<string[]> {
  stage.api.script(`play ${name}.`, steps(name));
  stage.api.script(`inspect ${name}-agent`, [{ text: 'Looking', until: NEVER }]);
  await using claude = await stage.openClaude();
  await claude.say(`play ${name}.`);
  const { id } = await vi.waitFor(async () => {
    const shown = await shownOf(name);
    if (shown === undefined) throw new Error(`${name} is not shown`);
    return shown;
  }, 20_000);
  const pid = pidOf(id);
  try {
    const shown = async () => (await shownOf(name))?.work_status;
    await act({ claude, name, pid: () => pid, shown });
    const seen: string[] = [];
    for (const ms of [1000, 4000, ...(LATER_S > 5 ? [LATER_S * 1000 - 5000] : [])]) {
      await pause(ms);
      seen.push((await shownOf(name))?.work_status ?? 'none');
    }
    return seen;
  } finally {
    signalIfThere(pid, 'SIGCONT');
    signalIfThere(pid, 'SIGKILL');
    // Closing a terminal asks for its program by its id. One that is closed already cannot be asked.
    await claude.waitForExit().catch(() => undefined);
  }
}

function signalIfThere(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}

test(
  `${ENDINGS.length} endings are shown as they are within five seconds`,
  async () => {
    const wanted = process.env.ORBITDOCK_TEST_ENDING;
    const waiting = ENDINGS.map((ending, n) => ({ ending, name: `e${n}` })).filter(
      ({ ending }) => wanted === undefined || ending.name === wanted,
    );
    const lines: string[] = [];
    const wrong: string[] = [];
    const late: string[] = [];
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const { ending, name } = next;
        const [soon, ...then] = await play(ending, name).catch((error: Error) => [
          'not played',
          error.message.slice(0, 2000),
        ]);
        const line = `${ending.name}: ${ending.truth}; after 1 s ${soon}, then ${then.join(', ')}`;
        lines.push(line);
        if (soon !== ending.truth) late.push(line);
        if (then.some((status) => status !== ending.truth)) wrong.push(line);
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, worker));
    console.log(
      [...lines, `right after 1 s: ${lines.length - late.length} of ${lines.length}`].join('\n'),
    );
    expect(wrong).toEqual([]);
  },
  400_000 + LATER_S * 6_000,
);

test('a printed session is over when it is done', async () => {
  stage.api.script('play printed.', [OVER]);
  await printClaude(await installClaude(), stage.home, 'play printed.');
  await vi.waitFor(async () => expect((await shownOf('printed'))?.work_status).toBe('ended'), 5000);
});
