// Files, uploads, models and lists of several pages, as Node's client asks for them.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import OpenAI, { toFile } from 'openai';

const openai = new OpenAI({ maxRetries: 0 });

test('files are listed page by page, read, and deleted', async () => {
  const made = [];
  for (const name of ['a.txt', 'b.txt', 'c.txt', 'd.txt', 'e.txt'])
    made.push(await openai.files.create({ file: await toFile(Buffer.from(`of ${name}`), name), purpose: 'batch' }));
  const page = await openai.files.list({ purpose: 'batch', limit: 2, order: 'asc' });
  assert.equal(page.data.length, 2);
  assert(page.hasNextPage());
  assert.deepEqual((await page.getNextPage()).data.map(({ filename }) => filename), ['c.txt', 'd.txt']);
  const seen = [];
  for await (const file of openai.files.list({ purpose: 'batch', limit: 2 })) {
    seen.push(file.filename);
    assert.equal(await (await openai.files.content(file.id)).text(), `of ${file.filename}`);
    assert.equal((await openai.files.delete(file.id)).deleted, true); // while it is being paged through
  }
  assert.deepEqual(seen, ['e.txt', 'd.txt', 'c.txt', 'b.txt', 'a.txt']);
  await assert.rejects(openai.files.retrieve(made[0].id), OpenAI.NotFoundError);
});

test('a file may be given an end', async () => {
  const file = await openai.files.create({
    file: await toFile(Buffer.from('short-lived'), 'a.txt'),
    purpose: 'user_data',
    expires_after: { anchor: 'created_at', seconds: 3600 },
  });
  assert.equal(file.expires_at, file.created_at + 3600);
  assert.equal((await openai.files.waitForProcessing(file.id)).status, 'processed');
});

test('an upload in parts is the file', async () => {
  const rows = fs.readFileSync('training-data.jsonl');
  const upload = await openai.uploads.create({
    filename: 'parts.jsonl',
    purpose: 'fine-tune',
    bytes: rows.length,
    mime_type: 'application/jsonl',
  });
  const halves = [rows.subarray(0, 100), rows.subarray(100)];
  const parts = await Promise.all(
    halves.map(async (half) => openai.uploads.parts.create(upload.id, { data: await toFile(half, 'part') })),
  );
  const done = await openai.uploads.complete(upload.id, { part_ids: parts.map(({ id }) => id) });
  assert.equal(done.status, 'completed');
  const content = await openai.files.content(done.file.id);
  assert(Buffer.from(await content.arrayBuffer()).equals(rows));
});

test('models are listed, and found by names with a slash', async () => {
  const ids = [];
  for await (const { id } of openai.models.list()) ids.push(id);
  assert(ids.includes('gpt-4o-mini') && ids.includes('gpt-4o-mini-2024-07-18'));
  assert.equal((await openai.models.retrieve('local/tiny')).id, 'local/tiny');
  await assert.rejects(openai.models.retrieve('nobody/nothing'), OpenAI.NotFoundError);
});

test('every answer has a request id', async () => {
  const { data, response, request_id } = await openai.models.list().withResponse();
  assert.match(request_id, /^req_/);
  assert.equal(response.headers.get('x-request-id'), request_id);
  assert(data.data.length > 0);
});
