"""Reports of runs: what a page shows is collected here, from a run's files and by looking at its clouds once more."""
