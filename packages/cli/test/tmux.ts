import { join } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';

/** A real terminal with a program in it. */
export interface TmuxTerminal {
  /** Types text as it is. */
  type(text: string): Promise<void>;
  /** Presses keys by tmux' names, such as `Enter` or `C-c`. */
  press(...keys: readonly string[]): Promise<void>;
  resize(columns: number, rows: number): Promise<void>;
  /** What is on the screen, without blanks at the ends of lines. */
  screen(): Promise<string>;
  /** A format of tmux, such as `#{cursor_flag}`. */
  tell(format: string): Promise<string>;
  /** Waits until the screen has the text, and gives that screen. */
  shows(text: string | RegExp): Promise<string>;
  close(): Promise<void>;
}

/** Starts `command` in a terminal of its own; the server's socket is in `folder`. */
export async function openTerminal(
  folder: string,
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  size: { readonly columns: number; readonly rows: number },
): Promise<TmuxTerminal> {
  const tmux = async (...args: readonly string[]) => {
    const result = await execa('tmux', ['-S', join(folder, 'tmux'), '-f', '/dev/null', '-u', ...args], {
      timeout: 10_000,
      env: { TMUX: '', LC_ALL: 'C.UTF-8' },
    });
    return result.stdout;
  };
  const variables = Object.entries(env).flatMap(([key, value]) => ['-e', `${key}=${value}`]);
  const sizes = ['-x', String(size.columns), '-y', String(size.rows)];
  await tmux('new-session', '-d', ...sizes, ...variables, '--', ...command);
  const screen = () => tmux('capture-pane', '-p');
  return {
    type: async (text) => {
      await tmux('send-keys', '-l', '--', text);
    },
    press: async (...keys) => {
      await tmux('send-keys', '--', ...keys);
    },
    resize: async (columns, rows) => {
      await tmux('resize-window', '-x', String(columns), '-y', String(rows));
    },
    screen,
    tell: (format) => tmux('display-message', '-p', format),
    shows: async (text) => {
      let seen = '';
      const look = async () => {
        seen = await screen();
        return seen;
      };
      await expect.poll(look, { timeout: 20_000 }).toMatch(text);
      return seen;
    },
    close: async () => {
      await tmux('kill-server');
    },
  };
}
