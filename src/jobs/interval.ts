/** Runs the work now and then at this interval. Skips a run while the previous one has not ended. Returns a function that stops it. */
export function startInterval(
  milliseconds: number,
  work: () => Promise<unknown>,
  onError: (error: unknown) => void,
): () => void {
  let isRunning = false;
  const attempt = async (): Promise<void> => {
    if (isRunning) return;
    isRunning = true;
    await work().catch(onError);
    isRunning = false;
  };
  const timer = setInterval(attempt, milliseconds).unref();
  void attempt();
  return () => clearInterval(timer);
}
