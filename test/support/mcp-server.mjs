// A server of the Model Context Protocol over stdio with one tool, one resource and one template: what
// Codex asks of it at its start, and no more. `silent` as its argument: it never says a word.
import { createInterface } from 'node:readline';

const ANSWERS = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {}, resources: {} },
    serverInfo: { name: 'calc', version: '1.0.0' },
  }),
  'tools/list': () => ({
    tools: [
      {
        name: 'add',
        description: 'Add two numbers',
        inputSchema: { type: 'object', properties: { a: { type: 'number' } } },
      },
    ],
  }),
  'tools/call': ({ arguments: given }) => ({
    content: [{ type: 'text', text: String(given.a + given.b) }],
  }),
  'resources/list': () => ({
    resources: [{ uri: 'calc://pi', name: 'pi', mimeType: 'text/plain' }],
  }),
  'resources/templates/list': () => ({
    resourceTemplates: [{ uriTemplate: 'calc://{n}', name: 'number' }],
  }),
  ping: () => ({}),
};

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined || process.argv[2] === 'silent') return;
  const answer = ANSWERS[method];
  const body = answer
    ? { result: answer(params ?? {}) }
    : { error: { code: -32601, message: `No ${method} here` } };
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...body })}\n`);
});
