// The last line of .ci/run: `N passed, N failed` over Vitest's reports and the static checks.
// Arguments: `passed` or `failed` for the checks, then the reports, which may be missing after a crash.
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { z } from 'zod';

const report = z.object({
  success: z.boolean(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().optional(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
    }),
  ),
});

interface Count {
  readonly passed: number;
  readonly failures: readonly string[];
}

/** What one report says; a file that failed before its first test is one failure, and so is no report. */
export function countReport(path: string): Count {
  const nothing = (why: string) => ({ passed: 0, failures: [`${basename(path)}: ${why}`] });
  if (!existsSync(path)) return nothing('Vitest ended without a report');
  const parsed = report.safeParse(JSON.parse(readFileSync(path, 'utf8')));
  if (!parsed.success) return nothing('this is no report of Vitest');
  const { testResults, success } = parsed.data;
  const tests = testResults.flatMap((file) => file.assertionResults);
  const failures = testResults.flatMap((file) => {
    const failed = file.assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName }) => fullName);
    return file.status === 'failed' && failed.length === 0
      ? [`the whole file (${file.message ?? ''})`]
      : failed;
  });
  const passed = tests.filter(({ status }) => status === 'passed').length;
  return { passed, failures: success || failures.length > 0 ? failures : ['an error outside of any test'] };
}

if (import.meta.main) {
  const [check, ...paths] = process.argv.slice(2);
  const counts = paths.map(countReport);
  const failures = [
    ...counts.flatMap((count) => count.failures),
    ...(check === 'passed' ? [] : ['npm run check']),
  ];
  const passed = counts.reduce((sum, count) => sum + count.passed, check === 'passed' ? 1 : 0);
  for (const failure of failures) console.log(`failed: ${failure}`);
  console.log(`${passed} passed, ${failures.length} failed`);
  process.exitCode = failures.length === 0 ? 0 : 1;
}
