// What Node's client throws, by the classes and fields that programs look at.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI, { toFile } from 'openai';

const openai = new OpenAI({ maxRetries: 0 });
const messages = [{ role: 'user', content: 'hi' }];

async function catchError(promise) {
  const error = await promise.then(() => assert.fail('nothing was thrown'), (thrown) => thrown);
  assert(error instanceof OpenAI.APIError, String(error));
  assert.match(error.requestID, /^req_/);
  return error;
}

test('a wrong key', async () => {
  const error = await catchError(new OpenAI({ apiKey: 'sk-wrong', maxRetries: 0 }).models.list());
  assert(error instanceof OpenAI.AuthenticationError);
  assert.equal(error.code, 'invalid_api_key');
  assert.equal(error.type, 'invalid_request_error');
});

test('a model that nobody knows', async () => {
  const error = await catchError(openai.chat.completions.create({ model: 'gpt-5', messages }));
  assert(error instanceof OpenAI.NotFoundError);
  assert.equal(error.code, 'model_not_found');
  assert.match(error.message, /^404 The model `gpt-5` does not exist or you do not have access to it\./);
});

test('wrong parameters are named', async () => {
  const ask = (change) => catchError(openai.chat.completions.create({ model: 'gpt-4o-mini', messages, ...change }));
  for (const [change, param, code] of [
    [{ temperature: 2.5 }, 'temperature', 'decimal_above_max_value'],
    [{ unheard_of: 1 }, 'unheard_of', 'unknown_parameter'],
    [{ messages: [] }, 'messages', 'empty_array'],
    [{ messages: undefined }, 'messages', 'missing_required_parameter'],
    [{ stream: true, n: 'two' }, 'n', 'invalid_type'],
    [{ max_tokens: 1_000_000 }, 'max_tokens', 'invalid_value'],
    [{ messages: [{ role: 'user', content: 'x'.repeat(5000) }] }, 'messages', 'context_length_exceeded'],
  ]) {
    const error = await ask(change);
    assert(error instanceof OpenAI.BadRequestError, String(error));
    assert.equal(error.status, 400);
    assert.equal(error.param, param, error.message);
    assert.equal(error.code, code, error.message);
  }
});

test('files and jobs that are not there, and states that forbid it', async () => {
  const file = await catchError(openai.files.retrieve('file-none'));
  assert.equal(file.message, '404 No such File object: file-none');
  assert.equal(file.param, 'id');
  const create = { model: 'gpt-4o-mini', training_file: 'file-none' };
  const job = await catchError(openai.fineTuning.jobs.create(create));
  assert(job instanceof OpenAI.BadRequestError);
  assert.equal(job.param, 'training_file');
  assert((await catchError(openai.fineTuning.jobs.retrieve('ftjob-none'))) instanceof OpenAI.NotFoundError);
  const image = await toFile(Buffer.from('{}'), 'rows.csv');
  const upload = await catchError(openai.files.create({ file: image, purpose: 'fine-tune' }));
  assert.match(upload.message, /Invalid file format for Fine-Tuning API. Must be .jsonl/);
});

test('a path that is none', async () => {
  const error = await catchError(openai.get('/nowhere'));
  assert.equal(error.status, 404);
  assert.equal(error.code, 'unknown_url');
});
