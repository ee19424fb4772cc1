"""What every run stands on: the lease, progress, threads, the run log, and the writing of artifacts."""
