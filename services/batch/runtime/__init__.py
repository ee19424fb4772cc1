"""Shared by all runs: context, lease, progress, threads, run log, and the artifact builder."""
