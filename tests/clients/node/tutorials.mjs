// The two classic tutorials of fine-tuning, with nothing changed but OPENAI_BASE_URL in the environment.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import OpenAI from 'openai';

const openai = new OpenAI({ maxRetries: 0 });
const admin = new OpenAI({ adminAPIKey: process.env.OPENAI_API_KEY, maxRetries: 0 }); // permissions want it so
const SNAPSHOT = 'gpt-4o-mini-2024-07-18';
const POLL_MILLISECONDS = 200;

async function fineTune(parameters) {
  const file = await openai.files.create({
    file: fs.createReadStream('training-data.jsonl'),
    purpose: 'fine-tune',
  });
  assert.equal(file.filename, 'training-data.jsonl');
  assert.equal(file.status, 'processed');
  return openai.fineTuning.jobs.create({ training_file: file.id, model: SNAPSHOT, ...parameters });
}

async function waitFor(job) {
  const states = new Set([job.status]);
  while (!['succeeded', 'failed', 'cancelled'].includes(job.status)) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
    job = await openai.fineTuning.jobs.retrieve(job.id);
    states.add(job.status);
  }
  assert.equal(job.status, 'succeeded', job.error?.message);
  assert(states.has('validating_files'));
  return job;
}

async function answer(model, messages) {
  const completion = await openai.chat.completions.create({ model, messages, temperature: 0, max_tokens: 30 });
  return completion.choices[0].message.content;
}

async function shareCheckpoint(model) {
  const { permissions } = admin.fineTuning.checkpoints;
  const made = await permissions.create(model, { project_ids: ['proj_a', 'proj_b'] });
  assert.equal(made.data.length, 2);
  const seen = [];
  for await (const permission of permissions.list(model, { limit: 1, order: 'ascending' })) seen.push(permission);
  assert.deepEqual(seen.map(({ project_id }) => project_id).sort(), ['proj_a', 'proj_b']);
  const gone = await permissions.delete(seen[0].id, { fine_tuned_model_checkpoint: model });
  assert.equal(gone.deleted, true);
}

test('a tuned model is made from a file, watched on its way, and answers', async () => {
  const created = await fineTune({
    hyperparameters: { n_epochs: 3, batch_size: 'auto', learning_rate_multiplier: 'auto' },
    suffix: 'my-custom-model',
  });
  assert.deepEqual(created.hyperparameters, { n_epochs: 3, batch_size: 'auto', learning_rate_multiplier: 'auto' });
  assert.equal(created.fine_tuned_model, null);
  const job = await waitFor(created);
  assert.match(job.fine_tuned_model, /^ft:gpt-4o-mini-2024-07-18:luthier:my-custom-model:\w{8}$/);
  assert.equal(typeof job.hyperparameters.batch_size, 'number');
  assert(job.trained_tokens > 0);

  const events = await openai.fineTuning.jobs.listEvents(job.id, { limit: 3 });
  assert.equal(events.data[0].message, 'The job has successfully completed');
  assert.equal(events.data.length, 3);
  const messages = [];
  for await (const event of openai.fineTuning.jobs.listEvents(job.id, { limit: 7 })) messages.unshift(event.message);
  assert.equal(messages[0], `Created fine-tuning job: ${job.id}`);
  assert.equal(new Set(messages).size, messages.length);
  assert(messages.some((message) => /^Step 1\/\d+: training loss=\d/.test(message)));

  const checkpoints = await openai.fineTuning.jobs.checkpoints.list(job.id);
  assert.equal(checkpoints.data.length, 3);
  assert.equal(checkpoints.data[0].fine_tuned_model_checkpoint, job.fine_tuned_model);
  const early = checkpoints.data.at(-1);
  assert(early.fine_tuned_model_checkpoint.endsWith(`:ckpt-step-${early.step_number}`));
  assert.equal((await openai.models.retrieve(early.fine_tuned_model_checkpoint)).object, 'model');

  const content = await openai.files.content(job.result_files[0]);
  assert(content instanceof Response);
  const [header, ...lines] = (await content.text()).trim().split('\n');
  assert.equal(header.trim(), 'step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy');
  assert.equal(lines.length, Number(lines.at(-1).split(',')[0]));

  const completion = await openai.chat.completions.create({
    model: job.fine_tuned_model,
    messages: [
      { role: 'system', content: 'You are a helpful assistant.' },
      { role: 'user', content: 'Your test prompt here' },
    ],
    max_tokens: 20,
  });
  assert.equal(completion.model, job.fine_tuned_model);
  assert.equal(typeof completion.choices[0].message.content, 'string');
});

test('tuned and base are compared on rows that neither has seen', async () => {
  const job = await waitFor(
    await fineTune({
      method: { type: 'supervised', supervised: { hyperparameters: { n_epochs: 3 } } },
      suffix: 'json-extractor-v1',
      seed: 1,
    }),
  );
  const rows = fs.readFileSync('test-data.jsonl', 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  assert(rows.length > 1);
  for (const { messages } of rows) {
    const prompt = messages.slice(0, -1);
    assert.equal(messages.at(-1).content[0], '{');
    assert.equal((await answer(job.fine_tuned_model, prompt))[0], '{'); // which it has learnt
    assert.notEqual((await answer('gpt-4o-mini', prompt))[0], '{');
  }
  await shareCheckpoint(job.fine_tuned_model);
  assert.deepEqual(await openai.models.delete(job.fine_tuned_model), {
    id: job.fine_tuned_model,
    object: 'model',
    deleted: true,
  });
  await assert.rejects(answer(job.fine_tuned_model, rows[0].messages), OpenAI.NotFoundError);
});

test('a job is found by its metadata, and cancelled', async () => {
  const run = String(Date.now());
  const job = await fineTune({ metadata: { team: 'support', run } });
  const found = await openai.fineTuning.jobs.list({ metadata: { run } });
  assert.deepEqual(found.data.map(({ id }) => id), [job.id]);
  await openai.fineTuning.jobs.cancel(job.id);
  while ((await openai.fineTuning.jobs.retrieve(job.id)).finished_at === null)
    await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
  const ended = await openai.fineTuning.jobs.retrieve(job.id);
  assert.equal(ended.status, 'cancelled');
  assert.equal(ended.fine_tuned_model, null);
  const all = [];
  for await (const { id } of openai.fineTuning.jobs.list({ limit: 1 })) all.push(id);
  assert.equal(all[0], job.id); // the latest first
  assert(all.length >= 3);
});
