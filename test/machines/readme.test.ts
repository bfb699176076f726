/** machines/README.md describes the charts that run; `UPDATE_DOCS=1` writes it anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readme } from './readme.ts';

const FILE = new URL('../../machines/README.md', import.meta.url);

describe('machines/README.md', () => {
  it('is what the charts say (else: UPDATE_DOCS=1 npx vitest run ... test/machines/readme)', () => {
    const text = readme();
    if (process.env.UPDATE_DOCS) writeFileSync(FILE, text);
    expect(readFileSync(FILE, 'utf8')).toBe(text);
  });

  it("draws the README's arrows as edges of events", () => {
    const text = readme();
    for (const arrow of [
      'active --> ended : session.ended',
      'ended --> active : session.started',
      'closed --> open : turn.started',
      'open --> closed : turn.completed',
      'none --> permission : permission.pending',
      'permission --> none : requests.cleared',
    ]) {
      expect(text).toContain(`  ${arrow}`);
    }
  });

  it('says of every event what it does and where it is accepted', () => {
    const [, events = ''] = readme().split('## Events');
    const rows = events
      .split('\n')
      .filter((line) => line.startsWith('| `') && /^\| `\w+\.\w+`/.test(line));
    for (const row of rows.slice(0, 40)) expect(row).not.toMatch(/\|\s*\|/);
    expect(rows.length).toBeGreaterThanOrEqual(40);
  });
});
