/**
 * The words of the list's filter: all of them must be found. `project:shop`, `agent:codex`, `branch:fix`,
 * `is:waiting` and `when:today` look at one thing, everything else at all that a row says. Pure.
 */
import type { InspectRow } from '../../src/protocol/inspect.ts';
import { agentName } from './list-order.ts';
import { searchText } from './session-labels.ts';
import { stateGroupOf } from './state-value.ts';

/** What `is:` takes; `watched`: answered in its own terminal. */
const STATES: Readonly<Record<string, string>> = {
  waiting: 'attention',
  failed: 'failed',
  working: 'working',
  finished: 'finished',
  unread: 'finished',
  idle: 'idle',
  ended: 'ended',
};

interface Circumstances {
  /** Whether the session finished and was not read since. */
  isUnread: boolean;
  /** Begin of the reader's day, ms since 1970. */
  today: number;
}

type Condition = (row: InspectRow, around: Circumstances) => boolean;

/** The conditions of a filter; an unfinished `is:` asks for nothing yet. */
export function conditionsOf(filter: string): Condition[] {
  return filter.toLowerCase().split(/\s+/).filter(Boolean).map(conditionOf);
}

function conditionOf(word: string): Condition {
  const [, field, value = ''] = /^(project|agent|branch|is|when):(.*)$/.exec(word) ?? [];
  if (field !== undefined && value === '') return () => true;
  const has = (text: string | null): boolean => (text ?? '').toLowerCase().includes(value);
  switch (field) {
    case 'project':
      return ({ project }) => has(project);
    case 'agent':
      return ({ provider, model }) => has(agentName(provider)) || has(provider) || has(model);
    case 'branch':
      return ({ branch }) => has(branch);
    case 'is':
      return (row, { isUnread }) =>
        value === 'watched' ? !row.steered : stateGroupOf(row, isUnread) === STATES[value];
    case 'when':
      return ({ at }, { today }) => value === 'today' && at !== null && Date.parse(at) >= today;
    default:
      return (row) => searchText(row).includes(word);
  }
}

/** Whether a row fulfils all conditions. */
export function fulfils(
  row: InspectRow,
  conditions: readonly Condition[],
  around: Circumstances,
): boolean {
  return conditions.every((condition) => condition(row, around));
}
