/** Who may do what, as it was agreed: a change of the table is a change of the golden file. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import {
  ENDPOINT_SCOPES,
  INSPECT_SCOPES,
  MESSAGE_SCOPES,
  NAMESPACE_SCOPES,
  OPERATION_SCOPES,
  SCOPE_HOLDS,
} from '../../src/protocol/scopes.ts';

const FILE = new URL('./golden/scopes.json', import.meta.url);

it('the table of scopes is the one that was agreed (else: UPDATE_DOCS=1 and look at the difference)', () => {
  const table = {
    holds: SCOPE_HOLDS,
    messages: sorted(MESSAGE_SCOPES),
    operations: sorted(OPERATION_SCOPES),
    inspect: sorted(INSPECT_SCOPES),
    namespaces: sorted(NAMESPACE_SCOPES),
    endpoints: sorted(ENDPOINT_SCOPES),
  };
  if (process.env.UPDATE_DOCS) writeFileSync(FILE, `${JSON.stringify(table, null, 2)}\n`);
  expect(JSON.parse(readFileSync(FILE, 'utf8'))).toEqual(table);
});

it('only accounts of agents and tokens of others need admin, and only looking needs less than control', () => {
  const of = (scope: string) =>
    Object.entries(MESSAGE_SCOPES).flatMap(([tag, need]) => (need === scope ? [tag] : []));
  expect(of('admin').every((tag) => /^(codex_|set_|revoke_)/.test(tag))).toBe(true);
  expect(
    of('observe').filter(
      (tag) => !/^(un)?subscribe_|^get_|^list_|^open_past_|^search$|_read$/.test(tag),
    ),
  ).toEqual([]);
  expect(of('hook').every((tag) => tag.startsWith('claude_'))).toBe(true);
});

function sorted<Table extends object>(table: Table): object {
  return Object.fromEntries(Object.entries(table).sort(([a], [b]) => (a < b ? -1 : 1)));
}
