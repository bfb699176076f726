/** What the charts offer to others; the only barrel file of the project. */
export * from './describe.ts';
export { CHART_ENDINGS, type ChartFormat, exportChart } from './export.ts';
export { type Refusal, refusalOf } from './refusals.ts';
export { sessionMachine } from './session.ts';
export type * from './session-events.ts';
export type * from './session-facts.ts';
export { FACTS, type FactKind } from './session-facts.ts';
export * from './session-status.ts';
export type * from './session-types.ts';
export { MACHINE_VERSION } from './session-types.ts';
export * from './step.ts';
export { isDirect } from './steps/step-draft.ts';
export { type SupervisorEvent, sessionActorOf, supervisorMachine } from './supervisor.ts';
export { createTimelineBuilder, type TimelineBuilder } from './timeline.ts';
