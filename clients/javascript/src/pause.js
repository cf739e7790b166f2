/** Waiting that can be called off. */

/**
 * Lets so many seconds pass; throws the signal's reason at once when it is aborted.
 *
 * @param {number} seconds
 * @param {AbortSignal} [signal]
 */
export async function pause(seconds, signal) {
  signal?.throwIfAborted();
  await new Promise((/** @type {(value?: unknown) => void} */ resume, refuse) => {
    const callOff = () => {
      clearTimeout(timer);
      refuse(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", callOff);
      resume();
    }, seconds * 1000);
    signal?.addEventListener("abort", callOff, { once: true });
  });
}
