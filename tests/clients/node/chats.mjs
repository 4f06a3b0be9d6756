// Chats as Node's client reads them: whole, in parts, with calls and with structure.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';

const openai = new OpenAI({ maxRetries: 0 });
const asked = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }], seed: 1, max_tokens: 24 };
const LIGHT = {
  type: 'object',
  properties: { room: { enum: ['hall', 'Küche'] }, level: { enum: [0, 50, 100] } },
  required: ['room', 'level'],
  additionalProperties: false,
};
const tool = { type: 'function', function: { name: 'set_light', parameters: LIGHT, strict: true } };

function checkLight(text) {
  const light = JSON.parse(text);
  assert(['hall', 'Küche'].includes(light.room) && [0, 50, 100].includes(light.level), text);
}

test('several answers come at once, with their usage', async () => {
  const completion = await openai.chat.completions.create({ ...asked, n: 2, temperature: 1.5 });
  assert.equal(completion.object, 'chat.completion');
  assert.equal(completion.model, 'gpt-4o-mini-2024-07-18');
  assert.deepEqual(completion.choices.map(({ index }) => index), [0, 1]);
  const { prompt_tokens, completion_tokens, total_tokens } = completion.usage;
  assert.equal(prompt_tokens + completion_tokens, total_tokens);
  assert.match(completion._request_id, /^req_/);
});

test('the same seed says the same, in parts and as a whole', async () => {
  const whole = await openai.chat.completions.create(asked);
  const stream = await openai.chat.completions.create({
    ...asked,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = '';
  let last;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? '';
    last = chunk;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.deepEqual(last.choices, []);
  assert.equal(last.usage.completion_tokens, whole.usage.completion_tokens);
});

test('the stream helper puts an answer together', async () => {
  const heard = [];
  const stream = openai.chat.completions.stream(asked).on('content', (delta) => heard.push(delta));
  const completion = await stream.finalChatCompletion();
  assert.equal(heard.join(''), completion.choices[0].message.content);
  assert.equal(completion.choices[0].message.role, 'assistant');
  assert(['stop', 'length'].includes(completion.choices[0].finish_reason));
});

test('a stream that its reader leaves ends', async () => {
  const stream = await openai.chat.completions.create({ ...asked, stream: true, max_tokens: 500 });
  for await (const _ of stream) break;
  assert(stream.controller.signal.aborted);
  assert.equal((await openai.chat.completions.create(asked)).object, 'chat.completion');
});

test('a call follows the schema of its function, and its result can be sent back', async () => {
  const calling = { ...asked, tools: [tool], tool_choice: 'required', parallel_tool_calls: false, max_tokens: 200 };
  const { choices } = await openai.chat.completions.create(calling);
  assert.equal(choices[0].finish_reason, 'tool_calls');
  const [call] = choices[0].message.tool_calls;
  assert.equal(call.function.name, 'set_light');
  checkLight(call.function.arguments);
  const streamed = await openai.chat.completions.stream(calling).finalChatCompletion();
  assert.deepEqual(streamed.choices[0].message.tool_calls[0].function.arguments, call.function.arguments);
  assert.equal(streamed.choices[0].message.tool_calls.length, 1);
  const result = { role: 'tool', tool_call_id: call.id, content: 'done' };
  const next = await openai.chat.completions.create({
    ...asked,
    messages: [...asked.messages, choices[0].message, result],
    tools: [tool],
  });
  assert.equal(next.choices[0].message.role, 'assistant');
});

test('tools are run by the helper that runs them', async () => {
  const levels = [];
  const runner = openai.chat.completions.runTools({
    ...asked,
    max_tokens: 200,
    tool_choice: { type: 'function', function: { name: 'set_light' } },
    tools: [
      {
        type: 'function',
        function: {
          name: 'set_light',
          parameters: LIGHT,
          parse: JSON.parse,
          function: ({ level }) => String(levels.push(level)),
        },
      },
    ],
  });
  await runner.done();
  assert.equal(levels.length, 1);
});

test('a structure is kept to, and parsed', async () => {
  const response_format = { type: 'json_schema', json_schema: { name: 'light', schema: LIGHT, strict: true } };
  const whole = await openai.chat.completions.parse({ ...asked, response_format, max_tokens: 200 });
  checkLight(JSON.stringify(whole.choices[0].message.parsed));
  const stream = openai.chat.completions.stream({ ...asked, response_format, max_tokens: 200 });
  checkLight(await stream.finalContent());
});

test('log-probabilities are told token by token', async () => {
  const { choices } = await openai.chat.completions.create({ ...asked, logprobs: true, top_logprobs: 2, max_tokens: 3 });
  assert.equal(choices[0].logprobs.content.length, 3);
  for (const { logprob, top_logprobs } of choices[0].logprobs.content) {
    assert(logprob <= 0);
    assert.equal(top_logprobs.length, 2);
  }
});

test('what is stored is found again, changed and deleted', async () => {
  const stored = await openai.chat.completions.create({ ...asked, store: true, metadata: { kind: 'node' } });
  const found = [];
  for await (const { id } of openai.chat.completions.list({ metadata: { kind: 'node' } })) found.push(id);
  assert.deepEqual(found, [stored.id]);
  const updated = await openai.chat.completions.update(stored.id, { metadata: { kind: 'other' } });
  assert.deepEqual(updated.metadata, { kind: 'other' });
  const messages = await openai.chat.completions.messages.list(stored.id);
  assert.equal(messages.data[0].content, 'hi');
  assert.equal((await openai.chat.completions.delete(stored.id)).deleted, true);
});

test('texts become vectors', async () => {
  const input = ['a violin', 'a cello', 'a tax return'];
  const short = await openai.embeddings.create({ model: 'text-embedding-3-small', input });
  const plain = await openai.embeddings.create({ model: 'text-embedding-3-small', input, encoding_format: 'float' });
  const [violin, cello, tax] = short.data.map(({ embedding }) => embedding);
  assert.equal(violin.length, 384);
  plain.data[0].embedding.forEach((value, place) => assert(Math.abs(value - violin[place]) < 1e-6));
  const likeness = (one, other) => one.reduce((sum, value, place) => sum + value * other[place], 0);
  assert(likeness(violin, cello) > likeness(violin, tax));
});

test('a grader grades an answer', async () => {
  const grader = { type: 'string_check', name: 'same', input: '{{sample.output_text}}', reference: '{{item.answer}}' };
  const graders = openai.fineTuning.alpha.graders;
  const item = { answer: 'yes' };
  assert.equal((await graders.validate({ grader: { ...grader, operation: 'eq' } })).grader.operation, 'eq');
  for (const [operation, model_sample, reward] of [['eq', 'yes', 1], ['eq', 'Yes', 0], ['ilike', 'Oh, YES!', 1]]) {
    const graded = await graders.run({ grader: { ...grader, operation }, model_sample, item });
    assert.equal(graded.reward, reward);
    assert.equal(graded.metadata.errors.other_error, false);
  }
});
