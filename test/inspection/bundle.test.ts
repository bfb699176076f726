/** Incident bundles: complete enough to be folded anywhere, and without anything private. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MACHINE_VERSION } from '../../machines/index.ts';
import { runCli } from '../../src/cli/index.ts';
import { replay } from '../../src/inspection/bundle.ts';
import { recordedSequence } from '../support/fixtures.ts';
import { scriptOf } from '../support/hooks.ts';
import { openInspection, sessionWithPermission } from './setup.ts';

const SEQUENCES = [
  'failures-then-success',
  'interactive-permissions',
  'permission-then-elicitation',
  'subagent',
  'tools-and-tasks',
];

describe('an incident bundle', () => {
  it('of every recorded session folds to the states of its journal', async () => {
    const { runtime, take } = await openInspection();
    for (const name of SEQUENCES) {
      const hooks = recordedSequence(name);
      await take(...hooks);
      const { jsonl } = await runtime.inspection.bundle(hooks[0]?.session_id ?? '');
      const { difference, events, folded, remarks } = replay(jsonl);
      expect([name, difference, remarks]).toEqual([name, null, []]);
      expect(folded).toBe(events);
      expect(events).toBeGreaterThan(0);
    }
  });

  it('holds machine, clock and journal, and no word, path or command of anybody', async () => {
    const { runtime, take } = await openInspection();
    await take(...sessionWithPermission('s1'));
    const { jsonl, filename } = await runtime.inspection.bundle('s1');
    expect(filename).toBe('orbitdock-s1.jsonl');
    const [header, base, ...events] = jsonl
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(header).toMatchObject({
      kind: 'orbitdock.incident',
      server: '9.9.9',
      machine: { id: 'session', version: MACHINE_VERSION },
      journal: { first: 1, last: 5, cut: false },
      clock: { exported_at: expect.any(String), first_at: events[0].at, last_at: events[4].at },
    });
    expect(base).toMatchObject({ kind: 'base', seq: 0 });
    expect(jsonl).not.toMatch(/rm -rf|delete the build|home\/dev|removed|Done\./);
  });

  it('of a long session begins with its first snapshot and still folds', async () => {
    const { runtime, take } = await openInspection();
    const script = scriptOf('long');
    await take(script.start(), script.prompt('go'));
    const hooks = Array.from({ length: 600 }, (_, at) => script.toolStarts(`t${at}`));
    await Promise.all(hooks.map((hook) => take(hook)));
    await take(script.stop());
    const { jsonl } = await runtime.inspection.bundle('long');
    expect(replay(jsonl)).toMatchObject({ events: 602, folded: 602, difference: null });
  });
});

describe('orbitdock-server replay', () => {
  it('ends with 0 when the chart does what the journal says', async () => {
    const { runtime, take } = await openInspection();
    await take(...sessionWithPermission('s1'));
    const { jsonl } = await runtime.inspection.bundle('s1');
    const { code, said } = await run(jsonl);
    expect(said).toContain('No difference');
    expect(said).toContain('Events: 5, folded: 5');
    expect(code).toBe(0);
  });

  it('names the first event at which chart and journal part, and ends with 1', async () => {
    const { runtime, take } = await openInspection();
    await take(...sessionWithPermission('s1'));
    const { jsonl } = await runtime.inspection.bundle('s1');
    const bent = jsonl
      .split('\n')
      .map((line) => line.replace('"tool.finished"', '"hook.observed"'))
      .join('\n');
    const { code, said } = await run(bent);
    expect(said).toContain('First difference at event 4, hook.observed');
    expect(said).toMatch(/Journal: taken, then .*requests.*none[\s\S]*Chart: .*permission/);
    expect(code).toBe(1);
  });

  it('refuses what is no bundle with a sentence', async () => {
    for (const text of ['', '{}', 'not json', '{"kind":"orbitdock.incident","format":9}']) {
      const { code, said } = await run(text);
      expect(said).toMatch(/not an incident bundle|not JSON/);
      expect(code).toBe(65);
    }
  });
});

async function run(text: string): Promise<{ code: number; said: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'orbit-replay-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'incident.jsonl');
  writeFileSync(file, text);
  let said = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      said += String(chunk);
      done();
    },
  });
  const env = { HOME: folder };
  const code = await runCli(['replay', file], { env, stdout: stream, stderr: stream });
  return { code, said };
}
