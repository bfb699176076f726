/**
 * Keeps small what this process holds of memory beyond what is alive. V8 lets garbage gather until collecting it
 * costs as little as possible; on a small rented machine the memory is worth more than these few percent. What a
 * busy time left behind V8 gives back by itself within a minute.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** The old generation is collected when it has grown by this part of what was alive, percent; V8: up to 300. */
const HEAP_GROWING_PERCENT = 60;
/** Both halves of the young generation, bytes. V8 would double them up to 32 MiB. */
const MAX_YOUNG_BYTES = 8 * 1024 * 1024;

/** Begins to bound the heap of the main thread. Keeps no process alive. */
export function boundMemory(): void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
  new PerformanceObserver(boundYoungGeneration).observe({ entryTypes: ['gc'] });
}

/** V8 takes no limit from a running process; by which factor it grows, it asks each time. */
function boundYoungGeneration(): void {
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
  const mayGrow = young === undefined || young.space_size < MAX_YOUNG_BYTES;
  setFlagsFromString(`--semi-space-growth-factor=${mayGrow ? 2 : 1}`);
}
