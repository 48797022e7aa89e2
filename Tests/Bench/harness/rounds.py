"""Samples of several sides, taken in turn, so that a noisy machine is equally unfair to all of them."""

import statistics


class Rounds:
    """`sides` has a function for each name that takes a sample: a number, or a tuple with named figures."""

    def __init__(self, count, sides):
        self.samples = {name: [] for name in sides}
        for number in range(count):
            # Whoever comes first finds another machine than whoever comes last, so they change places.
            names = list(sides) if number % 2 == 0 else list(reversed(sides))
            for name in names:
                self.samples[name].append(sides[name]())

    def of(self, side, figure=None):
        samples = self.samples[side]
        return samples if figure is None else [getattr(sample, figure) for sample in samples]

    def median(self, side, figure=None):
        return statistics.median(self.of(side, figure))

    def ratio(self, side, peer, figure=None):
        """Of each round, then the median: what disturbs a round disturbs both."""
        pairs = zip(self.of(side, figure), self.of(peer, figure))
        return statistics.median(ours / theirs for ours, theirs in pairs)
