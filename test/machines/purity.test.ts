/** The charts run anywhere and at any length: no clock, no dice, no Node, and no growth per event. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { storedForm } from '../../machines/step.ts';
import { asked, prompted, stopped, toolBegan, toolEnded } from './events.ts';
import { sessionAfter } from './session-after.ts';

const MACHINES = new URL('../../machines/', import.meta.url);
const FORBIDDEN =
  /\bDate\b(?!\.parse\()|Math\.random|performance\.|setTimeout|setInterval|\bprocess\.(env|pid|hr|on|exit|cwd)|node:|console\./;

const sources = readdirSync(MACHINES, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
);

describe('the charts', () => {
  it.each(sources)('%s reads no clock, throws no dice and needs no Node', (name) => {
    const code = readFileSync(new URL(name, MACHINES), 'utf8')
      .split('\n')
      .filter((line) => FORBIDDEN.test(line));
    expect(code).toEqual([]);
  });

  it('bundle for a browser with nothing left out and nothing put in', async () => {
    const { outputFiles, metafile, warnings } = await build({
      entryPoints: [fileURLToPath(new URL('index.ts', MACHINES))],
      bundle: true,
      platform: 'browser',
      format: 'esm',
      write: false,
      metafile: true,
      logLevel: 'silent',
    });
    expect(warnings).toEqual([]);
    expect(outputFiles).toHaveLength(1);
    const [output] = Object.values(metafile.outputs);
    expect(output?.imports).toEqual([]);
    const foreign = Object.keys(metafile.inputs).filter(
      (path) => !/machines\/(steps\/)?[\w-]+\.ts$|node_modules\/xstate\//.test(path),
    );
    expect(foreign).toEqual([]);
  });
});

describe('a long session', () => {
  it('remembers no more after 5,000 tool uses than after 200', () => {
    const sizes = [200, 5_000].map((many) => {
      const scene = sessionAfter([prompted(1)]);
      for (let n = 0; n < many; n++) {
        scene.send(toolBegan(2 + n, `t${n}`));
        scene.send(toolEnded(2.5 + n, `t${n}`));
      }
      return JSON.stringify(storedForm(scene.snapshot())).length;
    });
    expect(sizes[1]).toBeLessThan((sizes[0] ?? 0) * 1.1);
    expect(sizes[1]).toBeLessThan(16_384);
  });

  it('remembers no more after many turns, tools that never end and requests that nobody answers', () => {
    const scene = sessionAfter();
    let widest = 0;
    for (let turn = 0; turn < 200; turn++) {
      const now = turn * 1000;
      scene.send(prompted(now + 1));
      for (let n = 0; n < 10; n++) {
        scene.send(toolBegan(now + 2 + n, `t${turn}-${n}`));
        scene.send(asked(now + 20 + n, `r${turn}-${n}`, `t${turn}-${n}`));
      }
      if (turn % 2) scene.send(stopped(now + 50));
      scene.facts.length = 0;
      if (turn > 20) widest = Math.max(widest, JSON.stringify(scene.context()).length);
    }
    expect(widest).toBeLessThan(32_768);
  });

  it('records for its last tool use as many facts as for its first', () => {
    const scene = sessionAfter([prompted(1)]);
    const counts = Array.from({ length: 300 }, (_, n) => [
      scene.send(toolBegan(2 + n, `t${n}`)).facts.length,
      scene.send(toolEnded(2.5 + n, `t${n}`)).facts.length,
    ]);
    expect(new Set(counts.map(String)).size).toBe(1);
  });
});
