import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  isOurDomain,
  parseStat,
  processState,
  statOf,
} from '../../../src/providers/claude/process.ts';
import {
  parseRegistryFile,
  type RegistryEntry,
  RegistryFold,
  type SeenFile,
} from '../../../src/providers/claude/registry.ts';
import type { WatchReport } from '../../../src/providers/reports.ts';

const FIXTURES = new URL('../../fixtures/claude-registry/', import.meta.url);

function recordedFile(name: string): RegistryEntry {
  const entry = parseRegistryFile(readFileSync(new URL(name, FIXTURES), 'utf8'));
  if (entry === null) throw new Error(`${name} is no registry file`);
  return entry;
}

/** One look per recorded content of one file. */
function replay(name: string): WatchReport[] {
  const fold = new RegistryFold();
  let last: RegistryEntry | null = null;
  return readFileSync(new URL(name, FIXTURES), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { at_ms: number; content: unknown })
    .flatMap(({ at_ms, content }) => {
      const present = content !== null;
      if (present) last = parseRegistryFile(JSON.stringify(content));
      return fold.check([seen(last as RegistryEntry, { present })], at_ms);
    });
}

function entry(changes: Partial<RegistryEntry> = {}): RegistryEntry {
  const base = recordedFile('197-background-shell.json');
  return { ...base, status: 'idle', statusUpdatedAt: 1000, ...changes };
}

function seen(of: RegistryEntry, changes: Partial<SeenFile> = {}): SeenFile {
  return { path: `${of.pid}`, entry: of, present: true, process: 'running', job: null, ...changes };
}

const brief = (reports: WatchReport[]): string[] =>
  reports.map((report) => {
    if (report.what === 'session.state') return `${report.state} (${report.words})`;
    if (report.what === 'process.gone') return `gone (${report.reason})`;
    if (report.what === 'session.continued') return `${report.from} -> ${report.sessionId}`;
    if (report.what === 'process.suspended') return report.suspended ? 'suspended' : 'resumed';
    if (report.what !== 'process.seen') return report.what;
    return `seen ${report.processes.map(({ pid }) => pid).join(',')}`;
  });

describe('a registry file', () => {
  it('is read as both versions write it', () => {
    expect(recordedFile('330-background.json')).toMatchObject({
      pid: 32638,
      kind: 'bg',
      jobId: '47e12c58',
      status: 'busy',
      procStart: '324929',
      pidDomain: 'linux:0123456789abcdef0123456789abcdef:pid:[4026531836]',
    });
    expect(recordedFile('197-print.json')).toMatchObject({ status: null, entrypoint: 'sdk-cli' });
  });

  it('is so since it was written where it does not say since when', () => {
    const said = { pid: 7, sessionId: 's', status: 'busy' };
    expect(parseRegistryFile(JSON.stringify(said), 900)?.statusUpdatedAt).toBe(900);
    const known = { ...said, statusUpdatedAt: 800 };
    expect(parseRegistryFile(JSON.stringify(known), 900)?.statusUpdatedAt).toBe(800);
  });

  it('says the first status also when that is stamped before the file was first written', () => {
    const fold = new RegistryFold();
    const about = { pid: 7, sessionId: 's', procStart: '1' };
    const check = (content: object, changedAt: number) =>
      fold.check(
        [seen(parseRegistryFile(JSON.stringify(content), changedAt) as RegistryEntry)],
        2000,
      );
    check(about, 900);
    const idle = { ...about, status: 'idle', statusUpdatedAt: 850 };
    expect(brief(check(idle, 1000))).toEqual(['idle (idle)']);
  });

  it('means nothing when it is torn at any byte, or junk', () => {
    const text = readFileSync(new URL('330-background.json', FIXTURES), 'utf8').trim();
    for (let cut = 0; cut < text.length; cut += 1) {
      expect(parseRegistryFile(text.slice(0, cut)), `cut at ${cut}`).toBeNull();
    }
    for (const junk of [
      'null',
      '7',
      '[]',
      '{}',
      '{"pid":-1,"sessionId":"a"}',
      '{"pid":1,"sessionId":"../x"}',
    ]) {
      expect(parseRegistryFile(junk), junk).toBeNull();
    }
  });
});

describe('the states of a session', () => {
  it('are those of a recorded permission that was allowed', () => {
    expect(brief(replay('197-permission-allowed.jsonl'))).toEqual([
      'seen 26439',
      'idle (idle)',
      'working (busy)',
      'waiting (waiting/permission prompt)',
      'working (busy)',
      'idle (idle)',
      'gone (exited)',
    ]);
  });

  it('are those of a recorded question, with the stamps of the file', () => {
    const reports = replay('330-question.jsonl').filter(({ what }) => what === 'session.state');
    expect(brief(reports)).toEqual([
      'idle (idle)',
      'working (busy)',
      'waiting (waiting/input needed)',
      'working (busy)',
      'idle (idle)',
      'working (busy)',
      'waiting (waiting/input needed)',
      'idle (idle)',
    ]);
    expect(reports.map(({ stamp }) => stamp)[2]).toBe(1795865096334);
  });

  it('are idle with a menu open at the prompt or a background shell, and none for an unknown word', () => {
    const state = (of: RegistryEntry) =>
      new RegistryFold().check([seen(of)], 1).filter(({ what }) => what === 'session.state');
    expect(state(recordedFile('197-dialog-open.json'))).toMatchObject([{ state: 'idle' }]);
    expect(state(recordedFile('197-background-shell.json'))).toMatchObject([{ state: 'idle' }]);
    expect(state(recordedFile('197-print.json'))).toEqual([]);
    expect(state(entry({ status: 'dreaming' }))).toEqual([]);
    for (const waitingFor of ['worker request', 'sandbox request', 'something new', null]) {
      expect(state(entry({ status: 'waiting', waitingFor }))).toMatchObject([{ state: 'waiting' }]);
    }
  });

  it('are reported once, however often the same file is read', () => {
    const fold = new RegistryFold();
    expect(fold.check([seen(entry())], 1)).toHaveLength(2);
    expect(fold.check([seen(entry())], 2)).toEqual([]);
    expect(brief(fold.check([seen(entry({ statusUpdatedAt: 1001 }))], 3))).toEqual(['idle (idle)']);
  });

  it('do not go back to an older content of the same file', () => {
    const fold = new RegistryFold();
    fold.check([seen(entry({ statusUpdatedAt: 2000 }))], 1);
    expect(fold.check([seen(entry({ status: 'busy', statusUpdatedAt: 1500 }))], 2)).toEqual([]);
  });

  it('come from all processes of the session: one that waits, else one that works', () => {
    const fold = new RegistryFold();
    const two = (one: Partial<RegistryEntry>, other: Partial<RegistryEntry>) => [
      seen(entry({ pid: 1, ...one })),
      seen(entry({ pid: 2, ...other })),
    ];
    expect(brief(fold.check(two({}, { status: 'busy' }), 1))).toEqual([
      'seen 1,2',
      'working (busy)',
    ]);
    expect(
      brief(fold.check(two({ status: 'waiting', statusUpdatedAt: 1200 }, { status: 'busy' }), 2)),
    ).toEqual(['waiting (waiting)']);
  });

  it('follow the process that stays when the other one leaves, also with an older stamp', () => {
    const fold = new RegistryFold();
    const stays = entry({ pid: 1, statusUpdatedAt: 1000 });
    const leaves = entry({ pid: 2, status: 'busy', statusUpdatedAt: 5000 });
    fold.check([seen(stays), seen(leaves)], 5500);
    const reports = fold.check([seen(stays), seen(leaves, { present: false })], 6000);
    expect(brief(reports)).toEqual(['seen 1', 'idle (idle)']);
    // Written before the other one left, read after: it is not older than what was reported.
    const busy = fold.check([seen({ ...stays, status: 'busy', statusUpdatedAt: 5900 })], 6100);
    expect(busy).toMatchObject([{ state: 'working', stamp: 6000 }]);
  });
});

describe('the end of a session', () => {
  it('is reported once when its process is killed, with the file left behind', () => {
    const fold = new RegistryFold();
    fold.check([seen(entry({ status: 'busy' }))], 1);
    const dead = seen(entry({ status: 'busy' }), { process: 'gone' });
    expect(brief(fold.check([dead], 2))).toEqual(['gone (killed)']);
    expect(fold.check([dead], 3)).toEqual([]);
  });

  it('is reported after a restart of ours, by what is left on the disk', () => {
    const reports = new RegistryFold().check([seen(entry(), { process: 'gone' })], 9);
    expect(brief(reports)).toEqual(['gone (killed)']);
  });

  it('is not reported while another process bears the session, and is when that one ends too', () => {
    const fold = new RegistryFold();
    const killed = seen(entry({ pid: 1, startedAt: 10 }), { process: 'gone' });
    const next = entry({ pid: 2, startedAt: 20 });
    expect(brief(fold.check([killed, seen(next)], 1))).toEqual(['seen 2', 'idle (idle)']);
    expect(brief(fold.check([killed, seen(next, { present: false })], 2))).toEqual([
      'gone (exited)',
    ]);
    expect(fold.check([killed], 3)).toEqual([]);
  });

  it('is reported when the older of two processes ends last, whose other file is left behind', () => {
    const fold = new RegistryFold();
    const [older, newer] = [entry({ pid: 1, startedAt: 1 }), entry({ pid: 2, startedAt: 2 })];
    fold.check([seen(older), seen(newer)], 1);
    const dead = seen(newer, { process: 'gone' });
    expect(brief(fold.check([seen(older), dead], 2))).not.toContain('gone (killed)');
    expect(brief(fold.check([seen(older, { process: 'gone' }), dead], 3))).toEqual([
      'gone (killed)',
    ]);
    expect(fold.check([seen(older, { process: 'gone' }), dead], 4)).toEqual([]);
  });

  it('has another key each time, where its file was only away for a while', () => {
    const fold = new RegistryFold();
    const keys = [1000, 2000].flatMap((statusUpdatedAt) => {
      const file = entry({ statusUpdatedAt });
      fold.check([seen(file)], statusUpdatedAt);
      return fold.check([seen(file, { present: false })], statusUpdatedAt).map(({ key }) => key);
    });
    expect(new Set(keys).size).toBe(2);
  });

  it('is never concluded from a pid of another machine', () => {
    const fold = new RegistryFold();
    fold.check([seen(entry(), { process: null })], 1);
    expect(fold.check([seen(entry(), { process: null })], 2)).toEqual([]);
  });

  it('of a background session is what its job says, because its process is started again', () => {
    const fold = new RegistryFold();
    const background = recordedFile('330-background.json');
    fold.check([seen(background, { job: 'working' })], 1);
    expect(fold.check([seen(background, { job: 'blocked', process: 'gone' })], 2)).toEqual([]);
    expect(brief(fold.check([seen(background, { job: 'stopped', process: 'gone' })], 3))).toEqual([
      'gone (stopped)',
    ]);
  });
});

describe('one process with another session', () => {
  it('links the new session to the old one after /clear', () => {
    const fold = new RegistryFold();
    fold.check([seen(entry({ sessionId: 'old' }))], 1);
    const reports = fold.check([seen(entry({ sessionId: 'new', status: 'busy' }))], 2);
    expect(brief(reports)).toEqual(['old -> new', `seen ${entry().pid}`, 'working (busy)']);
  });

  it('makes nothing of the id that a continued session bears first', () => {
    const fold = new RegistryFold();
    const first = fold.check([seen(entry({ sessionId: 'thrown-away', status: null }))], 1);
    expect(first.map(({ what }) => what)).toEqual(['process.seen']);
    const reports = fold.check([seen(entry({ sessionId: 'real' }))], 2);
    expect(brief(reports)).toEqual([`seen ${entry().pid}`, 'idle (idle)']);
  });

  it('reports when it is suspended and when it runs again', () => {
    const fold = new RegistryFold();
    fold.check([seen(entry({ status: 'busy' }))], 1);
    const busy = (process: SeenFile['process']) =>
      brief(fold.check([seen(entry({ status: 'busy' }), { process })], 2));
    expect(busy('suspended')).toEqual(['suspended']);
    expect(busy('suspended')).toEqual([]);
    expect(busy('running')).toEqual(['resumed']);
  });
});

describe('a process', () => {
  it('is read whatever its program is called', () => {
    const rest = 'S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20';
    for (const name of ['claude', 'a b', 'x) R 1 (', '))((']) {
      expect(parseStat(`42 (${name}) ${rest}\n`)).toEqual({ letter: 'S', start: '777' });
    }
    for (const junk of ['', '42', '42 (x', '42 (x) S 1']) expect(parseStat(junk)).toBeNull();
  });

  it('is the same only with the same start time', () => {
    const start = statOf(process.pid)?.start as string;
    expect(processState(process.pid, start)).toBe('running');
    expect(processState(process.pid, null)).toBe('running');
    expect(processState(process.pid, String(Number(start) + 1))).toBe('gone');
    expect(processState(2 ** 22 + 1, null)).toBe('gone');
  });

  it('of another machine or namespace is not ours', () => {
    expect(isOurDomain(null)).toBe(true);
    expect(isOurDomain('linux:0123456789abcdef0123456789abcdef:pid:[1]')).toBe(false);
    expect(isOurDomain('darwin:x')).toBe(false);
  });
});
