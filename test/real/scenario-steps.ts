/**
 * The words in which scenes are written: what the model says, and what a person does in the terminal. Each act ends
 * when the terminal shows that it has been taken, so that a look seconds later is about what is true then.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { NEVER, type Script, type Step, type TerminalRun } from './terminals.ts';

/** Something a person does, or waits for. */
export type Act = (scene: TerminalRun) => Promise<unknown>;

/** One scene: what the model says, what the person does, and what is true then. */
export interface Ending extends Script {
  readonly name: string;
  readonly act: Act;
  readonly expected: string;
}

/** A third look, so many seconds after the ending; 0: none. */
export const LATER_S = Number(process.env.ORBITDOCK_TEST_LATER ?? 0);
/** When clients are asked after the last act, s. */
export const LOOKS_S = [1, 5, ...(LATER_S > 5 ? [LATER_S] : [])];
/** So long runs what shall run at the last look, s. */
const RUN_S = 30 + LATER_S;

/** A command of the shell; `touch` and `mkdir` are asked for. */
export const bash = (command: string, more: object = {}): Step => ({
  tools: [{ name: 'Bash', input: { command, description: 'x', ...more } }],
});
/** Several commands in one answer. */
export const batch = (...commands: string[]): Step => ({
  tools: commands.map((command) => ({ name: 'Bash', input: { command, description: 'x' } })),
});
/** A command that is allowed and runs on. Newer versions refuse a bare `sleep`. */
export const SLEEP = `node -e "setTimeout(() => {}, ${RUN_S}000)"`;
/** The same as the person's own command. */
const OWN_SLEEP = `sleep ${RUN_S}`;
export const OVER: Step = { text: 'All is done.' };
export const TALK: Step = { text: 'Once upon a time', until: NEVER };
const QUESTION = {
  question: 'Which database?',
  header: 'Db',
  multiSelect: false,
  options: ['Postgres', 'SQLite'].map((label) => ({ label, description: label })),
};
export const ASK: Step = {
  tools: [{ name: 'AskUserQuestion', input: { questions: [QUESTION] } }],
};
/** A subagent in the background. */
export const agent = (name: string): Step => ({
  tools: [
    {
      name: 'Agent',
      input: {
        ...{ description: 'Look', prompt: `inspect ${name}-agent` },
        ...{ subagent_type: 'general-purpose', run_in_background: true },
      },
    },
  ],
});

/** A command that is asked for and over at once. */
export const touch = (name: string): Step[] => [bash(`touch ${name}`), OVER];
/** One that is asked for and runs on. */
export const long = (name: string): Step[] => [bash(`touch ${name}; sleep ${RUN_S}`), OVER];

/** Several acts, one after the other. */
export const after =
  (...acts: Act[]): Act =>
  async (scene) => {
    for (const act of acts) await act(scene);
  };
/** Waits for words on the screen. */
export const text =
  (words: RegExp): Act =>
  ({ claude }) =>
    claude.waitFor(words);
/** The permission dialog stands on the screen. */
export const dialog: Act = text(/❯ 1\. Yes/);
/** Decides it by a key, and it is gone. */
export const decide =
  (key: string, asks = /❯ 1\. Yes/): Act =>
  ({ claude }) =>
    claude.decide(key, asks);
/** Versions offer more or fewer ways to say yes before it. */
export const sayNo: Act = async ({ claude }) => {
  const screen = await claude.waitFor(/\d\. No\b/);
  await claude.decide(/(\d)\. No\b/.exec(screen)?.[1] ?? 'no No');
};
/** Refuses with words: by the keys that lead there. */
export const sayNoBecause =
  (words: string): Act =>
  async ({ claude }) => {
    await claude.choose(/\d\. No\b/, /1\. Yes/);
    await claude.press('Tab');
    await claude.waitFor(/❯ \d\. No,/);
    await claude.type(words);
    await claude.waitFor((screen) => screen.includes(words));
    await claude.press('Enter');
  };
export const questioned: Act = text(/❯ 1\. Postgres/);
export const answer: Act = decide('Enter', /❯ 1\. Postgres/);
export const dismiss: Act = decide('Escape', /❯ 1\. Postgres/);
export const done: Act = text(/All is done\./);
export const streams: Act = text(/Once upon a time/);
/** A tool runs, and has for a moment. */
export const runs: Act = after(text(/Running…|setTimeout/), () => pause(700));
/** What stands below the newest prompt; a terminal that was stopped leaves older ones on the screen. */
const isBusy = (screen: string): boolean =>
  screen.slice(screen.lastIndexOf('\n❯')).includes('esc to interrupt');
/** Presses Esc or Ctrl-C, and what was going on stops. */
export const stop =
  (key = 'Escape'): Act =>
  async ({ claude }) => {
    await claude.waitFor(isBusy);
    await claude.press(key);
    await claude.waitFor((screen) => !isBusy(screen));
  };
/** A client decides what the dialog asks, and the dialog is gone. */
export const decideElsewhere =
  (decision: string, more?: object): Act =>
  async ({ claude, decide: decideAsClient }) => {
    await claude.waitFor(/❯ 1\. /);
    await decideAsClient(decision, more);
    await claude.waitFor((screen) => !/❯ \d\. /.test(screen));
  };
/** Enters words at the prompt. */
export const say =
  (words: (name: string) => string): Act =>
  ({ claude, name }) =>
    claude.say(words(name));
/** Enters the second prompt of the scene. */
export const sayThen: Act = say((name) => `then ${name}.`);
/** `/clear`, and the conversation has left the screen. */
export const clear: Act = async ({ claude, name }) => {
  await claude.say('/clear');
  await claude.waitFor((screen) => !screen.includes(`play ${name}.`));
};
/** Sends the process a signal; where it ends it, until it has ended. */
export const signal =
  (name: NodeJS.Signals, ends = true): Act =>
  async ({ claude, pid }) => {
    process.kill(pid, name);
    if (ends) await claude.waitForExit();
  };
export const kill: Act = signal('SIGKILL');
export const leave: Act = ({ claude }) => claude.leave();
export const close: Act = ({ claude }) => claude.close();
/** Enters words while it works. */
export const sayMore: Act = async ({ claude }) => {
  await claude.type('and more');
  await claude.waitFor(/and more/);
  await claude.press('Enter');
};
/** A command of the person, which runs on. */
export const ownCommand: Act = async ({ claude }) => {
  await claude.type('!');
  await claude.type(OWN_SLEEP);
  await claude.waitFor(/sleep \d+/);
  await claude.press('Enter');
};
