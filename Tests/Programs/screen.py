"""A full-screen program: a frame as large as the terminal, what was typed in its second line, its size in the third; ^D ends it."""

import curses


def main(screen):
    typed = ""
    while True:
        rows, columns = screen.getmaxyx()
        screen.erase()
        screen.border()
        screen.addstr(1, 2, "typed: " + typed)
        screen.addstr(2, 2, f"size: {rows}x{columns}")
        screen.addstr(rows - 2, columns - 6, "here")
        screen.refresh()
        key = screen.getch()
        if key == 4:
            return
        if key == curses.KEY_RESIZE:
            curses.update_lines_cols()
        elif key == curses.KEY_LEFT:
            typed = typed[:-1]
        else:
            typed += chr(key)


curses.wrapper(main)
