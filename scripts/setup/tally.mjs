/** What a run of Vitest came to, read from its JSON report, so that nothing that went wrong is left out of the count. */

/**
 * @param {object} run
 * @param {object | undefined} run.report Vitest's JSON report; undefined where it wrote none
 * @param {number} run.code its exit code
 * @param {boolean} run.inCi whether a skipped test fails the run
 * @returns {{ counts: { passed: number, failed: number, skipped: number }, notes: string[], fine: boolean }} `notes` are lines
 *   for what the counts alone do not explain
 */
export function tally({ report, code, inCi }) {
  if (!report) {
    const notes = [`Vitest wrote no report (exit code ${code})`];
    return { counts: { passed: 0, failed: 1, skipped: 0 }, notes, fine: false };
  }
  const notes = [];
  /** Whose tests were skipped because of it, which its note says already. */
  const broken = new Set();
  const counts = {
    passed: report.numPassedTests,
    failed: report.numFailedTests,
    skipped: report.numPendingTests + report.numTodoTests,
  };
  for (const file of report.testResults) {
    // An import that throws or a hook that fails takes its tests along, and none of them counts as failed.
    if (file.status !== 'failed' || file.assertionResults.some(({ status }) => status === 'failed')) continue;
    counts.failed += 1;
    broken.add(file);
    notes.push(`${file.name} could not run: ${file.message.split('\n')[0]}`);
  }
  const total = counts.passed + counts.failed + counts.skipped;
  if (total < report.numTotalTests) {
    counts.failed += report.numTotalTests - total;
    notes.push(`${report.numTotalTests - total} tests came to no end`);
  }
  if (code !== 0 && counts.failed === 0) {
    counts.failed = 1;
    notes.push(`Vitest left with exit code ${code} although no test failed: an error outside of the tests, see above`);
  }
  if (counts.passed === 0 && counts.failed === 0) {
    counts.failed = 1;
    notes.push('not one test ran');
  }
  if (inCi && counts.skipped > 0) {
    const names = report.testResults
      .filter((file) => !broken.has(file))
      .flatMap(({ name, assertionResults }) =>
        assertionResults
          .filter(({ status }) => ['skipped', 'pending', 'todo', 'disabled'].includes(status))
          .map(({ fullName }) => `  ${name}: ${fullName}`),
      );
    notes.push(`${counts.skipped} skipped, which CI does not allow:`, ...names);
  }
  return { counts, notes, fine: counts.failed === 0 && !(inCi && counts.skipped > 0) };
}
