/** Named steps of a long command: each tells that it still goes on, and how long it took. */
export interface Steps {
  run<T>(title: string, work: () => Promise<T>): Promise<T>;
  /** All finished steps as a table, with their sum. */
  table(): string;
}

/** A step that takes longer than the first says so, again when it has taken twice as long, and at least as often as the second. */
const firstProgressMs = 2_000;
const progressEveryMs = 10_000;

/** Steps that report through `print`, a line at a time. */
export function createSteps(print: (line: string) => void): Steps {
  const done: { title: string; tookMs: number }[] = [];
  const startedAt = performance.now();
  return {
    async run(title, work) {
      const began = performance.now();
      let timer: NodeJS.Timeout | undefined;
      const tellIn = (ms: number) => {
        timer = setTimeout(() => {
          print(`  … ${title}: ${seconds(performance.now() - began)}`);
          tellIn(Math.min(performance.now() - began, progressEveryMs));
        }, ms);
      };
      tellIn(firstProgressMs);
      try {
        return await work();
      } finally {
        clearTimeout(timer);
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
