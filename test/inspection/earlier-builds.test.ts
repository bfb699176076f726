/**
 * Databases as earlier builds wrote them, with the chart of their time: they open, each event of their journals can be
 * looked at in the states of today's chart, and their bundles replay.
 */
import { readFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { replay } from '../../src/inspection/bundle.ts';
import { isState } from '../../src/inspection/fold.ts';
import { pathsOf } from '../../src/inspection/redacted-view.ts';
import type { InspectRecord, StateValue } from '../../src/protocol/inspect.ts';
import { scriptOf } from '../support/hooks.ts';
import { type InspectionSetup, openInspection } from './setup.ts';

/** Sessions of the dumps, with the number of their events. */
const SESSIONS = {
  '54539468-4bb9-4918-8d29-ef37a3c38e38': 40,
  '6f0f9ffc-faa6-4026-b174-cccbc792ac0f': 13,
  '3b893e63-8bd5-4a09-82df-d23458e2f4fc': 5,
};
const IDS = Object.keys(SESSIONS);

/** Of sessions that their server steered: one at rest, and one whose request was open when the server was killed. */
const STEERED: ReadonlyArray<[number, Record<string, number>]> = [
  [3, { 'b284f401-eea7-47f4-b100-d1730b2fd833': 33, '6fa51296-8bd5-4e17-9b0c-1ed92d9d8344': 7 }],
  [4, { '56d307a9-b75b-4612-9d5a-188b1725bfa1': 33, 'cb621dfd-aa89-442e-80f6-57f3ab46ad45': 7 }],
];

/** A stage over a dump of a database with that version of the chart; `sql` changes it before it opens. */
function openEarlier(version: number, sql = '', name = 'chart'): Promise<InspectionSetup> {
  const dump = new URL(`../fixtures/databases/${name}-${version}.sql`, import.meta.url);
  return openInspection(({ database: path }) => {
    const database = new Database(path);
    database.exec(readFileSync(dump, 'utf8'));
    database.exec(sql);
    database.close();
  });
}

async function recordsOf({ runtime }: InspectionSetup, id: string): Promise<InspectRecord[]> {
  return (await runtime.inspection.history(id, null)).records;
}

const isOfToday = (value: StateValue) => pathsOf(value).every((path) => isState(`session.${path}`));

describe.each([3, 4])('a database with version %i of the chart', (version) => {
  it('opens, and each event of its journals can be looked at', async () => {
    const stage = await openEarlier(version);
    for (const id of IDS) {
      const records = await recordsOf(stage, id);
      expect(records.map(({ seq }) => seq)).toEqual(
        Array.from({ length: SESSIONS[id as keyof typeof SESSIONS] }, (_, at) => at + 1),
      );
      for (const { seq, value, edges, facts } of records) {
        expect(isOfToday(value)).toBe(true);
        expect(edges).not.toBeNull();
        expect(facts).not.toBeNull();
        const moment = await stage.runtime.inspection.at(id, seq);
        expect(moment.value).toEqual(value);
        expect(moment.context).toMatchObject({ session: { id } });
      }
    }
  });

  it('shows the same states in the list, the timeline and the reasons', async () => {
    const stage = await openEarlier(version);
    const { rows } = await stage.runtime.inspection.hello(['read']);
    expect(rows.map(({ id }) => id).sort()).toEqual([...IDS].sort());
    for (const { id, value } of rows) {
      const last = (await recordsOf(stage, id)).at(-1);
      expect(value).toEqual(last?.value);
      const { spans } = await stage.runtime.inspection.timeline(id);
      expect(spans.some(({ row }) => row === 'state')).toBe(true);
    }
    const state = 'session.phase.active.requests.permission';
    const asked = (await recordsOf(stage, IDS[0] as string)).find(
      ({ event }) => event.type === 'approval.requested',
    );
    const why = await stage.runtime.inspection.why(IDS[0] as string, state, asked?.seq ?? 0);
    expect(why).toMatchObject({ active: true, entered: { seq: asked?.seq } });
  });

  it('exports bundles that replay to the last event', async () => {
    const stage = await openEarlier(version);
    for (const id of IDS) {
      const { jsonl } = await stage.runtime.inspection.bundle(id);
      const { difference, events, folded, remarks } = replay(jsonl);
      expect(difference).toBeNull();
      expect([events, folded]).toEqual([SESSIONS[id as keyof typeof SESSIONS], events]);
      expect(remarks.join()).toContain(`is of version ${version} of the chart`);
    }
  });

  it('goes on with the events of today', async () => {
    const stage = await openEarlier(version);
    const [id = ''] = IDS;
    await stage.take(scriptOf(id).prompt('go on'));
    const after = (await recordsOf(stage, id)).slice(-1);
    expect(after).toMatchObject([
      { event: { type: 'turn.started' }, value: { phase: { active: { turn: 'open' } } } },
    ]);
    const seq = after[0]?.seq ?? 0;
    expect(await stage.runtime.inspection.at(id, seq)).toMatchObject({ seq });
  });
});

describe.each(STEERED)('steered sessions in version %i of the chart', (version, sessions) => {
  const ids = Object.keys(sessions);

  it('are listed without their connectors, and each event can be looked at', async () => {
    const stage = await openEarlier(version, '', 'steered');
    const { rows } = await stage.runtime.inspection.hello(['read']);
    const rests = { phase: { active: { turn: 'closed', agents: 'none', requests: 'none' } } };
    const value = { ...rests, link: 'detached' };
    expect(rows.map((row) => [row.id, row.value]).sort()).toEqual(
      ids.map((id) => [id, value]).sort(),
    );
    for (const id of ids) {
      const records = await recordsOf(stage, id);
      // Behind what was journalled then: this server has no connector for the session.
      const { length } = records;
      expect([length, records.at(-1)?.event.type]).toEqual([
        (sessions[id] ?? 0) + 1,
        'server.restarted',
      ]);
      for (const { seq, value, edges, facts } of records) {
        expect(edges).not.toBeNull();
        expect(facts).not.toBeNull();
        expect((await stage.runtime.inspection.at(id, seq)).value).toEqual(value);
      }
    }
  });

  it('show what was asked, what the client decided and that the turn was over', async () => {
    const stage = await openEarlier(version, '', 'steered');
    const records = await recordsOf(stage, ids[0] as string);
    const steps = records.map(({ event, origin, value }) => {
      const { turn, requests } = (value as { phase: { active: Record<string, string> } }).phase
        .active;
      return `${origin} ${event.type}: ${turn} ${requests} ${(value as { link: string }).link}`;
    });
    const of = (type: string) => steps.filter((step) => step.includes(` ${type}:`));
    expect(of('approval.requested')).toEqual([
      'connector approval.requested: open permission attached',
      'connector approval.requested: open question attached',
      'connector approval.requested: open permission attached',
    ]);
    expect([...of('approval.decided'), ...of('question.answered')]).toEqual([
      'client approval.decided: open none attached',
      'client approval.decided: open none attached',
      'client question.answered: open none attached',
    ]);
    expect([...of('turn.completed'), ...of('turn.aborted')]).toEqual([
      'connector turn.completed: closed none attached',
      'connector turn.completed: closed none attached',
      'connector turn.aborted: closed none attached',
    ]);
  });

  it('export bundles that replay to the last event', async () => {
    const stage = await openEarlier(version, '', 'steered');
    for (const id of ids) {
      const { difference, events, folded } = replay(
        (await stage.runtime.inspection.bundle(id)).jsonl,
      );
      expect([difference, events, folded]).toEqual([null, (sessions[id] ?? 0) + 1, events]);
    }
  });
});

it('what the server sent under its former name is shown as sent by the server', async () => {
  const stage = await openEarlier(3, `UPDATE journal SET origin = 'house' WHERE seq = 1`);
  const [first, second] = await recordsOf(stage, IDS[0] as string);
  expect([first?.origin, second?.origin]).toEqual(['server', 'hook']);
});

it('where the chart of today does other than was journalled, the state is shown and the context is not', async () => {
  const [id = ''] = IDS;
  const idle = `UPDATE journal SET value = '{"phase":"idle","link":"passive"}' WHERE session_id = '${id}' AND seq = 2`;
  const stage = await openEarlier(3, idle);
  const records = await recordsOf(stage, id);
  expect(records[1]).toMatchObject({
    value: { phase: { active: { turn: 'closed', agents: 'none', requests: 'none' } } },
    edges: null,
  });
  await expect(stage.runtime.inspection.at(id, 2)).rejects.toMatchObject({ code: 'no_snapshot' });
  const waits = records.find(({ event }) => event.type === 'approval.requested');
  expect(waits?.value).toMatchObject({ phase: { active: { requests: 'permission' } } });
});
