/** Called with every report of a run; late comers first get the latest one. */
type Listener<Report> = (report: Report) => void;

interface Run<Result, Report> {
  readonly result: Promise<Result>;
  readonly controller: AbortController;
  readonly listeners: Set<Listener<Report>>;
  latest: Report | undefined;
  waiting: number;
}

/**
 * Lets callers that want the same thing at the same time share one run of the work. The work is aborted when the
 * last of its callers has given up.
 */
export class SharedRuns<Result, Report> {
  readonly #runs = new Map<string, Run<Result, Report>>();

  /** The result of the run for `key`: one under way, or a new one made of `work`. */
  async join(
    key: string,
    work: (signal: AbortSignal, report: Listener<Report>) => Promise<Result>,
    { signal, onReport }: { signal: AbortSignal; onReport: Listener<Report> },
  ): Promise<Result> {
    signal.throwIfAborted();
    const run = this.#runs.get(key) ?? this.#start(key, work);
    run.listeners.add(onReport);
    run.waiting++;
    if (run.latest !== undefined) onReport(run.latest);
    const aborted = Promise.withResolvers<never>();
    const abort = () => aborted.reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await Promise.race([run.result, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', abort);
      run.listeners.delete(onReport);
      if (--run.waiting === 0) {
        if (this.#runs.get(key) === run) this.#runs.delete(key);
        run.controller.abort(signal.reason);
      }
    }
  }

  #start(
    key: string,
    work: (signal: AbortSignal, report: Listener<Report>) => Promise<Result>,
  ): Run<Result, Report> {
    const controller = new AbortController();
    const listeners = new Set<Listener<Report>>();
    const report = (value: Report) => {
      run.latest = value;
      for (const listener of listeners) listener(value);
    };
    const result = Promise.resolve().then(() => work(controller.signal, report));
    const run: Run<Result, Report> = { result, controller, listeners, latest: undefined, waiting: 0 };
    this.#runs.set(key, run);
    const finished = () => {
      if (this.#runs.get(key) === run) this.#runs.delete(key);
    };
    result.then(finished, finished);
    return run;
  }
}
