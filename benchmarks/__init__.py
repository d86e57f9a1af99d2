"""Figures that anyone can measure again: a module for each `make bench-...`, a peer beside us in the same run."""
