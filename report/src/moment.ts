// The moment that the reader looks at: the picture of memory shows it, and every plot marks it.

type Watcher = (time_ns: number) => void;

export class Moment {
  private readonly watchers: Watcher[] = [];
  private now_ns = 0;

  get time_ns(): number {
    return this.now_ns;
  }

  set time_ns(time_ns: number) {
    this.now_ns = time_ns;
    for (const watcher of this.watchers) watcher(time_ns);
  }

  watch(watcher: Watcher): void {
    this.watchers.push(watcher);
  }
}
