/**
 * Sessions of the fixture server: the real chart in real actors, each event kept as a record with the
 * edges it took. In memory; the real server reads the same from its journal.
 */
import { snapshotFrom, storedForm, takeStep, workStatusOf } from '../../../machines/index.ts';
import type { SessionEvent } from '../../../machines/session-events.ts';
import { createDummy } from '../../../src/inspection/fold.ts';
import { waitingFor } from '../../../src/inspection/rows.ts';
import type { InspectRecord, InspectRow, Json, StateValue } from '../../../src/protocol/inspect.ts';
import type { Message } from '../../../src/protocol/nouns.ts';
import type { ApprovalHistoryItem } from '../../../src/protocol/reply-nouns.ts';
import { leavesOf } from '../../../visualizer/src/state-value.ts';
import { inputOf, nextEvent, randomOf } from './script.ts';

/** Records kept of a session; older ones count as cut by retention. */
const KEPT = 2_000;

export type FakeSession = ReturnType<typeof createSession>;

/** One live session; `received` is called for each record. */
export function createSession(index: number, received: (session: FakeSession) => void) {
  const input = inputOf(index);
  const id = input.session.id;
  const random = randomOf(index + 1);
  const records: InspectRecord[] = [];
  const contexts = new Map<number, { context: Json; event: SessionEvent }>();
  const messages: Message[] = [];
  /** What `list_approvals` answers; set by tests. */
  const decided: ApprovalHistoryItem[] = [];
  let seq = 0;
  const chart = createDummy(storedForm(snapshotFrom(input)));
  const session = {
    id,
    input,
    records,
    contexts,
    messages,
    decided,
    chart,
    isDirect: index % 3 === 1,
    /** Sends an event as the server would, and keeps what it did. */
    send(
      event: SessionEvent,
      origin: InspectRecord['origin'] = 'hook',
      caller?: InspectRecord['caller'],
    ): InspectRecord {
      const before = chart.snapshot;
      const move = chart.take(event);
      const { accepted } = move;
      for (const fact of accepted ? takeStep(before, event).facts : []) {
        if (fact.type === 'message_appended') messages.push(fact.message);
      }
      const value = chart.snapshot.value as StateValue;
      seq += 1;
      const changed = JSON.stringify(value) !== JSON.stringify(before.value);
      const record: InspectRecord = {
        v: 1,
        session: id,
        seq,
        at: event.at,
        origin,
        ...(caller && { caller }),
        event: { type: event.type },
        value,
        accepted,
        changed,
        edges: move.edges ?? [],
        facts: move.facts,
        children: move.children,
        revision: seq,
      };
      records.push(record);
      const context = JSON.parse(JSON.stringify(chart.snapshot.context)) as Json;
      contexts.set(seq, { context, event });
      if (records.length > KEPT) contexts.delete(records.shift()?.seq ?? 0);
      received(session);
      return record;
    },
    /** Lets the script go on by one event. */
    step(): InspectRecord {
      const paths = leavesOf(chart.snapshot.value as StateValue);
      const open = chart.snapshot.context.approvals[0]?.request.id ?? null;
      return session.send(
        nextEvent(id, seq, { paths, open }, random),
        paths.includes('link.attached') ? 'connector' : 'hook',
      );
    },
    row(): InspectRow {
      const value = chart.snapshot.value as StateValue;
      const path = leavesOf(value);
      const { approvals, turn } = chart.snapshot.context;
      const [open] = approvals;
      const tokens = chart.snapshot.context.session.token_usage;
      const last = records.at(-1);
      return {
        id,
        name: input.session.project_name ?? id,
        title: input.session.custom_name ?? null,
        project: input.session.project_name,
        branch: input.session.git_branch ?? null,
        model: input.session.model,
        provider: input.session.provider,
        steered: input.session.integration_mode === 'direct',
        started_at: input.session.started_at,
        last_message: messages.at(-1)?.content ?? null,
        waiting: open ? waitingFor(open.request, `${open.at.slice(0, 23)}Z`) : null,
        working_since: turn.id === null ? null : `${turn.startedAt.slice(0, 23)}Z`,
        context: tokens.input_tokens > 0 ? tokens.input_tokens / tokens.context_window : null,
        value,
        path,
        work_status: workStatusOf(chart.snapshot),
        link: path.find((one) => one.startsWith('link.'))?.slice(5) ?? null,
        lastEvent: last?.event.type ?? null,
        lastAccepted: last?.accepted ?? true,
        at: last?.at ?? null,
        seq,
        eventsPerSecond: 0,
        live: true,
      };
    },
  };
  return session;
}
