/** install-hooks and the settings of other people: what is added, and all that must not be touched. */
import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HOOK_EVENTS, shellQuote, writeHookFiles } from '../../src/cli/hook-files.ts';
import { openDataDirectory } from '../../src/files.ts';
import { Home } from './support.ts';

const EVENTS = [...HOOK_EVENTS.keys()];
let home: Home;

beforeEach(() => {
  home = new Home();
  openDataDirectory(home.paths);
  writeHookFiles(home.paths, 'http://127.0.0.1:4000');
});
afterEach(() => home.remove());

type Entry = { type: string; command: string; async?: boolean };
type Written = { hooks: Record<string, { matcher?: string; hooks: Entry[] }[]> };

const text = (path = home.settings): string => readFileSync(path, 'utf8');
const written = (): Written => JSON.parse(text());
const backups = (): string[] =>
  readdirSync(dirname(home.settings)).filter((name) => name.includes('orbitdock-bak'));
function settings(value: unknown): void {
  writeFileSync(home.settings, typeof value === 'string' ? value : JSON.stringify(value, null, 2));
}

it('creates the file with one command hook for each event', async () => {
  const { exitCode, stdout, stderr } = await home.run('install-hooks');
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toBe(
    [
      '',
      `  Added ${EVENTS.length} hook(s):`,
      ...EVENTS.map((event) => `    + hooks.${event}`),
      '',
      `  Settings written to ${home.settings}`,
      '',
      '',
    ].join('\n'),
  );
  expect(Object.keys(written().hooks)).toEqual(EVENTS);
  expect(written().hooks.PreToolUse).toEqual([
    {
      hooks: [
        {
          type: 'command',
          command: `${shellQuote(home.paths.hookScript)} claude_tool_event`,
          async: true,
        },
      ],
    },
  ]);
  expect(statSync(home.settings).mode & 0o777).toBe(0o600);
  expect(backups()).toEqual([]);
});

it('waits for the beginnings and ends, and never registers what would change the agent', async () => {
  await home.run('install-hooks');
  const sync = EVENTS.filter((event) => written().hooks[event]?.[0]?.hooks[0]?.async !== true);
  expect(sync.sort()).toEqual([
    'PermissionRequest',
    'PostCompact',
    'PreCompact',
    'SessionEnd',
    'SessionStart',
    'Stop',
    'StopFailure',
    'UserPromptSubmit',
  ]);
  expect(EVENTS).not.toContain('WorktreeCreate');
  expect(EVENTS).not.toContain('MessageDisplay');
});

it('registers only what the oldest CLI in use knows: it stops at its start over any other name', async () => {
  // Of 2.1.112, the last that needs no binary.
  const known =
    'PreToolUse PostToolUse PostToolUseFailure Notification UserPromptSubmit SessionStart SessionEnd Stop ' +
    'StopFailure SubagentStart SubagentStop PreCompact PostCompact PermissionRequest PermissionDenied Setup ' +
    'TeammateIdle TaskCreated TaskCompleted Elicitation ElicitationResult ConfigChange WorktreeCreate ' +
    'WorktreeRemove InstructionsLoaded CwdChanged FileChanged';
  expect(EVENTS.filter((event) => !known.split(' ').includes(event))).toEqual([]);
});

it('writes a command that a shell runs, whatever the path is', async () => {
  await home.run('install-hooks');
  const command = written().hooks.Stop?.[0]?.hooks[0]?.command ?? '';
  const child = spawn('/bin/sh', ['-c', command], { cwd: home.dir, env: home.env });
  child.stdin.end('{"session_id":"s"}');
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
  expect(readdirSync(home.paths.spool).filter((name) => name.endsWith('.json'))).toHaveLength(1);
  expect(existsSync(join(home.dir, 'PWNED'))).toBe(false);
});

it('changes nothing the second time, and makes no backup then', async () => {
  await home.run('install-hooks');
  const before = text();
  const { stdout } = await home.run('install-hooks');
  expect(stdout).toContain('Added 0 hook(s)');
  expect(stdout).not.toContain('Updated');
  expect(text()).toBe(before);
  expect(backups()).toEqual([]);
});

it('keeps everybody else: hooks, matchers, siblings, unknown keys, order and indentation', async () => {
  const foreign = {
    model: 'opus',
    hooks: {
      Future: [{ hooks: [{ type: 'http', url: 'http://x' }], odd: 1 }],
      PreToolUse: [
        {
          matcher: 'Bash|Edit',
          hooks: [
            { type: 'command', command: '/opt/other/pre-hook.sh claude_tool_event', timeout: 5 },
            { type: 'command', command: '/opt/orbitdock/hook.sh claude_tool_event' },
          ],
        },
      ],
    },
    permissions: { allow: ['Bash(ls)'] },
    zeta: null,
  };
  settings(JSON.stringify(foreign, null, '\t'));
  await home.run('install-hooks');
  const now = written() as unknown as typeof foreign;
  expect(Object.keys(now)).toEqual(Object.keys(foreign));
  expect(Object.keys(now.hooks).slice(0, 2)).toEqual(['Future', 'PreToolUse']);
  expect(now.hooks.Future).toEqual(foreign.hooks.Future);
  expect(now.hooks.PreToolUse[0]).toEqual(foreign.hooks.PreToolUse[0]);
  expect(now.hooks.PreToolUse).toHaveLength(2);
  expect(text()).toContain('\n\t"model": "opus"');
  expect(text().endsWith('}')).toBe(true);
});

it('corrects an older entry of its own in place and says so', async () => {
  const script = home.paths.hookScript;
  const own = {
    type: 'command',
    command: `${script} claude_status_event`,
    async: true,
    timeout: 9,
  };
  const sibling = { type: 'command', command: 'say done' };
  const double = { ...own, command: `${shellQuote(script)} claude_status_event` };
  settings({ hooks: { Stop: [{ matcher: '', hooks: [sibling, own] }, { hooks: [double] }] } });
  const { stdout } = await home.run('install-hooks');
  expect(stdout).toContain('  Updated 1 hook(s):\n    ~ hooks.Stop\n');
  expect(stdout).toContain(`  Backed up ${home.settings} → ${home.settings}.orbitdock-bak-1\n`);
  expect(written().hooks.Stop).toEqual([
    {
      matcher: '',
      hooks: [
        sibling,
        { type: 'command', command: `${shellQuote(script)} claude_status_event words`, timeout: 9 },
      ],
    },
  ]);
});

it('takes away what an earlier version registered and older CLIs stop over', async () => {
  const own = {
    type: 'command',
    command: `${shellQuote(home.paths.hookScript)} claude_status_event`,
  };
  const other = { type: 'command', command: 'say done' };
  settings({
    hooks: { PostToolBatch: [{ hooks: [own] }], PostModelSwitch: [{ hooks: [other, own] }] },
  });
  const { stdout } = await home.run('install-hooks');
  expect(stdout).toContain('  Removed 2 hook(s):\n    - hooks.PostToolBatch\n');
  expect(written().hooks.PostToolBatch).toBeUndefined();
  expect(written().hooks.PostModelSwitch).toEqual([{ hooks: [other] }]);
  expect((await home.run('install-hooks')).stdout).toContain('Added 0 hook(s)');
});

it('numbers its backups, which are exact and as private as the file', async () => {
  const texts = ['{"a":1}', '{ "a" : 2 }'];
  for (const one of texts) {
    settings(one);
    chmodSync(home.settings, 0o640);
    await home.run('install-hooks');
  }
  expect(backups().sort()).toEqual([
    'settings.json.orbitdock-bak-1',
    'settings.json.orbitdock-bak-2',
  ]);
  for (const [i, one] of texts.entries()) {
    const path = `${home.settings}.orbitdock-bak-${i + 1}`;
    expect(text(path)).toBe(one);
    expect(statSync(path).mode & 0o777 & ~0o640).toBe(0);
  }
  expect(statSync(home.settings).mode & 0o777).toBe(0o640);
});

it('follows a link to its file and leaves the link a link, also when the file is yet to come', async () => {
  const real = join(home.dir, 'dotfiles', 'claude.json');
  symlinkSync('../dotfiles/claude.json', home.settings);
  await home.run('install-hooks');
  expect(lstatSync(home.settings).isSymbolicLink()).toBe(true);
  writeFileSync(real, '{"mine":true}');
  await home.run('install-hooks');
  expect(lstatSync(home.settings).isSymbolicLink()).toBe(true);
  expect(JSON.parse(text(real))).toMatchObject({ mine: true, hooks: { Stop: [{}] } });
});

describe('a file that Claude Code accepts', () => {
  it.each(['', '\n', ' \r\n\t', '\uFEFF', '\uFEFF\r\n'])('is taken as empty: %j', async (blank) => {
    settings(blank);
    expect((await home.run('install-hooks')).exitCode).toBe(0);
    expect(text().startsWith('\uFEFF')).toBe(blank.startsWith('\uFEFF'));
    expect(Object.keys(JSON.parse(text().replace('\uFEFF', '')).hooks)).toEqual(EVENTS);
  });

  it('keeps every byte of the lines that are not about our hooks', async () => {
    const lines = [
      '\uFEFF{',
      '   "days": 99999999999999999999, "x": 1.0,',
      '   "y":[1,2 , "\\u00eb"],',
    ];
    settings([...lines, '   "model": "opus"', '}'].join('\r\n'));
    await home.run('install-hooks');
    expect(text().split('\r\n').slice(0, 3)).toEqual(lines);
    expect(text().replaceAll('\r\n', '')).not.toContain('\n');
    expect(text().endsWith('\r\n}')).toBe(true);
  });

  it('keeps what stands beside our hooks as it was written', async () => {
    const other = '{ "hooks": [ {"type":"command", "command":"other.sh", "timeout": 5.0} ] }';
    settings(
      `{\n  "hooks": {\n    "Other": [\n${other}\n],\n    "Stop": [  ]\n  },\n"z": 1.50\n}\n`,
    );
    await home.run('install-hooks');
    expect(text()).toContain(`"Other": [\n${other}\n],\n`);
    expect(text().endsWith('},\n"z": 1.50\n}\n')).toBe(true);
    expect(written().hooks.Stop).toHaveLength(1);
  });

  it('has the last of two equal keys, as every reader of JSON takes it', async () => {
    settings('{"hooks":{"Stop":[]},"model":"a","hooks":{"Own":[]},"model":"b"}');
    await home.run('install-hooks');
    expect(written()).toMatchObject({ model: 'b', hooks: { Own: [], Stop: [{}] } });
  });
});

it('leaves nothing behind where it may not write, and says what to do', async () => {
  // All code is loaded by then: the project itself may lie where only its owner reads.
  settings('{}');
  await home.run('install-hooks');
  for (const name of readdirSync(dirname(home.settings)))
    rmSync(join(dirname(home.settings), name));
  const store = mkdtempSync(join(home.dir, 'store-'));
  const target = join(store, 'settings.json');
  writeFileSync(target, '{"model":"opus"}');
  chmodSync(store, 0o555);
  symlinkSync(target, home.settings);
  const { exitCode, stderr } = await asOrdinaryUser(() => home.run('install-hooks'));
  expect(exitCode).toBe(1);
  expect(stderr).toContain(`a link to ${target}, cannot be written (EACCES`);
  expect(stderr).toContain('--settings-path');
  expect(readdirSync(dirname(home.settings))).toEqual(['settings.json']);
});

/** Root may write everywhere, so it lays its rights down meanwhile. */
async function asOrdinaryUser<T>(work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return await work();
  for (const name of ['.', ...readdirSync(home.dir, { recursive: true, encoding: 'utf8' })]) {
    lchownSync(join(home.dir, name), 65_534, 65_534);
  }
  process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

describe('a file it cannot read for certain', () => {
  it.each([
    ['{\n  "a": 1,\n}', 'line 3, column 1'],
    ['{\n  // no\n  "a": 1\n}', 'line 2, column 3'],
    ["{'a': 1}", 'line 1, column 2'],
    ['{"a": 1} x', 'line 1, column 10'],
    ['{"a": [1, {"b": tru}]}', 'line 1, column 17'],
    ['{"a": "x', 'line 1, column 7'],
    ['\uFEFF{"a": 1,}', 'line 1, column 9'],
  ])('is refused with the place named: %j', async (bad, place) => {
    settings(bad);
    const { exitCode, stderr } = await home.run('install-hooks');
    expect(exitCode).toBe(65);
    expect(stderr).toContain(`not valid JSON at ${place}`);
    expect(text()).toBe(bad);
    expect(backups()).toEqual([]);
  });

  it('is refused when it is not UTF-8, byte for byte as it was', async () => {
    const latin = Buffer.from('{"name":"Zo\xeb"}', 'latin1');
    writeFileSync(home.settings, latin);
    const { exitCode, stderr } = await home.run('install-hooks');
    expect(exitCode).toBe(65);
    expect(stderr).toContain('not encoded as UTF-8');
    expect(readFileSync(home.settings)).toEqual(latin);
  });

  it.each([
    ['[]', 'it does not hold a JSON object'],
    ['{"hooks":[]}', '`hooks` is not an object'],
    ['{"hooks":null}', '`hooks` is not an object'],
    ['{"hooks":{"Stop":{}}}', '`hooks.Stop` is not a list'],
    ['{"hooks":{"Stop":[{"hooks":[]},{"command":"x"}]}}', '`hooks.Stop[1]`'],
    ['{"hooks":{"Any":[{"hooks":["x"]}]}}', '`hooks.Any[0]`'],
  ])('is refused when its shape is wrong: %s', async (bad, clause) => {
    settings(bad);
    const { exitCode, stderr } = await home.run('install-hooks');
    expect(exitCode).toBe(65);
    expect(stderr).toContain(clause);
    expect(text()).toBe(bad);
  });
});

it('asks for init first', async () => {
  const other = new Home();
  const { exitCode, stderr } = await other.run('install-hooks');
  expect(exitCode).toBe(1);
  expect(stderr).toContain(`Hook script not found at ${other.paths.hookScript}. Run \`orbitdock`);
  expect(existsSync(other.settings)).toBe(false);
  other.remove();
});

it('looks where Claude Code looks, unless another place is given', async () => {
  home.env.CLAUDE_CONFIG_DIR = join(home.dir, 'elsewhere');
  await home.run('install-hooks');
  expect(existsSync(join(home.dir, 'elsewhere', 'settings.json'))).toBe(true);
  const path = join(home.dir, 'project', '.claude', 'settings.local.json');
  mkdirSync(dirname(path), { recursive: true });
  await home.run('install-hooks', '--settings-path', path);
  expect(existsSync(path)).toBe(true);
  expect(existsSync(home.settings)).toBe(false);
});

it('mentions that hooks are switched off', async () => {
  settings({ disableAllHooks: true });
  expect((await home.run('install-hooks')).stdout).toContain('`disableAllHooks` is set');
});

describe('uninstall-hooks', () => {
  const hook = '{ "hooks": [{ "type": "command", "command": "say" }] }';
  const SHAPES = [
    '',
    '\n',
    '\uFEFF',
    '{}',
    '{ }\n',
    '{"hooks":{}}',
    '{"hooks":{"Stop":[]},"model":"opus"}',
    '{"env":{},"model":"opus"}',
    '\uFEFF{"model":"opus"}\n',
    '{\r\n  "model": "opus"\r\n}\r\n',
    '{\n\t"model": "opus"\n}',
    '{"model":"a","model":"b"}',
    '{"hooks":{"Stop":[]},"model":"a","hooks":{"Own":[]}}',
    '{"cleanupPeriodDays":99999999999999999999,"x":1.0,  "y":[1,2 , "\\u00eb"]}',
    `{\n  "model": "opus",\n  "hooks": {\n    "Stop": [\n      ${hook}\n    ]\n  }\n}\n`,
    `{"hooks":{"Stop":[${hook}],"Zeta":[ ${hook} ],"PreToolUse":[${hook},${hook}]},"z":1.50}`,
    `{"env": {"A": "b"},\n\n\n "hooks": { "Stop":\n[\n${hook}]} , "permissions": {"allow": []}}\n\n`,
  ];

  it.each(SHAPES)('gives the very bytes back: %j', async (before) => {
    for (const more of [[], ['--no-answers'], ['--telemetry']]) {
      settings(before);
      await home.run('install-hooks');
      // Another time, with other settings: what was there before the first one counts.
      expect((await home.run('install-hooks', ...more)).exitCode).toBe(0);
      const { exitCode, stdout } = await home.run('uninstall-hooks');
      expect({ exitCode, text: text() }).toEqual({ exitCode: 0, text: before });
      expect(stdout).toContain(`  Removed ${EVENTS.length} hook(s):\n`);
      expect(readdirSync(dirname(home.settings))).toEqual(['settings.json']);
    }
    expect(readdirSync(home.paths.dir).filter((name) => /before|telemetry/.test(name))).toEqual([]);
  });

  it.each(SHAPES.filter((shape) => shape.includes('"model": "opus"')))(
    'keeps what was changed meanwhile, and all else byte for byte: %j',
    async (before) => {
      settings(before);
      await home.run('install-hooks');
      settings(text().replace('"opus"', '"sonnet" ,  "added":[ 1 ]'));
      await home.run('uninstall-hooks');
      expect(text()).toBe(before.replace('"opus"', '"sonnet" ,  "added":[ 1 ]'));
    },
  );

  it('keeps hooks that others have put among ours', async () => {
    settings('{"model":"opus"}');
    await home.run('install-hooks');
    const now = written();
    now.hooks.Stop?.push({ hooks: [{ type: 'command', command: 'other.sh' }] });
    settings(now);
    await home.run('uninstall-hooks');
    const other = { hooks: [{ type: 'command', command: 'other.sh' }] };
    expect(written()).toEqual({ model: 'opus', hooks: { Stop: [other] } });
    expect(backups()).toEqual([]);
  });

  it('gives back the bytes that an earlier version has set aside', async () => {
    const before = '{ "model":"opus" }';
    settings(before);
    await home.run('install-hooks');
    rmSync(join(home.paths.dir, 'settings-before.json'));
    await home.run('install-hooks', '--no-answers');
    await home.run('uninstall-hooks');
    expect(text()).toBe(before);
  });

  it('leaves no file where none was, nor the directory made for it, nor the target of a link', async () => {
    const config = join(home.dir, 'new', 'claude');
    home.env.CLAUDE_CONFIG_DIR = config;
    const project = join(home.dir, 'project', '.claude', 'settings.local.json');
    await home.run('install-hooks');
    await home.run('install-hooks', '--settings-path', project);
    expect(existsSync(project)).toBe(true);
    const { stdout } = await home.run('uninstall-hooks');
    expect(stdout).toContain(`  ${join(config, 'settings.json')} is gone, as before`);
    expect([existsSync(join(home.dir, 'new')), existsSync(join(home.dir, 'project'))]).toEqual([
      false,
      false,
    ]);

    const linked = join(home.dir, 'linked');
    mkdirSync(linked);
    symlinkSync('../dotfiles/claude.json', join(linked, 'settings.json'));
    home.env.CLAUDE_CONFIG_DIR = linked;
    await home.run('install-hooks');
    expect(existsSync(join(home.dir, 'dotfiles'))).toBe(true);
    await home.run('uninstall-hooks');
    expect(existsSync(join(home.dir, 'dotfiles'))).toBe(false);
    expect(lstatSync(join(linked, 'settings.json')).isSymbolicLink()).toBe(true);
  });

  it('keeps the copies while hooks of another data directory are in the file', async () => {
    const other = { type: 'command', command: '/elsewhere/.orbitdock/hook.sh claude_status_event' };
    settings({ hooks: { Stop: [{ hooks: [other] }] } });
    await home.run('install-hooks');
    await home.run('uninstall-hooks');
    expect(backups()).toHaveLength(1);
  });

  it("leaves nothing of ours and all of others', also in one group", async () => {
    const { hookScript } = home.paths;
    const ours = { type: 'command', command: `${shellQuote(hookScript)} claude_status_event` };
    const near = { type: 'command', command: '/elsewhere/.orbitdock/hook.sh claude_status_event' };
    settings({ hooks: { Stop: [{ matcher: '', hooks: [near, ours] }], Old: [{ hooks: [ours] }] } });
    await home.run('uninstall-hooks');
    expect(written()).toEqual({ hooks: { Stop: [{ matcher: '', hooks: [near] }] } });
    expect((await home.run('uninstall-hooks')).stdout).toContain('Removed 0 hook(s)');
    expect(backups()).toEqual([]);
  });
});
