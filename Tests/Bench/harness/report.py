"""The table of the figures, and which of them miss their target."""

# A figure so bad that there is none.
NEVER = 1e9

HEAD = ["figure", "peer", "us", "ratio", "target", ""]


class Report:
    def __init__(self):
        self.rows = []
        self.missed = []

    def add(self, figure, unit, ours, peer=None, ratio=None, at_most=None, at_least=None):
        """A line of the table. A target is one for the ratio to the peer, or without a peer for the figure itself."""
        if ratio is None and peer:
            ratio = ours / peer
        judged = ours if ratio is None else ratio
        target = verdict = ""
        if at_most is not None or at_least is not None:
            is_met = judged <= at_most if at_least is None else judged >= at_least
            target = f"<= {at_most:,}" if at_least is None else f">= {at_least:,}"
            target += "" if ratio is None else "x"
            verdict = "met" if is_met else "MISSED"
            if not is_met:
                self.missed.append(figure)
        figure = f"{figure}, {unit}"
        ratio = "-" if ratio is None else f"{ratio:.2f}"
        self.rows.append([figure, number(peer), number(ours), ratio, target, verdict])
        line = f"  {figure}: {number(ours)} (peer {number(peer)}, ratio {ratio}) {target} {verdict}"
        print(line.rstrip(), flush=True)

    def print(self):
        lines = [HEAD, *self.rows]
        widths = [max(len(cell) for cell in column) for column in zip(*lines)]
        for first, *rest in lines:
            print(" | ".join([first.ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(rest, widths[1:])]))


def number(value):
    if value is None:
        return "-"
    if value >= NEVER:
        return "never"
    if value == 0:
        return "0"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"
