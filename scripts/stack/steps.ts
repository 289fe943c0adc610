/** Named steps of a long command: each tells that it still goes on, and how long it took. */
export interface Steps {
  run<T>(title: string, work: () => Promise<T>): Promise<T>;
  /** All finished steps as a table, with their sum. */
  table(): string;
}

/** A step that takes longer than this says so, and again at the same interval. */
const progressEveryMs = 2_000;

/** Steps that report through `print`, a line at a time. */
export function createSteps(print: (line: string) => void): Steps {
  const done: { title: string; tookMs: number }[] = [];
  const startedAt = performance.now();
  return {
    async run(title, work) {
      const began = performance.now();
      const ticker = setInterval(
        () => print(`  … ${title}: ${seconds(performance.now() - began)}`),
        progressEveryMs,
      );
      try {
        return await work();
      } finally {
        clearInterval(ticker);
        done.push({ title, tookMs: performance.now() - began });
      }
    },
    table() {
      const rows = [...done, { title: 'in all', tookMs: performance.now() - startedAt }];
      const width = Math.max(...rows.map(({ title }) => title.length));
      return rows
        .map(({ title, tookMs }) => `  ${title.padEnd(width)}  ${seconds(tookMs).padStart(7)}`)
        .join('\n');
    },
  };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
