/** What the charts offer to others; the only barrel of the house. */
export * from './describe.ts';
export { CHART_ENDINGS, type ChartFormat, exportChart } from './export.ts';
export { sessionMachine } from './session.ts';
export type * from './session-events.ts';
export type * from './session-facts.ts';
export type * from './session-types.ts';
export { MACHINE_VERSION } from './session-types.ts';
export { isBusy, summaryOf, workStatusOf } from './steps/draft.ts';
export { type SupervisorEvent, supervisorMachine } from './supervisor.ts';
