/**
 * The child actors of a session: pills beside its states, rows below its outline, and for one of them a
 * card with its life in the place of the chart, because it has no states that could be drawn.
 */
import type { ComponentChildren } from 'preact';
import type { Cause, ChildLifetime } from '../../../src/protocol/inspect.ts';
import { visibleText } from '../../../src/visible-text.ts';
import { type ShownChild, STATUS_WORDS } from '../child-actors.ts';
import {
  actor,
  children,
  isOnline,
  position,
  selected,
  selectedRow,
  shown,
} from '../page-state.ts';
import { openActor } from '../route.ts';
import { goTo } from '../time-travel.ts';
import { ask } from '../transport.ts';
import { now } from '../ui/clock.tsx';
import { clockWords, spanWords } from '../ui/format.ts';
import { useServerQuery } from '../ui/server-query.ts';
import './actors.css';

/** Beside the pills of the states. */
export function ActorPills() {
  return children.value.map((child) => (
    <button
      key={child.id}
      type="button"
      class="pill quiet actor"
      aria-pressed={actor.value === child.id}
      data-testid="actor"
      onClick={() => openActor(actor.value === child.id ? null : child.id)}
    >
      <Words child={child} />
    </button>
  ));
}

/** As rows, large enough for a finger. */
export function ActorRows() {
  if (children.value.length === 0) return null;
  return (
    <section aria-label="Child actors">
      <p class="hint">Child actors, whose life can be looked at</p>
      {children.value.map((child) => (
        <button
          key={child.id}
          type="button"
          class="outline-state actor"
          data-testid="actor-row"
          onClick={() => openActor(child.id)}
        >
          <Words child={child} />
        </button>
      ))}
    </section>
  );
}

/** A full dot runs, a ring does not; words say the same. */
function Words({ child: { id, status } }: { child: ShownChild }) {
  return (
    <>
      <i class={status === 'running' ? 'dot' : 'dot ring'} />
      {id}
      <span class={status === 'running' ? 'visually-hidden' : 'faint'}>{STATUS_WORDS[status]}</span>
    </>
  );
}

/** The life of the child actor that is open. */
export function ActorCard({ id }: { id: string }) {
  const session = selected.value ?? '';
  const known = children.value.find((child) => child.id === id);
  const seq = position.value === null ? undefined : shown.value.record?.seq;
  // Live, only what changes its life asks again; in the past, every moment is one of its own.
  const moment = seq ?? `${known?.status} ${known?.started} ${known?.ended}`;
  const key = isOnline.value && shown.value.record ? `${session} ${id} ${moment}` : null;
  const answer = useServerQuery(key, () =>
    ask('child', { session, child: id, ...(seq !== undefined && { seq }) }),
  );
  const { result, error } = answer.value;
  const isUnknown = error?.code === 'not_found';
  return (
    <div class="pane actor-pane" data-testid="actor-card">
      <section class="card">
        <h2>
          <bdi>{visibleText(id)}</bdi>
          {(known ?? result) && <Status status={(known ?? result)?.status ?? 'running'} />}
        </h2>
        {result && !isUnknown && <Lifetime life={result} status={known?.status ?? result.status} />}
        {isUnknown && <p>No child actor of this name had started by this moment.</p>}
        {error && !isUnknown && <p class="banner warn">{error.message}</p>}
        {!result && !error && <p class="faint">Looking through the journal…</p>}
        <p>
          <button type="button" class="button" onClick={() => openActor(null)}>
            ‹ Back to <bdi>{visibleText(selectedRow.value?.name ?? session)}</bdi>
          </button>
        </p>
      </section>
    </div>
  );
}

function Status({ status }: Pick<ShownChild, 'status'>) {
  return (
    <span class="pill quiet" data-testid="actor-status">
      <i class={status === 'running' ? 'dot' : 'dot ring'} />
      {STATUS_WORDS[status]}
    </span>
  );
}

function Lifetime({ life, status }: { life: ChildLifetime; status: ShownChild['status'] }) {
  const { src, kind, started, ended, reason, forMs } = life;
  const isNow = status === 'running' && position.value === null;
  const livedMs = isNow && started ? now.value - Date.parse(started.at) : forMs;
  return (
    <>
      <p class="hint">
        It runs <span class="code">{src}</span>
        {kind === 'plain'
          ? ', which has no states of its own: there is no chart to draw.'
          : ', whose chart is not among those this page draws.'}
      </p>
      <dl>
        <Fact name="Appeared">
          {started ? <Moment cause={started} /> : 'before the oldest event that is kept'}
        </Fact>
        {ended && (
          <Fact name={status === 'stopped' ? 'Stopped' : 'Ended'}>
            <Moment cause={ended} />
          </Fact>
        )}
        {ended && (
          <Fact name="Why">{reason === null ? `by ${ended.event}` : visibleText(reason)}</Fact>
        )}
        {livedMs !== null && (
          <Fact name={ended ? 'Ran for' : 'Runs for'}>{spanWords(Math.max(0, livedMs))}</Fact>
        )}
      </dl>
    </>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Moment({ cause: { seq, event, origin, at } }: { cause: Cause }) {
  return (
    <>
      <button type="button" class="link" onClick={() => void goTo(seq)}>
        #{seq} {event}
      </button>{' '}
      from {origin} at {clockWords(at)}
    </>
  );
}
