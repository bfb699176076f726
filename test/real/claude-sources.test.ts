/** What the sources beside the hooks report about the real CLI in a terminal. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listTranscripts } from '../../src/providers/claude/homes.ts';
import { RegistryWatch } from '../../src/providers/claude/registry-watch.ts';
import { TranscriptReader } from '../../src/providers/claude/transcript-reader.ts';
import type { TranscriptReport, WatchReport } from '../../src/providers/reports.ts';
import { openScenario } from './scenario.ts';

/** No hooks: what is seen here comes from the CLI's own files. */
const NO_HOOKS = async () => ({ installIn: async () => {}, [Symbol.asyncDispose]: async () => {} });

/** Watches a home from now on. */
async function watchHome(home: string) {
  const reports: WatchReport[] = [];
  const problems: unknown[] = [];
  const watch = new RegistryWatch({
    homes: [home],
    known: [],
    onReports: (more) => reports.push(...more),
    onWarning: (path, reason) => problems.push(`${path} ${reason}`),
    onError: (error) => problems.push(error),
  });
  await watch.start();
  return {
    reports,
    problems,
    state: () => {
      const states = reports.filter((report) => report.what === 'session.state');
      return states.at(-1)?.state ?? null;
    },
    ends: () =>
      reports.flatMap((report) => (report.what === 'process.gone' ? [report.reason] : [])),
    pid: () => {
      const seen = reports.flatMap((report) =>
        report.what === 'process.seen' ? report.processes : [],
      );
      return seen.at(-1)?.pid ?? 0;
    },
    [Symbol.asyncDispose]: () => watch.close(),
  };
}

async function transcript(home: string): Promise<TranscriptReport[]> {
  const [file] = await listTranscripts([home], 1);
  if (file === undefined) return [];
  const reader = new TranscriptReader(file.path, file.sessionId);
  const reports: TranscriptReport[] = [];
  for (;;) {
    const batch = await reader.read();
    reports.push(...batch.reports);
    if (!batch.more) return reports;
  }
}

const bash = (command: string) => ({
  tools: [{ name: 'Bash', input: { command, description: 'x' } }],
});

describe('the sources of a session in a terminal', () => {
  it('distinguish allowed and running from waiting, a refusal, a shell command, /clear and a kill', async () => {
    await using stage = await openScenario(NO_HOOKS);
    const home = join(stage.home.home, '.claude');
    await using watched = await watchHome(home);
    stage.api.script('allow this', [bash('sleep 2; touch allowed'), { text: 'It ran.' }]);
    stage.api.script('refuse this', [bash('touch refused'), { text: 'I saw the shell.' }]);
    const claude = await stage.openClaude();
    await expect.poll(watched.state, { timeout: 20_000 }).toBe('idle');

    await claude.say('allow this');
    await expect.poll(watched.state, { timeout: 20_000 }).toBe('waiting');
    await claude.decide('Enter');
    await expect.poll(watched.state, { timeout: 20_000 }).toBe('working');
    await expect.poll(watched.state, { timeout: 20_000 }).toBe('idle');

    await claude.say('refuse this');
    await expect.poll(watched.state, { timeout: 20_000 }).toBe('waiting');
    await claude.decide('Escape');
    await expect.poll(watched.state, { timeout: 20_000 }).toBe('idle');

    await claude.type('!echo from-the-shell');
    await claude.waitFor(/echo from-the-shell/);
    await claude.press('Enter');
    // This version lets the model answer to the command.
    const turns = async () => (await transcript(home)).filter(({ what }) => what === 'turn.ended');
    await expect.poll(turns, { timeout: 20_000 }).toHaveLength(2);
    const reports = await transcript(home);
    expect(reports.flatMap((r) => (r.what === 'user.text' ? [r.text] : []))).toEqual([
      'allow this',
      'refuse this',
    ]);
    expect(reports.flatMap((r) => (r.what === 'assistant.text' ? [r.text] : []))).toEqual([
      'It ran.',
      'I saw the shell.',
    ]);
    const outcomes = reports.flatMap((r) => (r.what === 'tool.ended' ? [r.outcome] : []));
    // Later versions report that it was refused before it ran.
    expect(outcomes).toEqual(['done', expect.stringMatching(/^refused(_or_interrupted)?$/)]);
    expect(reports).toContainEqual(
      expect.objectContaining({
        what: 'command.entered',
        command: 'echo from-the-shell',
        shell: true,
      }),
    );
    expect(reports).toContainEqual(
      expect.objectContaining({
        what: 'command.output',
        text: expect.stringContaining('from-the-shell'),
        shell: true,
      }),
    );

    await claude.say('/clear');
    const continued = () =>
      watched.reports.filter(({ what }) => what === 'session.continued').length;
    await expect.poll(continued, { timeout: 20_000 }).toBe(1);
    await expect.poll(watched.state, { timeout: 20_000 }).toBe('idle');
    expect(watched.ends()).toEqual([]);
    process.kill(watched.pid(), 'SIGKILL');
    await expect.poll(watched.ends, { timeout: 10_000 }).toEqual(['killed']);
    // A server that starts only now learns it from the file that was left behind.
    await using later = await watchHome(home);
    expect(later.ends()).toEqual(['killed']);
    expect(watched.problems).toEqual([]);
  });

  it('report words typed while a tool runs, a text that was cut off, and a rewind', async () => {
    await using stage = await openScenario(NO_HOOKS);
    const home = join(stage.home.home, '.claude');
    await using watched = await watchHome(home);
    stage.api.script('run long', [bash('sleep 4; touch long'), { text: 'Both seen.' }]);
    stage.api.script('cut me', [{ text: 'one two three', until: new Promise(() => {}) }]);
    stage.api.script('after all', [{ text: 'A new branch.' }]);
    const claude = await stage.openClaude();
    const state = (wanted: string) => expect.poll(watched.state, { timeout: 20_000 }).toBe(wanted);
    await state('idle');
    await claude.say('run long');
    await state('waiting');
    await claude.decide('Enter');
    await state('working');
    await claude.say('also this');
    await state('idle');

    await claude.say('cut me');
    await claude.waitFor(/one two three/);
    await claude.press('Escape');
    const received = async () => (await transcript(home)).map(({ what }) => what);
    await expect.poll(received, { timeout: 20_000 }).toContain('interrupted');
    await state('idle');
    const before = await transcript(home);
    expect(before.flatMap((r) => (r.what === 'user.text' ? [[r.text, r.queued]] : []))).toEqual([
      ['run long', false],
      ['also this', true],
      ['cut me', false],
    ]);
    const texts = before.flatMap((r) => (r.what === 'assistant.text' ? [r] : []));
    expect(texts.map((r) => r.text)).toEqual(['Both seen.', 'one two three']);
    const cut = before.flatMap((r) => (r.what === 'interrupted' ? [r.answer] : []));
    expect(cut).toEqual([texts.at(-1)?.answer]);

    await claude.press('Escape');
    await claude.press('Escape');
    await claude.waitFor(/❯ \(current\)/);
    await claude.press('Up');
    await claude.waitFor(/❯ cut me\s+No code changes/);
    await claude.press('Enter');
    await claude.waitFor(/❯ 1\. Restore conversation/);
    await claude.press('Enter');
    await claude.waitFor((screen) => !screen.includes('Restore conversation'));
    await claude.press('C-u');
    await claude.say('after all');
    const rewinds = async () =>
      (await transcript(home)).flatMap((r) => (r.what === 'rewound' ? [[r.to, r.gone]] : []));
    const gone = ['user.text', 'assistant.text', 'interrupted'].map(
      (what) => before.findLast((report) => report.what === what)?.message,
    );
    await expect.poll(rewinds, { timeout: 20_000 }).toEqual([[texts[0]?.message, gone]]);
  });

  it('distinguish an orderly exit from a kill', async () => {
    await using stage = await openScenario(NO_HOOKS);
    await using watched = await watchHome(join(stage.home.home, '.claude'));
    const claude = await stage.openClaude();
    await expect.poll(watched.state, { timeout: 20_000 }).toBe('idle');
    await claude.leave();
    await expect.poll(watched.ends, { timeout: 10_000 }).toEqual(['exited']);
  });
});
