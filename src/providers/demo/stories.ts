/**
 * What the agent of the demo does: four stories, each asking the visitor for something. They are sent over the same
 * plug as a real agent's work, so that all the page shows of them is what it shows of one.
 */
import type { Question } from '../../protocol/nouns.ts';

/** What a story can do; everything returns when it is over, and rejects when the turn was stopped. */
export interface StoryTurn {
  say(text: string): Promise<void>;
  /** A tool that takes a while. */
  use(tool: {
    name: string;
    input: object;
    output: string;
    ms: number;
    isError?: boolean;
  }): Promise<void>;
  /** Asks for a command. */
  ask(command: string, why: string): Promise<{ isApproved: boolean; words: string }>;
  /** Asks questions; answers by question. */
  question(questions: readonly Question[]): Promise<Record<string, string>>;
  /** Says how many tokens of its context are used. */
  fill(tokens: number): void;
  /** Compacts its context, which takes a while; so many tokens are used then. */
  compact(tokens: number): Promise<void>;
  /** What the visitor has sent since the last call. */
  steered(): string[];
  /** Ends the server's process as a crash would, without a chance to tidy up. */
  crash(): void;
}

/** A session of the demo: what it is called, which prompt it gets, and what its agent then does. */
export interface Story {
  name: string;
  project: string;
  prompt: string;
  play(stage: StoryTurn): Promise<void>;
}

const DIFF = `@@ -12,4 +12,5 @@
 export const opening = {
   weekdays: ['09:00', '18:00'],
-  sunday: null,
+  sunday: ['10:00', '14:00'],
+  holidays: null,
 };`;

const approve: Story = {
  name: 'Approve me, deny me, or steer me',
  project: 'flower-shop',
  prompt: 'Open the shop on Sundays. Ask me before you change the data.',
  async play({ say, use, ask, steered }) {
    await say(
      'I will change the opening hours, then the data. While I work you can write to me: what you *steer* now is read in this turn.',
    );
    await use({
      ...{ name: 'Read', input: { file_path: 'src/opening.ts' } },
      ...{ output: 'export const opening = {\n'.repeat(12), ms: 1500 },
    });
    await use({
      ...{ name: 'Edit', input: { file_path: 'src/opening.ts' }, output: DIFF, ms: 2500 },
    });
    const [interjection] = steered();
    if (interjection !== undefined)
      await say(`You said meanwhile: “${interjection}” I keep to that.`);
    const command = 'npm run db:migrate -- --env staging --only opening-hours';
    const why = 'The hours of the till come from the database.';
    const { isApproved, words } = await ask(command, why);
    if (isApproved) {
      await use({
        ...{ name: 'Bash', input: { command } },
        ...{ output: 'opening-hours: 1 row changed\nDone in 0.8 s', ms: 2000 },
      });
      await say(
        'The shop is open on Sundays. Press **Timeline**, then *Request before*: that is how it looked while I waited for you.',
      );
      return;
    }
    await say(
      words === ''
        ? 'You denied it, so the data stays as it is. Next time say why, and I look for another way.'
        : `You denied it and said: “${words}” I look at a copy instead.`,
    );
    await use({
      ...{ name: 'Bash', input: { command: `${command} --dry-run` } },
      ...{ output: 'opening-hours: 1 row would change\nNothing was written', ms: 1500 },
    });
    await say('The dry run would change one row. Write to me when I shall do it.');
  },
};

const QUESTIONS: Question[] = [
  {
    header: 'Zone',
    question: 'Which time zone do the old orders belong to?',
    multi_select: false,
    options: [
      {
        label: 'Europe/Berlin',
        description: 'What the importer wrote; 3 % of rows move by an hour.',
      },
      { label: 'UTC', description: 'Matches the new ledger; the reports of last year change.' },
    ],
  },
  {
    header: 'Reports',
    question: 'Which reports shall I build again?',
    multi_select: true,
    options: [{ label: 'Monthly totals' }, { label: 'Tax export' }, { label: 'Daily snapshots' }],
  },
];

const answer: Story = {
  name: 'Answer my two questions',
  project: 'ledger',
  prompt: 'Put the orders of before 2019 into the new ledger.',
  async play({ say, use, question }) {
    await use({
      ...{ name: 'Grep', input: { pattern: 'created_at' }, output: '412 rows', ms: 1200 },
    });
    await say('412 orders have no time zone. I do not guess such things.');
    const answers = await question(QUESTIONS);
    const chosen = Object.values(answers).filter(Boolean).join(' · ');
    await use({
      ...{ name: 'Bash', input: { command: 'npm run ledger:import -- --before 2019' } },
      ...{ output: 'Tests  58 passed (58)', ms: 2500 },
    });
    await say(`Done as you said: **${chosen || 'as it was'}**. All totals are equal to the cent.`);
  },
};

const FULL = { tokens: 182_000, words: '91 %' } as const;
/** How often the visitor may guess. */
const GUESSES = 3;

const GO_BACK =
  'Now it is small again, and I have forgotten how full it was. The journal has not: press **Timeline**, then **‹ Request before** until you stand at my first question. The page shows that moment, and how full the context was. Nothing that you do there changes the present; **Back to live** brings you back to my second question.';

const GUESS: Question = {
  header: 'The past',
  question: 'How full was my context when I asked you the first time?',
  multi_select: false,
  options: [{ label: '12 %' }, { label: '62 %' }, { label: FULL.words }],
};

const travel: Story = {
  name: 'Travel back in time',
  project: 'observatory',
  prompt: 'Read the observations of the last ten years and find the comet.',
  async play({ say, use, question, fill, compact }) {
    fill(41_000);
    await use({
      ...{ name: 'Read', input: { file_path: 'observations/2016-2026.csv' } },
      ...{ output: '2019-12-28, 18:04, unknown object\n'.repeat(12), ms: 1800 },
    });
    fill(FULL.tokens);
    await question([
      {
        header: 'Context',
        question: `My context is ${FULL.words} full. May I compact it before I go on?`,
        multi_select: false,
        options: [{ label: 'Compact it', description: 'What I have read becomes a summary.' }],
      },
    ]);
    await compact(24_000);
    await say(GO_BACK);
    for (let guess = 1; guess <= GUESSES; guess += 1) {
      const answers = await question([GUESS]);
      if (Object.values(answers).some((words) => words.includes(FULL.words.slice(0, 2)))) {
        await say(
          `Right: ${FULL.words}. Every moment of a session can be looked at like that, and any two can be compared. The comet was seen on 28 December 2019.`,
        );
        return;
      }
      if (guess < GUESSES) await say('It was another number. Look once more at that moment.');
    }
    await say(`It was ${FULL.words}. Write to me when you want to travel again.`);
  },
};

/** Chosen by its label. */
const KILL = 'Kill the server now';

const crash: Story = {
  name: 'Crash the server',
  project: 'lighthouse',
  prompt: 'Show me what is lost when the server dies.',
  async play({ say, question, crash: kill }) {
    await say(
      'I can end this server with `SIGKILL`, in the middle of everything. It has no chance to tidy up.',
    );
    const answers = await question([
      {
        header: 'Crash',
        question: 'Shall I do it?',
        multi_select: false,
        options: [
          {
            label: KILL,
            description: 'The page goes offline for a moment, and comes back by itself.',
          },
          { label: 'Leave it alone', description: 'Nothing happens.' },
        ],
      },
    ]);
    if (Object.values(answers).includes(KILL)) kill();
    else await say('Then it goes on. Write to me when you want to see it.');
  },
};

/** All of them, in the order in which they begin. */
export const STORIES: readonly Story[] = [approve, answer, travel, crash];

/** What is said after a crash, in a session whose agent died with the server. */
export const AFTER_CRASH =
  'I am back. The server was killed, started again and read everything from its disk: this conversation, what was asked and what you answered. What was acknowledged is never lost. Only a question that was open is closed, because the agent that asked it died as well: write to me to go on.';
