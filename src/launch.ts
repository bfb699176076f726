#!/usr/bin/env node
/**
 * What the shell starts once built: runs the program beside it, or inside the one executable, out of the code cache
 * that the build has written, which spares a start the compilation of all it needs. V8 takes no cache but its own
 * version's; with any other, or none, the program is compiled as usual. A thread of the store starts here as well,
 * and runs its own code.
 */
import { existsSync, readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PerformanceObserver } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { isMainThread } from 'node:worker_threads';
import { insideBytes, isStandalone, requireInside } from './standalone.ts';
import { warmUpThread } from './store/thread/start.ts';

// What is young is small here: threads that are woken to help collecting it cost more than they spare. Before all
// else, and in code-cache.mjs too: V8 takes a cache only under the flags that it was written under.
if (isMainThread) setFlagsFromString('--no-parallel-scavenge');
// A start that names itself waits for nothing as long as for this thread; other words find out in the program.
if (isMainThread && process.argv.includes('start')) warmUpThread();

const { file, text, cache, require } = isStandalone() ? inside() : beside();
const program = new Script(Module.wrap(text.toString('latin1')), {
  filename: file,
  ...(cache !== null && { cachedData: cache }),
});
program.runInThisContext()({}, require, { exports: {} }, file, dirname(file));
// A start may take what it needs, to be quick; most commands have ended by then.
if (isMainThread) setTimeout(boundMemory, 1000).unref();

function beside() {
  const name = isMainThread ? 'program.js' : 'writer-thread.js';
  const file = fileURLToPath(new URL(name, import.meta.url));
  const cache = existsSync(`${file}.cache`) ? readFileSync(`${file}.cache`) : null;
  return { file, text: readFileSync(file), cache, require: createRequire(file) };
}

function inside() {
  // There is no such file; what looks for something beside it finds what is beside the executable.
  const file = join(dirname(process.execPath), 'program.js');
  const cache = insideBytes('program.js.cache');
  return { file, text: insideBytes('program.js'), cache, require: requireInside() };
}

/*
 * Keeps small what this process holds of memory beyond what is alive. V8 lets garbage gather until collecting it costs
 * as little as possible; on a small rented machine the memory is worth more than these few percent. What a busy time
 * left behind V8 gives back by itself within a minute.
 */

/** The old generation is collected when it has grown by this part of what was alive, percent; V8: up to 300. */
const HEAP_GROWING_PERCENT = 60;
/** Both halves of the young generation, bytes. V8 would double them up to 32 MiB. */
const MAX_YOUNG_BYTES = 8 * 1024 * 1024;

/** Begins to bound the heap of the main thread. Keeps no process alive. */
function boundMemory(): void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
  new PerformanceObserver(boundYoungGeneration).observe({ entryTypes: ['gc'] });
}

/** V8 takes no limit from a running process; by which factor it grows, it asks each time. */
function boundYoungGeneration(): void {
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
  const mayGrow = young === undefined || young.space_size < MAX_YOUNG_BYTES;
  setFlagsFromString(`--semi-space-growth-factor=${mayGrow ? 2 : 1}`);
}
