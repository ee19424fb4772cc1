"""What every run uses: context, lease, progress, threads, run log, and the writing of artifacts."""
