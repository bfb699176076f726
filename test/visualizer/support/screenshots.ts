/**
 * `npm run screenshots [folder] [names]`: the page in its main states, on a desk and on phones, light and dark,
 * to be looked at by a person. Sessions and events are seeded; only clocks differ from run to run.
 */
import { mkdirSync } from 'node:fs';
import type { BrowserContextOptions, Page } from 'playwright-core';
import type { ApprovalRequest } from '../../../src/protocol/nouns.ts';
import type { FakeSession } from './actors.ts';
import { openPage, startBrowser } from './browser.ts';
import { startFixture } from './fixture-server.ts';

const DESK = { viewport: { width: 1600, height: 950 } };
const LAPTOP = { viewport: { width: 1280, height: 800 } };
const TABLET = { viewport: { width: 820, height: 1180 } };
const PHONE = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  hasTouch: true,
  isMobile: true,
};
const SMALL_PHONE = { ...PHONE, viewport: { width: 320, height: 640 } };

function isWanted({ name }: Shot): boolean {
  return names.length === 0 || names.includes(name);
}

interface Shot {
  name: string;
  options: BrowserContextOptions;
  path: string;
  act?: (page: Page) => Promise<unknown>;
  /** What happens to the sessions first. */
  before?: () => void;
}

const press =
  (...keys: string[]) =>
  async (page: Page): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key);
  };
const show = (name: string) => (page: Page) =>
  page.getByRole('navigation').getByRole('button', { name, exact: true }).tap();

const ABORTED = '{\n  "type": "turn.aborted",\n  "reason": "by hand"\n}';

const SHOTS: Shot[] = [
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
    act: press('[', '[', '['),
  },
  { name: 'conversation', options: LAPTOP, path: 's/od-0004?tab=session' },
  { name: 'approval', options: LAPTOP, path: 's/od-0007?tab=session', before: askForPatch },
  {
    name: 'question-dark',
    options: { ...LAPTOP, colorScheme: 'dark' },
    path: 's/od-000a?tab=session',
    before: askQuestions,
  },
  { name: 'phone-approval', options: PHONE, path: 's/od-0007?tab=session' },
  { name: 'why', options: LAPTOP, path: 's/od-0002?tab=why' },
  { name: 'try', options: LAPTOP, path: 's/od-0002?tab=try' },
  { name: 'grid', options: DESK, path: 'grid' },
  { name: 'grid-dark', options: { ...LAPTOP, colorScheme: 'dark' }, path: 'grid' },
  { name: 'machines', options: LAPTOP, path: 'machines/session' },
  { name: 'machines-supervisor', options: LAPTOP, path: 'machines/supervisor' },
  { name: 'about', options: LAPTOP, path: 'about' },
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
  { name: 'phone-conversation', options: PHONE, path: 's/od-0004', act: show('Session') },
  {
    name: 'phone-events-dark',
    options: { ...PHONE, colorScheme: 'dark' },
    path: 's/od-0001',
    act: show('Events'),
  },
  { name: 'phone-grid', options: PHONE, path: 'grid' },
  { name: 'small-phone-grid', options: SMALL_PHONE, path: 'grid' },
  { name: 'phone-machines', options: PHONE, path: 'machines' },
  { name: 'phone-about', options: PHONE, path: 'about' },
  { name: 'small-phone-states', options: SMALL_PHONE, path: 's/od-0001' },
  { name: 'small-phone-chart', options: SMALL_PHONE, path: 's/od-0001', act: show('Chart') },
];

const server = await startFixture({ sessions: 60 });

/** Requests that are meant to be seen stay open. */
const asking = new Set<string>();
function isAsking({ id }: FakeSession): boolean {
  return asking.has(id);
}

function ask(index: number, request: Partial<ApprovalRequest>): void {
  const session = server.sessions[index];
  if (!session) return;
  asking.add(session.id);
  const at = `${new Date().toISOString().slice(0, -1)}000Z`;
  const open = session.actor.getSnapshot().context.approvals;
  for (const { request: old } of open) {
    session.tell({
      type: 'approval.resolved',
      at,
      requestId: old.id,
      server: null,
      decision: 'approved',
    });
  }
  session.tell({
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

function askForPatch(): void {
  ask(7, {
    command: 'git push --force-with-lease origin main \u202E&& rm -rf build',
    tool_name: 'Bash',
    proposed_amendment: ['git', 'push'],
  });
}

function askQuestions(): void {
  ask(10, {
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

const [folder = 'dist/screenshots', ...names] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

for (let round = 0; round < 40; round += 1) for (const one of server.sessions) one.step();
const browser = await startBrowser();
for (const { name, options, path, act, before } of SHOTS.filter(isWanted)) {
  before?.();
  const { page, faults } = await openPage(browser, server.url + path, options);
  await page
    .locator('.virtual-row, .virtual-tile, .outline-state, .chart, .talk, .card')
    .first()
    .waitFor();
  await page.waitForTimeout(600);
  if (act) await act(page);
  for (const one of server.sessions) if (!isAsking(one)) one.step();
  await page.waitForTimeout(500);
  await page.screenshot({ path: `${folder}/${name}.png` });
  for (const fault of faults) console.error(`${name}: ${fault}`);
  await page.context().close();
}
await browser.close();
await server.close();
process.exit(0);
