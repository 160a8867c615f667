"""Writes how attempts ended, and announces the ends that somebody waits for."""
