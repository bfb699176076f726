/**
 * What the groups measure with: CPU time and memory of another process, rounds in turns, medians. CPU
 * time is what ratios are made of: on a busy machine the wall clock depends on other programs.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** One round's figures of one variant. */
export type Sample = Readonly<Record<string, number>>;

/**
 * CPU milliseconds a process has used so far, all its threads together, kernel time included. Linux only:
 * the scheduler's own nanoseconds, because clock ticks of 10 ms are too coarse for a round.
 */
export function cpuMsOf(pid: number): number {
  return threadsCpuUsOf(pid).reduce((sum, [, us]) => sum + us, 0) / 1000;
}

/** The same in microseconds for each thread by its id, the main thread first. */
export function threadsCpuUsOf(pid: number): [id: string, us: number][] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread): [string, number][] => {
    try {
      const schedstat = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8');
      return [[thread, Number(schedstat.split(' ', 1)[0]) / 1000]];
    } catch {
      // The thread ended while we looked; its time is lost, which happens outside of rounds only.
      return [];
    }
  });
}

/** Resident memory of a process, MiB. */
export function rssMbOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024;
}

/** Runs something and says what it cost the process of that id, and on the wall. */
export async function costOf<Result>(
  pid: number,
  run: () => Promise<Result>,
): Promise<{ result: Result; cpuMs: number; wallMs: number }> {
  const cpuBefore = cpuMsOf(pid);
  const before = performance.now();
  const result = await run();
  return { result, cpuMs: cpuMsOf(pid) - cpuBefore, wallMs: performance.now() - before };
}

/** Runs every variant once per round, in turns: a slow minute of the machine hits them all. */
export async function inTurns<Name extends string>(
  rounds: number,
  variants: Readonly<Record<Name, () => Promise<Sample>>>,
): Promise<Record<Name, Sample[]>> {
  const names = Object.keys(variants) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    Name,
    Sample[]
  >;
  for (let round = 0; round < rounds; round++) {
    for (const name of names) samples[name].push(await variants[name]());
  }
  return samples;
}

/** The middle one. @param share  0.5 for the median, 0.99 for the 99th percentile */
export function quantile(values: readonly number[], share = 0.5): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The median of one figure over the rounds. */
export function medianOf(samples: readonly Sample[], figure: string): number {
  return quantile(samples.map((sample) => sample[figure] ?? Number.NaN));
}

/** How many times the one is the other: the median over the rounds, each against its neighbour in time. */
export function ratioOf(ours: readonly Sample[], floor: readonly Sample[], figure: string): number {
  return quantile(
    ours.map((sample, round) => {
      const beside = floor[round]?.[figure] ?? Number.NaN;
      return (sample[figure] ?? Number.NaN) / beside;
    }),
  );
}
