/**
 * Names the tests that passed only when they were tried again, at the end where nobody overlooks them: each is a wait
 * that is too short or a fault that shows now and then, and is to be looked into.
 */
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Prints to stdout once a run is over; prints nothing when every test passed or failed at its first try. */
export class SecondTries implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const late = modules.flatMap((module) => [...module.children.allTests()].filter(isLate));
    for (const { module, fullName } of late) {
      console.log(`PASSED ONLY WHEN TRIED AGAIN: ${module.moduleId} > ${fullName}`);
    }
  }
}

function isLate(test: TestCase): boolean {
  return test.diagnostic()?.flaky === true;
}
