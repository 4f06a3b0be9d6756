// What the server has told a webhook, given as JSON in HEARD, is unwrapped and checked.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';

const { body, headers, secret } = JSON.parse(process.env.HEARD);
const heardAt = Number(headers['webhook-timestamp']) * 1000;
Date.now = () => heardAt; // the client refuses what is older than five minutes, and other tests took their time

test('an event is known by its signature', async () => {
  const event = await new OpenAI({ webhookSecret: secret }).webhooks.unwrap(body, headers);
  assert.match(event.type, /^(fine_tuning\.job\.(succeeded|failed|cancelled)|eval\.run\.(succeeded|failed|canceled))$/);
  assert.match(event.data.id, /^(ftjob-|evalrun_)/);
  assert.equal(event.id, headers['webhook-id']);
});

test('a changed event is refused', async () => {
  const openai = new OpenAI({ webhookSecret: secret });
  await assert.rejects(openai.webhooks.unwrap(`${body} `, headers), OpenAI.InvalidWebhookSignatureError);
});
