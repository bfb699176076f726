import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  allowedTranscript,
  claudeHomes,
  listAgentFiles,
  listTranscripts,
} from '../../../src/providers/claude/homes.ts';

let folder: string;
let home: string;
let project: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'homes-'));
  home = join(folder, '.claude');
  project = join(home, 'projects', '-home-dev-shop');
  mkdirSync(project, { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function file(path: string, changedAt = 1): string {
  writeFileSync(path, '{}\n');
  utimesSync(path, changedAt, changedAt);
  return path;
}

describe('the homes', () => {
  it('are ~/.claude, the configured one and the given ones, each once', () => {
    expect(claudeHomes([], { HOME: '/home/dev' })).toEqual(['/home/dev/.claude']);
    const env = { HOME: '/home/dev', CLAUDE_CONFIG_DIR: '/profiles/work' };
    expect(claudeHomes(['/profiles/work/', '/profiles/own'], env)).toEqual([
      '/home/dev/.claude',
      '/profiles/work',
      '/profiles/own',
    ]);
  });
});

describe('a transcript that a hook names', () => {
  it('is opened when it lies in a home, also when the home itself is a link', async () => {
    const path = file(join(project, 'a.jsonl'));
    symlinkSync(home, join(folder, 'linked'));
    expect(await allowedTranscript([home], path)).toBe(path);
    const linked = path.replace('/.claude/', '/linked/');
    expect(await allowedTranscript([join(folder, 'linked')], linked)).toBe(path);
  });

  it('is not opened elsewhere, through a link, or when it is no regular file', async () => {
    const outside = file(join(folder, 'outside.jsonl'));
    symlinkSync(outside, join(project, 'link.jsonl'));
    symlinkSync(folder, join(project, 'up'));
    execFileSync('mkfifo', [join(project, 'fifo.jsonl')]);
    mkdirSync(join(project, 'folder.jsonl'));
    file(join(project, 'notes.txt'));
    mkdirSync(join(home, 'projects-evil'));
    for (const path of [
      outside,
      join(project, 'link.jsonl'),
      join(project, 'up', 'outside.jsonl'),
      join(project, 'fifo.jsonl'),
      join(project, 'folder.jsonl'),
      join(project, 'notes.txt'),
      join(project, 'absent.jsonl'),
      `${project}/../../../outside.jsonl`,
      file(join(home, 'projects-evil', 'x.jsonl')),
      '/etc/shadow',
      '/dev/zero',
      'a.jsonl',
      'nul\0.jsonl',
    ]) {
      expect(await allowedTranscript([home], path), path).toBeNull();
    }
  });
});

describe('the sessions on disk', () => {
  it('are listed newest first and bounded, without links and subagents', async () => {
    const other = join(folder, 'other', 'projects', 'p');
    mkdirSync(other, { recursive: true });
    file(join(project, 'old.jsonl'), 10);
    file(join(other, 'new.jsonl'), 30);
    file(join(project, 'middle.jsonl'), 20);
    file(join(project, 'notes.txt'), 40);
    symlinkSync(file(join(folder, 'x.jsonl'), 50), join(project, 'link.jsonl'));
    symlinkSync(folder, join(home, 'projects', 'loop'));
    mkdirSync(join(project, 'old', 'subagents'), { recursive: true });
    file(join(project, 'old', 'subagents', 'agent-a1.jsonl'), 60);
    const homes = [home, join(folder, 'other'), join(folder, 'absent')];
    const ids = async (limit: number) =>
      (await listTranscripts(homes, limit)).map(({ sessionId }) => sessionId);
    expect(await ids(10)).toEqual(['new', 'middle', 'old']);
    expect(await ids(2)).toEqual(['new', 'middle']);
    expect(await listAgentFiles(join(project, 'old.jsonl'))).toMatchObject([{ agent: 'a1' }]);
    expect(await listAgentFiles(join(project, 'middle.jsonl'))).toEqual([]);
  });
});
