/**
 * Tells an OpenTelemetry collector what sessions do: a span for every turn, model call, tool, subagent, request and
 * state, made of committed events. Nothing of the runtime waits for it, and what it cannot do changes nothing else.
 */
import type { Logger } from '../log.ts';
import type { OtlpConfig } from '../otlp.ts';
import type { LiveSession } from '../runtime/sessions/live-session.ts';
import type { EventItem } from '../store/items.ts';
import { openExport } from './exporter.ts';
import { SessionSpans } from './session-spans.ts';

/** Faults that are logged; the others are only counted. */
const LOGGED_FAULTS = 10;

/** Follows sessions for a collector. */
export class Traces {
  readonly #spans = new SessionSpans();
  readonly #export: ReturnType<typeof openExport>;
  readonly #log: Logger;
  #faults = 0;

  constructor(config: OtlpConfig, { version, log }: { version: string; log: Logger }) {
    this.#export = openExport(config, { version, log });
    this.#log = log;
    log.info('otlp.on', { collector: new URL(config.url).origin });
  }

  /** Sessions that are open already: what goes on in them began before. */
  open(sessions: Iterable<LiveSession>): void {
    for (const live of sessions) this.#guarded(() => this.#spans.found(live));
  }

  /** A session has moved. Never throws. */
  noticed(live: LiveSession, item: EventItem): void {
    this.#guarded(() => {
      for (const span of this.#spans.moved(live, item)) this.#export.add(span);
    });
  }

  /** Sends what is over, within two seconds; what still goes on is told by the next server. */
  async close(): Promise<void> {
    await this.#export.close();
  }

  #guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#faults += 1;
      if (this.#faults > LOGGED_FAULTS) return;
      this.#log.error('otlp.not_told', { error: error as Error });
    }
  }
}
