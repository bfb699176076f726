#!/usr/bin/env node
/**
 * What the shell starts once built: runs the program beside it, or inside the one executable, out of the code cache
 * that the build has written, which spares a start the compilation of all it needs. V8 takes no cache but its own
 * version's; with any other, or none, the program is compiled as usual.
 */
import { existsSync, readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { boundMemory } from './memory.ts';
import { insideBytes, isStandalone, requireInside } from './standalone.ts';
import { warmUpThread } from './store/thread/start.ts';

// A start that names itself waits for nothing as long as for this thread; other words find out in the program.
if (process.argv.includes('start')) warmUpThread();

const { file, text, cache, require } = isStandalone() ? inside() : beside();
const program = new Script(Module.wrap(text.toString('latin1')), {
  filename: file,
  ...(cache !== null && { cachedData: cache }),
});
// What is young is small here: threads that are woken to help collecting it cost more than they spare. Only
// now, for a cache is taken under the flags only that it was written under.
setFlagsFromString('--no-parallel-scavenge');
program.runInThisContext()({}, require, { exports: {} }, file, dirname(file));
// A start may take what it needs, to be quick; most commands have ended by then.
setTimeout(boundMemory, 1000).unref();

function beside() {
  const file = fileURLToPath(new URL('./program.js', import.meta.url));
  const cache = existsSync(`${file}.cache`) ? readFileSync(`${file}.cache`) : null;
  return { file, text: readFileSync(file), cache, require: createRequire(file) };
}

function inside() {
  // There is no such file; what looks for something beside it finds what lies beside the executable.
  const file = join(dirname(process.execPath), 'program.js');
  const cache = insideBytes('program.js.cache');
  return { file, text: insideBytes('program.js'), cache, require: requireInside() };
}
