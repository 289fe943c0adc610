import { pino } from 'pino';

/** Bytes of lines that wait while none can be written; further lines are dropped. */
const waitingBytesMax = 1024 * 1024;

/**
 * A file descriptor as the destination of a log. What cannot be written (the disk is full) waits for the next line,
 * within bounds: a service does not end because nobody can read of it.
 */
export function logDestination(fd: number): ReturnType<typeof pino.destination> {
  const destination = pino.destination({ dest: fd, sync: true, maxLength: waitingBytesMax });
  destination.on('error', () => undefined);
  return destination;
}
