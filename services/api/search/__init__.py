"""Titles: what a person means who types one."""
