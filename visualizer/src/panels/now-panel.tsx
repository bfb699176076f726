/**
 * What the session does now, in words: why it waits or works, what ends that, and which source says so and how
 * old that is; where it is in its chart, what happened last, and its last hour.
 */
import type { InspectRecord, InspectRow } from '../../../src/protocol/inspect.ts';
import { visibleText } from '../../../src/visible-text.ts';
import { chartOf } from '../charts.ts';
import { agentName } from '../list-order.ts';
import { history, selectedRow, shown } from '../page-state.ts';
import { openTab } from '../route.ts';
import { headlineOf, sinceOf } from '../session-labels.ts';
import { type Phase, phaseOf, phaseOfRow } from '../state-value.ts';
import { Age } from '../ui/clock.tsx';
import { isPhone } from '../ui/small-screen.ts';
import { ActorPills } from './actors.tsx';
import { Pills } from './chart-panel.tsx';
import { Timeline } from './journal-minimap.tsx';
import { LastHour } from './last-hour.tsx';
import { JustHappened } from './newest-event.tsx';
import './now-panel.css';

/** The tab "Now". */
export function Now() {
  const row = selectedRow.value;
  if (!row) return <div class="empty">This session is not in the list.</div>;
  return (
    <div class="now-panel" data-testid="now-panel">
      <Reason row={row} />
      <States />
      <LastHour />
      <Timeline />
    </div>
  );
}

const TITLES: Record<Phase, string> = {
  attention: 'Why is it waiting?',
  working: 'What is it doing?',
  failed: 'What went wrong?',
  idle: 'What did it do last?',
  ended: 'How did it end?',
};

function Reason({ row }: { row: InspectRow }) {
  const phase = phaseOfRow(row);
  const since = sinceOf(row);
  const last = history.value.records.findLast(isSign);
  const title = TITLES[phase];
  return (
    <section class="card" aria-label={title}>
      <h3>{title}</h3>
      <p>
        <Sentence row={row} phase={phase} />
      </p>
      <dl>
        {since !== null && (
          <Fact name={phase === 'working' || phase === 'attention' ? 'Since' : 'Last activity'}>
            <Age at={since} />
          </Fact>
        )}
        {LEAVES[phase] && (
          <Fact name="Leaves when">
            {row.waiting?.type === 'question' ? ANSWERED : LEAVES[phase]}
          </Fact>
        )}
        {last && (
          <Fact name="Known from">
            {ORIGINS[last.origin] ?? last.origin}, <Age at={last.at} /> ago
          </Fact>
        )}
        {phase === 'attention' && row.agents !== undefined && (
          <Fact name="While it waits">
            {row.agents === 0 ? 'nothing else runs' : `${row.agents} subagents go on`}
          </Fact>
        )}
      </dl>
    </section>
  );
}

/** A report about the session, not a command to it: that is what is known. */
function isSign({ origin, accepted }: InspectRecord): boolean {
  return accepted && origin in ORIGINS;
}

/** Where reports come from. */
const ORIGINS: Readonly<Record<string, string>> = {
  hook: 'its own hook',
  connector: 'the direct connection',
  registry: 'its registry file',
  transcript: 'its transcript',
  telemetry: 'its telemetry',
};

const LEAVES: Record<Phase, string | null> = {
  attention: 'you approve or deny · the turn is interrupted · the session ends',
  working: 'the turn completes, fails or is interrupted',
  failed: 'you send a message · it is started again',
  idle: null,
  ended: null,
};

const ANSWERED = 'you answer · the turn is interrupted · the session ends';

function Sentence({ row, phase }: { row: InspectRow; phase: Phase }) {
  const agent = agentName(row.provider);
  const { verb, thing } = headlineOf(row);
  const words = visibleText(`${verb} ${thing}`.trim());
  if (phase === 'working') return <>{words || 'It works on the turn.'}</>;
  if (phase !== 'attention') return <>{words}</>;
  const where = row.steered ? 'here' : 'here or in its terminal, where its card says so';
  const isAsking = row.waiting?.type === 'question';
  return (
    <>
      {isAsking
        ? `${agent} asks you and goes on with your answer.`
        : `${agent} wants to do something that its rules do not allow by themselves.`}{' '}
      It stays here until someone answers {where}.
    </>
  );
}

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** The regions of the chart as columns of their states, the active ones marked; and what happened last. */
function States() {
  const states = chartOf('session')?.chart.states ?? [];
  const regions = chartOf('session')?.regions ?? [];
  const { active } = shown.value;
  const leaves = states.filter(({ id }) => !states.some(({ parent }) => parent === id));
  return (
    <section class="card" aria-label="States">
      <h3>
        States
        <button type="button" class="button" onClick={() => openTab('states')}>
          Whole chart
        </button>
      </h3>
      <p class="now-pills">
        <Pills />
        {!isPhone.value && <ActorPills />}
      </p>
      <div class="mini-regions">
        {regions.map(({ id }) => {
          const some = leaves.filter(({ parent }) => parent === id);
          if (some.length < 2) return null;
          return (
            <div key={id} class="mini-region">
              <span>{id.split('.').at(-1)}</span>
              <ul>
                {some.map((state) => (
                  <li
                    key={state.id}
                    class={active.has(state.id) ? `on phase-${phaseOf([stripped(state.id)])}` : ''}
                    aria-current={active.has(state.id) ? 'true' : undefined}
                  >
                    {state.key}
                  </li>
                ))}
              </ul>
            </div>
          );
        })}
      </div>
      <JustHappened />
    </section>
  );
}

function stripped(id: string): string {
  return id.replace('session.', '');
}
