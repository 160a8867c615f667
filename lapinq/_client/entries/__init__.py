"""What is enqueued: arguments as JSON, the defaults of the queue, the changes of its middleware. No I/O."""
