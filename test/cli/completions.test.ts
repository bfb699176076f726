/** Completions in a real bash: what it offers for a line, as it would on Tab. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Home } from './support.ts';

let home: Home;
let script: string;
beforeAll(async () => {
  home = new Home();
  script = (await home.run('completions', 'bash')).stdout;
});
afterAll(() => home.remove());

/** What bash offers for the last word of a line. */
function offered(...words: string[]): string[] {
  const ask = `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _orbitdock_server; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const argv = ['--norc', '-c', `${script}\n${ask}`, 'bash', 'orbitdock-server', ...words];
  return execFileSync('bash', argv, { encoding: 'utf8', env: { PATH: process.env.PATH } })
    .split('\n')
    .filter((line) => line !== '');
}

it('offers commands, their second words and their options', () => {
  expect(offered('se')).toEqual(['search', 'send', 'sessions']);
  expect(offered('worktrees', '')).toEqual(['list', 'merge', 'remove']);
  expect(offered('sessions', '--w')).toEqual(['--watch']);
  expect(offered('worktrees', 'remove', '--d')).toEqual(['--data-dir', '--delete-branch']);
  expect(offered('show', 'SESSION', '--mes')).toEqual(['--messages']);
});

it('looks past options that stand before the command', () => {
  expect(offered('--data-dir', '/tmp', 'tokens', 'cr')).toEqual(['create']);
});

it('leaves what it does not know to the names of files', () => {
  expect(offered('nothing', '--x')).toEqual([]);
});

it.each(['bash', 'zsh', 'fish'])('names every command to %s', async (shell) => {
  const { exitCode, stdout } = await home.run('completions', shell);
  expect(exitCode).toBe(0);
  for (const name of ['completions', 'sessions', 'rotate', '--delete-branch']) {
    expect(stdout).toContain(name);
  }
});

it('knows no other shell', async () => {
  const outcome = await home.run('completions', 'tcsh');
  expect(outcome).toMatchObject({ exitCode: 64, stdout: '' });
});
