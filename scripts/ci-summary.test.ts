import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { countReport } from './ci-summary.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'protect-summary-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function count(report: unknown) {
  const path = join(folder, 'report.json');
  await writeFile(path, JSON.stringify(report));
  return countReport(path);
}

const passed = { fullName: 'works', status: 'passed' };
const failed = { fullName: 'fails', status: 'failed' };

test('tests that passed and failed are counted', async () => {
  const testResults = [{ name: 'a', status: 'failed', assertionResults: [passed, passed, failed] }];
  expect(await count({ success: false, testResults })).toEqual({ passed: 2, failures: ['fails'] });
});

test('a file that failed before its first test is one failure', async () => {
  const testResults = [{ name: 'a', status: 'failed', message: 'no such module', assertionResults: [] }];
  expect(await count({ success: false, testResults })).toEqual({
    passed: 0,
    failures: ['the whole file (no such module)'],
  });
});

test('a run that failed although every test passed is one failure', async () => {
  const testResults = [{ name: 'a', status: 'passed', assertionResults: [passed] }];
  expect(await count({ success: false, testResults })).toEqual({
    passed: 1,
    failures: ['an error outside of any test'],
  });
});

test('a report that is not there is one failure', () => {
  expect(countReport(join(folder, 'absent.json')).failures).toEqual([
    'absent.json: Vitest ended without a report',
  ]);
});
