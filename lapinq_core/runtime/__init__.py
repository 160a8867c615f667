"""What a process needs to run: settings, logging, periodic loops and signals."""
