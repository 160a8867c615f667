"""The program of a child process, and the channel and page that it shares with its worker."""
