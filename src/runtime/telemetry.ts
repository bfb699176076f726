/**
 * Sends sessions what the telemetry of their CLI reports: who decided a request, what answers of the model have cost,
 * and the permission mode. A report goes through the ledger as every event does; the chart judges it by the rank of
 * its witness. Sessions that nothing else has shown stay unknown.
 */
import type { ModelCall, SessionEvent } from '../../machines/session-events.ts';
import type { Decision, Stamp } from '../../machines/session-types.ts';
import type { Logger } from '../log.ts';
import type { Providers } from '../providers/registry.ts';
import type { TelemetryReport } from '../providers/reports.ts';
import { CLOCKS_OF_MACHINE, happenedAt, type StampClock, stampFromMicroseconds } from './clock.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { LiveSession } from './sessions/live-session.ts';
import type { Registry } from './sessions/registry.ts';

interface TelemetryDeps {
  providers: Iterable<Pick<Providers extends Iterable<infer One> ? One : never, 'readTelemetry'>>;
  registry: Pick<Registry, 'enter'>;
  ledger: Pick<Ledger, 'send'>;
  clock: StampClock;
  log: Logger;
}

/** Takes the parsed body of one request of an exporter. Never throws: who sends it learns nothing from a refusal. */
export function createTelemetry(deps: TelemetryDeps): (body: unknown) => void {
  const { providers, registry, log } = deps;
  const failed = (session_id: string, error: Error): void =>
    log.warn('telemetry.not_stored', { session_id, error });

  function send(live: LiveSession, report: TelemetryReport): void {
    const event = eventOf(report, stampOf(deps.clock, report));
    // Mostly it is about a tool use that needed no permission.
    if (event === null || (live.inFlight === 0 && !live.head.snapshot.can(event))) return;
    const { key, sessionId } = report;
    const settle = (error: Error | null): void => {
      if (error) failed(sessionId, error);
    };
    deps.ledger.send(live, { event, origin: 'telemetry', key, settle });
  }

  return (body) => {
    for (const { readTelemetry } of providers) {
      for (const report of readTelemetry?.(body) ?? []) {
        registry
          .enter(report.sessionId, ({ live }) => live && send(live, report))
          .catch((error: Error) => failed(report.sessionId, error));
      }
    }
  };
}

function eventOf(report: TelemetryReport, at: Stamp): SessionEvent | null {
  const { witness } = report;
  switch (report.what) {
    case 'tool.decided': {
      const { tool: toolUseId, by } = report;
      return { type: 'decision.seen', at, witness, toolUseId, decision: decisionOf(report), by };
    }
    case 'tool.settled': {
      // It gets nothing of what was refused: what was reported to be over did run.
      const { tool: toolUseId } = report;
      const decision = 'approved';
      return { type: 'decision.seen', at, witness, toolUseId, decision, by: 'its result' };
    }
    case 'api.answered':
      return report.usd === null
        ? null
        : { type: 'cost.added', at, witness, usd: report.usd, ...callOf(report) };
    case 'permission.mode':
      return { type: 'fields.updated', at, witness, fields: { permission_mode: report.mode } };
  }
}

/** The call of the model; nothing where the CLI does not say how long it took. */
function callOf({
  model,
  request,
  agent,
  durationMs,
  tokens: { input, output, cacheRead, cacheCreation: cacheWrite },
}: TelemetryReport & { what: 'api.answered' }): { call?: ModelCall } {
  if (durationMs === null) return {};
  const tokens = { input, output, cacheRead, cacheWrite };
  return { call: { model, request, agent, durationMs, tokens } };
}

function decisionOf({
  accepted,
  forGood,
  by,
}: TelemetryReport & { what: 'tool.decided' }): Decision {
  if (accepted) return forGood ? 'approved_always' : 'approved';
  if (by === 'aborted') return 'cancelled';
  return by === 'rule' ? 'refused_by_rule' : 'denied';
}

/** The CLI stamps by this machine's wall clock, which the server's clock may be ahead of. */
function stampOf(clock: StampClock, { stamp }: TelemetryReport): Stamp {
  const report = { stampUs: Math.floor(stamp * 1000), sentUs: null, isLive: false };
  const arrival = { arrivedMs: performance.now(), clocks: CLOCKS_OF_MACHINE };
  return stampFromMicroseconds(happenedAt(clock, arrival, report));
}
