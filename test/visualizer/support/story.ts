/** Sessions as people have them, for pictures: titles, branches, requests of every kind, a conversation with tools. */
import type { ApprovalRequest, Message } from '../../../src/protocol/nouns.ts';
import type { FakeSession } from './actors.ts';
import type { Fixture } from './fixture-server.ts';

const TITLES: readonly (readonly [title: string, project: string, branch: string])[] = [
  ['Why is staging slow since Tuesday?', 'infra', 'main'],
  ['Move order totals to integer cents', 'shop-api', 'cents-migration'],
  ['Index for the orders report', 'shop-api', 'orders-index'],
  ['Localise the widget', 'orbit-ios', 'widget-l10n'],
  ['Abrechnungslauf schlägt bei Sommerzeitumstellung fehl', 'etl', 'fix/dst-billing'],
  ['Regenerate the OpenAPI client', 'shop-web', 'chore/client'],
  ['Find the flaky checkout test', 'shop-web', 'fix/flaky-checkout'],
  ['أضف دعم الدفع عند الاستلام إلى صفحة الطلب', 'shop-web', 'feat/cash-on-delivery'],
  ['Rewrite the CSV importer as a stream', 'etl', 'stream-import'],
  ['Add rate limits per API key', 'shop-api', 'rate-limits'],
  ['Split the settings screen', 'orbit-ios', 'settings-split'],
  ['Translate the handbook to German', 'handbook', 'de'],
];

/** Plays the story in a fixture of at least twelve sessions that have done nothing yet. */
export function playStory({ sessions }: Fixture): void {
  const started = Date.now();
  const at = (minutesAgo: number): string =>
    `${new Date(started - minutesAgo * 60_000).toISOString().slice(0, -1)}000Z`;
  for (const [index, session] of sessions.entries()) {
    const [title, project, branch] = TITLES[index] ?? [];
    if (title) Object.assign(session.input.session, { custom_name: title });
    session.input.session.project_name = project ?? 'handbook';
    session.input.session.git_branch = branch ?? 'main';
    const first = session.records.length === 0;
    if (!first) continue;
    if (session.isDirect) attach(session, at(51 - index));
    begin(session, at(50 - index), 'Make it work');
    fill(session, at(50 - index), (index * 21 + 41) % 90);
    say(session, at(30 - (index % 7)), 'The totals are floats in three places; I changed them.');
  }
  const done = [2, 3, 6];
  for (const index of done) {
    send(sessions[index], { type: 'turn.completed', at: at(index), backgroundAgents: null });
  }
  send(sessions[5], {
    type: 'turn.failed',
    at: at(3),
    error: 'overloaded',
    message: failure(sessions[5], at(3)),
  });
  for (const session of sessions.slice(12, 15)) {
    send(session, { type: 'session.ended', at: at(2), reason: 'other' });
  }
  converse(sessions[1], at);
  converse(sessions[8], at);
  ask(sessions[1], at(12), {
    command: 'npm run db:migrate -- --env production --lock-timeout 30s',
    tool_name: 'Bash',
    tool_input: JSON.stringify({
      command: 'npm run db:migrate -- --env production --lock-timeout 30s',
      description: 'The dry run passed on staging; the columns must exist before the deploy.',
    }),
    proposed_amendment: ['npm', 'run', 'db:migrate'],
  });
  ask(sessions[4], at(9), {
    type: 'question',
    tool_name: 'AskUserQuestion',
    question: ZONES.question,
    questions: [ZONES, REPORTS],
  });
  ask(sessions[7], at(6), { type: 'question', tool_name: 'ExitPlanMode', question: PLAN });
  ask(sessions[10], at(4), {
    type: 'patch',
    tool_name: 'Edit',
    file_path: 'Settings/SettingsView.swift',
    diff: DIFF,
  });
  ask(sessions[0], at(1), {
    tool_name: 'mcp__grafana__query_range',
    command:
      'mcp__grafana__query_range {"query":"rate(http_request_seconds_sum[5m])","range":"7 days"}',
    tool_input: '{"query":"rate(http_request_seconds_sum[5m])","range":"7 days"}',
  });
}

const ZONES = {
  header: 'Zeitzone',
  question: 'Which time zone do bookings before 2019 belong to?',
  multi_select: false,
  options: [
    {
      label: 'Europe/Berlin',
      description: 'That is what the importer of 2017 wrote; 3 % of rows shift by one hour.',
    },
    { label: 'UTC', description: 'Matches the new ledger; last year’s reports change.' },
    { label: 'Ask me per customer', description: 'Slow: 412 customers.' },
  ],
};
const REPORTS = {
  header: 'Reports',
  question: 'Which reports should I rebuild?',
  multi_select: true,
  options: [{ label: 'Monthly totals' }, { label: 'Tax export' }, { label: 'Daily snapshots' }],
};
const PLAN = `## Cash on delivery
1. Add the method \`cod\` to the checkout form and hide it for orders abroad.
2. Fee of 3.50 € as its own line, with tax.
3. New state \`awaiting_cash\` in \`OrderState\`; the courier’s webhook closes it.

Touches **11 files**, no migration.`;
const DIFF = `--- a/Settings/SettingsView.swift
+++ b/Settings/SettingsView.swift
@@ -18,5 +18,6 @@
   var body: some View {
-    Form { accountSection; privacySection
-      billingSection; aboutSection }
+    NavigationStack {
+      List { AccountPane(); PrivacyPane() }
+    }
   }`;

function send(session: FakeSession | undefined, event: object): void {
  session?.send(event as never);
}

/** Connects a session that is steered from here. */
function attach(session: FakeSession, at: string): void {
  send(session, { type: 'link.requested', at });
  send(session, {
    ...{ type: 'link.attached', at, threadId: `thread-${session.id}` },
    capabilities: ['turn.run', 'turn.steer', 'turn.stop', 'approval.answer', 'question.answer'],
  });
}

function begin(session: FakeSession, at: string, prompt: string): void {
  send(session, { type: 'turn.started', at, promptId: null, prompt });
}

/** Its model reports how full its context is, in percent. */
function fill(session: FakeSession, at: string, percent: number): void {
  const window = 200_000;
  const usage = {
    input_tokens: (window / 100) * percent,
    output_tokens: 400,
    cached_tokens: 0,
    context_window: window,
  };
  send(session, { type: 'usage.updated', at, usage });
}

function ask(
  session: FakeSession | undefined,
  at: string,
  request: Partial<ApprovalRequest>,
): void {
  send(session, {
    type: 'approval.requested',
    at,
    tool: null,
    toolUseId: null,
    server: null,
    request: {
      id: `story-${session?.id}`,
      session_id: session?.id,
      type: 'exec',
      command: null,
      file_path: null,
      diff: null,
      question: null,
      ...request,
    },
  });
}

let count = 0;

function message(session: FakeSession | undefined, at: string, over: Partial<Message>): Message {
  count += 1;
  return {
    id: `${session?.id}-story-${count}`,
    session_id: session?.id ?? '',
    message_type: 'assistant',
    content: '',
    tool_name: null,
    tool_input: null,
    tool_output: null,
    is_error: false,
    timestamp: `${at.slice(0, 23)}Z`,
    duration_ms: null,
    ...over,
  };
}

function failure(session: FakeSession | undefined, at: string): Message {
  return message(session, at, {
    content: 'The model is overloaded (529), retried 5 times.',
    is_error: true,
  });
}

function say(session: FakeSession, at: string, content: string): void {
  send(session, { type: 'message.added', at, message: message(session, at, { content }) });
}

/** A turn with everything in it: words, Markdown, thoughts, reads, an edit, tests, a failure, a denial. */
function converse(session: FakeSession | undefined, at: (minutesAgo: number) => string): void {
  if (!session) return;
  const entries: Partial<Message>[] = [
    {
      message_type: 'user',
      content:
        'Store order totals as integer cents. Migrate the data, keep the API as it is, and prove with a test that nothing is rounded twice.',
    },
    {
      message_type: 'thinking',
      content: 'Totals are floats in three places.\nI should read the repository first.',
      duration_ms: 4200,
    },
    {
      content:
        'The totals are floats in three places. I will:\n\n- add `total_cents` and fill it in batches of 10,000,\n- read from it in `OrderRepository`, keep **`total`** in the API.\n\n```ts\nexport const cents = (total: number): bigint => BigInt(Math.round(total * 100));\n```',
    },
    {
      message_type: 'tool',
      tool_name: 'Read',
      content: 'src/orders/repository.ts',
      tool_input: '{"file_path":"src/orders/repository.ts"}',
      tool_output: 'import { db } from "./db";\n'.repeat(40),
      duration_ms: 210,
    },
    {
      message_type: 'tool',
      tool_name: 'Edit',
      content: 'src/orders/repository.ts',
      tool_input: '{"file_path":"src/orders/repository.ts"}',
      tool_output:
        '@@ -40,3 +40,4 @@\n async total(rows: Row[]) {\n-  return rows.reduce((sum, r) => sum + r.total, 0)\n+  const cents = rows.reduce((sum, r) => sum + r.total_cents, 0n)\n+  return Money.fromCents(cents)\n }',
      duration_ms: 90,
    },
    {
      message_type: 'tool',
      tool_name: 'Bash',
      content: 'npm test -- orders',
      tool_input: '{"command":"npm test -- orders"}',
      tool_output: 'Tests  214 passed (214)',
      duration_ms: 11_000,
    },
    {
      message_type: 'tool',
      tool_name: 'Bash',
      content: 'npm test -- importer',
      tool_input: '{"command":"npm test -- importer"}',
      tool_output:
        '✗ keeps a quoted newline across chunks\n  expected 2 records, got 3\n\nTests  3 failed | 55 passed (58)',
      is_error: true,
      duration_ms: 9_000,
    },
    {
      message_type: 'tool',
      tool_name: 'Bash',
      content: 'rm -rf fixtures/large',
      tool_input: '{"command":"rm -rf fixtures/large"}',
      tool_output:
        "The user doesn't want to proceed with this tool use. The tool use was rejected. To tell you how to proceed, the user said:\nKeep the fixtures, use a copy.",
      is_error: true,
    },
    { message_type: 'user', content: 'Also handle Windows line ends.' },
    {
      content:
        'The dry run on staging changed 48,211 rows in 9 s and every total is equal to the cent. The production run takes about 3 minutes and holds a lock on `orders` for less than a second per batch.',
    },
  ];
  for (const [index, entry] of entries.entries()) {
    const when = at(24 - index);
    send(session, { type: 'message.added', at: when, message: message(session, when, entry) });
  }
}
