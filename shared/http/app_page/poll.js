/** Looks again and again, as long as somebody looks. */

const RESTLESS_MS = 1500; // two tabs see each other's messages within 2 s
const IDLE_AFTER_MS = 5 * 60_000; // without a key or a movement
const IDLE_MS = 15_000;
const FAULT_MS = 5000;

let lastTouched = Date.now();
for (const kind of ["pointermove", "keydown", "scroll"]) {
  document.addEventListener(kind, () => (lastTouched = Date.now()), { passive: true, capture: true });
}

/** Runs a task until `stop` is called: every 1.5 s, less often when nobody is there, never in a hidden tab; `now` runs it at once. */
export function poll(task) {
  let [timer, isRunning, isStopped] = [0, false, false];

  async function run() {
    clearTimeout(timer);
    if (isRunning || isStopped || document.hidden) return;
    isRunning = true;
    const went = await task();
    isRunning = false;
    if (isStopped) return;
    timer = setTimeout(run, went === false ? FAULT_MS : Date.now() - lastTouched > IDLE_AFTER_MS ? IDLE_MS : RESTLESS_MS);
  }

  document.addEventListener("visibilitychange", run);
  window.addEventListener("online", run);
  timer = setTimeout(run, RESTLESS_MS);
  return {
    now: run,
    stop() {
      isStopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", run);
      window.removeEventListener("online", run);
    },
  };
}
