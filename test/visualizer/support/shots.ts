/** What is photographed: every state of the page, on every kind of screen. */
import type { BrowserContextOptions, Page } from 'playwright-core';
import type { ApprovalRequest } from '../../../src/protocol/nouns.ts';
import { type Fixture, type FixtureOptions, startFixture } from './fixture-server.ts';
import { playStory } from './story.ts';

const DESK = { viewport: { width: 1600, height: 950 } };
const LAPTOP = { viewport: { width: 1280, height: 800 } };
const TABLET = { viewport: { width: 820, height: 1180 } };
const PHONE = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  hasTouch: true,
  isMobile: true,
};
/** A laptop's window at 200 %. */
const ZOOMED = { viewport: { width: 640, height: 360 }, deviceScaleFactor: 2 };
const NOTEBOOK = { viewport: { width: 1440, height: 900 } };
const DARK = { colorScheme: 'dark' } as const;
const STORY = { fixture: { sessions: 15, isQuiet: true }, before: playStory } as const;
/** Two devices, of which one came with a token of its own. */
const NOTIFIED = {
  ...STORY,
  before: (server: Fixture) => {
    playStory(server);
    const created_at = '2030-01-01T08:00:00.000Z';
    server.recipients.quiet = { from: '22:00', to: '07:00' };
    server.recipients.muted = ['od-0004'];
    server.recipients.devices = [
      { id: 'd-1', name: 'iPhone Safari 4c1f09aa', created_at, is_mine: true, token: 'phone' },
      { id: 'd-2', name: 'Linux Firefox 77d20b1e', created_at },
    ];
  },
  act: async (page: Page) => {
    await page.getByRole('button', { name: /^Menu/ }).click();
    await page.getByTestId('notified').scrollIntoViewIfNeeded();
  },
};
const SMALL_PHONE = { ...PHONE, viewport: { width: 320, height: 640 } };

const NO_SESSIONS = '[data-testid=no-sessions]';
const TOKEN_FORM = '[data-testid=token-form]';
const LOCKED: FixtureOptions = { sessions: 2, token: 'od_secret' };
const LOOKING: FixtureOptions = { sessions: 12, scopes: ['read'] };

/** One picture. */
export interface Shot {
  name: string;
  options: BrowserContextOptions;
  path: string;
  /** What happens to the sessions first; requests of theirs then stay open. */
  before?: (server: Fixture) => void;
  /** A server of its own, for states that the common one cannot be in. */
  fixture?: FixtureOptions;
  act?: (page: Page, server: Fixture) => Promise<unknown>;
  /** What the page must show before it is looked at. */
  shows?: string;
}

const press =
  (...keys: string[]) =>
  async (page: Page): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key);
  };
const show = (name: string) => (page: Page) =>
  page.getByRole('navigation', { name: 'Views' }).getByRole('button', { name, exact: true }).tap();

const ABORTED = '{\n  "type": "turn.aborted",\n  "reason": "by hand"\n}';

/** All of them. */
export const SHOTS: readonly Shot[] = [
  { name: 'story-desk', options: NOTEBOOK, path: 's/od-0001', ...STORY },
  { name: 'story-desk-dark', options: { ...NOTEBOOK, ...DARK }, path: 's/od-0008', ...STORY },
  { name: 'story-inbox', options: NOTEBOOK, path: 'inbox', ...STORY },
  {
    name: 'story-inbox-plan-dark',
    options: { ...NOTEBOOK, ...DARK },
    path: 'inbox',
    ...STORY,
    act: press('j', 'j'),
  },
  { name: 'story-chart', options: NOTEBOOK, path: 's/od-0001?view=chart', ...STORY },
  { name: 'story-phone-list', options: PHONE, path: 'sessions', ...STORY },
  { name: 'story-phone-inbox', options: PHONE, path: 'inbox', ...STORY },
  { name: 'story-phone-talk-dark', options: { ...PHONE, ...DARK }, path: 's/od-0008', ...STORY },
  { name: 'story-phone-now', options: PHONE, path: 's/od-0001', ...STORY, act: show('Now') },
  { name: 'story-zoom-list', options: ZOOMED, path: 'sessions', ...STORY },
  { name: 'story-timeline', options: NOTEBOOK, path: 's/od-0001?tab=timeline', ...STORY },
  {
    name: 'story-timeline-phone-dark',
    options: { ...PHONE, ...DARK },
    path: 's/od-0001',
    ...STORY,
    act: show('Timeline'),
  },
  { name: 'search', options: NOTEBOOK, path: 'search', ...STORY, shows: '[type=search]' },
  { name: 'story-zoom-inbox', options: ZOOMED, path: 'inbox', ...STORY },
  { name: 'story-tablet', options: TABLET, path: 's/od-0001', ...STORY },
  { name: 'story-small-inbox', options: SMALL_PHONE, path: 'inbox', ...STORY },
  {
    name: 'story-small-talk-dark',
    options: { ...SMALL_PHONE, ...DARK },
    path: 's/od-0001',
    ...STORY,
  },
  {
    name: 'story-1366-questions',
    options: { viewport: { width: 1366, height: 768 } },
    path: 's/od-0004',
    ...STORY,
  },
  { name: 'story-menu', options: NOTEBOOK, path: 's/od-0001', ...STORY, act: press('?') },
  { name: 'menu-notified', options: NOTEBOOK, path: 's/od-0001', ...NOTIFIED },
  { name: 'menu-notified-dark', options: { ...NOTEBOOK, ...DARK }, path: 's/od-0001', ...NOTIFIED },
  { name: 'menu-notified-phone', options: PHONE, path: '', ...NOTIFIED },
  { name: 'menu-notified-phone-dark', options: { ...PHONE, ...DARK }, path: '', ...NOTIFIED },
  { name: 'story-past', options: NOTEBOOK, path: 's/od-0001?seq=6', ...STORY },
  { name: 'story-board', options: NOTEBOOK, path: 'board', ...STORY },
  { name: 'story-board-dark', options: { ...NOTEBOOK, ...DARK }, path: 'board', ...STORY },
  { name: 'story-board-tablet', options: TABLET, path: 'board', ...STORY },
  { name: 'story-board-phone-dark', options: { ...PHONE, ...DARK }, path: 'board', ...STORY },
  { name: 'story-board-zoom', options: ZOOMED, path: 'board', ...STORY },
  {
    name: 'story-palette-dark',
    options: { ...NOTEBOOK, ...DARK },
    path: 's/od-0001',
    ...STORY,
    act: press('Control+k'),
  },
  {
    name: 'story-palette-phone',
    options: PHONE,
    path: 'sessions',
    ...STORY,
    act: press('Control+k'),
  },
  {
    name: 'story-compact',
    options: NOTEBOOK,
    path: 's/od-0008',
    ...STORY,
    act: (page) => page.getByRole('button', { name: 'Compact' }).click(),
  },
  {
    name: 'story-composer-phone',
    options: PHONE,
    path: 's/od-0004',
    ...STORY,
    act: (page) => page.getByRole('button', { name: 'Options of this message' }).tap(),
  },
  {
    name: 'story-composer-dark',
    options: { ...NOTEBOOK, ...DARK },
    path: 's/od-0001',
    ...STORY,
    before: (server) => {
      playStory(server);
      server.files.set('/home/dev/web-client-1/', ['src/', 'README.md', 'package.json']);
    },
    act: (page) => page.getByLabel('Message to the session').pressSequentially('Look at @'),
  },
  { name: 'story-new-session', options: NOTEBOOK, path: 's/od-0001', ...STORY, act: press('c') },
  { name: 'readme', options: NOTEBOOK, path: 's/od-0001', ...STORY },
  { name: 'desk-light', options: DESK, path: 's/od-0001' },
  {
    name: 'desk-dark-actions',
    options: { ...DESK, colorScheme: 'dark' },
    path: 's/od-0001?tab=sequence',
    act: press('a'),
  },
  {
    name: 'time-travel-context',
    options: { ...LAPTOP, colorScheme: 'dark' },
    path: 's/od-0001?tab=context',
    act: press(',', ',', ','),
  },
  { name: 'conversation', options: LAPTOP, path: 's/od-0004?tab=session' },
  { name: 'approval', options: LAPTOP, path: 's/od-0007?tab=session', before: askForPatch },
  {
    name: 'question-dark',
    options: { ...LAPTOP, colorScheme: 'dark' },
    path: 's/od-000a?tab=session',
    before: askQuestions,
  },
  { name: 'form', options: LAPTOP, path: 's/od-000d?tab=session', before: askForm },
  {
    name: 'phone-form-dark',
    options: { ...PHONE, colorScheme: 'dark' },
    path: 's/od-000d?tab=session',
    before: askForm,
  },
  { name: 'phone-approval', options: PHONE, path: 's/od-0007?tab=session' },
  { name: 'why', options: LAPTOP, path: 's/od-0002?tab=why' },
  { name: 'try', options: LAPTOP, path: 's/od-0002?tab=try' },
  { name: 'grid', options: DESK, path: 'grid' },
  { name: 'grid-dark', options: { ...LAPTOP, colorScheme: 'dark' }, path: 'grid' },
  { name: 'machines', options: LAPTOP, path: 'machines/session' },
  { name: 'machines-supervisor', options: LAPTOP, path: 'machines/supervisor' },
  { name: 'about', options: LAPTOP, path: 'about' },
  { name: 'actor', options: LAPTOP, path: 's/od-0001/connector?tab=sequence' },
  {
    name: 'actor-ended-dark',
    options: { ...LAPTOP, colorScheme: 'dark' },
    path: 's/od-0004/connector?tab=sequence',
    before: loseLink,
    act: press(' '),
  },
  { name: 'phone-actor', options: PHONE, path: 's/od-0001/connector' },
  {
    name: 'phone-actor-rows-dark',
    options: { ...PHONE, colorScheme: 'dark' },
    path: 's/od-0004',
    before: loseLink,
    act: async (page) => {
      await show('States')(page);
      await page.getByTestId('actor-row').scrollIntoViewIfNeeded();
    },
  },
  { name: 'help', options: LAPTOP, path: 's/od-0002', act: press('?') },
  {
    name: 'send',
    options: LAPTOP,
    path: 's/od-0002?tab=try',
    act: async (page) => {
      await page.locator('#payload').fill(ABORTED);
      await page.getByTestId('send-live').click();
      await page.getByRole('button', { name: 'Send it' }).click();
    },
  },
  { name: 'tablet', options: TABLET, path: 's/od-0001?tab=states' },
  { name: 'phone-sessions', options: PHONE, path: '' },
  { name: 'phone-states', options: PHONE, path: 's/od-0001' },
  {
    name: 'phone-chart-dark',
    options: { ...PHONE, colorScheme: 'dark' },
    path: 's/od-0001',
    act: show('Chart'),
  },
  { name: 'phone-conversation', options: PHONE, path: 's/od-0004', act: show('Talk') },
  {
    name: 'phone-events-dark',
    options: { ...PHONE, colorScheme: 'dark' },
    path: 's/od-0001',
    act: show('Timeline'),
  },
  { name: 'phone-grid', options: PHONE, path: 'grid' },
  { name: 'small-phone-grid', options: SMALL_PHONE, path: 'grid' },
  { name: 'phone-machines', options: PHONE, path: 'machines' },
  { name: 'phone-about', options: PHONE, path: 'about' },
  { name: 'small-phone-states', options: SMALL_PHONE, path: 's/od-0001' },
  { name: 'small-phone-chart', options: SMALL_PHONE, path: 's/od-0001', act: show('Chart') },
  { name: 'empty', options: LAPTOP, path: '', fixture: { sessions: 0 }, shows: NO_SESSIONS },
  {
    name: 'phone-empty',
    options: PHONE,
    path: '',
    fixture: { sessions: 0 },
    shows: NO_SESSIONS,
  },
  {
    name: 'no-hits',
    options: LAPTOP,
    path: 's/od-0001',
    act: (page) => page.getByLabel('Filter sessions').fill('nothing like this'),
  },
  {
    name: 'offline',
    options: LAPTOP,
    path: 's/od-0001',
    fixture: { sessions: 12 },
    act: async (page, server) => {
      await server.close();
      await page.getByTestId('offline').waitFor();
    },
  },
  {
    name: 'phone-offline-dark',
    options: { ...PHONE, colorScheme: 'dark' },
    path: 's/od-0001',
    fixture: { sessions: 12 },
    act: async (page, server) => {
      await server.close();
      await page.getByTestId('offline').waitFor();
    },
  },
  {
    name: 'restarted',
    options: LAPTOP,
    path: 's/od-0001',
    fixture: { sessions: 12 },
    act: async (page, server) => {
      await server.close();
      await startFixture({ sessions: 12, port: server.port, boot: 'boot-2' });
      await page.getByTestId('notice').waitFor();
    },
  },
  { name: 'unauthorised', options: LAPTOP, path: '', fixture: LOCKED, shows: TOKEN_FORM },
  {
    name: 'phone-unauthorised-dark',
    options: { ...PHONE, colorScheme: 'dark' },
    path: '',
    fixture: LOCKED,
    shows: TOKEN_FORM,
    act: async (page) => {
      await page.getByLabel('Access token').fill('wrong');
      await page.getByRole('button', { name: 'Open' }).click();
      await page.getByRole('alert').waitFor();
    },
  },
  {
    name: 'other-protocol',
    options: LAPTOP,
    path: '',
    fixture: { sessions: 2, protocol: 99 },
    shows: '.banner',
  },
  {
    name: 'beyond-retention',
    options: LAPTOP,
    path: 's/od-0001?seq=5',
    fixture: { sessions: 2 },
    before: ({ sessions }) => {
      for (let round = 0; round < 2100; round += 1) sessions[1]?.step();
    },
  },
  {
    name: 'no-charts',
    options: LAPTOP,
    path: 's/od-0001?tab=states',
    act: async (page) => {
      await page.route('**/charts-*.json', (route) => route.fulfill({ status: 500 }));
      await page.reload();
      await page.getByTestId('chart-failure').first().waitFor();
    },
  },
  { name: 'read-only', options: LAPTOP, path: 's/od-0001?tab=try', fixture: LOOKING },
];

function ask(server: Fixture, index: number, request: Partial<ApprovalRequest>): void {
  const session = server.sessions[index];
  if (!session) return;
  const at = `${new Date().toISOString().slice(0, -1)}000Z`;
  const open = session.chart.snapshot.context.approvals;
  for (const { request: old } of open) {
    session.send({
      type: 'approval.resolved',
      at,
      requestId: old.id,
      server: null,
      decision: 'approved',
    });
  }
  session.send({
    type: 'approval.requested',
    at,
    request: {
      id: `shown-${index}`,
      session_id: session.id,
      type: 'exec',
      command: null,
      file_path: null,
      diff: null,
      question: null,
      ...request,
    },
    tool: null,
    toolUseId: null,
    server: null,
  });
}

function loseLink(server: Fixture): void {
  const at = `${new Date().toISOString().slice(0, -1)}000Z`;
  server.sessions[4]?.send({ type: 'link.lost', at, reason: 'closed' }, 'connector');
}

function askForPatch(server: Fixture): void {
  ask(server, 7, {
    command: 'git push --force-with-lease origin main \u202E&& rm -rf build',
    tool_name: 'Bash',
    proposed_amendment: ['git', 'push'],
  });
}

function askForm(server: Fixture): void {
  const [on, off] = [{ label: 'true' }, { label: 'false' }];
  const field = (id: string, question: string, ...labels: string[]) => ({
    id,
    question,
    options: labels.map((label) => ({ label })),
    multi_select: false,
  });
  ask(server, 13, {
    type: 'question',
    tool_name: 'calendar',
    question: 'Where shall the meeting be entered?',
    questions: [
      field('title', 'Title: as everybody sees it'),
      field('length', 'Length in minutes'),
      { ...field('public', 'Public'), options: [on, off] },
      field('room', 'Room', 'Aquarium', 'Library'),
    ],
  });
}

function askQuestions(server: Fixture): void {
  ask(server, 10, {
    type: 'question',
    tool_name: 'AskUserQuestion',
    question: 'Which database should the new service use?',
    questions: [
      {
        header: 'Storage',
        question: 'Which database should the new service use?',
        multi_select: false,
        options: [
          { label: 'SQLite', description: 'One file, nothing to run.' },
          { label: 'Postgres', description: 'When several machines write.' },
        ],
      },
      {
        header: 'Tests',
        question: 'What shall be tested first?',
        multi_select: true,
        options: [{ label: 'Migrations' }, { label: 'Restarts' }, { label: 'Load' }],
      },
    ],
  });
}
