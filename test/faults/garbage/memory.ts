/**
 * How much memory a process really needs, and which way that goes. What a process holds (RSS) goes up and
 * down with the moods of its garbage collector by more than any leak of a minute: so it is asked, over
 * node's inspector, to collect first, and then what is alive.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { WebSocket } from 'ws';

/** Flags for a process whose memory shall be looked at. */
export const INSPECTABLE = ['--inspect=127.0.0.1:0'];

interface Sample {
  minutes: number;
  /** Alive after a collection: objects and buffers of the main thread, MiB. */
  live: number;
  /** Held from the system after that collection, all threads, MiB. */
  held: number;
}

export interface MemoryProbe extends Disposable {
  /** Collects garbage and notes what is left. */
  sample(): Promise<Sample>;
  readonly samples: readonly Sample[];
  /** Growth of what is alive over all samples, MiB a minute. */
  slope(): number;
  /** Most that was ever held, as the kernel knows it, MiB. */
  peak(): number;
}

/** @param output what the process wrote to its terminal: node says there where its inspector listens */
export async function probeMemory(pid: number, output: string): Promise<MemoryProbe> {
  const [address] = /ws:\/\/127\.0\.0\.1:\d+\/[\w-]+/.exec(output) ?? [];
  if (address === undefined) throw new Error(`no inspector in ${output}`);
  const socket = new WebSocket(address);
  await once(socket, 'open');
  const samples: Sample[] = [];
  let asked = 0;

  async function ask(method: string, params: object = {}): Promise<string> {
    asked++;
    socket.send(JSON.stringify({ id: asked, method, params }));
    for (;;) {
      const [answer] = await once(socket, 'message');
      const { id, result } = JSON.parse(String(answer)) as Answer;
      if (id === asked) return result?.result?.value ?? '';
    }
  }

  return {
    samples,
    async sample() {
      await ask('HeapProfiler.collectGarbage');
      const expression = 'JSON.stringify(process.memoryUsage())';
      const usage = await ask('Runtime.evaluate', { expression });
      const { heapUsed, external } = JSON.parse(usage) as NodeJS.MemoryUsage;
      const held = fieldOf(pid, 'VmRSS');
      const minutes = performance.now() / 60_000;
      const sample = { minutes, live: (heapUsed + external) / 2 ** 20, held };
      samples.push(sample);
      return sample;
    },
    slope: () => slopeOf(samples),
    peak: () => fieldOf(pid, 'VmHWM'),
    [Symbol.dispose]: () => socket.terminate(),
  };
}

interface Answer {
  id?: number;
  result?: { result?: { value?: string } };
}

function fieldOf(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
}

/** Least squares. */
function slopeOf(samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const x = mean(({ minutes }) => minutes);
  const y = mean(({ live }) => live);
  const rise = mean(({ minutes, live }) => (minutes - x) * (live - y));
  return rise / mean(({ minutes }) => (minutes - x) ** 2);
}
