// An eval is made, run against a model, read item by item, canceled and deleted, as Node's client does it.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI, { toFile } from 'openai';

const openai = new OpenAI({ maxRetries: 0 });
const order = {
  data_source_config: {
    type: 'custom',
    item_schema: { type: 'object', properties: { order: { type: 'string' } }, required: ['order'] },
    include_sample_schema: true,
  },
  testing_criteria: [
    { type: 'string_check', name: 'silent', input: '{{ sample.output_text }}', reference: '', operation: 'ne' },
    { type: 'python', name: 'code', source: 'def grade(sample, item):\n    return 1.0', pass_threshold: 0.5 },
  ],
};
const asking = {
  type: 'completions',
  model: 'gpt-4o-mini',
  input_messages: { type: 'template', template: [{ role: 'user', content: 'Extract: {{ item.order }}' }] },
  sampling_params: { temperature: 0, max_completion_tokens: 8 },
};

async function ended(run) {
  while (['queued', 'in_progress'].includes(run.status)) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    run = await openai.evals.runs.retrieve(run.id, { eval_id: run.eval_id });
  }
  return run;
}

test('an eval is run and its items are read page by page', async () => {
  const made = await openai.evals.create({ name: 'orders', ...order });
  assert.deepEqual(made.testing_criteria, order.testing_criteria);
  const rows = [...Array(5).keys()].map((number) => JSON.stringify({ item: { order: `${number} lamps` } })).join('\n');
  const file = await openai.files.create({ file: await toFile(Buffer.from(rows), 'rows.jsonl'), purpose: 'evals' });
  const data_source = { ...asking, source: { type: 'file_id', id: file.id } };
  const run = await ended(await openai.evals.runs.create(made.id, { name: 'first', data_source }));
  assert.equal(run.status, 'completed', JSON.stringify(run.error));
  assert.equal(run.result_counts.total, 5);
  assert.equal(run.result_counts.errored, 0);
  assert.equal(run.per_model_usage[0].invocation_count, 5);
  assert.deepEqual(run.data_source, data_source);
  const seen = [];
  for await (const item of openai.evals.runs.outputItems.list(run.id, { eval_id: made.id, limit: 2 })) seen.push(item);
  assert.deepEqual(seen.map((item) => item.datasource_item_id).sort(), [0, 1, 2, 3, 4]);
  const first = await openai.evals.runs.outputItems.retrieve(seen[0].id, { eval_id: made.id, run_id: run.id });
  assert.deepEqual(first, seen[0]);
  const names = [];
  for await (const each of openai.evals.list({ limit: 1 })) names.push(each.name);
  assert(names.includes('orders'));
  assert.equal((await openai.evals.update(made.id, { name: 'renamed' })).name, 'renamed');
  assert.equal((await openai.evals.runs.delete(run.id, { eval_id: made.id })).run_id, run.id);
  assert.equal((await openai.evals.delete(made.id)).eval_id, made.id);
});

test('a run is canceled', async () => {
  const made = await openai.evals.create(order);
  const content = [...Array(2000).keys()].map((number) => ({ item: { order: `${number} chairs` } }));
  const data_source = { ...asking, source: { type: 'file_content', content } };
  const run = await openai.evals.runs.create(made.id, { data_source });
  assert.equal((await openai.evals.runs.cancel(run.id, { eval_id: made.id })).status, 'canceled');
  assert.equal((await openai.evals.runs.list(made.id, { status: 'canceled' })).data[0].id, run.id);
  await assert.rejects(openai.evals.runs.cancel(run.id, { eval_id: made.id }), OpenAI.BadRequestError);
});

test('what cannot be done is said in words', async () => {
  const multi = { type: 'multi', name: 'm', graders: {}, calculate_output: '1' };
  await assert.rejects(openai.evals.create({ ...order, testing_criteria: [multi] }), OpenAI.BadRequestError);
  const made = await openai.evals.create(order);
  const data_source = { type: 'responses', source: { type: 'responses' } };
  await assert.rejects(openai.evals.runs.create(made.id, { data_source }), /no Responses API/);
  await assert.rejects(openai.evals.retrieve('eval_none'), OpenAI.NotFoundError);
});
