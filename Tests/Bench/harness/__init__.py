"""What all measurements need: programs that run meanwhile, rounds, the table of the figures."""
