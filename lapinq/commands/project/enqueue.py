"""Enqueues a task and waits for its result: python enqueue.py Ada"""

import sys

from tasks import greet

if __name__ == "__main__":
    ref = greet.queue(sys.argv[1] if len(sys.argv) > 1 else "world")
    print(ref.result())
